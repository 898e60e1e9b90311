//! The members and values of requests that a model takes, as far as it is known: what it refuses,
//! how it reasons, what its instructions and limits are called.
//!
//! The built-in table says it in words ([`Takes::of_words`], see `data/README.md`), configuration
//! by its keys. Translation is given the [`ModelTakes`] of both.

use dialect::translate::takes::{
    Budget, Efforts, MaxField, ModelTakes, REFUSALS, ReasoningForm, ReasoningOff, SystemRole,
};

/// Members and values that a model takes, where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Takes {
    /// All that it refuses.
    pub refuses: Option<Refusals>,
    /// Form and bounds of its reasoning.
    pub reasoning: Option<Reasoning>,
    /// Readable reasoning goes back with each of its turns.
    pub wants_reasoning_back: Option<bool>,
    /// The role of its instructions.
    pub system_role: Option<SystemRole>,
    /// The member for its most tokens of output.
    pub max_field: Option<MaxField>,
    /// It takes schemas of tools as OpenAPI subsets only.
    pub openapi_schemas: Option<bool>,
}

/// Form and bounds of a model's reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// The form of the effort that it is given.
    pub form: ReasoningForm,
    /// The efforts that it takes; none: it is not known which.
    pub efforts: Efforts,
    /// The budget that it takes, in tokens.
    pub budget: Option<Budget>,
    /// The means by which it is kept from reasoning.
    pub off: ReasoningOff,
    /// It reasons where a request says nothing of it.
    pub by_default: bool,
}

/// A set of what a model may refuse: rows of [`REFUSALS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals(u16);

const _: () = assert!(REFUSALS.len() <= 16);

impl Refusals {
    /// The names that there are.
    pub fn all_names() -> impl Iterator<Item = &'static str> {
        REFUSALS.iter().map(|(name, _)| *name)
    }

    /// The set with the refusal of this name in it; `None` where there is none.
    #[must_use]
    pub fn with(self, name: &str) -> Option<Self> {
        let at = Self::all_names().position(|known| known == name)?;
        Some(Self(self.0 | 1 << at))
    }

    /// Its names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = Self::all_names().enumerate();
        all.filter_map(move |(at, name)| (self.0 & 1 << at != 0).then_some(name))
    }
}

impl Takes {
    /// Those of a model of which nothing is known.
    pub const UNKNOWN: Self = Self {
        refuses: None,
        reasoning: None,
        wants_reasoning_back: None,
        system_role: None,
        max_field: None,
        openapi_schemas: None,
    };

    /// The words of a line of the table. Words that are none count for nothing; a test finds them.
    pub(super) fn of_words(words: &str) -> Self {
        let mut takes = Self::UNKNOWN;
        for word in words.split(' ') {
            takes.read(word);
        }
        takes
    }

    /// Notes a word; `None` where it is none.
    fn read(&mut self, word: &str) -> Option<()> {
        let (word, values) = word.split_once('=').unwrap_or((word, ""));
        let reasoning = self.reasoning.unwrap_or_default();
        let efforts = || {
            values
                .split(',')
                .try_fold(Efforts::default(), Efforts::with)
        };
        match word {
            "refuses" => {
                let refuses = (values.split(',')).try_fold(Refusals::default(), Refusals::with)?;
                self.refuses = Some(refuses);
            }
            "unsteered" => self.reasoning = Some(reasoning.formed(ReasoningForm::None)),
            "effort" => {
                let efforts = efforts()?;
                let off = match efforts.names().any(|name| name == "none") {
                    true => ReasoningOff::Taken,
                    false => ReasoningOff::Refused,
                };
                let reasoning = reasoning.formed(ReasoningForm::Effort);
                self.reasoning = Some(Reasoning {
                    efforts,
                    off,
                    ..reasoning
                });
            }
            "adaptive" => {
                let efforts = efforts()?;
                let off = ReasoningOff::Taken;
                let reasoning = reasoning.formed(ReasoningForm::Adaptive);
                self.reasoning = Some(Reasoning {
                    efforts,
                    off,
                    ..reasoning
                });
            }
            "efforts" => {
                self.reasoning = Some(Reasoning {
                    efforts: efforts()?,
                    ..reasoning
                })
            }
            "budget" => {
                let (least, most) = values.split_once('-')?;
                let (least, most) = (least.parse().ok()?, most.parse().ok()?);
                // a model that is adaptive takes a budget besides
                let form = match reasoning.form {
                    ReasoningForm::Adaptive => ReasoningForm::Adaptive,
                    _ => ReasoningForm::Budget,
                };
                let budget = Some(Budget { least, most });
                let off = ReasoningOff::Taken;
                self.reasoning = Some(Reasoning {
                    form,
                    budget,
                    off,
                    ..reasoning
                });
            }
            "always" => {
                let off = ReasoningOff::Refused;
                self.reasoning = Some(Reasoning {
                    off,
                    by_default: true,
                    ..reasoning
                });
            }
            "between_tools" => {
                let off = ReasoningOff::BetweenTools;
                self.reasoning = Some(Reasoning {
                    off,
                    by_default: true,
                    ..reasoning
                });
            }
            "by_default" => {
                self.reasoning = Some(Reasoning {
                    by_default: true,
                    ..reasoning
                })
            }
            "back" => self.wants_reasoning_back = Some(true),
            "system" => self.system_role = Some(SystemRole::System),
            "developer" => self.system_role = Some(SystemRole::Developer),
            "no_system" => self.system_role = Some(SystemRole::None),
            "max_tokens" => self.max_field = Some(MaxField::MaxTokens),
            "max_completion_tokens" => self.max_field = Some(MaxField::MaxCompletionTokens),
            "openapi" => self.openapi_schemas = Some(true),
            _ => return None,
        }
        Some(())
    }

    /// These, where `own` does not say otherwise.
    #[must_use]
    pub fn overridden_by(self, own: Self) -> Self {
        Self {
            refuses: own.refuses.or(self.refuses),
            reasoning: own.reasoning.or(self.reasoning),
            wants_reasoning_back: own.wants_reasoning_back.or(self.wants_reasoning_back),
            system_role: own.system_role.or(self.system_role),
            max_field: own.max_field.or(self.max_field),
            openapi_schemas: own.openapi_schemas.or(self.openapi_schemas),
        }
    }

    /// The form in which translation is given them, with the most tokens of `output`.
    pub fn resolved(self, output: Option<u64>) -> ModelTakes {
        let Reasoning {
            form,
            efforts,
            budget,
            off,
            by_default,
        } = self.reasoning.unwrap_or_default();
        let mut takes = ModelTakes {
            output,
            wants_reasoning_back: self.wants_reasoning_back.unwrap_or_default(),
            openapi_schemas: self.openapi_schemas.unwrap_or_default(),
            system_role: self.system_role.unwrap_or_default(),
            max_field: self.max_field.unwrap_or_default(),
            reasoning: form,
            efforts,
            budget,
            reasoning_off: off,
            reasons_by_default: by_default,
            ..ModelTakes::default()
        };
        let refuses = self.refuses.unwrap_or_default();
        for (at, (_, member)) in REFUSALS.iter().enumerate() {
            if refuses.0 & 1 << at != 0 {
                *member(&mut takes) = true;
            }
        }
        takes
    }
}

impl Reasoning {
    const fn formed(self, form: ReasoningForm) -> Self {
        Self { form, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_none_is_found() {
        for word in [
            "",
            "refuse=stop",
            "refuses=",
            "refuses=x",
            "effort=",
            "effort=lots",
            "budget",
        ] {
            assert_eq!(Takes::default().read(word), None, "{word}");
        }
        assert_eq!(Takes::of_words("x budget=1"), Takes::UNKNOWN);
    }

    #[test]
    fn every_word_of_the_table_is_one() {
        for line in super::super::builtin::TAKES.lines() {
            let mut takes = Takes::default();
            for word in line.split(' ').skip(1) {
                assert_eq!(takes.read(word), Some(()), "{line}");
            }
            assert_eq!(
                Some(takes),
                line.split_once(' ')
                    .map(|(_, words)| Takes::of_words(words))
            );
        }
    }

    #[test]
    fn words_become_what_translation_is_given() {
        let takes = Takes::of_words(
            "adaptive=low,max budget=1024-2048 refuses=temperature,prefill,forced_tools by_default \
             developer max_completion_tokens",
        );
        let resolved = takes.resolved(Some(4096));
        assert_eq!(resolved.output, Some(4096));
        assert!(resolved.refuses_temperature && resolved.refuses_prefill);
        assert!(resolved.refuses_forced_tools && resolved.reasons_by_default);
        assert!(!resolved.refuses_top_p && !resolved.refuses_stop);
        assert_eq!(resolved.reasoning, ReasoningForm::Adaptive);
        assert_eq!(
            resolved.budget,
            Some(Budget {
                least: 1024,
                most: 2048
            })
        );
        assert_eq!(resolved.efforts.names().collect::<Vec<_>>(), ["low", "max"]);
        assert_eq!(resolved.system_role, SystemRole::Developer);
        assert_eq!(resolved.max_field, MaxField::MaxCompletionTokens);
        assert_eq!(Takes::UNKNOWN.resolved(None), ModelTakes::default());
    }

    #[test]
    fn what_is_said_replaces_what_is_known_and_leaves_the_rest() {
        let known = Takes::of_words("effort=low,high refuses=stop,top_k developer");
        let own = Takes::of_words("refuses=top_p");
        let both = known.overridden_by(own);
        assert_eq!(both.refuses, own.refuses);
        assert_eq!(
            (both.reasoning, both.system_role),
            (known.reasoning, known.system_role)
        );
    }
}
