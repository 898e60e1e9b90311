//! The reloader: the next generation is made beside the one in force, and one pointer is swapped.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Change, Observer, Paths, Scan,
    assemble::{Assembler, Entry},
};
use crate::{
    ca::{self, Authority, CaError},
    config::{Config, Overrides},
    exchange::generation::{Generation, Shared},
    harden,
    telemetry::metrics,
    upstream::embeddings::Embedder,
};

/// Keeps the generation in force up to date with the files.
pub(crate) struct Reloader {
    file: PathBuf,
    overrides: Overrides,
    shared: Arc<Shared>,
    /// None where no TLS is ended here.
    authority: Option<Arc<Authority>>,
    /// Goes by the configuration in force.
    embedder: Embedder,
    /// Locked while a generation is made: seconds, where something has to be compiled.
    assembler: Mutex<Assembler>,
    status: Mutex<ReloadStatus>,
    observer: OnceLock<Observer>,
}

/// Outcome of the last reload.
#[derive(Debug, Clone)]
pub(crate) struct ReloadStatus {
    /// A line per policy of the chain.
    pub entries: Vec<Entry>,
    /// The refusals of the last reload, a sentence each; empty where the newest files serve.
    pub refused: Vec<String>,
    /// Keys of the configuration whose change waits for a restart.
    pub restart_needed: Vec<String>,
    /// Time at which the generation in force was made.
    pub since: SystemTime,
}

/// The files of `config`.
pub(crate) fn paths(file: &std::path::Path, config: &Config) -> Paths {
    Paths {
        config: Some(file.to_owned()),
        besides: config.files.clone(),
        directory: config.policies.directory.clone(),
        signed: !config.policies.trust.signers.is_empty(),
    }
}

impl Reloader {
    /// Keeps what `shared` serves up to date with the configuration in `file`, under `overrides`
    /// from the command line.
    pub(crate) fn new(
        file: PathBuf,
        overrides: Overrides,
        shared: Arc<Shared>,
        assembler: Assembler,
        entries: Vec<Entry>,
        authority: Option<Arc<Authority>>,
    ) -> Self {
        Self {
            file,
            overrides,
            shared,
            authority,
            embedder: Embedder::default(),
            assembler: Mutex::new(assembler),
            status: Mutex::new(ReloadStatus {
                entries,
                refused: Vec::new(),
                restart_needed: Vec::new(),
                since: SystemTime::now(),
            }),
            observer: OnceLock::new(),
        }
    }

    /// Has `embedder` follow the configuration.
    #[must_use]
    pub(crate) fn leading(self, embedder: Embedder) -> Self {
        Self { embedder, ..self }
    }

    /// Starts the observer. `seen` is the scan that the generation in force was made of.
    ///
    /// # Errors
    /// A thread could not be started.
    pub(crate) fn observe(self: &Arc<Self>, seen: Scan) -> std::io::Result<()> {
        let config = &self.shared.generation.load().config;
        let (observer, mut changes) =
            Observer::start(paths(&self.file, config), config.policies.poll, seen)?;
        let _ = self.observer.set(observer);
        let reloader = Arc::clone(self);
        std::thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || {
                while let Some(change) = changes.blocking_recv() {
                    reloader.take_up(&change);
                }
            })?;
        Ok(())
    }

    /// Requests a scan of the files now.
    pub(crate) fn now(&self) {
        if let Some(observer) = self.observer.get() {
            observer.nudge();
        }
    }

    /// Returns the outcome of the last reload.
    pub(crate) fn status(&self) -> ReloadStatus {
        self.status.lock().clone()
    }

    /// The generation in force.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn take_up(&self, change: &Change) {
        let begun = Instant::now();
        let former = self.shared.generation.load_full();
        let config = if change.config || change.requested {
            let env = |name: &str| std::env::var(name).ok();
            match Config::load_with(&self.file, &env, &self.overrides) {
                Ok(config) => config,
                Err(problems) => {
                    let mut sentences: Vec<String> =
                        problems.0.iter().map(ToString::to_string).collect();
                    if sentences
                        .iter()
                        .any(|said| said.contains("permission is denied"))
                    {
                        sentences.extend(harden::hint().map(str::to_owned));
                    }
                    return self.refused(
                        sentences,
                        "configuration not reloaded; keeping the previous one",
                    );
                }
            }
        } else {
            former.config.clone()
        };
        if let Err(sentences) = harden::admits(&config, &self.file) {
            return self.refused(sentences, "configuration not reloaded; it needs a restart");
        }
        let restart_needed = former.config.restart_needed(&config);
        for key in &restart_needed {
            warn!(key, "takes effect at the next start only");
        }
        let assembled = self.assembler.lock().assemble(config, &change.files);
        match assembled {
            Ok(assembled) => {
                let Some(observer) = self.observer.get() else {
                    return;
                };
                if let Err(error) = self.certify(&assembled.generation.config) {
                    let sentences = vec![error.to_string()];
                    return self
                        .refused(sentences, "not reloaded; keeping the previous generation");
                }
                if change.config || change.requested {
                    let config = &assembled.generation.config;
                    observer.repoint(paths(&self.file, config), config.policies.poll);
                    crate::telemetry::log::log_exchanges(config.exchange_log);
                }
                for sentence in &assembled.refused {
                    warn!("{sentence}");
                }
                metrics::reload(assembled.refused.is_empty());
                {
                    let mut status = self.status.lock();
                    status.entries = assembled.entries;
                    status.refused = assembled.refused;
                    status.restart_needed = restart_needed.into_iter().map(str::to_owned).collect();
                }
                if !change.config
                    && !change.requested
                    && same_policies(&former, &assembled.generation)
                {
                    return;
                }
                let number = assembled.generation.number;
                drop(former);
                if change.config || change.requested {
                    self.embedder.follow(&assembled.generation.config);
                }
                self.shared.replace(assembled.generation);
                self.status.lock().since = SystemTime::now();
                metrics::generation(number);
                info!(
                    generation = number,
                    ms = begun.elapsed().as_millis() as u64,
                    "reloaded"
                );
            }
            Err(sentences) => self.refused(
                sentences,
                "policies not reloaded; keeping the previous generation",
            ),
        }
    }

    /// Issues certificates for the hosts of the next generation before any of them is dialled.
    fn certify(&self, next: &Config) -> Result<(), CaError> {
        let hosts = ca::hosts(next);
        match &self.authority {
            Some(authority) if !hosts.is_empty() => {
                authority.renew(&hosts, SystemTime::now()).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn refused(&self, sentences: Vec<String>, message: &'static str) {
        for sentence in &sentences {
            warn!(reason = %sentence, "{message}");
        }
        metrics::reload(false);
        self.status.lock().refused = sentences;
    }
}

fn same_policies(former: &Generation, next: &Generation) -> bool {
    let (former, next) = (former.chain.policies(), next.chain.policies());
    former.len() == next.len()
        && former
            .iter()
            .zip(next)
            .all(|(former, next)| Arc::ptr_eq(former, next))
}
