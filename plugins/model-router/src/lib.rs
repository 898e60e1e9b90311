//! Routes requests by ordered rules: the first one that matches says which model serves the
//! request, or refuses it.
//!
//! It decides, and nothing else: retries and failover are the proxy's. Where a model stands for
//! several targets, a rule also says which of them may be tried, and in which order. A request that
//! no rule matches goes on unchanged. Patterns and globs are compiled while
//! the policy is configured, and a rule that could never act is an error then.

use outrigger_sdk::{Decision, Passage, Places, Policy, Refusal, Request, export_policy};

mod matching;
mod rules;
mod split;
mod targets;

use rules::{Action, Rules};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRouter {
    rules: Rules,
}

impl Policy for ModelRouter {
    const READS: Places = Places::SYSTEM.union(Places::USER);

    fn reads(&self) -> Places {
        self.rules
            .iter()
            .fold(Places::empty(), |places, rule| places | rule.reads())
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let mut texts = Texts::default();
        let Some(rule) = self
            .rules
            .iter()
            .find(|rule| rule.matches(request, &mut texts))
        else {
            return Decision::Forward;
        };
        match rule.action() {
            Action::Stay => {}
            Action::Model(model) => request.set_model(model),
            Action::Split(split) => request.set_model(split.choose(request, &mut texts)),
            Action::Refuse {
                status,
                code,
                message,
            } => {
                return Refusal::new(*status, message).code(code).into();
            }
        }
        if let Some(choice) = rule.targets() {
            choice.apply(request);
        }
        Decision::Forward
    }
}

/// The passages that rules look at, fetched when the first one does.
#[derive(Debug, Default)]
struct Texts(Option<Vec<Passage>>);

impl Texts {
    fn of(&mut self, request: &Request) -> &[Passage] {
        self.0.get_or_insert_with(|| request.passages().collect())
    }
}

export_policy!(ModelRouter);

#[cfg(test)]
mod tests;
