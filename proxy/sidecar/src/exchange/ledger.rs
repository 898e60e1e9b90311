//! The settlement of one exchange: reservations, attempts, and the truth that takes the place of
//! estimates, once, however it ends.
//!
//! A [`Ledger`] lives where the end of the upstream's reply is seen first-hand: with the exchange's
//! guard, or, where others share the reply, with the body that they share. Closed with the truth it
//! puts that in the place of every reservation; dropped without, it gives them back.

use dialect::{Dialect, Kind, Usage, tap::Tap};
use policy::{Reserved, Settled, Unit};

use crate::cost::{Estimate, NanoDollars, Price, Taken, Units};

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
    /// One that is under way beside it, to another target.
    pub(super) hedge: Option<Charge>,
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

/// The tokens and the cost of one attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) usage: Option<Usage>,
    /// None: its model has no price.
    pub(super) cost: Option<NanoDollars>,
}

/// The sum of attempts that others followed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Earlier {
    reached: bool,
    usage: Option<Usage>,
    cost: Option<NanoDollars>,
}

impl Ledger {
    /// Opens the settlement of an attempt. What the one before it took, as far as `seen` shows it,
    /// stays counted, and is returned.
    pub(super) fn begin(&mut self, charge: Charge, seen: &Observed) -> Spent {
        let before = std::mem::replace(&mut self.charge, charge);
        self.add(before, seen)
    }

    /// Concludes the attempt that was made beside the last one, and lost.
    pub(super) fn conclude_hedge(&mut self, seen: &Observed) -> Spent {
        let hedge = self.hedge.take();
        hedge.map_or_else(Spent::default, |charge| self.add(charge, seen))
    }

    /// Makes the attempt beside the last one the last: it answers.
    pub(super) fn exchange_with_hedge(&mut self) {
        if let Some(hedge) = &mut self.hedge {
            std::mem::swap(&mut self.charge, hedge);
        }
    }

    fn add(&mut self, charge: Charge, seen: &Observed) -> Spent {
        if !charge.reached {
            return Spent::default();
        }
        let taken = seen.taken_of(&charge, self.kind, self.background);
        let spent = Spent {
            usage: taken.usage().copied(),
            cost: taken.cost(charge.price.as_ref()),
        };
        self.earlier = Earlier {
            reached: true,
            usage: sum(self.earlier.usage, spent.usage, plus),
            cost: sum(self.earlier.cost, spent.cost, |a, b| {
                NanoDollars(a.0.saturating_add(b.0))
            }),
        };
        spent
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

    /// Puts what the exchange took in the place of what was reserved. What is returned tells when a
    /// shared store has it.
    pub(super) fn close(&mut self, taken: Taken) -> Vec<Settled> {
        let _ = self.conclude_hedge(&Observed::default());
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

    /// Sees that `output` generated tokens are covered, reserving more where they are not. False:
    /// some limit has no more to give.
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
    /// The amount of a unit, money in billionths of a dollar. The exchange's own request is counted
    /// with its last attempt.
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
        details: one.details.plus(other.details),
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

/// The part of a reply that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reading {
    /// Not at all: it is encoded, of no dialect, malformed, or did not come.
    #[default]
    Unread,
    /// Up to where it was cut, or where the app left.
    Part,
    /// To its end.
    Whole,
}

/// Everything that was seen of a reply. By default it is unread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Observed {
    pub(super) reading: Reading,
    /// It came as a stream.
    pub(super) streaming: bool,
    /// The usage that the provider reported so far.
    pub(super) usage: Option<Usage>,
    /// Generated tokens, by estimate of the text that went by.
    pub(super) output: u64,
    /// Bytes of the body that went by.
    pub(super) bytes: u64,
    /// It says of itself that it failed.
    pub(super) failed: bool,
}

impl Observed {
    /// Reads a whole reply that came.
    pub(super) fn whole(dialect: Dialect, body: &[u8], failed: bool) -> Self {
        let mut tap = Tap::new(dialect, false);
        tap.push_last(body);
        Self {
            reading: Reading::Whole,
            streaming: false,
            usage: tap.usage(),
            output: tap.output_estimate(),
            bytes: body.len() as u64,
            failed,
        }
    }

    /// An error that came as a success, before any content, and the usage that it reported.
    pub(super) fn of_error(streaming: bool, usage: Option<Usage>) -> Self {
        Self {
            reading: Reading::Whole,
            streaming,
            usage,
            failed: true,
            ..Self::default()
        }
    }

    /// Concludes what the last attempt took, as far as that shows.
    pub(super) fn taken(&self, ledger: &Ledger) -> Taken {
        self.taken_of(&ledger.charge, ledger.kind, ledger.background)
    }

    fn taken_of(&self, charge: &Charge, kind: Kind, background: bool) -> Taken {
        if !charge.served || kind == Kind::Count {
            return Taken::Nothing;
        }
        if kind == Kind::Store {
            // Some servers answer at once, and say what that took.
            return self.usage.map_or(Taken::Nothing, Taken::Known);
        }
        let reported = self.usage.unwrap_or_default();
        let estimated = |output: u64| Usage {
            input: match reported.input {
                0 => charge.expected.input,
                input => input,
            },
            output,
            estimated: true,
            ..reported
        };
        let seen = self.seen(kind);
        let has_prompt = reported.input > 0 || charge.expected.input == 0;
        match self.reading {
            Reading::Whole if self.failed && self.usage.is_none() && self.output == 0 => {
                // A success in its head only, and an error instead of a reply.
                if self.streaming {
                    Taken::Estimated(estimated(0))
                } else {
                    Taken::Nothing
                }
            }
            // What its requests generate comes later, to whoever fetches it.
            _ if kind == Kind::Batch => Taken::Unknown {
                least: estimated(charge.expected.output),
            },
            Reading::Whole if self.usage.is_some() && has_prompt && !reported.estimated => {
                match reported.output {
                    // The prompt alone was reported.
                    0 if self.output > 0 => Taken::Estimated(estimated(self.output)),
                    _ => Taken::Known(reported),
                }
            }
            Reading::Whole => Taken::Estimated(estimated(seen.max(reported.output))),
            Reading::Part if self.streaming && !background => {
                let complete = self.usage.is_some() && !reported.estimated;
                if complete && has_prompt && reported.output >= self.output {
                    return Taken::Known(reported);
                }
                Taken::Estimated(estimated(seen.max(reported.output)))
            }
            // The provider wrote it to its end, seen or not.
            Reading::Part | Reading::Unread => Taken::Unknown {
                least: estimated(seen.max(charge.expected.output)),
            },
        }
    }

    /// Generated tokens by what went by: the text that was read, or where none was, the bytes.
    fn seen(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Embed | Kind::Count | Kind::Batch | Kind::Store => 0,
            Kind::Generate if self.output > 0 => self.output,
            // An event of a stream takes some 200 bytes for a token or two.
            Kind::Generate if self.streaming => self.bytes / 64,
            Kind::Generate => self.bytes / 4,
        }
    }
}

#[cfg(test)]
mod tests;
