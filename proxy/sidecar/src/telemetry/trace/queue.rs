//! The exchanges whose spans wait for their export: bounded by the number of spans.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::Finished;
use crate::telemetry::metrics;

/// A queue that workers push to, and one task takes from.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Signals that there is something, or enough of it.
    work: Notify,
    /// Signals that a batch is done with.
    done: Notify,
    room: usize,
    batch: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Finished>,
    /// Spans of those.
    spans: usize,
    /// Spans that are being exported.
    exporting: usize,
    /// Nothing waits for more of it.
    hurry: bool,
}

impl Queue {
    /// A queue with room for so many spans, of which `batch` are enough to be exported.
    pub(super) fn new(room: usize, batch: usize) -> Self {
        Self {
            state: Mutex::default(),
            work: Notify::new(),
            done: Notify::new(),
            room,
            batch,
        }
    }

    /// Takes an exchange, or counts its spans as dropped.
    pub(super) fn push(&self, finished: Finished) {
        let spans = finished.spans();
        if spans == 0 {
            return;
        }
        let mut state = self.state.lock();
        let before = state.spans;
        if before + spans > self.room {
            drop(state);
            metrics::trace_spans("queue", spans);
            return;
        }
        state.spans += spans;
        state.waiting.push_back(finished);
        drop(state);
        if before == 0 || (before < self.batch && before + spans >= self.batch) {
            self.work.notify_one();
        }
    }

    /// Waits for something to export: until there is enough of it, or it has waited for `delay`.
    pub(super) async fn wait(&self, delay: Duration) {
        while self.state.lock().spans == 0 {
            self.work.notified().await;
        }
        let end = Instant::now() + delay;
        while !self.is_due() && timeout_at(end, self.work.notified()).await.is_ok() {}
    }

    fn is_due(&self) -> bool {
        let state = self.state.lock();
        state.hurry || state.spans >= self.batch
    }

    /// Takes exchanges that make a batch, or what there is of one; none where there is nothing.
    pub(super) fn take(&self) -> Option<Vec<Finished>> {
        let mut state = self.state.lock();
        let (mut taken, mut spans) = (Vec::new(), 0);
        while spans < self.batch {
            let Some(next) = state.waiting.front().map(Finished::spans) else {
                break;
            };
            if spans > 0 && spans + next > self.batch {
                break;
            }
            spans += next;
            taken.extend(state.waiting.pop_front());
        }
        state.spans -= spans;
        state.exporting = spans;
        (!taken.is_empty()).then_some(taken)
    }

    /// Shows a test what waits.
    #[cfg(test)]
    pub(super) fn look<T>(&self, show: impl FnOnce(&[Finished]) -> T) -> T {
        show(self.state.lock().waiting.make_contiguous())
    }

    /// Notes that what was taken is done with.
    pub(super) fn note_done(&self) {
        self.state.lock().exporting = 0;
        self.done.notify_one();
    }

    /// Waits until there is nothing left, at most `wait`. Returns the number of spans that are.
    pub(super) async fn flush(&self, wait: Duration) -> usize {
        let end = Instant::now() + wait;
        self.state.lock().hurry = true;
        self.work.notify_one();
        loop {
            let left = {
                let state = self.state.lock();
                state.spans + state.exporting
            };
            if left == 0 || timeout_at(end, self.done.notified()).await.is_err() {
                return left;
            }
        }
    }
}
