//! Settlements that wait for a shared store.
//!
//! Bounded, and sent again until the store has them: each names its reservation, so that the store
//! counts it once. A settlement that finds no room, or that the store refuses for good, is dropped
//! and counted.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::Script;
use tokio::sync::{Notify, oneshot};

use super::{Ask, script::Calls};
use crate::{
    state::client::{Fault, StoreClient},
    telemetry::metrics,
};

/// Most settlements that wait: some 40 MB.
const MOST: usize = 100_000;
/// Settlements that are sent at once.
const BATCH: usize = 512;
/// Pause after a failure, first and longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Final amount of one request of a reservation.
pub(in crate::state) struct Settlement {
    pub(super) id: Arc<str>,
    pub(super) index: usize,
    pub(super) ask: Ask,
    pub(super) truth: u64,
    /// True if the store is known to have made the reservation.
    pub(super) certain: bool,
    stored: Option<oneshot::Sender<()>>,
}

impl Settlement {
    pub(super) fn new(
        id: &Arc<str>,
        index: usize,
        ask: Ask,
        truth: u64,
        certain: bool,
    ) -> (Self, oneshot::Receiver<()>) {
        let (stored, receiver) = oneshot::channel();
        let settlement = Self {
            id: Arc::clone(id),
            index,
            ask,
            truth,
            certain,
            stored: Some(stored),
        };
        (settlement, receiver)
    }
}

/// Settlements that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
    empty: Notify,
}

#[derive(Default)]
struct Waiting {
    line: VecDeque<Settlement>,
    /// Settlements being sent now.
    out: usize,
}

impl Queue {
    pub(super) fn push(&self, settlement: Settlement) {
        let mut waiting = self.waiting.lock();
        if waiting.line.len() >= MOST {
            drop(waiting);
            metrics::store_dropped("limits", "unsettled");
            return;
        }
        waiting.line.push_back(settlement);
        drop(waiting);
        self.news.notify_one();
    }

    /// Returns the number of settlements that the store does not have yet.
    pub(super) fn len(&self) -> usize {
        let waiting = self.waiting.lock();
        waiting.line.len() + waiting.out
    }

    /// Waits until the store has all.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.empty.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn next(&self) -> Vec<Settlement> {
        let mut waiting = self.waiting.lock();
        let count = waiting.line.len().min(BATCH);
        let batch: Vec<_> = waiting.line.drain(..count).collect();
        waiting.out = batch.len();
        batch
    }

    /// Puts failed settlements back: behind the others, which may be for a node that answers. Their
    /// order does not matter.
    fn back(&self, failed: Vec<Settlement>) {
        let mut waiting = self.waiting.lock();
        waiting.line.extend(failed);
        waiting.out = 0;
        let empty = waiting.line.is_empty();
        drop(waiting);
        if empty {
            self.empty.notify_waiters();
        }
    }

    /// Sends settlements to the store, for ever.
    pub(super) async fn send_all(&self, client: &StoreClient, script: &Script, calls: &Calls) {
        let (mut pause, mut up) = (PAUSE.0, client.subscribe());
        loop {
            let batch = self.next();
            if batch.is_empty() {
                metrics::store_unsettled(0);
                self.news.notified().await;
                continue;
            }
            if up.wait_for(|up| *up).await.is_err() {
                return;
            }
            let stored = batch.iter().map(|settlement| {
                let call = calls.settle(settlement);
                async move { client.run_patiently(script, &call).await }
            });
            let stored: Vec<_> = futures_util::future::join_all(stored).await;
            let (all, mut failed) = (batch.len(), Vec::new());
            for (mut settlement, stored) in batch.into_iter().zip(stored) {
                match stored {
                    Ok(_) => drop(settlement.stored.take().map(|stored| stored.send(()))),
                    Err(Fault::Refused(code)) => {
                        tracing::error!(%code, "redis refuses a settlement; what is used is not counted");
                        metrics::store_dropped("limits", "refused");
                    }
                    Err(_) => failed.push(settlement),
                }
            }
            let (again, some) = (!failed.is_empty(), failed.len() < all);
            self.back(failed);
            metrics::store_unsettled(self.len());
            if some {
                pause = PAUSE.0;
            }
            if again {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::state::Window;

    fn settlement() -> (Settlement, oneshot::Receiver<()>) {
        let ask = Ask {
            key: String::new(),
            amount: 1,
            limit: 1,
            window: Window::Day { offset: 0 },
            soft: false,
        };
        Settlement::new(&Arc::from("id"), 0, ask, 1, true)
    }

    #[test]
    fn a_settlement_without_room_is_dropped_counted_and_known_to_whoever_waits_for_it() {
        let queue = Queue::default();
        for _ in 0..MOST {
            queue.push(settlement().0);
        }
        let (late, mut receiver) = settlement();
        queue.push(late);
        assert_eq!(queue.len(), MOST);
        assert_eq!(
            receiver.try_recv(),
            Err(oneshot::error::TryRecvError::Closed)
        );
        let text = metrics::render();
        let line = "outrigger_store_dropped_total{store=\"limits\",reason=\"unsettled\"} 1";
        assert!(text.contains(line));
    }

    #[tokio::test]
    async fn a_settlement_that_is_being_sent_waits_until_the_store_has_it() {
        let queue = Queue::default();
        for _ in 0..BATCH + 1 {
            queue.push(settlement().0);
        }
        let batch = queue.next();
        assert_eq!((batch.len(), queue.len()), (BATCH, BATCH + 1));
        queue.back(batch.into_iter().take(2).collect());
        assert_eq!(queue.len(), 3);
        let emptied = queue.emptied();
        tokio::pin!(emptied);
        assert!(emptied.as_mut().now_or_never().is_none());
        queue.next();
        queue.back(Vec::new());
        emptied.await;
    }
}
