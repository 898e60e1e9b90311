//! One breaker with its lock and its name.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use route::{Admits, Cell, Change, Outcome, Permit, Remote, Room, State};

use super::Changes;
use crate::telemetry::metrics;

/// The part of a provider that a breaker stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `upstream/model`.
    Target,
    /// A key of an upstream.
    Key,
    /// A key and a model.
    KeyModel,
    /// An account, which may have several keys.
    Account,
}

impl Part {
    /// The word in metrics and on the admin address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Key => "key",
            Self::KeyModel => "key_model",
            Self::Account => "account",
        }
    }
}

/// One breaker.
pub struct Breaker {
    name: Box<str>,
    part: Part,
    cell: Mutex<Cell>,
    changes: Arc<Changes>,
}

impl Breaker {
    pub(super) fn new(
        name: &str,
        part: Part,
        changes: Arc<Changes>,
        now: Instant,
        seed: u64,
    ) -> Self {
        Self {
            name: name.into(),
            part,
            cell: Mutex::new(Cell::new(now, seed)),
            changes,
        }
    }

    /// Its name: of a key, its upstream and a digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part of a provider that it stands for.
    pub const fn part(&self) -> Part {
        self.part
    }

    /// Reports whether an attempt of about so many tokens may be made.
    pub fn admits(&self, now: Instant, tokens: u64) -> Admits {
        self.cell.lock().admits(now, tokens)
    }

    /// Its state.
    pub fn state(&self, now: Instant) -> State {
        self.cell.lock().state(now)
    }

    /// Reads from its cell.
    pub fn read<R>(&self, read: impl FnOnce(&Cell) -> R) -> R {
        read(&self.cell.lock())
    }

    pub(super) fn enter(
        &self,
        now: Instant,
        tokens: u64,
        lease: Duration,
    ) -> Result<Permit, Admits> {
        self.cell.lock().enter(now, tokens, lease)
    }

    pub(super) fn commit(&self, permit: Permit, lease: Duration, now: Instant) {
        let change = self.cell.lock().commit(permit, lease, now);
        self.publish(change);
    }

    pub(super) fn leave(&self, permit: Permit, outcome: Outcome, now: Instant) {
        let change = self.cell.lock().leave(permit, outcome, now);
        self.publish(change);
    }

    pub(super) fn learn_room(&self, permit: Permit, room: &Room, now: Instant) {
        self.cell.lock().learn_room(permit, room, now);
    }

    /// Takes over what another replica has learnt.
    pub fn merge(&self, remote: Remote, now: Instant) {
        let is_news = self.cell.lock().merge(remote, now);
        if let (true, Remote::Opened { cause, .. }) = (is_news, remote) {
            metrics::breaker_opened(self.part.name(), "replica");
            tracing::info!(
                breaker = self.part.name(),
                name = &*self.name,
                cause = cause.map_or("failures", route::Class::name),
                "breaker opened by what another replica has learnt"
            );
        }
    }

    /// Closes it at an operator's word, which other replicas learn as they do of a probe.
    pub fn reset(&self) {
        let was_open = {
            let mut cell = self.cell.lock();
            let was_open = cell.open_until().is_some();
            cell.reset();
            was_open
        };
        self.publish(was_open.then_some(Change::Closed));
    }

    fn publish(&self, change: Option<Change>) {
        let Some(change) = change else { return };
        if let Change::Opened { cause, .. } = &change {
            let cause = cause.map_or("failures", route::Class::name);
            metrics::breaker_opened(self.part.name(), cause);
            tracing::warn!(
                breaker = self.part.name(),
                name = &*self.name,
                cause,
                "breaker opened"
            );
        }
        self.changes
            .push(&[self.part.name(), ":", &self.name].concat(), change);
    }
}
