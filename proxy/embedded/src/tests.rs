#![expect(clippy::unwrap_used, reason = "tests")]

use http::Request;
use http_body_util::{Empty, Full};
use serde_json::{Value, json};

use super::*;

mod converse;
mod faults;
mod gemini;
mod inputs;
mod interactions;
mod replay;
mod structured;

const DIALECTS: [(&str, &str); 3] = [
    ("/v1/chat/completions", "messages"),
    ("/v1/responses", "input"),
    ("/v1/messages", "messages"),
];

async fn send(path: &str, body: &Value) -> (StatusCode, String) {
    send_raw(path, body.to_string()).await
}

async fn send_raw(path: &str, body: impl Into<Bytes>) -> (StatusCode, String) {
    let request = Request::post(path).body(Full::new(body.into())).unwrap();
    let reply = answer(request, None).await;
    let status = reply.status();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn whole(path: &str, body: &Value) -> Value {
    let (status, text) = send(path, body).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The events' data; each must be JSON, but `[DONE]`, and named by its type where it has a name.
async fn events(path: &str, mut body: Value) -> Vec<Value> {
    body["stream"] = true.into();
    let (status, text) = send(path, &body).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.ends_with("\n\n"));
    let mut all = Vec::new();
    for event in text.trim_end().split("\n\n") {
        let (name, data) = match event.strip_prefix("event: ") {
            Some(rest) => rest.split_once("\ndata: ").unwrap(),
            None => ("", event.strip_prefix("data: ").unwrap()),
        };
        if data == "[DONE]" {
            continue;
        }
        let data: Value = serde_json::from_str(data).unwrap();
        if !name.is_empty() {
            assert_eq!(data["type"], name);
        }
        all.push(data);
    }
    all
}

/// The strings at `pointer` in all events, joined.
fn joined(events: &[Value], pointer: &str) -> String {
    let found = events.iter().filter_map(|event| event.pointer(pointer));
    found.filter_map(Value::as_str).collect()
}

fn said(path: &str, text: &str) -> Value {
    let (_, field) = DIALECTS.iter().find(|(p, _)| *p == path).unwrap();
    json!({"model": "any", "max_tokens": 9, *field: [{"role": "user", "content": text}]})
}

const TRICKY: &str =
    "Grüße \"an\" \\ <EMAIL_1>\n\u{1F600} und\ttabs\u{0001}, damit es mehr als ein Stück wird";

#[tokio::test]
async fn what_the_user_said_last_comes_back_verbatim_whole_and_streamed() {
    for (path, streamed, whole_at) in [
        (
            DIALECTS[0].0,
            "/choices/0/delta/content",
            "/choices/0/message/content",
        ),
        (DIALECTS[1].0, "/delta", "/output/0/content/0/text"),
        (DIALECTS[2].0, "/delta/text", "/content/0/text"),
    ] {
        let body = said(path, TRICKY);
        let reply = whole(path, &body).await;
        assert_eq!(reply.pointer(whole_at).unwrap(), TRICKY, "{path}");
        let events = events(path, body).await;
        assert_eq!(joined(&events, streamed), TRICKY, "{path}");
        assert!(events.len() > 6, "{path} came in {} events", events.len());
    }
}

#[tokio::test]
async fn parts_tool_results_and_earlier_messages_are_distinguished() {
    let chat = json!({"model": "m", "messages": [
        {"role": "system", "content": "system"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "result"}]});
    let reply = whole("/v1/chat/completions", &chat).await;
    assert_eq!(reply["choices"][0]["message"]["content"], "result");

    let parts = json!([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:x"}, {"type": "input_text", "text": "b"}]);
    let responses = json!({"model": "m", "input": [{"role": "user", "content": parts}]});
    let reply = whole("/v1/responses", &responses).await;
    assert_eq!(reply["output"][0]["content"][0]["text"], "a\nb");
    assert!(
        reply["usage"]["input_tokens"].as_u64().unwrap() >= 85,
        "the image counts"
    );
    let reply = whole("/v1/responses", &json!({"model": "m", "input": "plain"})).await;
    assert_eq!(reply["output"][0]["content"][0]["text"], "plain");

    let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "call f"}]}]);
    let messages = json!({"model": "m", "max_tokens": 1, "tools": [{"name": "f", "input_schema": {}}],
        "messages": [{"role": "user", "content": result}]});
    let reply = whole("/v1/messages", &messages).await;
    assert_eq!(
        reply["content"][0]["text"], "call f",
        "a tool's result calls no tool"
    );
}

#[tokio::test]
async fn a_tool_is_called_when_the_user_names_it_or_the_request_forces_it() {
    let schema = json!({"type": "object", "required": ["city", "days", "unit"], "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["c", "f"]}}});
    let function = json!({"name": "weather", "parameters": schema});
    let text = r#"please call weather for "Köln""#;
    let expected = json!({"city": text, "days": 1, "unit": "c"});
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();

    let mut chat = said(DIALECTS[0].0, text);
    chat["tools"] = json!([{"type": "function", "function": function}]);
    let reply = whole(DIALECTS[0].0, &chat).await;
    assert_eq!(reply["choices"][0]["finish_reason"], "tool_calls");
    let call = &reply["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(
        (&call["name"], parsed(call["arguments"].as_str().unwrap())),
        (&json!("weather"), expected.clone())
    );
    let streamed = events(DIALECTS[0].0, chat).await;
    let arguments = joined(
        &streamed,
        "/choices/0/delta/tool_calls/0/function/arguments",
    );
    assert_eq!(parsed(&arguments), expected);

    let mut responses = said(DIALECTS[1].0, text);
    responses["tools"] = json!([{"type": "function", "name": "weather", "parameters": schema}]);
    let streamed = events(DIALECTS[1].0, responses).await;
    assert_eq!(parsed(&joined(&streamed, "/delta")), expected);
    let last = &streamed.last().unwrap()["response"]["output"][0];
    assert_eq!(parsed(last["arguments"].as_str().unwrap()), expected);

    let mut messages = said(DIALECTS[2].0, text);
    messages["tools"] = json!([{"name": "weather", "input_schema": schema}]);
    let reply = whole(DIALECTS[2].0, &messages).await;
    assert_eq!(
        (&reply["stop_reason"], &reply["content"][0]["input"]),
        (&json!("tool_use"), &expected)
    );
    let streamed = events(DIALECTS[2].0, messages.clone()).await;
    assert_eq!(parsed(&joined(&streamed, "/delta/partial_json")), expected);

    // `weather` is no `call weather_map`, and nothing is called that was not offered or is
    // forbidden.
    messages["messages"][0]["content"] = "call weather_map".into();
    assert_eq!(
        whole(DIALECTS[2].0, &messages).await["stop_reason"],
        "end_turn"
    );
    messages["tool_choice"] = json!({"type": "any"});
    assert_eq!(
        whole(DIALECTS[2].0, &messages).await["stop_reason"],
        "tool_use"
    );
    messages["messages"][0]["content"] = "call weather".into();
    messages["tool_choice"] = json!({"type": "none"});
    assert_eq!(
        whole(DIALECTS[2].0, &messages).await["stop_reason"],
        "end_turn"
    );
}

#[tokio::test]
async fn every_choice_is_answered_and_usage_comes_where_it_was_requested() {
    let mut body = said(DIALECTS[0].0, "a few words for two choices");
    body["n"] = 2.into();
    let reply = whole(DIALECTS[0].0, &body).await;
    assert_eq!(
        reply["choices"][1]["message"]["content"],
        "a few words for two choices"
    );
    assert!(
        events(DIALECTS[0].0, body.clone())
            .await
            .iter()
            .all(|e| e.get("usage").is_none())
    );

    body["stream_options"] = json!({"include_usage": true});
    let streamed = events(DIALECTS[0].0, body).await;
    let (last, before) = streamed.split_last().unwrap();
    assert!(before.iter().all(|event| event["usage"].is_null()));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"], reply["usage"]);
    let second = before.iter().filter(|e| e["choices"][0]["index"] == 1);
    let text: String = second
        .filter_map(|e| e["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "a few words for two choices");
}

#[tokio::test]
async fn reasoning_comes_when_it_is_requested() {
    let thought = "I was told: think about it";
    for (path, field, value, streamed, whole_at) in [
        (
            0,
            "reasoning_effort",
            json!("low"),
            "/choices/0/delta/reasoning_content",
            "/choices/0/message/reasoning_content",
        ),
        (
            1,
            "reasoning",
            json!({"effort": "low"}),
            "/delta",
            "/output/0/summary/0/text",
        ),
        (
            2,
            "thinking",
            json!({"type": "enabled", "budget_tokens": 1024}),
            "/delta/thinking",
            "/content/0/thinking",
        ),
    ] {
        let path = DIALECTS[path].0;
        let mut body = said(path, "think about it");
        assert_eq!(whole(path, &body).await.pointer(whole_at), None, "{path}");
        body[field] = value;
        assert_eq!(
            whole(path, &body).await.pointer(whole_at).unwrap(),
            thought,
            "{path}"
        );
        assert!(
            joined(&events(path, body).await, streamed).starts_with(thought),
            "{path}"
        );
    }
}

#[tokio::test]
async fn responses_events_are_numbered_and_the_last_repeats_the_whole() {
    let streamed = events(DIALECTS[1].0, said(DIALECTS[1].0, TRICKY)).await;
    for (n, event) in streamed.iter().enumerate() {
        assert_eq!(event["sequence_number"], n);
    }
    let last = streamed.last().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["status"]),
        (&json!("response.completed"), &json!("completed"))
    );
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], TRICKY);
    assert_eq!(last["response"]["id"], streamed[0]["response"]["id"]);
}

#[tokio::test(start_paused = true)]
async fn the_models_query_sets_the_pace() {
    let mut body = said(DIALECTS[0].0, "ab");
    body["model"] = "echo?events=100&chunk=3&delay_ms=5&first_ms=50".into();
    let started = tokio::time::Instant::now();
    let streamed = events(DIALECTS[0].0, body.clone()).await;
    let content = streamed.iter().filter(|e| {
        e["choices"][0]["delta"]["content"]
            .as_str()
            .is_some_and(|c| !c.is_empty())
    });
    assert_eq!(content.count(), 100);
    assert_eq!(joined(&streamed, "/choices/0/delta/content").len(), 300);
    assert_eq!(streamed[0]["model"], "echo");
    // A role, a hundred pieces, the finish and the terminator.
    assert_eq!(started.elapsed(), Duration::from_millis(50 + 103 * 5));

    body["model"] = "echo?status=529".into();
    assert_eq!(send(DIALECTS[0].0, &body).await.0, 529);
    body["model"] = "echo?speed=9".into();
    assert_eq!(send(DIALECTS[0].0, &body).await.0, 400);
}

#[tokio::test]
async fn a_long_text_does_not_become_a_flood_of_events() {
    let text = "0123456789".repeat(100_000);
    let streamed = events(DIALECTS[2].0, said(DIALECTS[2].0, &text)).await;
    assert!(streamed.len() < 1100, "{} events", streamed.len());
    assert_eq!(joined(&streamed, "/delta/text"), text);
}

#[tokio::test]
async fn what_can_not_be_answered_is_refused_in_the_dialects_shape() {
    for (path, _) in DIALECTS {
        let mut no_choice = said(path, "x");
        no_choice["n"] = 0.into();
        for bad in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"model":"m"}"#,
            r#"{"model":"m","messages":3}"#,
            &no_choice.to_string(),
        ] {
            let (status, text) = send_raw(path, bad.to_owned()).await;
            assert_eq!(status, 400, "{path} {bad}");
            let error: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                error["error"]["type"], "invalid_request_error",
                "{path} {bad}"
            );
            assert_eq!(error["type"] == "error", path == "/v1/messages");
        }
    }
    let (status, text) = send_raw("/v1/files", "{}").await;
    assert!(
        status == 404 && text.contains("/chat/completions"),
        "{text}"
    );
    let get = Request::get("/v1/messages").body(Empty::new()).unwrap();
    assert_eq!(answer(get, None).await.status(), 405);
}

#[tokio::test]
async fn models_and_token_counts_are_reported() {
    let get = |path: &str, version: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(version) = version {
            request = request.header("anthropic-version", version);
        }
        let request = request.body(Empty::new()).unwrap();
        async {
            let body = answer(request, None).await.into_body();
            serde_json::from_slice::<Value>(&body.collect().await.unwrap().to_bytes()).unwrap()
        }
    };
    assert_eq!(get("/v1/models", None).await["data"][0]["object"], "model");
    assert_eq!(
        get("/v1/models", Some("2023-06-01")).await["data"][0]["type"],
        "model"
    );
    assert_eq!(get("/v1/models/x", None).await["id"], "x");

    let count = whole(
        "/v1/messages/count_tokens",
        &said("/v1/messages", &"word ".repeat(40)),
    )
    .await;
    assert_eq!(count, json!({"input_tokens": 50}));
}
