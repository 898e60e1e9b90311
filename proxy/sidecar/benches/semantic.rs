//! semantic-cache's decision, as it is built, on a store of replies that are kept under vectors, and
//! a text whose vector the embedder has in its cache. No embedder is called.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use outrigger::{config::Config, state::Stores, upstream::embeddings::Embedder};
use policy::{Call, Decision, Near, Partition, PolicyLimits, Program, Vector};
use sandbox::{
    Compiler, Grants, Host, Loader, Options, Source,
    capabilities::{
        EMBEDDINGS, REPLIES, VALUES, Work,
        embeddings::{Embeddings, Error},
    },
};

use super::near::{numbers, vector};

const QUESTION: &str = "I forgot my password, how do I change it?";
/// Near by their vectors, the nearest first: the checks refuse three of them.
const NEAR: [&str; 4] = [
    "How do I change my email address?",
    "How do I delete my account?",
    "I forgot my user name, how do I find it?",
    "How do I reset my password?",
];

/// The policy, before a store of its own.
pub(crate) struct Cache {
    program: Arc<dyn Program>,
    /// The stores that the policy was lent.
    _stores: Stores,
}

/// An embedder that has two vectors: one for questions about bread, one for all others.
struct Two {
    question: Arc<Vector>,
    bread: Arc<Vector>,
}

impl Embeddings for Two {
    fn embedder(&self) -> Option<Arc<str>> {
        Some("bench".into())
    }

    fn embed<'a>(
        &'a self,
        _: &'a str,
        texts: Vec<String>,
    ) -> Work<'a, Result<Vec<Arc<Vector>>, Error>> {
        let of = |text: String| match text.contains("bread") {
            true => Arc::clone(&self.bread),
            false => Arc::clone(&self.question),
        };
        Work::now(Ok(texts.into_iter().map(of).collect()))
    }
}

impl Cache {
    /// Makes one of so many replies, of which four are near to the question.
    pub(crate) async fn of(kept: usize, wasm: Vec<u8>) -> Self {
        let (stores, mut numbers) = (Stores::in_memory(), numbers());
        let (question, bread) = (vector(&mut numbers), vector(&mut numbers));
        let mut host = stores.lent(Host::none());
        host.embeddings = Arc::new(Two {
            question: Arc::clone(&question),
            bread,
        });
        let options = Options {
            slots: 64,
            ..Options::default()
        };
        let loader = Loader::new(options, None, Compiler::InProcess, host).unwrap();
        let source = Source {
            name: "semantic-cache".to_owned(),
            bytes: wasm,
            config: r#"{"mode":"serve","trust":"at_once","without_temperature":true}"#.to_owned(),
            grants: Grants::default()
                .with(&REPLIES)
                .with(&EMBEDDINGS)
                .with(&VALUES),
            // so that it runs in a debug build, too
            limits: PolicyLimits {
                cpu: Duration::from_secs(5),
                ..PolicyLimits::default()
            },
        };
        let cache = Self {
            program: loader.load(source).unwrap(),
            _stores: stores.clone(),
        };
        let (call, decision) = cache.decide(QUESTION).await;
        assert_eq!(decision, Decision::Forward, "nothing is kept");
        let partition = call.claims.partitions[0];
        for n in 0..kept {
            let (vector, text) = match NEAR.iter().rev().nth(n) {
                Some(text) => (beside(&question, 0.02 + 0.02 * (4 - n) as f32, n), *text),
                None => (vector(&mut numbers), "What was the question?"),
            };
            keep(&stores, partition, &n.to_string(), vector, text).await;
        }
        cache
    }

    /// Decides on a question, as a policy that nothing is known of yet.
    pub(crate) async fn decide(&self, question: &str) -> (Box<Call>, Decision) {
        let body = format!(
            r#"{{"model":"bench","messages":[{{"role":"system","content":"Help."}},{{"role":"user","content":"{question}"}}]}}"#
        );
        let mut body = super::Body::wire(super::Dialect::OpenaiChat, body.into());
        body.index().unwrap();
        let mut call = super::call(body);
        call.claims.recordable = true;
        let (call, turn) = self.program.start().unwrap().on_request(call).await;
        (call, turn.unwrap().1)
    }

    pub(crate) async fn hit(&self) {
        let (_, decision) = self.decide(QUESTION).await;
        assert!(matches!(decision, Decision::Serve(_)), "{decision:?}");
    }

    pub(crate) async fn miss(&self) {
        let (_, decision) = self.decide("How do I bake bread?").await;
        assert_eq!(decision, Decision::Forward);
    }
}

async fn keep(stores: &Stores, partition: Partition, key: &str, vector: Arc<Vector>, text: &str) {
    let near = Near {
        partition,
        vector,
        note: format!("\u{1}{text}").into(),
    };
    let (reply, hour) = (Bytes::from_static(b"an answer"), Duration::from_secs(3600));
    let replies = stores.replies();
    let kept = replies.put_near("semantic-cache", key, reply, hour, Some(&near));
    kept.await.unwrap();
}

/// A vector beside another one: the more so, the farther.
fn beside(vector: &Vector, far: f32, seed: usize) -> Arc<Vector> {
    let sign = |n: usize| {
        if (n * (2 * seed + 3)).is_multiple_of(7) {
            far
        } else {
            -far
        }
    };
    let numbers = vector.numbers().iter().enumerate();
    let own = numbers.map(|(n, number)| number + sign(n) / 8.0).collect();
    Arc::new(Vector::new("bench".into(), own).unwrap())
}

/// An embedder over the embedded model, which has the vector of a text.
pub(crate) async fn embedder() -> Embedder {
    let config = "upstreams: { e: { kind: embedded } }\nembeddings: { target: e/m, timeout: 1s }\n";
    let config = Config::parse(config, "bench.yaml", &|_| None, &Default::default()).unwrap();
    let embedder = Embedder::offline(&config);
    embed(&embedder).await;
    embedder
}

pub(crate) async fn embed(embedder: &Embedder) {
    let vectors = embedder.embed("bench", vec![QUESTION.to_owned()]).await;
    assert_eq!(vectors.unwrap().len(), 1);
}
