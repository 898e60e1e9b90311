//! The embedder: texts of policies become vectors, by the upstream that `embeddings` names.
//!
//! A text is looked for in `cache.rs`, then among those that are under way in `pending.rs`, and only
//! then sent; the new ones of a call go in one request. A policy waits for `timeout` at most:
//! vectors that are late are a miss, and never an error. Their request goes on without it, for
//! ten seconds at most, and what it brings is cached: a model that has to be loaded first would be
//! cancelled each time otherwise. Requests that may be under way are counted, so that a silent
//! embedder piles up nothing, and is soon a miss at once.
//!
//! No text is logged, and none is kept: the cache has hashes.

use std::{borrow::Cow, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use policy::Vector;
use sandbox::capabilities::{
    EMBEDDINGS, Work,
    embeddings::{Embeddings, Error},
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use tracing::warn;

use super::{BoxError, Pool};
use crate::{
    config::{Config, Kind},
    telemetry::metrics,
};

mod cache;
mod client;
mod pending;
mod service;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use cache::Key;
use client::{Client, Reply};
use pending::{Answer, Awaited, Found, Pending, Request};
use service::Service;

/// Longest time of a request, however long a policy waits: some servers load their model first.
const LONGEST: Duration = Duration::from_secs(10);
/// Time between two lines of the log about an embedder that fails.
const QUIET: Duration = Duration::from_secs(60);

/// The embedder of the process. A clone is the same one.
#[derive(Clone)]
pub struct Embedder(Arc<Inner>);

struct Inner {
    client: Box<dyn Client>,
    /// None: no configuration names one.
    service: ArcSwapOption<Service>,
    pending: Pending,
    /// Time at which a failure was logged last.
    logged: Mutex<Option<Instant>>,
}

/// The reason why a text has no vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Miss {
    /// The embedder did not answer within [`LONGEST`].
    Timeout,
    /// As many requests as may be are under way.
    Busy,
    /// There was no answer, or an error.
    Failed,
    /// The answer is not a vector for each text.
    Malformed,
}

impl Miss {
    /// Returns the label under which it is counted.
    const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Malformed => "malformed",
        }
    }
}

impl Default for Embedder {
    /// Makes an embedder that is none until it [follows](Self::follow) a configuration.
    fn default() -> Self {
        Self::over(Pool::default())
    }
}

impl Embedder {
    fn over(client: impl Client + 'static) -> Self {
        Self(Arc::new(Inner {
            client: Box::new(client),
            service: ArcSwapOption::empty(),
            pending: Pending::default(),
            logged: Mutex::default(),
        }))
    }

    /// Makes the embedder of a configuration for where there is no network: none, unless it is the
    /// embedded model.
    pub fn offline(config: &Config) -> Self {
        let embedder = Self::default();
        let target = config.embeddings.as_ref().map(|wanted| &wanted.target);
        let upstream = target.and_then(|target| config.upstreams.get(&target.upstream));
        if upstream.is_some_and(|upstream| matches!(upstream.kind, Kind::Embedded)) {
            embedder.follow(config);
        }
        embedder
    }

    /// Goes by this configuration from now on. What is cached stays, where the vectors of the
    /// embedder that it names are the same.
    pub fn follow(&self, config: &Config) {
        let former = self.0.service.load_full();
        let service = config.embeddings.as_ref().and_then(|wanted| {
            let service = Service::of(config, wanted, former.as_deref());
            // Configuration checks all that could be the reason.
            let log = |error: &BoxError| warn!(%error, "there is no embedder");
            service.inspect_err(log).ok()
        });
        if service.is_none() {
            let chain = config.policies.chain.iter();
            for used in chain.filter(|used| used.grants.has(&EMBEDDINGS)) {
                warn!(policy = %used.name, "granted `embeddings`, and there is no embedder; it gets no vectors");
            }
        }
        self.0.service.store(service.map(Arc::new));
    }

    /// Waits for the vectors of texts, of which some are not in the cache.
    async fn fetch(
        &self,
        service: Arc<Service>,
        policy: &str,
        texts: Vec<String>,
    ) -> Result<Vec<Arc<Vector>>, Error> {
        let (mut awaited, mut new) = (Vec::with_capacity(texts.len()), Vec::new());
        for text in texts {
            let key = service.key(&text);
            let found = self.0.pending.find(key, || service.cache.get(&key));
            let (result, answer) = match found {
                Found::There(vector) => ("hit", Awaited::there(vector)),
                Found::UnderWay(answer) => ("joined", answer),
                Found::New(request, answer) => {
                    new.push((request, text));
                    ("embedded", answer)
                }
            };
            awaited.push(Text {
                policy,
                result,
                answer,
                came: Err(Miss::Timeout),
            });
        }
        if !new.is_empty() {
            self.send(&service, new);
        }
        let all = async {
            for text in &mut awaited {
                text.came = text.answer.wait().await;
            }
        };
        let _ = timeout(service.settings.timeout, all).await;
        let vectors = awaited.iter().map(|text| text.came.clone());
        let vectors: Option<Vec<_>> = vectors.map(Result::ok).collect();
        alike(vectors.ok_or(Error::Unavailable)?)
    }

    /// Sends texts, where another request may be under way.
    fn send(&self, service: &Arc<Service>, new: Vec<(Request, String)>) {
        let (requests, texts): (Vec<Request>, Vec<String>) = new.into_iter().unzip();
        let permit = Arc::clone(&service.permits).try_acquire_owned();
        let (Ok(permit), Ok(runtime)) = (permit, Handle::try_current()) else {
            requests
                .into_iter()
                .for_each(|request| request.end(Err(Miss::Busy)));
            return;
        };
        let (embedder, service) = (self.clone(), Arc::clone(service));
        runtime.spawn(async move {
            let vectors = embedder.request(&service, &texts).await;
            drop(permit);
            match vectors {
                Ok(vectors) => (requests.into_iter().zip(vectors)).for_each(|(request, vector)| {
                    // Before anybody finds that it is not under way any more.
                    service.cache.insert(request.key(), Arc::clone(&vector));
                    request.end(Ok(vector));
                }),
                Err(miss) => {
                    (requests.into_iter()).for_each(|request| request.end(Err(miss)));
                }
            }
        });
    }

    /// Makes one request, and accounts for it.
    async fn request(&self, service: &Service, texts: &[String]) -> Answer<Vec<Arc<Vector>>> {
        let begun = Instant::now();
        let made = timeout(LONGEST, service.request(&*self.0.client, texts)).await;
        let made = made.unwrap_or_else(|_| Err((Miss::Timeout, Cow::from("no answer in time"))));
        let outcome = made
            .as_ref()
            .map_or_else(|(miss, _)| miss.label(), |_| "embedded");
        let upstream = &service.settings.target.upstream;
        metrics::embedding_request(upstream, outcome, begun.elapsed());
        made.map_err(|(miss, reason)| {
            self.log(service, &reason);
            miss
        })
    }

    /// Logs a failure, but not each.
    fn log(&self, service: &Service, reason: &str) {
        let mut logged = self.0.logged.lock();
        if logged.is_none_or(|last| last.elapsed() >= QUIET) {
            *logged = Some(Instant::now());
            drop(logged);
            let embedder = &*service.name;
            warn!(%embedder, %reason, "the embedder gave no vectors; policies go on without");
        }
    }
}

impl Embeddings for Embedder {
    fn embedder(&self) -> Option<Arc<str>> {
        let service = self.0.service.load();
        service.as_ref().map(|service| Arc::clone(&service.name))
    }

    fn embed<'a>(
        &'a self,
        policy: &'a str,
        texts: Vec<String>,
    ) -> Work<'a, Result<Vec<Arc<Vector>>, Error>> {
        let refused = |result, error| {
            metrics::embedded(policy, result);
            Work::now(Err(error))
        };
        let Some(service) = self.0.service.load_full() else {
            return refused("none", Error::Unavailable);
        };
        let largest = service.settings.largest;
        if texts.iter().any(|text| text.len() > largest) {
            let why = format!("a text is larger than {largest} bytes");
            return refused("too_large", Error::Invalid(why));
        }
        let cached = texts
            .iter()
            .map(|text| service.cache.get(&service.key(text)));
        match cached.collect::<Option<Vec<_>>>() {
            Some(vectors) => {
                (vectors.iter()).for_each(|_| metrics::embedded(policy, "hit"));
                Work::now(alike(vectors))
            }
            None => Work::later(self.fetch(service, policy, texts)),
        }
    }
}

/// The vectors, if they can be compared: an embedder that changed its mind about their length in
/// between has none.
fn alike(vectors: Vec<Arc<Vector>>) -> Result<Vec<Arc<Vector>>, Error> {
    let mut lengths = vectors.iter().map(|vector| vector.numbers().len());
    let first = lengths.next();
    match lengths.all(|length| Some(length) == first) {
        true => Ok(vectors),
        false => Err(Error::Unavailable),
    }
}

/// A text whose vector a policy waits for. It is counted once, however the wait ends.
struct Text<'a> {
    policy: &'a str,
    /// The label of a success.
    result: &'static str,
    answer: Awaited,
    came: Answer<Arc<Vector>>,
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        let result = match &self.came {
            Ok(_) => self.result,
            Err(miss) => miss.label(),
        };
        metrics::embedded(self.policy, result);
    }
}
