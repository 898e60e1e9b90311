//! Attempts of an alias: what is tried when one fails, over providers that answer by a script.

use std::ops::RangeInclusive;

use route::State;

use super::*;
use crate::state::targets::Place;

mod attempts;
mod candidates;
mod hold;
mod judged;
mod keys;
mod left;
mod queue;
mod settled;
mod time;

/// Three upstreams with an account each, and the alias `m`.
const UPSTREAMS: &str = "  \
    a: { dialect: openai, url: 'http://a.test/v1', key: ka, account: of-a, first_content_timeout: 30s, idle_timeout: 20s }\n  \
    b: { dialect: openai, url: 'http://b.test/v1', key: kb, account: of-b, first_content_timeout: 30s, idle_timeout: 20s }\n  \
    c: { dialect: openai, url: 'http://c.test/v1', key: kc, account: of-c, first_content_timeout: 30s, idle_timeout: 20s }\n";
const ONE: &str = "{ targets: [a/gpt-5] }";
const TWO: &str = "{ targets: [a/gpt-5, b/gpt-5] }";
const THREE: &str = "{ targets: [a/gpt-5, b/gpt-5, c/gpt-5] }";

const M: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const M_STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const BUSY: &str = r#"{"error":{"message":"busy","type":"server_error","code":null}}"#;
const LIMITED: &str =
    r#"{"error":{"message":"slow","type":"requests","code":"rate_limit_exceeded"}}"#;
const NO_MONEY: &str =
    r#"{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}"#;
const NO_KEY: &str =
    r#"{"error":{"message":"who","type":"invalid_request_error","code":"invalid_api_key"}}"#;
const BAD: &str = r#"{"error":{"message":"bad","type":"invalid_request_error","code":null}}"#;
const ROLE: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

/// A request as a provider sees it.
#[derive(Debug, Clone)]
struct Arrival {
    upstream: String,
    /// The credential.
    key: String,
    /// The number of requests that its upstream saw before it.
    nth: usize,
    body: Bytes,
    at: Instant,
}

/// The answer to a request.
type Answers = Arc<dyn Fn(&Arrival) -> Turn + Send + Sync>;

/// Providers that answer by upstream, key and turn.
#[derive(Clone)]
struct Providers {
    answers: Answers,
    seen: Arc<Mutex<Vec<Arrival>>>,
}

impl Transport for Providers {
    fn send(
        &self,
        upstream: &Upstream,
        request: Request<Payload>,
        _: Connection,
    ) -> impl Future<Output = Result<Response<Inbound>, SendError>> + Send {
        let (fake, name) = (self.clone(), upstream.name.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(SendError::Body)?.to_bytes();
            let credential = ["authorization", "x-api-key", "x-goog-api-key"]
                .into_iter()
                .find_map(|name| head.headers.get(name)?.to_str().ok());
            let key = credential.unwrap_or_default();
            let key = key.trim_start_matches("Bearer ").to_owned();
            let arrival = fake.note(name, key, body);
            match (fake.answers)(&arrival) {
                Turn::Reply(reply) => Ok(reply),
                Turn::Fail(error) => Err(error),
                Turn::FailAfter(seconds, error) => {
                    sleep(Duration::from_secs(seconds)).await;
                    Err(error)
                }
                Turn::Silence => std::future::pending().await,
            }
        }
    }
}

impl Providers {
    /// Notes a request: its upstream, credential and body.
    fn note(&self, upstream: String, key: String, body: Bytes) -> Arrival {
        let mut seen = self.seen.lock();
        let arrival = Arrival {
            nth: seen.iter().filter(|seen| seen.upstream == upstream).count(),
            upstream,
            key,
            body,
            at: Instant::now(),
        };
        seen.push(arrival.clone());
        arrival
    }
}

/// A worker, and the providers behind it.
struct Scene {
    worker: Arc<Worker<Providers>>,
    shared: Arc<Shared>,
    stores: Stores,
    seen: Arc<Mutex<Vec<Arrival>>>,
    /// The number of requests that were looked at.
    looked_at: Mutex<usize>,
}

/// The alias `m` over the upstreams `a`, `b` and `c`.
fn scene(alias: &str, answers: impl Fn(&Arrival) -> Turn + Send + Sync + 'static) -> Scene {
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {alias} }}\n");
    scene_of(&yaml, &[], answers)
}

fn scene_of(
    yaml: &str,
    policies: &[Policy],
    answers: impl Fn(&Arrival) -> Turn + Send + Sync + 'static,
) -> Scene {
    let config = crate::config::tests::read(yaml);
    let stores = Stores::in_memory();
    let loaded = policies
        .iter()
        .map(|policy| fakes::loaded(*policy, &stores));
    let chain = Chain::new(loaded.collect());
    let generation = Generation::of(1, config, chain, &Lasting::default());
    let shared = Arc::new(Shared::new(generation));
    let providers = Providers {
        answers: Arc::new(answers),
        seen: Arc::default(),
    };
    let seen = Arc::clone(&providers.seen);
    let worker = Worker::new(
        Arc::clone(&shared),
        providers,
        stores.clone(),
        Flights::default(),
    );
    Scene {
        worker: Arc::new(worker),
        shared,
        stores,
        seen,
        looked_at: Mutex::default(),
    }
}

impl Scene {
    async fn ask(&self, body: &'static str) -> Answered {
        read(self.worker.handle(chat(body), None).await).await
    }

    /// Serves a request with one more header.
    async fn ask_with(
        &self,
        body: &'static str,
        name: &'static str,
        value: &'static str,
    ) -> Answered {
        let mut request = chat(body);
        request.headers_mut().insert(name, value.parse().unwrap());
        read(self.worker.handle(request, None).await).await
    }

    /// Serves a request at another path.
    async fn post(&self, path: &str, body: &str) -> Answered {
        let request = Request::post(path).header("content-length", body.len());
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        read(self.worker.handle(request.unwrap(), None).await).await
    }

    /// The requests that providers saw since this was called last, in order.
    fn arrivals(&self) -> Vec<Arrival> {
        let seen = self.seen.lock();
        let from = std::mem::replace(&mut *self.looked_at.lock(), seen.len());
        seen[from..].to_vec()
    }

    /// The upstreams of those.
    fn reached(&self) -> Vec<String> {
        let arrivals = self.arrivals().into_iter();
        arrivals.map(|arrival| arrival.upstream).collect()
    }

    /// The keys of those.
    fn keys(&self) -> Vec<String> {
        let arrivals = self.arrivals().into_iter();
        arrivals.map(|arrival| arrival.key).collect()
    }

    /// The records that were settled.
    fn records(&self) -> Vec<Record> {
        super::traces::assert_traced(&self.shared);
        self.shared.settled.lock().clone()
    }

    /// The one record that was settled.
    fn settled(&self) -> Record {
        let records = self.records();
        assert_eq!(records.len(), 1, "an exchange settles once");
        records[0].clone()
    }

    /// The state of a target that an alias names.
    fn place(&self, name: &str) -> Arc<Place> {
        let generation = self.shared.generation.load();
        let mut places = generation.places.iter();
        Arc::clone(places.find(|place| place.target.name() == name).unwrap())
    }

    fn state(&self, name: &str) -> State {
        self.place(name).state(crate::state::targets::now())
    }

    /// Asserts that nothing is under way at any target, and that all would take an attempt.
    fn assert_free(&self) {
        let generation = self.shared.generation.load();
        let now = crate::state::targets::now();
        for place in generation.places.iter() {
            assert_eq!(place.target.in_flight(), 0, "{}", place.target.name());
            assert_eq!(place.state(now), State::Closed, "{}", place.target.name());
            assert_eq!(place.target.breaker().read(|cell| cell.in_flight(now)), 0);
        }
        for (alias, _) in generation.places.aliases() {
            assert!(alias.queue.as_ref().is_none_or(|queue| queue.is_empty()));
        }
    }
}

/// The attempts of a record: target, class and status.
fn attempts(record: &Record) -> Vec<(String, &'static str, u16)> {
    let attempts = record.attempts();
    attempts
        .map(|(target, end)| (target.to_owned(), end.class, end.status))
        .collect()
}

fn good() -> Turn {
    whole(200, WHOLE)
}

fn refused() -> Turn {
    Turn::Fail(SendError::Connect("refused".into()))
}

/// A 429 with an end.
fn limited(seconds: &'static str) -> Turn {
    with(whole(429, LIMITED), "retry-after", seconds)
}

/// A stream of events that is there at once.
fn events(pieces: Vec<Bytes>) -> Turn {
    let reply = Response::builder().header("content-type", "text/event-stream");
    Turn::Reply(reply.body(Inbound::Kept(pieces.into())).unwrap())
}

/// Answers so at `a`, and well elsewhere.
fn failing_at_a(
    turn: impl Fn() -> Turn + Send + Sync + 'static,
) -> impl Fn(&Arrival) -> Turn + Send + Sync + 'static {
    move |arrival| match &*arrival.upstream {
        "a" => turn(),
        _ => good(),
    }
}

fn assert_within(number: u64, range: RangeInclusive<u64>) {
    assert!(range.contains(&number), "{number} is not in {range:?}");
}
