//! The places that an attempt is counted at: its target, its key, and the account that pays.

use std::{sync::Arc, time::Instant};

use route::{Admits, Cell, Class, State};

use super::{Breaker, TargetState};

/// A target, and the keys that it may be called with; there is one at the least.
pub struct Place {
    /// The target's state.
    pub target: Arc<TargetState>,
    /// Its upstream's keys.
    pub keys: Vec<KeyPlace>,
}

/// The breakers of a key.
pub struct KeyPlace {
    /// The key's own; none where callers send theirs.
    pub key: Option<Arc<Breaker>>,
    /// The key's with the target's model; none of a request that no alias names.
    pub key_model: Option<Arc<Breaker>>,
    /// The account's.
    pub account: Arc<Breaker>,
}

impl Place {
    /// Reports whether an attempt may be made there with any key.
    pub fn admits(&self, now: Instant, tokens: u64) -> Admits {
        let target = self.target.breaker.admits(now, tokens);
        if let Admits::No { .. } = target {
            return target;
        }
        let keys = self.keys.iter().map(|key| key.admits(now, tokens));
        let best = keys.reduce(better).unwrap_or(Admits::Yes);
        match (target, best) {
            (Admits::Yes, best) => best,
            (probe, Admits::Yes | Admits::Probe) => probe,
            (_, no) => no,
        }
    }
}

impl Place {
    /// The state of what keeps attempts out, or lets them in: the target's, or where that is closed,
    /// that of its best key.
    pub fn state(&self, now: Instant) -> State {
        self.state_by(|breaker| breaker.state(now))
    }

    /// The same, where what is open because of a rate limit counts as closed: such a target is
    /// limited, and does not fail.
    pub fn state_beside_limits(&self, now: Instant) -> State {
        self.state_by(|breaker| match breaker.read(Cell::cause) {
            Some(Class::Rate) => State::Closed,
            _ => breaker.state(now),
        })
    }

    fn state_by(&self, state: impl Fn(&Breaker) -> State) -> State {
        let open = |breaker: &Breaker| Some(state(breaker)).filter(|state| *state != State::Closed);
        let of_key = |key: &KeyPlace| key.breakers().find_map(|breaker| open(breaker));
        let keys = || {
            let all = self.keys.iter().map(of_key);
            all.reduce(|one, other| one.and(other)).flatten()
        };
        open(&self.target.breaker)
            .or_else(keys)
            .unwrap_or(State::Closed)
    }

    /// The requests and tokens that the provider says are left, of the key that has most.
    pub fn room(&self, now: Instant) -> (Option<u64>, Option<u64>) {
        let rooms = self.keys.iter().filter_map(|key| key.key_model.as_ref());
        let rooms = rooms.map(|breaker| breaker.read(|cell| cell.room(now)));
        rooms
            .reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
            .unwrap_or_default()
    }

    /// The tokens of the largest call that the limits of one of its keys have room for, among keys
    /// that admit one; `None` where any has.
    pub fn fits(&self, now: Instant) -> Option<u64> {
        let admits = |key: &&KeyPlace| !matches!(key.admits(now, 0), Admits::No { .. });
        let fits = |key: &KeyPlace| key.key_model.as_ref()?.read(|cell| cell.fits(now));
        let all = self.keys.iter().filter(admits).map(fits);
        all.reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)))
            .flatten()
    }
}

impl KeyPlace {
    /// Reports whether an attempt may be made with the key.
    pub fn admits(&self, now: Instant, tokens: u64) -> Admits {
        let breakers = self.breakers();
        let all = breakers.map(|breaker| breaker.admits(now, tokens));
        all.reduce(worse).unwrap_or(Admits::Yes)
    }

    /// Iterates over its breakers. That of the key with the model is the last: entering it takes
    /// room from the provider's limits, which a refusal by another would not give back.
    pub(super) fn breakers(&self) -> impl Iterator<Item = &Arc<Breaker>> {
        let key = self.key.iter().chain([&self.account]);
        key.chain(&self.key_model)
    }
}

/// Of two that must both admit: the later end counts.
fn worse(one: Admits, other: Admits) -> Admits {
    match (one, other) {
        (Admits::No { until: one }, Admits::No { until: other }) => Admits::No {
            until: one.zip(other).map(|(one, other)| one.max(other)),
        },
        (no @ Admits::No { .. }, _) | (_, no @ Admits::No { .. }) => no,
        (Admits::Probe, _) | (_, Admits::Probe) => Admits::Probe,
        (Admits::Yes, Admits::Yes) => Admits::Yes,
    }
}

/// Of two of which either may admit: the sooner end counts.
pub(in crate::state) fn better(one: Admits, other: Admits) -> Admits {
    match (one, other) {
        (Admits::Yes, _) | (_, Admits::Yes) => Admits::Yes,
        (Admits::Probe, _) | (_, Admits::Probe) => Admits::Probe,
        (Admits::No { until: one }, Admits::No { until: other }) => Admits::No {
            until: one.into_iter().chain(other).min(),
        },
    }
}
