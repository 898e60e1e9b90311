//! What can be wrong with the pod's CA: what, where, and the way out.

use std::{fmt, io, path::PathBuf};

/// Why there is no CA, or why it stays as it is.
#[derive(Debug)]
pub enum CaError {
    /// No host is configured: a CA without name constraints is never made.
    NoHosts,
    /// A configured host is no host's name.
    Host {
        /// As it was written.
        host: String,
    },
    /// Key and certificates are to lie in the same directory, which apps mount.
    OneDirectory {
        /// That directory.
        path: PathBuf,
    },
    /// A file or directory can't be used.
    File {
        /// Which.
        path: PathBuf,
        /// What was tried: `read`, `write`, `make` …
        tried: &'static str,
        /// Whose it is, where it is another user's: its owner's uid and this process's.
        owner: Option<(u32, u32)>,
        /// Why.
        source: io::Error,
    },
    /// The key's file holds no key that the CA could have written.
    Key {
        /// The key's file.
        path: PathBuf,
        /// The CA's certificates.
        certificates: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// There are certificates, and their key is gone.
    KeyGone {
        /// Where the key was.
        path: PathBuf,
        /// The CA's certificates.
        certificates: PathBuf,
    },
    /// The certificates are of another key.
    OtherKey {
        /// The key's file.
        path: PathBuf,
        /// The CA's certificates.
        certificates: PathBuf,
    },
    /// Another process has been at work on the same key for long.
    Busy {
        /// The key's directory.
        path: PathBuf,
    },
    /// The public roots can't be had.
    Roots {
        /// Their file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate could not be made.
    Make(rcgen::Error),
    /// The system gives no random bytes.
    Chance,
}

impl fmt::Display for CaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHosts => f.write_str(
                "no host to make the pod's CA for; configure an upstream with an https URL, or name hosts with --host",
            ),
            Self::Host { host } => write!(
                f,
                "`{host}` is no host that the pod's CA could be made for; write a DNS name like `api.openai.com`, \
                 without a port and no address or wildcard, and names in other scripts in their `xn--` form"
            ),
            Self::OneDirectory { path } => write!(
                f,
                "{} can't hold both the CA's key and the certificates, as apps mount the latter; give `ca.directory` and `ca.bundle` a directory each",
                path.display()
            ),
            Self::File {
                path,
                tried,
                owner,
                source,
            } => {
                write!(f, "can't {tried} {}: {}", path.display(), words(source))?;
                if let Some((owner, own)) = owner {
                    write!(f, "; it belongs to uid {owner} and this process is uid {own}")?;
                }
                f.write_str(
                    "; the pod's CA needs `ca.directory` (in a pod the volume `outrigger-ca-key`) and `ca.bundle` (`outrigger-ca`) mounted writable, for its uid",
                )
            }
            Self::Key {
                path,
                certificates,
                why,
            } => write!(
                f,
                "{} {why}; it is not replaced, as running apps trust the key that was there: put that back, or delete it and {} and restart \
                 the pod, so that its apps load a new CA",
                path.display(),
                certificates.display()
            ),
            Self::KeyGone { path, certificates } => write!(
                f,
                "{} is there, but its key {} is not; a new key would break the apps that loaded it: keep `ca.directory` on a volume that \
                 outlives the container, and put the key back, or delete {} and restart the pod, so that its apps load a new CA",
                certificates.display(),
                path.display(),
                certificates.display()
            ),
            Self::OtherKey { path, certificates } => write!(
                f,
                "{} was made with another key than {}; give each pod directories of its own, or, if no app uses it, delete {}",
                certificates.display(),
                path.display(),
                certificates.display()
            ),
            Self::Busy { path } => write!(
                f,
                "another process holds the lock on {} for more than ten seconds; end it, or give this one another `ca.directory`",
                path.display()
            ),
            Self::Roots { path, why } => write!(
                f,
                "the public roots' file {} {why}; name a PEM file with certificates in `ca.roots`, or leave that out for the system's or the built-in ones",
                path.display()
            ),
            Self::Make(_) => f.write_str("a certificate can't be made; this is a mistake in Outrigger, please report it"),
            Self::Chance => f.write_str("the system gives no random bytes; the pod's CA can't be made without"),
        }
    }
}

impl std::error::Error for CaError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Make(source) => Some(source),
            _ => None,
        }
    }
}

impl From<rcgen::Error> for CaError {
    fn from(error: rcgen::Error) -> Self {
        Self::Make(error)
    }
}

/// The reason alone, without `(os error 13)`.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".into(),
        io::ErrorKind::PermissionDenied => "permission is denied".into(),
        io::ErrorKind::NotADirectory => "it is not a directory".into(),
        io::ErrorKind::IsADirectory => "it is a directory".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        io::ErrorKind::StorageFull => "no space is left".into(),
        _ => error.to_string(),
    }
}
