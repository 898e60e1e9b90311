//! The effort of reasoning, as a target is sent it: `thinkingLevel` from Gemini 3 on,
//! `thinkingBudget` before (<https://ai.google.dev/gemini-api/docs/thinking>).

use super::request_write::Draft;
use crate::translate::{
    form::Effort,
    json::Json,
    takes::{ReasoningForm, ReasoningOff},
};

/// The most tokens of reasoning that every model of Gemini 2.5 takes as a budget.
const MOST: u64 = 24_576;
/// The fewest of Gemini 2.5 Pro, which always reasons.
const LEAST_OF_PRO: u64 = 128;

impl Draft<'_, '_, '_> {
    /// Writes how much the model is to reason, into `generationConfig`.
    pub(super) fn thinking(&mut self, out: &mut Json) {
        let reasoning = &self.request.reasoning;
        let (effort, budget) = (reasoning.effort, reasoning.budget);
        let shown = reasoning.shown.or(reasoning.summary.as_ref().map(|_| true));
        let by_level = match self.target.takes.reasoning {
            ReasoningForm::Effort | ReasoningForm::Adaptive => true,
            ReasoningForm::Budget => false,
            ReasoningForm::Unknown => self.generation.is_some_and(|number| number >= 3),
            ReasoningForm::None => {
                let is_off = self.target.takes.reasoning_off == ReasoningOff::Refused;
                let taken = budget.is_none()
                    && match effort {
                        Some(Effort::None) => !is_off,
                        effort => effort.is_none(),
                    };
                if !taken {
                    self.dropped.add("reasoning");
                }
                return;
            }
        };
        let mut config = Json::default();
        config.object(|out| {
            if by_level {
                let effort = effort.or(budget.map(Effort::of_budget));
                if let Some(level) = effort.and_then(|effort| self.level(effort)) {
                    out.key("thinkingLevel").str(level);
                }
            } else if let Some(budget) = budget.or(effort.and_then(Effort::budget)) {
                out.key("thinkingBudget").number(self.budget(budget));
            } else if effort == Some(Effort::Adaptive) {
                out.key("thinkingBudget").source("-1");
            }
            if let Some(shown) = shown {
                out.key("includeThoughts").boolean(shown);
            }
        });
        if config.0 != b"{}" {
            out.key("thinkingConfig").source(&config.0);
        }
    }

    /// The level that stands for an effort. From Gemini 3 on there is none for no reasoning, and
    /// `minimal` is Flash's.
    fn level(&mut self, effort: Effort) -> Option<&'static str> {
        let efforts = self.target.takes.efforts;
        let least = match efforts.is_empty() && !self.target.model.contains("flash") {
            true => Effort::Low,
            false => Effort::Minimal,
        };
        if effort == Effort::None {
            self.dropped.add("reasoning");
        }
        match efforts.nearest(effort.max(least)) {
            Effort::None | Effort::Minimal => Some("MINIMAL"),
            Effort::Low => Some("LOW"),
            Effort::Medium => Some("MEDIUM"),
            Effort::High | Effort::Xhigh | Effort::Max => Some("HIGH"),
            Effort::Adaptive => None,
        }
    }

    /// The nearest budget that the model takes.
    fn budget(&mut self, budget: u64) -> u64 {
        let takes = self.target.takes;
        let always = match takes.reasoning_off {
            ReasoningOff::Unknown => self.target.model.contains("2.5-pro"),
            ReasoningOff::Taken => false,
            ReasoningOff::BetweenTools | ReasoningOff::Refused => true,
        };
        match (budget, takes.budget) {
            (0, _) if !always => 0,
            (_, Some(bounds)) => {
                if budget == 0 {
                    self.dropped.add("reasoning");
                }
                bounds.nearest(budget)
            }
            (0, None) => {
                self.dropped.add("reasoning");
                LEAST_OF_PRO
            }
            (_, None) => budget.min(MOST),
        }
    }
}
