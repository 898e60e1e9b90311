//! Flags that stand in place of the file's keys.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::config::{Overrides, values};

/// The values that stand in place of the file's keys, so that one ConfigMap fits every mode of a
/// pod.
#[derive(Debug, clap::Args)]
pub(super) struct Instead {
    /// In place of `listen.base_url`.
    #[arg(long, value_name = "ADDRESS")]
    base_url: Option<SocketAddr>,
    /// In place of `listen.forward_proxy`.
    #[arg(long, value_name = "ADDRESS")]
    forward_proxy: Option<SocketAddr>,
    /// In place of `listen.transparent`; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    transparent: Vec<SocketAddr>,
    /// In place of `admin`.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// In place of `drain`.
    #[arg(long, value_name = "SPAN", value_parser = values::duration)]
    drain: Option<Duration>,
    /// In place of `ca.directory`.
    #[arg(long, value_name = "DIRECTORY")]
    ca: Option<PathBuf>,
    /// In place of `ca.bundle`.
    #[arg(long, value_name = "DIRECTORY")]
    ca_bundle: Option<PathBuf>,
}

impl Instead {
    /// The same, as the configuration takes them.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            base_url: self.base_url,
            forward_proxy: self.forward_proxy,
            transparent: self.transparent.clone(),
            admin: self.admin,
            drain: self.drain,
            ca_directory: self.ca.clone(),
            ca_bundle: self.ca_bundle.clone(),
        }
    }
}
