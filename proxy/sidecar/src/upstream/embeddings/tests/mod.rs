use std::collections::VecDeque;

use bytes::Bytes;
use http::{StatusCode, request::Parts};
use serde_json::{Value, json};

use super::*;
use crate::{
    config::{Upstream, tests::read},
    telemetry::metrics::render,
};

mod faults;
mod kept;

/// An act of the scripted embedder.
enum Act {
    Answer(u16, String),
    Fail,
    /// Answers as it should, late.
    After(Duration),
    /// Vectors of so many numbers.
    Long(usize),
}

/// An embedder that does as its script says, and then as it should: the vector of a text has its
/// length in it.
#[derive(Clone, Default)]
struct Scripted(Arc<State>);

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<Vec<String>>>,
    heads: Mutex<Vec<Parts>>,
}

impl Client for Scripted {
    fn post<'a>(
        &'a self,
        _: &'a Upstream,
        head: Parts,
        body: Bytes,
    ) -> Work<'a, Result<Reply, String>> {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
        self.0.seen.lock().push(texts.clone());
        self.0.heads.lock().push(head);
        let act = self.0.script.lock().pop_front();
        Work::later(async move {
            let (status, body) = match act {
                Some(Act::Fail) => return Err("no connection to the upstream".to_owned()),
                Some(Act::Answer(status, body)) => (status, body),
                Some(Act::Long(count)) => (200, answer(&texts, count)),
                Some(Act::After(wait)) => {
                    tokio::time::sleep(wait).await;
                    (200, answer(&texts, 2))
                }
                None => (200, answer(&texts, 2)),
            };
            Ok(Reply {
                status: StatusCode::from_u16(status).unwrap(),
                body: body.into(),
            })
        })
    }
}

impl Scripted {
    fn then(&self, act: Act) -> &Self {
        self.0.script.lock().push_back(act);
        self
    }

    /// The texts of each request so far.
    fn seen(&self) -> Vec<Vec<String>> {
        self.0.seen.lock().clone()
    }
}

fn answer(texts: &[String], count: usize) -> String {
    let vector = |text: &String| {
        let mut numbers = vec![1.0; count];
        numbers[0] = text.len() as f64;
        numbers
    };
    let data = texts.iter().enumerate();
    let data: Vec<_> = data
        .map(|(index, text)| json!({ "index": index, "embedding": vector(text) }))
        .collect();
    json!({ "data": data, "usage": { "prompt_tokens": 1000 } }).to_string()
}

const YAML: &str = "
    upstreams: { local: { dialect: openai, url: 'http://127.0.0.1:9/v1', key: k } }
    embeddings: { target: local/m, MORE }
";

fn config(more: &str) -> Config {
    read(&YAML.replace("MORE", more))
}

fn embedder(more: &str) -> (Embedder, Scripted) {
    let client = Scripted::default();
    let embedder = Embedder::over(client.clone());
    embedder.follow(&config(more));
    (embedder, client)
}

/// Embeds texts for a policy; returns the first number of each vector.
async fn embed(embedder: &Embedder, policy: &str, texts: &[&str]) -> Result<Vec<f32>, Error> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    let vectors = embedder.embed(policy, texts).await?;
    Ok(vectors.iter().map(|vector| vector.numbers()[0]).collect())
}

/// The results that were counted for a policy, with their numbers.
fn counted(policy: &str) -> Vec<(String, u64)> {
    let text = render();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("outrigger_embeddings_total"));
    let own = lines.filter(|line| line.contains(&format!("plugin=\"{policy}\"")));
    let mut all: Vec<_> = own
        .map(|line| {
            let result = line.split("result=\"").nth(1).unwrap();
            let (result, count) = result.split_once("\"} ").unwrap();
            (result.to_owned(), count.parse().unwrap())
        })
        .collect();
    all.sort();
    all
}

/// The same, as a table has it.
fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let owned = expected.iter();
    owned.map(|(word, n)| ((*word).to_owned(), *n)).collect()
}
