//! The conditions of a rule: it answers if all of them hold.

use std::collections::BTreeMap;

use outrigger_sdk::{
    Request,
    settings::{Globs, Pattern},
};
use serde::Deserialize;

use crate::Said;

/// The conditions of a rule. Those that are left out hold for every request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct When {
    /// The user's last message is one of these, in any case and without blanks and punctuation
    /// around it.
    pub(crate) exact: Option<Phrases>,
    /// It has one of these in it, as whole words and in any case.
    pub(crate) contains: Option<Phrases>,
    /// It matches.
    pub(crate) pattern: Option<Pattern>,
    /// Nobody spoke before.
    first: Option<bool>,
    /// Any of these globs names the requested model.
    model: Option<Globs>,
    /// Each header has a value that one of its globs matches.
    headers: BTreeMap<String, Globs>,
    /// The same for tags; those of policies before this one.
    tags: BTreeMap<String, Globs>,
    /// True for requests that offer tools, which an app may count on being called; false for those
    /// that do not.
    tools: Option<bool>,
}

impl When {
    /// True if all conditions hold. Cheap ones are checked first.
    pub(crate) fn holds(&self, request: &Request, said: &mut Said) -> bool {
        self.model.as_ref().is_none_or(|globs| {
            request
                .model()
                .is_some_and(|model| globs.matches_model(model))
        }) && self
            .tags
            .iter()
            .all(|(name, globs)| request.tag(name).is_some_and(|tag| globs.matches(&tag)))
            && self.headers.iter().all(|(name, globs)| {
                request
                    .header_values(name)
                    .iter()
                    .any(|value| globs.matches(value))
            })
            && self
                .tools
                .is_none_or(|tools| tools != request.tools().is_empty())
            && (!self.asks_for_words() || self.words_hold(request, said))
    }

    fn words_hold(&self, request: &Request, said: &mut Said) -> bool {
        let Some(message) = said.last(request) else {
            return false;
        };
        self.first.is_none_or(|first| first == message.first)
            && self
                .exact
                .as_ref()
                .is_none_or(|phrases| phrases.are(message.plain()))
            && self
                .contains
                .as_ref()
                .is_none_or(|phrases| phrases.are_in(message.plain()))
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&message.text))
    }

    fn asks_for_words(&self) -> bool {
        self.exact.is_some()
            || self.contains.is_some()
            || self.pattern.is_some()
            || self.first.is_some()
    }

    /// True if the conversation has to be read; tools are counted only of one that is.
    pub(crate) fn reads(&self) -> bool {
        self.asks_for_words() || self.tools.is_some()
    }

    /// True if every request matches.
    pub(crate) fn is_empty(&self) -> bool {
        !self.reads() && !self.asks_for_more_than_words()
    }

    /// True if it depends on anything besides what the user said.
    pub(crate) fn asks_for_more_than_words(&self) -> bool {
        self.model.is_some()
            || !self.headers.is_empty()
            || !self.tags.is_empty()
            || self.tools.is_some()
            || self.first.is_some()
    }
}

/// One phrase or several, of which any may match; as they are compared.
#[derive(Debug, Deserialize)]
#[serde(try_from = "OneOrMany")]
pub(crate) struct Phrases(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Phrases {
    type Error = String;
    fn try_from(texts: OneOrMany) -> Result<Self, String> {
        let texts = match texts {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        };
        let phrases: Vec<String> = texts.iter().map(|text| plain(text)).collect();
        if phrases.is_empty() {
            return Err("the list is empty, so nothing matches: leave the condition out".into());
        }
        for (at, phrase) in phrases.iter().enumerate() {
            if phrase.is_empty() {
                return Err(format!(
                    "[{at}]: there is no letter in it that could be looked for"
                ));
            }
            if phrases.iter().take(at).any(|earlier| earlier == phrase) {
                return Err(format!(
                    "[{at}]: reads the same as an earlier one: leave it out"
                ));
            }
        }
        Ok(Self(phrases))
    }
}

impl Phrases {
    fn are(&self, plain: &str) -> bool {
        self.0.iter().any(|phrase| phrase == plain)
    }

    fn are_in(&self, plain: &str) -> bool {
        self.0.iter().any(|phrase| has_words(plain, phrase))
    }
}

/// True if one text has another in it, as whole words. Both are plain.
pub(crate) fn has_words(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, found)| {
        let before = text
            .get(..at)
            .is_some_and(|before| before.is_empty() || before.ends_with(' '));
        before
            && text
                .get(at + found.len()..)
                .is_some_and(|behind| behind.is_empty() || behind.starts_with(' '))
    })
}

/// Words in lower case with one blank between them: `  Hello,  THERE!` is `hello there`.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
    {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_and_punctuation() {
        assert_eq!(
            plain("  Hello,  THERE! Ça-va? don't"),
            "hello there ça va don't"
        );
        assert!(has_words(
            "what are your opening hours today",
            "opening hours"
        ));
        assert!(!has_words("reopening hours", "opening hours"));
        assert!(has_words("aa a", "a"));
    }
}
