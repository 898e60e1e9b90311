//! What an exchange owes for what its policies reserved: settled once, to the truth, whatever way it ends.
//!
//! A [`Bill`] lives where the end of the upstream's reply is seen first-hand: with the exchange's books, or, where others share the reply, with
//! the body that they share. Closed with the truth it puts that in the place of every reservation; dropped without, it gives them back.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use dialect::{Kind, tap::Tap};
use http_body::{Body, Frame, SizeHint};

use super::observed::{Observed, Reading};
use crate::{
    cost::{Estimate, Price, Taken, Unit, Units},
    policy::Reserved,
    state::Settled,
    upstream::{BoxError, Inbound},
};

/// Output tokens that are reserved at once where a stream has outgrown its reservation.
const STEP: u64 = 256;

/// What is owed.
#[derive(Default)]
pub(super) struct Bill {
    pub(super) reserved: Vec<Reserved>,
    /// What was expected: it stands for the prompt where nobody reports it.
    pub(super) expected: Estimate,
    /// None: the model has none.
    pub(super) price: Option<Price>,
    /// What the call makes the provider do.
    pub(super) kind: Kind,
    /// How many replies it generates.
    pub(super) choices: u64,
    /// The provider goes on with it whoever listens.
    pub(super) background: bool,
    /// The upstream has taken the request: it answered with a success, or fell silent.
    pub(super) served: bool,
    /// The upstream was asked.
    pub(super) asked: bool,
}

impl Bill {
    /// Takes over what policies reserved.
    pub(super) fn reserve(&mut self, reserved: Vec<Reserved>) {
        self.reserved.extend(reserved);
    }

    /// Whether a policy reserved anything, so that what comes back must be counted.
    pub(super) fn has_reservations(&self) -> bool {
        !self.reserved.is_empty()
    }

    /// What is reserved, money in millionths of a dollar.
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
        let (price, asked) = (self.price.as_ref(), self.asked);
        let mut settled = Vec::new();
        for Reserved { reservation, units } in self.reserved.drain(..) {
            let amounts = units.iter().zip(reservation.amounts());
            let amounts: Vec<u64> = amounts
                .map(|((unit, _), reserved)| taken.settled(*unit, reserved, price, asked))
                .collect();
            settled.push(reservation.settle(&amounts));
        }
        settled
    }

    /// Whether a stream that outgrows its reservations has to be ended.
    pub(super) fn cuts(&self) -> bool {
        let mut units = self.reserved.iter().flat_map(|reserved| &reserved.units);
        units.any(|(_, cut)| *cut)
    }

    /// Sees that `output` generated tokens are covered, reserving more where they are not. False: some limit has no more to give.
    pub(super) async fn covers(&mut self, output: u64) -> bool {
        let so_far = Estimate {
            output,
            ..self.expected
        };
        let next = Estimate {
            output: output.saturating_add(STEP),
            ..self.expected
        };
        for Reserved { reservation, units } in &mut self.reserved {
            for (index, (unit, cut)) in units.iter().enumerate() {
                let has = reservation.amounts().nth(index).unwrap_or_default();
                let amount = |of: Estimate| nano(of, *unit, self.price.as_ref());
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

/// An estimate in a unit, money in billionths of a dollar.
pub(super) fn nano(estimate: Estimate, unit: Unit, price: Option<&Price>) -> u64 {
    let usage = estimate.usage();
    match unit {
        Unit::Microusd => price.map_or(0, |price| price.cost(&usage).0),
        unit => unit.taken(&usage, None).unwrap_or_default(),
    }
}

/// A reply that several exchanges share, with the bill of the one that asked for it.
pub(super) struct Billed {
    body: Inbound,
    tap: Tap,
    seen: Observed,
    bill: Bill,
}

impl Billed {
    pub(super) fn new(body: Inbound, tap: Tap, streaming: bool, bill: Bill) -> Self {
        let seen = Observed {
            reading: Reading::Part,
            streaming,
            ..Observed::default()
        };
        Self {
            body,
            tap,
            seen,
            bill,
        }
    }
}

impl Drop for Billed {
    fn drop(&mut self) {
        let seen = Observed {
            usage: self.tap.usage(),
            output: self.tap.output_estimate(),
            ..self.seen
        };
        let taken = seen.taken(&self.bill);
        // In the background: nobody waits for it.
        drop(self.bill.close(taken));
    }
}

impl Body for Billed {
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
