//! Rules as the operator wrote them, and what makes one unfit.

use std::ops::Deref;

use outrigger_sdk::Request;
use serde::Deserialize;

use crate::{
    Said,
    condition::{Phrases, When, has_words},
};

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

/// One rule: when, and with what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    on: On,
    #[serde(default)]
    when: When,
    reply: Reply,
}

/// The message that a rule waits for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    /// The request: no model is called.
    #[default]
    Request,
    /// The failure of the model's call.
    Failure,
}

/// A text, not empty.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Reply(String);

impl TryFrom<String> for Reply {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            Err("the reply is empty: write what is to be answered")
        } else {
            Ok(Self(text))
        }
    }
}

impl Rule {
    pub(crate) fn holds(&self, request: &Request, said: &mut Said) -> bool {
        self.when.holds(request, said)
    }

    pub(crate) fn on(&self) -> On {
        self.on
    }

    pub(crate) fn reply(&self) -> &str {
        &self.reply.0
    }

    pub(crate) fn reads(&self) -> bool {
        self.when.reads()
    }

    /// True if it answers whatever `later` would answer, as far as the words alone show.
    fn covers(&self, later: &Self) -> bool {
        if self.on != later.on {
            return false;
        }
        let (when, then) = (&self.when, &later.when);
        if when.is_empty() {
            return true;
        }
        if when.asks_for_more_than_words() || when.pattern.is_some() {
            return false;
        }
        let each = |phrases: &Option<Phrases>, covered: &dyn Fn(&String) -> bool| {
            phrases
                .as_ref()
                .is_some_and(|Phrases(list)| list.iter().all(covered))
        };
        match (&when.exact, &when.contains) {
            (Some(Phrases(exact)), None) => each(&then.exact, &|text| exact.contains(text)),
            (None, Some(Phrases(words))) => {
                let has = |text: &String| words.iter().any(|word| has_words(text, word));
                each(&then.exact, &has) || each(&then.contains, &has)
            }
            _ => false,
        }
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
        for (at, rule) in rules.iter().enumerate() {
            if let Some(earlier) = rules
                .iter()
                .take(at)
                .position(|earlier| earlier.covers(rule))
            {
                return Err(format!(
                    "[{at}].when: can never be reached, because rules[{earlier}] answers whatever it would; put that one later"
                ));
            }
            if let (Some(Phrases(exact)), Some(Phrases(words))) =
                (&rule.when.exact, &rule.when.contains)
                && !exact
                    .iter()
                    .any(|text| words.iter().any(|word| has_words(text, word)))
            {
                return Err(format!(
                    "[{at}].when: can never hold: no text of `exact` has one of `contains` in it"
                ));
            }
        }
        Ok(Self(rules))
    }
}
