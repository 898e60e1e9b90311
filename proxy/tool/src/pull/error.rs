//! Reasons why policies could not be pulled: sentences for the operator. No credential and no URL's
//! query is in one.

use std::{io, path::PathBuf, time::Duration};

use outrigger::{
    signing::{Digest, Refused, hex},
    upstream::cause,
};

/// The reason why a round failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The given text is no reference.
    #[error("{0}")]
    Reference(String),
    /// The registry can't be reached, or broke off.
    #[error("{host} can't be reached: {why}")]
    Unreachable {
        /// The registry's host.
        host: String,
        /// The kind of failure.
        why: &'static str,
    },
    /// The registry has no such manifest or blob.
    #[error("the registry has no {what}; check name and tag, or push it")]
    Missing {
        /// The manifest or blob that was requested.
        what: String,
    },
    /// The registry limits the rate of requests.
    #[error("the registry wants fewer questions (429 for {what}); raise `--every`")]
    Throttled {
        /// The manifest or blob that was requested.
        what: String,
    },
    /// The registry answered with another error.
    #[error("the registry answers {status} for {what}")]
    Status {
        /// The manifest or blob that was requested.
        what: String,
        /// The status.
        status: u16,
    },
    /// The registry requires credentials.
    #[error(
        "{host} wants to know who asks; set OUTRIGGER_REGISTRY_USER and OUTRIGGER_REGISTRY_PASSWORD, or give `--auth-file` a docker config.json that names it"
    )]
    Anonymous {
        /// Its host.
        host: String,
    },
    /// The registry refuses the credentials that were sent.
    #[error("{host} refuses these credentials; check that they may pull from this repository")]
    Unauthorized {
        /// Its host.
        host: String,
    },
    /// The authentication scheme is not supported.
    #[error("the registry asks who asks in a way that {0}")]
    Challenge(&'static str),
    /// The registry redirects too often, or to where nobody goes.
    #[error("the registry sends elsewhere, and {0}")]
    Redirect(&'static str),
    /// Other bytes came than the digest says.
    #[error(
        "{what} has sha256 {} and must have {}: it was changed on its way or in the registry; nothing of it is used",
        hex(.found),
        hex(.wanted)
    )]
    Digest {
        /// The bytes' name.
        what: String,
        /// The digest that they must have.
        wanted: Digest,
        /// The digest that they have.
        found: Digest,
    },
    /// More came than may.
    #[error("{what} is larger than the {most} bytes that it may have")]
    TooLarge {
        /// Its name.
        what: String,
        /// Bytes that it may have.
        most: u64,
    },
    /// Less came than the manifest says.
    #[error("{what} is shorter than the manifest says")]
    TooShort {
        /// Its name.
        what: String,
    },
    /// The manifest is none for policies.
    #[error("the artifact is none for policies: {0}")]
    Manifest(String),
    /// A policy's signature does not hold.
    #[error("policy `{policy}`: {why}")]
    Signature {
        /// The policy.
        policy: String,
        /// The reason.
        #[source]
        why: Box<Refused>,
    },
    /// The round took too long.
    #[error("it took longer than {} s", .0.as_secs())]
    TooSlow(Duration),
    /// A file or directory can't be read or written.
    #[error("{}: {source}", .path.display())]
    Disk {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// TLS or credentials could not be set up.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    pub(super) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { path, source }
    }

    /// The error for credentials that are missing, or that were sent and refused.
    pub(super) fn unauthorized(host: String, sent: bool) -> Self {
        match sent {
            true => Self::Unauthorized { host },
            false => Self::Anonymous { host },
        }
    }

    /// The error for a status other than success.
    pub(super) fn status(what: String, status: u16) -> Self {
        match status {
            404 => Self::Missing { what },
            429 => Self::Throttled { what },
            _ => Self::Status { what, status },
        }
    }

    pub(super) fn of(host: &str, error: &reqwest::Error) -> Self {
        let why = match () {
            () if error.is_timeout() => "it is silent for too long",
            () if let Some(tls) = cause::<rustls::Error>(error) => match tls {
                rustls::Error::InvalidCertificate(_) => {
                    "its certificate is not to be trusted; give its authority's with `--roots`"
                }
                _ => "TLS with it fails; where it has none, name it with `--plain-http`",
            },
            () if error.is_connect() => "there is no connection",
            () if error.is_body() || error.is_decode() => "the answer broke off",
            () => "it gives no valid answer",
        };
        Self::Unreachable {
            host: host.to_owned(),
            why,
        }
    }
}
