//! Usage, cost and tags, and the dialects that came with them.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};
use serde_json::json;

use super::config;

/// Streams with a usage chunk where the request wants one, as OpenAI does.
fn openai() -> Upstream {
    Upstream::start(|seen, _| {
        if seen.json()["stream"] != true {
            return vec![Step::Send(replies::json_body(&Api::Chat.whole("Hello")))];
        }
        let mut events = Api::Chat.events(&["Hel", "lo"]);
        if seen.json()["stream_options"]["include_usage"] == true {
            let usage = json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":100}}});
            let done = events.pop().unwrap();
            events.push(format!("data: {usage}\n\n"));
            events.push(done);
        }
        replies::stream(&events)
    })
}

fn post(sidecar: &Sidecar, path: &str, headers: &[&str], body: &str) -> wire::Reply {
    let mut all = vec!["content-type: application/json"];
    all.extend(headers);
    wire::call(
        sidecar.base,
        &wire::request("POST", path, &all, body.as_bytes()),
    )
}

#[test]
fn a_streams_usage_is_asked_for_in_the_apps_place_counted_priced_and_taken_out() {
    let upstream = openai();
    let sidecar = Sidecar::start(&config(&upstream, "[{ use: noop }]"));
    let body = |options: &str| {
        format!(
            r#"{{"model":"gpt-4o-mini","stream":true{options},"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let headers = [
        "x-outrigger-tenant: acme",
        "x-litellm-tags: a",
        "helicone-property-feature: search",
    ];
    let reply = post(&sidecar, Api::Chat.path(), &headers, &body(""));
    assert_eq!(
        reply.text(),
        Api::Chat.events(&["Hel", "lo"]).concat(),
        "no byte more than it asked for"
    );
    let seen = upstream.last();
    assert_eq!(seen.json()["stream_options"]["include_usage"], true);
    assert!(
        [
            "x-outrigger-tenant",
            "x-litellm-tags",
            "helicone-property-feature"
        ]
        .iter()
        .all(|name| seen.header(name).is_none())
    );

    let line = sidecar.log_line(&["gpt-4o-mini"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["input_tokens"], 1000, "{line}");
    assert_eq!(line["output_tokens"], 500, "{line}");
    // 600 fresh, 400 cached and 500 generated tokens at 0.15, 0.075 and 0.60 dollars a million.
    let cost = (600.0 * 0.15 + 400.0 * 0.075 + 500.0 * 0.60) / 1e6;
    let labels = ["tenant=\"acme\"", "feature=\"search\""];
    eventually("the cost is counted", || {
        (sidecar.metric("outrigger_cost_usd_total", &labels) - cost).abs() < 1e-9
    });

    let reply = post(
        &sidecar,
        Api::Chat.path(),
        &[],
        &body(r#","stream_options":{"include_usage":true}"#),
    );
    assert!(
        reply.text().contains("\"prompt_tokens\":1000"),
        "who asks for it gets it"
    );
}

#[test]
fn a_kept_stream_tells_its_usage_to_those_who_ask_for_it_only() {
    let upstream = openai();
    let chain =
        "[{ use: response-cache, grants: [replies], config: { without_temperature: true } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let ask = |options: &str| {
        let body = format!(
            r#"{{"model":"m","stream":true{options},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        post(&sidecar, Api::Chat.path(), &[], &body)
    };
    let plain = Api::Chat.events(&["Hel", "lo"]).concat();
    assert_eq!(ask("").text(), plain);
    eventually("the reply is kept", || {
        let again = ask("");
        assert_eq!(again.text(), plain, "no usage that it did not ask for");
        again.header("x-outrigger-cache") == Some("hit")
    });
    let reply = ask(r#","stream_options":{"include_usage":true}"#);
    assert_eq!(reply.header("x-outrigger-cache"), Some("hit"));
    assert!(
        reply.text().contains("\"prompt_tokens\":1000"),
        "{}",
        reply.text()
    );
    assert_eq!(upstream.count(), 1);
}

#[test]
fn a_model_without_a_price_is_counted_as_such_and_a_prices_file_gives_it_one() {
    let upstream = openai();
    let whole = r#"{"model":"house-model","messages":[{"role":"user","content":"hi"}]}"#;
    let plain = Sidecar::start(&config(&upstream, ""));
    post(&plain, Api::Chat.path(), &[], whole);
    eventually("it is counted", || {
        plain.metric("outrigger_unpriced_requests_total", &[]) == 1.0
    });

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    std::fs::write(&file, "models: { house-model: { input: 1, output: 2 } }\n").unwrap();
    let prices = format!(
        "prices: {{ file: \"{}\", reply_header: true }}\n",
        file.display()
    );
    let priced = Sidecar::start(&(config(&upstream, "") + &prices));
    let reply = post(&priced, Api::Chat.path(), &[], whole);
    assert_eq!(reply.header("x-outrigger-cost-usd"), Some("0.00002"));
    eventually("10 tokens in and 5 out", || {
        (priced.metric("outrigger_cost_usd_total", &[]) - 20e-6).abs() < 1e-12
    });
    let before = priced.generation();
    std::fs::write(&file, "models: { house-model: { input: -1 } }\n").unwrap();
    eventually("a bad file is refused", || {
        wire::get(priced.admin, "/generation")
            .text()
            .contains("prices.yaml")
    });
    assert_eq!(priced.generation(), before, "and the former one stays");
}

#[test]
fn gemini_completions_and_embeddings_are_read_edited_and_answered_by_policies() {
    let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"about <project>"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10},"modelVersion":"gemini-2.5-flash"}"#;
    let completion = r#"{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":"about <project>","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
    let embedding = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    let upstream = Upstream::start(move |seen, _| {
        let path = seen.path();
        vec![Step::Send(match path {
            _ if path.contains(":streamGenerateContent") => {
                let event = format!("data: {gemini}\r\n\r\n");
                [
                    replies::stream_head(),
                    replies::chunk(event.as_bytes()),
                    replies::last_chunk(),
                ]
                .concat()
            }
            _ if path.contains(":generateContent") => replies::json_body(gemini),
            _ if path.contains("embeddings") => replies::json_body(embedding),
            _ => replies::json_body(completion),
        })]
    });
    let at = upstream.address;
    let sidecar = Sidecar::start(&format!(
        "upstreams:\n  openai: {{ dialect: openai, url: \"http://{at}/v1\" }}\n  gemini: {{ dialect: gemini, url: \"http://{at}\", key: ours }}\nmodels: {{ quick: {{ targets: [gemini/gemini-2.5-flash] }} }}\npolicies:\n  directory: \"{{policies}}\"\n  chain: [{{ use: hide-word, config: {{ hide: Apollo, show: \"<project>\" }} }}]\n"
    ));
    let ask = r#"{"contents":[{"role":"user","parts":[{"text":"about Apollo"}]}]}"#;
    for path in [
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "/v1beta/models/quick:generateContent",
        "/v1beta/models/quick:streamGenerateContent?alt=sse&key=theirs",
    ] {
        let reply = post(&sidecar, path, &[], ask);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(
            reply.text().contains("about Apollo"),
            "{path}: {}",
            reply.text()
        );
        let seen = upstream.last();
        assert!(
            seen.path().starts_with("/v1beta/models/gemini-2.5-flash:"),
            "{}",
            seen.path()
        );
        assert!(!seen.path().contains("theirs"), "{}", seen.path());
        assert_eq!(seen.header("x-goog-api-key"), Some("ours"));
        assert_eq!(
            seen.json()["contents"][0]["parts"][0]["text"],
            "about <project>"
        );
    }
    let reply = post(
        &sidecar,
        "/v1/completions",
        &[],
        r#"{"model":"m","prompt":"about Apollo"}"#,
    );
    assert!(reply.text().contains("about Apollo"), "{}", reply.text());
    assert_eq!(upstream.last().json()["prompt"], "about <project>");
    let reply = post(
        &sidecar,
        "/v1/embeddings",
        &[],
        r#"{"model":"m","input":["about Apollo"]}"#,
    );
    assert_eq!(reply.text(), embedding);
    assert_eq!(upstream.last().json()["input"][0], "about <project>");
    let tokens = post(
        &sidecar,
        "/v1/embeddings",
        &[],
        r#"{"model":"m","input":[[1,2,3]]}"#,
    );
    assert_eq!(
        tokens.status, 403,
        "token arrays are prompts that no policy can read"
    );
    eventually("each reply's usage is read", || {
        let lines = sidecar.log_lines();
        let read = |dialect: &str| {
            lines
                .iter()
                .filter(|line| line["dialect"] == dialect && line["input_tokens"] == 7)
                .count()
        };
        (
            read("gemini.generate"),
            read("openai.completions"),
            read("openai.embeddings"),
        ) == (3, 1, 1)
    });
}
