//! `outrigger check`: the same reading and checking as `run`, without serving.

use std::path::PathBuf;

use super::{Stop, environment, say};
use crate::config::{Config, file};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration to check.
    #[arg(long, value_name = "FILE", required_unless_present = "schema")]
    config: Option<PathBuf>,
    /// Prints the configuration's JSON Schema instead.
    #[arg(long, conflicts_with = "config")]
    schema: bool,
}

pub(super) fn check(arguments: &Arguments) -> Result<(), Stop> {
    let Some(path) = arguments.config.as_ref().filter(|_| !arguments.schema) else {
        return say(&(file::schema() + "\n"));
    };
    let config = Config::load(path, &environment)?;
    say(&format!(
        "{}: right; {}, {}, {}\n",
        path.display(),
        count(config.upstreams.len(), "upstream", "upstreams"),
        count(config.models.len(), "alias", "aliases"),
        count(config.policies.chain.len(), "policy", "policies"),
    ))
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
