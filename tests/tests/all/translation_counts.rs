//! Counts of tokens and embeddings across a translation.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::translation::{Setup, alias};
use outrigger_tests::{Provider, Sidecar, Step, Upstream, target, wire};
use serde_json::{Value, json};

const JSON: &str = "content-type: application/json";

fn send(sidecar: &Sidecar, path: &str, body: &Value) -> wire::Reply {
    let body = body.to_string();
    let request = wire::request("POST", path, &[JSON], body.as_bytes());
    wire::call(sidecar.base, &request)
}

/// Counts 42 tokens in the words of whichever API is called.
fn counting() -> Upstream {
    Upstream::start(|seen, _| {
        let body = match seen.path() {
            path if path.ends_with(":countTokens") => json!({"totalTokens": 42}),
            "/v1/messages/count_tokens" => json!({"input_tokens": 42}),
            "/v1/responses/input_tokens" => {
                json!({"object": "response.input_tokens", "input_tokens": 42})
            }
            path => panic!("{path}"),
        };
        vec![Step::Send(replies::json_body(&body.to_string()))]
    })
}

/// The three counts that callers make: path, body, and the member of the reply.
fn counts(model: &str) -> [(Api, String, Value, &'static str); 3] {
    let mut messages = Api::Messages.ask(model, "How long is this?", false);
    for member in ["stream", "max_tokens"] {
        messages.as_object_mut().unwrap().remove(member);
    }
    let mut responses = Api::Responses.ask(model, "How long is this?", false);
    responses.as_object_mut().unwrap().remove("stream");
    let gemini = Api::Gemini.ask(model, "How long is this?", false);
    [
        (
            Api::Messages,
            "/v1/messages/count_tokens".into(),
            messages,
            "input_tokens",
        ),
        (
            Api::Responses,
            "/v1/responses/input_tokens".into(),
            responses,
            "input_tokens",
        ),
        (
            Api::Gemini,
            format!("/v1beta/models/{model}:countTokens"),
            gemini,
            "totalTokens",
        ),
    ]
}

#[test]
fn a_count_is_made_by_the_target_in_its_own_words() {
    let upstream = counting();
    let sidecar = Setup::at(upstream.address).start();
    for target in [Api::Responses, Api::Messages, Api::Gemini] {
        for (caller, path, body, member) in counts(alias(target)) {
            let reply = send(&sidecar, &path, &body);
            let what = format!("{caller:?} to {target:?}: {}{}", reply.head, reply.text());
            assert_eq!(reply.status, 200, "{what}");
            assert_eq!(reply.json()[member], 42, "{what}");
            assert_eq!(reply.header("x-outrigger-estimated"), None, "{what}");
            let sent = String::from_utf8(upstream.last().body).unwrap();
            assert!(sent.contains("How long is this?"), "{what}: {sent}");
        }
    }
}

#[test]
fn a_count_that_no_target_makes_is_an_estimate_and_says_so() {
    let provider = Provider::start("never");
    let sidecar = Setup::at(provider.address()).start();
    // Responses and Chat are one family, whose upstream may count for both.
    for (caller, path, body, member) in counts(alias(Api::Chat)) {
        if caller == Api::Responses {
            continue;
        }
        let reply = send(&sidecar, &path, &body);
        let what = format!("{caller:?}: {}{}", reply.head, reply.text());
        assert_eq!(reply.status, 200, "{what}");
        assert_eq!(
            reply.header("x-outrigger-estimated"),
            Some("true"),
            "{what}"
        );
        let tokens = reply.json()[member].as_u64();
        assert!(
            tokens.is_some_and(|tokens| (1..100).contains(&tokens)),
            "{what}"
        );
    }
    assert_eq!(provider.count(), 0);
}

#[test]
fn the_openai_sdk_gets_embeddings_of_gemini_one_and_many_as_numbers_and_as_bytes() {
    let upstream = Upstream::start(|seen, _| {
        let vector = json!({"values": [0.5, -1.0]});
        let body = match seen.path().rsplit(':').next() {
            Some("embedContent") => json!({"embedding": vector}),
            Some("batchEmbedContents") => {
                let count = seen.json()["requests"].as_array().unwrap().len();
                json!({"embeddings": vec![vector; count]})
            }
            _ => panic!("{}", seen.path()),
        };
        vec![Step::Send(replies::json_body(&body.to_string()))]
    });
    let sidecar = Setup::at(upstream.address)
        .model("embedder: { targets: [gemini/gemini-embedding-001] }")
        .start();
    let script = "import sys, openai\n\
        client = openai.OpenAI(base_url=sys.argv[1], api_key='k', max_retries=0)\n\
        for given, count in (('one', 1), (['one', 'two', 'three'], 3)):\n\
        \x20   for more in ({}, {'encoding_format': 'float'}, {'dimensions': 2}):\n\
        \x20       reply = client.embeddings.create(model='embedder', input=given, **more)\n\
        \x20       assert [d.index for d in reply.data] == list(range(count)), reply\n\
        \x20       assert all(d.embedding == [0.5, -1.0] for d in reply.data), reply\n\
        \x20       assert reply.usage.prompt_tokens > 0, reply\n\
        print('ok')";
    let output = std::process::Command::new("python3")
        .env("PYTHONPATH", target().join("python"))
        .args(["-c", script, &format!("http://{}/v1", sidecar.base)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said.trim(),
        "ok",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(upstream.count(), 6);
    let last = upstream.last();
    assert_eq!(last.key(), "key-of-gemini");
    assert_eq!(
        last.json()["requests"][2]["outputDimensionality"],
        2,
        "{}",
        last.json()
    );
}
