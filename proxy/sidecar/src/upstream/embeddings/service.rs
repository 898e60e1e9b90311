//! The embedder that one configuration names, and its requests.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use dialect::{Dialect, Usage, vectors};
use http::{HeaderMap, HeaderValue, Method, header, uri::PathAndQuery};
use policy::Vector;
use tokio::sync::Semaphore;

use super::{
    Client, Key, Miss, Reply,
    cache::{Vectors, hashed},
};
use crate::{
    BoxError,
    config::{Config, Embeddings, Endpoint, Kind, Upstream},
    cost::Prices,
    telemetry::metrics,
    upstream::credentials::{Credential, outgoing},
};

const PATH: &str = "/v1/embeddings";

/// An embedder.
pub(super) struct Service {
    pub(super) settings: Embeddings,
    /// `upstream/model`.
    pub(super) name: Arc<str>,
    pub(super) cache: Arc<Vectors>,
    /// One for each request that may be under way.
    pub(super) permits: Arc<Semaphore>,
    /// A hash of all that its vectors depend on: those of another server, model or length are found
    /// under other keys.
    identity: Key,
    upstream: Upstream,
    path: PathAndQuery,
    headers: HeaderMap,
    /// The upstream's keys, which take turns.
    credentials: Vec<Credential>,
    turn: AtomicUsize,
    prices: Prices,
    /// The length of the vectors that came last; 0 before any came.
    dimensions: AtomicUsize,
}

impl Service {
    /// The embedder of a configuration; what `former` has cached is kept where it fits.
    ///
    /// # Errors
    /// A key or the path can't be sent; configuration checks that.
    pub(super) fn of(
        config: &Config,
        settings: &Embeddings,
        former: Option<&Self>,
    ) -> Result<Self, BoxError> {
        let target = &settings.target;
        let upstream = config.upstreams.get(&target.upstream);
        let upstream = upstream.ok_or("its upstream is not configured")?.clone();
        let call = Endpoint {
            dialect: Dialect::OpenaiEmbeddings,
            path: PATH,
            model: Some(&target.model),
            is_streaming: false,
        };
        let (origin, path) = match &upstream.kind {
            Kind::Embedded => (String::new(), PATH.to_owned()),
            Kind::Http { origin, .. } => (origin.to_string(), upstream.path_for(&call)?),
        };
        let auth = upstream.auth_for(Dialect::OpenaiEmbeddings);
        let credentials = upstream.keys.iter();
        let credentials = credentials.map(|key| Credential::of(auth, key.secret.reveal()));
        let length = settings.dimensions.unwrap_or_default().to_le_bytes();
        let parts = [&target.upstream, &target.model, &origin, &path].map(|part| part.as_bytes());
        let former = former.filter(|former| former.settings.cache == settings.cache);
        Ok(Self {
            name: format!("{}/{}", target.upstream, target.model).into(),
            cache: former.map_or_else(
                || Arc::new(Vectors::new(settings.cache)),
                |former| Arc::clone(&former.cache),
            ),
            permits: Arc::new(Semaphore::new(settings.in_flight)),
            identity: hashed(parts.into_iter().chain([&length[..]])),
            path: PathAndQuery::try_from(path)?,
            headers: headers(),
            credentials: credentials.collect::<Result<_, _>>()?,
            turn: AtomicUsize::new(0),
            prices: Prices::of(config),
            dimensions: AtomicUsize::new(0),
            settings: settings.clone(),
            upstream,
        })
    }

    /// The key of a text.
    pub(super) fn key(&self, text: &str) -> Key {
        hashed([&self.identity[..], text.as_bytes()])
    }

    /// Requests the vectors of texts.
    ///
    /// # Errors
    /// There are none, for a reason in words that quote nothing.
    pub(super) async fn request(
        &self,
        client: &dyn Client,
        texts: &[String],
    ) -> Result<Vec<Arc<Vector>>, (Miss, Cow<'static, str>)> {
        let model = &self.settings.target.model;
        let body = vectors::request(model, texts, self.settings.dimensions);
        let turn = self.turn.fetch_add(1, Relaxed);
        let key = turn.checked_rem(self.credentials.len());
        let key = key.and_then(|key| self.credentials.get(key));
        let head = outgoing(
            &self.upstream,
            key,
            &Method::POST,
            &self.headers,
            |_| false,
            self.path.clone(),
        );
        let head = head.map_err(|error| (Miss::Failed, error.to_string().into()))?;
        let reply = client.post(&self.upstream, head, Bytes::from(body)).await;
        let Reply { status, body } = reply.map_err(|words| (Miss::Failed, words.into()))?;
        if !status.is_success() {
            let words = format!("it answered with status {}", status.as_u16());
            return Err((Miss::Failed, words.into()));
        }
        self.read(&body, texts)
    }

    /// Reads a reply, and counts what it cost.
    fn read(
        &self,
        reply: &[u8],
        texts: &[String],
    ) -> Result<Vec<Arc<Vector>>, (Miss, Cow<'static, str>)> {
        let malformed = |words: Cow<'static, str>| (Miss::Malformed, words);
        let read = vectors::read(reply, texts.len());
        // A reply that can't be used was paid for all the same.
        self.account(texts, read.as_ref().ok().and_then(|read| read.usage));
        let read = read.map_err(|error| malformed(error.what.into()))?;
        let length = read.vectors.first().map_or(0, Vec::len);
        if let Some(wanted) = self.settings.dimensions
            && wanted as usize != length
        {
            let words = format!("its vectors have {length} numbers, and `dimensions` is {wanted}");
            return Err(malformed(words.into()));
        }
        let former = self.dimensions.swap(length, Relaxed);
        if former != 0 && former != length {
            // It is another model: what the one before it answered is of no use.
            self.cache.clear();
        }
        let vectors = read.vectors.into_iter();
        let vectors = vectors.map(|numbers| Vector::new(Arc::clone(&self.name), numbers));
        let vectors: Option<Vec<_>> = vectors.map(|vector| vector.map(Arc::new)).collect();
        vectors.ok_or_else(|| malformed("a vector is nothing but zeros".into()))
    }

    /// Counts tokens and cost with those of exchanges; tokens that are not reported by estimate,
    /// four bytes each.
    fn account(&self, texts: &[String], usage: Option<Usage>) {
        let bytes: usize = texts.iter().map(String::len).sum();
        let usage = usage.unwrap_or_else(|| Usage {
            input: bytes.div_ceil(4) as u64,
            estimated: true,
            ..Usage::default()
        });
        let target = &self.settings.target;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        let price = self.prices.price(&target.upstream, &target.model, now);
        let cost = price.map(|price| price.cost(&usage));
        let upstream = Arc::from(&*target.upstream);
        metrics::embedding_spent(Arc::from(&*target.model), upstream, usage, cost);
    }
}

fn headers() -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    let agent = HeaderValue::from_static(concat!("outrigger/", env!("CARGO_PKG_VERSION")));
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, json.clone()),
        (header::ACCEPT, json),
        (header::USER_AGENT, agent),
    ])
}
