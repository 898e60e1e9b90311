//! Order of work on one worker: what is in progress goes before what has not begun.
//!
//! A worker runs its tasks in the order in which they became ready. Where many requests come at
//! once, it would begin all of them before it looks at the reply to the first: each then lies there
//! with its body and its instances until all others have begun, and none of it is in the
//! processor's cache any more when its reply comes. So between two looks at the sockets a worker
//! begins [`PER_TURN`] exchanges; the others wait for the next turn, first come, first served, and
//! what is ready by then is before them.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::{
    sync::{Notify, Semaphore},
    task::yield_now,
};

/// Exchanges that a worker begins between two looks at its sockets. Measured with 50 KB through
/// three policies over 256 connections: 182, 177 and 195 µs of CPU an exchange with 4, 8 and 16,
/// and 238 where all begin at once; over 32 connections 162, 162 and 171, and 170.
const PER_TURN: usize = 8;

/// Turns of one worker.
#[derive(Debug)]
pub(super) struct Turns {
    /// Exchanges that may begin in this turn.
    left: Semaphore,
    /// Notified when none is left.
    spent: Notify,
    /// True while somebody begins the next turn.
    kept: AtomicBool,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            left: Semaphore::new(PER_TURN),
            spent: Notify::new(),
            kept: AtomicBool::new(false),
        }
    }
}

impl Turns {
    /// Waits until another exchange may begin: not at all while few do.
    pub(super) async fn begin(&self) {
        if !self.kept.load(Relaxed) {
            return;
        }
        if let Ok(begins) = self.left.acquire().await {
            begins.forget();
        }
        if self.left.available_permits() == 0 {
            self.spent.notify_one();
        }
    }

    /// Begins the next turn when it is there, on the worker's own runtime, as long as that runs; to
    /// be called once, as a task of its own: the others between two of its polls are a turn.
    pub(super) async fn keep(&self) {
        self.kept.store(true, Relaxed);
        let _kept = Kept(self);
        loop {
            self.spent.notified().await;
            while self.left.available_permits() < PER_TURN {
                yield_now().await; // the worker looks at its sockets, and at what is ready
                let begun = PER_TURN.saturating_sub(self.left.available_permits());
                self.left.add_permits(begun);
            }
        }
    }
}

/// Lets all begin once nobody keeps the turns.
struct Kept<'a>(&'a Turns);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.0.kept.store(false, Relaxed);
        self.0.left.close(); // who waits begins
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tokio::sync::oneshot;

    use super::*;

    /// Begins `count` exchanges at once, each of which has its reply as soon as others may run, and
    /// returns the most that were begun and had not ended.
    async fn most_in_progress(turns: &Arc<Turns>, count: usize) -> usize {
        let seen = Arc::new(Mutex::new((0, 0)));
        let exchanges = (0..count).map(|_| {
            let (turns, seen) = (Arc::clone(turns), Arc::clone(&seen));
            tokio::spawn(async move {
                turns.begin().await;
                let (replies, reply) = oneshot::channel();
                tokio::spawn(async move { replies.send(()) });
                {
                    let (begun, most) = &mut *seen.lock();
                    *begun += 1;
                    *most = (*most).max(*begun);
                }
                let _ = reply.await;
                seen.lock().0 -= 1;
            })
        });
        for exchange in exchanges.collect::<Vec<_>>() {
            assert!(exchange.await.is_ok());
        }
        seen.lock().1
    }

    #[tokio::test]
    async fn exchanges_in_progress_go_on_before_others_begin() {
        let turns = Arc::new(Turns::default());
        let kept = Arc::clone(&turns);
        let keeper = tokio::spawn(async move { kept.keep().await });
        yield_now().await;
        for _ in 0..3 {
            let most = most_in_progress(&turns, 20 * PER_TURN + 3).await;
            assert!(most <= 2 * PER_TURN, "{most}");
        }
        keeper.abort();
    }

    #[tokio::test]
    async fn those_that_leave_while_they_wait_keep_nobody_from_beginning() {
        let turns = Arc::new(Turns::default());
        let kept = Arc::clone(&turns);
        let keeper = tokio::spawn(async move { kept.keep().await });
        yield_now().await;
        let waiting: Vec<_> = (0..20 * PER_TURN)
            .map(|_| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.begin().await })
            })
            .collect();
        yield_now().await;
        for leaves in waiting.iter().step_by(2) {
            leaves.abort();
        }
        for begins in waiting.into_iter().skip(1).step_by(2) {
            assert!(begins.await.is_ok());
        }
        let most = most_in_progress(&turns, 20 * PER_TURN).await;
        assert!(most <= 3 * PER_TURN, "{most}");
        keeper.abort();
    }

    #[tokio::test]
    async fn all_begin_where_nobody_keeps_the_turns_or_does_no_more() {
        let turns = Arc::new(Turns::default());
        let count = 3 * PER_TURN;
        assert_eq!(most_in_progress(&turns, count).await, count);

        let kept = Arc::clone(&turns);
        let keeper = tokio::spawn(async move { kept.keep().await });
        yield_now().await;
        let waiting: Vec<_> = (0..count)
            .map(|_| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.begin().await })
            })
            .collect();
        keeper.abort();
        for begins in waiting {
            assert!(begins.await.is_ok());
        }
        assert_eq!(most_in_progress(&turns, count).await, count);
    }
}
