//! Aliases that stand in for others: each of them is one, and none stands in for itself.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::config::{Alias, Limited, problems::Path, scalars::listed};

impl Check<'_> {
    /// Reports where `limited.degrade` leads nowhere, or in a circle, which is reported once. `at` is
    /// where the aliases stand.
    pub(super) fn degrades(&mut self, at: &Path, models: &BTreeMap<String, Alias>) {
        let mut seen = BTreeSet::new();
        for (name, alias) in models {
            let Limited::Degrade(to) = &alias.limited else {
                continue;
            };
            let at = at.key(name).key("limited").key("degrade");
            if to == name {
                self.problem(
                    &at,
                    "names its own alias; name another, or write `limited: refuse`",
                );
            } else if !models.contains_key(to) {
                let others = models.keys().filter(|known| *known != name);
                let others: Vec<_> = others.map(|known| format!("`{known}`")).collect();
                let message = match others.as_slice() {
                    [] => "names no alias, and there is no other one; add it under `models`".into(),
                    _ => format!(
                        "names no alias; write {}, or add it under `models`",
                        listed(&others, "or")
                    ),
                };
                self.problem(&at, message);
            } else if let Some(circle) = circle(name, models)
                && seen.insert(circle.iter().copied().min())
            {
                let steps: Vec<_> = circle.iter().map(|alias| format!("`{alias}`")).collect();
                self.problem(
                    &at,
                    format!(
                        "leads in a circle: {} → `{name}`; let one of them refuse or queue",
                        steps.join(" → ")
                    ),
                );
            }
        }
    }
}

/// The aliases from `start` on back to it, where `degrade` leads back there.
fn circle<'a>(start: &'a str, models: &'a BTreeMap<String, Alias>) -> Option<Vec<&'a str>> {
    let mut path = vec![start];
    loop {
        let alias = models.get(*path.last()?)?;
        let Limited::Degrade(next) = &alias.limited else {
            return None;
        };
        if next == start {
            return Some(path);
        }
        // A circle further on, of which `start` is no part.
        if path.contains(&next.as_str()) {
            return None;
        }
        path.push(next);
    }
}
