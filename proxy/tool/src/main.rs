//! The `outrigger-tool` binary: what an operator or a policy's author does around the sidecar, and
//! what the sidecar has done for it.
//!
//! `outrigger CMD` starts it for every command that is not the sidecar's own. Heavy libraries are
//! welcome here: nothing of this runs while an app is served, but for the compiling child.

use std::process::ExitCode;

pub mod cli;
pub mod inject;
pub mod pull;
pub mod rules;
mod trial;

/// Compiling a policy is mostly allocation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
