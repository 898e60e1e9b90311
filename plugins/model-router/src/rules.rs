//! Rules as the operator wrote them, and what makes one unfit.

use std::ops::Deref;

use outrigger_sdk::{Places, Request, settings::ModelName};
use serde::Deserialize;

use crate::{Texts, matching::Match, split::Split, targets::Choice};

/// Rules in their order; never empty, and each can be reached.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<Rule>")]
pub(crate) struct Rules(Vec<Rule>);

impl Deref for Rules {
    type Target = [Rule];
    fn deref(&self) -> &[Rule] {
        &self.0
    }
}

impl TryFrom<Vec<Rule>> for Rules {
    type Error = String;

    /// A message that opens with an index continues the path of the key, `rules`.
    fn try_from(rules: Vec<Rule>) -> Result<Self, String> {
        if rules.is_empty() {
            return Err(
                "the list is empty: write a rule, or leave the policy out of the chain".into(),
            );
        }
        let all = rules.iter().position(|rule| rule.conditions.is_empty());
        match all {
            Some(at) if at + 1 < rules.len() => Err(format!(
                "[{}].match: can never be reached, because rules[{at}] has no `match` and takes every request; put that one last",
                at + 1
            )),
            _ => Ok(Self(rules)),
        }
    }
}

/// One rule: when, and what then.
#[derive(Debug, Deserialize)]
#[serde(try_from = "File")]
pub(crate) struct Rule {
    conditions: Match,
    action: Action,
    targets: Option<Choice>,
}

impl Rule {
    pub(crate) fn matches(&self, request: &Request, texts: &mut Texts) -> bool {
        self.conditions.holds(request, texts)
    }

    pub(crate) fn action(&self) -> &Action {
        &self.action
    }

    /// The choice among the targets of the model that the action leads to.
    pub(crate) fn targets(&self) -> Option<&Choice> {
        self.targets.as_ref()
    }

    /// The places that this rule has to be shown.
    pub(crate) fn reads(&self) -> Places {
        let split = match &self.action {
            Action::Split(split) => split.reads(),
            _ => Places::empty(),
        };
        self.conditions.reads() | split
    }
}

/// The treatment of a request that a rule matches.
#[derive(Debug)]
pub(crate) enum Action {
    /// The model that was requested.
    Stay,
    /// An alias, `upstream/model`, or a bare name.
    Model(String),
    /// One of several models.
    Split(Split),
    Refuse {
        status: u16,
        code: String,
        message: String,
    },
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "match")]
    conditions: Match,
    model: Option<ModelName>,
    refuse: Option<Refuse>,
    split: Option<Split>,
    targets: Option<Choice>,
}

impl TryFrom<File> for Rule {
    type Error = &'static str;

    fn try_from(file: File) -> Result<Self, Self::Error> {
        let action = match (file.model, file.split, file.refuse) {
            (Some(ModelName(model)), None, None) => Action::Model(model),
            (None, Some(split), None) => Action::Split(split),
            (None, None, Some(_)) if file.targets.is_some() => {
                return Err("what is refused has no targets: keep one of `refuse`, `targets`");
            }
            (None, None, Some(refuse)) => Action::Refuse {
                status: refuse.status.0,
                code: refuse.code.0,
                message: refuse.message,
            },
            (None, None, None) if file.targets.is_some() => Action::Stay,
            (None, None, None) => {
                return Err(
                    "the rule does nothing: add one of `model`, `split`, `targets`, `refuse`",
                );
            }
            _ => {
                return Err("the rule has several actions: keep one of `model`, `split`, `refuse`");
            }
        };
        Ok(Self {
            conditions: file.conditions,
            action,
            targets: file.targets,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    #[serde(default)]
    status: Status,
    #[serde(default)]
    code: Code,
    message: String,
}

/// 400 to 599; 403 where left out.
#[derive(Deserialize)]
#[serde(try_from = "u16")]
struct Status(u16);

impl Default for Status {
    fn default() -> Self {
        Self(403)
    }
}

impl TryFrom<u16> for Status {
    type Error = String;
    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            400..=599 => Ok(Self(status)),
            _ => Err(format!(
                "{status} does not refuse: write a status from 400 to 599"
            )),
        }
    }
}

/// A word for programs; `policy_denied` where left out.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Code(String);

impl Default for Code {
    fn default() -> Self {
        Self("policy_denied".into())
    }
}

impl TryFrom<String> for Code {
    type Error = &'static str;
    fn try_from(code: String) -> Result<Self, Self::Error> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=64).contains(&code.len()) && code.bytes().all(plain) {
            Ok(Self(code))
        } else {
            Err("a code is 1 to 64 of the characters `a` to `z`, `0` to `9` and `_`")
        }
    }
}
