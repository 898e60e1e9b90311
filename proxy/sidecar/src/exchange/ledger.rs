//! The settlement of one exchange: reservations, attempts, and the truth that takes the place of estimates, once, however it ends.
//!
//! A [`Ledger`] lives where the end of the upstream's reply is seen first-hand: with the exchange's guard, or, where others share the reply, with
//! the body that they share. Closed with the truth it puts that in the place of every reservation; dropped without, it gives them back.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use dialect::{Kind, Usage, tap::Tap};
use http_body::{Body, Frame, SizeHint};
use policy::{Reserved, Settled, Unit};

use super::observed::{Observed, Reading};
use crate::{
    cost::{Estimate, NanoDollars, Price, Taken, Units},
    upstream::{BoxError, Inbound},
};

/// Output tokens that are reserved at once where a stream has outgrown its reservation.
const STEP: u64 = 256;

/// The settlement of one exchange: what policies reserved for it, and what each attempt took.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) reserved: Vec<Reserved>,
    /// The kind of work that the call asks for.
    pub(super) kind: Kind,
    /// The number of replies that it generates.
    pub(super) choices: u64,
    /// The provider goes on with it whoever listens.
    pub(super) background: bool,
    /// The attempt that was made last.
    pub(super) charge: Charge,
    /// The sum of those before it.
    pub(super) earlier: Earlier,
}

/// One attempt, as far as it may be charged for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Charge {
    /// The estimate before it was made: it stands for the prompt where nobody reports it.
    pub(super) expected: Estimate,
    /// None: the model has none.
    pub(super) price: Option<Price>,
    /// The upstream has taken the request: it answered with a success, or fell silent.
    pub(super) served: bool,
    /// The upstream was sent a request.
    pub(super) reached: bool,
}

/// The sum of attempts that others followed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Earlier {
    reached: bool,
    usage: Option<Usage>,
    cost: Option<NanoDollars>,
}

impl Ledger {
    /// Opens the settlement of an attempt. What the one before it took stays counted.
    pub(super) fn begin(&mut self, expected: Estimate, price: Option<Price>) {
        if self.charge.reached {
            // It was answered with nothing that anybody read.
            let taken = Observed::default().taken(self);
            let cost = taken.cost(self.charge.price.as_ref());
            self.earlier = Earlier {
                reached: true,
                usage: sum(self.earlier.usage, taken.usage().copied(), plus),
                cost: sum(self.earlier.cost, cost, |a, b| {
                    NanoDollars(a.0.saturating_add(b.0))
                }),
            };
        }
        self.charge = Charge {
            expected,
            price,
            ..Charge::default()
        };
    }

    /// The usage of all attempts, where the last took `taken`.
    pub(super) fn usage(&self, taken: &Taken) -> Option<Usage> {
        sum(self.earlier.usage, taken.usage().copied(), plus)
    }

    /// The price of all attempts, each at its own target's, where the last took `taken`.
    pub(super) fn cost(&self, taken: &Taken) -> Option<NanoDollars> {
        let last = taken.cost(self.charge.price.as_ref());
        sum(self.earlier.cost, last, |a, b| {
            NanoDollars(a.0.saturating_add(b.0))
        })
    }

    /// Takes over what policies reserved.
    pub(super) fn reserve(&mut self, reserved: Vec<Reserved>) {
        self.reserved.extend(reserved);
    }

    /// Returns whether a policy reserved something, so that what comes back must be counted.
    pub(super) fn has_reservations(&self) -> bool {
        !self.reserved.is_empty()
    }

    /// The reserved amounts, money in millionths of a dollar.
    pub(super) fn units(&self) -> Units {
        let mut units = Units::default();
        for reserved in &self.reserved {
            let amounts = reserved.reservation.amounts();
            for ((unit, _), amount) in reserved.units.iter().zip(amounts) {
                let scale = if *unit == Unit::Microusd { 1000 } else { 1 };
                units.add(*unit, amount / scale);
            }
        }
        units
    }

    /// Takes the reservations away, for somebody who sees the end first-hand.
    pub(super) fn hand_over(&mut self) -> Self {
        Self {
            reserved: std::mem::take(&mut self.reserved),
            ..*self
        }
    }

    /// Puts what the exchange took in the place of what was reserved. What is returned tells when a shared store has it.
    pub(super) fn close(&mut self, taken: Taken) -> Vec<Settled> {
        let (earlier, price) = (self.earlier, self.charge.price.as_ref());
        let reached = self.charge.reached || earlier.reached;
        let mut settled = Vec::new();
        for Reserved { reservation, units } in self.reserved.drain(..) {
            let amounts = units.iter().zip(reservation.amounts());
            let amounts: Vec<u64> = amounts
                .map(|((unit, _), reserved)| {
                    let last = taken.settled(*unit, reserved, price, reached);
                    last.saturating_add(earlier.of(*unit))
                })
                .collect();
            settled.push(reservation.settle(&amounts));
        }
        settled
    }

    /// Returns whether a stream that outgrows its reservations has to be ended.
    pub(super) fn cuts(&self) -> bool {
        let mut units = self.reserved.iter().flat_map(|reserved| &reserved.units);
        units.any(|(_, cut)| *cut)
    }

    /// Sees that `output` generated tokens are covered, reserving more where they are not. False: some limit has no more to give.
    pub(super) async fn covers(&mut self, output: u64) -> bool {
        let so_far = Estimate {
            output,
            ..self.charge.expected
        };
        let next = Estimate {
            output: output.saturating_add(STEP),
            ..self.charge.expected
        };
        for Reserved { reservation, units } in &mut self.reserved {
            for (index, (unit, cut)) in units.iter().enumerate() {
                let has = reservation.amount(index).unwrap_or_default();
                let amount = |of: Estimate| nano(of, *unit, self.charge.price.as_ref());
                if *cut && amount(so_far) > has {
                    let by = amount(next).saturating_sub(has);
                    if !reservation.extend(index, by).await {
                        return false;
                    }
                }
            }
        }
        true
    }
}

impl Earlier {
    /// The amount of a unit, money in billionths of a dollar. The exchange's own request is counted with its last attempt.
    fn of(&self, unit: Unit) -> u64 {
        match (unit, &self.usage) {
            (Unit::Requests, _) | (_, None) => 0,
            (Unit::Microusd, Some(_)) => self.cost.map_or(0, |cost| cost.0),
            (unit, Some(usage)) => unit.taken(usage, None).unwrap_or_default(),
        }
    }
}

/// The sum of two amounts of which each may be missing.
fn sum<T>(one: Option<T>, other: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(add(one, other)),
        (one, other) => one.or(other),
    }
}

fn plus(one: Usage, other: Usage) -> Usage {
    Usage {
        input: one.input.saturating_add(other.input),
        cached: one.cached.saturating_add(other.cached),
        written: one.written.saturating_add(other.written),
        output: one.output.saturating_add(other.output),
        reasoning: one.reasoning.saturating_add(other.reasoning),
        estimated: one.estimated || other.estimated,
    }
}

/// An estimate in a unit, money in billionths of a dollar.
fn nano(estimate: Estimate, unit: Unit, price: Option<&Price>) -> u64 {
    let usage = estimate.usage();
    match unit {
        Unit::Microusd => price.map_or(0, |price| price.cost(&usage).0),
        unit => unit.taken(&usage, None).unwrap_or_default(),
    }
}

/// A reply that several exchanges share, with the settlement of the exchange that asked for it.
pub(super) struct SettledBody {
    body: Inbound,
    tap: Tap,
    seen: Observed,
    ledger: Ledger,
}

impl SettledBody {
    pub(super) fn new(body: Inbound, tap: Tap, streaming: bool, ledger: Ledger) -> Self {
        let seen = Observed {
            reading: Reading::Part,
            streaming,
            ..Observed::default()
        };
        Self {
            body,
            tap,
            seen,
            ledger,
        }
    }
}

impl Drop for SettledBody {
    fn drop(&mut self) {
        let seen = Observed {
            usage: self.tap.usage(),
            output: self.tap.output_estimate(),
            ..self.seen
        };
        let taken = seen.taken(&self.ledger);
        // In the background: nobody waits for it.
        drop(self.ledger.close(taken));
    }
}

impl Body for SettledBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            this.tap.watch(bytes);
            this.seen.bytes += bytes.len() as u64;
        }
        // A body of known length is not asked for its end.
        let over = match &polled {
            Poll::Ready(Some(Ok(_))) => this.body.is_end_stream(),
            Poll::Ready(None) => true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if over {
            this.tap.finish();
            if this.tap.ended() {
                this.seen.reading = Reading::Whole;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attempt_took_before_another_followed_stays_counted() {
        let expected = |input| Estimate { input, output: 20 };
        let mut ledger = Ledger::default();
        ledger.begin(expected(100), None);
        // Refused: it took nothing.
        ledger.charge.reached = true;
        ledger.begin(expected(100), None);
        assert_eq!(ledger.usage(&Taken::Nothing), None);
        // Silent: it perhaps took all that was expected.
        ledger.charge.reached = true;
        ledger.charge.served = true;
        ledger.begin(expected(300), None);
        let last = Taken::Known(Usage {
            input: 7,
            output: 5,
            ..Usage::default()
        });
        let usage = ledger.usage(&last).unwrap_or_default();
        assert_eq!(
            (usage.input, usage.output, usage.estimated),
            (107, 25, true)
        );
        assert_eq!(ledger.earlier.of(Unit::TotalTokens), 120);
        assert_eq!(ledger.earlier.of(Unit::Requests), 0);
        assert!(ledger.earlier.reached);
    }
}
