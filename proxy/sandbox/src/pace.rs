//! Time that a call may take.
//!
//! Compiled policies check a counter, the epoch, at every loop and function head. The
//! [ticker](super::ticker) raises it while calls run, and sleeps otherwise: an idle sidecar uses no
//! CPU. A call that meets a tick yields to its worker's other tasks and is then metered by the
//! *thread's own CPU clock*, so that a busy machine is never blamed on a policy. The slice before
//! the first tick is not counted (its start was not worth a system call); that slice, a tick at the
//! end and the allowance bound a loop's time.
//!
//! The allowance grows with the text that the call is given ([`Pace::show`]): a long prompt is no
//! loop. Wall time is spent by nothing but a wait for an import ([`Pace::wait`]); a call that waits
//! for its turn, for the worker or for the kernel spends none.
//!
//! A call that is expected to be quick runs on its worker's own stack and can't yield
//! ([`Pace::begin_quick`]): a stack for each call is what the cache of a busy processor has no room
//! for. Where the expectation fails, the call holds its worker to the end of its allowance, and is
//! the last of its policy that is called so for a while; a call with a longer allowance than a
//! worker may stand still ([`may_be_quick`]) is never made so.
//!
//! Calls past their first tick take turns, as many at once as there are CPUs: however many policies
//! loop, a worker serves its other tasks after a millisecond at most, but for one quick call in ten
//! thousand, which may take little more than [`QUICK_CPU`]. A short call that met a tick waits for
//! slices of long ones, not for their ends.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use policy::PolicyLimits;
use tokio::time::{Instant, timeout};
use wasmtime::UpdateDeadline;

use super::ticker::{Overrun, Ticker};

/// The reason why the host ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Overdue {
    #[error("out of CPU time")]
    Cpu,
    #[error("out of wall time")]
    Wall,
}

/// CPU time after its first tick from which on a call was not quick: the longest that a slice may
/// take. A quick call meets a tick by chance, and ends long before.
const QUICK: Duration = Duration::from_millis(1);
/// The largest CPU allowance of a call that is made on its worker's own stack: the longest that a
/// worker may stand still. The default limits give 16.4 ms to the longest text of a quick call.
const QUICK_CPU: Duration = Duration::from_millis(20);
/// Text of a call, in bytes, from which on it is not expected to be quick. Policies that read every
/// byte take some microseconds for a KiB; from here on, a stack of its own is a hundredth of the
/// call.
const QUICK_BYTES: usize = 64 << 10;

/// Parts in which a wait for an import is timed. A part that took longer than it should (the worker
/// was busy, the kernel ran another task) counts as one part, and between two parts the worker has
/// polled its sockets: an answer that is there is never too late.
const PARTS: u32 = 16;
/// The shortest part.
const SHORTEST_PART: Duration = Duration::from_millis(1);

thread_local! {
    /// The present slice: CPU time of the call before it, and the thread's clock at its start.
    /// `None` in a call's first slice.
    static SLICE: Cell<Option<(Duration, Duration)>> = const { Cell::new(None) };
}

/// The time that a call may take, and what it took.
pub(super) struct Pace {
    cpu: Duration,
    cpu_per_kib: Duration,
    wall: Duration,
    /// Bytes of text that the call was given, and the most that can count.
    shown: u64,
    showable: u64,
    /// Time spent in waits for imports.
    waited: Duration,
    overrun: Option<Overrun>,
    quick: Quick,
    loading: Loading,
}

/// A call that can't yield, if this is one, and the thread's CPU clock at its first tick.
#[derive(Clone, Copy)]
enum Quick {
    No,
    Begun,
    Since(Duration),
}

/// The kind of a call, and at load the thread's CPU clock at its first tick.
#[derive(Clone, Copy)]
enum Loading {
    No,
    Yielding,
    Begun,
    Since(Duration),
}

impl Pace {
    /// Sets the pace of calls in an exchange.
    pub(super) fn serving(limits: &PolicyLimits) -> Self {
        Self {
            cpu_per_kib: limits.cpu_per_kib,
            wall: limits.wall,
            loading: Loading::No,
            ..Self::configuring(limits.cpu)
        }
    }

    /// Sets the pace of a call at load, on a thread of its own: never yields, ends after `cpu` of
    /// the thread's CPU time.
    pub(super) fn loading(cpu: Duration) -> Self {
        Self {
            loading: Loading::Begun,
            ..Self::configuring(cpu)
        }
    }

    /// Sets the pace of `configure` in an exchange: yields, but may call no import.
    pub(super) fn configuring(cpu: Duration) -> Self {
        Self {
            loading: Loading::Yielding,
            cpu,
            cpu_per_kib: Duration::ZERO,
            wall: Duration::ZERO,
            shown: 0,
            showable: 0,
            waited: Duration::ZERO,
            overrun: None,
            quick: Quick::No,
        }
    }

    /// Reports whether this is a call of `describe` or `configure`, which may call no import.
    pub(super) fn is_loading(&self) -> bool {
        !matches!(self.loading, Loading::No)
    }

    /// Starts a call that may be given so many bytes of text.
    pub(super) fn begin(&mut self, showable: u64) {
        self.shown = 0;
        self.showable = showable;
        self.waited = Duration::ZERO;
    }

    /// Starts a call that can't yield: it has its whole allowance in one slice.
    pub(super) fn begin_quick(&mut self, showable: u64) {
        self.begin(showable);
        self.quick = Quick::Begun;
    }

    /// Reports whether the call was started as a quick one, and is none.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self.quick, Quick::Since(start) if thread_cpu().saturating_sub(start) > QUICK)
    }

    /// Ends the call.
    pub(super) fn end(&mut self) {
        self.overrun = None;
        self.quick = Quick::No;
    }

    /// Counts text that the call is given: its allowance of CPU time grows. Text that it reads
    /// again counts no more than once over.
    pub(super) fn show(&mut self, bytes: u64) {
        self.shown = self.shown.saturating_add(bytes).min(self.showable);
    }

    /// Returns the bytes that count as given so far.
    pub(super) fn shown(&self) -> u64 {
        self.shown
    }

    /// Returns the CPU time that the call may take, by what it was given so far.
    fn allowance(&self) -> Duration {
        allowance(self.cpu, self.cpu_per_kib, self.shown)
    }

    /// Returns the wall time that is left.
    pub(super) fn left(&self) -> Duration {
        self.wall.saturating_sub(self.waited)
    }

    /// Decides, at a tick, whether the call goes on.
    pub(super) fn tick(&mut self, ticker: Option<&Ticker>) -> Result<UpdateDeadline, Overdue> {
        match self.loading {
            Loading::No | Loading::Yielding => {}
            Loading::Begun => {
                self.loading = Loading::Since(thread_cpu());
                return Ok(UpdateDeadline::Continue(1));
            }
            Loading::Since(start) if thread_cpu().saturating_sub(start) > self.cpu => {
                return Err(Overdue::Cpu);
            }
            Loading::Since(_) => return Ok(UpdateDeadline::Continue(1)),
        }
        match self.quick {
            Quick::No => {}
            Quick::Begun => {
                self.quick = Quick::Since(thread_cpu());
                // The next tick is a millisecond away.
                self.overrun = ticker.map(Ticker::overrun);
                return Ok(UpdateDeadline::Continue(1));
            }
            Quick::Since(start) if thread_cpu().saturating_sub(start) > self.allowance() => {
                return Err(Overdue::Cpu);
            }
            Quick::Since(_) => return Ok(UpdateDeadline::Continue(1)),
        }
        if let Some((before, start)) = SLICE.get()
            && before + thread_cpu().saturating_sub(start) > self.allowance()
        {
            return Err(Overdue::Cpu);
        }
        if self.overrun.is_none() {
            self.overrun = ticker.map(Ticker::overrun);
        }
        let turn: Pin<Box<dyn Future<Output = ()> + Send>> = match &self.overrun {
            Some(overrun) => overrun.next_turn(),
            None => Box::pin(tokio::task::yield_now()),
        };
        Ok(UpdateDeadline::YieldCustom(1, turn))
    }

    /// Waits for an import, for as long as the call may still wait. Its turn goes to others
    /// meanwhile.
    pub(super) async fn wait<F: Future>(&mut self, work: F) -> Result<F::Output, Overdue> {
        if let Some(overrun) = &self.overrun {
            overrun.leave();
        }
        let part = (self.wall / PARTS).max(SHORTEST_PART);
        let mut work = std::pin::pin!(work);
        while !self.left().is_zero() {
            let (begun, part) = (Instant::now(), part.min(self.left()));
            let answer = timeout(part, work.as_mut()).await;
            self.waited += begun.elapsed().min(part);
            if let Ok(answer) = answer {
                return Ok(answer);
            }
        }
        Err(Overdue::Wall)
    }
}

/// Returns the CPU time that a call may take which is given so many bytes of text.
fn allowance(cpu: Duration, cpu_per_kib: Duration, bytes: u64) -> Duration {
    let nanoseconds = cpu_per_kib.as_nanos() * u128::from(bytes) / 1024;
    let more = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    cpu.saturating_add(more)
}

/// Reports whether a call with so much text is likely to be quick, and takes a worker no longer
/// than it may stand still where it is not.
pub(super) fn may_be_quick(limits: &PolicyLimits, bytes: usize) -> bool {
    bytes <= QUICK_BYTES && allowance(limits.cpu, limits.cpu_per_kib, bytes as u64) <= QUICK_CPU
}

/// Drives a call's future, metering every slice but the first.
pub(super) async fn metered<F: Future>(call: F) -> F::Output {
    let mut call = std::pin::pin!(call);
    let mut spent: Option<Duration> = None;
    std::future::poll_fn(move |context| {
        let start = spent.map(|spent| (spent, thread_cpu()));
        SLICE.set(start);
        let poll = call.as_mut().poll(context);
        if poll.is_pending() {
            let slice = start.map_or(Duration::ZERO, |(_, s)| thread_cpu().saturating_sub(s));
            spent = Some(spent.unwrap_or_default() + slice);
        }
        poll
    })
    .await
}

/// Runs a future that waits for nothing; `None` where it does after all.
pub(super) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let poll = Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
    match poll {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Returns the CPU time of this thread since it began.
fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    fn burn(time: Duration) {
        let start = thread_cpu();
        while thread_cpu() - start < time {
            std::hint::spin_loop();
        }
    }

    fn limits(cpu: Duration, wall: Duration) -> PolicyLimits {
        PolicyLimits {
            cpu,
            wall,
            ..PolicyLimits::default()
        }
    }

    #[test]
    fn waiting_is_not_charged_as_cpu_time_but_working_is() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let cpu = Duration::from_millis(20);
        let (rested, worked) = runtime.block_on(metered(async move {
            let mut pace = Pace::serving(&limits(cpu, Duration::from_secs(60)));
            pace.begin(0);
            tokio::task::yield_now().await;
            tokio::time::sleep(2 * cpu).await;
            let rested = pace.tick(None).is_ok();
            burn(cpu / 2);
            tokio::task::yield_now().await;
            burn(cpu);
            (rested, pace.tick(None).err())
        }));
        assert_eq!((rested, worked), (true, Some(Overdue::Cpu)));
    }

    #[test]
    fn a_quick_call_that_is_none_has_its_allowance_and_no_more() {
        let mut pace = Pace::serving(&limits(Duration::from_millis(10), Duration::ZERO));
        pace.begin_quick(0);
        assert!(matches!(pace.tick(None), Ok(UpdateDeadline::Continue(1))));
        assert!(!pace.is_slow(), "a tick by chance");
        burn(Duration::from_millis(3));
        assert!(matches!(pace.tick(None), Ok(UpdateDeadline::Continue(1))));
        assert!(pace.is_slow());
        burn(Duration::from_millis(8));
        assert_eq!(pace.tick(None).err(), Some(Overdue::Cpu));
        pace.end();
        pace.begin(0);
        assert!(!pace.is_slow());
        let yields = pace.tick(None);
        assert!(matches!(yields, Ok(UpdateDeadline::YieldCustom(..))));
    }

    #[test]
    fn no_call_that_may_hold_its_worker_for_long_is_quick() {
        let default = PolicyLimits::default();
        assert!(may_be_quick(&default, 0) && may_be_quick(&default, QUICK_BYTES));
        assert!(!may_be_quick(&default, QUICK_BYTES + 1));
        let long = limits(QUICK_CPU, default.wall);
        assert!(may_be_quick(&long, 0) && !may_be_quick(&long, 1 << 10));
        assert!(!may_be_quick(&limits(2 * QUICK_CPU, default.wall), 0));
        assert!(!may_be_quick(&limits(Duration::MAX, default.wall), 0));
        let slow = PolicyLimits {
            cpu_per_kib: Duration::from_secs(1),
            ..default
        };
        assert!(may_be_quick(&slow, 0) && !may_be_quick(&slow, 1 << 10));
    }

    #[test]
    fn the_allowance_grows_with_what_a_call_is_given_and_no_further() {
        let limits = PolicyLimits {
            cpu: Duration::from_millis(10),
            cpu_per_kib: Duration::from_micros(100),
            ..PolicyLimits::default()
        };
        let mut pace = Pace::serving(&limits);
        pace.begin(4 << 20);
        assert_eq!(pace.allowance(), limits.cpu);
        pace.show(57 << 10);
        assert_eq!(pace.allowance(), Duration::from_micros(15_700));
        for _ in 0..100 {
            pace.show(4 << 20); // the same pages over and over
        }
        assert_eq!(pace.allowance(), Duration::from_micros(419_600));
        pace.begin(100);
        assert_eq!(pace.allowance(), limits.cpu);
    }

    #[tokio::test(start_paused = true)]
    async fn wall_time_is_spent_by_waits_for_imports_alone() {
        let mut pace = Pace::serving(&limits(Duration::MAX, Duration::from_millis(48)));
        pace.begin(0);
        // The machine is busy elsewhere, or the call waits for its turn.
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(pace.tick(None).is_ok());
        let answer = pace.wait(tokio::time::sleep(Duration::from_millis(30)));
        assert_eq!(answer.await, Ok(()));
        tokio::time::advance(Duration::from_secs(60)).await;
        let answer = pace.wait(tokio::time::sleep(Duration::from_millis(30)));
        assert_eq!(answer.await, Err(Overdue::Wall), "18 ms were left");
        pace.begin(0);
        let answer = pace.wait(tokio::time::sleep(Duration::from_millis(30)));
        assert_eq!(answer.await, Ok(()), "each call has its own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_of_the_worker_counts_as_one_part_of_a_wait() {
        let mut pace = Pace::serving(&limits(Duration::MAX, Duration::from_millis(48)));
        pace.begin(0);
        // Whenever the wait is polled, ten times its limit have gone by; the answer is there at the
        // third poll.
        let mut looks = 0;
        let answer = pace.wait(std::future::poll_fn(|context| {
            let stalled = std::pin::pin!(tokio::time::advance(Duration::from_millis(480)));
            let _ = stalled.poll(context);
            looks += 1;
            match looks {
                3 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        assert_eq!(answer.await, Ok(()));
    }

    #[test]
    fn what_waits_for_nothing_is_done_at_once() {
        assert_eq!(at_once(async { 1 }).expect("ready"), 1);
        assert!(at_once(std::future::pending::<()>()).is_none());
    }
}
