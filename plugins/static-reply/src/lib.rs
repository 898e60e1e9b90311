//! Answers requests with texts of the operator's own, without a model: greetings, opening hours,
//! "not now".
//!
//! Rules are tried in their order, and the first one that holds answers; what none answers goes on
//! unchanged. Rules look at what the user said last and at what earlier policies found out (tags).
//! Those with `on: failure` wait: they answer where the model's call came to nothing.

use std::cell::OnceCell;

use outrigger_sdk::{
    Decision, Failure, Hooks, Place, Places, Policy, Request, export_policy, metrics,
};

mod condition;
mod rules;

use rules::{On, Rules};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticReply {
    rules: Rules,
    /// The rule that answers should the call fail: found while the request was there.
    #[serde(skip)]
    last_resort: Option<usize>,
}

impl Policy for StaticReply {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::FAILURE);
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

    fn hooks(&self) -> Hooks {
        if self.rules.iter().any(|rule| rule.on() == On::Failure) {
            Self::HOOKS
        } else {
            Hooks::REQUEST
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let mut said = Said::default();
        let mut first = |on| {
            let mut rules = self.rules.iter();
            rules.position(|rule| rule.on() == on && rule.holds(request, &mut said))
        };
        if let Some(rule) = first(On::Request).and_then(|at| self.rules.get(at)) {
            metrics::count("replies", 1);
            return Decision::reply(rule.reply());
        }
        self.last_resort = first(On::Failure);
        Decision::Forward
    }

    fn on_failure(&mut self, _: &Failure) -> Decision {
        match self.last_resort.and_then(|at| self.rules.get(at)) {
            None => Decision::Forward,
            Some(rule) => {
                metrics::count("last_resorts", 1);
                Decision::reply(rule.reply())
            }
        }
    }
}
export_policy!(StaticReply);

/// The user's last message, fetched when the first rule needs it.
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
    /// `None` where something else is last: a tool's result wants an answer that only the model can
    /// give. Images and files that stand beside the words are no words, so such a message has none.
    fn last(&mut self, request: &Request) -> Option<&Message> {
        let message = self.0.get_or_insert_with(|| {
            let (mut last, mut users) = (None, true);
            let mut message = Message {
                first: true,
                ..Message::default()
            };
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
