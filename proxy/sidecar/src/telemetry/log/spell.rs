//! Values as the log spells them. Written by hand, as each exchange has some thirty of them and
//! `write!` takes ten times as long.

use std::{cell::Cell, time::Duration};

use crate::cost::{NanoDollars, prices::date};

/// Writes a JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    // No early end, so that it is vectorised.
    if text
        .bytes()
        .fold(false, |seen, byte| seen | needs_escape(byte))
    {
        // Writing a string to a vector does not fail.
        let _ = serde_json::to_writer(out, text);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Digits of the largest number.
const MOST: usize = 20;

/// Writes decimal digits, `least` at least.
#[inline]
pub(super) fn digits(out: &mut Vec<u8>, value: u64, least: usize) {
    let mut room = [b'0'; MOST];
    let written = put(&mut room, value);
    let from = MOST - written.max(least).min(MOST);
    out.extend_from_slice(room.get(from..).unwrap_or_default());
}

/// Puts a number's digits at the end of `room`; returns how many there are, none of 0.
#[inline]
fn put(room: &mut [u8], mut value: u64) -> usize {
    let mut written = 0;
    for digit in room.iter_mut().rev() {
        if value == 0 {
            break;
        }
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        written += 1;
    }
    written
}

/// Writes milliseconds with three places: `0.042`.
pub(super) fn milliseconds(out: &mut Vec<u8>, time: Duration) {
    const FRACTION: usize = 3;
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let mut room = [b'0'; MOST + 1 + FRACTION];
    let (whole, fraction) = room.split_at_mut(MOST);
    let written = put(whole, micros / 1000).max(1);
    if let Some((point, fraction)) = fraction.split_first_mut() {
        *point = b'.';
        put(fraction, micros % 1000);
    }
    out.extend_from_slice(room.get(MOST - written..).unwrap_or_default());
}

/// Writes money as [`NanoDollars`] displays it.
pub(super) fn dollars(out: &mut Vec<u8>, money: NanoDollars) {
    const PLACES: usize = 9;
    let (whole, rest) = (money.0 / 1_000_000_000, money.0 % 1_000_000_000);
    digits(out, whole, 1);
    if rest > 0 {
        out.push(b'.');
        digits(out, rest, PLACES);
        let zeros = out.iter().rev().take_while(|digit| **digit == b'0').count();
        out.truncate(out.len() - zeros);
    }
}

/// Bytes of a timestamp that are the same for a second: `2026-11-21T22:59:07.`.
const SECOND: usize = 20;

/// Writes `2026-11-21T22:59:07.123456Z` of a time since 1970.
pub(crate) fn timestamp(out: &mut Vec<u8>, since: Duration) {
    thread_local! {
        /// The last second, and how it is spelt.
        static LAST: Cell<(u64, [u8; SECOND])> = const { Cell::new((u64::MAX, [0; SECOND])) };
    }
    let (known, spelt) = LAST.get();
    if known == since.as_secs() {
        out.extend_from_slice(&spelt);
    } else {
        let start = out.len();
        second(out, since.as_secs());
        if let Some(Ok(spelt)) = out.get(start..).map(TryInto::try_into) {
            LAST.set((since.as_secs(), spelt));
        }
    }
    digits(out, since.subsec_micros().into(), 6);
    out.push(b'Z');
}

fn second(out: &mut Vec<u8>, seconds: u64) {
    let (year, month, day) = date((seconds / 86_400) as u32);
    for (value, width, end) in [
        (year.into(), 4, b'-'),
        (month.into(), 2, b'-'),
        (day.into(), 2, b'T'),
        (seconds / 3600 % 24, 2, b':'),
        (seconds / 60 % 60, 2, b':'),
        (seconds % 60, 2, b'.'),
    ] {
        digits(out, value, width);
        out.push(end);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn spelt(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = b"before".to_vec();
        write(&mut out);
        String::from_utf8(out).unwrap().split_off(6)
    }

    #[test]
    fn numbers_and_money_are_spelt_as_they_are_displayed() {
        for number in [0, 1, 9, 10, 99, 100, 1_000_000_007, u64::MAX] {
            assert_eq!(spelt(|out| digits(out, number, 1)), number.to_string());
            assert_eq!(spelt(|out| digits(out, number, 6)), format!("{number:06}"));
            for money in [number, number / 1000, number.saturating_mul(1000)].map(NanoDollars) {
                assert_eq!(spelt(|out| dollars(out, money)), money.to_string());
            }
        }
        assert_eq!(spelt(|out| digits(out, 0, 0)), "");
    }

    #[test]
    fn times_are_spelt_in_milliseconds_with_three_places() {
        for (micros, expected) in [
            (0, "0.000"),
            (7, "0.007"),
            (42_000, "42.000"),
            (1_234_567, "1234.567"),
            (u64::MAX, "18446744073709551.615"),
        ] {
            let time = Duration::from_micros(micros);
            assert_eq!(spelt(|out| milliseconds(out, time)), expected);
        }
    }

    #[test]
    fn a_second_is_spelt_anew_once_it_is_over() {
        for (micros, expected) in [
            (1_795_302_005_000_042, "2026-11-21T23:00:05.000042Z"),
            (1_795_302_005_900_000, "2026-11-21T23:00:05.900000Z"),
            (1_795_302_006_000_000, "2026-11-21T23:00:06.000000Z"),
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_795_302_005_000_042, "2026-11-21T23:00:05.000042Z"),
        ] {
            let since = Duration::from_micros(micros);
            assert_eq!(spelt(|out| timestamp(out, since)), expected);
        }
    }

    #[test]
    fn a_string_is_escaped_where_it_has_to_be() {
        for text in ["", "plain", "é", "a\"b", "a\\b", "line\nbreak", "\u{1}"] {
            // At every place in a word, and after the last.
            for before in 0..9 {
                let text = ["x".repeat(before).as_str(), text, "after"].concat();
                let json = serde_json::to_string(&text).unwrap();
                assert_eq!(spelt(|out| string(out, &text)), json);
            }
        }
    }
}
