//! The ticker, which makes running calls check the clock, and the turns that calls take once it
//! interrupted them. [`pace`](super::pace) decides how much time a call may take.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::EngineWeak;

/// Time between two ticks while all calls are quick.
const TICK: Duration = Duration::from_millis(8);
/// Time between two ticks while a call is past its first one: the longest that it occupies its
/// worker.
const FAST_TICK: Duration = Duration::from_millis(1);
/// Idle ticks before the ticker sleeps: waking it is a system call, which busy times should not
/// see.
const LINGER: u32 = 16;

/// Raises the epoch while calls run.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: thread::Thread,
    turns: Arc<Semaphore>,
}

#[derive(Default)]
struct Shared {
    /// The engines whose calls check the clock.
    engines: Mutex<Vec<EngineWeak>>,
    running: AtomicUsize,
    overrunning: AtomicUsize,
    /// True if a call has begun since the last tick: most are over before the next one.
    recent: AtomicBool,
    asleep: AtomicBool,
    ended: AtomicBool,
}

impl Ticker {
    /// Starts the thread, asleep.
    ///
    /// # Errors
    /// No thread can be made: nothing would end a policy that loops.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new()
            .name("policy-ticker".into())
            .stack_size(64 << 10)
            .spawn({
                let shared = shared.clone();
                move || shared.tick()
            })?;
        Ok(Self {
            thread: thread.thread().clone(),
            turns: Arc::new(Semaphore::new(
                thread::available_parallelism().map_or(1, usize::from),
            )),
            shared,
        })
    }

    /// Raises the epoch of `engine`, too, for as long as there is one.
    pub(super) fn drive(&self, engine: EngineWeak) {
        self.shared.engines.lock().push(engine);
    }

    /// Counts a call as running until the guard drops.
    pub(super) fn enter(&self) -> Guard {
        self.shared.running.fetch_add(1, SeqCst);
        self.shared.recent.store(true, Relaxed);
        // Only the call that ends the sleep pays for the system call.
        if self.shared.asleep.load(SeqCst) && self.shared.asleep.swap(false, SeqCst) {
            self.thread.unpark();
        }
        Guard(self.shared.clone(), |shared| &shared.running)
    }

    /// Counts a call as past its first tick.
    pub(super) fn overrun(&self) -> Overrun {
        if self.shared.overrunning.fetch_add(1, SeqCst) == 0 {
            self.thread.unpark();
        }
        Overrun {
            _counted: Guard(self.shared.clone(), |shared| &shared.overrunning),
            turns: self.turns.clone(),
            turn: Turn::default(),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        self.thread.unpark();
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
    fn tick(&self) {
        let mut idle = 0;
        while !self.ended.load(SeqCst) {
            let fast = self.overrunning.load(SeqCst) > 0;
            thread::park_timeout(if fast { FAST_TICK } else { TICK });
            self.engines.lock().retain(|engine| {
                let engine = engine.upgrade();
                if let Some(engine) = &engine {
                    engine.increment_epoch();
                }
                engine.is_some()
            });
            let busy = self.recent.swap(false, Relaxed) || self.running.load(SeqCst) > 0;
            idle = if busy { 0 } else { idle + 1 };
            if idle >= LINGER {
                // Announced before the last check: a call that enters after it sees it and wakes
                // the ticker.
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
    turns: Arc<Semaphore>,
    turn: Turn,
}

/// A call's turn, shared with the future that waits for it.
type Turn = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

impl Overrun {
    /// Resolves when it is the call's turn again, after the others that wait for one. Its present
    /// turn ends at once.
    pub(super) fn next_turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.leave();
        let (turns, turn) = (self.turns.clone(), self.turn.clone());
        Box::pin(async move {
            // The semaphore is never closed; were it closed, turns would come all the same.
            *turn.lock() = turns.acquire_owned().await.ok();
            // tokio's own: the worker polls its sockets and all other ready tasks before the call
            // goes on.
            tokio::task::yield_now().await;
        })
    }

    /// Leaves its turn to others.
    pub(super) fn leave(&self) {
        *self.turn.lock() = None;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_past_their_first_tick_take_turns() {
        let mut ticker = Ticker::start().unwrap();
        ticker.turns = Arc::new(Semaphore::new(1));
        let (long, short) = (ticker.overrun(), ticker.overrun());
        long.next_turn().await;
        let waits = tokio::spawn(short.next_turn());
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "one at a time");
        // The long one comes to its next tick: the short one is first now, though the long one has
        // not ended.
        let again = long.next_turn();
        waits.await.unwrap();
        drop(short);
        again.await;
    }

    #[test]
    fn the_ticker_sleeps_when_no_call_runs_and_wakes_for_the_next() {
        let ticker = Ticker::start().unwrap();
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
