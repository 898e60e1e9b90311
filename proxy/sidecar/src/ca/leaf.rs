//! Leaves: a certificate for each host name, made when an app first connects to it.
//!
//! All leaves share one key, made at start and never written anywhere: whoever could read it could
//! read the CA's key too, and making a key costs as much as signing a leaf. Only the leaf is sent.
//! An app has the CA's certificate or does not trust it; sending a newer one than the app has would
//! only add a possible failure.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use rcgen::SanType;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tracing::warn;

use super::{Authority, CaError, issue, name};

/// A leaf and the time in which it is used.
#[derive(Debug)]
pub(super) struct Leaf {
    key: Arc<CertifiedKey>,
    from: SystemTime,
    /// Half its remaining life: after that the next one is made.
    until: SystemTime,
}

/// Hosts that leaves are made for, and the leaf of each once it was needed. Does not grow with the
/// names that apps send.
pub(super) type Leaves = BTreeMap<String, ArcSwapOption<Leaf>>;

impl Authority {
    /// Returns the leaf for a name as it stood in an SNI, whatever its case; `None` for a host that
    /// is not configured.
    pub(super) fn leaf(&self, sni: &str, now: SystemTime) -> Option<Arc<CertifiedKey>> {
        let name = name::canonical(sni)?;
        let current = self.current.load();
        let slot = current.leaves.get(&name)?;
        if let Some(leaf) = &*slot.load()
            && (leaf.from..leaf.until).contains(&now)
        {
            return Some(Arc::clone(&leaf.key));
        }
        // Two connections at once may make two leaves, which does no harm, while waiting for each
        // other would.
        match self.mint(&name, (current.not_before, current.not_after), now) {
            Ok(leaf) => {
                let key = Arc::clone(&leaf.key);
                slot.store(Some(Arc::new(leaf)));
                Some(key)
            }
            Err(error) => {
                warn!(host = name, %error, "no certificate for an app's connection");
                None
            }
        }
    }

    /// Makes a leaf that is valid for a week, though not before or beyond the CA.
    fn mint(
        &self,
        name: &str,
        ca: (SystemTime, SystemTime),
        now: SystemTime,
    ) -> Result<Leaf, CaError> {
        let from = (now - issue::BACK).max(ca.0);
        let last = (now + issue::LEAF_LIFE).min(ca.1);
        let names = vec![SanType::DnsName(name.try_into()?)];
        let certificate = issue::leaf(&self.issuer, &self.leaf_key, names, (from, last))?;
        let rest = last.duration_since(now).unwrap_or(Duration::ZERO);
        Ok(Leaf {
            key: Arc::new(CertifiedKey::new(
                vec![certificate],
                Arc::clone(&self.leaf_key.signer),
            )),
            from,
            until: now + rest / 2,
        })
    }
}

/// Resolves rustls' ClientHellos to leaves.
pub(super) struct Resolver(pub(super) Arc<Authority>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.leaf(hello.server_name()?, SystemTime::now())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
