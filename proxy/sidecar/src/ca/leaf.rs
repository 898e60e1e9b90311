//! Leaves: a certificate for the name that an app asks for, made when it asks.
//!
//! All leaves share one key, made at start and never written anywhere: whoever could read it could read the CA's key too, and making a key
//! costs what signing a leaf costs. Sent is the leaf alone. An app has the CA's certificate or does not trust it; sent along, a newer one than
//! the app has would only be another way for it to go wrong.

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

/// A leaf and when it is of use.
#[derive(Debug)]
pub(super) struct Leaf {
    key: Arc<CertifiedKey>,
    from: SystemTime,
    /// Half its life: after that the next one is made.
    until: SystemTime,
}

/// The hosts that leaves are made for, and the leaf of each once it was asked for. Whatever apps ask for, it doesn't grow.
pub(super) type Leaves = BTreeMap<String, ArcSwapOption<Leaf>>;

impl Authority {
    /// The leaf for a name as it stood in an SNI, whatever its case; `None` for a host that is not configured.
    pub(super) fn leaf(&self, sni: &str, now: SystemTime) -> Option<Arc<CertifiedKey>> {
        let name = name::canonical(sni)?;
        let current = self.current.load();
        let place = current.leaves.get(&name)?;
        if let Some(leaf) = &*place.load()
            && (leaf.from..leaf.until).contains(&now)
        {
            return Some(Arc::clone(&leaf.key));
        }
        // Two connections at once may make two: that harms nobody, and waiting for each other would.
        match self.mint(&name, (current.not_before, current.not_after), now) {
            Ok(leaf) => {
                let key = Arc::clone(&leaf.key);
                place.store(Some(Arc::new(leaf)));
                Some(key)
            }
            Err(error) => {
                warn!(host = name, %error, "no certificate for an app's connection");
                None
            }
        }
    }

    /// Valid for a week, though not before or beyond the CA.
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

/// Answers rustls with leaves.
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
