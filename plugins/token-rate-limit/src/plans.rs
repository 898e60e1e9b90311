//! The models that a plan may use.

use std::collections::BTreeMap;

use outrigger_sdk::{
    Refusal, Request,
    settings::{Globs, Key, Match},
};
use serde::Deserialize;

/// Models by plan: `-` stands for callers without one, `*` for every plan that is not listed, and
/// for callers without one where `-` is not. A plan that nothing stands for may use all models.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Plans(BTreeMap<String, Globs>);

impl Plans {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, plan: &str) -> Option<&Globs> {
        self.0.get(plan).or_else(|| self.0.get("*"))
    }

    /// The reason why the request's plan may not use its model. A `GET`, of the list of models say,
    /// uses none.
    pub(crate) fn refusal(&self, request: &Request) -> Option<Refusal> {
        if self.is_empty() {
            return None;
        }
        let plan = request.tag("plan").filter(|plan| !plan.is_empty());
        let models = self.of(plan.as_deref().unwrap_or("-"))?;
        let message = match request.model() {
            Some(model) if models.matches_model(model) => return None,
            Some(model) => {
                format!("the model `{model}` is not part of your plan: ask for one that is")
            }
            None if matches!(request.method().as_str(), "GET" | "HEAD") => return None,
            None => "the request names no model, and your plan allows some only: name one of those"
                .into(),
        };
        Some(Refusal::new(403, message).code("model_not_allowed"))
    }

    /// True if any request with these conditions gets by. Known only where both plans and models
    /// are given without wildcards.
    pub(crate) fn lets_through(&self, conditions: &Match) -> bool {
        let exact = |key: &Key| conditions.of(key).and_then(Globs::exact);
        let (Some(plans), Some(models)) = (exact(&Key::Tag("plan".into())), exact(&Key::Model))
        else {
            return true;
        };
        plans.iter().any(|plan| {
            self.of(plan)
                .is_none_or(|allowed| models.iter().any(|model| allowed.matches_model(model)))
        })
    }
}
