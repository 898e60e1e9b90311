//! Texts that policies have embedded: by the embedded model, by an upstream that does as it should
//! or does not, and by a real model.

use std::time::Duration;

use outrigger_tests::embedder::Embedder;
use outrigger_tests::replies::{self, Api};
use outrigger_tests::sidecar::run_to_end;
use outrigger_tests::{Sidecar, Step, Upstream, eventually, upstream};
use serde_json::{Value, json};

const CHAIN: &str =
    "policies:\n  directory: \"{policies}\"\n  chain: [{ use: embeds, grants: [embeddings] }]\n";

fn config(upstream: &str, embeddings: &str) -> String {
    format!("workers: 2\nupstreams:\n  e: {upstream}\n{embeddings}\n{CHAIN}")
}

/// The configuration of an embedder at an address, with more keys.
fn over(upstream: &Upstream, more: &str) -> String {
    let at = upstream.address;
    let upstream = format!("{{ dialect: openai, url: \"http://{at}/v1\", key: sk-embedder }}");
    config(&upstream, &format!("embeddings: {{ target: e/m{more} }}"))
}

/// Returns the policy's answer for texts.
fn embed(sidecar: &Sidecar, texts: &[&str]) -> String {
    let body = Api::Chat.ask("m", &texts.join("\n"), false);
    let reply = sidecar.post(Api::Chat.path(), body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json()["choices"][0]["message"]["content"].clone();
    answer.as_str().unwrap().to_owned()
}

/// The cosines that it says, with the embedder and the number of dimensions before them.
fn cosines(answer: &str) -> (String, Vec<f64>) {
    let mut words = answer.split(' ');
    let made_by = [words.next().unwrap(), words.next().unwrap()].join(" ");
    (made_by, words.map(|word| word.parse().unwrap()).collect())
}

fn counted(sidecar: &Sidecar, result: &str) -> f64 {
    let labels = ["plugin=\"embeds\"", &format!("result=\"{result}\"")];
    sidecar.metric("outrigger_embeddings_total", &labels)
}

/// An embedder's answer: the vector of a text has its length in it.
fn answer(seen: &upstream::Seen) -> Vec<u8> {
    let texts: Vec<String> = serde_json::from_value(seen.json()["input"].clone()).unwrap();
    let data = texts.iter().enumerate();
    let data: Vec<Value> = data
        .map(|(index, text)| json!({ "index": index, "embedding": [1.0, text.len()] }))
        .collect();
    let body = json!({ "data": data, "usage": { "prompt_tokens": 3, "total_tokens": 3 } });
    replies::json_body(&body.to_string())
}

#[test]
fn the_embedded_model_embeds_alike_what_has_words_in_common() {
    let trial = "embeddings: { target: e/any, timeout: 1s }";
    let sidecar = Sidecar::start(&config("{ kind: embedded }", trial));
    let texts = ["reset my password", "resetting passwords", "bake bread"];
    let first = embed(&sidecar, &texts);
    let (made_by, cosine) = cosines(&first);
    assert_eq!(made_by, "e/any 256");
    assert!(
        cosine[0] > 0.99 && cosine[1] > 0.25 && cosine[2] < 0.2,
        "{first}"
    );
    assert_eq!(embed(&sidecar, &texts), first);
    assert_eq!(
        (counted(&sidecar, "embedded"), counted(&sidecar, "hit")),
        (3.0, 3.0)
    );

    let large = "x".repeat((8 << 10) + 1);
    assert_eq!(
        embed(&sidecar, &[&large]),
        "e/any invalid: a text is larger than 8192 bytes"
    );
    assert_eq!(
        embed(&sidecar, &["a", "", "b"]),
        "e/any invalid: a text is empty"
    );
    let seventeen = ["a"; 17];
    assert!(embed(&sidecar, &seventeen).contains("1 to 16 texts"));
    assert_eq!(counted(&sidecar, "too_large"), 1.0);
}

#[test]
fn an_upstream_is_sent_the_texts_of_a_call_with_its_key_and_billed() {
    let upstream = Upstream::start(|seen, _| vec![Step::Send(answer(seen))]);
    let sidecar = Sidecar::start(&over(&upstream, ", timeout: 1s"));
    let (made_by, cosine) = cosines(&embed(&sidecar, &["secret-a", "secret-bc"]));
    assert_eq!((made_by.as_str(), cosine.len()), ("e/m 2", 2));
    let seen = upstream.last();
    assert_eq!(seen.path(), "/v1/embeddings");
    assert_eq!(seen.header("authorization"), Some("Bearer sk-embedder"));
    let body = json!({ "model": "m", "input": ["secret-a", "secret-bc"] });
    assert_eq!(seen.json(), body);
    let labels = ["upstream=\"e\"", "kind=\"input\""];
    assert_eq!(sidecar.metric("outrigger_tokens_total", &labels), 3.0);
    let requests = "outrigger_embedding_request_seconds_count";
    assert_eq!(sidecar.metric(requests, &["outcome=\"embedded\""]), 1.0);
    for word in ["secret-a", "sk-embedder"] {
        assert!(!sidecar.log().contains(word) && !sidecar.metrics().contains(word));
    }
}

#[test]
fn an_upstream_that_answers_anything_else_is_a_miss_and_no_error() {
    let vectors = |list: &str| replies::json_body(&format!(r#"{{"data":{list}}}"#));
    let huge = format!(r#"[{{"embedding":[{}1]}}]"#, "0.5,".repeat(1 << 20));
    let upstream = Upstream::start(move |seen, _| {
        let reply = match seen.json()["input"][0].as_str().unwrap() {
            "count" => vectors(r#"[{"embedding":[1,2]},{"embedding":[1,2]}]"#),
            "none" => vectors("[]"),
            "nan" => vectors(r#"[{"embedding":[1,NaN]}]"#),
            "null" => vectors(r#"[{"embedding":[1,null]}]"#),
            "text" => vectors(r#"[{"embedding":"AACAPw=="}]"#),
            "html" => replies::json_body("<html></html>"),
            "500" => replies::whole("500 Internal Server Error", &[], "{}"),
            "huge" => vectors(&huge),
            "closed" => return vec![Step::Close],
            _ => answer(seen),
        };
        vec![Step::Send(reply)]
    });
    let sidecar = Sidecar::start(&over(&upstream, ", timeout: 2s"));
    let malformed = ["count", "none", "nan", "null", "text", "html"];
    for (n, text) in malformed.iter().enumerate() {
        assert_eq!(embed(&sidecar, &[text]), "e/m unavailable", "{text}");
        assert_eq!(counted(&sidecar, "malformed"), (n + 1) as f64, "{text}");
    }
    for (n, text) in ["500", "huge", "closed"].iter().enumerate() {
        assert_eq!(embed(&sidecar, &[text]), "e/m unavailable", "{text}");
        assert_eq!(counted(&sidecar, "failed"), (n + 1) as f64, "{text}");
    }
    assert!(embed(&sidecar, &["good"]).starts_with("e/m 2 "));
    let logged = sidecar.log_line(&["the embedder gave no vectors"]);
    assert!(logged.contains("e/m"), "{logged}");
    assert_eq!(sidecar.log().matches("gave no vectors").count(), 1);
}

#[test]
fn a_slow_upstream_is_a_miss_in_time_and_its_vectors_are_there_later() {
    let pause = Duration::from_secs(1);
    let upstream =
        Upstream::start(move |seen, _| vec![Step::Pause(pause), Step::Send(answer(seen))]);
    let sidecar = Sidecar::start(&over(&upstream, ""));
    assert_eq!(embed(&sidecar, &["a"]), "e/m unavailable");
    assert_eq!(counted(&sidecar, "timeout"), 1.0);
    eventually("the vector that was late is cached", || {
        embed(&sidecar, &["a"]).starts_with("e/m 2 ")
    });
    assert_eq!(upstream.count(), 1);
}

#[test]
fn a_policy_that_may_wait_for_less_than_the_embedder_takes_gets_a_miss_and_no_fault() {
    let upstream = Upstream::start(|seen, _| {
        vec![
            Step::Pause(Duration::from_millis(500)),
            Step::Send(answer(seen)),
        ]
    });
    let short = "grants: [embeddings], limits: { wall: 40ms }";
    let config = over(&upstream, ", timeout: 5s").replace("grants: [embeddings]", short);
    let sidecar = Sidecar::start(&config);
    assert_eq!(embed(&sidecar, &["a"]), "e/m unavailable");
    assert_eq!(counted(&sidecar, "timeout"), 1.0);
}

#[test]
fn calls_for_one_text_at_the_same_time_are_one_request() {
    let upstream = Upstream::start(|seen, _| {
        vec![
            Step::Pause(Duration::from_millis(200)),
            Step::Send(answer(seen)),
        ]
    });
    let sidecar = Sidecar::start(&over(&upstream, ", timeout: 5s"));
    std::thread::scope(|scope| {
        let call = || assert!(embed(&sidecar, &["a"]).starts_with("e/m 2 "));
        for thread in (0..8).map(|_| scope.spawn(call)).collect::<Vec<_>>() {
            thread.join().unwrap();
        }
    });
    assert_eq!(upstream.count(), 1);
    let joined = counted(&sidecar, "joined") + counted(&sidecar, "hit");
    assert_eq!((counted(&sidecar, "embedded"), joined), (1.0, 7.0));
}

#[test]
fn without_an_embedder_there_are_no_vectors_until_a_reload_brings_one() {
    let without = config("{ kind: embedded }", "");
    let sidecar = Sidecar::start(&without);
    assert_eq!(embed(&sidecar, &["a"]), "none unavailable");
    assert_eq!(counted(&sidecar, "none"), 1.0);
    sidecar.log_line(&["there is no embedder", "embeds"]);
    let with = "embeddings: { target: e/any, timeout: 1s }";
    sidecar.reconfigure(&config("{ kind: embedded }", with));
    eventually("the embedder is there", || {
        embed(&sidecar, &["a"]) == "e/any 256 1.000"
    });

    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("embeds.wasm");
    std::fs::copy(outrigger_tests::sidecar::policy("embeds"), policy).unwrap();
    let at = folder.path().display().to_string();
    let text = without.replace("{policies}", &at);
    std::fs::write(folder.path().join("outrigger.yaml"), text).unwrap();
    let arguments = ["check", "--config", "outrigger.yaml"];
    let (_, output) = run_to_end(&arguments, folder.path(), &[]);
    assert!(
        output.contains("policies.chain[0].grants: has `embeddings`, and there is no embedder"),
        "{output}"
    );
}

#[test]
fn a_real_model_puts_other_words_for_the_same_close_together() {
    let Some(embedder) = Embedder::start() else {
        return;
    };
    let upstream = format!("{{ dialect: openai, url: \"{}\" }}", embedder.url);
    let target = "embeddings: { target: e/all-MiniLM-L6-v2, timeout: 5s }";
    let sidecar = Sidecar::start(&config(&upstream, target));
    let answer = embed(
        &sidecar,
        &[
            "How do I reset my password?",
            "I forgot my password, how do I change it?",
            "Delete my account",
            "What is the weather like?",
        ],
    );
    let (made_by, cosine) = cosines(&answer);
    assert_eq!(made_by, "e/all-MiniLM-L6-v2 384");
    // 0.898 by the model's own library, and 0.9 with weights of 32 bits
    assert!((cosine[1] - 0.898).abs() < 0.01, "{answer}");
    assert!(cosine[2] < 0.7 && cosine[3] < 0.2, "{answer}");
    let tokens = sidecar.metric("outrigger_tokens_total", &["upstream=\"e\""]);
    assert!((30.0..60.0).contains(&tokens), "{tokens}");
}
