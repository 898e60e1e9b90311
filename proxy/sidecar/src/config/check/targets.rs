//! Targets of an alias: their names and weights.

use std::collections::BTreeMap;

use route::Strategy;

use super::Check;
use crate::config::{
    AliasTarget, Target, Upstream,
    file::{TargetEntry, Text, Weight, WrittenTarget},
    near::near,
    problems::Path,
};

/// The largest weight.
const HEAVIEST: u32 = 1_000_000;

impl Check<'_> {
    /// The targets of an alias; `strategy` is none where what is written is no strategy. Leaves out
    /// what is no target.
    pub(super) fn targets(
        &mut self,
        at: &Path,
        written: &[WrittenTarget],
        strategy: Option<Strategy>,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Vec<AliasTarget> {
        if written.is_empty() {
            self.problem(
                at,
                "is empty; write one target at least, like `[openai/gpt-5-mini]`",
            );
        }
        let weighted = strategy.is_none_or(|strategy| strategy == Strategy::Weighted);
        let mut targets: Vec<(usize, AliasTarget)> = Vec::new();
        for (n, written) in written.iter().enumerate() {
            let at = at.index(n);
            let (name_at, name, entry) = match written {
                WrittenTarget::Name(name) => (at.clone(), name, None),
                WrittenTarget::Full(entry) => (at.key("target"), &entry.target.0, Some(entry)),
            };
            let target = self.target(&name_at, name, upstreams);
            let (weight, conditions) = match entry {
                Some(entry) => self.target_entry(&at, entry, weighted),
                None => (1, Vec::new()),
            };
            let Some(target) = target else {
                continue;
            };
            if let Some((twin, _)) = targets.iter().find(|(_, known)| known.target == target) {
                let message = format!(
                    "is the same target as `targets[{twin}]`; remove one, and write its weight and conditions at the other"
                );
                self.problem(&name_at, message);
                continue;
            }
            targets.push((
                n,
                AliasTarget {
                    target,
                    weight,
                    conditions,
                },
            ));
        }
        if strategy == Some(Strategy::Weighted)
            && !targets.is_empty()
            && targets.iter().all(|(_, target)| target.weight == 0)
        {
            self.problem(
                at,
                "has weights that sum to nothing; give one target a `weight` of 1 or more",
            );
        }
        targets.into_iter().map(|(_, target)| target).collect()
    }

    fn target_entry(
        &mut self,
        at: &Path,
        written: &TargetEntry,
        weighted: bool,
    ) -> (u32, Vec<(String, Vec<String>)>) {
        let weight_at = at.key("weight");
        let weight = self.weight(&weight_at, written.weight.as_ref());
        if written.weight.is_some() && !weighted {
            self.problem(
                &weight_at,
                "has no effect without `strategy: weighted`; write that or remove this",
            );
        }
        let conditions = self.conditions(&at.key("where"), written.conditions.as_ref());
        (weight, conditions)
    }

    fn weight(&mut self, at: &Path, written: Option<&Weight>) -> u32 {
        self.parsed(at, written, 1, |text| {
            let weight = text.parse().ok().filter(|weight| *weight <= HEAVIEST);
            weight.ok_or_else(|| {
                format!("`{text}` is not a weight; write a whole number from 0 to {HEAVIEST}")
            })
        })
    }

    /// One `upstream/model`.
    pub(super) fn target(
        &mut self,
        at: &Path,
        written: &Text,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Option<Target> {
        let text = self.text(at, Some(written))?;
        let Some((upstream, model)) = text
            .split_once('/')
            .filter(|(u, m)| !u.is_empty() && !m.is_empty())
        else {
            self.problem(
                at,
                format!(
                    "`{}` is not a target; write `upstream/model`, like `openai/gpt-5-mini`",
                    written.0
                ),
            );
            return None;
        };
        if !upstreams.contains_key(upstream) {
            let known: Vec<_> = upstreams.keys().map(|name| format!("`{name}`")).collect();
            let meant = near(upstream, upstreams.keys().map(String::as_str));
            // What a variable holds is not repeated.
            let meant = meant.filter(|_| text == written.0);
            let meant = meant.map(|name| format!("did you mean `{name}/{model}`? "));
            self.problem(
                at,
                format!(
                    "`{}` names an upstream that is not under `upstreams`; {}there {} {}",
                    written.0,
                    meant.unwrap_or_default(),
                    if known.len() == 1 { "is" } else { "are" },
                    known.join(", ")
                ),
            );
            return None;
        }
        Some(Target {
            upstream: upstream.into(),
            model: model.into(),
        })
    }
}
