//! `outrigger check`: the same reading and checking as `run`, without serving.

use std::path::{Path, PathBuf};

use super::{Stop, environment, explain::explain, loader, models::models, say};
use crate::{
    config::{Config, Use, file},
    reload::{self, Scan, admit::admitted, assemble::Assembler},
    signing::Seen,
};
use sandbox::{Host, Version};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration to check.
    #[arg(long, value_name = "FILE", required_unless_present = "schema")]
    config: Option<PathBuf>,
    /// Prints the configuration's JSON Schema instead.
    #[arg(long, conflicts_with = "config")]
    schema: bool,
    /// Prints the order in which the targets of an alias would be tried, and why, instead.
    #[arg(long, value_name = "MODEL", conflicts_with = "schema")]
    explain: Option<String>,
    /// Prints what the targets of aliases take, and who says so, instead; or what other models do,
    /// by a name or a pattern with `*`.
    #[arg(
        long,
        value_name = "MODEL",
        num_args = 0..=1,
        default_missing_value = "",
        conflicts_with_all = ["schema", "explain"]
    )]
    models: Option<String>,
}

pub(super) fn check(arguments: &Arguments) -> Result<(), Stop> {
    let Some(path) = arguments.config.as_ref().filter(|_| !arguments.schema) else {
        return say(&(file::schema() + "\n"));
    };
    let config = Config::load(path, &environment)?;
    if let Some(model) = &arguments.explain {
        return say(&explain(&config, model)?);
    }
    if let Some(wanted) = &arguments.models {
        return say(&models(&config, wanted)?);
    }
    let signed = vouched(path, &config)?;
    load(path, &config)?;
    say(&format!(
        "{}: right; {}, {}, {}{signed}; policies of contract {} load\n",
        path.display(),
        count(config.upstreams.len(), "upstream", "upstreams"),
        count(config.models.len(), "alias", "aliases"),
        count(config.policies.chain.len(), "policy", "policies"),
        Version::ALL.map(Version::line).join(" and "),
    ))
}

/// Judges the signatures and pins of the chain's files as `run` would at start; a file that is not
/// there is found where the chain is loaded.
fn vouched(file: &Path, config: &Config) -> Result<String, Stop> {
    let policies = &config.policies;
    let judged = |wanted: &&Use| {
        !policies.trust.signers.is_empty() || policies.trust.require || wanted.sha256.is_some()
    };
    if !policies.chain.iter().any(|wanted| judged(&wanted)) {
        return Ok(String::new());
    }
    let scan = Scan::take(&reload::paths(file, config), &Scan::default())?;
    let seen = Seen::open(&policies.cache);
    let (mut refused, mut signed) = (Vec::new(), 0);
    for wanted in policies.chain.iter().filter(judged) {
        let Some(found) = scan.policies.get(&wanted.name) else {
            continue;
        };
        let outcome = match &found.content {
            Ok(hash) => {
                admitted(&policies.trust, &seen, wanted, found, hash).map_err(|why| why.to_string())
            }
            Err(why) => Err(why.clone()),
        };
        match outcome {
            Ok(verified) => signed += usize::from(verified.is_some()),
            Err(why) => refused.push(format!("policy `{}`: {why}", wanted.name)),
        }
    }
    match refused.is_empty() {
        true => Ok(format!(", {signed} of them signed")),
        false => Err(Stop::Mistake(refused.join("\noutrigger: "))),
    }
}

/// Loads and configures the chain as `run` would at start, so that a policy that is not there,
/// lacks a grant or can't read its configuration is found here. What has served is not noted:
/// nothing serves.
fn load(file: &Path, config: &Config) -> Result<(), Stop> {
    if config.policies.chain.is_empty() {
        return Ok(());
    }
    let scan = Scan::take(&reload::paths(file, config), &Scan::default())?;
    let mut config = config.clone();
    config.policies.trust.rollback_guard = false;
    // Compiled code is kept where `run` would keep it, or nowhere where that directory is not this
    // user's.
    let loader = loader(&config, Some(config.policies.cache.clone()), Host::none())
        .or_else(|_| loader(&config, None, Host::none()))?;
    Assembler::new(loader)
        .remembering(Seen::open(&config.policies.cache))
        .assemble(config, &scan.policies)
        .map(drop)
        .map_err(|sentences| Stop::Mistake(sentences.join("\noutrigger: ")))
}

pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
