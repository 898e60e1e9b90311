//! `NAME.cases.yaml`: what a policy promises, written down beside it. `outrigger policy test` runs
//! them, and so does a reload before it swaps.

use std::{collections::BTreeMap, path::Path};

use dialect::Dialect;
use policy::Denial;
use sandbox::{Grants, capabilities::Capability};
use serde::Deserialize;

use crate::scalars::listed;

mod targets;

pub use targets::{CaseAttempt, CaseFailure, CasePrice, CaseTarget, ExpectRescue};

/// A policy's cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// The policy's configuration in every case that brings none.
    #[serde(default)]
    pub config: serde_json::Value,
    /// Capabilities that it needs, by name.
    #[serde(default)]
    pub grants: Vec<String>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One exchange and its expected result.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence that is true where the case passes.
    pub name: String,
    /// Name of a dialect that is read. Default `openai.chat`.
    #[serde(default = "openai_chat")]
    pub dialect: String,
    /// The configuration of this case alone.
    pub config: Option<serde_json::Value>,
    /// The request's headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The request's body.
    pub request: serde_json::Value,
    /// The targets that the request's model stands for. Default: none is known.
    #[serde(default)]
    pub targets: Vec<CaseTarget>,
    /// The policy's decision. Default: it forwards.
    #[serde(default)]
    pub expect: Expect,
    /// The body that goes upstream, equal as JSON.
    pub expect_request: Option<serde_json::Value>,
    /// The targets that the policy prefers, in their order.
    pub expect_prefer: Option<Vec<String>>,
    /// The targets that the policy excludes, in any order.
    pub expect_exclude: Option<Vec<String>>,
    /// The target that gets a copy.
    pub expect_mirror: Option<String>,
    /// Failures after the request was forwarded, one after the other.
    #[serde(default)]
    pub failures: Vec<CaseFailure>,
    /// The model's text, piece by piece: run as given, as one piece, and character by character.
    pub reply: Option<Vec<String>>,
    /// The text that the app reads.
    pub expect_reply: Option<String>,
    /// The code with which the policy ends the reply.
    pub expect_reply_refused: Option<String>,
}

/// A policy's decision.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expect {
    /// Forwards the request.
    #[default]
    Forward,
    /// Refuses the request.
    Refuse(ExpectRefusal),
    /// Answers with this text.
    Reply(String),
}

/// The parts of an expected refusal that a case names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectRefusal {
    /// Its status.
    pub status: Option<u16>,
    /// Its code.
    pub code: Option<String>,
    /// Its text.
    pub message: Option<String>,
    /// Milliseconds to wait.
    pub retry_after_ms: Option<u32>,
}

impl ExpectRefusal {
    /// Reports whether a refusal has every part that is named.
    pub fn fits(&self, denial: &Denial) -> bool {
        let status = self.status.is_none_or(|status| status == denial.status);
        let code = self.code.as_ref().is_none_or(|code| *code == denial.code);
        let message = (self.message.as_ref()).is_none_or(|text| *text == denial.message);
        let wait = self.retry_after_ms.is_none() || self.retry_after_ms == denial.retry_after_ms;
        status && code && message && wait
    }
}

fn openai_chat() -> String {
    Dialect::OpenaiChat.name().to_owned()
}

impl Cases {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// One sentence that names file, line and key.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The capabilities that the cases need.
    ///
    /// # Errors
    /// A name that is no capability.
    pub fn grants(&self) -> Result<Grants, String> {
        let mut grants = Grants::default();
        for name in &self.grants {
            let known = Capability::granted().find(|known| known.name == name);
            let known = known.ok_or_else(|| {
                let all: Vec<_> = Capability::granted().map(|known| known.name).collect();
                format!(
                    "grants: `{name}` can't be rehearsed; write {}",
                    listed(&all, "or")
                )
            })?;
            // No hosts: every call is denied.
            grants.grant(known, Vec::new());
        }
        Ok(grants)
    }

    /// Reads cases.
    ///
    /// # Errors
    /// One sentence that names line and key.
    pub fn parse(text: &str) -> Result<Self, String> {
        // serde_yaml writes a map of one key for an enum as a tag; cases are written as plain maps.
        let cases: Self = serde_yaml::with::singleton_map_recursive::deserialize(
            serde_yaml::Deserializer::from_str(text),
        )
        .map_err(|error: serde_yaml::Error| error.to_string())?;
        if cases.cases.is_empty() {
            return Err("`cases:` is empty; write one at least".to_owned());
        }
        Ok(cases)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn cases_read_as_the_guide_shows_them() {
        let cases = Cases::parse(
            "config: { models: [gpt-5] }\ncases:\n- name: a\n  request: { model: gpt-5 }\n  expect: forward\n\
             - name: b\n  request: { model: x }\n  expect: { refuse: { status: 403 } }\n\
             - name: c\n  request: {}\n  expect: { reply: hello }\n",
        )
        .unwrap();
        assert_eq!(cases.config, serde_json::json!({ "models": ["gpt-5"] }));
        assert!(matches!(cases.cases[0].expect, Expect::Forward));
        assert!(matches!(&cases.cases[1].expect, Expect::Refuse(r) if r.status == Some(403)));
        assert!(matches!(&cases.cases[2].expect, Expect::Reply(text) if text == "hello"));
    }

    #[test]
    fn a_case_says_what_its_targets_are_and_what_becomes_of_failures() {
        let cases = Cases::parse(
            "cases:\n- name: a\n  request: {}\n  targets: [{ name: a/m, price: { input: 0.25, output: 2 }, breaker: open }, { name: m }]\n\
             \x20 expect_prefer: [a/m]\n  expect_exclude: []\n  expect_mirror: b/m\n\
             \x20 failures: [{ status: 503, class: overload, expect: { try_now: [b/m] } }, { status: 429, class: rate, retry_after_ms: 5 }]\n",
        )
        .unwrap();
        let case = &cases.cases[0];
        let target = case.targets[0].candidate(1000, 10).unwrap();
        assert_eq!((&*target.upstream, &*target.model), ("a", "m"));
        assert_eq!(
            (&*target.breaker, target.cost_microusd),
            ("open", Some(270))
        );
        let error = case.targets[1].candidate(1, 1).unwrap_err();
        assert_eq!(error, "targets: `m` is no target; write UPSTREAM/MODEL");
        let [first, second] = &case.failures[..] else {
            panic!("{:?}", case.failures)
        };
        assert!(matches!(&first.expect, ExpectRescue::TryNow(names) if *names == ["b/m"]));
        assert!(matches!(second.expect, ExpectRescue::Forward));
        let failure = second.failure("a/m");
        assert_eq!(failure.attempts[0].target, "a/m");
        assert_eq!(failure.attempts[0].retry_after_ms, Some(5));
    }

    #[test]
    fn a_mistyped_key_is_named_with_its_line() {
        let error =
            Cases::parse("cases:\n- name: a\n  request: {}\n  expects: forward\n").unwrap_err();
        assert!(
            error.contains("expects") && error.contains("line 4"),
            "{error}"
        );
    }
}
