//! The leave to make one attempt: a permit of each breaker that it is counted by.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use route::{Admits, CallClass, Failure, Outcome, Permit, Room, Sample, Scope};

use super::{super::queue::Queue, Breaker, KeyPlace, Part, Place, TargetState, now};

/// Longest time for which a reply may go on after its first content before its place counts as
/// lost.
const REPLY: Duration = Duration::from_secs(24 * 60 * 60);

/// An attempt's permits. Dropped, it gives them back: as a success where it was committed, and else
/// as one that shows nothing.
#[must_use = "dropping it gives its permits back"]
pub struct Pass {
    target: Arc<TargetState>,
    permits: [Option<(Arc<Breaker>, Permit)>; 4],
    /// The calls that take about as long, and since when its first content is waited for.
    waits: Option<(CallClass, Instant)>,
    /// Those who wait for a place.
    queue: Option<Queue>,
    is_committed: bool,
}

impl Pass {
    /// Enters a place with one of its keys, for an attempt of about `tokens` tokens that must show
    /// its first content within `lease`.
    ///
    /// # Errors
    /// The end of what is in its way.
    pub fn enter(
        place: &Place,
        key: &KeyPlace,
        tokens: u64,
        lease: Duration,
        now: Instant,
    ) -> Result<Self, Admits> {
        let mut pass = Self {
            target: Arc::clone(&place.target),
            permits: [const { None }; 4],
            waits: None,
            queue: None,
            is_committed: false,
        };
        place.target.in_flight.fetch_add(1, Ordering::Relaxed);
        let breakers = [&place.target.breaker].into_iter().chain(key.breakers());
        for (slot, breaker) in pass.permits.iter_mut().zip(breakers) {
            let permit = breaker.enter(now, tokens, lease)?;
            *slot = Some((Arc::clone(breaker), permit));
        }
        place.target.attempts.fetch_add(1, Ordering::Relaxed);
        Ok(pass)
    }

    /// Notes how much of the prompt the provider had in its cache.
    pub fn note_cached(&self, cached: u64, input: u64) {
        if input > 0 {
            let share = cached as f32 / input as f32;
            self.target.note_cached(share, now());
        }
    }

    /// Lets a queue know when its places are free.
    pub fn frees_for(&mut self, queue: &Queue) {
        self.queue = Some(queue.clone());
    }

    /// The target's state.
    pub const fn target(&self) -> &Arc<TargetState> {
        &self.target
    }

    /// Notes that the request is sent. A caller who leaves before its first content shows that this
    /// took longer: else an outage would look as if users left.
    pub const fn awaits_content(&mut self, class: CallClass, now: Instant) {
        self.waits = Some((class, now));
    }

    /// Notes the first content, `took` after the request: everything works. The places stay taken
    /// until the reply's end.
    pub fn commit(&mut self, took: Duration, now: Instant) {
        self.is_committed = true;
        self.record(Sample::Content(took), now);
        for (breaker, permit) in self.permits.iter().flatten() {
            breaker.commit(*permit, REPLY, now);
        }
    }

    /// Notes that there is content, where the reply was given on before it was there.
    pub fn note_content(&mut self, now: Instant) {
        if let (false, Some((_, since))) = (self.is_committed, self.waits) {
            self.commit(now.saturating_duration_since(since), now);
        }
    }

    /// Takes over the room that the reply's head reports for its key and model.
    pub fn learn_room(&self, room: &Room, now: Instant) {
        let permits = self.permits.iter().flatten();
        for (breaker, permit) in permits.filter(|(breaker, _)| breaker.part() == Part::KeyModel) {
            breaker.learn_room(*permit, room, now);
        }
    }

    fn record(&mut self, sample: Sample, now: Instant) {
        if let Some((class, _)) = self.waits.take() {
            self.target
                .latency(|latency| latency.record(class, sample, now));
        }
    }

    /// Ends the attempt as a failure, which shows something of the part that it is of; `sample` is
    /// what it shows of the time to first content. After a first content it counts in its place.
    pub fn fail(mut self, failure: &Failure, sample: Option<Sample>, now: Instant) {
        match sample {
            Some(sample) => self.record(sample, now),
            None => self.waits = None,
        }
        if failure.scope != Scope::Nothing {
            self.target.failures.fetch_add(1, Ordering::Relaxed);
        }
        for (breaker, permit) in self.permits.iter_mut().filter_map(Option::take) {
            let outcome = failure.outcome_in(scope_of(breaker.part()), now);
            breaker.leave(permit, outcome, now);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.target.in_flight.fetch_sub(1, Ordering::Relaxed);
        let outcome = match self.is_committed {
            true => Outcome::Success,
            false => Outcome::Nothing,
        };
        let present = now();
        if let Some((_, since)) = self.waits {
            self.record(
                Sample::Left(present.saturating_duration_since(since)),
                present,
            );
        }
        for (breaker, permit) in self.permits.iter_mut().filter_map(Option::take) {
            breaker.leave(permit, outcome, present);
        }
        if let Some(queue) = &self.queue {
            queue.note_change();
        }
    }
}

const fn scope_of(part: Part) -> Scope {
    match part {
        Part::Target => Scope::Target,
        Part::Key => Scope::Key,
        Part::KeyModel => Scope::KeyModel,
        Part::Account => Scope::Account,
    }
}
