//! The clocks of a reply: silence, the first content, text that a policy holds, and the end of the
//! drain window.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::super::settle::ExchangeGuard;

/// Resolves when the drain window is over.
pub(super) type Window = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One reply's clocks. One timer serves them all: it is made with the first wait, as most whole
/// replies are there with their head, and set when it fires, or where something is due sooner;
/// never for a frame. What a frame's wait costs is a look at whether it has woken the task.
pub(super) struct Clock {
    waits: Timeouts,
    begun: Instant,
    last: Instant,
    /// The end of the exchange's time, where somebody set one.
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    window: Option<Window>,
    alarm: Option<(Arc<Alarm>, Waker)>,
}

/// Wakes the task that waits, and notes that it did.
struct Alarm {
    rang: AtomicBool,
    task: Waker,
}

impl Alarm {
    /// One for this task, and its waker.
    fn of(task: &Waker) -> (Arc<Self>, Waker) {
        let alarm = Arc::new(Self {
            rang: AtomicBool::new(false),
            task: task.clone(),
        });
        (Arc::clone(&alarm), Waker::from(alarm))
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// A thing that a reply has waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// Any more bytes.
    Silent,
    /// The first content.
    NoContent,
    /// A policy's next text: what it holds is to go out.
    Hold,
    /// Its end, before the process's.
    Drained,
    /// Its end, before the exchange's.
    Deadline,
}

impl Clock {
    /// Begins to wait. `deadline` is the end of the exchange's time, where there is one; `window` ends
    /// when the process does; none where the reply is not cut then.
    pub(super) fn start(
        waits: Timeouts,
        deadline: Option<Instant>,
        window: Option<Window>,
    ) -> Self {
        let now = Instant::now();
        Self {
            waits,
            begun: now,
            last: now,
            deadline,
            timer: None,
            window,
            alarm: None,
        }
    }

    /// Notes that something came.
    pub(super) fn came(&mut self) {
        self.last = Instant::now();
    }

    /// Waits, where nothing comes. `awaits_content`: the first content is still to come.
    /// `hold_until`: when the text that a policy holds must be out.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        awaits_content: bool,
        hold_until: Option<Instant>,
    ) -> Poll<Expired> {
        let is_due_sooner =
            |timer: &Pin<Box<Sleep>>| hold_until.is_some_and(|until| until < timer.deadline());
        if let (Some((alarm, _)), Some(timer)) = (&self.alarm, &self.timer)
            && alarm.task.will_wake(context.waker())
            && !alarm.rang.load(Ordering::Acquire)
            && !is_due_sooner(timer)
        {
            return Poll::Pending;
        }
        // One that fired before is of use again; its mark goes first, so that no later one is lost.
        let known = self.alarm.take();
        let known = known.filter(|(alarm, _)| alarm.task.will_wake(context.waker()));
        let (alarm, waker) = known.unwrap_or_else(|| Alarm::of(context.waker()));
        alarm.rang.store(false, Ordering::Release);
        let mut context = Context::from_waker(&waker);
        let expired = self.poll_all(&mut context, awaits_content, hold_until);
        if expired.is_pending() {
            self.alarm = Some((alarm, waker));
        }
        expired
    }

    /// Polls the window and the timer, whether they woke the task or not.
    fn poll_all(
        &mut self,
        context: &mut Context<'_>,
        awaits_content: bool,
        hold_until: Option<Instant>,
    ) -> Poll<Expired> {
        if let Some(window) = &mut self.window
            && window.as_mut().poll(context).is_ready()
        {
            self.window = None;
            return Poll::Ready(Expired::Drained);
        }
        let first = self.begun + self.waits.idle.min(self.waits.first_content);
        let first = self.deadline.map_or(first, |deadline| first.min(deadline));
        let mut timer = self
            .timer
            .take()
            .unwrap_or_else(|| Box::pin(sleep_until(first)));
        if let Some(until) = hold_until
            && until < timer.deadline()
        {
            timer.as_mut().reset(until);
        }
        let polled = loop {
            if timer.as_mut().poll(context).is_pending() {
                break Poll::Pending;
            }
            let (at, expired) = self.next(awaits_content, hold_until);
            if at <= Instant::now() {
                break Poll::Ready(expired);
            }
            timer.as_mut().reset(at);
        };
        self.timer = Some(timer);
        polled
    }

    /// The wait that runs out next, and when.
    fn next(&self, awaits_content: bool, hold_until: Option<Instant>) -> (Instant, Expired) {
        // Silence is one after content: before it the other clock runs alone, as a model may think
        // for longer than it may pause.
        let mut next = match awaits_content {
            true => (self.begun + self.waits.first_content, Expired::NoContent),
            false => (self.last + self.waits.idle, Expired::Silent),
        };
        if let Some(deadline) = self.deadline
            && deadline < next.0
        {
            next = (deadline, Expired::Deadline);
        }
        match hold_until {
            Some(until) if until < next.0 => (until, Expired::Hold),
            _ => next,
        }
    }
}

/// The waits that the exchange's upstream allows.
#[derive(Clone, Copy)]
pub(in crate::exchange) struct Timeouts {
    pub(in crate::exchange) first_content: Duration,
    pub(in crate::exchange) idle: Duration,
}

/// Finds the waits of the last attempt's upstream.
pub(in crate::exchange) fn timeouts(guard: &ExchangeGuard) -> Timeouts {
    let upstream = guard
        .record
        .upstream
        .as_ref()
        .and_then(|name| guard.generation.config.upstreams.get(&**name));
    upstream.map_or(
        Timeouts {
            first_content: Duration::from_secs(120),
            idle: Duration::from_secs(120),
        },
        |upstream| Timeouts {
            // What is left of it, where the reply was given on before its content was there.
            first_content: (guard.content_by)
                .map(|by| by.saturating_duration_since(Instant::now()))
                .unwrap_or(upstream.first_content_timeout),
            idle: upstream.idle_timeout,
        },
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock(idle: u32, first_content: u32) -> Clock {
        let waits = Timeouts {
            idle: SECOND * idle,
            first_content: SECOND * first_content,
        };
        Clock::start(waits, None, None)
    }

    async fn expires(clock: &mut Clock, awaits_content: bool) -> Expired {
        poll_fn(|context| clock.poll(context, awaits_content, None)).await
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_put_off_the_silence_and_not_the_first_content() {
        let begun = Instant::now();
        let mut idle = clock(5, 8);
        tokio::time::sleep(SECOND * 4).await;
        idle.came();
        assert_eq!(expires(&mut idle, true).await, Expired::NoContent);
        assert_eq!(begun.elapsed().as_secs(), 8);
        assert_eq!(expires(&mut idle, false).await, Expired::Silent);
        assert_eq!(begun.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_puts_off_the_end_of_the_exchanges_time() {
        let begun = Instant::now();
        let waits = Timeouts {
            idle: SECOND * 5,
            first_content: SECOND * 60,
        };
        let mut clock = Clock::start(waits, Some(begun + SECOND * 7), None);
        tokio::time::sleep(SECOND * 4).await;
        clock.came();
        assert_eq!(expires(&mut clock, true).await, Expired::Deadline);
        assert_eq!(begun.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn held_text_is_due_at_its_own_time_however_late_the_timer_was_set() {
        let begun = Instant::now();
        let mut clock = clock(60, 60);
        let due = Some(begun + SECOND * 2);
        let expired = poll_fn(|context| clock.poll(context, true, due)).await;
        assert_eq!(expired, Expired::Hold);
        assert_eq!(begun.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_drain_window_comes_before_all_else() {
        let waits = Timeouts {
            idle: SECOND,
            first_content: SECOND,
        };
        let mut clock = Clock::start(waits, None, Some(Box::pin(tokio::time::sleep(SECOND / 2))));
        assert_eq!(expires(&mut clock, true).await, Expired::Drained);
        assert_eq!(expires(&mut clock, true).await, Expired::NoContent);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_did_not_ring_is_polled_again_only_by_another_task_or_for_held_text() {
        let polls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let window = Box::pin(poll_fn(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Poll::Pending
        }));
        let waits = Timeouts {
            idle: SECOND,
            first_content: SECOND,
        };
        let mut clock = Clock::start(waits, None, Some(window));
        let hold = Some(Instant::now() + SECOND / 2);
        for (hold_until, expected) in [(vec![None; 2], 1), (vec![None, None, hold, hold], 3)] {
            let task = tokio::spawn(async move {
                poll_fn(|context| {
                    for until in &hold_until {
                        assert!(clock.poll(context, true, *until).is_pending());
                    }
                    Poll::Ready(())
                })
                .await;
                clock
            });
            clock = task.await.unwrap();
            assert_eq!(polls.load(Ordering::Relaxed), expected);
        }
    }
}
