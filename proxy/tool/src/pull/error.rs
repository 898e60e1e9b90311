//! Reasons why policies could not be pulled: sentences for the operator. No credential and no URL's
//! query is in one.

use std::{fmt, io, path::PathBuf, time::Duration};

use outrigger::{
    signing::{Digest, Refused, hex},
    upstream::cause,
};

/// The reason why a round failed.
#[derive(Debug)]
pub enum Error {
    /// The given text is no reference.
    Reference(String),
    /// The registry can't be reached, or broke off.
    Unreachable {
        /// The registry's host.
        host: String,
        /// The kind of failure.
        why: &'static str,
    },
    /// The registry answered with an error.
    Status {
        /// The manifest or blob that was requested.
        what: String,
        /// The status.
        status: u16,
    },
    /// The registry requires credentials, or refuses those that were sent.
    Unauthorized {
        /// Its host.
        host: String,
        /// True if credentials were sent.
        known: bool,
    },
    /// The authentication scheme is not supported.
    Challenge(String),
    /// The registry redirects too often, or to where nobody goes.
    Redirect(&'static str),
    /// Other bytes came than the digest says.
    Digest {
        /// The bytes' name.
        what: String,
        /// The digest that they must have.
        wanted: Digest,
        /// The digest that they have.
        found: Digest,
    },
    /// More came than may.
    TooLarge {
        /// Its name.
        what: String,
        /// Bytes that it may have.
        most: u64,
    },
    /// Less came than the manifest says.
    TooShort {
        /// Its name.
        what: String,
    },
    /// The manifest is none for policies.
    Manifest(String),
    /// A policy's signature does not hold.
    Signature {
        /// The policy.
        policy: String,
        /// The reason.
        why: Box<Refused>,
    },
    /// The round took too long.
    TooSlow(Duration),
    /// A file or directory can't be read or written.
    Disk {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// TLS or credentials could not be set up.
    Setup(String),
}

impl Error {
    pub(super) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { path, source }
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(why) | Self::Setup(why) => f.write_str(why),
            Self::Unreachable { host, why } => write!(f, "{host} can't be asked: {why}"),
            Self::Status { what, status: 404 } => {
                write!(
                    f,
                    "the registry has no {what}; check name and tag, or push it"
                )
            }
            Self::Status { what, status: 429 } => write!(
                f,
                "the registry wants fewer questions (429 for {what}); raise `--every`"
            ),
            Self::Status { what, status } => {
                write!(f, "the registry answers {status} for {what}")
            }
            Self::Unauthorized { host, known: false } => write!(
                f,
                "{host} wants to know who asks; set OUTRIGGER_REGISTRY_USER and OUTRIGGER_REGISTRY_PASSWORD, or give `--auth-file` a docker config.json that names it"
            ),
            Self::Unauthorized { host, known: true } => write!(
                f,
                "{host} refuses these credentials; check that they may pull from this repository"
            ),
            Self::Challenge(why) => write!(f, "the registry asks who asks in a way that {why}"),
            Self::Redirect(why) => write!(f, "the registry sends elsewhere, and {why}"),
            Self::Digest {
                what,
                wanted,
                found,
            } => write!(
                f,
                "{what} has sha256 {} and must have {}: it was changed on its way or in the registry; nothing of it is used",
                hex(found),
                hex(wanted)
            ),
            Self::TooLarge { what, most } => {
                write!(f, "{what} is larger than the {most} bytes that it may have")
            }
            Self::TooShort { what } => write!(f, "{what} is shorter than the manifest says"),
            Self::Manifest(why) => write!(f, "the artifact is none for policies: {why}"),
            Self::Signature { policy, why } => write!(f, "policy `{policy}`: {why}"),
            Self::TooSlow(limit) => write!(f, "it took longer than {} s", limit.as_secs()),
            Self::Disk { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Signature { why, .. } => Some(&**why),
            Self::Disk { source, .. } => Some(source),
            _ => None,
        }
    }
}
