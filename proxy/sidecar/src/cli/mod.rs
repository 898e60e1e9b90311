//! The command line: the commands of the binary, and how it ends.
//!
//! A file per subcommand; what is no command here is one of `outrigger-tool` ([`crate::tool`]),
//! which ends in the same way. Whatever goes wrong before traffic flows is one sentence on standard
//! error (or one per problem of a file) and an exit code, never a backtrace: 2 where a person must
//! change what they wrote, 1 where the machine is in the way, 3 where a part was left undone on
//! request.

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};

use sandbox::{Compiler, Host, Loader, Options};

use crate::{
    ca::CaError,
    config::{Config, Problems},
    telemetry::log,
    tool,
};

mod check;
mod explain;
mod facts;
mod models;
mod run;
mod targets;

/// A sidecar that lets sandboxed policies read, route, rewrite and refuse LLM calls, live streams
/// included.
#[derive(Debug, Parser)]
#[command(name = "outrigger", version, about, disable_help_subcommand = true, after_help = others())]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a configuration until SIGTERM or SIGINT.
    Run(run::Arguments),
    /// Tells whether a configuration is right, explains an alias of it, or prints the JSON Schema.
    Check(check::Arguments),
    #[command(external_subcommand)]
    Tool(Vec<OsString>),
}

/// The tool's commands, as `--help` lists them below this program's own.
fn others() -> String {
    let lines = tool::COMMANDS.map(|(name, about)| format!("\n  {name:<8}  {about}"));
    format!("Commands of {}:{}", tool::NAME, lines.concat())
}

/// The reason why the process ends early.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The configuration is wrong.
    #[error(transparent)]
    Configuration(#[from] Problems),
    /// An argument or a policy is wrong: a sentence.
    #[error("{0}")]
    Mistake(String),
    /// The machine is in the way: a sentence.
    #[error("{0}")]
    Machine(String),
    /// The rest is done, and these sentences name what is not.
    #[error("{0}")]
    Partial(String),
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) | Self::Mistake(_) => 2,
            Self::Machine(_) => 1,
            Self::Partial(_) => 3,
        }
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Machine(error.to_string())
    }
}

impl From<CaError> for Stop {
    /// Divides what was written wrong from what the machine lacks.
    fn from(error: CaError) -> Self {
        match error {
            CaError::NoHosts
            | CaError::Host { .. }
            | CaError::OneDirectory { .. }
            | CaError::Roots { .. } => Self::Mistake(error.to_string()),
            error => Self::Machine(error.to_string()),
        }
    }
}

/// Does what the process's arguments ask for.
pub fn main() -> ExitCode {
    finish(match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Tool(arguments) => Err(Stop::Machine(tool::become_it(&arguments))),
    })
}

/// Writes the last lines of the log, and why the process ends early where it does; the code is for
/// the shell.
pub fn finish(result: Result<(), Stop>) -> ExitCode {
    log::flush(Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            complain(&stop);
            ExitCode::from(stop.code())
        }
    }
}

/// Writes to standard error, for the person at the terminal or whoever reads the pod's log.
fn complain(stop: &Stop) {
    let mut out = std::io::stderr();
    let words = match stop {
        // Lines of the file are for a person, and for no log.
        Stop::Configuration(problems) if out.is_terminal() => problems.with_lines(),
        stop => stop.to_string(),
    };
    // A closed standard error is nobody who could read it.
    let _ = writeln!(out, "outrigger: {words}");
}

/// Writes an answer to standard output.
///
/// # Errors
/// It is closed, or full.
pub fn say(text: &str) -> Result<(), Stop> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// The process's environment, as the configuration asks for it. A variable that is not UTF-8 counts
/// as absent.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Makes the loader of the chain's policies, which keeps compiled code in `cache` and lends
/// policies what is in `host`.
fn loader(config: &Config, cache: Option<PathBuf>, host: Host) -> Result<Loader, Stop> {
    let options = Options {
        memory: config.policies.memory,
        ..Options::default()
    };
    Loader::new(options, cache, Compiler::Child(tool::path()), host)
        .map(|loader| loader.functions_from(tool::functions()))
        .map_err(|why| Stop::Machine(why.to_string()))
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
            "outrigger run --config a.yaml --base-url 127.0.0.1:4141 --forward-proxy 127.0.0.1:4142 --transparent 127.0.0.1:15001 \
             --transparent [::1]:15006 --admin 0.0.0.0:4190 --drain 20s --ca /var/lib/outrigger/ca --ca-bundle /var/run/outrigger/ca",
            "outrigger check --config a.yaml",
            "outrigger check --schema",
            "outrigger check --config a.yaml --explain fast",
        ] {
            assert!(
                Arguments::try_parse_from(line.split_whitespace()).is_ok(),
                "{line}"
            );
        }
        for line in [
            "check",
            "check --explain fast",
            "run --config a.yaml --forward-proxy 4142",
            "run --config a.yaml --transparent localhost:1",
            "run --config a.yaml --drain 20",
        ] {
            let words = format!("outrigger {line}");
            assert!(
                Arguments::try_parse_from(words.split(' ')).is_err(),
                "{line}"
            );
        }
    }
}
