//! Money as a whole number of billionths of a dollar: sums of it are exact, and a counter of it
//! takes 18 years at a billion dollars a year.

use std::fmt;

/// Billionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct NanoDollars(pub u64);

impl NanoDollars {
    /// Millionths of a dollar, rounded up, so that a budget never counts less than the provider
    /// charges.
    pub const fn micros(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// The sum, or the most that there is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Dollars as a plain decimal number, exactly: `0.0012345`, `0`, `12.5`. This is also the text of
/// `x-outrigger-cost-usd`.
impl fmt::Display for NanoDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, mut rest, mut places) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000, 9);
        if rest == 0 {
            return write!(f, "{dollars}");
        }
        while rest.is_multiple_of(10) {
            rest /= 10;
            places -= 1;
        }
        write!(f, "{dollars}.{rest:0places$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_exactly_and_without_zeros_that_say_nothing() {
        for (nano, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_234_500, "0.0012345"),
            (1_000_000_000, "1"),
            (12_500_000_000, "12.5"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!(NanoDollars(nano).to_string(), text);
        }
    }

    #[test]
    fn millionths_are_rounded_up_and_sums_do_not_overflow() {
        assert_eq!(
            [0, 1, 1000, 1001].map(|n| NanoDollars(n).micros()),
            [0, 1, 1, 2]
        );
        assert_eq!(
            NanoDollars(u64::MAX).plus(NanoDollars(1)),
            NanoDollars(u64::MAX)
        );
    }
}
