//! The spots of a plan, a candidate and one of its keys each: which of them an attempt may enter.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use dialect::request::Body as RequestBody;
use route::{Admits, Candidate, Circumstances, Plan, Scope};
use tokio::time::sleep_until;

use super::{Terms, timing};
use crate::{
    exchange::{generation::Generation, places, render::Outgoing},
    state::targets::{KeyPlace, Pass, Place, now},
};

/// The longest that an attempt at the same target waits beyond its pause: breakers of replicas end
/// at different times, so that they do not probe together.
const LINGER: Duration = Duration::from_secs(2);

/// The pause between two looks at whether another exchange's probe is done.
const PROBE_PAUSE: Duration = Duration::from_millis(50);

/// A candidate of a plan, and one of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) at: usize,
    pub(super) key: usize,
}

/// The spots that the next attempt may not enter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outside {
    Nothing,
    /// Those that have this in common with a spot, and those that were tried.
    Scope(Scope, Spot),
    /// Those of a window no larger than a spot's.
    SmallerWindows(Spot),
    /// Those of other targets.
    OtherTargets(Spot),
    /// All but one.
    AllBut(Spot),
    All,
}

/// The spots of a plan, and those that were tried.
pub(super) struct Spots<'p> {
    plan: &'p Plan<'p>,
    places: Vec<Arc<Place>>,
    /// The keys' order at each candidate, best first.
    order: Vec<Spot>,
    tried: Vec<Spot>,
}

impl<'p> Spots<'p> {
    pub(super) fn of(plan: &'p Plan<'p>, generation: &Generation) -> Self {
        let place = |candidate: &Candidate<'_>| {
            let known = candidate.id.and_then(|id| generation.places.place(id));
            let model = candidate.model.as_deref().unwrap_or_default();
            let unlisted = || places::unlisted(generation, &candidate.upstream.name, model);
            known.map_or_else(unlisted, Arc::clone)
        };
        let places: Vec<_> = plan.candidates().map(place).collect();
        let mut order = Vec::with_capacity(places.len());
        for (at, (place, candidate)) in places.iter().zip(plan.candidates()).enumerate() {
            match place.keys.len() {
                0 | 1 => order.push(Spot { at, key: 0 }),
                keys => {
                    let upstream = generation.upstreams.find(&candidate.upstream.name);
                    let first = upstream.map_or(0, |upstream| upstream.next_turn());
                    let from = order.len();
                    order.extend((0..keys).map(|n| Spot {
                        at,
                        key: (first + n) % keys,
                    }));
                    if let Some(own) = order.get_mut(from..) {
                        crate::ordered::sort_by_key(own, |spot| {
                            Reverse(room(place.keys.get(spot.key)))
                        });
                    }
                }
            }
        }
        Self {
            plan,
            places,
            order,
            tried: Vec::new(),
        }
    }

    /// The candidate of a spot.
    pub(super) fn candidate(&self, spot: Spot) -> &'p Candidate<'p> {
        self.plan.candidate(spot.at).unwrap_or(self.plan.first())
    }

    /// Enters the best spot that nothing keeps the next attempt out of.
    pub(super) fn enter(
        &mut self,
        outside: &Outside,
        terms: &Terms<'_>,
        now: std::time::Instant,
    ) -> Option<(Spot, Pass)> {
        let lease = timing::LEASE;
        let entered = self
            .order
            .iter()
            .filter(|spot| self.allows(outside, **spot));
        let entered = entered.filter_map(|spot| {
            let (place, key) = self.place_of(*spot)?;
            let pass = Pass::enter(place, key, terms.tokens, lease, now).ok()?;
            Some((*spot, pass))
        });
        let entered = { entered }.next()?;
        self.tried.push(entered.0);
        Some(entered)
    }

    /// Takes a spot back in that was entered, and where nothing was sent to.
    pub(super) fn forget(&mut self, spot: Spot) {
        self.tried.retain(|tried| *tried != spot);
    }

    /// Waits for a spot's breakers, where they end a little later than the pause before it, or where
    /// others have its probe and there is no spot `besides`.
    pub(super) async fn wait_for(&self, spot: Spot, besides: &Outside, terms: &Terms<'_>) {
        let Some(place) = self.places.get(spot.at) else {
            return;
        };
        let last = (now() + LINGER).min(terms.timing.deadline);
        loop {
            let present = now();
            let until = match place.admits(present, terms.tokens) {
                Admits::No { until: Some(until) } => until,
                Admits::No { until: None } if !self.has_free(besides, terms, present) => {
                    present + PROBE_PAUSE
                }
                Admits::No { until: None } | Admits::Yes | Admits::Probe => return,
            };
            if until >= last {
                return;
            }
            sleep_until(until.into()).await;
        }
    }

    /// Reports whether a spot that an attempt may enter admits it.
    fn has_free(&self, outside: &Outside, terms: &Terms<'_>, present: std::time::Instant) -> bool {
        let mut allowed = self
            .order
            .iter()
            .filter(|spot| self.allows(outside, **spot));
        allowed.any(|spot| {
            self.place_of(*spot).is_some_and(|(place, key)| {
                let target = place.target.breaker().admits(present, terms.tokens);
                let key = key.admits(present, terms.tokens);
                !matches!(target, Admits::No { .. }) && !matches!(key, Admits::No { .. })
            })
        })
    }

    /// The circumstances of a failed attempt.
    pub(super) fn circumstances(
        &self,
        spot: Spot,
        terms: &Terms<'_>,
        outgoing: &mut Outgoing,
        took: Duration,
    ) -> Circumstances {
        let present = now();
        let is_free = |outside: Outside| self.has_free(&outside, terms, present);
        Circumstances {
            now: present,
            took,
            other_targets: is_free(Outside::Scope(Scope::Target, spot)),
            other_keys: is_free(Outside::Scope(Scope::Key, spot)),
            other_accounts: is_free(Outside::Scope(Scope::Account, spot)),
            larger_window: is_free(Outside::SmallerWindows(spot)),
            // Of a conversation's second turn on, at a target that had the turns before in its cache.
            cache_is_warm: (self.places.get(spot.at))
                .is_some_and(|place| place.target.has_cached(present))
                && is_conversation(&mut outgoing.call.body),
            random: random(),
        }
    }

    fn allows(&self, outside: &Outside, spot: Spot) -> bool {
        let is_untried = |scope: Scope| {
            !self
                .tried
                .iter()
                .any(|tried| self.share(scope, *tried, spot))
        };
        match outside {
            Outside::Nothing => true,
            Outside::Scope(Scope::Nothing, _) => is_untried(Scope::KeyModel),
            Outside::Scope(Scope::Target, of) => {
                !self.share(Scope::Target, *of, spot) && is_untried(Scope::Target)
            }
            Outside::Scope(scope, of) => {
                !self.share(*scope, *of, spot) && is_untried(Scope::KeyModel)
            }
            Outside::SmallerWindows(of) => {
                let window = |spot| self.candidate(spot).facts.window;
                window(spot) > window(*of) && is_untried(Scope::Target)
            }
            Outside::OtherTargets(of) => spot.at == of.at,
            Outside::AllBut(of) => spot == *of,
            Outside::All => false,
        }
    }

    /// Reports whether two spots have this in common.
    fn share(&self, scope: Scope, one: Spot, other: Spot) -> bool {
        let (Some((_, own)), Some((_, others))) = (self.place_of(one), self.place_of(other)) else {
            return one == other;
        };
        let same_account = Arc::ptr_eq(&own.account, &others.account);
        match scope {
            Scope::Nothing => false,
            Scope::Target => one.at == other.at,
            Scope::KeyModel => one == other,
            Scope::Key => match (&own.key, &others.key) {
                (Some(own), Some(others)) => Arc::ptr_eq(own, others),
                (None, None) => same_account,
                _ => false,
            },
            Scope::Account => same_account,
        }
    }

    fn place_of(&self, spot: Spot) -> Option<(&Place, &KeyPlace)> {
        let place = self.places.get(spot.at)?;
        Some((place, place.keys.get(spot.key)?))
    }
}

/// Reports whether a request has turns before its last message.
fn is_conversation(body: &mut RequestBody) -> bool {
    // Where no policy reads it, it has no index, and goes on without.
    let mark = body.mark();
    let is_conversation = body.index().is_ok() && body.messages() > 1;
    body.roll_back(mark);
    is_conversation
}

/// The tokens and requests that a provider says are left for a key; more than all where it says
/// nothing, so that such keys take turns, and show theirs.
fn room(key: Option<&KeyPlace>) -> (u64, u64) {
    let breaker = key.and_then(|key| key.key_model.as_ref());
    let left = breaker.map(|breaker| breaker.read(|cell| cell.room(now())));
    let (requests, tokens) = left.unwrap_or_default();
    (tokens.unwrap_or(u64::MAX), requests.unwrap_or(u64::MAX))
}

/// A random number in `0.0..1.0`.
fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let hash = RandomState::new().hash_one(0_u8);
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
