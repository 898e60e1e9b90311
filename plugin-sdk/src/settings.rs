//! Settings that configurations have in common: times, counts, money, models, globs, and the keys
//! of exchanges.
//!
//! Each type refuses at load what could not mean anything, in a sentence for the operator; the SDK
//! puts the key's path before it.
//!
//! ```
//! use outrigger_sdk::settings::{Keys, Match, Span, Usd};
//!
//! #[derive(serde::Deserialize)]
//! struct Rule {
//!     per: Keys,     // tenant, or [tenant, "header:x-team", model]
//!     #[serde(default, rename = "match")]
//!     when: Match,   // { plan: free, model: "gpt-*" }
//!     every: Span,   // 30s, 5m, 1h, 7d
//!     usd: Usd,      // 0.50
//! }
//! ```

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

mod globs;
mod keys;
mod matching;
#[cfg(feature = "patterns")]
mod pattern;

pub use globs::Globs;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use keys::CREDENTIALS;
pub use keys::{Key, Keys};
pub use matching::Match;
#[cfg(feature = "patterns")]
pub use pattern::Pattern;

/// A time, as it is written: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "expected a whole number and its unit, `30s` say; units are `ms`, `s`, `m`, `h` and `d`";
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| WRONG)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(WRONG),
        };
        match number.checked_mul(milliseconds) {
            Some(time) if time <= 366 * 86_400_000 => Ok(Self(Duration::from_millis(time))),
            _ => Err("the time is longer than a year: write `366d` or less"),
        }
    }
}

/// Writes the time in the largest unit that fits.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.as_millis();
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        match units
            .iter()
            .find(|(unit, _)| time > 0 && time.is_multiple_of(*unit))
        {
            Some((unit, name)) => write!(f, "{}{name}", time / unit),
            None => write!(f, "{time}ms"),
        }
    }
}

/// Money: dollars as they are written, millionths of a dollar as they are counted. More than
/// nothing.
///
/// ```
/// # use outrigger_sdk::settings::Usd;
/// let usd: Usd = serde_json::from_str("0.5").unwrap();
/// assert_eq!((usd.micro, usd.to_string().as_str()), (500_000, "0.50"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd {
    /// Millionths of a dollar; at least 1.
    pub micro: u64,
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let micro = (f64::deserialize(deserializer)? * 1e6).round();
        if (1.0..=1e15).contains(&micro) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and between 1 and 10^15"
            )]
            let micro = micro as u64;
            Ok(Self { micro })
        } else {
            Err(de::Error::custom(
                "expected dollars: a number from 0.000001 to a billion",
            ))
        }
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.micro / 1_000_000, self.micro % 1_000_000);
        match (part, part % 10_000) {
            (0, _) => write!(f, "{whole}"),
            (_, 0) => write!(f, "{whole}.{:02}", part / 10_000),
            _ => write!(f, "{whole}.{part:06}"),
        }
    }
}

/// A number of something. More than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "i64")]
pub struct Count(pub u64);

impl TryFrom<i64> for Count {
    type Error = &'static str;

    fn try_from(count: i64) -> Result<Self, Self::Error> {
        match u64::try_from(count) {
            Ok(count @ 1..) => Ok(Self(count)),
            _ => Err("expected a number of 1 or more"),
        }
    }
}

/// The treatment of a request whose model has no price, where a limit is in money.
///
/// ```
/// # use outrigger_sdk::settings::{ModelName, Unpriced};
/// #[derive(serde::Deserialize)]
/// struct Rule { #[serde(default)] unpriced: Unpriced, to: ModelName }
///
/// let rule: Rule = serde_json::from_str(r#"{ "unpriced": "allow", "to": "small" }"#).unwrap();
/// assert_eq!((rule.unpriced, rule.to.0.as_str()), (Unpriced::Allow, "small"));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// It is refused: a limit that does not see what is spent would be none.
    #[default]
    Refuse,
    /// It goes on.
    Allow,
}

/// A model's name, as [`Request::set_model`](crate::Request::set_model) takes it. Not empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ModelName(pub String);

impl TryFrom<String> for ModelName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.trim().is_empty() {
            true => Err("the model's name is empty"),
            false => Ok(Self(name)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_show_as_they_are_written() {
        for text in ["0ms", "250ms", "30s", "90s", "5m", "1h", "36h", "7d"] {
            assert_eq!(Span::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        assert_eq!(Span::try_from("60m".to_owned()).unwrap().to_string(), "1h");
        for text in [
            "",
            "1",
            "m",
            "1.5h",
            "-1s",
            "1 s",
            "1w",
            "367d",
            "99999999999999999999s",
        ] {
            assert!(Span::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_models_name_is_not_empty() {
        assert!(ModelName::try_from("openai/gpt-5".to_owned()).is_ok());
        assert!(ModelName::try_from(" ".to_owned()).is_err());
    }

    #[test]
    fn money_is_exact_to_the_millionth_and_never_nothing() {
        let usd = |json: &str| serde_json::from_str::<Usd>(json);
        for (json, micro, shown) in [
            ("50", 50_000_000, "50"),
            ("0.1", 100_000, "0.10"),
            ("0.000001", 1, "0.000001"),
            ("19.99", 19_990_000, "19.99"),
        ] {
            let usd = usd(json).unwrap();
            assert_eq!((usd.micro, usd.to_string().as_str()), (micro, shown));
        }
        for json in ["0", "-1", "0.0000001", "1e12", "\"5\""] {
            assert!(usd(json).is_err(), "{json}");
        }
    }
}
