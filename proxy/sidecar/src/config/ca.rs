//! `ca:`: where the pod's CA is kept.

use std::path::PathBuf;

/// The pod's CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    /// Directory of the CA's key, which only the sidecar mounts. Default `/var/lib/outrigger/ca`.
    pub directory: PathBuf,
    /// Directory from which apps read `ca.pem`, `bundle.pem` and `bundle.p12`. Default
    /// `/var/run/outrigger/ca`.
    pub bundle: PathBuf,
    /// PEM file of the public roots in the bundle. None: the system's, or the built-in ones where
    /// there is none.
    pub roots: Option<PathBuf>,
}

impl Default for Ca {
    fn default() -> Self {
        Self {
            directory: "/var/lib/outrigger/ca".into(),
            bundle: "/var/run/outrigger/ca".into(),
            roots: None,
        }
    }
}
