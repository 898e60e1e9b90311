//! `outrigger check`: the same reading and checking as `run`, without serving; then what looks
//! wrong, and what could not be checked.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{Stop, environment, explain::explain, loader, models::models, say};
use crate::{
    config::{Config, Kind, Problem, Problems, Use, file, near::near, warnings},
    reload::{self, Scan, admit::admitted, assemble::Assembler},
    signing::Seen,
};
use sandbox::{Host, Version};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 right, be it with warnings; 2 wrong; 1 the machine is in the way."
)]
pub(super) struct Arguments {
    /// The configuration to check.
    #[arg(long, value_name = "FILE", required_unless_present = "schema")]
    config: Option<PathBuf>,
    /// Prints the configuration's JSON Schema instead.
    #[arg(long, conflicts_with = "config")]
    schema: bool,
    /// Checks on another machine than the configuration is for: variables, secrets' files and a
    /// policy directory that are not here are listed as not checked.
    #[arg(long, conflicts_with = "schema")]
    elsewhere: bool,
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
    let read = match arguments.elsewhere {
        true => Config::load_elsewhere(path, &environment),
        false => Config::load(path, &environment).map(|config| (config, Vec::new())),
    };
    let (config, mut unchecked) = read.map_err(shown)?;
    if let Some(model) = &arguments.explain {
        return say(&explain(&config, model)?);
    }
    if let Some(wanted) = &arguments.models {
        return say(&models(&config, wanted)?);
    }
    let directory = config.policies.directory.as_deref();
    let is_there = directory.is_none_or(Path::is_dir);
    let mut signed = String::new();
    if is_there {
        signed = vouched(path, &config)?;
        load(path, &config)?;
    } else if !config.policies.chain.is_empty() {
        unchecked.push("the policies, their grants and their configurations".to_owned());
    }
    unchecked.extend(beyond(&config));
    // It was read a moment ago; where it no longer can be, warnings have no lines.
    let yaml = std::fs::read_to_string(path).unwrap_or_default();
    let warnings = warnings(&config, &path.display().to_string(), &yaml);
    let mut text = format!(
        "{}: right; {}, {}, {}{signed}; policies of contract {} load\n",
        path.display(),
        count(config.upstreams.len(), "upstream", "upstreams"),
        count(config.models.len(), "alias", "aliases"),
        count(config.policies.chain.len(), "policy", "policies"),
        Version::ALL.map(Version::line).join(" and "),
    );
    for warning in warnings.0 {
        // Writing to a text does not fail.
        let _ = writeln!(text, "warning: {}", Problems(vec![warning]).with_lines());
    }
    for what in unchecked {
        let _ = writeln!(text, "not checked: {what}");
    }
    say(&text)
}

/// Problems with their lines.
fn shown(problems: Problems) -> Stop {
    Stop::Mistake(problems.with_lines())
}

/// Facts that only serving finds out, a sentence each.
fn beyond(config: &Config) -> Vec<String> {
    let is_remote = |kind: &Kind| matches!(kind, Kind::Http { .. });
    let upstreams = config.upstreams.values();
    let remote: Vec<_> = upstreams
        .filter(|upstream| is_remote(&upstream.kind))
        .map(|upstream| upstream.name.as_str())
        .collect();
    let mut unchecked = Vec::new();
    if !remote.is_empty() {
        let names = file::scalars::listed(&remote, "and");
        unchecked.push(format!(
            "upstreams and their keys, as nothing is sent: {names}"
        ));
    }
    if config.state.redis.is_some() {
        unchecked.push("Redis, as nothing is sent".to_owned());
    }
    unchecked.push(format!(
        "whether {} and {} are free",
        config.base_url, config.admin
    ));
    unchecked
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
        false => Err(placed(file, config, &Scan::default(), refused)),
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
    let mut wanted = config.clone();
    wanted.policies.trust.rollback_guard = false;
    // Compiled code is kept where `run` would keep it, or nowhere where that directory is not this
    // user's.
    let loader = loader(&wanted, Some(config.policies.cache.clone()), Host::none())
        .or_else(|_| loader(&wanted, None, Host::none()))?;
    Assembler::new(loader)
        .remembering(Seen::open(&config.policies.cache))
        .assemble(wanted, &scan.policies)
        .map(drop)
        .map_err(|sentences| placed(file, config, &scan, sentences))
}

/// The reasons for which policies of the chain are refused, each with the line of its entry, and
/// with the file that was probably meant where there is none of its name.
fn placed(file: &Path, config: &Config, scan: &Scan, sentences: Vec<String>) -> Stop {
    let yaml = std::fs::read_to_string(file).unwrap_or_default();
    let name = file.display().to_string();
    let placed = sentences.into_iter().map(|mut sentence| {
        let mut chain = config.policies.chain.iter().enumerate();
        let entry = chain.find(|(_, wanted)| {
            let begins = format!("policy `{}`: ", wanted.name);
            sentence.starts_with(&begins)
        });
        let Some((index, wanted)) = entry else {
            return Problem::of_file(&name, sentence);
        };
        if !scan.policies.contains_key(&wanted.name)
            && let Some(meant) = near(&wanted.name, scan.policies.keys().map(String::as_str))
        {
            sentence.push_str(&format!("; did you mean `{meant}`?"));
        }
        let key = key_of(&sentence);
        Problem::of_policy(&name, &yaml, index, &key, sentence)
    });
    shown(Problems(placed.collect()))
}

/// The key of the entry that a sentence is about: `use`, or one below `config` where the policy
/// says which of its own it refuses.
fn key_of(sentence: &str) -> String {
    let (_, refused) = sentence.split_once("refuses its configuration: ").unzip();
    let key = refused.and_then(|why| why.split_once(": "));
    match key.map(|(key, _)| key).filter(|key| !key.contains(' ')) {
        Some(key) => format!("config.{key}"),
        None if refused.is_some() => "config".to_owned(),
        None => "use".to_owned(),
    }
}

pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
