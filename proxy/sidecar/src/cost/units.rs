//! The units of limits: estimated before an exchange, known after it.

use dialect::Usage;
use policy::Unit;

use super::Price;

/// An amount of each unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units([u64; Unit::ALL.len()]);

impl Units {
    /// Amount of this unit.
    pub const fn of(&self, unit: Unit) -> u64 {
        self.0[unit as usize]
    }
    /// Adds to a unit.
    pub const fn add(&mut self, unit: Unit, amount: u64) {
        let sum = &mut self.0[unit as usize];
        *sum = sum.saturating_add(amount);
    }
    /// The units of which there is some.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, u64)> + '_ {
        let all = Unit::ALL.into_iter().map(|unit| (unit, self.of(unit)));
        all.filter(|(_, amount)| *amount > 0)
    }
}

/// Tokens that an exchange will probably take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Tokens of the prompt.
    pub input: u64,
    /// Generated tokens.
    pub output: u64,
}

impl Estimate {
    /// The same as a usage, marked as estimated.
    pub fn usage(&self) -> Usage {
        Usage {
            input: self.input,
            output: self.output,
            estimated: true,
            ..Usage::default()
        }
    }

    /// Estimated amount of a unit; none for money where the model has no price. Assumes that the
    /// provider has nothing cached.
    pub fn of(&self, unit: Unit, price: Option<&Price>) -> Option<u64> {
        let usage = self.usage();
        unit.taken(&usage, price.map(|price| price.cost(&usage).micros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::prices::Rates;

    #[test]
    fn an_estimate_is_given_in_every_unit_and_in_money_only_with_a_price() {
        let estimate = Estimate {
            input: 1000,
            output: 500,
        };
        let base = Rates {
            input: 250_000,
            cached: 25_000,
            written: Rates::AS_INPUT,
            output: 2_000_000,
        };
        let price = Price {
            base,
            ..Price::default()
        };
        let units = Unit::ALL.map(|unit| estimate.of(unit, Some(&price)));
        assert_eq!(units, [1, 1000, 500, 1500, 1250].map(Some));
        assert_eq!(estimate.of(Unit::Microusd, None), None);
        assert!(estimate.usage().estimated);
    }

    #[test]
    fn amounts_add_up_without_overflow_and_list_only_what_there_is() {
        let mut units = Units::default();
        assert_eq!(units.iter().next(), None);
        units.add(Unit::TotalTokens, 5);
        units.add(Unit::TotalTokens, u64::MAX);
        assert_eq!(
            units.iter().collect::<Vec<_>>(),
            [(Unit::TotalTokens, u64::MAX)]
        );
    }
}
