//! The usage of an exchange, as far as it is known at its end.
//!
//! [`Taken`] has no default and no empty case that means "not known": whoever settles has to choose
//! a case, and a reply that was not read is never settled as nothing.

use dialect::Usage;
use policy::Unit;

use super::{NanoDollars, Price, prices};

/// Knowledge of an exchange's usage at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing that costs: no provider was reached, it answered with an error, or the call only
    /// counted tokens.
    Nothing,
    /// Usage as the provider reported it, with a reply that was read to its end.
    Known(Usage),
    /// Usage by estimate of what was sent and of what came back: the provider reported nothing, or
    /// the reply was cut.
    Estimated(Usage),
    /// The reply could not be read. What was reserved stands; where that is less than `least`, or
    /// nothing, `least` counts.
    Unknown {
        /// Least usage, by estimate.
        least: Usage,
    },
}

impl Taken {
    /// The usage that is logged, counted and priced; none where nothing was taken.
    pub const fn usage(&self) -> Option<&Usage> {
        match self {
            Self::Nothing => None,
            Self::Known(usage) | Self::Estimated(usage) | Self::Unknown { least: usage } => {
                Some(usage)
            }
        }
    }

    /// Its cost; none where nothing was taken, or the model has no price and the provider reported
    /// none.
    pub fn cost(&self, price: Option<&Price>) -> Option<NanoDollars> {
        let usage = self.usage()?;
        match price {
            Some(price) => Some(price.cost(usage)),
            None => prices::reported(usage),
        }
    }

    /// The amount that replaces what was `reserved` of a unit, money in billionths of a dollar.
    /// `reached`: the request was sent to a provider.
    pub fn settled(&self, unit: Unit, reserved: u64, price: Option<&Price>, reached: bool) -> u64 {
        let amount = match (unit, self.usage()) {
            (Unit::Requests, _) => return u64::from(reached),
            (_, None) => return 0,
            (Unit::Microusd, Some(_)) => self.cost(price).map(|cost| cost.0),
            (unit, Some(usage)) => unit.taken(usage, None),
        };
        match self {
            Self::Nothing => 0,
            Self::Known(_) | Self::Estimated(_) => amount.unwrap_or(0),
            Self::Unknown { .. } => amount.unwrap_or(0).max(reserved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_keeps_its_reservation_or_more() {
        let usage = |output| Usage {
            input: 10,
            output,
            ..Usage::default()
        };
        let settled =
            |taken: Taken, reserved| taken.settled(Unit::TotalTokens, reserved, None, true);
        for (taken, reserved, amount) in [
            (Taken::Nothing, 500, 0),
            (Taken::Known(usage(5)), 500, 15),
            (Taken::Estimated(usage(5)), 500, 15),
            (Taken::Unknown { least: usage(5) }, 500, 500),
            (Taken::Unknown { least: usage(900) }, 500, 910),
        ] {
            assert_eq!(settled(taken, reserved), amount, "{taken:?}");
        }
    }

    #[test]
    fn a_request_counts_where_it_was_sent_to_a_provider_whatever_it_took() {
        for reached in [true, false] {
            let settled = Taken::Nothing.settled(Unit::Requests, 1, None, reached);
            assert_eq!(settled, u64::from(reached));
        }
    }

    #[test]
    fn money_that_was_reserved_stands_where_the_reply_was_not_read() {
        let taken = Taken::Unknown {
            least: Usage::default(),
        };
        assert_eq!(taken.settled(Unit::Microusd, 7_000, None, true), 7_000);
        assert_eq!(Taken::Nothing.settled(Unit::Microusd, 7_000, None, true), 0);
    }
}
