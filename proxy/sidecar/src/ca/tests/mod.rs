//! The CA as clients and operators meet it: chains, files, real programs.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::SanType;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    sign::CertifiedKey,
};
use tempfile::TempDir;

use super::*;

mod chains;
mod clients;
mod files;
mod hosts;

const OPENAI: &str = "api.openai.com";
const ANTHROPIC: &str = "api.anthropic.com";

/// Directories of a pod, removed when dropped.
struct Pod {
    at: TempDir,
    settings: config::Ca,
}

impl Pod {
    fn new() -> Self {
        let at = tempfile::tempdir().unwrap();
        let roots = at.path().join("roots.pem");
        fs::write(
            &roots,
            bundle::pem_all(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[..3]),
        )
        .unwrap();
        let settings = config::Ca {
            directory: at.path().join("key"),
            bundle: at.path().join("apps"),
            roots: Some(roots),
        };
        Self { at, settings }
    }

    fn try_open(&self, hosts: &[&str], now: SystemTime) -> Result<Arc<Authority>, CaError> {
        Authority::open(&self.settings, &set(hosts), now)
    }

    fn open(&self, hosts: &[&str], now: SystemTime) -> Arc<Authority> {
        self.try_open(hosts, now).unwrap()
    }

    fn key(&self) -> PathBuf {
        self.settings.directory.join("ca.key")
    }

    fn ca(&self) -> PathBuf {
        self.settings.bundle.join("ca.pem")
    }

    /// Reads the roots that an app reads at its start.
    fn roots(&self) -> Vec<CertificateDer<'static>> {
        certificates(&self.ca())
    }
}

fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn set(hosts: &[&str]) -> BTreeSet<String> {
    hosts.iter().map(|&host| host.to_owned()).collect()
}

/// A fixed day: no decision depends on the clock.
fn day(n: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs((20_000 + n) * issue::DAY)
}

/// Checks that a client with these roots accepts this leaf from this host, on that day; the error
/// otherwise.
fn accepts(
    roots: &[CertificateDer<'_>],
    leaf: &CertifiedKey,
    name: &str,
    now: SystemTime,
) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    roots
        .iter()
        .for_each(|root| store.add(root.clone().into_owned()).unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .unwrap();
    let (end, chain) = leaf.cert.split_first().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap());
    verifier
        .verify_server_cert(end, chain, &name, &[], now)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The same of the leaf that the CA has for this host on that day.
fn serves(
    roots: &[CertificateDer<'_>],
    ca: &Authority,
    name: &str,
    now: SystemTime,
) -> Result<(), String> {
    accepts(roots, &ca.leaf(name, now).unwrap(), name, now)
}

/// Renews a CA for one host.
fn renewed(ca: &Authority, now: SystemTime) -> Renewal {
    ca.renew(&set(&[OPENAI]), now).unwrap()
}

/// Signs as a thief of the key could: any names, today.
fn forged(ca: &Authority, names: &[&str], now: SystemTime) -> CertifiedKey {
    let names = names
        .iter()
        .map(|name| match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().unwrap()),
        })
        .collect();
    let validity = (now - issue::BACK, now + issue::LEAF_LIFE);
    let certificate = issue::leaf(&ca.issuer, &ca.leaf_key, names, validity).unwrap();
    CertifiedKey::new(vec![certificate], Arc::clone(&ca.leaf_key.signer))
}

/// A further CA below the pod's, and a leaf that it signed.
fn forged_below(ca: &Authority, name: &str, now: SystemTime) -> CertifiedKey {
    let mut params = rcgen::CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "below");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) =
        ((now - issue::BACK).into(), (now + issue::LEAF_LIFE).into());
    let (key, _) = Key::make().unwrap();
    let below: CertificateDer<'static> = params.signed_by(&key, &ca.issuer).unwrap().into();
    let names = vec![SanType::DnsName(name.try_into().unwrap())];
    let validity = (now - issue::BACK, now + issue::LEAF_LIFE);
    let leaf = issue::leaf(&Issuer::new(params, key), &ca.leaf_key, names, validity).unwrap();
    CertifiedKey::new(vec![leaf, below], Arc::clone(&ca.leaf_key.signer))
}
