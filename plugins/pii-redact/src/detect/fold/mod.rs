//! Sees through what hides data from a reader of bytes: characters in other dress, escapes, blanks
//! and line breaks inside of a number, signs that are spelt out.
//!
//! The scan leaves a note of each place that may be so written ([`is_noted`], [`is_oddly_spaced`]).
//! The text around it is folded to its plain reading, each byte of which knows where it came from;
//! that is scanned like any other, and what is found there and reads otherwise than it is written
//! is a finding over the original bytes. A text without such a place pays for the notes alone.

mod breaks;
mod character;
mod escape;
mod lookalike;
mod spacing;
mod spelt;
mod view;
mod words;

use super::context::{Topic, topic};
use super::text::{before, byte, is_digit};
use super::{Kind, Kinds, Span, raw};

pub(super) use character::may_fold;
pub(super) use lookalike::{in_address, length as lookalike};
pub(super) use spacing::is_oddly_spaced;
use view::View;
pub(super) use words::note_words;

/// Bytes on either side of a noted place that are folded with it: the words before a number, and
/// the rest of a number.
const AROUND: usize = 72;

/// True if something at `at`, where a byte stands that may begin it, reads otherwise than it is
/// written.
pub(super) fn is_noted(bytes: &[u8], at: usize) -> bool {
    match byte(bytes, at) {
        b'&' | b'%' | b'\\' => escape::read(bytes, at).is_some(),
        // Brackets are common: one look tells most that open no `(at)`.
        b'(' | b'[' => {
            let inside = match byte(bytes, at + 1) {
                b' ' => byte(bytes, at + 2),
                inside => inside,
            };
            if !matches!(inside | 0x20, b'a' | b'd' | b'p' | b'`' | b'.') {
                return false;
            }
            let blank = usize::from(before(bytes, at, 1) == b' ');
            spelt::read(bytes, at - blank).is_some()
        }
        lead if may_fold(lead) => {
            let rest = bytes.get(at..(at + 4).min(bytes.len())).unwrap_or_default();
            let c = rest
                .utf8_chunks()
                .next()
                .and_then(|chunk| chunk.valid().chars().next());
            c.is_some_and(|c| {
                let plain = character::plain(c);
                plain.is_some_and(|plain| matters(bytes, at, at + c.len_utf8(), plain))
            })
        }
        _ => false,
    }
}

/// True if a character from `at` to `end`, whose plain reading is known, can be a part of something:
/// quotation marks, dashes, blanks and the punctuation of a script that is written in full width
/// are as common in prose as they are harmless. Letters and digits in another dress are not.
fn matters(bytes: &[u8], at: usize, end: usize, plain: character::Plain) -> bool {
    let (left, right) = (before(bytes, at, 1), byte(bytes, end));
    match plain {
        // Not among those that emoji are made of.
        character::Plain::Nothing => {
            let latin = matches!(before(bytes, at, 2), 0xc3..=0xc9);
            (b' '..0x7f).contains(&left) || left >= 0x80 && latin
        }
        character::Plain::As(c) if c.is_ascii_alphanumeric() => true,
        // Between the groups of a number, the last of which may be a letter, or before one.
        character::Plain::As(' ' | '-') => {
            let opens = is_digit(right) || right == b'(' || right.is_ascii_uppercase();
            opens && (left.is_ascii_digit() || left == b')')
                || is_digit(right) && left.is_ascii_uppercase()
                || right >= 0x80 && left.is_ascii_digit()
        }
        character::Plain::As('+' | '(') => is_digit(right),
        character::Plain::As(')') => is_digit(left),
        character::Plain::As('@' | '.' | '_' | '/' | ':' | '=' | '#') => {
            left.is_ascii_graphic() && (right.is_ascii_graphic() || right == b' ')
        }
        character::Plain::As(_) => false,
    }
}

/// Adds the findings around the noted places, whose order does not matter, to those of the text as
/// it is written.
pub(super) fn scan(
    text: &str,
    noted: &mut [usize],
    kinds: Kinds,
    spans: &mut Vec<Span>,
    first: usize,
) {
    noted.sort_unstable();
    let mut found = Vec::new();
    let mut view = View::default();
    let mut rest = &*noted;
    while let Some((&from, _)) = rest.split_first() {
        // Places that are near each other are folded together.
        let mut last = from;
        let near = rest.iter().take_while(|&&place| {
            let near = place <= last + 2 * AROUND;
            last = if near { place } else { last };
            near
        });
        rest = rest.get(near.count()..).unwrap_or_default();
        let start = text.floor_char_boundary(from.saturating_sub(AROUND));
        let end = text.ceil_char_boundary((last + AROUND).min(text.len()));
        // A break inside of a number parts two groups of it, or one.
        for joined in [false, true] {
            view.fold(text, start, end, joined);
            scan_view(text, &view, kinds, &mut found);
            if !view.is_broken() {
                break;
            }
        }
    }
    if !found.is_empty() {
        merge(spans, first, found);
    }
}

/// Adds the findings in a view that read otherwise than they are written.
fn scan_view(text: &str, view: &View, kinds: Kinds, found: &mut Vec<Span>) {
    let mut inside = Vec::new();
    raw(&view.text, kinds, &mut inside, None);
    for span in inside {
        let (Some(original), Some(plain)) = (
            view.original(span.start, span.end),
            view.text.get(span.start..span.end),
        ) else {
            continue;
        };
        if text.get(original.clone()) == Some(plain) {
            continue;
        }
        if view.is_loose(span.start, span.end) && !is_sure(&view.text, span) {
            continue;
        }
        found.push(Span {
            start: original.start,
            end: original.end,
            kind: span.kind,
        });
    }
}

/// True if a finding stands whatever blanks it was written with: by its check digits, a `+`, or the
/// words before it.
fn is_sure(text: &str, span: Span) -> bool {
    let bytes = text.as_bytes();
    match span.kind {
        Kind::Phone => {
            byte(bytes, span.start) == b'+' || topic(bytes, span.start) == Some(Topic::Phone)
        }
        Kind::Ssn => topic(bytes, span.start) == Some(Topic::Ssn),
        // Check digits are right by chance as well: a row of a table is no card.
        Kind::Card | Kind::Cpf | Kind::Cnpj | Kind::DeTax | Kind::PtNif | Kind::FrNir => {
            let outside = |at: usize, step: fn(usize) -> Option<usize>| {
                let mut at = Some(at);
                while at.is_some_and(|i| byte(bytes, i) == b' ') {
                    at = at.and_then(step);
                }
                at.is_some_and(|i| is_digit(byte(bytes, i)))
            };
            let left = span.start.checked_sub(1);
            !left.is_some_and(|left| outside(left, |i| i.checked_sub(1)))
                && !outside(span.end, |i| i.checked_add(1))
        }
        Kind::Ip | Kind::Secret => false,
        _ => true,
    }
}

/// Puts the findings of views among the others: of two that overlap, one remains, over both.
fn merge(spans: &mut Vec<Span>, first: usize, mut found: Vec<Span>) {
    found.extend(spans.drain(first..));
    found.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    for span in found {
        let Some(last) = spans.get_mut(first..).and_then(<[Span]>::last_mut) else {
            spans.push(span);
            continue;
        };
        if span.start >= last.end {
            spans.push(span);
            continue;
        }
        let (longer, end) = (
            span.end - span.start > last.end - last.start,
            span.end.max(last.end),
        );
        let surer = span.kind.rank() > last.kind.rank();
        if surer || longer && span.kind.rank() == last.kind.rank() {
            last.kind = span.kind;
        }
        last.end = end;
    }
}
