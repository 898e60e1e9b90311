//! The pod's CA, with which Outrigger terminates an app's TLS for the configured hosts, and for
//! nothing else.
//!
//! An [`Authority`] is a key that stays and certificates that change. The key is made once, in a
//! directory that only the sidecar mounts, and outlives the container; apps read the CA's
//! certificate once, at their start, so a new key would break every one of them until its restart.
//! Hence the rules: a key that can't be read is never replaced, and another set of hosts or a
//! certificate that ages gets another *certificate* with the same key and name, so that apps which
//! loaded the former one go on working.
//!
//! The certificate itself restricts what the key may sign: critical name constraints permit the
//! configured hosts (and, as X.509 has it, names below them), no address, and no further CA. A
//! stolen key opens no more traffic than Outrigger reads anyway.
//!
//! Not here: interception and the choice of hosts ([`crate::intercept`]), and the schedule of
//! [`Authority::renew`] (at each reload, and once [`Authority::next_due`] is over). Only the
//! resolver reads a clock: callers pass `now`.
//!
//! | file | what |
//! | --- | --- |
//! | `ca.directory`/ca.key | the key, mode 0600 |
//! | `ca.bundle`/ca.pem | the CA's certificates: one, or two while they overlap |
//! | `ca.bundle`/bundle.pem | public roots and those |
//! | `ca.bundle`/bundle.p12 | the same for Java |

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use rcgen::{Issuer, PublicKeyData};
use rustls::{
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject},
    server::ResolvesServerCert,
};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::{
    config::{self, Config},
    signing::{digest, write_pem},
};

mod bundle;
mod environment;
mod error;
mod issue;
mod leaf;
mod name;
mod rotate;
mod store;
#[cfg(test)]
mod tests;
mod x509;

pub use environment::{environment, java_options};
pub use error::CaError;
pub use rotate::ReissueReason;

use bundle::Roots;
use issue::Key;
use name::canonical;
use rotate::StoredCertificate;
use store::{Lock, Store};

/// Returns the hosts that the pod's CA is made for: those whose TLS is terminated here.
pub fn hosts(config: &Config) -> BTreeSet<String> {
    let names = config.hosts.names().into_iter();
    crate::ordered::set(names.filter_map(canonical))
}

/// Outcome of [`Authority::renew`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing was to be done.
    Unchanged,
    /// The files that apps read were written again: one was missing, the public roots changed, or a
    /// former certificate ended.
    Rewritten,
    /// The CA has another certificate, with the same key.
    Reissued(ReissueReason),
}

/// The pod's CA.
pub struct Authority {
    settings: config::Ca,
    store: Store,
    key: Key,
    issuer: Issuer<'static, Key>,
    leaf_key: Key,
    current: ArcSwap<Current>,
}

/// The certificate in force.
#[derive(Debug)]
struct Current {
    leaves: leaf::Leaves,
    not_before: SystemTime,
    not_after: SystemTime,
    due: SystemTime,
    fingerprint: [u8; 32],
    roots: Roots,
}

impl Authority {
    /// Opens the CA, or makes it where there is none yet, and writes the files that apps read.
    /// `hosts` are DNS names, see [`hosts`].
    ///
    /// Blocks: it reads and writes files, and waits up to ten seconds for another process that does
    /// the same.
    ///
    /// # Errors
    /// A directory or file can't be used; the key's file contains none; there are certificates
    /// without their key; `hosts` is empty.
    pub fn open(
        settings: &config::Ca,
        hosts: &BTreeSet<String>,
        now: SystemTime,
    ) -> Result<Arc<Self>, CaError> {
        let hosts = name::read(hosts)?;
        let store = Store::new(settings)?;
        store.prepare()?;
        let lock = store.lock()?;
        let key = key(&store, &lock)?;
        let (current, renewal) = settle(&store, settings, &key, &lock, hosts, now)?;
        drop(lock);
        log_renewal(&store, &current, renewal);
        Ok(Arc::new(Self {
            settings: settings.clone(),
            store,
            issuer: issue::issuer(key.clone())?,
            key,
            leaf_key: Key::make()?.0,
            current: ArcSwap::from_pointee(current),
        }))
    }

    /// Returns a resolver that mints and caches leaves by SNI; it has none for a host that is not
    /// configured, so that the handshake fails.
    pub fn resolver(self: &Arc<Self>) -> Arc<dyn ResolvesServerCert> {
        Arc::new(leaf::Resolver(Arc::clone(self)))
    }

    /// Applies another set of hosts or a rotation that is due, and writes the files that changed.
    /// Reads the metadata of four files where nothing changed, and returns; otherwise it blocks
    /// as [`Authority::open`] does.
    ///
    /// # Errors
    /// As [`Authority::open`]; the former certificate stays in force.
    pub fn renew(&self, hosts: &BTreeSet<String>, now: SystemTime) -> Result<Renewal, CaError> {
        let hosts = name::read(hosts)?;
        let current = self.current.load();
        let settled = current.leaves.keys().eq(&hosts)
            && (current.not_before..current.due).contains(&now)
            && self.store.complete()
            && current.roots == Roots::find(self.settings.roots.as_deref());
        if settled {
            return Ok(Renewal::Unchanged);
        }
        let lock = self.store.lock()?;
        let (next, renewal) = settle(&self.store, &self.settings, &self.key, &lock, hosts, now)?;
        log_renewal(&self.store, &next, renewal);
        self.current.store(Arc::new(next));
        Ok(renewal)
    }

    /// Returns the time at which [`Authority::renew`] will have something to do even if nothing
    /// changes.
    pub fn next_due(&self) -> SystemTime {
        self.current.load().due
    }

    /// Returns the end of the certificate in force.
    pub fn not_after(&self) -> SystemTime {
        self.current.load().not_after
    }

    /// Returns the SHA-256 of the certificate in force, as `openssl x509 -fingerprint -sha256`
    /// writes it.
    pub fn fingerprint(&self) -> String {
        let bytes = self.current.load().fingerprint;
        bytes.map(|byte| format!("{byte:02X}")).join(":")
    }

    /// Returns the hosts that leaves are minted for, in canonical spelling.
    pub fn hosts(&self) -> BTreeSet<String> {
        crate::ordered::set(self.current.load().leaves.keys().cloned())
    }

    /// Returns the path of the CA's certificates alone: `ca.pem`.
    pub fn certificate_file(&self) -> &Path {
        &self.store.ca
    }

    /// Returns the path of the CA's key.
    pub fn key_file(&self) -> &Path {
        &self.store.key
    }

    /// Returns the files that apps read: `ca.pem`, `bundle.pem`, `bundle.p12`.
    pub fn app_files(&self) -> [&Path; 3] {
        [&self.store.ca, &self.store.bundle, &self.store.java].map(PathBuf::as_path)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Reads the key from its file, or makes one where there is neither a key nor certificates of one.
/// An empty file counts as none.
fn key(store: &Store, lock: &Lock) -> Result<Key, CaError> {
    let (path, certificates) = (|| store.key.clone(), || store.ca.clone());
    let Some(text) = store.read_key()? else {
        if store.read_certificates()?.is_some() {
            return Err(CaError::KeyGone {
                path: path(),
                certificates: certificates(),
            });
        }
        let (key, der) = Key::make()?;
        let mut text = Zeroizing::new(String::with_capacity(1024));
        write_pem(&mut text, "PRIVATE KEY", &der);
        store.write_key(lock, text.as_bytes())?;
        return Ok(key);
    };
    let wrong = |why| CaError::Key {
        path: path(),
        certificates: certificates(),
        why,
    };
    let der = PrivatePkcs8KeyDer::from_pem_slice(&text)
        .map(Zeroizing::new)
        .map_err(|_| wrong("holds no private key in PEM (`-----BEGIN PRIVATE KEY-----`)"))?;
    Key::read(der.secret_pkcs8_der()).ok_or_else(|| wrong("holds a key that is no ECDSA P-256 one"))
}

/// Issues the certificates that are due, and writes the files that changed.
fn settle(
    store: &Store,
    settings: &config::Ca,
    key: &Key,
    lock: &Lock,
    hosts: BTreeSet<String>,
    now: SystemTime,
) -> Result<(Current, Renewal), CaError> {
    let plan = rotate::plan(read_stored(store, key)?, &hosts, now);
    let mut certificates = plan.keep;
    if plan.issue.is_some() {
        let der = issue::authority(key, &hosts, now)?;
        let facts = x509::read(&der).ok_or(rcgen::Error::CouldNotParseCertificate)?;
        certificates.insert(0, StoredCertificate { der, facts });
    }
    let (Some(newest), Some(due)) = (certificates.first(), rotate::due(&certificates)) else {
        return Err(rcgen::Error::CouldNotParseCertificate.into());
    };
    let roots = Roots::find(settings.roots.as_deref());
    let public = roots.read()?;
    let ours = || certificates.iter().map(|stored| &stored.der);
    // The CA's own certificate comes first: should the rest fail, the next start goes on from it.
    let mut changed = store.publish(lock, &store.ca, bundle::pem_all(ours()).as_bytes())?;
    let all = || ours().chain(&public);
    changed |= store.publish(lock, &store.bundle, bundle::pem_all(all()).as_bytes())?;
    changed |= store.publish(lock, &store.java, &bundle::pkcs12(all()))?;
    let renewal = match plan.issue {
        Some(reason) => Renewal::Reissued(reason),
        None if changed => Renewal::Rewritten,
        None => Renewal::Unchanged,
    };
    let current = Current {
        leaves: crate::ordered::map(hosts.into_iter().map(|host| (host, ArcSwapOption::empty()))),
        not_before: newest.facts.not_before,
        not_after: newest.facts.not_after,
        due,
        fingerprint: digest(&newest.der),
        roots,
    };
    Ok((current, renewal))
}

/// Reads the certificates that are stored. Unlike the key, a file of them that can't be parsed does
/// no harm: it is written anew.
fn read_stored(store: &Store, key: &Key) -> Result<Vec<StoredCertificate>, CaError> {
    let Some(text) = store.read_certificates()? else {
        return Ok(Vec::new());
    };
    let read = |der: CertificateDer<'static>| {
        x509::read(&der).map(|facts| StoredCertificate { der, facts })
    };
    let stored: Option<Vec<StoredCertificate>> = CertificateDer::pem_slice_iter(&text)
        .map(|der| der.ok().and_then(read))
        .collect();
    let Some(stored) = stored.filter(|stored| !stored.is_empty()) else {
        warn!(path = %store.ca.display(), "the CA's certificate can't be understood; another one is made with the same key");
        return Ok(Vec::new());
    };
    let public = key.subject_public_key_info();
    if stored
        .iter()
        .any(|stored| stored.facts.public_key != public)
    {
        return Err(CaError::OtherKey {
            path: store.key.clone(),
            certificates: store.ca.clone(),
        });
    }
    Ok(stored)
}

fn log_renewal(store: &Store, current: &Current, renewal: Renewal) {
    let path = store.ca.display();
    let hosts = current.leaves.len();
    match renewal {
        Renewal::Unchanged => {}
        Renewal::Rewritten => info!(%path, "what apps read of the pod's CA was written again"),
        Renewal::Reissued(ReissueReason::First) => info!(%path, hosts, "the pod's CA was made"),
        Renewal::Reissued(ReissueReason::Hosts) => {
            info!(%path, hosts, "the pod's CA has a certificate for other hosts; an app that started before trusts it for the former ones");
        }
        Renewal::Reissued(ReissueReason::Age) => {
            info!(%path, "the pod's CA has a new certificate; running apps have until the former one's end to start again");
        }
    }
}
