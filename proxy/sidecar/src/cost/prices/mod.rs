//! Prices of models' tokens: the operator's own first, then the table in the binary.
//!
//! A model without a price is *unpriced*: `None`, never 0. An upstream's provider is found by its
//! address, else by its name, else by the model's name (an unknown address may be a gateway before
//! a known provider); where that is wrong, a line in the operator's file corrects it.

use std::fmt;

use dialect::Usage;
use parking_lot::Mutex;

use crate::config::{self, Config, Kind, PriceLine, PriceRates, pattern::Pattern};

pub use tier::Tiers;

use super::NanoDollars;

mod table;
#[cfg(test)]
mod tests;
mod tier;

/// Price of the tokens of an exchange. Money is in millionths of a dollar per million tokens:
/// billionths of a thousandth per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// Rates up to `start` tokens of input.
    pub base: Rates,
    /// Tokens of input beyond which the rates `above` count; 0: never.
    pub start: u64,
    /// Rates for all tokens of an exchange with more input than `start`.
    pub above: Rates,
    /// Price of the request itself.
    pub request: NanoDollars,
    /// Rates of sound, where it has its own.
    pub audio: AudioRates,
    /// Factors of the tiers, over all tokens.
    pub tiers: Tiers,
    /// Price of a search of the web that the provider made.
    pub search: NanoDollars,
    /// True if it is the operator's: then it counts, whatever the provider reports.
    pub own: bool,
}

/// Millionths of a dollar per million tokens of sound; [`Rates::AS_INPUT`] where they cost as other
/// tokens do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioRates {
    /// Input that the provider had not cached.
    pub input: u32,
    /// Input that it had cached.
    pub cached: u32,
    /// Output.
    pub output: u32,
}

impl Default for AudioRates {
    fn default() -> Self {
        Self {
            input: Rates::AS_INPUT,
            cached: Rates::AS_INPUT,
            output: Rates::AS_INPUT,
        }
    }
}

/// Millionths of a dollar per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Input that the provider had not cached.
    pub input: u32,
    /// Input that it had cached; [`Rates::AS_INPUT`] where it makes no difference.
    pub cached: u32,
    /// Input that it wrote into its cache; [`Rates::AS_INPUT`] where it makes no difference.
    pub written: u32,
    /// Output, reasoning included.
    pub output: u32,
}

impl Rates {
    /// Stands for the rate of `input`.
    pub const AS_INPUT: u32 = u32::MAX;

    /// The rate of what is written for an hour: Anthropic takes 1.25 times the rate of input for five
    /// minutes and twice for an hour
    /// (<https://platform.claude.com/docs/en/build-with-claude/prompt-caching>), wherever its
    /// models are served. Nobody else reports any.
    fn written_long(self) -> u128 {
        match self.written {
            Self::AS_INPUT => self.input.into(),
            written => u128::from(written) * 8 / 5,
        }
    }

    fn or_input(self, rate: u32) -> u128 {
        u128::from(if rate == Self::AS_INPUT {
            self.input
        } else {
            rate
        })
    }
}

impl Price {
    fn of(line: &PriceLine) -> Self {
        let rates = |line: &PriceRates| Rates {
            input: line.input,
            cached: line.cached.unwrap_or(Rates::AS_INPUT),
            written: line.written.unwrap_or(Rates::AS_INPUT),
            output: line.output,
        };
        let above = line.above.as_ref();
        Self {
            base: rates(&line.base),
            start: above.map_or(0, |(start, _)| *start),
            above: above.map_or_else(Rates::default, |(_, above)| rates(above)),
            request: NanoDollars(line.request),
            own: true,
            ..Self::default()
        }
    }

    /// Cost of this usage, rounded to the nearest billionth of a dollar. Where the provider itself
    /// says it, that.
    pub fn cost(&self, usage: &Usage) -> NanoDollars {
        if let Some(reported) = reported(usage).filter(|_| !self.own) {
            return reported;
        }
        let rates = if self.start > 0 && usage.input > self.start {
            self.above
        } else {
            self.base
        };
        let (numerator, denominator) = self.tiers.factor(usage.details.tier);
        let tokens = self.tokens(usage, rates) * u128::from(numerator);
        let divisor = 1000 * u128::from(denominator);
        let nano = (tokens + divisor / 2) / divisor;
        let searches = usage.details.searches.saturating_mul(self.search.0);
        NanoDollars(u64::try_from(nano).unwrap_or(u64::MAX))
            .plus(self.request)
            .plus(NanoDollars(searches))
    }

    /// Billionths of thousandths. Each token counts once: as what it is most of all.
    fn tokens(&self, usage: &Usage, rates: Rates) -> u128 {
        let (audio, details) = (self.audio, usage.details);
        let cached = usage.cached.min(usage.input);
        let written = usage.written.min(usage.input - cached);
        let fresh = usage.input - cached - written;
        let written_long = details.written_long.min(written);
        let priced = |rate: u32| rate != Rates::AS_INPUT;
        let heard_before = match priced(audio.cached) {
            true => details.audio_cached.min(cached),
            false => 0,
        };
        let heard = match priced(audio.input) {
            true => details.audio_input.saturating_sub(heard_before).min(fresh),
            false => 0,
        };
        let spoken = match priced(audio.output) {
            true => details.audio_output.min(usage.output),
            false => 0,
        };
        let written_rate = rates.or_input(rates.written);
        let at = |count: u64, rate: u32| u128::from(count) * u128::from(rate);
        at(fresh - heard, rates.input)
            + at(heard, audio.input)
            + u128::from(cached - heard_before) * rates.or_input(rates.cached)
            + at(heard_before, audio.cached)
            + u128::from(written - written_long) * written_rate
            + u128::from(written_long) * rates.written_long()
            + at(usage.output - spoken, rates.output)
            + at(spoken, audio.output)
    }
}

/// The cost that the provider reported with its usage, where it did.
pub fn reported(usage: &Usage) -> Option<NanoDollars> {
    let cost = usage.details.cost.filter(|_| !usage.estimated);
    cost.map(NanoDollars)
}

/// A day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u16);

/// Returns year, month and day of the month of a day after 1970, as in
/// <https://howardhinnant.github.io/date_algorithms.html>.
pub(crate) fn date(days: u32) -> (u32, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    (year, month, day)
}

/// `2026-03-13`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.into());
        write!(f, "{year}-{month:02}-{day:02}")
    }
}

/// A model's price and where it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced<'a> {
    /// The price in force.
    pub price: Price,
    /// The name or pattern under which it was found.
    pub model: &'a str,
    /// The page that it was read from, or the operator's file.
    pub source: &'a str,
    /// Date from which it holds; else the date when it was read. None for the operator's own.
    pub date: Option<Day>,
    /// The model's limits.
    pub limits: Limits,
}

/// Tokens that a model takes and gives at most, where known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Tokens of input.
    pub context: Option<u32>,
    /// Tokens of output.
    pub output: Option<u32>,
}

/// Every price that a configuration knows.
#[derive(Debug, Default)]
pub struct Prices {
    source: String,
    own: Vec<Own>,
    homes: Vec<(String, table::Home)>,
    latest: Mutex<Option<Latest>>,
}

/// The last look-up: most apps use one model all day.
#[derive(Debug)]
struct Latest {
    /// Seconds after 1970, in whole minutes: no price of the table changes within one.
    minute: u64,
    upstream: String,
    model: String,
    price: Option<Price>,
}

/// One line of the operator's file.
#[derive(Debug, Clone)]
struct Own {
    written: String,
    pattern: Pattern,
    price: Price,
}

/// Longer names than this are unpriced.
const LONGEST: usize = 256;

impl Prices {
    /// The table, under the operator's own prices and with the providers of these upstreams.
    pub fn of(config: &Config) -> Self {
        let home = |upstream: &config::Upstream| match &upstream.kind {
            Kind::Embedded => table::Home::Unknown,
            Kind::Http { origin, prefix, .. } => {
                table::home(origin.host().unwrap_or_default(), prefix, &upstream.name)
            }
        };
        let mut own: Vec<_> = config
            .prices
            .models
            .iter()
            .map(|(model, price)| Own {
                pattern: Pattern::of(model),
                written: model.clone(),
                price: Price::of(price),
            })
            .collect();
        crate::ordered::sort_by_key(&mut own, |own| own.pattern.rank());
        Self {
            source: config.prices.file.clone(),
            own,
            homes: (config.upstreams.values())
                .map(|upstream| (upstream.name.clone(), home(upstream)))
                .collect(),
            latest: Mutex::default(),
        }
    }

    /// The price alone of [`Self::find`]; cached for the target of the last look-up.
    pub fn price(&self, upstream: &str, model: &str, now: u64) -> Option<Price> {
        let minute = now - now % 60;
        let find = || self.find(upstream, model, now).map(|priced| priced.price);
        // Where another worker holds the cache, a look-up in the table is faster than waiting.
        let Some(mut latest) = self.latest.try_lock() else {
            return find();
        };
        match &*latest {
            Some(known)
                if known.minute == minute && known.model == model && known.upstream == upstream =>
            {
                known.price
            }
            _ => {
                let price = find();
                *latest = Some(Latest {
                    minute,
                    upstream: upstream.to_owned(),
                    model: model.to_owned(),
                    price,
                });
                price
            }
        }
    }

    /// The names of all models in the built-in table.
    pub fn names() -> impl Iterator<Item = &'static str> {
        table::names()
    }

    /// The price of `model` at `upstream`, `now` seconds after 1970; none where neither the
    /// operator nor the table has one.
    pub fn find(&self, upstream: &str, model: &str, now: u64) -> Option<Priced<'_>> {
        let mut buffer = [0; LONGEST];
        let length = upstream.len() + 1 + model.len();
        let target = buffer.get_mut(..length)?;
        let (before, after) = target.split_at_mut(upstream.len() + 1);
        before
            .get_mut(..upstream.len())?
            .copy_from_slice(upstream.as_bytes());
        *before.last_mut()? = b'/';
        after.copy_from_slice(model.as_bytes());
        target.make_ascii_lowercase();
        let target = std::str::from_utf8(target).ok()?;
        let name = target.get(upstream.len() + 1..)?;

        let home = (self.homes.iter())
            .find(|(known, _)| known == upstream)
            .map_or(table::Home::Unknown, |(_, home)| *home);
        let listed = table::find(home, name);
        let own =
            (self.own.iter()).find(|own| own.pattern.matches(name) || own.pattern.matches(target));
        let limits = listed.map(|listed| listed.limits()).unwrap_or_default();
        match own {
            Some(own) => Some(Priced {
                price: own.price,
                model: &own.written,
                source: &self.source,
                date: None,
                limits,
            }),
            None => listed?.priced(now),
        }
    }
}
