//! The `outrigger` binary: an allocator and the command line.

use std::process::ExitCode;

/// A third of the CPU per request of the system's allocator on this path.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    outrigger::cli::main()
}
