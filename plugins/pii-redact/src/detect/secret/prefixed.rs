//! Providers' keys, by the rows of [`providers`](super::providers): from the last character of a
//! prefix backwards.

use super::makeup::Makeup;
use super::providers::{DASH, DOT, LETTERS, OPEN, Row, UNDERSCORE};
use super::standin;
use super::{Kind, Kinds, Span, block::block, is_token, run, span};
use crate::detect::{
    fold,
    text::{before, begins, byte},
};

/// The rows of a table by the letter or digit beside the joiner: most words in front of a joiner
/// end in one that no prefix has, and the others share it with few.
struct ByLast<const ROWS: usize> {
    /// One more than the first row of each; 0: none has it.
    first: [u8; 128],
    /// The same for the row after each.
    next: [u8; ROWS],
}

impl<const ROWS: usize> ByLast<ROWS> {
    const fn of(table: &[Row], joiner: u8) -> Self {
        assert!(ROWS < 256, "rows are numbered in a byte");
        let mut rows = Self {
            first: [0; 128],
            next: [0; ROWS],
        };
        let mut row = ROWS;
        while row > 0 {
            if let [.., beside, last] = table[row - 1].prefix {
                assert!(*last == joiner, "a prefix in the table of another joiner");
                rows.next[row - 1] = rows.first[*beside as usize];
                rows.first[*beside as usize] = row as u8;
            }
            row -= 1;
        }
        rows
    }
}

static DASHES: ByLast<{ DASH.len() }> = ByLast::of(DASH, b'-');
static UNDERSCORES: ByLast<{ UNDERSCORE.len() }> = ByLast::of(UNDERSCORE, b'_');
static DOTS: ByLast<{ DOT.len() }> = ByLast::of(DOT, b'.');

/// The key whose prefix ends with the `-`, `_` or `.` at `at`, or the key block that begins there.
pub(in crate::detect) fn joined(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) || !is_token(byte(bytes, at + 1)) {
        return None;
    }
    let (table, first, next): (_, _, &[u8]) = match bytes[at] {
        b'-' => {
            if byte(bytes, at + 1) == b'-' && before(bytes, at, 1) != b'-' {
                return block(bytes, at);
            }
            (DASH, &DASHES.first, &DASHES.next)
        }
        b'_' => (UNDERSCORE, &UNDERSCORES.first, &UNDERSCORES.next),
        _ => (DOT, &DOTS.first, &DOTS.next),
    };
    let mut row = *first.get(usize::from(before(bytes, at, 1)))?;
    while let Some(at_row) = usize::from(row).checked_sub(1) {
        row = *next.get(at_row)?;
        let form = table.get(at_row)?;
        if !bytes
            .get(..=at)
            .is_some_and(|head| head.ends_with(form.prefix))
        {
            continue;
        }
        let start = at + 1 - form.prefix.len();
        let hangs = matches!(before(bytes, start, 1), b'-' | b'.')
            && (form.common || form.prefix.len() < 5);
        let within = before(bytes, start, 1) == b'_' && !form.common;
        if !begins(bytes, start) && !within || hangs {
            continue;
        }
        if let Some(end) = body_end(bytes, at + 1, form) {
            return span(start, end);
        }
    }
    super::special::joined(bytes, at)
}

/// The key whose prefix has the folded `cue` at `at` in it.
pub(super) fn lettered(bytes: &[u8], at: usize, cue: [u8; 3]) -> Option<Span> {
    LETTERS
        .iter()
        .filter(|(of, _, _)| **of == cue)
        .find_map(|(_, place, row)| {
            let start = at.checked_sub(*place)?;
            let head = bytes.get(start..start + row.prefix.len())?;
            if head != row.prefix || !begins(bytes, start) && before(bytes, start, 1) != b'_' {
                return None;
            }
            span(start, body_end(bytes, start + row.prefix.len(), row)?)
        })
}

/// One past the key whose part behind the prefix begins at `at`, where it is one.
fn body_end(bytes: &[u8], at: usize, row: &Row) -> Option<usize> {
    // The first bytes decide; what passes is then taken to its end.
    const TASTE: usize = 200;
    let belongs = |b: u8| row.alphabet.has(b);
    let (least, most) = (usize::from(row.least), usize::from(row.most));
    let taste = TASTE.max(least).min(most);
    let mut end = run(bytes, at, taste, belongs);
    // A letter of another script that looks like one of the alphabet's.
    while let length @ 1.. = fold::lookalike(bytes, end)
        && end - at < taste
    {
        end = run(bytes, end + length, taste - (end - at), belongs);
    }
    while end > at && matches!(before(bytes, end, 1), b'.' | b'~') {
        end -= 1;
    }
    let body = bytes.get(at..end)?;
    let closed = row.most == OPEN || !byte(bytes, end).is_ascii_alphanumeric();
    if body.len() < least || !closed {
        return None;
    }
    let makeup = Makeup::of(body);
    if standin::is_placeholder(body, &makeup) || super::known::is_one(body) {
        return None;
    }
    let hex = makeup.digits + makeup.letters() > 0
        && body.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let varied = makeup.distinct() >= if body.len() < 16 { 6 } else { 8 };
    let chance = if row.common {
        makeup.digits >= 2
            && makeup.letters() >= 2
            && (makeup.surprises(29) || hex && body.len() >= 32)
    } else {
        let exact = row.most < OPEN && row.most - row.least <= 8;
        let both = makeup.upper > 2 && makeup.lower > 2;
        makeup.letters() > 0
            && (makeup.digits > 0 && makeup.surprises(if exact { 15 } else { 19 })
                || makeup.surprises(if exact && both { 27 } else { 33 })
                || hex && makeup.digits >= 12)
    };
    // Anthropic's keys end so.
    let ends = !row.prefix.starts_with(b"sk-ant-a")
        || row.prefix.ends_with(b"oat01-")
        || body.ends_with(b"AA");
    if !varied || !chance || !ends {
        return None;
    }
    let rest = if row.most == OPEN {
        run(bytes, end, usize::from(OPEN), |b| {
            belongs(b) && b != b'.' || is_token(b)
        })
    } else {
        end
    };
    // Base64's padding.
    Some(
        if matches!(row.alphabet, super::providers::Alphabet::Base64) {
            run(bytes, rest, 2, |b| b == b'=')
        } else {
            rest
        },
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
