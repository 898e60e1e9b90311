//! Filters: the targets that would have to refuse a request, and those that may not be sent it.

use std::{
    cell::{Cell, OnceCell},
    sync::Arc,
    time::Instant,
};

use dialect::{Dialect, request::Needs, translate::Wire};

use super::{Properties, Request, Standing, Translation, Upstream, choose::Subject};
use crate::{Admits, Endpoints, ModelFacts, State};

/// A reason for which a target is no candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclusion {
    /// The app's credentials are for the host that it dialled, and this upstream has none of its
    /// own.
    NoKey,
    /// The upstream is of another family than the request, which is written in this dialect.
    OtherFamily(&'static str),
    /// The model is not served at the endpoint of this dialect.
    Endpoint(&'static str),
    /// The call, with what it may generate, has more tokens than the model's window.
    Window {
        /// The call's tokens, by estimate, and the limit that it sets on generated ones.
        tokens: u64,
        /// The model's.
        window: u64,
    },
    /// The call may generate more tokens than the model can.
    Output {
        /// The limit that the call sets.
        tokens: u64,
        /// The model's.
        most: u64,
    },
    /// The target speaks other dialects, and the request can't be translated: the end of a sentence
    /// that names the field.
    Untranslatable(Arc<str>),
    /// The model takes no tools.
    Tools,
    /// The model takes no images.
    Images,
    /// The model takes no sound.
    Audio,
    /// The model takes no files.
    Files,
    /// The exchange carries none of the tags that the target is for (`where`).
    Condition,
    /// The exchange would cost more there than the alias allows.
    Price,
    /// A policy rules it out.
    ByPolicy,
    /// It was tried.
    Tried,
    /// Its breaker is open.
    Open {
        /// The time at which it lets a probe pass.
        until: Option<Instant>,
    },
    /// Its provider's limits leave no room.
    Limited {
        /// The time at which there is room again.
        until: Option<Instant>,
    },
}

impl Exclusion {
    /// Its name, of a bounded set.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::OtherFamily(_) => "other_family",
            Self::Endpoint(_) => "endpoint",
            Self::Window { .. } => "window",
            Self::Output { .. } => "output",
            Self::Untranslatable(_) => "untranslatable",
            Self::Tools => "tools",
            Self::Images => "images",
            Self::Audio => "audio",
            Self::Files => "files",
            Self::Condition => "condition",
            Self::Price => "price",
            Self::ByPolicy => "policy",
            Self::Tried => "tried",
            Self::Open { .. } => "open",
            Self::Limited { .. } => "limited",
        }
    }

    /// The end of what passes by itself, where it is known.
    pub const fn until(&self) -> Option<Instant> {
        match self {
            Self::Open { until } | Self::Limited { until } => *until,
            _ => None,
        }
    }

    /// Returns whether it passes by itself: a call that waits may find the target a candidate.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Limited { .. })
    }

    /// Returns whether it is the request, as it is written, that the target can't take.
    pub const fn is_requests(&self) -> bool {
        matches!(
            self,
            Self::Endpoint(_)
                | Self::Window { .. }
                | Self::Output { .. }
                | Self::Untranslatable(_)
                | Self::Tools
                | Self::Images
                | Self::Audio
                | Self::Files
        )
    }

    /// The reason as the end of a sentence that begins with the target's name.
    pub fn words(&self, now: Instant) -> String {
        let further = |what: &str, until: &Option<Instant>| match until {
            Some(until) => {
                let left = until.saturating_duration_since(now).as_secs_f64().ceil();
                format!("{what} for another {left} s")
            }
            None => what.to_owned(),
        };
        match self {
            Self::NoKey => "has no key of its own".to_owned(),
            Self::OtherFamily(dialect) => format!("does not speak {dialect}"),
            Self::Endpoint(dialect) => format!("is not served as {dialect}"),
            Self::Window { tokens, window } => {
                format!("takes {window} tokens, and this request needs about {tokens}")
            }
            Self::Output { tokens, most } => {
                format!("generates {most} tokens at most, and this request wants {tokens}")
            }
            Self::Untranslatable(why) => {
                format!("speaks other dialects, and this request can't be translated: {why}")
            }
            Self::Tools => "takes no tools".to_owned(),
            Self::Images => "takes no images".to_owned(),
            Self::Audio => "takes no audio".to_owned(),
            Self::Files => "takes no files".to_owned(),
            Self::Condition => "is for requests with other tags (`where`)".to_owned(),
            Self::Price => "would cost more than the alias allows (`max_usd`)".to_owned(),
            Self::ByPolicy => "is ruled out by a policy".to_owned(),
            Self::Tried => "was tried and failed".to_owned(),
            Self::Open { until } => further("fails and is left alone", until),
            Self::Limited { until } => further("is limited by its provider", until),
        }
    }
}

/// A call's properties, each found out once.
pub(super) struct CachedProperties<'a> {
    properties: &'a dyn Properties,
    /// The least room that the call is known to fit in.
    fits: Cell<u64>,
    input: OnceCell<u64>,
    output: OnceCell<Option<u64>>,
    /// The needs that were looked up, and those among them that the call has.
    needs: Cell<(Needs, Needs)>,
}

impl<'a> CachedProperties<'a> {
    pub(super) fn new(properties: &'a dyn Properties) -> Self {
        Self {
            properties,
            fits: Cell::new(u64::MAX),
            input: OnceCell::new(),
            output: OnceCell::new(),
            needs: Cell::default(),
        }
    }

    fn needs(&self, of: Needs) -> Needs {
        let (known, needs) = self.needs.get();
        if known.and(of) == of {
            return needs.and(of);
        }
        let all = known.or(of);
        let needs = self.properties.needs(all);
        self.needs.set((all, needs));
        needs.and(of)
    }

    fn output(&self) -> Option<u64> {
        *(self.output).get_or_init(|| self.properties.max_output_tokens())
    }

    /// The estimate of the input where it exceeds this room; made only where nothing cheaper settles
    /// the matter.
    fn exceeds(&self, room: u64) -> Option<u64> {
        if room >= self.fits.get() {
            return None;
        }
        if self.input.get().is_none() && self.properties.surely_fits(room) {
            self.fits.set(room);
            return None;
        }
        let input = *self.input.get_or_init(|| self.properties.input_tokens());
        (input > room).then_some(input)
    }
}

/// The upstream's part: whether it may be sent the request at all, as it is.
pub(super) fn barred(upstream: &Upstream, request: &Request<'_>) -> Option<Exclusion> {
    if !offers(upstream, request) {
        return Some(Exclusion::OtherFamily(request.dialect.name()));
    }
    without_key(upstream, request)
}

/// The app's credentials are for the host that it dialled.
pub(super) fn without_key(upstream: &Upstream, request: &Request<'_>) -> Option<Exclusion> {
    let elsewhere = (request.home).is_some_and(|home| *home.upstream != *upstream.name);
    (elsewhere && !upstream.has_credentials).then_some(Exclusion::NoKey)
}

/// Returns whether an upstream offers the dialect of a request, or its family what no row names.
fn offers(upstream: &Upstream, request: &Request<'_>) -> bool {
    match is_endpoint(request.dialect) {
        true => upstream.offers.contains(request.dialect),
        false => upstream.family.speaks(request.family),
    }
}

/// The dialects that a target serves a request in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Served {
    /// The request's own.
    AsItIs(Dialect),
    /// Others alone; each of them may be one that the request can be translated into.
    Translated(Endpoints),
}

/// The dialects in which a target would serve a request: its own first, as bytes are better than
/// any translation.
pub(super) fn served_as(
    subject: &Subject<'_, '_>,
    request: &Request<'_>,
) -> Result<Served, Exclusion> {
    let (upstream, dialect) = (subject.upstream, request.dialect);
    let model = subject.facts.endpoints;
    let is_served = |dialect| model.is_none_or(|some| some.contains(dialect));
    let is_offered = offers(upstream, request);
    let is_translated = upstream.translates && !translations(dialect).is_empty();
    if is_offered && (!is_endpoint(dialect) || is_served(dialect)) {
        // gpt-5.4 and later take function tools with reasoning in the Responses API only.
        let is_elsewhere = dialect == Dialect::OpenaiChat
            && is_translated
            && upstream.offers.contains(Dialect::OpenaiResponses)
            && subject.facts.taken().tools_with_reasoning_in_responses_only
            && request.properties.reasons()
            && request.properties.needs(TOOLS).tools;
        return Ok(match is_elsewhere {
            false => Served::AsItIs(dialect),
            true => Served::Translated(Endpoints::NONE.with(Dialect::OpenaiResponses)),
        });
    }
    let others = upstream.offers.iter().filter(|other| is_served(*other));
    let others: Endpoints = others
        .filter(|other| *other != dialect && translations(dialect).contains(other))
        .collect();
    let has_others = !others.is_empty() || upstream.converse;
    match (is_translated && has_others, is_offered) {
        (true, _) => Ok(Served::Translated(others)),
        (false, true) => Err(Exclusion::Endpoint(dialect.name())),
        (false, false) => Err(Exclusion::OtherFamily(dialect.name())),
    }
}

/// The dialects that a request of this one can be translated into.
fn translations(dialect: Dialect) -> &'static [Dialect] {
    const TEXT: &[Dialect] = &[
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::AnthropicMessages,
        Dialect::GeminiGenerate,
    ];
    match dialect {
        // Gemini embeds at the address of what it generates with.
        Dialect::OpenaiEmbeddings => &[Dialect::GeminiGenerate],
        dialect if Wire::of(dialect).is_some() => TEXT,
        _ => &[],
    }
}

const TOOLS: Needs = Needs {
    tools: true,
    images: false,
    audio: false,
    files: false,
};

impl Served {
    /// The wire format that a request is translated into for a target; none where it goes as it is.
    pub(super) fn wire(
        self,
        subject: &Subject<'_, '_>,
        request: &Request<'_>,
    ) -> Result<Option<Wire>, Exclusion> {
        let Self::Translated(dialects) = self else {
            return Ok(None);
        };
        let mut why = None;
        let converse = Some(Wire::Converse).filter(|_| subject.upstream.converse);
        for wire in dialects.iter().filter_map(Wire::of).chain(converse) {
            let to = Translation {
                upstream: subject.upstream,
                model: &subject.target.model,
                wire,
                facts: &subject.facts,
            };
            match request.properties.untranslatable(&to) {
                None => return Ok(Some(wire)),
                Some(reason) => why = why.or(Some(reason)),
            }
        }
        Err(match why {
            Some(why) => Exclusion::Untranslatable(why),
            None => Exclusion::OtherFamily(request.dialect.name()),
        })
    }
}

/// Returns whether an exchange carries the tags that a target is for (`where`): for each of these,
/// one of its values.
pub fn conditions_hold(conditions: &[(String, Vec<String>)], properties: &dyn Properties) -> bool {
    conditions.iter().all(|(tag, values)| {
        let value = properties.tag(tag);
        value.is_some_and(|value| values.iter().any(|one| one == value))
    })
}

/// The rules by which a call is held against what a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scrutiny {
    /// All that is known of the model counts.
    Full,
    /// The target is the only one: what takes a look at the whole body, and is seldom true, is left
    /// to its provider, who knows better.
    Sole,
    /// An estimate, and what the call may generate, leave nothing out.
    Lenient,
}

/// The model's part.
pub(super) fn unfit(
    facts: &ModelFacts,
    served: &Served,
    properties: &CachedProperties<'_>,
    scrutiny: Scrutiny,
) -> Option<Exclusion> {
    let is_sole = scrutiny == Scrutiny::Sole;
    let lacks = Needs {
        tools: facts.tools == Some(false),
        images: facts.images == Some(false),
        audio: facts.audio == Some(false) && !is_sole,
        files: facts.files == Some(false) && !is_sole,
    };
    if !lacks.is_empty() {
        let missing = properties.needs(lacks);
        let reasons = [
            (missing.tools, Exclusion::Tools),
            (missing.images, Exclusion::Images),
            (missing.audio, Exclusion::Audio),
            (missing.files, Exclusion::Files),
        ];
        if let Some((_, reason)) = reasons.into_iter().find(|(is_missing, _)| *is_missing) {
            return Some(reason);
        }
    }
    // a batch is many calls, each with a window of its own
    match served {
        Served::AsItIs(Dialect::AnthropicBatches) => None,
        Served::AsItIs(_) | Served::Translated(_) => too_long(facts, properties, scrutiny),
    }
}

fn too_long(
    facts: &ModelFacts,
    properties: &CachedProperties<'_>,
    scrutiny: Scrutiny,
) -> Option<Exclusion> {
    if facts.window.is_none() && facts.output.is_none() {
        return None;
    }
    let output = match scrutiny {
        Scrutiny::Full => properties.output(),
        Scrutiny::Sole | Scrutiny::Lenient => None,
    };
    if let (Some(tokens), Some(most)) = (output, facts.output)
        && tokens > most
    {
        return Some(Exclusion::Output { tokens, most });
    }
    let window = facts.window?;
    let output = output.unwrap_or(0);
    let room = match scrutiny {
        Scrutiny::Full => window.saturating_sub(output),
        Scrutiny::Sole | Scrutiny::Lenient => window.saturating_add(window / 10),
    };
    let input = properties.exceeds(room)?;
    Some(Exclusion::Window {
        tokens: input.saturating_add(output),
        window,
    })
}

/// Returns whether models are listed by the endpoint of this dialect. A batch's requests are of
/// another one, and what nobody reads is of none.
const fn is_endpoint(dialect: Dialect) -> bool {
    !matches!(dialect, Dialect::AnthropicBatches | Dialect::Other)
}

/// The cell's part.
pub(super) const fn shut(standing: &Standing) -> Option<Exclusion> {
    match (standing.admits, standing.state) {
        (Admits::Yes | Admits::Probe, _) => None,
        (Admits::No { until }, State::Closed) => Some(Exclusion::Limited { until }),
        (Admits::No { until }, State::Open | State::HalfOpen) => Some(Exclusion::Open { until }),
    }
}
