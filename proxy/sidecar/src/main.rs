//! The `outrigger` binary: an allocator and the command line.

use std::process::ExitCode;

use outrigger::allocator::Allocator;

/// A third of the CPU per request of the system's allocator on this path.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    outrigger::cli::main()
}
