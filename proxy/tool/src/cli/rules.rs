//! `outrigger rules`: prints the rules that lead a pod's connections to the proxy, or puts them
//! into the kernel, without any other program.

use clap::ValueEnum;

use super::{Stop, say};
use crate::rules::{
    Cidr, RuleSettings, Rules,
    kernel::{self, Standing},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The form in which the rules are printed.
    #[arg(long, value_enum, default_value_t = Form::Nft, conflicts_with_all = ["install", "remove", "check"])]
    format: Form,
    /// Installs the rules in this network namespace, in the place of former ones. Needs NET_ADMIN.
    #[arg(long, group = "act")]
    install: bool,
    /// Removes them. Needs NET_ADMIN.
    #[arg(long, group = "act")]
    remove: bool,
    /// Tells whether exactly these rules stand; exit code 1 if not. Needs NET_ADMIN.
    #[arg(long, group = "act")]
    check: bool,
    /// The proxy's user: its own connections go straight out.
    #[arg(long, value_name = "UID", default_value_t = 13370)]
    uid: u32,
    /// Another user whose connections are left alone (repeatable).
    #[arg(long = "exclude-uid", value_name = "UID")]
    exclude_uids: Vec<u32>,
    /// A destination port: TCP to it goes to the proxy, UDP to it is refused (repeatable).
    #[arg(long = "port", value_name = "PORT", default_values_t = [443])]
    ports: Vec<u16>,
    /// Port of the proxy on 127.0.0.1 that takes redirected IPv4.
    #[arg(long, value_name = "PORT", default_value_t = 15001)]
    to: u16,
    /// Port of the proxy on ::1 that takes redirected IPv6.
    #[arg(long, value_name = "PORT", default_value_t = 15006)]
    to6: u16,
    /// A network that is left alone, 10.0.0.0/8 or fd00::/8 say (repeatable).
    #[arg(long = "exclude-cidr", value_name = "CIDR")]
    exclude_cidrs: Vec<Cidr>,
}

/// Format of the printed rules.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// `nft -f -`
    Nft,
    /// `iptables-restore` and `ip6tables-restore`, each of which takes its own family's lines.
    Iptables,
}

pub(super) fn rules(arguments: &Arguments) -> Result<(), Stop> {
    let rules = Rules::new(&RuleSettings {
        uid: arguments.uid,
        exclude_uids: arguments.exclude_uids.clone(),
        ports: arguments.ports.clone(),
        to: arguments.to,
        to6: arguments.to6,
        exclude_cidrs: arguments.exclude_cidrs.clone(),
    })
    .map_err(|mistake| Stop::Mistake(format!("rules: {mistake}")))?;
    let machine = |why: kernel::Refused| Stop::Machine(format!("rules: {why}"));
    if arguments.install {
        kernel::install(&rules).map_err(machine)?;
        say(&format!("rules stand: {}\n", rules.summary()))
    } else if arguments.remove {
        kernel::remove().map_err(machine)?;
        say("rules removed: nothing is led to the proxy any more\n")
    } else if arguments.check {
        match kernel::standing(&rules).map_err(machine)? {
            Standing::Same => say(&format!("rules stand: {}\n", rules.summary())),
            other => Err(Stop::Machine(format!(
                "rules don't stand: {other}; `outrigger rules --install` puts them there"
            ))),
        }
    } else {
        say(&match arguments.format {
            Form::Nft => rules.nft(),
            Form::Iptables => rules.iptables(),
        })
    }
}
