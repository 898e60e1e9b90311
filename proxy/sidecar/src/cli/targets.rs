//! The targets of the generation in force, as the admin address shows and changes them.

use std::sync::Arc;

use crate::{
    admin::TargetFacts, config::Alias, exchange::generation::Generation, state::targets::Place,
};

/// Every target that an alias names, and those aliases.
pub(super) fn facts(generation: &Generation) -> Vec<TargetFacts> {
    let models = &generation.config.models;
    let facts = |place: &Arc<Place>| {
        let name = place.target.name();
        let (upstream, model) = name.split_once('/').unwrap_or_default();
        let names = |alias: &Alias| {
            let mut targets = alias.all_targets();
            targets.any(|target| target.upstream == upstream && target.model == model)
        };
        let aliases = models.iter().filter(|(_, alias)| names(alias));
        TargetFacts {
            aliases: aliases.map(|(name, _)| name.clone()).collect(),
            figures: place.figures(),
        }
    };
    generation.places.iter().map(facts).collect()
}

/// Closes the breakers of the target of this name, or of all. Returns the number of targets.
pub(super) fn reset(generation: &Generation, target: Option<&str>) -> usize {
    let is_meant = |place: &&Arc<Place>| target.is_none_or(|name| place.target.name() == name);
    let meant = generation.places.iter().filter(is_meant);
    meant.map(|place| place.reset()).count()
}

/// Resumes an alias's canary. Returns whether it was rolled back; none where there is none.
pub(super) fn resume(generation: &Generation, model: &str) -> Option<bool> {
    let mut aliases = generation.places.aliases();
    let (alias, _) = aliases.find(|(alias, _)| alias.name() == model)?;
    let was_back = alias.canary_rolled_back();
    alias.resume_canary().then_some(was_back)
}
