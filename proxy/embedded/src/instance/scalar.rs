//! Strings and numbers within what a schema demands.

use serde_json::{Map, Number, Value};

use super::{MOST, bound};

/// The text, in the length and the format that the schema demands.
pub(super) fn string(schema: &Map<String, Value>, text: &str, nth: u64) -> Option<Value> {
    let format = schema.get("format").and_then(Value::as_str);
    if let Some(formatted) = format.and_then(|format| formatted(format, nth)) {
        return Some(formatted.into());
    }
    let least = bound(schema, "minLength", 0)?;
    let most = bound(schema, "maxLength", MOST).unwrap_or(u64::MAX);
    let mut text = match nth {
        0 => text.to_owned(),
        // First, so that it survives a cut.
        nth => format!("{nth} {text}"),
    };
    let length = text.chars().count() as u64;
    for _ in length..least {
        text.push('.');
    }
    if length > most {
        text = text.chars().take(usize::try_from(most).ok()?).collect();
    }
    Some(text.into())
}

/// A value of a format that the text would not have; `None` for formats that nobody checks.
fn formatted(format: &str, nth: u64) -> Option<String> {
    Some(match format {
        "date-time" => format!("2026-01-01T00:00:00.{nth:03}Z"),
        "date" => format!("{:04}-01-01", 2026 + nth % 7000),
        "time" => format!("00:00:00.{nth:03}Z"),
        "duration" => format!("P{}D", nth + 1),
        "email" | "idn-email" => format!("name{nth}@example.com"),
        "hostname" | "idn-hostname" => format!("host{nth}.example.com"),
        "ipv4" => format!("192.0.{}.{}", nth / 256 % 256, nth % 256),
        "ipv6" => format!("2001:db8::{nth:x}"),
        "uuid" => format!("00000000-0000-4000-8000-{nth:012x}"),
        "uri" | "uri-reference" | "iri" | "iri-reference" => format!("https://example.com/{nth}"),
        "uri-template" => format!("https://example.com/{nth}/{{id}}"),
        "json-pointer" => format!("/{nth}"),
        "relative-json-pointer" => format!("{nth}/a"),
        "regex" => format!("a{{{}}}", nth % 1000),
        _ => return None,
    })
}

/// The number nearest to one more than `nth` that the bounds allow.
pub(super) fn number(schema: &Map<String, Value>, whole: bool, nth: u64) -> Option<Value> {
    let read = |name: &str| schema.get(name).and_then(Value::as_f64);
    // Draft 4 says by a boolean that the other bound is exclusive.
    let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let mut low = read("minimum").map(|at| (at, flag("exclusiveMinimum")));
    let mut high = read("maximum").map(|at| (at, flag("exclusiveMaximum")));
    if let Some(at) = read("exclusiveMinimum").filter(|at| low.is_none_or(|(low, _)| *at >= low)) {
        low = Some((at, true));
    }
    if let Some(at) = read("exclusiveMaximum").filter(|at| high.is_none_or(|(high, _)| *at <= high))
    {
        high = Some((at, true));
    }
    let step = match read("multipleOf").filter(|step| *step > 0.0) {
        // the first multiple that is whole, for steps like 0.5 and 2.5
        Some(step) if whole => (1..=1000_u32)
            .map(|n| step * f64::from(n))
            .find(|at| at.fract() == 0.0),
        Some(step) => Some(step),
        None if whole => Some(1.0),
        None => None,
    };
    let fits = |at: f64| {
        low.is_none_or(|(low, open)| if open { at > low } else { at >= low })
            && high.is_none_or(|(high, open)| if open { at < high } else { at <= high })
    };
    let shift = u32::try_from(nth).map_or(f64::from(u32::MAX), f64::from);
    let plain = 1.0 + shift;
    let candidate = match (step, low, high) {
        (step, None, None) => step.unwrap_or(1.0) * plain,
        _ if fits(plain) && step.is_none_or(|step| (plain / step).fract() == 0.0) => plain,
        (Some(step), Some((low, open)), _) => {
            let first = (low / step).ceil();
            let outside = open && first * step <= low;
            (first + f64::from(u8::from(outside)) + shift) * step
        }
        (Some(step), None, Some((high, open))) => {
            let last = (high / step).floor();
            let outside = open && last * step >= high;
            (last - f64::from(u8::from(outside)) - shift) * step
        }
        (None, Some((low, _)), Some((high, _))) if low == high => low,
        (None, Some((low, _)), Some((high, _))) => low + (high - low) / (2.0 + shift),
        (None, Some((low, _)), None) => low + plain,
        (None, None, Some((high, _))) => high - plain,
    };
    if !fits(candidate) {
        return None;
    }
    // Whole numbers are written without a fraction; beyond 2^53 a float is what there is.
    let exact = candidate.fract() == 0.0 && candidate.abs() < 9e15;
    match exact {
        true => Some((candidate as i64).into()),
        false => Number::from_f64(candidate).map(Value::Number),
    }
}
