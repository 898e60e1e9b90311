//! The scalars of cases. Each is parsed inside a visitor, so that an error keeps its key path, line
//! and column.

use std::{
    borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData, str::FromStr, time::Duration,
};

use dialect::{Dialect, Place};
use sandbox::capabilities::Capability;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use crate::scalars::listed;

/// Reads a text as a value.
pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(
    d: D,
    what: &'static str,
) -> Result<T, D::Error> {
    struct Read<T>(&'static str, PhantomData<T>);
    impl<T: FromStr<Err = String>> Visitor<'_> for Read<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    d.deserialize_str(Read(what, PhantomData))
}

/// Implements reading and the schema of scalars.
macro_rules! scalars {
    ($($name:ident is $what:literal, $schema:expr;)*) => {
        $(
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    parsed(d, $what)
                }
            }
            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
                fn inline_schema() -> bool {
                    true
                }
                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        )*
    };
}

scalars! {
    Moment is "a time", json_schema!({
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$",
        "examples": ["2026-01-31", "2026-01-31T23:59:00Z"],
    });
    Period is "a duration", json_schema!({
        "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "examples": ["250ms", "30s", "1d"],
    });
    DialectName is "a dialect's name", json_schema!({ "enum": read_dialects() });
    PlaceName is "a place's name", json_schema!({ "enum": Place::ALL.map(Place::name) });
    CaseGrant is "a capability's name", json_schema!({
        "enum": Capability::granted().map(|known| known.name).collect::<Vec<_>>(),
    });
    HeaderKey is "a header's name", json_schema!({ "type": "string" });
    HeaderText is "a header's value", json_schema!({ "type": "string" });
}

fn one_of<'a>(text: &str, what: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    format!("`{text}` is no {what}; write {}", listed(&names, "or"))
}

/// A point in time, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub u64);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read_moment(text).map(Self).ok_or_else(|| {
            format!("`{text}` is no time since 1970; write `2026-01-31` or `2026-01-31T23:59:00Z`")
        })
    }
}

fn read_moment(text: &str) -> Option<u64> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let lengths = [
        31,
        if leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = *lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let valid = (1970..=9999).contains(&year)
        && (1..=length).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let months = lengths.iter().take(usize::try_from(month).ok()? - 1);
    let years: u64 = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    let days = years + months.sum::<u64>() + day.checked_sub(1)?;
    valid.then_some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Option<Vec<u64>> = text
        .split(between)
        .map(|part| digits(part).then(|| part.parse().ok()).flatten())
        .collect();
    parts?.try_into().ok()
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit {
            "ms" => Some(1),
            "s" => Some(1000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            "d" => Some(86_400_000),
            _ => None,
        };
        let read = || {
            Some(Duration::from_millis(
                number.parse::<u64>().ok()?.checked_mul(unit?)?,
            ))
        };
        read().map(Self).ok_or_else(|| {
            format!("`{text}` is no duration; write `250ms`, `30s`, `5m`, `1h` or `1d`")
        })
    }
}

/// A dialect that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialectName(pub Dialect);

fn read_dialects() -> Vec<&'static str> {
    let read = Dialect::ALL.into_iter().filter(|dialect| dialect.is_read());
    read.map(Dialect::name).collect()
}

impl FromStr for DialectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Dialect::named(text).filter(|dialect| dialect.is_read());
        known
            .map(Self)
            .ok_or_else(|| one_of(text, "dialect that is read", read_dialects()))
    }
}

/// A place of a reply's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceName(pub Place);

impl FromStr for PlaceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Place::ALL.into_iter().find(|place| place.name() == text);
        known
            .map(Self)
            .ok_or_else(|| one_of(text, "place", Place::ALL.map(Place::name)))
    }
}

/// A capability that a case may need.
#[derive(Debug, Clone, Copy)]
pub(super) struct CaseGrant(pub(super) &'static Capability);

impl FromStr for CaseGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Capability::granted().find(|known| known.name == text);
        let all = Capability::granted().map(|known| known.name);
        known
            .map(Self)
            .ok_or_else(|| one_of(text, "capability", all))
    }
}

/// A header's value: printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderText(pub String);

impl FromStr for HeaderText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = text.chars().all(|c| c == '\t' || !c.is_control());
        fits.then(|| Self(text.to_owned()))
            .ok_or_else(|| "a header can't have this value".to_owned())
    }
}

/// A header's name: a token (RFC 9110 §5.6.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderKey(pub String);

impl FromStr for HeaderKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        match !text.is_empty() && text.bytes().all(token) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("no header can be called `{text}`")),
        }
    }
}

/// Headers by name.
pub type Headers = BTreeMap<HeaderKey, HeaderText>;
