//! A generation that serves nobody, for the tools.

use std::path::Path;

use sandbox::Loader;

use super::{Scan, assemble::Assembler, paths};
use crate::{config::Config, exchange::generation::Generation, signing::Seen};

/// Loads the chain of `config`, which was read from `file`, as a start would.
///
/// # Errors
/// A sentence for each policy that does not load, or one on the directory.
pub fn offline(file: &Path, config: Config, loader: Loader) -> Result<Generation, Vec<String>> {
    let mut config = config;
    // What has served is not noted: nothing serves.
    config.policies.trust.rollback_guard = false;
    let scan = Scan::take(&paths(file, &config), &Scan::default());
    let scan = scan.map_err(|error| vec![format!("can't read the policy directory: {error}")])?;
    let seen = Seen::open(&config.policies.cache);
    let mut assembler = Assembler::new(loader).remembering(seen);
    let assembled = assembler.assemble(config, &scan.policies)?;
    Ok(assembled.generation)
}
