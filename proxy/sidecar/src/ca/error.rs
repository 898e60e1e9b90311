//! Errors of the pod's CA: each says what is wrong, where, and how to fix it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::config::io_words;

/// Reasons for which there is no CA, or for which it stays unchanged.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// No host is configured: a CA without name constraints is never made.
    #[error(
        "no host to make the pod's CA for; configure an upstream with an https URL, or name hosts with --host"
    )]
    NoHosts,
    /// A configured host is not a host name.
    #[error(
        "`{host}` is no host that the pod's CA could be made for; write a DNS name like `api.openai.com`, \
        without a port and no address or wildcard, and names in other scripts in their `xn--` form"
    )]
    Host {
        /// The host as it was written.
        host: String,
    },
    /// Key and certificates are configured to be in the same directory, which apps mount.
    #[error(
        "{path} can't hold both the CA's key and the certificates, as apps mount the latter; give `ca.directory` and `ca.bundle` a directory each"
    )]
    OneDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A file or directory can't be used.
    #[error(fmt = file)]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The operation: `read`, `write`, `make` …
        tried: &'static str,
        /// The owner's uid and this process's, where another user owns the file.
        owner: Option<(u32, u32)>,
        /// The cause.
        source: io::Error,
    },
    /// The key's file holds no key that the CA could have written.
    #[error(
        "{path} {why}; it is not replaced, as running apps trust the key that was there: put that back, or delete {certificates} and restart \
        the pod, so that its apps load a new CA"
    )]
    Key {
        /// The key's file.
        path: PathBuf,
        /// The CA's certificates.
        certificates: PathBuf,
        /// The content found instead.
        why: &'static str,
    },
    /// There are certificates, and their key is gone.
    #[error(
        "{certificates} is there, but its key {path} is not; a new key would break the apps that loaded it: keep `ca.directory` on a volume that \
        outlives the container, and put the key back, or delete {certificates} and restart the pod, so that its apps load a new CA"
    )]
    KeyGone {
        /// The path of the missing key.
        path: PathBuf,
        /// The CA's certificates.
        certificates: PathBuf,
    },
    /// The certificates were made with another key.
    #[error(
        "{certificates} was made with another key than {path}; give each pod directories of its own, or, if no app uses it, delete {certificates}"
    )]
    OtherKey {
        /// The key's file.
        path: PathBuf,
        /// The CA's certificates.
        certificates: PathBuf,
    },
    /// Another process has locked the key's directory for more than ten seconds.
    #[error(
        "another process holds the lock on {path} for more than ten seconds; end it, or give this one another `ca.directory`"
    )]
    Busy {
        /// The key's directory.
        path: PathBuf,
    },
    /// The public roots can't be read.
    #[error(
        "the public roots' file {path} {why}; name a PEM file with certificates in `ca.roots`, or leave that out for the system's or the built-in ones"
    )]
    Roots {
        /// The file of the roots.
        path: PathBuf,
        /// The error in it.
        why: String,
    },
    /// A certificate could not be made.
    #[error("a certificate can't be made; this is a mistake in Outrigger, please report it")]
    Make(#[from] rcgen::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes; the pod's CA can't be made without")]
    Chance,
}

fn file(
    path: &Path,
    tried: &str,
    owner: &Option<(u32, u32)>,
    source: &io::Error,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "can't {tried} {}: {}", path.display(), io_words(source))?;
    if let Some((owner, own)) = owner {
        write!(
            f,
            "; it belongs to uid {owner} and this process is uid {own}"
        )?;
    }
    f.write_str(
        "; the pod's CA needs `ca.directory` (in a pod the volume `outrigger-ca-key`) and `ca.bundle` (`outrigger-ca`) mounted writable, for its uid",
    )
}
