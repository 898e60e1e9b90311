//! Errors of providers, in any spelling: the facts that say whose fault a failure is and for how
//! long it lasts.
//!
//! Every provider and server spells errors in its own way, and those between an app and a provider
//! add theirs, so nothing here asks for the dialect: an error is read wherever one of the forms in
//! use has it. Reading is bounded, stops where the document is malformed, and keeps what it found
//! up to there. What the facts mean is decided elsewhere.

mod read;
#[cfg(test)]
mod tests;
mod time;
mod words;

use std::{fmt, time::Duration};

use crate::{
    reply::is_events,
    sse::{Event, Frames},
};
use read::Reader;
pub use time::{duration_of, timestamp_of};

/// Bytes of a message that are kept.
pub const MESSAGE: usize = 512;
/// A larger body is no error's.
const LARGEST: usize = 256 << 10;

/// The facts of one error.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ErrorFacts {
    /// The code, as the provider spells it: `insufficient_quota`, `context_length_exceeded`,
    /// `1113`; of Anthropic's errors `details.error_code`, of Google's the reason in its
    /// `ErrorInfo`. A number that is a status is none.
    pub code: Option<String>,
    /// The type or the status' name: `rate_limit_error`, `RESOURCE_EXHAUSTED`,
    /// `ThrottlingException`.
    pub kind: Option<String>,
    /// The beginning of the message, [`MESSAGE`] bytes at most. It may quote a prompt: it is
    /// matched, and neither logged nor shown.
    pub message: String,
    /// The HTTP status that the error itself states, for those inside a reply of status 200.
    pub status: Option<u16>,
    /// The wait that a member of its own gives: Google's `RetryInfo`, `resets_in_seconds`, …
    pub retry_after: Option<Duration>,
    /// The wait that the message gives in words, such as `try again in 1m3s`; worth something only
    /// where the provider documents it.
    pub retry_after_in_message: Option<Duration>,
    /// The end that the error gives as a time, since the Unix epoch.
    pub resets_at: Option<Duration>,
    /// The names of the quotas that were used up, as Google gives them; eight at most.
    pub quota_ids: Vec<String>,
    /// True if a quota that was used up is `limit: 0`: there never was any.
    pub limit_is_zero: bool,
}

impl ErrorFacts {
    /// Reports whether a quota of a whole day was used up.
    pub fn is_per_day(&self) -> bool {
        self.quota_ids.iter().any(|id| id.contains("PerDay"))
    }

    /// Reports whether all quotas that were used up are one model's.
    pub fn is_per_model(&self) -> bool {
        let mut ids = self.quota_ids.iter();
        !self.quota_ids.is_empty() && ids.all(|id| id.contains("PerModel"))
    }
}

impl fmt::Debug for ErrorFacts {
    /// Shows no message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorFacts")
            .field("code", &self.code)
            .field("kind", &self.kind)
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

/// Reads the body of an error, or the data of an event that is one. Of a stream of events the first
/// with a fact counts; a text that is no JSON is a message. `None` where there is no fact: it is
/// empty, a page of HTML, or a document without an error.
pub fn read(body: &[u8]) -> Option<ErrorFacts> {
    let body = body.get(..LARGEST).unwrap_or(body);
    if !is_events(body) {
        return Reader::new(body).read();
    }
    let mut frames = Frames::new(LARGEST);
    frames.push(body);
    frames.finish();
    while let Ok(Some(event)) = frames.next() {
        if let Some(facts) = read_event(&event, frames.bytes()) {
            return Some(facts);
        }
    }
    None
}

/// Reads an event; `bytes` are those of its frames.
pub(crate) fn read_event(event: &Event, bytes: &[u8]) -> Option<ErrorFacts> {
    if event.data_lines == 0 {
        return None;
    }
    let (doc, at) = event.document(bytes);
    Reader::new(doc.get(at..).unwrap_or_default()).read()
}
