//! `outrigger pull`: policies from an OCI registry into a directory that a sidecar reads.
//!
//! A process of its own, so that a serving sidecar holds no registry's credentials and grows by
//! nothing. An artifact is a manifest whose layers are single files ([`manifest`]); what is fetched
//! is verified by its digest ([`registry`]), by its signature where keys are given, and is put in
//! place as the kubelet puts a ConfigMap ([`folder`]): whole or not at all. Whatever fails leaves
//! the last good set.
//!
//! A tag is followed by requesting its digest alone, and a pinned digest that is in place causes no
//! request. (The `oci-client` crate was weighed, 0.18 last: it reads manifests and token answers of
//! any length, sends passwords to a token server without TLS where an HTTPS registry names one,
//! takes neither a TLS configuration nor a redirect policy, panics on a token that no header can
//! hold, and brings 26 crates.)

mod auth;
mod error;
mod folder;
mod manifest;
mod reference;
mod registry;

use std::{fs, path::PathBuf, time::Duration};

use tokio::time::{sleep, timeout};
use tracing::{info, warn};

pub use auth::{Credentials, Login};
pub use error::Error;
pub use reference::Reference;

use folder::Folder;
use manifest::{Entry, Kind, Manifest};
use outrigger::signing::{Beside, Digest, PublicKey, Subject, Trust, digest, hex};
use registry::Registry;

/// The longest that a round may take, from the first request to the swap.
const ROUND: Duration = Duration::from_secs(300);
/// The first wait after an error; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait after an error, where rounds are not further apart anyway.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The settings of a pull.
#[derive(Debug)]
pub struct Options {
    /// The artifact to pull.
    pub reference: Reference,
    /// The directory to fill.
    pub into: PathBuf,
    /// Interval at which the tag and the directory are checked.
    pub every: Duration,
    /// Keys, one of which must have signed each policy; if empty, no signature is checked here.
    pub keys: Vec<PublicKey>,
    /// True if the registry is spoken to without TLS.
    pub plain_http: bool,
    /// A PEM file of roots to trust instead of the built-in ones.
    pub roots: Option<PathBuf>,
    /// The credentials.
    pub login: Login,
}

/// Keeps a directory as a registry has it.
pub struct Puller {
    options: Options,
    folder: Folder,
    registry: Registry,
}

/// The result of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    /// The wanted set was in place.
    Same,
    /// The set was put in place now: the manifest's digest, and the files' names.
    Placed(Digest, Vec<String>),
}

impl Puller {
    /// Looks at the directory, and makes no request yet.
    ///
    /// # Errors
    /// The directory can't be written to, or TLS could not be set up.
    pub fn new(options: Options) -> Result<Self, Error> {
        let folder = Folder::open(&options.into, options.reference.short_name())?;
        let registry = Registry::new(
            &options.reference,
            options.plain_http,
            options.roots.as_deref(),
            options.login.clone(),
        )?;
        Ok(Self {
            options,
            folder,
            registry,
        })
    }

    /// Goes on until it is dropped. Errors are logged; the last good set stays.
    pub async fn follow(&mut self) -> Round {
        let mut failures: u32 = 0;
        loop {
            let pause = match self.round().await {
                Ok(_) => {
                    failures = 0;
                    self.options.every
                }
                Err(error) => {
                    let kept = self.folder.current().map(|set| hex(&set.digest));
                    warn!(%error, kept = kept.as_deref().unwrap_or("nothing"), "not pulled");
                    let wait = FIRST_WAIT * 2_u32.saturating_pow(failures.min(16));
                    failures = failures.saturating_add(1);
                    wait.min(LONGEST_WAIT.max(self.options.every))
                }
            };
            sleep(jittered(pause)).await;
        }
    }

    /// Makes the directory what the registry has, once.
    ///
    /// # Errors
    /// It could not be; what was in place still is.
    pub async fn round(&mut self) -> Result<Round, Error> {
        let limit = Error::TooSlow(ROUND);
        let round = timeout(ROUND, self.one_round()).await;
        let round = round.unwrap_or(Err(limit))?;
        if let Round::Placed(digest, files) = &round {
            info!(from = %self.options.reference, digest = %hex(digest), files = %files.join(" "), "policies in place");
        }
        Ok(round)
    }

    async fn one_round(&mut self) -> Result<Round, Error> {
        let there = self.folder.current();
        let pinned = self.options.reference.digest;
        if let Some(set) = &there {
            let wanted = match pinned {
                Some(pinned) => pinned == set.digest,
                None => self.registry.head().await? == Some(set.digest),
            };
            let signed = |set| self.check_signatures(set, |name| self.folder.read(name));
            if wanted && signed(&set.manifest).is_ok() {
                let relinked = self.folder.link(&set.manifest)?;
                if relinked {
                    warn!(into = %self.options.into.display(), "links had vanished; they are back");
                }
                return Ok(Round::Same);
            }
        }
        let bytes = self.registry.manifest().await?;
        let found = digest(&bytes);
        if let Some(wanted) = pinned.filter(|pinned| *pinned != found) {
            return Err(Error::Digest {
                what: "the manifest".into(),
                wanted,
                found,
            });
        }
        let manifest = Manifest::read(&bytes, self.options.reference.short_name())?;
        let partial = self.folder.partial()?;
        for entry in &manifest.files {
            self.registry
                .blob(entry, &partial.path().join(&entry.name))
                .await?;
        }
        self.check_signatures(&manifest, |name| fs::read(partial.path().join(name)))?;
        self.folder.put(partial, &manifest, &bytes, &found)?;
        let names = manifest.files.into_iter().map(|entry| entry.name);
        Ok(Round::Placed(found, names.collect()))
    }

    /// Requires a signature of each policy, where keys are given. Files that are not signed
    /// themselves are verified by their digest alone.
    fn check_signatures(
        &self,
        manifest: &Manifest,
        read: impl Fn(&str) -> std::io::Result<Vec<u8>>,
    ) -> Result<(), Error> {
        if self.options.keys.is_empty() {
            return Ok(());
        }
        let trust = Trust {
            signers: self.options.keys.clone(),
            require: true,
            rollback_guard: false, // the sidecar remembers; this process may be new
        };
        let of = |policy: &str, kind: Kind| -> Option<&Entry> {
            let mut files = manifest.files.iter();
            files.find(|entry| entry.kind == kind && entry.policy == policy)
        };
        for module in manifest.files.iter().filter(|e| e.kind == Kind::Module) {
            let signature = match of(&module.policy, Kind::Signature) {
                Some(entry) => match read(&entry.name) {
                    Ok(bytes) => Beside::File(bytes.into()),
                    Err(error) => Beside::Unusable(format!("can't be read: {error}")),
                },
                None => Beside::Nothing,
            };
            trust
                .judge(&Subject {
                    name: &module.policy,
                    sha256: &module.digest,
                    cases: of(&module.policy, Kind::Cases).map(|entry| &entry.digest),
                    signature: &signature,
                    pin: None,
                })
                .map_err(|why| Error::Signature {
                    policy: module.policy.clone(),
                    why: Box::new(why),
                })?;
        }
        Ok(())
    }
}

/// The digest of all that went into a hash.
fn finish(hash: ring::digest::Context) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

/// Varies a pause by a tenth at most, so that a thousand pods do not call at once.
fn jittered(pause: Duration) -> Duration {
    let mut chance = [0; 2];
    // Without random bytes all call at once: the registry's trouble, not ours.
    let _ = getrandom::fill(&mut chance);
    let share = f64::from(u16::from_le_bytes(chance)) / f64::from(u16::MAX);
    pause.mul_f64(0.9 + 0.2 * share)
}
