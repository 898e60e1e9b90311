//! The conditions of a rule: it applies if all of them hold.

use std::collections::BTreeMap;

use outrigger_sdk::{
    Passage, Place, Places, Request,
    settings::{Globs, Pattern},
};
use serde::Deserialize;

use crate::Texts;

/// The conditions of a rule. Those that are left out hold for every request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Match {
    /// Any of these names the requested model. A request without a model matches none.
    model: Option<Globs>,
    /// Each header has a value that one of its globs matches.
    headers: BTreeMap<String, Globs>,
    /// The same for tags.
    tags: BTreeMap<String, Globs>,
    streaming: Option<bool>,
    input_tokens: Option<Range>,
    /// True for requests that offer the model tools, false for those that do not.
    tools: Option<bool>,
    /// True for requests with images, false for those without.
    images: Option<bool>,
    passages: Option<Patterns>,
}

impl Match {
    /// True if every request matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.model.is_none()
            && self.headers.is_empty()
            && self.tags.is_empty()
            && self.streaming.is_none()
            && self.input_tokens.is_none()
            && self.tools.is_none()
            && self.images.is_none()
            && self.passages.is_none()
    }

    /// True if all conditions hold. Cheap ones are checked first.
    pub(crate) fn holds(&self, request: &Request, texts: &mut Texts) -> bool {
        self.model.as_ref().is_none_or(|globs| {
            request
                .model()
                .is_some_and(|model| globs.matches_model(model))
        }) && self
            .streaming
            .is_none_or(|streaming| streaming == request.streaming())
            && self
                .tools
                .is_none_or(|tools| tools != request.tools().is_empty())
            && self
                .images
                .is_none_or(|images| images == (request.images() > 0))
            && self
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

/// Patterns over the conversation: each has to be found in some passage of its place.
#[derive(Debug, Deserialize)]
#[serde(try_from = "PatternsFile")]
struct Patterns(Vec<(Place, Pattern)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternsFile {
    system: Option<Pattern>,
    user: Option<Pattern>,
}

impl TryFrom<PatternsFile> for Patterns {
    type Error = &'static str;
    fn try_from(file: PatternsFile) -> Result<Self, Self::Error> {
        let patterns: Vec<(Place, Pattern)> =
            [(Place::System, file.system), (Place::User, file.user)]
                .into_iter()
                .filter_map(|(place, pattern)| Some((place, pattern?)))
                .collect();
        if patterns.is_empty() {
            Err("no pattern is given: add `system` or `user`")
        } else {
            Ok(Self(patterns))
        }
    }
}

impl Patterns {
    fn hold(&self, texts: &[Passage]) -> bool {
        self.0.iter().all(|(place, pattern)| {
            texts
                .iter()
                .any(|text| text.place == *place && pattern.is_match(&text.text))
        })
    }

    fn reads(&self) -> Places {
        self.0
            .iter()
            .fold(Places::empty(), |places, (place, _)| places | place.alone())
    }
}
