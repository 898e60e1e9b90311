//! Load of one worker: its delay, and how many exchanges it admits because of it.
//!
//! A worker is one thread: when it has more to do than it can, its tasks queue, and a timer fires
//! late by the length of that queue. The *least* delay within a window counts (as in CoDel, RFC
//! 8289): a burst, a policy's long call or a throttled container leaves moments without a queue,
//! too much work does not. Then the worker admits fewer exchanges at once, in proportion to how
//! late it was; admitting none would send all clients away together, and have them back together a
//! second later.
//!
//! A refusal costs about a fifth of an admission. So a worker that is behind refuses at once only
//! as often as it can afford, and delays further refusals by the time that their `retry-after`
//! names: mostly they are for clients that do not heed it.
//!
//! Only exchanges that wait for the head of their reply are counted. Streams in progress go on
//! whatever the load.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::turns::Turns;

/// Time between two measurements of the delay.
const STEP: Duration = Duration::from_millis(10);
/// Window within which the least delay counts.
const WINDOW: Duration = Duration::from_millis(250);
/// Least number of measurements in a window: when each takes long, one alone may be a burst.
const LEAST_SAMPLES: u32 = 3;
/// Lateness that the runtime's timers have anyway.
const COARSE: Duration = Duration::from_millis(2);
/// Admitted exchanges that earn one immediate refusal; also the credit that one costs.
const REFUSAL_COST: usize = 4;
/// Immediate refusals that each second brings, whether anything is admitted or not.
const REFUSALS_PER_SECOND: usize = 200;
/// Largest credit that is saved up.
const MOST_CREDIT: usize = 1000 * REFUSAL_COST;
/// Delay of a refusal beyond the credit: as long as its `retry-after` says.
const REFUSAL_DELAY: Duration = Duration::from_secs(1);
/// Exchanges that a worker admits at once, however late it is.
const LEAST: usize = 32;

/// Exchanges that one worker has admitted, and the limit on them.
#[derive(Debug)]
pub struct WorkerLoad {
    inside: AtomicUsize,
    /// Most exchanges that were inside within the window.
    most: AtomicUsize,
    /// Credit for immediate refusals, [`REFUSAL_COST`] for each, and the second whose share is in
    /// it.
    credit: AtomicUsize,
    second: AtomicU32,
    limit: AtomicUsize,
    woken: Notify,
    turns: Turns,
}

impl Default for WorkerLoad {
    fn default() -> Self {
        Self {
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            credit: AtomicUsize::new(MOST_CREDIT),
            second: AtomicU32::new(0),
            limit: AtomicUsize::new(usize::MAX),
            woken: Notify::new(),
            turns: Turns::default(),
        }
    }
}

/// An exchange that was admitted and has no reply yet. Dropping it makes room.
#[derive(Debug)]
#[must_use = "dropping it makes room for the next"]
pub struct ExchangePermit(Arc<WorkerLoad>);

impl Drop for ExchangePermit {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Relaxed);
    }
}

impl WorkerLoad {
    /// Admits an exchange, where the limit has room.
    pub(super) fn enter(self: &Arc<Self>) -> Option<ExchangePermit> {
        let before = self.inside.fetch_add(1, Relaxed);
        let admitted = ExchangePermit(Arc::clone(self));
        if before >= self.limit.load(Relaxed) {
            return None;
        }
        // The worker's own thread alone writes these, so no update is lost between load and store.
        if before >= self.most.load(Relaxed) {
            self.most.store(before + 1, Relaxed);
        }
        self.earn(1);
        if before == 0 {
            self.woken.notify_one();
        }
        Some(admitted)
    }

    fn earn(&self, more: usize) {
        let credit = self.credit.load(Relaxed);
        if credit < MOST_CREDIT {
            self.credit.store(credit + more, Relaxed);
        }
    }

    /// Returns how long to delay the refusal of a request that is shed in this `second` of the
    /// clock of `Admission`; `None` for not at all. Clients that retry at once would otherwise take
    /// all that the worker can do, only to be refused.
    pub fn refusal_delay(&self, second: u32) -> Option<Duration> {
        if self.second.swap(second, Relaxed) != second {
            self.earn(REFUSALS_PER_SECOND * REFUSAL_COST);
        }
        match self.credit.load(Relaxed).checked_sub(REFUSAL_COST) {
            Some(left) => {
                self.credit.store(left, Relaxed);
                None
            }
            None => Some(REFUSAL_DELAY),
        }
    }

    /// Reports whether the worker is behind, and so admits fewer exchanges than come.
    pub(super) fn is_behind(&self) -> bool {
        self.limit.load(Relaxed) != usize::MAX
    }

    /// Waits for the turn of an admitted exchange: not at all while few begin at once.
    pub async fn turn(&self) {
        self.turns.begin().await;
    }

    /// Begins turns, on the worker's own runtime, as long as that runs. Sleeps while few exchanges
    /// begin at once.
    pub async fn keep_turns(self: Arc<Self>) {
        self.turns.keep().await;
    }

    /// Keeps the limit up to date, on the worker's own runtime, as long as that runs. Sleeps while
    /// nothing is inside and no limit is set.
    pub async fn keep(self: Arc<Self>, target: Duration) {
        let mut control = Control::new(target, Instant::now());
        loop {
            if self.inside.load(Relaxed) == 0 && control.limit == usize::MAX {
                self.woken.notified().await;
                control.restart(Instant::now());
            }
            let due = Instant::now() + STEP;
            sleep_until(due).await;
            self.turns.begin().await; // exchanges that wait for theirs are behind, too
            let now = Instant::now();
            let delay = now.saturating_duration_since(due).saturating_sub(COARSE);
            let limit = control.observe(now, delay, self.most.load(Relaxed));
            if control.begun == now {
                self.most.store(self.inside.load(Relaxed), Relaxed);
            }
            self.limit.store(limit, Relaxed);
        }
    }
}

/// Computes the limit from delays. Pure: callers pass the time.
#[derive(Debug)]
struct Control {
    target: Duration,
    least: Duration,
    samples: u32,
    begun: Instant,
    limit: usize,
}

impl Control {
    fn new(target: Duration, now: Instant) -> Self {
        Self {
            target,
            least: Duration::MAX,
            samples: 0,
            begun: now,
            limit: usize::MAX,
        }
    }

    fn restart(&mut self, now: Instant) {
        self.least = Duration::MAX;
        self.samples = 0;
        self.begun = now;
    }

    /// Takes in one measured delay, and the most that were inside; returns the limit from now on.
    fn observe(&mut self, now: Instant, delay: Duration, inside: usize) -> usize {
        self.least = self.least.min(delay);
        self.samples += 1;
        if now.saturating_duration_since(self.begun) < WINDOW || self.samples < LEAST_SAMPLES {
            return self.limit;
        }
        let least = self.least;
        self.restart(now);
        if least > self.target {
            let share = (self.target.as_secs_f64() / least.as_secs_f64()).clamp(0.5, 0.95);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a small number"
            )]
            let fewer = (inside.min(self.limit) as f64 * share) as usize;
            self.limit = fewer.max(LEAST);
        } else if self.limit != usize::MAX {
            // Far below the target the limit was cut too deep, and clients that could be served are
            // waiting.
            let more = if least < self.target / 4 { 1 } else { 8 };
            self.limit = match inside < self.limit / 2 {
                true => usize::MAX,
                false => self.limit.saturating_add((self.limit / more).max(LEAST)),
            };
        }
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(30);

    /// Runs `windows` of a worker to which `offered` exchanges come, `delay` late with so many
    /// inside; returns the control and how many are inside.
    fn run(
        windows: u32,
        offered: usize,
        delay: impl Fn(usize, u32) -> Duration,
    ) -> (Control, usize) {
        let mut now = Instant::now();
        let mut control = Control::new(TARGET, now);
        let mut inside = offered;
        for step in 0..windows * 25 {
            now += STEP;
            let limit = control.observe(now, delay(inside, step), inside);
            inside = offered.min(limit);
        }
        (control, inside)
    }

    /// Delay of a queue of 75 µs of work for each exchange.
    fn queue(inside: usize, _: u32) -> Duration {
        Duration::from_micros(75) * u32::try_from(inside).unwrap_or(u32::MAX)
    }

    #[test]
    fn a_queue_that_stands_is_brought_to_the_target_and_not_to_nothing() {
        let (_, inside) = run(20, 4000, queue);
        let late = queue(inside, 0);
        assert!(
            (TARGET / 2..TARGET * 3 / 2).contains(&late),
            "{inside}: {late:?}"
        );
    }

    #[test]
    fn a_delay_that_comes_and_goes_sheds_nothing() {
        // Throttled for 80 ms of each 100.
        let bursts = |_: usize, step: u32| {
            Duration::from_millis(if step.is_multiple_of(10) { 0 } else { 80 })
        };
        assert_eq!(run(20, 100, bursts).0.limit, usize::MAX);
    }

    #[test]
    fn one_long_stall_sheds_nothing() {
        let mut now = Instant::now();
        let mut control = Control::new(TARGET, now);
        now += Duration::from_secs(1);
        control.observe(now, Duration::from_millis(990), 500);
        for _ in 0..100 {
            now += STEP;
            assert_eq!(control.observe(now, Duration::ZERO, 500), usize::MAX);
        }
    }

    #[test]
    fn once_the_load_is_gone_everything_is_let_in_within_two_seconds() {
        let (mut control, _) = run(20, 4000, queue);
        assert_ne!(control.limit, usize::MAX);
        let mut now = control.begun;
        for _ in 0..(2000 / 10) {
            now += STEP;
            control.observe(now, Duration::ZERO, 1);
        }
        assert_eq!(control.limit, usize::MAX);
    }

    #[test]
    fn however_late_a_worker_is_it_takes_on_a_few() {
        let (control, _) = run(200, 4000, |_, _| Duration::from_secs(1));
        assert_eq!(control.limit, LEAST);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_worker_looks_at_nothing() {
        let load = Arc::new(WorkerLoad::default());
        let keeper = tokio::spawn(Arc::clone(&load).keep(TARGET));
        // The worker sleeps without a timer, so paused time jumps to the end of this sleep.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let admitted = load.enter();
        assert!(admitted.is_some());
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(admitted);
        assert!(!keeper.is_finished());
        assert_eq!(load.inside.load(Relaxed), 0);
        keeper.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn exchanges_that_wait_for_their_turn_are_a_delay() {
        let load = Arc::new(WorkerLoad::default());
        let keepers = [
            tokio::spawn(Arc::clone(&load).keep_turns()),
            tokio::spawn(Arc::clone(&load).keep(TARGET)),
        ];
        tokio::task::yield_now().await;
        let clients = (0..400).map(|_| {
            let load = Arc::clone(&load);
            tokio::spawn(async move {
                for _ in 0..20 {
                    let Some(_admitted) = load.enter() else {
                        return true;
                    };
                    load.turn().await;
                    tokio::time::advance(Duration::from_millis(1)).await; // work
                }
                false
            })
        });
        let mut shed = false;
        for client in clients.collect::<Vec<_>>() {
            shed |= client.await.is_ok_and(|shed| shed);
        }
        assert!(shed);
        for keeper in keepers {
            keeper.abort();
        }
    }

    #[test]
    fn a_worker_refuses_at_once_as_often_as_it_can_afford() {
        let load = Arc::new(WorkerLoad::default());
        load.credit.store(REFUSAL_COST, Relaxed);
        assert_eq!(
            (load.refusal_delay(0), load.refusal_delay(0)),
            (None, Some(REFUSAL_DELAY))
        );
        for _ in 0..REFUSAL_COST {
            assert!(load.enter().is_some());
        }
        assert_eq!(
            (load.refusal_delay(0), load.refusal_delay(0)),
            (None, Some(REFUSAL_DELAY))
        );
        // The next second brings some, whether any is admitted or not.
        for _ in 0..REFUSALS_PER_SECOND {
            assert_eq!(load.refusal_delay(1), None);
        }
        assert_eq!(load.refusal_delay(1), Some(REFUSAL_DELAY));
    }

    #[test]
    fn whoever_finds_no_room_takes_none() {
        let load = Arc::new(WorkerLoad::default());
        load.limit.store(1, Relaxed);
        let first = load.enter();
        assert!(first.is_some() && load.enter().is_none());
        drop(first);
        assert!(load.enter().is_some());
    }
}
