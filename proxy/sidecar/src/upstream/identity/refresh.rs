//! The loop that keeps one identity's credential: fetched once for all who wait, again ahead of its
//! end beside a request that is served with the old one, and with growing pauses where that fails.
//!
//! Nothing runs while no request comes: the request that finds the credential due starts the fetch.
//! A fetch is a task of its own, so that a caller who leaves does not end it for others.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    credential::{Credential, Issued},
    failure::{Cause, IdentityFailure},
};
use crate::config::identity::Aws;

/// Longest time of one fetch, over all its steps.
const FETCH_TIME: Duration = Duration::from_secs(15);
/// The pause after the first failure. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The outcome of a source: a credential, or the step that failed, and why.
pub(super) type Outcome = Result<Issued, (&'static str, Cause)>;
/// A fetch under way.
pub(super) type Issuing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One identity, and its credential.
pub struct Identity {
    name: &'static str,
    aws: Option<Aws>,
    source: Box<dyn Fn() -> Issuing + Send + Sync>,
    current: ArcSwapOption<Credential>,
    flight: Mutex<Flight>,
}

/// The state of fetches.
#[derive(Default)]
struct Flight {
    /// Ends with the fetch that is under way.
    running: Option<watch::Receiver<()>>,
    /// Failures since the last success.
    failures: u32,
    /// The last one.
    failure: Option<IdentityFailure>,
    /// By when no other fetch is begun.
    pause: Option<Instant>,
}

/// The credential there is where a fetch is wanted.
enum Begun {
    /// A credential, after all.
    There(Arc<Credential>),
    /// A fetch, this one's or another's.
    Running(watch::Receiver<()>),
    /// Neither, for a while.
    Paused(IdentityFailure),
}

impl Identity {
    pub(super) fn new(
        name: &'static str,
        aws: Option<Aws>,
        source: impl Fn() -> Issuing + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            aws,
            source: Box::new(source),
            current: ArcSwapOption::empty(),
            flight: Mutex::default(),
        }
    }

    /// The credential that is there, without a wait. Where it is due, the next is fetched meanwhile.
    pub fn try_current(self: &Arc<Self>) -> Option<Arc<Credential>> {
        let now = Instant::now();
        let current = self.valid(now)?;
        if current.is_due(now) {
            self.begin(now, true);
        }
        Some(current)
    }

    /// The credential, waited for where there is none.
    ///
    /// # Errors
    /// None came in time, or none is fetched for a while because others failed.
    pub async fn credential(self: &Arc<Self>) -> Result<Arc<Credential>, IdentityFailure> {
        if let Some(current) = self.try_current() {
            return Ok(current);
        }
        let mut running = match self.begin(Instant::now(), false) {
            Begun::There(credential) => return Ok(credential),
            Begun::Paused(failure) => return Err(failure),
            Begun::Running(running) => running,
        };
        // Ends with an error when the fetch does, however that is. It has its own limit.
        let _ = running.changed().await;
        if let Some(credential) = self.valid(Instant::now()) {
            return Ok(credential);
        }
        let failure = self.flight.lock().failure.clone();
        Err(failure.unwrap_or_else(|| self.failed("fetching", Cause::Abandoned)))
    }

    fn valid(&self, now: Instant) -> Option<Arc<Credential>> {
        let current = self.current.load();
        (current.as_ref())
            .filter(|credential| credential.is_valid(now))
            .map(Arc::clone)
    }

    /// Begins a fetch unless one is under way or the last one failed just now. `renews`: there is a
    /// credential, and the next one is wanted.
    fn begin(self: &Arc<Self>, now: Instant, renews: bool) -> Begun {
        let mut flight = self.flight.lock();
        let fresh = |found: &Arc<Credential>| !renews || !found.is_due(now);
        if let Some(credential) = self.valid(now).filter(fresh) {
            return Begun::There(credential);
        }
        if let Some(running) = &flight.running
            && running.has_changed().is_ok()
        {
            return Begun::Running(running.clone());
        }
        if let Some(failure) = &flight.failure
            && flight.pause.is_some_and(|until| now < until)
        {
            return Begun::Paused(failure.clone());
        }
        let (ends, running) = watch::channel(());
        flight.running = Some(running.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let issued = timeout(FETCH_TIME, (this.source)()).await;
            let issued = issued.unwrap_or(Err(("fetching", Cause::Timeout(FETCH_TIME))));
            this.conclude(issued, renews);
            drop(ends);
        });
        Begun::Running(running)
    }

    fn conclude(&self, issued: Outcome, renews: bool) {
        let now = Instant::now();
        let issued = issued.map(|issued| Credential::new(issued, self.aws.as_ref(), now));
        let issued = match issued {
            Ok(credential) if !credential.is_valid(now) => Err(("fetching", Cause::Expired)),
            issued => issued,
        };
        let mut flight = self.flight.lock();
        match issued {
            Ok(credential) => {
                self.current.store(Some(Arc::new(credential)));
                *flight = Flight::default();
            }
            Err((step, cause)) => {
                let failure = self.failed(step, cause);
                let pause = FIRST_PAUSE * 2u32.saturating_pow(flight.failures.min(8));
                let pause = pause.min(LONGEST_PAUSE);
                *flight = Flight {
                    running: None,
                    failures: flight.failures.saturating_add(1),
                    failure: Some(failure.clone()),
                    pause: Some(now + pause),
                };
                drop(flight);
                let (identity, retry) = (self.name, pause.as_secs());
                if renews {
                    tracing::warn!(identity, error = %failure, retry_seconds = retry, "credential not renewed; the present one is used until it ends");
                } else {
                    tracing::error!(identity, error = %failure, retry_seconds = retry, "no credential");
                }
            }
        }
    }

    fn failed(&self, step: &'static str, cause: Cause) -> IdentityFailure {
        IdentityFailure {
            identity: self.name,
            step,
            cause,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
