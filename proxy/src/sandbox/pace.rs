//! Time: what a call may take of it.
//!
//! Compiled policies check a counter, the epoch, at every loop and function head. The [ticker](super::ticker) raises it while calls
//! run, and sleeps otherwise: an idle sidecar uses no CPU. A call that meets a tick yields to its worker's other tasks and is
//! then metered by the *thread's own CPU clock*, so that a busy machine is never blamed on a policy. The slice before the first tick
//! is forgiven (its start was not worth a system call); that, a tick at the end and the budget bound a loop's time.
//!
//! Calls past their first tick go on in a lane, as many at once as there are CPUs: however many policies loop, a worker serves its other
//! tasks after a millisecond at most. Those that wait for the lane spend wall time, not CPU.

use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::Instant;
use wasmtime::UpdateDeadline;

use super::ticker::{Overrun, Ticker};

/// Why the host ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    Cpu,
    Wall,
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "out of CPU time",
            Self::Wall => "out of wall time",
        })
    }
}

impl std::error::Error for Overdue {}

thread_local! {
    /// The present slice: CPU time of the call before it, and the thread's clock at its start. `None` in a call's first slice.
    static SLICE: Cell<Option<(Duration, Duration)>> = const { Cell::new(None) };
}

/// What a call may take, and what it took.
pub(super) struct Pace {
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
    started: Option<Instant>,
    overrun: Option<Overrun>,
    loading: Loading,
}

/// Whether a call is at load, where the thread's clock stood at its first tick.
#[derive(Clone, Copy)]
enum Loading {
    No,
    Yielding,
    Begun,
    Since(Duration),
}

impl Pace {
    /// For calls in an exchange.
    pub(super) fn serving(cpu: Duration, wall: Duration) -> Self {
        Self {
            cpu,
            wall,
            started: None,
            overrun: None,
            loading: Loading::No,
        }
    }

    /// For a call at load, on a thread of its own: never yields, ends after `cpu` of the thread's CPU time.
    pub(super) fn loading(cpu: Duration) -> Self {
        Self {
            loading: Loading::Begun,
            ..Self::serving(cpu, Duration::MAX)
        }
    }

    /// For `configure` in an exchange: yields, but may call no import.
    pub(super) fn configuring(cpu: Duration, wall: Duration) -> Self {
        Self {
            loading: Loading::Yielding,
            ..Self::serving(cpu, wall)
        }
    }

    /// Whether this is a call at load.
    pub(super) fn is_loading(&self) -> bool {
        !matches!(self.loading, Loading::No)
    }

    /// Starts the clock of a call.
    pub(super) fn begin(&mut self) {
        self.started = Some(Instant::now());
    }

    /// Ends it.
    pub(super) fn end(&mut self) {
        self.overrun = None;
    }

    /// Wall time that is left.
    pub(super) fn left(&self) -> Duration {
        let gone = self.started.map_or(Duration::ZERO, |s| s.elapsed());
        self.wall.saturating_sub(gone)
    }

    /// Tells, at a tick, whether the call goes on.
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
        if self.left().is_zero() {
            return Err(Overdue::Wall);
        }
        if let Some((before, start)) = SLICE.get()
            && before + thread_cpu().saturating_sub(start) > self.cpu
        {
            return Err(Overdue::Cpu);
        }
        let left = self.left();
        if self.overrun.is_none() {
            self.overrun = ticker.map(Ticker::overrun);
        }
        if let Some(overrun) = &mut self.overrun {
            if !overrun.in_lane() {
                // A deadline of 0 brings the call back here before it does anything else.
                return Ok(UpdateDeadline::YieldCustom(0, overrun.queue(left)));
            }
            if std::mem::take(&mut overrun.queued) {
                return Ok(UpdateDeadline::Continue(1));
            }
        }
        // tokio's own: the worker polls its sockets and all other ready tasks before it comes back here.
        let turn = Box::pin(tokio::task::yield_now());
        Ok(UpdateDeadline::YieldCustom(1, turn))
    }

    /// Leaves the lane while the call waits for the host.
    pub(super) fn rest(&mut self) {
        if let Some(overrun) = &self.overrun {
            overrun.leave();
        }
    }
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

/// CPU time of this thread since it began.
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

    #[test]
    fn waiting_is_not_charged_as_cpu_time_but_working_is() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let cpu = Duration::from_millis(20);
        let (rested, worked) = runtime.block_on(metered(async move {
            let mut pace = Pace::serving(cpu, Duration::from_secs(60));
            pace.begin();
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
    fn a_call_past_its_wall_time_ends_at_the_next_tick() {
        let mut pace = Pace::serving(Duration::from_secs(1), Duration::ZERO);
        pace.begin();
        assert_eq!(pace.tick(None).err(), Some(Overdue::Wall));
    }

    #[test]
    fn what_waits_for_nothing_is_done_at_once() {
        assert_eq!(at_once(async { 1 }).expect("ready"), 1);
        assert!(at_once(std::future::pending::<()>()).is_none());
    }
}
