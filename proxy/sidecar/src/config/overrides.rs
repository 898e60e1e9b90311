//! Command-line values in place of the file's: an injector's flags, so that one ConfigMap fits
//! every mode.
//!
//! They replace the file's values before it is checked, so both obey the same rules; a reload
//! applies them again.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    file::{Ca, File, Listen, Span, Text},
    scalars::OneOrMore,
};

/// Values that stand in place of the file's; each `None` (or empty) where the file's counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `listen.base_url`.
    pub base_url: Option<SocketAddr>,
    /// `listen.forward_proxy`.
    pub forward_proxy: Option<SocketAddr>,
    /// `listen.transparent`, all of it.
    pub transparent: Vec<SocketAddr>,
    /// `admin`.
    pub admin: Option<SocketAddr>,
    /// `drain`.
    pub drain: Option<Duration>,
    /// `ca.directory`.
    pub ca_directory: Option<PathBuf>,
    /// `ca.bundle`.
    pub ca_bundle: Option<PathBuf>,
}

impl Overrides {
    /// Puts them in the place of what `file` says.
    pub(super) fn apply(&self, file: &mut File) {
        let text = |address: &SocketAddr| Text(address.to_string());
        if self.base_url.is_some() || self.forward_proxy.is_some() || !self.transparent.is_empty() {
            let listen = file.listen.get_or_insert_with(Listen::default);
            if let Some(address) = &self.base_url {
                listen.base_url = text(address).into();
            }
            if let Some(address) = &self.forward_proxy {
                listen.forward_proxy = text(address).into();
            }
            if !self.transparent.is_empty() {
                let all = self.transparent.iter().map(text).collect();
                listen.transparent = OneOrMore(all).into();
            }
        }
        if let Some(address) = &self.admin {
            file.admin.0.get_or_insert_default().listen = Some(text(address));
        }
        if self.ca_directory.is_some() || self.ca_bundle.is_some() {
            let ca = file.ca.get_or_insert_with(Ca::default);
            for (path, key) in [
                (&self.ca_directory, &mut ca.directory),
                (&self.ca_bundle, &mut ca.bundle),
            ] {
                if let Some(path) = path {
                    // `$` begins a variable in the file, and is one character of a path here.
                    *key = Text(path.display().to_string().replace("${", "$${")).into();
                }
            }
        }
        if let Some(drain) = self.drain {
            file.drain = Span(format!("{}ms", drain.as_millis())).into();
        }
    }
}
