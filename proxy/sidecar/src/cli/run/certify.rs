//! The pod's CA beside a sidecar that runs.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::sleep;
use tracing::error;

use crate::{
    ca::{self, Authority},
    cli::Stop,
    config::Config,
    exchange::generation::Shared,
};

/// Intervals at which the CA's certificate is looked at: the longest, and the one after a renewal
/// failed.
const RENEWAL_LOOK: Duration = Duration::from_secs(3600);
const RENEWAL_AGAIN: Duration = Duration::from_secs(60);

/// The pod's CA, where an app's TLS is ended here.
pub(super) fn authority(config: &Config) -> Result<Option<Arc<Authority>>, Stop> {
    let hosts = ca::hosts(config);
    if !config.listen.intercepts() || hosts.is_empty() {
        return Ok(None);
    }
    let authority = Authority::open(&config.ca, &hosts, SystemTime::now())?;
    Ok(Some(authority))
}

/// Renews the CA's certificate before it ends. (Other hosts are taken up by the reload that brings
/// them.)
pub(super) async fn renewals(authority: Arc<Authority>, shared: Arc<Shared>) {
    loop {
        let due = authority.next_due().duration_since(SystemTime::now());
        // A clock that is set is noticed within the hour.
        sleep(due.unwrap_or_default().clamp(RENEWAL_AGAIN, RENEWAL_LOOK)).await;
        let (authority, hosts) = (
            Arc::clone(&authority),
            ca::hosts(&shared.generation.load().config),
        );
        let renewed = move || authority.renew(&hosts, SystemTime::now()).map(drop);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(renewed).await {
            error!(%error, "the ca is not renewed; what is in force stays so");
        }
    }
}
