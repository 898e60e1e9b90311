//! Conditions of a rule.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use super::{Globs, Key};
use crate::Request;

/// Conditions that all have to hold: a key's value is matched by one of its globs. Without a
/// condition it always holds.
///
/// ```
/// # use outrigger_sdk::{Request, settings::{Key, Match}};
/// let when: Match = serde_json::from_str(r#"{ "plan": "free", "model": "gpt-*" }"#).unwrap();
/// assert!(when.holds(&Request::chat("gpt-5").with_tag("plan", "free")) && !when.is_empty());
/// assert!(when.of(&Key::Model).is_some_and(|globs| globs.matches("gpt-5")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Match(BTreeMap<Key, Globs>);

impl Match {
    /// Reports whether the request fulfils all conditions. A value that it does not have fulfils
    /// none.
    #[must_use]
    pub fn holds(&self, request: &Request) -> bool {
        self.0.iter().all(|(key, globs)| {
            let matches = |value: String| match key {
                Key::Model => globs.matches_model(&value),
                _ => globs.matches(&value),
            };
            key.of(request).is_some_and(matches)
        })
    }

    /// Reports whether it always holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The condition on one key.
    #[must_use]
    pub fn of(&self, key: &Key) -> Option<&Globs> {
        self.0.get(key)
    }
}

/// `plan=free,model=gpt-*|fast`, the same for the same conditions.
impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, globs)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{key}={globs}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_condition_has_to_hold_and_a_missing_value_holds_none() {
        let conditions: Match =
            serde_json::from_str(r#"{ "plan": ["free", "trial"], "model": "gpt-*" }"#).unwrap();
        let request = |plan: &str, model: &str| Request::chat(model).with_tag("plan", plan);
        assert!(conditions.holds(&request("trial", "gpt-5")));
        assert!(!conditions.holds(&request("paid", "gpt-5")));
        assert!(conditions.holds(&request("free", "openai/gpt-5")));
        assert!(!conditions.holds(&request("free", "claude")));
        assert!(!conditions.holds(&Request::chat("gpt-5")));
        assert!(Match::default().holds(&Request::chat("m")));
        assert_eq!(conditions.to_string(), "plan=free|trial,model=gpt-*");
    }

    #[test]
    fn a_condition_on_what_nothing_sets_is_refused() {
        assert!(serde_json::from_str::<Match>(r#"{ "plam": "free" }"#).is_err());
    }
}
