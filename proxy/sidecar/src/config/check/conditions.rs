//! Conditions on tags: what an exchange must carry for a target to be one of its candidates.

use std::collections::{BTreeMap, BTreeSet};

use policy::tags::{is_name, is_value};

use super::Check;
use crate::config::{
    Alias, TagRule, Tags,
    file::{Named, OneOrMore, Text},
    problems::Path,
    scalars::listed,
};

/// The problem of a name that no tag can have.
pub(super) const NO_TAG: &str = "is no name of a tag; write a letter, then letters, digits, `-` and `_`, in lower case and 32 at most";

impl Check<'_> {
    /// The `where` of a target; none where it is left out.
    pub(super) fn conditions(
        &mut self,
        at: &Path,
        written: Option<&Named<OneOrMore>>,
    ) -> Vec<(String, Vec<String>)> {
        let Some(Named(written)) = written else {
            return Vec::new();
        };
        if written.is_empty() {
            self.problem(
                at,
                "is empty; name a tag and its value, like `{ region: eu }`, or leave the key out",
            );
        }
        let mut conditions = Vec::new();
        for (tag, OneOrMore(values)) in written {
            let at = at.key(tag);
            if !is_name(tag) {
                self.problem(&at, NO_TAG);
            }
            if values.is_empty() {
                self.problem(
                    &at,
                    "is an empty list, which no exchange fulfils; name a value, or remove the condition",
                );
            }
            let values = values.iter().enumerate().filter_map(|(n, value)| {
                let at = if values.len() > 1 {
                    at.index(n)
                } else {
                    at.clone()
                };
                self.tag_value(&at, value)
            });
            conditions.push((tag.clone(), values.collect()));
        }
        conditions
    }

    fn tag_value(&mut self, at: &Path, written: &Text) -> Option<String> {
        let value = self.text(at, Some(written))?;
        if !is_value(&value) {
            self.problem(
                at,
                "is no value that a tag can have; write 1 to 128 bytes of printable text",
            );
            return None;
        }
        Some(value)
    }

    /// The name of a tag, which need not stand under `tags`.
    pub(super) fn tag_name(&mut self, at: &Path, written: Option<&Text>, default: &str) -> String {
        self.parsed(at, written, default.to_owned(), |text| {
            match is_name(text) {
                true => Ok(text.to_owned()),
                false => Err(NO_TAG.into()),
            }
        })
    }

    /// Reports aliases of which every target has a condition that no exchange of this process meets:
    /// on a tag whose one value the operator gives.
    pub(super) fn conditions_can_hold(&mut self, models: &BTreeMap<String, Alias>, tags: &Tags) {
        let at = Path::default().key("models");
        for (name, alias) in models {
            let failing = alias.targets.iter().map(|target| {
                let conditions = target.conditions.iter();
                let mut failing = conditions.filter(|(tag, values)| {
                    let rule = tags.rules.iter().find(|rule| rule.name == *tag);
                    !values.is_empty()
                        && rule
                            .and_then(only_value)
                            .is_some_and(|value| !values.iter().any(|one| one == value))
                });
                failing.next().map(|(tag, _)| format!("`{tag}`"))
            });
            let failing: Option<BTreeSet<_>> = failing.collect();
            let failing = Vec::from_iter(failing.unwrap_or_default());
            if !failing.is_empty() {
                let message = format!(
                    "are all left out by their `where`, as `tags` gives {} another value; name that value, or add a target without the condition",
                    listed(&failing, "and")
                );
                self.problem(&at.key(name).key("targets"), message);
            }
        }
    }
}

/// The value of a tag that no caller can change.
fn only_value(rule: &TagRule) -> Option<&str> {
    let fixed = rule.headers.as_ref().is_some_and(Vec::is_empty);
    rule.fixed.as_deref().filter(|_| fixed)
}
