//! Failures to get a credential. They hold no part of a token or a key, and of an answer its status
//! and its error's code alone: token endpoints repeat what they were sent.

use std::{path::PathBuf, time::Duration};

/// Reason for which there is no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no credential from `{identity}`: {step}: {cause}")]
pub struct IdentityFailure {
    /// The source, as configuration names it, with what it chose among its own: `aws/instance`.
    pub identity: &'static str,
    /// The step that failed.
    pub step: &'static str,
    /// The reason.
    pub cause: Cause,
}

/// Reason for which a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// A file can't be read.
    #[error("{} can't be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file or an answer is not as it is documented.
    #[error("it has no valid {what}")]
    Malformed {
        /// The part that is missing or wrong.
        what: &'static str,
    },
    /// No connection.
    #[error("no connection to {host}")]
    Connect {
        /// Host and port.
        host: String,
    },
    /// The answer broke off.
    #[error("the answer of {host} broke off")]
    Broken {
        /// Host and port.
        host: String,
    },
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer is an error.
    #[error("status {status}{}", code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Status {
        /// Its status.
        status: u16,
        /// The code in it, where it looks like one.
        code: Option<String>,
    },
    /// The answer, or a file, is larger than any that is meant.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// Most bytes that are read.
        limit: usize,
    },
    /// The credential that came has ended already; a clock may be wrong.
    #[error("what came has expired")]
    Expired,
    /// The client could not be set up, or an URL is none.
    #[error("the request could not be made")]
    Setup,
    /// The attempt to get one was given up, with the worker that made it.
    #[error("it was given up")]
    Abandoned,
}
