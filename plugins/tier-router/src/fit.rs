//! Fitness of a reply: whether an app can use what the tier said, or one tier up is tried before the
//! app has seen anything.
//!
//! A reply is read as it arrives, and no longer than it takes: a tool call is fit at once, text that
//! opens like no refusal within its first words. What has to be complete before it can be judged
//! (JSON, a tool call that is still missing) waits for the end. In doubt a reply is fit: whoever is
//! wrong here pays twice.

use outrigger_sdk::{Delta, Place, json};
use serde::Deserialize;

use refusals::{Opening, opening};

mod refusals;
mod schema;

/// Bytes of a reply that may be a refusal; a longer one says something.
const SHORT: usize = 600;
/// Levels of a reply's JSON that are compared with its schema: a policy's stack has 64 KiB.
const DEEPEST: u64 = 40;

/// Reasons why a reply is not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// It ended without text, tool call or refusal.
    Empty,
    /// It refuses.
    Refusal,
    /// It is not the JSON that the request demands.
    Schema,
    /// It calls no tool, and the request forces one.
    Tool,
}

impl Why {
    pub(crate) const ALL: [Self; 4] = [Self::Empty, Self::Refusal, Self::Schema, Self::Tool];

    /// Returns its name in the configuration, which is the failure's code, too.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Refusal => "refusal",
            Self::Schema => "schema",
            Self::Tool => "tool",
        }
    }
}

/// The form that a request demands of its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// A schema as the request has it.
    Schema(String),
}

/// The demands on one request's replies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judge {
    pub(crate) empty: bool,
    pub(crate) refusal: bool,
    pub(crate) form: Option<Form>,
    /// A tool is forced.
    pub(crate) tool: bool,
}

impl Judge {
    /// Reports whether there is anything to judge.
    pub(crate) fn is_needed(&self) -> bool {
        self.empty || self.refusal || self.tool || self.form.is_some()
    }
}

/// An attempt's state beside its text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen<'a> {
    /// Nothing more comes.
    pub(crate) ended: bool,
    /// The reason for its end, in the words of any dialect.
    pub(crate) finish: Option<&'a str>,
}

/// The judgement of a reply so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Wait,
    Accept,
    Reject(Why),
}

/// The reply of one attempt, as far as it has arrived. Of several choices the first one counts.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The model's text, by channel: a dialect may have several.
    texts: Vec<(u32, String)>,
    refused: bool,
    called: bool,
}

impl Reading {
    /// Takes in what arrived, and judges the reply by all that is there.
    pub(crate) fn judge(&mut self, judge: &Judge, seen: Seen<'_>, deltas: &[Delta]) -> Fit {
        for delta in deltas.iter().filter(|delta| delta.choice() == 0) {
            self.take(delta);
        }
        if self.refused || seen.finish.is_some_and(is_filtered) {
            return match judge.refusal {
                true => Fit::Reject(Why::Refusal),
                false => Fit::Accept,
            };
        }
        if self.called || seen.finish.is_some_and(is_call) {
            return Fit::Accept;
        }
        match seen.ended {
            true => self.judge_whole(judge, seen),
            false => self.judge_part(judge),
        }
    }

    fn take(&mut self, delta: &Delta) {
        match delta.place() {
            Place::Assistant => {
                let known = self.texts.iter_mut();
                let known = known.into_iter().find(|(of, _)| *of == delta.channel());
                match known {
                    Some((_, text)) => text.push_str(delta.text()),
                    None => self.texts.push((delta.channel(), delta.text().into())),
                }
            }
            Place::Refusal => self.refused |= !delta.text().trim().is_empty(),
            Place::ToolArguments => self.called = true,
            _ => {}
        }
    }

    fn judge_part(&self, judge: &Judge) -> Fit {
        let Some(text) = self.first() else {
            return Fit::Wait;
        };
        let waits = judge.tool || judge.form.is_some() || judge.refusal && may_refuse(text);
        match waits {
            true => Fit::Wait,
            false => Fit::Accept,
        }
    }

    fn judge_whole(&self, judge: &Judge, seen: Seen<'_>) -> Fit {
        // The request's own bound cut it, which it would elsewhere, too.
        if seen.finish.is_some_and(is_cut) {
            return Fit::Accept;
        }
        let Some(text) = self.first() else {
            return match (judge.empty, judge.tool) {
                (true, _) => Fit::Reject(Why::Empty),
                (false, true) => Fit::Reject(Why::Tool),
                (false, false) => Fit::Accept,
            };
        };
        let refuses = || text.len() <= SHORT && opening(text) == Opening::Refuses;
        match &judge.form {
            _ if judge.refusal && refuses() => Fit::Reject(Why::Refusal),
            _ if judge.tool => Fit::Reject(Why::Tool),
            Some(form) if !self.has(form) => Fit::Reject(Why::Schema),
            _ => Fit::Accept,
        }
    }

    /// Returns the first text that is not blank.
    fn first(&self) -> Option<&str> {
        let mut texts = self.texts.iter().map(|(_, text)| text.as_str());
        texts.find(|text| !text.trim().is_empty())
    }

    /// Reports whether some text of the reply is of the form, or all of them together are.
    fn has(&self, form: &Form) -> bool {
        let mut texts = self.texts.iter().map(|(_, text)| text.as_str());
        texts.any(|text| is_of(form, text))
            || self.texts.len() > 1 && {
                let texts = self.texts.iter().map(|(_, text)| text.as_str());
                is_of(form, &texts.collect::<String>())
            }
    }
}

fn may_refuse(text: &str) -> bool {
    text.len() <= SHORT && opening(text) != Opening::Goes
}

fn is_of(form: &Form, text: &str) -> bool {
    if json::depth(text) > DEEPEST {
        return serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    }
    let Ok(value) = serde_json::from_str(text) else {
        return false;
    };
    let Form::Schema(source) = form else {
        return true;
    };
    // A schema that is none is the request's fault.
    let schema = (json::depth(source) <= DEEPEST).then(|| serde_json::from_str(source));
    schema.is_none_or(|schema| schema.map_or(true, |schema| schema::obeys(&value, &schema)))
}

/// Reads a reason for the end: a tool was called, which may have no arguments.
fn is_call(finish: &str) -> bool {
    ["tool_calls", "tool_use", "function_call"].contains(&finish)
}

/// Reads a reason for the end: the provider or its model would not answer.
fn is_filtered(finish: &str) -> bool {
    const WORDS: [&str; 7] = [
        "content_filter",
        "refusal",
        "safety",
        "prohibited_content",
        "blocklist",
        "spii",
        "guardrail_intervened",
    ];
    WORDS.iter().any(|word| finish.eq_ignore_ascii_case(word))
}

/// Reads a reason for the end: the request's bound of tokens, or the model's.
fn is_cut(finish: &str) -> bool {
    const WORDS: [&str; 4] = [
        "length",
        "max_tokens",
        "max_output_tokens",
        "model_context_window_exceeded",
    ];
    WORDS.iter().any(|word| finish.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
