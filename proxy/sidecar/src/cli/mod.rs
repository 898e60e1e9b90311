//! The command line: what can be asked of the binary, and how it ends.
//!
//! A file per subcommand. Whatever goes wrong before traffic flows is one sentence on standard error (or one per problem of a
//! file) and an exit code, never a backtrace: 2 where a person must change what they wrote, 1 where the machine is in the way.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use crate::{config::Problems, telemetry::log};

mod ca;
mod check;
mod facts;
mod inject;
mod lend;
mod policy;
mod pull;
mod rules;
mod run;
mod uninject;
mod webhook;

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
    /// Makes the pod's CA, or tells where it is and what an app needs to trust it.
    Ca(ca::Arguments),
    /// Prints or installs the rules that lead a pod's connections to the proxy.
    Rules(rules::Arguments),
    /// Makes, builds, tests, inspects and signs policies.
    #[command(subcommand)]
    Policy(policy::Task),
    /// Brings policies from an OCI registry into a directory, and keeps them up to date.
    Pull(pull::Arguments),
    /// Adds the sidecar to the pods of a Kubernetes manifest.
    Inject(inject::Arguments),
    /// Takes away what `inject` added.
    Uninject(uninject::Arguments),
    /// Adds the sidecar to pods as a cluster makes them: a mutating admission webhook.
    Webhook(webhook::Arguments),
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
        Command::Ca(arguments) => ca::ca(&arguments),
        Command::Policy(command) => policy::run(&command),
        Command::Rules(arguments) => rules::rules(&arguments),
        Command::Pull(arguments) => pull::pull(&arguments),
        Command::Inject(arguments) => inject::inject(&arguments),
        Command::Uninject(arguments) => uninject::uninject(&arguments),
        Command::Webhook(arguments) => webhook::webhook(&arguments),
        Command::CompilePolicy => {
            crate::harden::child();
            return crate::sandbox::compile_child();
        }
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
            "outrigger run --config a.yaml --base-url 127.0.0.1:4141 --forward-proxy 127.0.0.1:4142 --transparent 127.0.0.1:15001 \
             --transparent [::1]:15006 --admin 0.0.0.0:4190 --drain 20s --ca /var/lib/outrigger/ca --ca-bundle /var/run/outrigger/ca",
            "outrigger check --config a.yaml",
            "outrigger check --schema",
            "outrigger ca --config a.yaml",
            "outrigger ca --host a.com --host b.com --directory d --bundle b --env",
            "outrigger policy new my-policy",
            "outrigger policy new my-policy --sdk ../plugin-sdk",
            "outrigger policy build",
            "outrigger policy build plugins/pii-redact",
            "outrigger policy test X.wasm X.cases.yaml",
            "outrigger policy inspect X.wasm",
            "outrigger rules --format iptables --port 443 --port 8443 --exclude-uid 999 --exclude-cidr fd00::/8",
            "outrigger rules --install --uid 13370 --to 15001 --to6 15006",
            "outrigger rules --remove",
            "outrigger rules --check",
            "outrigger policy keygen --out team",
            "outrigger policy sign X.wasm --key team.key",
            "outrigger policy verify X.wasm --key team.pub --key other.pub",
            "outrigger pull oci://registry.example/team/policies:stable --into /etc/outrigger/policies --every 60s",
            "outrigger compile-policy",
            "outrigger inject",
            "outrigger inject -f a.yaml --mode base-url --image a:1 --config c --policies p --secret s --plain-container --upgrade",
            "outrigger uninject -f -",
            "outrigger webhook --listen 0.0.0.0:8443 --cert tls.crt --key tls.key --config-defaults d.yaml --mode base-url --linger 1",
        ] {
            assert!(
                Arguments::try_parse_from(line.split_whitespace()).is_ok(),
                "{line}"
            );
        }
        for line in [
            "check",
            "ca",
            "ca --config a --host b",
            "ca --host b --env --print",
            "rules --install --remove",
            "rules --check --format iptables",
            "rules --exclude-cidr 10.1.2.3/8",
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
