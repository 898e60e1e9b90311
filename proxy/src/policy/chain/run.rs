//! One exchange's way through the chain.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Chain, Link, Stop, Verdict,
    seat::{Seat, Side, mark},
};
use crate::{
    dialect::Delta,
    policy::{Call, Decision, Outcome, ReplyHead, Work},
};

/// One exchange's way through the chain.
pub struct Run {
    seats: Vec<Seat>,
    clock: fn() -> Instant,
}

impl Run {
    /// Begins an exchange's way through `chain`.
    pub fn new(chain: &Chain, clock: fn() -> Instant) -> Self {
        Self {
            seats: chain.links.iter().map(Seat::new).collect(),
            clock,
        }
    }

    /// Asks each policy in turn what becomes of the request. `readable` is false where no dialect reads it: policies that read passages are
    /// left out then.
    ///
    /// # Errors
    /// The exchange stops here.
    pub async fn on_request(
        &mut self,
        mut call: Box<Call>,
        readable: bool,
    ) -> Result<Box<Call>, Stop> {
        for seat in &mut self.seats {
            let manifest = seat.link.program.manifest();
            if !manifest.hooks.request || !readable && !manifest.reads.is_empty() {
                continue;
            }
            let mark = call.mark();
            let begun = (self.clock)();
            let (back, turn) = match seat.take(begun) {
                Ok(instance) => instance.on_request(call).await,
                Err(fault) => (call, Err(fault)),
            };
            call = back;
            let took = (self.clock)().duration_since(begun);
            match turn {
                Ok((instance, decision)) => {
                    let verdict = match &decision {
                        Decision::Refuse(_) => Verdict::Refused,
                        Decision::Reply(_) => Verdict::Replied,
                        Decision::Forward if call.edited_since(&mark) => Verdict::Edited,
                        Decision::Forward => Verdict::Forwarded,
                    };
                    seat.worked(instance, "request", verdict, took);
                    match decision {
                        Decision::Forward => {}
                        Decision::Refuse(denial) => {
                            return Err(Stop::Refused(Arc::clone(&seat.link), denial));
                        }
                        Decision::Reply(text) => {
                            return Err(Stop::Replied(Arc::clone(&seat.link), text));
                        }
                    }
                }
                Err(fault) => {
                    call.roll_back(mark);
                    seat.failed("request", fault, begun + took, took)?;
                }
            }
        }
        Ok(call)
    }

    /// Whether a reply has to be shown to anybody.
    pub fn rewrites(&self) -> bool {
        self.seats.iter().any(Seat::rewrites)
    }

    /// Shows a batch of deltas to each policy, from the last to the first. An entry per delta says what takes its place; an empty list, that
    /// all stay as they are.
    ///
    /// # Errors
    /// The exchange stops here.
    pub async fn on_reply(
        &mut self,
        head: &Arc<ReplyHead>,
        mut deltas: Vec<Delta>,
    ) -> Result<Vec<Option<String>>, Stop> {
        let mut changed = vec![];
        for seat in self.seats.iter_mut().rev() {
            if !seat.rewrites() {
                seat.give_out(&mut deltas, &mut changed, Side::Before);
                continue;
            }
            let shown: Vec<usize> = (0..deltas.len())
                .filter(|at| {
                    deltas
                        .get(*at)
                        .is_some_and(|delta| seat.places.contains(delta.place))
                })
                .collect();
            if shown.is_empty() {
                continue;
            }
            let batch = shown
                .iter()
                .filter_map(|at| deltas.get(*at).cloned())
                .collect();
            let begun = (self.clock)();
            let turn = match seat.take(begun) {
                Ok(instance) => instance.on_reply(Arc::clone(head), batch).await,
                Err(fault) => Err(fault),
            };
            let now = (self.clock)();
            let took = now.duration_since(begun);
            match turn {
                Ok((instance, Ok(texts))) => {
                    let mut edited = false;
                    let texts = texts.into_iter().chain(std::iter::repeat(None));
                    for (at, text) in shown.into_iter().zip(texts) {
                        let Some(delta) = deltas.get_mut(at) else {
                            continue;
                        };
                        seat.hold(delta, text.as_deref(), now);
                        if let Some(text) = text.filter(|text| *text != delta.text) {
                            edited = true;
                            mark(&mut changed, at);
                            delta.text = text;
                        }
                    }
                    let verdict = if edited {
                        Verdict::Edited
                    } else {
                        Verdict::Forwarded
                    };
                    seat.worked(instance, "reply", verdict, took);
                    if let Some(fault) = seat.held_too_much(now) {
                        seat.instance = None;
                        seat.failed("reply", fault, now, Duration::ZERO)?;
                        seat.give_out(&mut deltas, &mut changed, Side::After);
                    }
                }
                Ok((instance, Err(denial))) => {
                    seat.worked(instance, "reply", Verdict::Refused, took);
                    return Err(Stop::Refused(Arc::clone(&seat.link), denial));
                }
                Err(fault) => {
                    seat.failed("reply", fault, now, took)?;
                    seat.give_out(&mut deltas, &mut changed, Side::Before);
                }
            }
        }
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let kept = changed.into_iter().chain(std::iter::repeat(false));
        Ok(deltas
            .into_iter()
            .zip(kept)
            .map(|(delta, new)| new.then_some(delta.text))
            .collect())
    }

    /// What each policy that was asked did, and how long it took.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Link, Verdict, Duration)> {
        self.seats.iter().filter_map(|seat| {
            seat.verdict
                .map(|verdict| (&*seat.link, verdict, seat.took))
        })
    }

    /// Time spent in policies.
    pub fn took(&self) -> Duration {
        self.seats.iter().map(|seat| seat.took).sum()
    }

    /// Whether anybody wants to know how it ends.
    pub fn ends(&self) -> bool {
        self.seats.iter().any(Seat::ends)
    }

    /// The calls of `on-end` that are due: for whoever settles to run.
    pub fn end(&mut self, outcome: &Arc<Outcome>) -> Option<Work<()>> {
        let mut due: Vec<Seat> = Vec::new();
        for seat in std::mem::take(&mut self.seats) {
            if seat.ends() {
                due.push(seat);
            }
        }
        if due.is_empty() {
            return None;
        }
        let (clock, outcome) = (self.clock, Arc::clone(outcome));
        Some(Box::pin(async move {
            for mut seat in due {
                let begun = clock();
                let turn = match seat.take(begun) {
                    Ok(instance) => instance.on_end(Arc::clone(&outcome)).await,
                    Err(fault) => Err(fault),
                };
                let now = clock();
                match turn {
                    Ok(()) => seat.link.listener.called(
                        &seat.link,
                        "end",
                        Verdict::Forwarded.label(),
                        now.duration_since(begun),
                    ),
                    // Nobody waits any more: a fault here is counted, and decides nothing.
                    Err(fault) => drop(seat.failed("end", fault, now, now.duration_since(begun))),
                }
            }
        }))
    }
}
