//! The targets that policies prefer: an alias's own, or any that is configured.

use std::sync::Arc;

use super::{
    Rank, Target,
    choose::{Choice, Subject},
};
use crate::{affinity, strategy::Entry};

impl<'t> Choice<'t, '_> {
    /// Moves what policies prefer to the front, in their order. An alias's name stands for its
    /// targets, `upstream/model` for itself, whether an alias names it or not.
    pub(super) fn put_preferred_first(&mut self) {
        for name in self.request.prefer {
            let table = self.table;
            if let Some(alias) = table.alias(name) {
                for of in &alias.targets {
                    let Some(row) = table.target(of.target) else {
                        continue;
                    };
                    if !self.moved_to_front(&row.target) {
                        // as a target of this very alias, under its conditions here
                        let here = self.alias.and_then(|alias| alias.part_of(row.id));
                        let of = here.unwrap_or(of);
                        let entry = self.look_at_listed(row, of.weight, &of.conditions);
                        self.prefer(entry);
                    }
                }
            } else if !self.prefer_target(name) {
                self.unknown.push(name.clone());
            }
        }
    }

    /// Returns false where no upstream has this name's.
    fn prefer_target(&mut self, name: &str) -> bool {
        let table = self.table;
        let Some((upstream, model)) = name.split_once('/') else {
            return false;
        };
        let Some(upstream) = table.find(upstream).filter(|_| !model.is_empty()) else {
            return false;
        };
        if let Some(row) = table.target_named(name) {
            if !self.moved_to_front(&row.target) {
                let here = self.alias.and_then(|alias| alias.part_of(row.id));
                let (weight, conditions) =
                    here.map_or((1, &[][..]), |of| (of.weight, &of.conditions));
                let entry = self.look_at_listed(row, weight, conditions);
                self.prefer(entry);
            }
            return true;
        }
        let target = Target {
            upstream: Arc::clone(&upstream.name),
            model: model.into(),
        };
        if !self.moved_to_front(&target) {
            let entry = self.look_at(&Subject {
                id: None,
                upstream,
                target: &target,
                facts: table.facts_of(upstream, model),
                seed: affinity::seed(&target),
                weight: 1,
                conditions: &[],
            });
            self.prefer(entry);
        }
        true
    }

    fn prefer(&mut self, entry: Option<Entry<'t>>) {
        if let Some(mut entry) = entry {
            entry.candidate.rank = Rank::Preferred;
            self.front.push(entry);
        }
    }

    /// Moves a candidate to the front. Returns whether it was looked at already: it is there, was
    /// there, or is left out.
    fn moved_to_front(&mut self, target: &Target) -> bool {
        if self.position(target).is_some() || self.knows_excluded(target) {
            return true;
        }
        let found = self.entries.iter().position(|entry| is_at(entry, target));
        let Some(at) = found else { return false };
        let entry = self.entries.remove(at);
        self.prefer(Some(entry));
        true
    }

    /// The place of a target among those that are preferred.
    pub(super) fn position(&self, target: &Target) -> Option<usize> {
        self.front.iter().position(|entry| is_at(entry, target))
    }

    fn knows_excluded(&self, target: &Target) -> bool {
        self.excluded.iter().any(|left| left.is_at(target))
    }
}

fn is_at(entry: &Entry<'_>, target: &Target) -> bool {
    entry.candidate.upstream.name == target.upstream
        && entry.candidate.model.as_ref() == Some(&target.model)
}
