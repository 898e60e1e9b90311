//! The command line: what can be asked of the binary, and how it ends.
//!
//! A file per subcommand. Whatever goes wrong before traffic flows is one sentence on standard error (or one per problem of a
//! file) and an exit code, never a backtrace: 2 where a person must change what they wrote, 1 where the machine is in the way.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use crate::{config::Problems, telemetry::log};

mod check;
mod facts;
mod lend;
mod policy;
mod run;

/// A sidecar that lets sandboxed policies read, route, rewrite and refuse LLM calls, live streams included.
#[derive(Debug, Parser)]
#[command(name = "outrigger", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a configuration until SIGTERM or SIGINT.
    Run(run::Arguments),
    /// Tells whether a configuration is right, or prints its JSON Schema.
    Check(check::Arguments),
    /// Makes, builds, tests and inspects policies.
    #[command(subcommand)]
    Policy(policy::Task),
    /// Compiles one policy from standard input; what `run` starts at a lower priority.
    #[command(hide = true)]
    CompilePolicy,
}

/// Why the process ends early.
#[derive(Debug)]
pub enum Stop {
    /// The configuration is wrong.
    Configuration(Problems),
    /// An argument or a policy is wrong: a sentence.
    Mistake(String),
    /// The machine is in the way: a sentence.
    Machine(String),
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) | Self::Mistake(_) => 2,
            Self::Machine(_) => 1,
        }
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Configuration(problems) => problems.fmt(f),
            Self::Mistake(sentence) | Self::Machine(sentence) => f.write_str(sentence),
        }
    }
}

impl From<Problems> for Stop {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Machine(error.to_string())
    }
}

/// Does what the process's arguments ask for.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Policy(command) => policy::run(&command),
        Command::CompilePolicy => return crate::sandbox::compile_child(),
    };
    log::flush(Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            complain(&stop);
            ExitCode::from(stop.code())
        }
    }
}

/// Tells the person at the terminal, or whoever reads the pod's log.
fn complain(stop: &Stop) {
    // A closed standard error is nobody who could be told.
    let _ = writeln!(std::io::stderr(), "outrigger: {stop}");
}

/// Writes an answer to standard output.
fn say(text: &str) -> Result<(), Stop> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// The process's environment, as the configuration asks for it. A variable that is not UTF-8 counts as absent.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_without_a_configuration_says_what_is_missing() {
        let said = Arguments::try_parse_from(["outrigger", "run"]).unwrap_err();
        assert_eq!(said.exit_code(), 2);
        assert!(said.to_string().contains("--config <FILE>"), "{said}");
    }

    #[test]
    fn the_documented_forms_are_read() {
        for line in [
            "outrigger run --config a.yaml",
            "outrigger check --config a.yaml",
            "outrigger check --schema",
            "outrigger policy new my-policy",
            "outrigger policy new my-policy --sdk ../plugin-sdk",
            "outrigger policy build",
            "outrigger policy build plugins/pii-redact",
            "outrigger policy test X.wasm X.cases.yaml",
            "outrigger policy inspect X.wasm",
            "outrigger compile-policy",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        assert!(Arguments::try_parse_from(["outrigger", "check"]).is_err());
    }
}
