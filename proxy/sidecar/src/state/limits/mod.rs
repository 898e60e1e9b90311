//! Limits: units taken from buckets, reserved before an exchange and settled after it.
//!
//! [`Stores`](super::Stores) takes from several buckets or from none and returns a [`Reservation`].
//! It is settled to the truth once; dropped, it gives everything back. Amounts have no unit here:
//! requests, tokens and micro-dollars are all counted alike.
//!
//! A bucket's name is its key *and* its window, so a rule whose window is changed begins anew,
//! while one whose limit is changed goes on with what is used. `window.rs` counts; `memory.rs` and
//! `shared.rs` store the buckets.

use std::{pin::Pin, sync::Arc};

use policy::Settled;

pub(super) mod memory;
pub(super) mod queue;
mod script;
pub(super) mod shared;
mod window;

pub use sandbox::capabilities::{
    Unavailable,
    limits::{Ask, MOST, Standing, Window},
};

use super::Inner;
use queue::Settlement;

/// Units that one call took. Dropped without being settled, it gives everything back.
#[must_use = "dropping it gives back what was reserved"]
pub(super) struct Reservation {
    inner: Arc<Inner>,
    /// Common to all requests of the call; empty in memory, where nothing needs a name.
    id: Arc<str>,
    takes: Vec<Take>,
}

/// Units that one request took.
pub(super) struct Take {
    pub(super) ask: Ask,
    /// Units reserved by now, extensions included.
    pub(super) amount: u64,
    pub(super) taken_from: TakenFrom,
}

impl Take {
    pub(super) fn new(ask: Ask, taken_from: TakenFrom) -> Self {
        Self {
            amount: ask.amount.min(MOST),
            ask,
            taken_from,
        }
    }
}

/// Store in which the units were taken.
pub(super) enum TakenFrom {
    /// In this process.
    Here(memory::Hold),
    /// In the shared store.
    There,
    /// Not known, as the shared store did not answer: perhaps there, and in this process where
    /// limits are shared out.
    InDoubt(Option<memory::Hold>),
}

impl policy::Reservation for Reservation {
    fn amount(&self, index: usize) -> Option<u64> {
        self.takes.get(index).map(|take| take.amount)
    }

    /// The settlement is sent to a shared store in the background, again and again until it has it,
    /// and counts once whatever happens.
    fn settle(mut self: Box<Self>, truth: &[u64]) -> Settled {
        let parts = self.settle_all(|index, amount| truth.get(index).copied().unwrap_or(amount));
        if parts.is_empty() {
            return Settled::now();
        }
        Settled::when(Box::pin(async {
            for part in parts {
                // An error means that the settlement was dropped, which is counted elsewhere.
                let _ = part.await;
            }
        }))
    }

    fn extend(&mut self, index: usize, by: u64) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move {
            let Some(take) = self.takes.get_mut(index) else {
                return false;
            };
            let by = by.min(MOST);
            let now = self.inner.clock.now();
            let limit = take.ask.limit.min(MOST);
            let room = match (&mut take.taken_from, &self.inner.shared) {
                (TakenFrom::Here(hold), _) => hold.extend(now, limit, take.ask.soft, by),
                (TakenFrom::There, Some(shared)) => {
                    shared.limits.extend(&self.id, index, &take.ask, by).await
                }
                (TakenFrom::InDoubt(Some(hold)), Some(shared)) => {
                    hold.extend(now, shared.limits.share(limit), take.ask.soft, by)
                }
                (TakenFrom::InDoubt(_) | TakenFrom::There, _) => true,
            };
            if room {
                take.amount = take.amount.saturating_add(by).min(MOST);
            }
            room
        })
    }
}

impl Reservation {
    pub(super) fn new(inner: Arc<Inner>, id: Arc<str>, takes: Vec<Take>) -> Self {
        Self { inner, id, takes }
    }

    fn settle_all(
        &mut self,
        truth: impl Fn(usize, u64) -> u64,
    ) -> Vec<tokio::sync::oneshot::Receiver<()>> {
        let takes = std::mem::take(&mut self.takes);
        if takes.is_empty() {
            return Vec::new();
        }
        let now = self.inner.clock.now();
        let mut receivers = Vec::new();
        for (index, take) in takes.into_iter().enumerate() {
            let truth = truth(index, take.amount).min(MOST);
            let certain = matches!(take.taken_from, TakenFrom::There);
            match &take.taken_from {
                TakenFrom::Here(hold) => {
                    hold.settle(now, truth);
                    continue;
                }
                TakenFrom::InDoubt(Some(hold)) => hold.settle(now, truth),
                TakenFrom::There | TakenFrom::InDoubt(None) => {}
            }
            if let Some(shared) = &self.inner.shared {
                let (settlement, receiver) =
                    Settlement::new(&self.id, index, take.ask, truth, certain);
                shared.limits.settle(settlement);
                receivers.push(receiver);
            }
        }
        receivers
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.settle_all(|_, _| 0);
    }
}
