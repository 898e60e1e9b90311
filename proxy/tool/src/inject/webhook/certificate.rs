//! The webhook's certificate, taken anew when its files change.
//!
//! cert-manager renews a Secret and the kubelet swaps `..data`: both files change in one step, but
//! another tool may write one after the other. So a pair that does not fit together changes
//! nothing; it is logged once, and looked at again a second later. The files are read each time,
//! some kilobytes: no event is missed on any file system.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tracing::{info, warn};

/// Longest file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Paths of a certificate and its key.
#[derive(Debug, Clone)]
pub(super) struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// Content of both files: the certificate, the key.
type Pair = (Vec<u8>, Vec<u8>);

/// The certificate in force.
#[derive(Debug)]
pub(super) struct Live {
    files: Files,
    key: ArcSwap<CertifiedKey>,
    /// The pair that was read last, good or bad: it is not tried again.
    seen: Mutex<Pair>,
}

impl Files {
    pub(super) fn new(cert: PathBuf, key: PathBuf) -> Self {
        Self { cert, key }
    }

    fn read(&self) -> io::Result<Pair> {
        Ok((read_file(&self.cert)?, read_file(&self.key)?))
    }

    /// Reads them for the first time.
    ///
    /// # Errors
    /// One sentence with the file's name.
    pub(super) fn live(self) -> io::Result<Arc<Live>> {
        let seen = self.read()?;
        let key = self.parse(&seen).map_err(io::Error::other)?;
        Ok(Arc::new(Live {
            files: self,
            key: ArcSwap::from_pointee(key),
            seen: Mutex::new(seen),
        }))
    }

    fn parse(&self, (cert, key): &Pair) -> Result<CertifiedKey, String> {
        let (cert_at, key_at) = (self.cert.display(), self.key.display());
        let chain = CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| format!("{cert_at} holds no certificate in PEM"))?;
        // Not the error's own words: nothing of a key may be logged.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            format!("{key_at} holds no private key in PEM (PKCS #8, PKCS #1 or SEC 1)")
        })?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| {
            format!("{cert_at} and {key_at} are no pair that can be used: {error}")
        })
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path);
    file.and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
        .map_err(|error| {
            let says = format!("can't read {}: {error}", path.display());
            io::Error::new(error.kind(), says)
        })?;
    Ok(bytes)
}

impl Live {
    /// TLS 1.2 and 1.3 with the certificate in force, HTTP/2 or HTTP/1.1.
    ///
    /// # Errors
    /// None that is known: the versions are those of the provider.
    pub(super) fn config(self: &Arc<Self>) -> io::Result<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Reads the files, and takes them if they have changed. Handshakes from now on take the new
    /// certificate.
    pub(super) fn refresh(&self) {
        let mut seen = self.seen.lock();
        let Ok(now) = self.files.read() else {
            // In the middle of a swap, or gone: the one in force goes on.
            return;
        };
        if now == *seen {
            return;
        }
        match self.files.parse(&now) {
            Ok(key) => {
                self.key.store(Arc::new(key));
                info!(cert = %self.files.cert.display(), "certificate taken anew");
            }
            Err(error) => warn!(%error, "certificate not taken anew; keeping the former one"),
        }
        *seen = now;
    }
}

impl ResolvesServerCert for Live {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pair(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_new_pair_is_taken_and_half_of_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let put = |path: &Path, text: &str| fs::write(path, text).unwrap();
        let (one, two) = (pair("one"), pair("two"));
        put(&cert, &one.0);
        put(&key, &one.1);
        let live = Files::new(cert.clone(), key.clone()).live().unwrap();
        let first = live.key.load_full();
        put(&cert, &two.0);
        live.refresh();
        assert!(
            Arc::ptr_eq(&first, &live.key.load_full()),
            "the key is still the other's"
        );
        fs::remove_file(&key).unwrap();
        live.refresh();
        put(&key, &two.1);
        live.refresh();
        let second = live.key.load_full();
        assert_ne!(first.cert, second.cert);
        put(&key, "");
        live.refresh();
        assert!(Arc::ptr_eq(&second, &live.key.load_full()));
    }

    #[test]
    fn a_start_without_a_usable_pair_says_which_file() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let says = || {
            Files::new(cert.clone(), key.clone())
                .live()
                .unwrap_err()
                .to_string()
        };
        assert!(says().contains("can't read") && says().contains("tls.crt"));
        let (one, two) = (pair("one"), pair("two"));
        fs::write(&cert, "x").unwrap();
        fs::write(&key, &two.1).unwrap();
        assert!(says().contains("tls.crt holds no certificate"));
        fs::write(&cert, &one.0).unwrap();
        assert!(says().contains("are no pair"), "{}", says());
        fs::write(&key, "x").unwrap();
        assert!(says().contains("tls.key holds no private key"));
    }
}
