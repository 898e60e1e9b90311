//! The command line of the tools. A file per subcommand; how a command ends is as in
//! [`outrigger::cli`].

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};
use outrigger::{
    cli::{Stop, environment, finish, say},
    config::{Log, LogLevel},
    telemetry::log,
};
use sandbox::Compiler;
use tokio::signal::unix::{SignalKind, signal};

mod ca;
mod inject;
mod policy;
mod pull;
mod rules;
mod trial;
mod uninject;
mod webhook;

/// Tools around the sidecar: policies, injection, rules, certificates.
///
/// `outrigger CMD` starts them, too.
#[derive(Debug, Parser)]
#[command(
    name = "outrigger-tool",
    version,
    about,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    /// Runs one request, and a reply, through the configured chain offline, and shows what each policy
    /// decides and changes.
    Try(trial::Arguments),
    /// Compiles one policy from standard input; what `run` and `check` start for each that is not
    /// in the cache.
    Compile,
}

/// Does what the process's arguments ask for.
pub fn main() -> ExitCode {
    finish(match Arguments::parse().command {
        Command::Ca(arguments) => ca::ca(&arguments),
        Command::Policy(command) => policy::run(&command),
        Command::Rules(arguments) => rules::rules(&arguments),
        Command::Pull(arguments) => pull::pull(&arguments),
        Command::Inject(arguments) => inject::inject(&arguments),
        Command::Uninject(arguments) => uninject::uninject(&arguments),
        Command::Webhook(arguments) => webhook::webhook(&arguments),
        Command::Try(arguments) => return trial::attempt(&arguments),
        Command::Compile => {
            outrigger::harden::child();
            return sandbox::compile_child();
        }
    })
}

/// Starts the log of a command that goes on.
fn start_log() -> io::Result<()> {
    let settings = Log {
        format: None,
        level: LogLevel::Info,
    };
    log::start(settings, false)
}

/// Listens for SIGTERM and SIGINT from now on; completes at the first, with its name.
fn shutdown() -> io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// Returns the compiler of this program's commands: another process of it, so that what ends the
/// compiler is a sentence and no end of the command.
pub(crate) fn compiler() -> Compiler {
    std::env::current_exe().map_or(Compiler::InProcess, Compiler::Child)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use outrigger::tool::COMMANDS;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_sidecar_lists_every_command_with_the_line_that_it_has_here() {
        let own: Vec<(String, String)> = Arguments::command()
            .get_subcommands()
            .map(|command| {
                let about = command.get_about().map(ToString::to_string);
                (command.get_name().to_owned(), about.unwrap_or_default())
            })
            .collect();
        let listed = COMMANDS.map(|(name, about)| (name.to_owned(), about.to_owned()));
        assert_eq!(own, listed);
    }

    #[test]
    fn the_documented_forms_are_read() {
        for line in [
            "ca --config a.yaml",
            "ca --host a.com --host b.com --directory d --bundle b --env",
            "policy new my-policy",
            "policy new my-policy --sdk ../plugin-sdk",
            "policy new a-policy another-policy",
            "policy build",
            "policy build plugins/pii-redact",
            "policy build --target-dir target",
            "policy dev",
            "policy dev my-policy --cases c.yaml --into /etc/outrigger/policies --target-dir target",
            "policy test X.wasm X.cases.yaml",
            "policy test X.wasm X.cases.yaml --watch",
            "policy test X.wasm",
            "policy test --schema",
            "policy inspect X.wasm",
            "rules --format iptables --port 443 --port 8443 --exclude-uid 999 --exclude-cidr fd00::/8",
            "rules",
            "rules --install --uid 13370 --to 15001 --to6 15006",
            "rules --remove",
            "rules --check",
            "policy precompile --into functions X.wasm Y.wasm",
            "policy keygen --out team",
            "policy sign X.wasm --key team.key",
            "policy verify X.wasm --key team.pub --key other.pub",
            "pull oci://registry.example/team/policies:stable --into /etc/outrigger/policies --every 60s",
            "compile",
            "try --config a.yaml request.json",
            "try --config a.yaml request.json --reply r.sse --status 429 --path /v1/messages --header x-team:a",
            "inject",
            "inject -f a.yaml --mode base-url --image a:1 --config c --policies p --secret s --plain-container --upgrade",
            "inject --only Deployment --only Pod/web-* --skip Job/* --keep-going",
            "uninject -f -",
            "webhook --listen 0.0.0.0:8443 --cert tls.crt --key tls.key --config-defaults d.yaml --mode base-url --linger 1",
        ] {
            assert!(is_read(line), "{line}");
        }
        for line in [
            "ca",
            "ca --config a --host b",
            "ca --host b --env --print",
            "try request.json",
            "try --config a.yaml",
            "try --config a.yaml request.json --status 429",
            "try --config a.yaml request.json --path /v1/messages --dialect anthropic.messages",
            "policy precompile --into functions",
            "policy precompile X.wasm",
            "policy new",
            "policy test",
            "policy test --schema --watch",
            "policy test --schema X.wasm",
            "rules --install --remove",
            "rules --check --format iptables",
            "rules --exclude-cidr 10.1.2.3/8",
            "rules --to 70000",
            "rules --format pf",
            "inject --only",
            "inject --skip /web",
        ] {
            assert!(!is_read(line), "{line}");
        }
    }

    fn is_read(line: &str) -> bool {
        let words = format!("outrigger {line}");
        Arguments::try_parse_from(words.split(' ')).is_ok()
    }
}
