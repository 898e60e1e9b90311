//! Thinking, and the most tokens of a reply, of which thinking is a part.

use super::{
    super::super::{
        form::{Effort, Request},
        json::Json,
        loss::{Dropped, Refused},
        takes::{ModelTakes, ReasoningForm, ReasoningOff},
        target::Target,
    },
    Conversation,
};
use crate::json::outlined::Cursor;

/// The most tokens of a reply where neither caller nor table names a number, which the API
/// requires.
const DEFAULT_MAX: u64 = 8192;
/// The same with thinking: what every model that thinks generates.
const MOST_DEFAULT_MAX: u64 = 32_000;
/// The smallest budget of thinking that the API takes.
const LEAST_BUDGET: u64 = 1024;
/// Tokens that are left to answer with.
const LEAST_ANSWER: u64 = 1024;

/// The value of `thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    Unsaid,
    Disabled,
    BetweenTools,
    Budget { tokens: u64 },
    Adaptive,
}

/// The thinking that a request wants.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) max: u64,
    pub(super) thinking: Thinking,
    pub(super) effort: Option<Effort>,
    /// The model reasons, whether it is said or not.
    pub(super) reasons: bool,
    shown: Option<bool>,
}

impl Plan {
    pub(super) fn of(
        request: &Request<'_>,
        target: &Target<'_>,
        conversation: &Conversation<'_, '_>,
        dropped: &mut Dropped,
    ) -> Result<Self, Refused> {
        let takes = target.takes;
        let requested = match request.max_output {
            Some(number) => Some(
                Cursor::new(number)
                    .count()?
                    .ok_or_else(|| Refused::malformed("max_tokens", "is no number of tokens"))?,
            ),
            None => None,
        };
        // More than a model generates is refused, and less never cuts what it could have said.
        let requested = requested.map(|max| takes.output.map_or(max, |most| max.min(most)));
        let mut plan = Self {
            max: requested.or(takes.output).unwrap_or(DEFAULT_MAX),
            thinking: Thinking::Unsaid,
            effort: None,
            reasons: takes.reasons_by_default,
            shown: request.reasoning.shown,
        };
        let reasoning = &request.reasoning;
        let is_off = match reasoning.effort {
            Some(effort) => effort == Effort::None,
            None => reasoning.budget == Some(0),
        };
        if is_off {
            plan.turn_off(takes, dropped);
        } else if reasoning.effort.is_some() || reasoning.budget.is_some() {
            plan.turn_on(request, takes, dropped);
        } else if takes.reasoning == ReasoningForm::Adaptive
            && takes.reasons_by_default
            && plan.shown.is_some()
        {
            plan.thinking = Thinking::Adaptive;
        }
        if let Thinking::Budget { tokens } = plan.thinking {
            if requested.is_none() && takes.output.is_none() {
                plan.max = (DEFAULT_MAX + tokens).min(MOST_DEFAULT_MAX);
            }
            let most = plan.max.saturating_sub(LEAST_ANSWER);
            match most >= LEAST_BUDGET && conversation.takes_budget() {
                true => {
                    plan.thinking = Thinking::Budget {
                        tokens: tokens.min(most),
                    };
                }
                false => {
                    dropped.add("reasoning");
                    plan.turn_off(takes, dropped);
                }
            }
        }
        Ok(plan)
    }

    fn turn_off(&mut self, takes: &ModelTakes, dropped: &mut Dropped) {
        (self.effort, self.reasons) = (None, false);
        self.thinking = match (takes.reasoning, takes.reasoning_off) {
            (ReasoningForm::None, ReasoningOff::Unknown | ReasoningOff::Taken) => Thinking::Unsaid,
            (_, ReasoningOff::Unknown | ReasoningOff::Taken) => Thinking::Disabled,
            (_, ReasoningOff::BetweenTools) => {
                dropped.add("reasoning");
                self.reasons = true;
                Thinking::BetweenTools
            }
            (form, ReasoningOff::Refused) => {
                dropped.add("reasoning");
                self.reasons = true;
                if form == ReasoningForm::Adaptive {
                    self.effort = Some(takes.efforts.nearest(Effort::Low));
                }
                Thinking::Unsaid
            }
        };
    }

    fn turn_on(&mut self, request: &Request<'_>, takes: &ModelTakes, dropped: &mut Dropped) {
        let reasoning = &request.reasoning;
        let named = reasoning
            .effort
            .or_else(|| reasoning.budget.map(Effort::of_budget));
        let effort = named
            .filter(|effort| *effort != Effort::Adaptive)
            .map(|effort| takes.efforts.nearest(least(effort)));
        self.reasons = true;
        self.thinking = match takes.reasoning {
            ReasoningForm::None => {
                dropped.add("reasoning");
                Thinking::Unsaid
            }
            ReasoningForm::Effort => {
                self.effort = effort;
                Thinking::Unsaid
            }
            ReasoningForm::Adaptive => {
                self.effort = effort;
                Thinking::Adaptive
            }
            ReasoningForm::Unknown
                if named == Some(Effort::Adaptive) && reasoning.budget.is_none() =>
            {
                Thinking::Adaptive
            }
            ReasoningForm::Unknown | ReasoningForm::Budget => {
                let own = named.and_then(Effort::budget);
                let tokens = reasoning.budget.or(own);
                let tokens = tokens.or(Effort::Medium.budget()).unwrap_or(LEAST_BUDGET);
                let tokens = takes.budget.map_or(tokens, |budget| budget.nearest(tokens));
                Thinking::Budget {
                    tokens: tokens.max(LEAST_BUDGET),
                }
            }
        };
    }

    /// Reports whether thinking is on by what is said.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.thinking, Thinking::Budget { .. } | Thinking::Adaptive)
    }

    /// Writes `thinking`.
    pub(super) fn write(&self, json: &mut Json) {
        if self.thinking == Thinking::Unsaid {
            return;
        }
        json.key("thinking").object(|json| {
            match self.thinking {
                Thinking::Unsaid => {}
                Thinking::Disabled => _ = json.key("type").str("disabled"),
                Thinking::BetweenTools => _ = json.key("type").str("between_tools"),
                Thinking::Adaptive => _ = json.key("type").str("adaptive"),
                Thinking::Budget { tokens } => {
                    json.key("type").str("enabled");
                    json.key("budget_tokens").number(tokens);
                }
            }
            // Models that take a budget show their thinking unless something else is said, and
            // older ones know no other word.
            match (self.thinking, self.shown) {
                (Thinking::Adaptive, Some(true)) => _ = json.key("display").str("summarized"),
                (Thinking::Adaptive, Some(false)) => _ = json.key("display").str("omitted"),
                _ => {}
            }
        });
    }
}

/// The name of an effort that the dialect has; it has none below `low`.
const fn least(effort: Effort) -> Effort {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => Effort::Low,
        Effort::Medium | Effort::High | Effort::Xhigh | Effort::Max | Effort::Adaptive => effort,
    }
}
