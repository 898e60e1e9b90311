//! Facts of a model's requests, beyond what its dialect can say.

use super::form::Effort;

/// Members and values that a model takes. Of an unknown one nothing is known, and it is sent what
/// its dialect can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelTakes {
    /// Tokens that it generates at most.
    pub output: Option<u64>,
    /// It refuses `temperature`, but for 1.
    pub refuses_temperature: bool,
    /// It refuses `top_p`.
    pub refuses_top_p: bool,
    /// It refuses `top_k`.
    pub refuses_top_k: bool,
    /// It refuses `temperature` and `top_p` together.
    pub refuses_temperature_with_top_p: bool,
    /// It refuses `temperature` and `top_p` where it reasons: unless its effort is `none`, or none
    /// is named and it does not [reason by default](Self::reasons_by_default).
    pub refuses_sampling_with_reasoning: bool,
    /// It refuses penalties.
    pub refuses_penalties: bool,
    /// It refuses texts to stop at.
    pub refuses_stop: bool,
    /// It refuses a conversation that ends with the model's own turn.
    pub refuses_prefill: bool,
    /// It refuses the member that says whether it may call several tools at once.
    pub refuses_parallel: bool,
    /// It refuses to be made to call a tool, whatever it reasons.
    pub refuses_forced_tools: bool,
    /// It takes no JSON schema for its text.
    pub refuses_json_schema: bool,
    /// Readable reasoning must not go back to it (DeepSeek R1).
    pub refuses_reasoning_back: bool,
    /// Readable reasoning goes back with each of the model's turns (DeepSeek V4).
    pub wants_reasoning_back: bool,
    /// It takes function tools together with reasoning in the Responses API only.
    pub tools_with_reasoning_in_responses_only: bool,
    /// It takes schemas of tools as OpenAPI subsets only (Gemini before 2.5).
    pub openapi_schemas: bool,
    /// The role of its instructions.
    pub system_role: SystemRole,
    /// The member of `openai.chat` for its most tokens of output.
    pub max_field: MaxField,
    /// Its forms of reasoning.
    pub reasoning: ReasoningForm,
    /// The efforts that it takes by name; none of them: it is not known which.
    pub efforts: Efforts,
    /// Tokens that it takes as a budget of reasoning.
    pub budget: Option<Budget>,
    /// The means by which it is kept from reasoning.
    pub reasoning_off: ReasoningOff,
    /// It reasons where a request says nothing of it.
    pub reasons_by_default: bool,
}

/// A member of [`ModelTakes`] that says what the model refuses.
pub type Refusal = fn(&mut ModelTakes) -> &mut bool;

/// The names, in the table of models and in configuration, of what a model may refuse.
pub const REFUSALS: [(&str, Refusal); 13] = [
    ("temperature", |takes| &mut takes.refuses_temperature),
    ("top_p", |takes| &mut takes.refuses_top_p),
    ("top_k", |takes| &mut takes.refuses_top_k),
    ("temperature_with_top_p", |takes| {
        &mut takes.refuses_temperature_with_top_p
    }),
    ("sampling_with_reasoning", |takes| {
        &mut takes.refuses_sampling_with_reasoning
    }),
    ("penalties", |takes| &mut takes.refuses_penalties),
    ("stop", |takes| &mut takes.refuses_stop),
    ("prefill", |takes| &mut takes.refuses_prefill),
    ("parallel_tools", |takes| &mut takes.refuses_parallel),
    ("forced_tools", |takes| &mut takes.refuses_forced_tools),
    ("json_schema", |takes| &mut takes.refuses_json_schema),
    ("reasoning_back", |takes| &mut takes.refuses_reasoning_back),
    ("chat_tools_with_reasoning", |takes| {
        &mut takes.tools_with_reasoning_in_responses_only
    }),
];

/// The role of a model's instructions, where several are thinkable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SystemRole {
    /// As its server has it.
    #[default]
    Unknown,
    /// `system`.
    System,
    /// `developer`, where its server knows that role.
    Developer,
    /// None: instructions stand in the user's first text.
    None,
}

/// The member of `openai.chat` for a model's most tokens of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxField {
    /// As its server has it.
    #[default]
    Unknown,
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// The form in which a model is given its effort of reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningForm {
    /// As its dialect usually says it.
    #[default]
    Unknown,
    /// By nothing: it does not reason, or as much as it likes.
    None,
    /// By the name of an effort; Gemini's `thinkingLevel`.
    Effort,
    /// By a budget of tokens.
    Budget,
    /// Adaptive, with the name of an effort.
    Adaptive,
}

/// The means by which a model is kept from reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningOff {
    /// As its dialect usually says it.
    #[default]
    Unknown,
    /// As its dialect says it: an effort of `none`, `thinking` that is `disabled`, a budget of 0.
    Taken,
    /// `thinking` that is `between_tools` is the least (Claude Sonnet from 5.5 on).
    BetweenTools,
    /// It can't be: the least effort is the least.
    Refused,
}

/// Tokens that a model takes as a budget of reasoning; 0 for none is taken or refused besides:
/// [`ReasoningOff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The fewest.
    pub least: u32,
    /// The most.
    pub most: u32,
}

impl Budget {
    /// The nearest budget that is taken.
    pub fn nearest(self, tokens: u64) -> u64 {
        tokens.min(self.most.into()).max(self.least.into())
    }
}

/// A set of efforts' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Efforts(u8);

impl Efforts {
    /// The names that there are, in order.
    pub fn all_names() -> impl Iterator<Item = &'static str> {
        let named = Effort::ALL.iter().map(|(effort, name)| (*effort, *name));
        named.filter_map(|(effort, name)| (effort != Effort::Adaptive).then_some(name))
    }

    /// The set with the effort of this name in it; `None` where there is none.
    #[must_use]
    pub fn with(self, name: &str) -> Option<Self> {
        let at = Self::all_names().position(|known| known == name)?;
        Some(Self(self.0 | 1 << at))
    }

    /// The set of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether it is not known which are taken.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its names, in order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = Self::all_names().enumerate();
        all.filter_map(move |(at, name)| (self.0 & 1 << at != 0).then_some(name))
    }

    /// Returns whether `effort` is taken: anything, where it is not known what is.
    pub(crate) fn takes(self, effort: Effort) -> bool {
        self.is_empty() || self.0 & 1 << effort as u8 != 0
    }

    /// The nearest effort that is taken: this very one, else the next below that is not `none`,
    /// else the next above.
    pub(crate) fn nearest(self, effort: Effort) -> Effort {
        if effort == Effort::Adaptive || self.takes(effort) {
            return effort;
        }
        let taken = |one: &Effort| self.takes(*one);
        let names = || Effort::ALL.iter().map(|(one, _)| *one);
        let below = names().filter(|one| *one < effort && *one != Effort::None);
        let above = names().filter(|one| *one > effort && *one != Effort::Adaptive);
        below
            .rev()
            .find(taken)
            .or_else(|| above.into_iter().find(taken))
            .unwrap_or(effort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn efforts(names: &str) -> Efforts {
        let none = Efforts::default();
        names
            .split(' ')
            .fold(none, |all, name| all.with(name).unwrap_or_default())
    }

    #[test]
    fn an_effort_becomes_the_nearest_one_that_is_taken_and_is_never_turned_off() {
        let nearest = |names: &str, effort| efforts(names).nearest(effort);
        let all = Efforts::all_names().collect::<Vec<_>>().join(" ");
        for (effort, _) in Effort::ALL {
            assert_eq!(nearest(&all, effort), effort);
            assert_eq!(Efforts::default().nearest(effort), effort);
        }
        assert_eq!(nearest("low medium high", Effort::Max), Effort::High);
        assert_eq!(nearest("low medium high", Effort::Minimal), Effort::Low);
        assert_eq!(nearest("low medium high", Effort::None), Effort::Low);
        assert_eq!(nearest("none high", Effort::Low), Effort::High);
        assert_eq!(nearest("none high", Effort::None), Effort::None);
        assert_eq!(nearest("high", Effort::Adaptive), Effort::Adaptive);
        assert_eq!(nearest("none", Effort::Low), Effort::Low);
    }

    #[test]
    fn a_set_of_efforts_has_the_names_that_were_put_in() {
        let some = efforts("high none");
        assert_eq!(some.names().collect::<Vec<_>>(), ["none", "high"]);
        assert!(some.takes(Effort::None) && !some.takes(Effort::Low));
        assert_eq!(some.with("adaptive"), None);
        assert_eq!(Efforts::all_names().count(), 7);
    }

    #[test]
    fn a_budget_is_kept_within_its_bounds() {
        let budget = Budget {
            least: 128,
            most: 32_768,
        };
        assert_eq!(
            [0, 1024, 99_999].map(|tokens| budget.nearest(tokens)),
            [128, 1024, 32_768]
        );
    }

    #[test]
    fn every_refusal_has_a_name_and_a_member_of_its_own() {
        for (at, (name, member)) in REFUSALS.iter().enumerate() {
            let mut takes = ModelTakes::default();
            *member(&mut takes) = true;
            for (other, (_, member)) in REFUSALS.iter().enumerate() {
                assert_eq!(*member(&mut takes), at == other, "{name}");
            }
        }
        let mut names = REFUSALS.map(|(name, _)| name);
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, other| one < other));
    }
}
