//! Rows: the conditions under which an answer means something.

use dialect::failure::ErrorFacts;

use super::{Answer, Class, RequestFault, Scope, rules::TYPES, wait};

/// A row of an operator's own, which goes before the provider's. Conditions that are absent hold;
/// of the others all must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The status, of the head or of an error inside a reply.
    pub status: Option<u16>,
    /// The error's code or type; case does not matter.
    pub code: Option<String>,
    /// A part of the error's message; case does not matter.
    pub message: Option<String>,
    /// Presence of a `Retry-After` of any form in the head.
    pub retry_after: Option<bool>,
    /// The class of what meets them.
    pub class: Class,
}

/// A row of a provider's. Lists are of alternatives; an empty one holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    statuses: &'static [u16],
    /// Codes or types, without `Exception` behind them.
    codes: &'static [&'static str],
    /// Parts of messages in lower case, where nothing else tells.
    messages: &'static [&'static str],
    sign: Option<Sign>,
    meaning: Meaning,
}

/// The signs of a quota that is used up for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A day's quota, or one of 0.
    NoQuota,
    /// The same, of one model only.
    NoQuotaOfModel,
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
    /// The status that counts; `None` inside a reply whose error gives none to go by.
    pub(super) status: Option<u16>,
    error: Option<&'a ErrorFacts>,
    /// AWS names the error in the head.
    header_type: Option<&'a str>,
    /// The message in lower case.
    message: String,
    has_retry_after: bool,
}

impl Meaning {
    pub(super) const fn of(class: Class) -> Self {
        Self {
            class,
            scope: None,
            fault: None,
        }
    }
}

impl<'a> Seen<'a> {
    pub(super) fn of(answer: &Answer<'a>) -> Self {
        let header_type = answer.headers.get("x-amzn-errortype");
        let mut seen = Self {
            status: Some(answer.status).filter(|status| *status >= 400),
            error: answer.error,
            header_type: header_type.and_then(|value| value.to_str().ok()),
            message: (answer.error)
                .map_or_else(String::new, |error| error.message.to_ascii_lowercase()),
            has_retry_after: wait::in_head(answer.headers, 0).is_some(),
        };
        let stated = answer.error.and_then(|error| error.status);
        seen.status = seen.status.or(stated).or_else(|| seen.status_of_type());
        seen
    }

    fn status_of_type(&self) -> Option<u16> {
        let mut types = TYPES.iter();
        let row = types.find(|(_, names)| names.iter().any(|name| self.is_called(name)));
        row.map(|(status, _)| *status)
    }

    /// Reports whether the error's code or type is this one.
    fn is_called(&self, code: &str) -> bool {
        // `ThrottlingException:http://internal.amazon.com/…`
        let header = self.header_type.and_then(|name| name.split(':').next());
        let error = self.error;
        let names = [
            error.and_then(|error| error.code.as_deref()),
            error.and_then(|error| error.kind.as_deref()),
            header,
        ];
        (names.into_iter().flatten()).any(|name| bare(name).eq_ignore_ascii_case(bare(code)))
    }

    fn shows(&self, sign: Sign) -> bool {
        self.error.is_some_and(|error| {
            let no_quota = error.is_per_day() || error.limit_is_zero;
            no_quota && (sign == Sign::NoQuota || error.is_per_model())
        })
    }
}

/// A type without the word that AWS puts behind it.
fn bare(name: &str) -> &str {
    const EXCEPTION: &str = "exception";
    let at = name.len().saturating_sub(EXCEPTION.len());
    match name.get(at..) {
        Some(end) if at > 0 && end.eq_ignore_ascii_case(EXCEPTION) => {
            name.get(..at).unwrap_or(name)
        }
        _ => name,
    }
}

impl Row {
    /// A row without conditions, for those of another to be written over it.
    pub const fn of(class: Class) -> Self {
        Self {
            status: None,
            code: None,
            message: None,
            retry_after: None,
            class,
        }
    }

    pub(super) fn matches(&self, seen: &Seen<'_>) -> Option<Meaning> {
        let is_part = |part: &String| seen.message.contains(&part.to_ascii_lowercase());
        let meets = self.status.is_none_or(|status| seen.status == Some(status))
            && self.code.as_ref().is_none_or(|code| seen.is_called(code))
            && self.message.as_ref().is_none_or(is_part)
            && (self.retry_after).is_none_or(|has| seen.has_retry_after == has);
        meets.then_some(Meaning::of(self.class))
    }
}

impl Known {
    pub(super) const fn is(class: Class) -> Self {
        Self {
            statuses: &[],
            codes: &[],
            messages: &[],
            sign: None,
            meaning: Meaning::of(class),
        }
    }

    pub(super) const fn request(fault: RequestFault) -> Self {
        let mut row = Self::is(Class::Request);
        row.meaning.fault = Some(fault);
        row
    }

    pub(super) const fn of(mut self, scope: Scope) -> Self {
        self.meaning.scope = Some(scope);
        self
    }

    pub(super) const fn status(mut self, statuses: &'static [u16]) -> Self {
        self.statuses = statuses;
        self
    }

    pub(super) const fn code(mut self, codes: &'static [&'static str]) -> Self {
        self.codes = codes;
        self
    }

    pub(super) const fn message(mut self, messages: &'static [&'static str]) -> Self {
        self.messages = messages;
        self
    }

    pub(super) const fn sign(mut self, sign: Sign) -> Self {
        self.sign = Some(sign);
        self
    }

    pub(super) fn matches(&self, seen: &Seen<'_>) -> Option<Meaning> {
        let status = match seen.status {
            // what says nothing but its code says that
            None => self.statuses.is_empty() || !self.codes.is_empty(),
            Some(status) => self.statuses.is_empty() || self.statuses.contains(&status),
        };
        let meets = status
            && (self.codes.is_empty() || self.codes.iter().any(|code| seen.is_called(code)))
            && (self.messages.is_empty()
                || self.messages.iter().any(|part| seen.message.contains(part)))
            && self.sign.is_none_or(|sign| seen.shows(sign));
        meets.then_some(self.meaning)
    }

    /// The parts of messages, for the test of the tables.
    #[cfg(test)]
    pub(super) const fn messages(&self) -> &'static [&'static str] {
        self.messages
    }
}
