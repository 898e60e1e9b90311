//! Targets beside an alias's own: on trial, in the shadow, and second attempts beside slow ones.

use super::*;
use crate::state::targets::AliasState;

mod canary;
mod hedge;
mod shadow;

/// The answer of an upstream to its nth request.
type Turns = Arc<dyn Fn(&str, usize) -> Turn + Send + Sync>;

/// Answers requests by the upstream that they go to.
#[derive(Clone)]
struct ByUpstream {
    turn: Turns,
    /// The upstream of each request, and its body.
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
}

impl Transport for ByUpstream {
    fn send(
        &self,
        upstream: &Upstream,
        request: Request<Payload>,
        _: Connection,
    ) -> impl Future<Output = Result<Response<Inbound>, SendError>> + Send {
        let (fake, name) = (self.clone(), upstream.name.clone());
        async move {
            let body = request.into_body().collect().await;
            let body = body.map_err(SendError::Body)?.to_bytes();
            let turn = {
                let mut seen = fake.seen.lock();
                let before = seen.iter().filter(|(seen, _)| *seen == name).count();
                seen.push((name.clone(), body));
                (fake.turn)(&name, before)
            };
            match turn {
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

/// The upstreams `openai`, `b` and `new`, an account each, and the alias `m` of `alias`.
struct Field {
    worker: Worker<ByUpstream>,
    shared: Arc<Shared>,
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
}

impl Field {
    fn new(alias: &str, turn: impl Fn(&str, usize) -> Turn + Send + Sync + 'static) -> Self {
        Self::with(&[], alias, turn)
    }

    fn with(
        policies: &[Policy],
        alias: &str,
        turn: impl Fn(&str, usize) -> Turn + Send + Sync + 'static,
    ) -> Self {
        let upstream = |name: &str| {
            format!(
                "  {name}: {{ dialect: openai, url: 'http://{name}.test/v1', key: k, account: of-{name} }}\n"
            )
        };
        let upstreams: String = ["openai", "b", "new"].map(upstream).concat();
        let yaml = format!("upstreams:\n{upstreams}models: {{ m: {alias} }}\n");
        let config = crate::config::tests::read(&yaml);
        let stores = Stores::in_memory();
        let loaded = policies
            .iter()
            .map(|policy| fakes::loaded(*policy, &stores));
        let chain = Chain::new(loaded.collect());
        let generation = Generation::of(1, config, chain, &Lasting::default());
        let shared = Arc::new(Shared::new(generation));
        let seen = Arc::default();
        let upstream = ByUpstream {
            turn: Arc::new(turn),
            seen: Arc::clone(&seen),
        };
        let worker = Worker::new(Arc::clone(&shared), upstream, stores, Flights::default());
        Self {
            worker,
            shared,
            seen,
        }
    }

    /// Says something in a conversation of its own.
    async fn say(&self, text: &str) -> Answered {
        self.send(&format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#
        ))
        .await
    }

    /// Says something in a conversation of its own, for a customer of this plan.
    async fn say_as(&self, plan: &'static str, text: &str) -> Answered {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#);
        let request = Request::post("/v1/chat/completions")
            .header("content-length", body.len())
            .header("x-outrigger-plan", plan);
        let request = request.body(Full::new(Bytes::from(body)));
        read(self.worker.handle(request.unwrap(), None).await).await
    }

    async fn send(&self, body: &str) -> Answered {
        let request = Request::post("/v1/chat/completions").header("content-length", body.len());
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        read(self.worker.handle(request.unwrap(), None).await).await
    }

    /// Lets tasks that nobody waits for go on.
    async fn settle_down(&self) {
        sleep(Duration::from_millis(1)).await;
    }

    /// The bodies that an upstream saw.
    fn bodies(&self, upstream: &str) -> Vec<String> {
        let seen = self.seen.lock();
        let own = seen.iter().filter(|(name, _)| name == upstream);
        own.map(|(_, body)| String::from_utf8(body.to_vec()).unwrap())
            .collect()
    }

    /// The upstreams that saw a request, in order.
    fn reached(&self) -> Vec<String> {
        let seen = self.seen.lock();
        seen.iter().map(|(name, _)| name.clone()).collect()
    }

    fn state(&self) -> Arc<AliasState> {
        let generation = self.shared.generation.load();
        let (state, _) = generation.places.aliases().next().unwrap();
        Arc::clone(state)
    }

    /// The records of what was settled.
    fn records(&self) -> Vec<Record> {
        self.shared.settled.lock().clone()
    }
}
