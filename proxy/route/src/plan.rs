//! The plan of an exchange: from the model that the app named to the targets that can serve it.
//!
//! [`Table::plan`] filters first: a target that would have to refuse the request is no candidate,
//! and keeps the reason. What is left is put in the order of the alias's [`Strategy`]. What no alias
//! names is a wire: one candidate, of which nothing is looked at.
//!
//! [`Strategy`]: crate::Strategy

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use dialect::request::Needs;
use dialect::{Dialect, translate::Wire};

use crate::{Admits, Family, ModelFacts, State};

mod choose;
mod explain;
mod filter;
mod no_route;
mod preferred;
mod table;

pub use explain::Explained;
pub use filter::{Exclusion, conditions_hold};
pub use no_route::{NoRoute, NoneLeft, Verdict};
pub use table::{
    Alias, AliasId, AliasRow, AliasTarget, FactsOf, Table, Target, TargetId, TargetRow, Upstream,
};

/// A request as far as routing looks at it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The format of its body.
    pub dialect: Dialect,
    /// The family of its dialect, or of whoever sent what no dialect reads.
    pub family: Family,
    /// The model that it names.
    pub model: Option<&'a str>,
    /// The place to which it belongs, if it came in by host.
    pub home: Option<Home<'a>>,
    /// Targets (`upstream/model`) and aliases that policies want tried before all others.
    pub prefer: &'a [String],
    /// Targets (`upstream/model`) that policies rule out.
    pub exclude: &'a [String],
    /// Targets (`upstream/model`) that this exchange has tried and should not try again.
    pub tried: &'a [String],
    /// Everything else, computed when a filter or a strategy needs it.
    pub properties: &'a dyn Properties,
}

/// The place to which a request belongs that came in by host.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The upstream whose host the app dialled.
    pub upstream: &'a str,
    /// The app dialled the very host of its URL.
    pub own_host: bool,
    /// The model that the app wrote, whatever policies made of it.
    pub model: Option<&'a str>,
}

/// The properties of a call that cost something to find out. A plan asks for none that no filter and
/// no strategy of the alias looks at, and for no number twice.
pub trait Properties {
    /// The estimate of the prompt's tokens.
    fn input_tokens(&self) -> u64;

    /// Returns whether [`Self::input_tokens`] is certainly no more than `tokens`, where that is to be
    /// had for less than the estimate.
    fn surely_fits(&self, tokens: u64) -> bool {
        let _ = tokens;
        false
    }

    /// The limit on generated tokens, where the call sets one.
    fn max_output_tokens(&self) -> Option<u64>;

    /// The abilities among `of` that it needs of a model.
    fn needs(&self, of: Needs) -> Needs;

    /// The reason why the call can't be translated for this target; none where it can. All of it is
    /// read.
    fn untranslatable(&self, to: &Translation<'_>) -> Option<Arc<str>> {
        let _ = to;
        Some("this call is not translated".into())
    }

    /// Returns whether the model reasons about the call, unless it is known not to.
    fn reasons(&self) -> bool {
        true
    }

    /// The value of a tag that the exchange carries.
    fn tag(&self, name: &str) -> Option<&str>;

    /// The hash of the conversation's beginning; none of a call that is no conversation.
    fn conversation(&self) -> Option<u64>;

    /// The hash of the caller's name; none where nothing identifies one.
    fn caller(&self) -> Option<u64>;

    /// A random number: the same one for all plans of an exchange, another for the next.
    fn random(&self) -> u64;
}

/// A translation of a call that is thought of.
#[derive(Debug, Clone, Copy)]
pub struct Translation<'t> {
    /// The upstream that would serve it.
    pub upstream: &'t Upstream,
    /// The model's name there.
    pub model: &'t str,
    /// The wire format that it would be sent in.
    pub wire: Wire,
    /// The facts of the model.
    pub facts: &'t ModelFacts,
}

/// The state of targets, which lives longer than any table. It is asked only where an alias, or a
/// policy, leaves something to choose.
pub trait View {
    /// The standing of a target of the table.
    fn standing(&self, target: TargetId) -> Standing;

    /// The estimated cost of this exchange there, in billionths of a dollar; none where the model
    /// has no price.
    fn cost(&self, target: TargetId) -> Option<u64>;

    /// The standing of a target that no alias names and a policy prefers.
    fn standing_of_unlisted(&self, target: &Target) -> Standing {
        let _ = target;
        Standing::IDLE
    }

    /// The estimated cost of this exchange there, in billionths of a dollar.
    fn cost_of_unlisted(&self, target: &Target) -> Option<u64> {
        let _ = target;
        None
    }
}

/// The standing of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// True if an attempt may be made there.
    pub admits: Admits,
    /// The state of its breaker, which tells a target that is open from one that is limited.
    pub state: State,
    /// Attempts under way, of this process.
    pub in_flight: u32,
    /// The moving average of the time to the first content, made comparable between calls of
    /// different sizes. None while it is unknown: too few samples, or none for so long that they
    /// say nothing about now. An unknown target is explored; one whose bad times never grew old
    /// would never be tried again.
    pub first_content: Option<Duration>,
}

impl Standing {
    /// The standing of a target of which nothing is known.
    pub const IDLE: Self = Self {
        admits: Admits::Yes,
        state: State::Closed,
        in_flight: 0,
        first_content: None,
    };
}

/// The targets that can serve one request, best first, and those that can't. There is one candidate
/// at the least; a single one costs no allocation.
#[derive(Debug, PartialEq)]
pub struct Plan<'t> {
    alias: Option<&'t AliasRow>,
    first: Candidate<'t>,
    others: Vec<Candidate<'t>>,
    excluded: Vec<Excluded<'t>>,
    unknown: Vec<String>,
}

/// A target that can serve the request.
#[derive(Debug, PartialEq)]
pub struct Candidate<'t> {
    /// Its number in the table; none where no alias names it.
    pub id: Option<TargetId>,
    /// The upstream that it goes to.
    pub upstream: &'t Upstream,
    /// The model's name there, where it is not the one in the body.
    pub model: Option<Arc<str>>,
    /// The app dialled this upstream's own host: its path is the provider's, and passes as it is.
    pub dialled: bool,
    /// The facts of the model, as far as they were looked up: not of a wire's.
    pub facts: ModelFacts,
    /// The wire format that the request is translated into; none where it goes as it is.
    pub wire: Option<Wire>,
    /// The reason for its place in the order.
    pub rank: Rank,
}

/// A reason for a candidate's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The request names it, or belongs there.
    Named,
    /// A policy prefers it.
    Preferred,
    /// The order of the alias's targets.
    Order,
    /// The share that a key has of this weight.
    Weight(u32),
    /// The conversation's home.
    Affinity,
    /// Its breaker waits for a probe.
    Probe,
    /// Its first content's time is unknown, and its turn to be found out.
    Explored,
    /// The estimated cost, in billionths of a dollar.
    Cost(Option<u64>),
    /// The time to its first content, and what is in flight there.
    Latency(Option<Duration>, u32),
    /// Attempts under way there.
    Load(u32),
}

/// A target that can't, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Excluded<'t> {
    /// Its number in the table; none where no alias names it.
    pub id: Option<TargetId>,
    /// The upstream that it would have gone to.
    pub upstream: &'t Upstream,
    /// The model's name there.
    pub model: Arc<str>,
    /// The reason why it does not.
    pub reason: Exclusion,
}

impl<'t> Plan<'t> {
    const fn of_one(candidate: Candidate<'t>) -> Self {
        Self {
            alias: None,
            first: candidate,
            others: Vec::new(),
            excluded: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// The alias that the request named; none of a wire.
    pub const fn alias(&self) -> Option<&'t AliasRow> {
        self.alias
    }

    /// The best candidate.
    pub const fn first(&self) -> &Candidate<'t> {
        &self.first
    }

    /// The candidate at this place, from 0 on.
    pub fn candidate(&self, at: usize) -> Option<&Candidate<'t>> {
        match at.checked_sub(1) {
            None => Some(&self.first),
            Some(at) => self.others.get(at),
        }
    }

    /// All candidates, best first: the order in which they are tried.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate<'t>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The targets that were left out.
    pub fn excluded(&self) -> &[Excluded<'t>] {
        &self.excluded
    }

    /// The soonest known end of what keeps a target out that is open or limited.
    pub fn soonest(&self) -> Option<Instant> {
        let ends = self.excluded.iter().map(|left| &left.reason);
        ends.filter_map(Exclusion::until).min()
    }

    /// Names that policies preferred, and that nothing has.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }
}
