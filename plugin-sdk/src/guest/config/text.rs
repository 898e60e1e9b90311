//! JSON's strings and numbers.

/// A string, borrowed where it has no escapes.
pub(super) enum Text<'a> {
    Plain(&'a str),
    Unescaped(String),
}

pub(super) enum Number<'a> {
    Unsigned(u64),
    Signed(i64),
    /// A number with a fraction or an exponent, or too long for an integer; as it is spelt.
    Float(&'a str),
}

/// Reads the string whose opening quote (after white space) is at `at`, and goes behind it. `None`
/// where there is none.
#[inline(never)]
pub(super) fn string<'a>(json: &'a str, at: &mut usize) -> Option<Text<'a>> {
    if json.as_bytes().get(*at) != Some(&b'"') {
        return None;
    }
    let start = *at + 1;
    let rest = json.get(start..)?;
    let stop = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\x1f'))?;
    if rest.as_bytes().get(stop) == Some(&b'"') {
        *at = start + stop + 1;
        return rest.get(..stop).map(Text::Plain);
    }
    let mut text = String::from(rest.get(..stop)?);
    let mut chars = rest.get(stop..)?.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => text.push(escape(&mut chars)?),
            '\0'..='\x1f' => return None,
            plain => text.push(plain),
        }
    }
    *at = json.len() - chars.as_str().len();
    Some(Text::Unescaped(text))
}

fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\x08',
        'f' => '\x0c',
        'u' => {
            let unit = hex(chars)?;
            match unit {
                0xd800..0xdc00 => {
                    let low =
                        (chars.next()? == '\\' && chars.next()? == 'u').then(|| hex(chars))??;
                    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low)?
                }
                _ => char::from_u32(unit)?,
            }
        }
        plain @ ('"' | '\\' | '/') => plain,
        _ => return None,
    })
}

#[inline(never)]
fn hex(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | chars.next()?.to_digit(16)?))
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
