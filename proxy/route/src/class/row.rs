//! Rows: the conditions under which an answer means something.

use dialect::failure::ErrorFacts;

use super::{Answer, Class, RequestFault, Scope};

/// A row of an operator's own, which goes before the provider's. Conditions that are absent hold;
/// all others must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The status, of the head or of an error inside a reply.
    pub status: Option<u16>,
    /// The error's code or type; case does not matter.
    pub code: Option<String>,
    /// A part of the error's message; case does not matter.
    pub message: Option<String>,
    /// Presence of an end that the provider gives in a header.
    pub retry_after: Option<bool>,
    /// The class of what meets them.
    pub class: Class,
}

/// The meaning of an answer. An absent scope is the class's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning {
    pub(super) class: Class,
    pub(super) scope: Option<Scope>,
    pub(super) fault: Option<RequestFault>,
}

/// The facts of an answer that rows ask about.
pub(super) struct Seen<'a> {
    /// The status that counts; `None` inside a reply whose error states none.
    pub(super) status: Option<u16>,
    error: Option<&'a ErrorFacts>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(answer: &Answer<'a>) -> Self {
        let head = Some(answer.status).filter(|status| *status >= 400);
        Self {
            status: head.or(answer.error.and_then(|error| error.status)),
            error: answer.error,
        }
    }
}

impl Row {
    pub(super) fn matches(&self, seen: &Seen<'_>) -> Option<Meaning> {
        let _ = (seen.status, seen.error);
        None
    }
}
