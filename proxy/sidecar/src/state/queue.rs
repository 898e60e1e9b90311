//! The queue of an alias: exchanges that wait because every candidate is limited.
//!
//! Who is next is [`FairQueue`]'s to say. A dispatcher runs while anybody waits: it sleeps until a
//! limit ends or a place is free, lets one exchange through, and waits until that one has entered a
//! place, or has seen that it can't, before it looks again. So nobody is let through who finds the
//! place taken, and the provider sees no more calls than its limits allow. An exchange for which a
//! limit has no room is not let through. Once all who wait had a turn in vain, it sleeps. An exchange
//! that leaves frees its place at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use route::{Admits, Bounds, Entry, FairQueue, Full, Ticket};
use tokio::{
    sync::{Notify, oneshot},
    time::{sleep_until, timeout},
};

use super::targets::{Place, better, now};
use crate::{config, telemetry::metrics};

/// The longest sleep while nobody knows when there is room.
const LOOK: Duration = Duration::from_millis(100);
/// Every exchange has so many tokens at the least.
const LEAST: u64 = 1;
/// The longest wait for an exchange that was let through to enter a place.
const HANDED_OVER: Duration = Duration::from_secs(1);

/// The exchanges of one alias that wait. Cheap to clone.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    alias: Box<str>,
    wait: Duration,
    fair: Mutex<FairQueue<oneshot::Sender<HandOver>>>,
    /// The alias's targets, as the last who came knew them; none while nobody waits.
    places: Mutex<Vec<Arc<Place>>>,
    is_dispatched: AtomicBool,
    /// Something may have changed: a place is free, somebody came.
    changed: Notify,
}

/// Tells the dispatcher that an exchange has entered a place.
type HandOver = oneshot::Sender<()>;

/// The turn of an exchange. Dropped, it says that the exchange could not enter a place.
#[must_use = "whoever is next waits until it is over"]
pub struct Turn {
    entered: HandOver,
    /// The exchange's turn before it was in vain.
    follows_vain: bool,
    queue: Queue,
    /// When the exchange came for the first time.
    since: Instant,
}

impl Turn {
    /// Ends the turn of an exchange that has entered a place: it has been served.
    pub fn entered(self) {
        let waited = now().saturating_duration_since(self.since);
        metrics::queued(&self.queue.0.alias, "served", waited);
        // The dispatcher waits no longer where it took too long.
        let _ = self.entered.send(());
    }
}

/// An exchange that waits. Dropped, it leaves the queue.
struct Waiting {
    queue: Queue,
    ticket: Ticket,
}

/// The reason why an exchange does not wait, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTurn {
    /// There is no room for it, or its wait would be longer than it has.
    Full(Full),
    /// It has waited for as long as it may.
    TooLong,
}

impl Queue {
    pub(super) fn new(alias: &str, bounds: &config::Queue) -> Self {
        let fair = FairQueue::new(Bounds {
            exchanges: bounds.exchanges,
            bytes: bounds.bytes,
            tokens: bounds.tokens,
        });
        Self(Arc::new(Inner {
            alias: alias.into(),
            wait: bounds.wait,
            fair: Mutex::new(fair),
            places: Mutex::default(),
            is_dispatched: AtomicBool::new(false),
            changed: Notify::new(),
        }))
    }

    /// The longest wait of an exchange.
    pub fn longest_wait(&self) -> Duration {
        self.0.wait
    }

    /// The number of exchanges that wait.
    pub fn len(&self) -> usize {
        self.0.fair.lock().len()
    }

    /// Reports whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for a turn. `since` is when the exchange came for the first time, none where that is now.
    /// One that had a turn comes back to its place, and after a second one in vain behind the others
    /// of its tenant, for whom a place may be free that it can't use. `places` are the alias's targets: from now on those that
    /// the queue goes by. `before` is the exchange's last turn, where it could not enter a place: it
    /// is over once the exchange is in the queue again.
    ///
    /// # Errors
    /// There is none.
    pub async fn wait(
        &self,
        entry: Entry<'_>,
        since: Option<Instant>,
        places: &[Arc<Place>],
        before: Option<Turn>,
    ) -> Result<Turn, NoTurn> {
        let (sender, turn) = oneshot::channel();
        let begun = now();
        let deadline = entry.deadline;
        let was_in_vain = before.is_some();
        let is_stuck = before.as_ref().is_some_and(|turn| turn.follows_vain);
        let pushed = {
            let mut fair = self.0.fair.lock();
            let pushed = match since.filter(|_| !is_stuck) {
                Some(since) => fair.put_back(sender, entry, since, begun),
                None => fair.push(sender, entry, begun),
            };
            metrics::queue_depth(&self.0.alias, fair.len());
            // Under the lock: the dispatcher that ends forgets them.
            pushed.map(|ticket| (ticket, self.take_over(places)))
        };
        let (ticket, are_other_places) = pushed.map_err(|full| {
            metrics::queued(&self.0.alias, full.bound.name(), Duration::ZERO);
            NoTurn::Full(full)
        })?;
        let waiting = Waiting {
            queue: self.clone(),
            ticket,
        };
        self.dispatch(before.is_none() || are_other_places);
        drop(before);
        let waited = timeout(deadline.saturating_duration_since(begun), turn).await;
        drop(waiting);
        if let Ok(Ok(entered)) = waited {
            return Ok(Turn {
                entered,
                follows_vain: was_in_vain,
                queue: self.clone(),
                since: since.unwrap_or(begun),
            });
        }
        let waited = now().saturating_duration_since(begun);
        metrics::queued(&self.0.alias, "too_long", waited);
        Err(NoTurn::TooLong)
    }

    /// Goes by these places from now on. Reports whether they are others than before.
    fn take_over(&self, places: &[Arc<Place>]) -> bool {
        let mut known = self.0.places.lock();
        let is_same = |(one, other): (&Arc<Place>, &Arc<Place>)| Arc::ptr_eq(one, other);
        if known.len() == places.len() && known.iter().zip(places).all(is_same) {
            return false;
        }
        *known = places.to_vec();
        true
    }

    /// Notes that a place may be free.
    pub fn note_change(&self) {
        self.0.changed.notify_one();
    }

    /// Sees that a dispatcher runs. One that comes back after a turn in vain is no news for it.
    fn dispatch(&self, is_news: bool) {
        if self.0.is_dispatched.swap(true, Ordering::AcqRel) {
            if is_news {
                self.0.changed.notify_one();
            }
            return;
        }
        let queue = self.clone();
        tokio::spawn(async move { queue.run().await });
    }

    async fn run(&self) {
        // Turns in a row that were in vain: a place may be free that none of those who wait can use.
        let mut vain = 0;
        loop {
            let present = now();
            let (admits, fits) = best(&self.0.places.lock(), present);
            let next = match admits {
                Admits::Yes | Admits::Probe => self.pop(present, fits),
                Admits::No { .. } => None,
            };
            if let Some(next) = next {
                let (entered, was_used) = oneshot::channel();
                // One that left meanwhile has no turn.
                if next.send(entered).is_ok() {
                    let was_used = matches!(timeout(HANDED_OVER, was_used).await, Ok(Ok(())));
                    vain = if was_used { 0 } else { vain + 1 };
                }
                if vain < self.len().max(1) {
                    continue;
                }
            }
            vain = 0;
            if self.ends() {
                return;
            }
            let until = match admits {
                Admits::No { until: Some(until) } => until.min(present + Duration::from_secs(1)),
                Admits::No { until: None } | Admits::Yes | Admits::Probe => present + LOOK,
            };
            tokio::select! {
                () = sleep_until(until.into()) => {}
                () = self.0.changed.notified() => {}
            }
        }
    }

    /// Takes the next, of those that are no larger than what `fits`.
    fn pop(&self, now: Instant, fits: Option<u64>) -> Option<oneshot::Sender<HandOver>> {
        let mut fair = self.0.fair.lock();
        drop(fair.expired(now));
        let next = fair.pop(now, fits);
        metrics::queue_depth(&self.0.alias, fair.len());
        next.map(|next| next.value)
    }

    /// Ends the dispatcher where nobody waits. Whoever comes after that begins another.
    fn ends(&self) -> bool {
        let mut fair = self.0.fair.lock();
        drop(fair.expired(now()));
        if !fair.is_empty() {
            return false;
        }
        // What no generation has any more is not to be kept for the next.
        self.0.places.lock().clear();
        self.0.is_dispatched.store(false, Ordering::Release);
        true
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut fair = self.queue.0.fair.lock();
        if fair.remove(self.ticket).is_some() {
            metrics::queue_depth(&self.queue.0.alias, fair.len());
        }
    }
}

/// The best that any of these places says, and the tokens of the largest call that fits into one of
/// those that admit one; `None` where any does.
fn best(places: &[Arc<Place>], now: Instant) -> (Admits, Option<u64>) {
    let all = places
        .iter()
        .map(|place| (place.admits(now, LEAST), place.fits(now)));
    let best = all.reduce(|one, other| match (one.0, other.0) {
        (Admits::No { .. }, Admits::No { .. }) => (better(one.0, other.0), None),
        (Admits::No { .. }, _) => other,
        (_, Admits::No { .. }) => one,
        (_, _) => {
            let fits = one.1.zip(other.1).map(|(one, other)| one.max(other));
            (better(one.0, other.0), fits)
        }
    });
    best.unwrap_or((Admits::Yes, None))
}

#[cfg(test)]
mod tests;
