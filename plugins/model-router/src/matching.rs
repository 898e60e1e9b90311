//! When a rule applies: all its conditions hold.

use std::collections::BTreeMap;

use outrigger_sdk::{Place, Places, Request};
use regex_lite::Regex;
use serde::Deserialize;

use crate::Texts;

/// The conditions of a rule. Those that are left out hold for every request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Match {
    /// Any of these names the model that is asked for. A request without a model matches none.
    model: Option<Globs>,
    /// Each header has a value that one of its globs matches.
    headers: BTreeMap<String, Globs>,
    /// The same for tags.
    tags: BTreeMap<String, Globs>,
    streaming: Option<bool>,
    input_tokens: Option<Range>,
    /// Whether the request offers the model tools.
    tools: Option<bool>,
    passages: Option<Patterns>,
}

impl Match {
    /// Whether every request matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.model.is_none()
            && self.headers.is_empty()
            && self.tags.is_empty()
            && self.streaming.is_none()
            && self.input_tokens.is_none()
            && self.tools.is_none()
            && self.passages.is_none()
    }

    /// What is cheap to ask comes first.
    pub(crate) fn holds(&self, request: &Request, texts: &mut Texts) -> bool {
        self.model
            .as_ref()
            .is_none_or(|globs| request.model().is_some_and(|model| globs.any(model)))
            && self
                .streaming
                .is_none_or(|streaming| streaming == request.streaming())
            && self
                .tools
                .is_none_or(|tools| tools == (request.tools() > 0))
            && self
                .tags
                .iter()
                .all(|(name, globs)| request.tag(name).is_some_and(|tag| globs.any(&tag)))
            && self.headers.iter().all(|(name, globs)| {
                request
                    .header_values(name)
                    .iter()
                    .any(|value| globs.any(value))
            })
            && self
                .input_tokens
                .as_ref()
                .is_none_or(|range| range.contains(request.input_tokens()))
            && self
                .passages
                .as_ref()
                .is_none_or(|patterns| patterns.hold(texts.of(request)))
    }

    pub(crate) fn reads(&self) -> Places {
        self.passages
            .as_ref()
            .map_or(Places::empty(), Patterns::reads)
    }
}

/// Both ends belong to it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RangeFile")]
struct Range {
    min: u64,
    max: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeFile {
    min: Option<u64>,
    max: Option<u64>,
}

impl TryFrom<RangeFile> for Range {
    type Error = &'static str;
    fn try_from(file: RangeFile) -> Result<Self, Self::Error> {
        match (file.min, file.max) {
            (None, None) => Err("the range has no end: add `min` or `max`"),
            (Some(min), Some(max)) if min > max => {
                Err("no number is in the range: `min` is above `max`")
            }
            (min, max) => Ok(Self {
                min: min.unwrap_or(0),
                max: max.unwrap_or(u64::MAX),
            }),
        }
    }
}

impl Range {
    const fn contains(&self, number: u64) -> bool {
        self.min <= number && number <= self.max
    }
}

/// One glob or several, of which any may match.
#[derive(Debug, Deserialize)]
#[serde(try_from = "OneOrMany")]
struct Globs(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a glob or a list of globs")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Globs {
    type Error = String;
    fn try_from(globs: OneOrMany) -> Result<Self, String> {
        let globs = match globs {
            OneOrMany::One(glob) => vec![glob],
            OneOrMany::Many(globs) => globs,
        };
        if globs.is_empty() {
            return Err("the list is empty, so nothing matches: leave the condition out".into());
        }
        match globs
            .iter()
            .find(|glob| glob.is_empty() || glob.contains(['[', ']', '{', '}']))
        {
            Some(glob) => Err(format!(
                "`{glob}` is no glob: write text with `*` for any characters and `?` for one"
            )),
            None => Ok(Self(globs)),
        }
    }
}

impl Globs {
    fn any(&self, text: &str) -> bool {
        self.0.iter().any(|glob| matches(glob, text))
    }
}

/// `*` is any characters, `?` is one; everything else is itself. Linear but for the last `*`, to which it goes back.
fn matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (wanted, rest) = (glob.clone().next(), text.clone().next());
        match (wanted, rest) {
            (Some('*'), _) => {
                glob.next();
                retry = Some((glob.clone(), text.clone()));
                continue;
            }
            (Some(wanted), Some(got)) if wanted == '?' || wanted == got => {
                glob.next();
                text.next();
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // No way on: the last star takes one character more.
        let Some((after_star, from)) = &mut retry else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (glob, text) = (after_star.clone(), from.clone());
    }
}

/// Patterns over the conversation: each has to be found in some passage of its place.
#[derive(Debug, Deserialize)]
#[serde(try_from = "PatternsFile")]
struct Patterns(Vec<(Place, Regex)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternsFile {
    system: Option<Pattern>,
    user: Option<Pattern>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(pattern: String) -> Result<Self, String> {
        match Regex::new(&pattern) {
            Ok(_) if pattern.is_empty() => {
                Err("the pattern is empty: leave the condition out".into())
            }
            Ok(regex) => Ok(Self(regex)),
            Err(error) => Err(format!("`{pattern}` is no regular expression: {error}")),
        }
    }
}

impl TryFrom<PatternsFile> for Patterns {
    type Error = &'static str;
    fn try_from(file: PatternsFile) -> Result<Self, Self::Error> {
        let patterns: Vec<(Place, Regex)> =
            [(Place::System, file.system), (Place::User, file.user)]
                .into_iter()
                .filter_map(|(place, pattern)| Some((place, pattern?.0)))
                .collect();
        if patterns.is_empty() {
            Err("no pattern is given: add `system` or `user`")
        } else {
            Ok(Self(patterns))
        }
    }
}

impl Patterns {
    fn hold(&self, texts: &[(Place, String)]) -> bool {
        self.0.iter().all(|(place, pattern)| {
            texts
                .iter()
                .any(|(at, text)| at == place && pattern.is_match(text))
        })
    }

    fn reads(&self) -> Places {
        self.0.iter().fold(Places::empty(), |places, (place, _)| {
            places
                | if *place == Place::System {
                    Places::SYSTEM
                } else {
                    Places::USER
                }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_is_one() {
        for (glob, text, expected) in [
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "gpt-5-mini", false),
            ("gpt-5*", "gpt-5", true),
            ("gpt-?", "gpt-é", true),
            ("gpt-?", "gpt-", false),
            ("*", "", true),
            ("*mini*", "gpt-5-mini-2", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-c-", false),
            ("**a", "ba", true),
            ("*ab", "aab", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(glob, text), expected, "`{glob}` on `{text}`");
        }
    }

    #[test]
    fn a_glob_of_many_stars_does_not_explode() {
        // A matcher that tried every way would not end within a lifetime.
        assert!(!matches(&"*a".repeat(30), &("a".repeat(3000) + "b")));
    }
}
