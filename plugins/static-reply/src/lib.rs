//! Answers requests with texts of the operator's own, without a model: greetings, opening hours, "not now".
//!
//! Rules are tried in their order, and the first one that holds answers; what none answers goes on unchanged. Rules look at what the user said
//! last and at what earlier policies found out (tags). They are asked before the model and never after it: the contract has no hook for
//! a call that failed.

use std::cell::OnceCell;

use outrigger_sdk::{Decision, Place, Places, Policy, Request, export_policy, metrics};

mod condition;
mod rules;

use rules::Rules;

/// The policy's `config:` in `outrigger.yaml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticReply {
    rules: Rules,
}

impl Policy for StaticReply {
    const READS: Places = Places::USER
        .union(Places::ASSISTANT)
        .union(Places::TOOL_RESULT)
        .union(Places::TOOL_ARGUMENTS);

    fn reads(&self) -> Places {
        if self.rules.iter().any(rules::Rule::reads) {
            Self::READS
        } else {
            Places::empty()
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let mut said = Said::default();
        match self
            .rules
            .iter()
            .find(|rule| rule.holds(request, &mut said))
        {
            None => Decision::Forward,
            Some(rule) => {
                metrics::count("replies", 1);
                Decision::reply(rule.reply())
            }
        }
    }
}
export_policy!(StaticReply);

/// What the user said last, fetched when the first rule asks.
#[derive(Debug, Default)]
struct Said(Option<Message>);

/// The last message, if it is the user's own words.
#[derive(Debug, Default)]
struct Message {
    text: String,
    /// The same in plain words, once a rule wants them.
    plain: OnceCell<String>,
    /// Nobody spoke before.
    first: bool,
}

impl Message {
    fn plain(&self) -> &str {
        self.plain.get_or_init(|| condition::plain(&self.text))
    }
}

impl Said {
    /// `None` where something else is last: a tool's result wants an answer that only the model can give. Images and files that stand
    /// beside the words are no words, so such a message has none.
    fn last(&mut self, request: &Request) -> Option<&Message> {
        let message = self.0.get_or_insert_with(|| {
            let (mut last, mut message, mut users) = (
                None,
                Message {
                    first: true,
                    ..Message::default()
                },
                true,
            );
            for passage in request.passages() {
                if last != Some(passage.message) {
                    message.first &= last.is_none();
                    message.text.clear();
                    last = Some(passage.message);
                    users = true;
                }
                users &= passage.place == Place::User;
                if !message.text.is_empty() {
                    message.text.push('\n');
                }
                message.text.push_str(&passage.text);
            }
            if !users || request.images() > 0 {
                message.text.clear();
            }
            message
        });
        (!message.text.is_empty()).then_some(&*message)
    }
}

#[cfg(test)]
mod tests;
