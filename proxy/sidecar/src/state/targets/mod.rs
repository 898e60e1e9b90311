//! The state of targets, keys, accounts and aliases: breakers, latencies, budgets. It outlives
//! generations.
//!
//! [`Targets`] is the registry. A generation looks up what it needs when it is made, so that an
//! exchange finds its breakers without a search. What no generation refers to any more is forgotten
//! with the next one. The decisions are `route`'s; here they get a lock each, never held across an
//! await, and a clock.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use dashmap::DashMap;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use route::ShadowBudget;
use tokio::sync::watch;

mod alias;
mod breaker;
mod figures;
mod pass;
mod place;
mod share;
mod target;
#[cfg(test)]
mod tests;

pub use alias::AliasState;
pub use breaker::{Breaker, Part};
pub use figures::{AccountFigures, KeyFigures, PartFigures, PlaceFigures, level};
pub use pass::Pass;
pub(in crate::state) use place::better;
pub use place::{KeyPlace, Place};
pub(in crate::state) use share::Share;
pub use target::{TargetFigures, TargetState};

/// Changes that wait to be shared; of more the oldest are dropped, as each replica learns by itself,
/// too.
const WAITING: usize = 1024;

/// The registry of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Targets(Arc<Registry>);

#[derive(Default)]
struct Registry {
    breakers: DashMap<Box<str>, Arc<Breaker>>,
    targets: DashMap<Box<str>, Arc<TargetState>>,
    aliases: DashMap<Box<str>, Arc<AliasState>>,
    changes: Arc<Changes>,
    mirrors: Mirrors,
    /// Breakers and aliases that were begun, so that what others know of new ones is looked up.
    begun: AtomicU64,
    /// Makes this replica's jitter unlike that of others.
    seed: RandomState,
}

/// Bounds copies that policies want of exchanges whose alias has no budget of its own: a dollar a
/// day, so that a policy which copies everything costs no more.
struct Mirrors(Mutex<ShadowBudget>);

impl Default for Mirrors {
    fn default() -> Self {
        const DOLLAR: u64 = 1_000_000_000;
        Self(Mutex::new(ShadowBudget::new(1.0, DOLLAR)))
    }
}

/// Changes of breakers, for whoever shares them with other replicas.
pub(super) struct Changes {
    waiting: Mutex<Vec<(Box<str>, route::Change)>>,
    count: watch::Sender<u64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }
}

impl Changes {
    fn push(&self, breaker: &str, change: route::Change) {
        // Nobody shares them: nothing waits.
        if self.count.receiver_count() == 0 {
            return;
        }
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING {
            waiting.remove(0);
        }
        waiting.push((breaker.into(), change));
        drop(waiting);
        self.count.send_modify(|count| *count += 1);
    }
}

/// The present, by the clock that tests may stop.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Targets {
    /// The state of a target, `upstream/model`.
    pub fn target(&self, name: &str) -> Arc<TargetState> {
        if let Some(known) = self.0.targets.get(name) {
            return Arc::clone(&known);
        }
        let breaker = self.breaker(Part::Target, name);
        let made = || Arc::new(TargetState::new(breaker));
        let state = self.0.targets.entry(name.into()).or_insert_with(made);
        Arc::clone(&state)
    }

    /// The state of an alias under these terms. One of other terms is begun anew, with what was
    /// learnt under those of them that stayed.
    pub fn alias(&self, name: &str, terms: &crate::config::Alias) -> Arc<AliasState> {
        let known = self.0.aliases.get(name).map(|known| Arc::clone(&known));
        let known = match known {
            Some(known) if known.is_of(terms) => return known,
            known => known,
        };
        let state = Arc::new(AliasState::new(name, terms, known.as_deref(), now()));
        self.0.begun.fetch_add(1, Relaxed);
        let before = self.0.aliases.insert(name.into(), Arc::clone(&state));
        if let Some(before) = before.filter(|before| before.terms.canary != terms.canary) {
            before.retire();
        }
        state
    }

    /// The breaker of a part of a provider.
    pub fn breaker(&self, part: Part, name: &str) -> Arc<Breaker> {
        let key = [part.name(), ":", name].concat();
        if let Some(known) = self.0.breakers.get(&*key) {
            return Arc::clone(&known);
        }
        let seed = self.0.seed.hash_one(&key);
        let changes = Arc::clone(&self.0.changes);
        let made = || {
            self.0.begun.fetch_add(1, Relaxed);
            Arc::new(Breaker::new(name, part, changes, now(), seed))
        };
        let breaker = self.0.breakers.entry(key.into()).or_insert_with(made);
        Arc::clone(&breaker)
    }

    /// The place of a key, and of the account whose money it spends. `secret` none: callers send
    /// their own.
    pub fn key(
        &self,
        upstream: &str,
        secret: Option<&str>,
        account: &str,
        model: Option<&str>,
    ) -> KeyPlace {
        let name = match secret {
            Some(secret) => [upstream, "#", &digest_of(upstream, secret)].concat(),
            None => [upstream, "#callers"].concat(),
        };
        KeyPlace {
            // One caller's wrong key is no other's.
            key: secret.map(|_| self.breaker(Part::Key, &name)),
            key_model: model
                .map(|model| self.breaker(Part::KeyModel, &[&name, "/", model].concat())),
            account: self.breaker(Part::Account, account),
        }
    }

    /// The bound of copies that policies want of exchanges whose alias has none of its own.
    pub fn mirrors(&self) -> &Mutex<ShadowBudget> {
        &self.0.mirrors.0
    }

    /// Forgets what nothing refers to any more.
    pub fn forget_unused(&self) {
        let registry = &self.0;
        registry.aliases.retain(|_, state| {
            let is_used = Arc::strong_count(state) > 1;
            if !is_used {
                state.retire();
            }
            is_used
        });
        registry
            .targets
            .retain(|_, state| Arc::strong_count(state) > 1);
        registry
            .breakers
            .retain(|_, state| Arc::strong_count(state) > 1);
    }

    /// Finds the breaker of a name that another replica sent, `part:name`.
    pub fn find_breaker(&self, key: &str) -> Option<Arc<Breaker>> {
        self.0.breakers.get(key).map(|known| Arc::clone(&known))
    }

    /// Iterates over a copy of all breakers.
    pub fn breakers(&self) -> Vec<Arc<Breaker>> {
        let known = self.0.breakers.iter();
        known.map(|entry| Arc::clone(entry.value())).collect()
    }
}

/// Names a key without telling anything of it.
fn digest_of(upstream: &str, secret: &str) -> String {
    use std::fmt::Write;
    let hash = digest(&SHA256, [upstream, "\0", secret].concat().as_bytes());
    let mut name = String::with_capacity(8);
    for byte in hash.as_ref().iter().take(4) {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}
