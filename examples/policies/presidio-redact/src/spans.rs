//! From the analyzer's findings to spans that can be replaced: in bytes, in order, without
//! overlaps, outside of placeholders, and inside the strings of JSON.

use std::{cmp::Reverse, ops::Range};

use redaction::external::{Found, label, placeholders};

use crate::analyzer::Hit;

/// The kinds that pii-redact finds too, with the label that it has for them, and names that are too
/// long to be one. Source: <https://microsoft.github.io/presidio/supported_entities/>.
const LABELS: [(&str, &str); 12] = [
    ("CREDIT_CARD", "CARD"),
    ("DATE_TIME", "DATE"),
    ("DE_TAX_ID", "DE_TAX"),
    ("EMAIL_ADDRESS", "EMAIL"),
    ("ES_NIE", "ES_DNI"),
    ("ES_NIF", "ES_DNI"),
    ("IBAN_CODE", "IBAN"),
    ("IP_ADDRESS", "IP"),
    ("IT_FISCAL_CODE", "IT_CF"),
    ("ORGANIZATION", "ORG"),
    ("PHONE_NUMBER", "PHONE"),
    ("US_SSN", "SSN"),
];

/// The spans of `text` that hide all of its `hits`, which are within it. `json` says that it is
/// JSON source. Of those that overlap the longest gives its name to all.
pub(crate) fn found(text: &str, json: bool, hits: &[Hit]) -> Vec<Found> {
    let offsets = Offsets::of(text);
    let json = json || text.trim_start().starts_with(['{', '[']);
    let mut pieces: Vec<(Range<usize>, &str)> = Vec::new();
    for hit in hits {
        let range = offsets.byte(hit.start)..offsets.byte(hit.end);
        for range in outside_placeholders(text, range) {
            let strings = match json {
                true => inside_strings(text, range),
                false => vec![trimmed(text, range, char::is_whitespace)],
            };
            let worth = |range: &Range<usize>| {
                text.get(range.clone())
                    .is_some_and(|piece| piece.contains(char::is_alphanumeric))
            };
            let strings = strings.into_iter().filter(worth);
            pieces.extend(strings.map(|range| (range, hit.entity_type.as_str())));
        }
    }
    pieces.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
    let mut merged: Vec<Merged<'_>> = Vec::with_capacity(pieces.len());
    for (range, name) in pieces {
        match merged.last_mut() {
            Some(last) if range.start < last.range.end => last.take_in(range, name),
            _ => merged.push(Merged {
                longest: range.len(),
                range,
                name,
            }),
        }
    }
    merged.into_iter().map(Merged::into_found).collect()
}

/// Findings that overlap.
struct Merged<'h> {
    range: Range<usize>,
    name: &'h str,
    /// Bytes of the longest, whose name it is.
    longest: usize,
}

impl<'h> Merged<'h> {
    fn take_in(&mut self, range: Range<usize>, name: &'h str) {
        if range.len() > self.longest {
            (self.longest, self.name) = (range.len(), name);
        }
        self.range.end = self.range.end.max(range.end);
    }

    fn into_found(self) -> Found {
        let known = LABELS.iter().find(|(name, _)| *name == self.name);
        Found {
            start: self.range.start,
            end: self.range.end,
            label: match known {
                Some((_, label)) => (*label).to_owned(),
                None => label(self.name).unwrap_or_else(|| "PII".to_owned()),
            },
        }
    }
}

/// The byte at which each code point begins; none where they are the same.
struct Offsets(Vec<usize>, usize);

impl Offsets {
    fn of(text: &str) -> Self {
        let starts = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().map(|(at, _)| at).collect(),
        };
        Self(starts, text.len())
    }

    fn byte(&self, code_point: usize) -> usize {
        match self.0.is_empty() {
            true => code_point.min(self.1),
            false => self.0.get(code_point).copied().unwrap_or(self.1),
        }
    }
}

/// The parts of a range that are in no placeholder: what stands there is hidden already.
fn outside_placeholders(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let (mut parts, mut start) = (Vec::new(), range.start);
    // One more byte on either side than a placeholder has: it may stand across an end.
    let from = text.floor_char_boundary(range.start.saturating_sub(24));
    let to = text.ceil_char_boundary((range.end + 24).min(text.len()));
    let near = text.get(from..to).unwrap_or_default();
    for taken in placeholders(near) {
        let (begins, ends) = (from + taken.start, from + taken.end);
        if begins >= range.end {
            break;
        }
        if begins > start {
            parts.push(start..begins);
        }
        start = start.max(ends);
    }
    if start < range.end {
        parts.push(start..range.end);
    }
    parts
}

/// The parts of a range of JSON source between its quotes: a finding that goes on over the end of a
/// string would break it.
fn inside_strings(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let structure =
        |c: char| c.is_whitespace() || matches!(c, '\\' | ',' | ':' | '{' | '}' | '[' | ']');
    let inside = text.get(range.clone()).unwrap_or_default();
    let mut start = range.start;
    let parts = inside.split('"').map(|part| {
        let range = start..start + part.len();
        start = range.end + 1;
        trimmed(text, range, structure)
    });
    parts.collect()
}

fn trimmed(text: &str, range: Range<usize>, trim: impl Fn(char) -> bool) -> Range<usize> {
    let part = text.get(range.clone()).unwrap_or_default();
    let end = range.start + part.trim_end_matches(&trim).len();
    let start = range.end - part.trim_start_matches(&trim).len();
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(text: &str, value: &str, entity_type: &str) -> Hit {
        let count = |text: &str| text.chars().count();
        let start = text.find(value).map_or(0, |at| count(&text[..at]));
        Hit {
            entity_type: entity_type.into(),
            start,
            end: start + count(value),
            score: 0.9,
        }
    }

    fn hidden(text: &str, json: bool, values: &[(&str, &str)]) -> Vec<(String, String)> {
        let hits: Vec<Hit> = values
            .iter()
            .map(|(value, name)| hit(text, value, name))
            .collect();
        found(text, json, &hits)
            .into_iter()
            .map(|found| (text[found.start..found.end].to_owned(), found.label))
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(text, label): &(&str, &str)| ((*text).to_owned(), (*label).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn offsets_count_code_points_wherever_text_is_no_ascii() {
        let text = "😀é日 Ana 🏳️‍🌈 lives in São Paulo";
        let found = hidden(text, false, &[("Ana", "PERSON"), ("São Paulo", "LOCATION")]);
        assert_eq!(
            found,
            pairs(&[("Ana", "PERSON"), ("São Paulo", "LOCATION")])
        );
    }

    #[test]
    fn of_findings_that_overlap_all_is_hidden_by_the_name_of_the_longest() {
        for (values, expected) in [
            (
                &[("Ana de Souza", "PERSON"), ("Souza", "LOCATION")][..],
                &[("Ana de Souza", "PERSON")][..],
            ),
            (
                &[("Souza Street 4", "LOCATION"), ("de Souza", "PERSON")],
                &[("de Souza Street 4", "LOCATION")],
            ),
            (&[("Ana", "PERSON"), ("Ana", "NRP")], &[("Ana", "PERSON")]),
            (
                &[("Ana ", "PERSON"), ("de Souza", "PERSON")],
                &[("Ana", "PERSON"), ("de Souza", "PERSON")],
            ),
        ] {
            assert_eq!(
                hidden("at Ana de Souza Street 4, x", false, values),
                pairs(expected)
            );
        }
    }

    #[test]
    fn placeholders_are_left_alone_and_what_stands_around_them_is_hidden() {
        let text = "I am Ana [[EMAIL_7f3a2c]] Souza of [[CARD]].";
        for (value, expected) in [
            ("EMAIL_7f3a2c", &[][..]),
            ("[[EMAIL_7f3a2c]]", &[]),
            (
                "Ana [[EMAIL_7f3a2c]] Souza",
                &[("Ana", "PERSON"), ("Souza", "PERSON")],
            ),
            ("7f3a2c]] Souza", &[("Souza", "PERSON")]),
            ("Ana [[EMAIL", &[("Ana", "PERSON")]),
            ("of [[CARD]].", &[("of", "PERSON")]),
        ] {
            assert_eq!(hidden(text, false, &[(value, "PERSON")]), pairs(expected));
        }
    }

    #[test]
    fn findings_never_go_over_the_ends_of_strings() {
        let text = r#"{"name": "Ana \"Nana\" Souza", "city": "Lisboa"}"#;
        let found = hidden(
            text,
            true,
            &[(r#"Ana \"Nana\" Souza", "city": "Lisboa"}"#, "PERSON")],
        );
        let expected = ["Ana", "Nana", "Souza", "city", "Lisboa"].map(|part| (part, "PERSON"));
        assert_eq!(found, pairs(&expected));
        assert_eq!(hidden(text, false, &[("Souza\",", "PERSON")]).len(), 1);
    }

    #[test]
    fn kinds_have_the_labels_of_pii_redact_and_else_their_own() {
        for (name, expected) in [
            ("EMAIL_ADDRESS", "EMAIL"),
            ("US_SSN", "SSN"),
            ("PERSON", "PERSON"),
            ("US_DRIVER_LICENSE", "US_DRIVER"),
            ("42", "PII"),
        ] {
            assert_eq!(
                hidden("x Ana", false, &[("Ana", name)]),
                pairs(&[("Ana", expected)])
            );
        }
    }
}
