//! Scalars as operators write them: durations, sizes, `${ENV}`.

use std::time::Duration;

/// Reads `250ms`, `30s`, `5m`, `1h`.
///
/// # Errors
/// The sentence says what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text);
    let wrong =
        || format!("`{text}` is not a duration; write it like `250ms`, `30s`, `5m` or `1h`");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let microseconds = match unit {
        "us" => Some(number),
        "ms" => number.checked_mul(1000),
        "s" => number.checked_mul(1_000_000),
        "m" => number.checked_mul(60_000_000),
        "h" => number.checked_mul(3_600_000_000),
        _ => return Err(wrong()),
    };
    match microseconds {
        Some(us) if us <= 1000 * 3_600_000_000 => Ok(Duration::from_micros(us)),
        _ => Err(format!(
            "`{text}` is longer than the 1000h that a duration may be"
        )),
    }
}

/// Reads `512B`, `64KiB`, `16MiB`, `1GiB` as bytes.
///
/// # Errors
/// The sentence says what to write.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text);
    let wrong = || format!("`{text}` is not a size; write it like `64KiB`, `16MiB` or `1GiB`");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(1 << shift)
        .filter(|bytes| *bytes <= 1 << 40)
        .ok_or_else(|| format!("`{text}` is more than the 1024GiB that a size may be"))
}

/// Reads `0.25`, `3`, `12.5` as millionths of a dollar.
///
/// # Errors
/// The sentence says what to write.
pub fn dollars(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is not an amount of dollars; write it like `3` or `0.25`");
    if text.starts_with('-') {
        return Err(format!(
            "`{text}` is less than nothing; write 0 for what is free"
        ));
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    if part.len() > 6 {
        return Err(format!(
            "`{text}` is finer than a millionth of a dollar; write six decimals at most"
        ));
    }
    let millionths: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
    whole
        .parse::<u64>()
        .ok()
        .and_then(|whole| whole.checked_mul(1_000_000)?.checked_add(millionths))
        .and_then(|sum| u32::try_from(sum).ok().filter(|sum| *sum < u32::MAX))
        .ok_or_else(|| format!("`{text}` is more than the 4294 dollars that a price may be"))
}

/// Reads `20%` and `0.2` as a number from 0 to 1.
///
/// # Errors
/// The sentence says what to write.
pub fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let number = decimal(number)
        .ok_or_else(|| format!("`{text}` is not a share; write it like `20%` or `0.2`"))?;
    if number > whole {
        return Err(format!(
            "`{text}` is more than all; write `100%` at most, or a number up to 1"
        ));
    }
    Ok(number / whole)
}

/// Reads digits, with or without decimals: no sign, exponent or word.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = (digits(whole) && digits(part)).then(|| text.parse().ok())??;
    f64::is_finite(number).then_some(number)
}

fn number_and_unit(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

/// The beginning of what is said of a variable that is not set.
pub(crate) const NO_VARIABLE: &str = "the environment has no";

/// Replaces `${NAME}` and `${NAME:-default}`; `$${` stands for a literal `${`. A default is used
/// where the variable is unset or empty.
///
/// # Errors
/// The sentence names the variable, never a value.
pub fn substitute(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let Some((inside, after)) = reference[2..].split_once('}') else {
            return Err("`${` has no closing `}`; write `$${` for a literal one".into());
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable(name) {
            return Err(format!(
                "`${{{inside}}}` names no variable; write `${{NAME}}` or `${{NAME:-default}}`, or `$${{` for a literal `${{`"
            ));
        }
        match (env(name), default) {
            (Some(value), Some(default)) if value.is_empty() => out.push_str(default),
            (Some(value), _) => out.push_str(&value),
            (None, Some(default)) => out.push_str(default),
            (None, None) => {
                return Err(format!(
                    "{NO_VARIABLE} `{name}`; set it or write `${{{name}:-default}}`"
                ));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Text without its percent escapes (RFC 3986 §2.1); none where one is broken, or the result is no
/// UTF-8.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_say_which_there_are() {
        assert_eq!(duration("100us"), Ok(Duration::from_micros(100)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for wrong in [
            "",
            "10",
            "s",
            "1.5s",
            "-1s",
            "1 s",
            "1d",
            "1S",
            "99999999999999999999s",
            "1s ",
        ] {
            assert!(
                duration(wrong).is_err_and(|e| e.contains("write it like")),
                "{wrong}"
            );
        }
        assert!(duration("18446744073709551615h").is_err());
    }

    #[test]
    fn sizes_are_binary_and_say_so() {
        assert_eq!(size("64KiB"), Ok(65536));
        assert_eq!(size("16MiB"), Ok(16 << 20));
        assert_eq!(size("512B"), Ok(512));
        for wrong in ["", "64", "64KB", "64k", "1.5MiB", "MiB"] {
            assert!(
                size(wrong).is_err_and(|e| e.contains("write it like")),
                "{wrong}"
            );
        }
        assert!(size("18446744073709551615GiB").is_err());
    }

    #[test]
    fn dollars_are_read_exactly_or_not_at_all() {
        assert_eq!(dollars("3"), Ok(3_000_000));
        assert_eq!(dollars("0.25"), Ok(250_000));
        assert_eq!(dollars("0.000001"), Ok(1));
        assert_eq!(dollars("4294.9"), Ok(4_294_900_000));
        for (wrong, said) in [
            ("", "write it like"),
            (".", "write it like"),
            ("1.", "write it like"),
            ("$3", "write it like"),
            ("3 USD", "write it like"),
            ("1e3", "write it like"),
            ("NaN", "write it like"),
            ("-0.1", "less than nothing"),
            ("0.0000001", "finer"),
            ("4295", "more than"),
            ("99999999999999999999999", "more than"),
        ] {
            assert!(
                dollars(wrong).is_err_and(|e| e.contains(said)),
                "{wrong}: {:?}",
                dollars(wrong)
            );
        }
    }

    #[test]
    fn shares_are_written_as_percentages_or_parts_of_one() {
        for (text, expected) in [
            ("20%", 0.2),
            ("0.2", 0.2),
            ("2.5%", 0.025),
            ("100%", 1.0),
            ("1", 1.0),
            ("0", 0.0),
            ("0%", 0.0),
        ] {
            assert_eq!(share(text), Ok(expected), "{text}");
        }
        for (wrong, said) in [
            ("", "write it like"),
            ("%", "write it like"),
            ("-1%", "write it like"),
            ("1e-3", "write it like"),
            ("inf", "write it like"),
            ("NaN", "write it like"),
            (".5", "write it like"),
            ("5 %", "write it like"),
            ("20", "more than all"),
            ("100.1%", "more than all"),
        ] {
            assert!(share(wrong).is_err_and(|e| e.contains(said)), "{wrong}");
        }
    }

    #[test]
    fn variables_are_replaced_and_only_variables() {
        let env = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${A}".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("plain $5 $A {A}", "plain $5 $A {A}"),
            ("<${A}>${A}", "<one>one"),
            ("${B:-two}", "two"),
            ("${EMPTY:-three}", "three"),
            ("${EMPTY}", ""),
            ("${B:-}", ""),
            ("$${A}", "${A}"),
            ("${NESTED}", "${A}"),
            ("${B:-http://[::1]:80/x}", "http://[::1]:80/x"),
        ] {
            assert_eq!(substitute(text, &env).as_deref(), Ok(expected), "{text}");
        }
        for (text, said) in [
            ("${B}", "no `B`"),
            ("${A", "closing"),
            ("${}", "names no variable"),
            ("${1}", "names no"),
        ] {
            assert!(
                substitute(text, &env).is_err_and(|e| e.contains(said)),
                "{text}"
            );
        }
    }
}
