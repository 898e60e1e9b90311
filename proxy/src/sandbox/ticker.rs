//! The ticker, which makes running calls look at the clock, and the lane of those that have been caught by it. What a call may take is
//! [`pace`](super::pace)'s to tell.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::EngineWeak;

/// Between two ticks while all calls are quick.
const TICK: Duration = Duration::from_millis(8);
/// Between two ticks while a call is past its first one: how long it may hold its worker.
const FAST_TICK: Duration = Duration::from_millis(1);
/// Idle ticks before the ticker sleeps: waking it is a system call, which busy times should not see.
const LINGER: u32 = 16;

/// Raises the epoch while calls run.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<thread::Thread>,
    lane: Arc<Semaphore>,
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    overrunning: AtomicUsize,
    /// A call has begun since the last tick: most are over before the ticker looks.
    recent: AtomicBool,
    asleep: AtomicBool,
    ended: AtomicBool,
}

impl Ticker {
    /// Starts the thread, asleep. Where no thread can be made, calls end by their wall time at host calls only.
    pub(super) fn start(engine: EngineWeak) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new()
            .name("policy-ticker".into())
            .stack_size(64 << 10)
            .spawn({
                let shared = shared.clone();
                move || shared.tick(&engine)
            })
            .inspect_err(|error| tracing::error!(%error, "no thread for the policies' clock"));
        Self {
            thread: thread.ok().map(|handle| handle.thread().clone()),
            lane: Arc::new(Semaphore::new(
                thread::available_parallelism().map_or(1, usize::from),
            )),
            shared,
        }
    }

    /// Counts a call in until the guard drops.
    pub(super) fn enter(&self) -> Guard {
        self.shared.running.fetch_add(1, SeqCst);
        self.shared.recent.store(true, Relaxed);
        // Whoever ends the sleep is the only one who pays for the system call.
        if self.shared.asleep.load(SeqCst) && self.shared.asleep.swap(false, SeqCst) {
            self.wake();
        }
        Guard(self.shared.clone(), |shared| &shared.running)
    }

    /// Counts in a call that is past its first tick.
    pub(super) fn overrun(&self) -> Overrun {
        if self.shared.overrunning.fetch_add(1, SeqCst) == 0 {
            self.wake();
        }
        Overrun {
            _counted: Guard(self.shared.clone(), |shared| &shared.overrunning),
            lane: self.lane.clone(),
            place: Place::default(),
            queued: false,
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        self.wake();
    }
}

/// Takes its call out of the count when it drops.
pub(super) struct Guard(Arc<Shared>, fn(&Shared) -> &AtomicUsize);

impl Drop for Guard {
    fn drop(&mut self) {
        self.1(&self.0).fetch_sub(1, SeqCst);
    }
}

impl Shared {
    fn tick(&self, engine: &EngineWeak) {
        let mut idle = 0;
        while !self.ended.load(SeqCst) {
            let fast = self.overrunning.load(SeqCst) > 0;
            thread::park_timeout(if fast { FAST_TICK } else { TICK });
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
            let busy = self.recent.swap(false, Relaxed) || self.running.load(SeqCst) > 0;
            idle = if busy { 0 } else { idle + 1 };
            if idle >= LINGER {
                // Announced before the last look: whoever enters after the look sees it and wakes us.
                self.asleep.store(true, SeqCst);
                if self.running.load(SeqCst) > 0 {
                    self.asleep.store(false, SeqCst);
                }
                while self.asleep.load(SeqCst) && !self.ended.load(SeqCst) {
                    thread::park();
                }
                idle = 0;
            }
        }
    }
}

/// A call past its first tick.
pub(super) struct Overrun {
    _counted: Guard,
    lane: Arc<Semaphore>,
    place: Place,
    /// It has asked for its place.
    pub(super) queued: bool,
}

/// A place in the lane, shared with the future that waits for it.
type Place = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

impl Overrun {
    /// Whether it has a place.
    pub(super) fn in_lane(&self) -> bool {
        lock(&self.place).is_some()
    }

    /// Waits for a place, no longer than `left`.
    pub(super) fn queue(&mut self, left: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.queued = true;
        let (lane, place) = (self.lane.clone(), self.place.clone());
        Box::pin(async move {
            let permit = tokio::time::timeout(left, lane.acquire_owned()).await;
            *lock(&place) = permit.ok().and_then(Result::ok);
        })
    }

    /// Leaves its place to others.
    pub(super) fn leave(&self) {
        *lock(&self.place) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticker_sleeps_when_no_call_runs_and_wakes_for_the_next() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start(engine.weak());
        let asleep = |ticker: &Ticker| ticker.shared.asleep.load(SeqCst);
        let soon = |what: &dyn Fn() -> bool| {
            (0..500).any(|_| {
                thread::sleep(Duration::from_millis(10));
                what()
            })
        };
        assert!(soon(&|| asleep(&ticker)), "goes to sleep");
        let guard = ticker.enter();
        assert!(soon(&|| !asleep(&ticker)), "wakes");
        drop(guard);
        assert!(soon(&|| asleep(&ticker)), "sleeps again");
    }
}
