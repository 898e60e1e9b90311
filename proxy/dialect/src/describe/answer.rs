//! The parts that replies of every dialect share: errors, and counts.

use super::shape::{Rule, json, list, shape, text};
use crate::Place::Other;

/// An error: an object, or its message alone. Providers quote the request in it.
pub(crate) static ERROR: Rule = Rule::OneOf(&[
    Rule::Object(&ERROR_BODY),
    list(&Rule::Object(&ERROR_BODY)),
    text(Other),
]);
shape! {
    ERROR_BODY, Other, [];
    "message" => text(Other), "type" => Rule::Word, "code" => Rule::OneOf(&[Rule::Word, Rule::Plain]), "status" => Rule::OneOf(&[Rule::Word, Rule::Plain]),
    "param" => Rule::Word, "metadata" => json(Other), "details" => json(Other), "error" => Rule::Same(&ERROR),
}

/// Counts, grades and words, however they are nested: `usage`, `safetyRatings`.
pub(crate) static COUNTS: Rule =
    Rule::OneOf(&[Rule::Plain, Rule::Word, Rule::Map(&COUNTS), list(&COUNTS)]);
