//! JSON's strings and numbers.

use std::borrow::Cow;

use crate::json;

pub(super) enum Number<'a> {
    Unsigned(u64),
    Signed(i64),
    /// A number with a fraction or an exponent, or too long for an integer; as it is spelt.
    Float(&'a str),
}

/// Reads the string whose opening quote is at `at`, and goes behind it; borrowed where it has no
/// escapes. `None` where there is none.
#[inline(never)]
pub(super) fn string<'a>(json: &'a str, at: &mut usize) -> Option<Cow<'a, str>> {
    let mut rest = json.get(*at..)?.strip_prefix('"')?;
    let mut text = String::new();
    loop {
        let stop = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\x1f'))?;
        let (plain, behind) = rest.split_at_checked(stop)?;
        if let Some(behind) = behind.strip_prefix('"') {
            *at = json.len() - behind.len();
            if text.is_empty() {
                return Some(Cow::Borrowed(plain));
            }
            text.push_str(plain);
            return Some(Cow::Owned(text));
        }
        let escape = behind.strip_prefix('\\')?;
        let (c, length) = json::unescape(escape)?;
        text.push_str(plain);
        text.push(c);
        rest = escape.get(length..)?;
    }
}

/// Reads the number at `at` and goes behind it. Spellings that JSON does not have, a leading `+` or
/// `.` say, are none.
#[inline(never)]
pub(super) fn number<'a>(json: &'a str, at: &mut usize) -> Option<Number<'a>> {
    let rest = json.get(*at..)?;
    let length = rest
        .bytes()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .count();
    let spelling = rest.get(..length)?;
    let digits = spelling.strip_prefix('-').unwrap_or(spelling);
    let leads = digits.as_bytes();
    if !leads.first()?.is_ascii_digit()
        || leads[0] == b'0' && leads.get(1).is_some_and(u8::is_ascii_digit)
    {
        return None;
    }
    let number = if let Ok(number) = spelling.parse() {
        Number::Unsigned(number)
    } else if let Ok(number) = spelling.parse() {
        Number::Signed(number)
    } else {
        parts(digits)?;
        Number::Float(spelling)
    };
    *at += length;
    Some(number)
}

/// Digits without the point, and the power of ten that they are to be multiplied with.
#[inline(never)]
fn parts(digits: &str) -> Option<(f64, i32)> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent
                .strip_prefix('+')
                .unwrap_or(exponent)
                .parse()
                .ok()?,
        ),
        None => (digits, 0_i32),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 10.0 + f64::from(digit.to_digit(10)?);
    }
    Some((
        value,
        exponent.saturating_sub(i32::try_from(fraction.len()).ok()?),
    ))
}

/// The number to within its last bits: for visitors that did not ask for a fraction. Those that did
/// get the exact one.
#[inline(never)]
pub(super) fn near(spelling: &str) -> f64 {
    let digits = spelling.strip_prefix('-').unwrap_or(spelling);
    let (mut value, power) = parts(digits).unwrap_or_default();
    let step = if power < 0 { 0.1 } else { 10.0 };
    for _ in 0..power.unsigned_abs().min(400) {
        value *= step;
    }
    if spelling.len() == digits.len() {
        value
    } else {
        -value
    }
}
