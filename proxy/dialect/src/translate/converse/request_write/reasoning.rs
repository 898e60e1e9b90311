//! Reasoning, in the members that the makers of models have for it.
//!
//! | maker | member | documented at |
//! |---|---|---|
//! | Claude | `thinking`, `output_config.effort` | <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html> |
//! | Nova 2 | `reasoningConfig` | <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html> |
//! | OpenAI | `reasoning_effort` | <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html> |

use super::{
    super::{
        super::{
            form::{Effort, Request},
            loss::{Dropped, Refused},
            takes::{ModelTakes, ReasoningForm, ReasoningOff},
            target::Target,
        },
        family::Family,
    },
    Writer,
    conversation::Conversation,
};
use crate::json::outlined::Cursor;

/// The smallest budget of thinking that Claude takes.
const LEAST_BUDGET: u64 = 1024;
/// Tokens that are left to answer with.
const LEAST_ANSWER: u64 = 1024;

/// The members of a request for reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    Unsaid,
    /// Claude's, turned off.
    Disabled,
    /// Claude's, where it can't be turned off but between calls.
    BetweenTools,
    /// Claude's, as it finds right.
    Adaptive,
    /// Claude's, so many tokens at most.
    Budget(u64),
    /// Nova's, of an effort.
    Nova(Effort),
    /// OpenAI's, of an effort.
    Openai(Effort),
}

/// The decisions about a request's reasoning, and about all that hangs on it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) thinking: Thinking,
    /// Claude's effort.
    effort: Option<Effort>,
    /// The model reasons, whether it is said or not.
    pub(super) reasons: bool,
    /// The most tokens of the reply, where the caller names them.
    pub(super) max: Option<u64>,
    shown: Option<bool>,
}

impl Plan {
    pub(super) fn of(
        request: &Request<'_>,
        target: &Target<'_>,
        family: Family,
        conversation: &Conversation<'_, '_>,
        dropped: &mut Dropped,
    ) -> Result<Self, Refused> {
        let takes = target.takes;
        let max = match request.max_output {
            Some(number) => {
                let count = Cursor::new(number).count()?;
                let why = "is no number of tokens";
                Some(count.ok_or_else(|| Refused::malformed("max_tokens", why))?)
            }
            None => None,
        };
        let mut plan = Self {
            thinking: Thinking::Unsaid,
            effort: None,
            reasons: takes.reasons_by_default,
            // More than a model generates is refused, and less never cuts what it could have said.
            max: max.map(|max| takes.output.map_or(max, |most| max.min(most))),
            shown: request.reasoning.shown,
        };
        let named = request.reasoning.effort;
        let named = named.or_else(|| request.reasoning.budget.map(Effort::of_budget));
        match (family, named) {
            (_, None) => {}
            (Family::Claude, Some(Effort::None)) => plan.turn_off(takes, dropped),
            (Family::Claude, Some(effort)) => {
                plan.turn_on(effort, request, takes, dropped);
                plan.bound(takes, conversation, dropped);
            }
            (Family::Nova2, Some(effort)) => plan.nova(effort, request, dropped),
            (Family::Openai, Some(effort)) => plan.openai(effort, takes, dropped),
            (Family::Nova | Family::Mistral | Family::Other, Some(Effort::None))
                if !takes.reasons_by_default => {}
            (Family::Nova | Family::Mistral | Family::Other, Some(_)) => dropped.add("reasoning"),
        }
        Ok(plan)
    }

    fn turn_off(&mut self, takes: &ModelTakes, dropped: &mut Dropped) {
        (self.effort, self.reasons) = (None, false);
        self.thinking = match takes.reasoning_off {
            // Off is the default, and older models know no word for it.
            ReasoningOff::Unknown | ReasoningOff::Taken => match takes.reasons_by_default {
                true => Thinking::Disabled,
                false => Thinking::Unsaid,
            },
            ReasoningOff::BetweenTools => {
                dropped.add("reasoning");
                self.reasons = true;
                Thinking::BetweenTools
            }
            ReasoningOff::Refused => {
                dropped.add("reasoning");
                self.reasons = true;
                if takes.reasoning == ReasoningForm::Adaptive {
                    self.effort = Some(takes.efforts.nearest(Effort::Low));
                }
                Thinking::Unsaid
            }
        };
    }

    fn turn_on(
        &mut self,
        named: Effort,
        request: &Request<'_>,
        takes: &ModelTakes,
        dropped: &mut Dropped,
    ) {
        let effort = match named {
            Effort::Adaptive => None,
            // Claude has none below `low`.
            Effort::None | Effort::Minimal | Effort::Low => Some(Effort::Low),
            Effort::Medium | Effort::High | Effort::Xhigh | Effort::Max => Some(named),
        };
        let effort = effort.map(|effort| takes.efforts.nearest(effort));
        let budget = request.reasoning.budget;
        self.reasons = true;
        self.thinking = match takes.reasoning {
            ReasoningForm::None => {
                dropped.add("reasoning");
                self.reasons = takes.reasons_by_default;
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
            ReasoningForm::Unknown if named == Effort::Adaptive && budget.is_none() => {
                Thinking::Adaptive
            }
            ReasoningForm::Unknown | ReasoningForm::Budget => {
                let own = named.budget().or(Effort::Medium.budget());
                let tokens = budget.or(own).unwrap_or(LEAST_BUDGET);
                let tokens = takes.budget.map_or(tokens, |budget| budget.nearest(tokens));
                Thinking::Budget(tokens.max(LEAST_BUDGET))
            }
        };
    }

    /// Keeps a budget below the most tokens of the reply, of which it is a part. Where nobody names
    /// these, Converse takes the model's own limit.
    fn bound(
        &mut self,
        takes: &ModelTakes,
        conversation: &Conversation<'_, '_>,
        dropped: &mut Dropped,
    ) {
        let Thinking::Budget(tokens) = self.thinking else {
            return;
        };
        let max = self.max.or(takes.output);
        let most = max.map_or(u64::MAX, |max| max.saturating_sub(LEAST_ANSWER));
        if most >= LEAST_BUDGET && conversation.takes_budget() {
            self.thinking = Thinking::Budget(tokens.min(most));
        } else {
            dropped.add("reasoning");
            self.turn_off(takes, dropped);
        }
    }

    /// Nova takes three efforts, and with the highest neither a number of tokens nor sampling.
    fn nova(&mut self, effort: Effort, request: &Request<'_>, dropped: &mut Dropped) {
        let is_bounded = request.max_output.is_some()
            || request.temperature.is_some()
            || request.top_p.is_some();
        let effort = match effort {
            Effort::None => return,
            Effort::Minimal | Effort::Low => Effort::Low,
            Effort::Medium | Effort::Adaptive => Effort::Medium,
            Effort::High | Effort::Xhigh | Effort::Max if is_bounded => {
                dropped.add("reasoning");
                Effort::Medium
            }
            Effort::High | Effort::Xhigh | Effort::Max => Effort::High,
        };
        (self.thinking, self.reasons) = (Thinking::Nova(effort), true);
    }

    fn openai(&mut self, effort: Effort, takes: &ModelTakes, dropped: &mut Dropped) {
        let effort = match effort {
            Effort::None | Effort::Minimal | Effort::Low => Effort::Low,
            Effort::Medium | Effort::Adaptive => Effort::Medium,
            Effort::High | Effort::Xhigh | Effort::Max => Effort::High,
        };
        match takes.reasoning {
            ReasoningForm::None => dropped.add("reasoning"),
            ReasoningForm::Unknown
            | ReasoningForm::Effort
            | ReasoningForm::Budget
            | ReasoningForm::Adaptive => self.thinking = Thinking::Openai(effort),
        }
    }

    /// Reports whether Claude thinks by a budget, which a forced tool does not go with.
    pub(super) fn has_budget(&self) -> bool {
        matches!(self.thinking, Thinking::Budget(_))
    }

    /// Reports whether Claude's thinking is turned on, with which it takes hardly any sampling.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.thinking, Thinking::Budget(_) | Thinking::Adaptive)
    }
}

impl Writer<'_, '_> {
    pub(super) fn reasoning(&mut self, plan: &Plan) {
        let json = &mut self.additional;
        match plan.thinking {
            Thinking::Unsaid => {}
            Thinking::Disabled => _ = json.key("thinking").source(r#"{"type":"disabled"}"#),
            Thinking::BetweenTools => {
                json.key("thinking").source(r#"{"type":"between_tools"}"#);
            }
            Thinking::Adaptive => {
                json.key("thinking").object(|json| {
                    json.key("type").str("adaptive");
                    match plan.shown {
                        Some(true) => _ = json.key("display").str("summarized"),
                        Some(false) => _ = json.key("display").str("omitted"),
                        None => {}
                    }
                });
            }
            Thinking::Budget(tokens) => {
                json.key("thinking").object(|json| {
                    json.key("type").str("enabled");
                    json.key("budget_tokens").number(tokens);
                });
            }
            Thinking::Nova(effort) => {
                json.key("reasoningConfig").object(|json| {
                    json.key("type").str("enabled");
                    json.key("maxReasoningEffort").str(effort.name());
                });
            }
            Thinking::Openai(effort) => _ = json.key("reasoning_effort").str(effort.name()),
        }
        if let Some(effort) = plan.effort {
            json.key("output_config")
                .object(|json| _ = json.key("effort").str(effort.name()));
        }
    }
}
