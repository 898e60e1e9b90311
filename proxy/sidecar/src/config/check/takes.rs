//! Members of requests that models take, in `model_facts:`.

use dialect::translate::takes::{
    Budget, Efforts, MaxField, ReasoningForm, ReasoningOff, SystemRole,
};
use route::{ModelFacts, Reasoning, Refusals, Takes};

use super::{Check, facts::MOST_TOKENS};
use crate::config::{
    file::{self, ReasoningFacts, Text},
    problems::Path,
    scalars::listed,
};

/// Forms of reasoning, by their words in a file.
const FORMS: [(&str, ReasoningForm); 4] = [
    ("none", ReasoningForm::None),
    ("effort", ReasoningForm::Effort),
    ("budget", ReasoningForm::Budget),
    ("adaptive", ReasoningForm::Adaptive),
];
/// The least budget of reasoning where none is written: Anthropic's.
const LEAST_TOKENS: u32 = 1024;

impl Check<'_> {
    /// The name under which the tables know a model.
    pub(super) fn like(&mut self, at: &Path, written: Option<&Text>) -> Option<String> {
        let like = self.text(at, written)?;
        if like.contains('*') || ModelFacts::of(&like) == ModelFacts::UNKNOWN {
            self.problem(
                at,
                format!("`{like}` is no model that the tables know; write a name of its provider's, like `gpt-5-mini`"),
            );
        }
        Some(like)
    }

    /// Members and values of a request that the model takes.
    pub(super) fn takes(&mut self, at: &Path, written: &file::ModelFacts) -> Takes {
        let role = [
            ("system", Some(SystemRole::System)),
            ("developer", Some(SystemRole::Developer)),
            ("none", Some(SystemRole::None)),
        ];
        let max = [
            ("max_tokens", Some(MaxField::MaxTokens)),
            ("max_completion_tokens", Some(MaxField::MaxCompletionTokens)),
        ];
        let schemas = [("json_schema", Some(false)), ("openapi", Some(true))];
        let reasoning = written.reasoning.as_ref();
        Takes {
            refuses: self.refuses(&at.key("refuses"), written.refuses.as_deref()),
            reasoning: reasoning.map(|written| self.reasoning(&at.key("reasoning"), written)),
            wants_reasoning_back: *written.wants_reasoning_back,
            system_role: self.word(
                &at.key("system_role"),
                written.system_role.as_ref(),
                None,
                &role,
            ),
            max_field: self.word(&at.key("max_field"), written.max_field.as_ref(), None, &max),
            openapi_schemas: self.word(
                &at.key("tool_schemas"),
                written.tool_schemas.as_ref(),
                None,
                &schemas,
            ),
        }
    }

    fn refuses(&mut self, at: &Path, written: Option<&[Text]>) -> Option<Refusals> {
        let names = self.list(at, written?, |text| {
            let known = Refusals::all_names().find(|name| *name == text);
            known.ok_or_else(|| none_of(text, Refusals::all_names()))
        });
        names
            .into_iter()
            .try_fold(Refusals::default(), Refusals::with)
    }

    fn efforts(&mut self, at: &Path, written: &[Text]) -> Efforts {
        if written.is_empty() {
            self.problem(at, "is empty; name an effort, or leave the key out");
        }
        let names = self.list(at, written, |text| {
            let known = Efforts::all_names().find(|name| *name == text);
            known.ok_or_else(|| none_of(text, Efforts::all_names()))
        });
        let efforts = names
            .into_iter()
            .try_fold(Efforts::default(), Efforts::with);
        efforts.unwrap_or_default()
    }

    fn reasoning(&mut self, at: &Path, written: &ReasoningFacts) -> Reasoning {
        let budget = self.budget(at, written);
        let usual = match budget {
            Some(_) => ReasoningForm::Budget,
            None => ReasoningForm::Effort,
        };
        let form = self.word(&at.key("form"), written.form.as_ref(), usual, &FORMS);
        let efforts = written.efforts.as_ref();
        let efforts = efforts.map(|names| self.efforts(&at.key("efforts"), names));
        if form == ReasoningForm::None && (efforts.is_some() || budget.is_some()) {
            self.problem(
                &at.key("form"),
                "is `none`, and efforts or tokens are written beside it; remove either",
            );
        }
        if form == ReasoningForm::Budget && budget.is_none() {
            self.problem(
                &at.key("form"),
                "is `budget`, and no bound of it is written; write `most_tokens`",
            );
        }
        let taken = match (*written.can_be_off, form, efforts) {
            (Some(can_be_off), _, _) => Some(can_be_off),
            (None, ReasoningForm::Budget | ReasoningForm::Adaptive, _) => Some(true),
            (None, ReasoningForm::Effort, Some(efforts)) => {
                Some(efforts.names().any(|name| name == "none"))
            }
            (None, _, _) => None,
        };
        Reasoning {
            form,
            efforts: efforts.unwrap_or_default(),
            budget,
            off: match taken {
                Some(true) => ReasoningOff::Taken,
                Some(false) => ReasoningOff::Refused,
                None => ReasoningOff::Unknown,
            },
            by_default: written.by_default.unwrap_or_default(),
        }
    }

    fn budget(&mut self, at: &Path, written: &ReasoningFacts) -> Option<Budget> {
        let all = MOST_TOKENS as u32;
        let (least, most) = (written.least_tokens.as_ref(), written.most_tokens.as_ref());
        if least.is_none() && most.is_none() {
            return None;
        }
        let least = self.count(&at.key("least_tokens"), least, "tokens", LEAST_TOKENS, all);
        let most = self.count(&at.key("most_tokens"), most, "tokens", all, all);
        if least > most {
            self.problem(
                &at.key("most_tokens"),
                format!(
                    "is less than the {least} of `least_tokens`; write more here or less there"
                ),
            );
        }
        Some(Budget { least, most })
    }
}

fn none_of(text: &str, names: impl Iterator<Item = &'static str>) -> String {
    let all: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    format!(
        "`{text}` is none of {}; write one of them",
        listed(&all, "and")
    )
}
