//! Replies of a cheap tier that are not fit: the app sees one answer, of the tier above, and pays
//! for both.

use outrigger_tests::failover::{Setup, answered, attempts, exchange, tried};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::wire::{self, Reply};
use outrigger_tests::{Act, Fault, Provider, Sidecar, Step, eventually};
use serde_json::{Value, json};

const REFUSAL: [&str; 3] = ["I'm sorry, ", "but I can't ", "assist with that request."];

/// Dollars for a million tokens.
const PRICES: &str =
    "models:\n  mini: { input: 1, output: 2 }\n  maxi: { input: 10, output: 20 }\n";

/// The tier `small` is `a`, `large` is `b`; a budget counts all tokens.
fn with(api: Api, escalate: &str, [a, b]: &[Provider; 2]) -> Sidecar {
    let prices = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(prices.path(), PRICES).unwrap();
    let rows = ["small", "large"]
        .map(|model| format!("{{ model: {model}, window: 100000, takes: [tools] }}"));
    let config = format!(
        "{{ models: auto, tiers: [{}], rules: [{{ if: effort, over: 1, add: 9 }}]{escalate} }}",
        rows.join(", ")
    );
    let chain = format!(
        "policies:\n  directory: \"{{policies}}\"\n  chain:\n    - {{ use: budget, grants: [limits, values, {{ fetch: [] }}], \
        config: {{ budgets: [{{ tokens: 1000000, every: month }}] }} }}\n    - {{ use: tier-router, grants: [values], config: {config} }}"
    );
    let prices = format!("prices: {{ file: \"{}\" }}", prices.path().display());
    Setup::new(api)
        .upstream("a", a, "key: ours")
        .upstream("b", b, "key: ours")
        .model("small: { targets: [a/mini] }")
        .model("large: { targets: [b/maxi] }")
        .with(&chain)
        .with(&prices)
        .start()
}

fn two() -> [Provider; 2] {
    ["from-a", "from-b"].map(Provider::start)
}

fn says(pieces: &[&str]) -> Act {
    Act::Says(pieces.iter().map(|piece| (*piece).to_owned()).collect())
}

/// Asks the router; `extra` are further members of the body.
fn ask(sidecar: &Sidecar, api: Api, stream: bool, extra: &Value) -> Reply {
    let mut body = api.ask("auto", "hi", stream);
    for (key, value) in extra.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    sidecar.post(&api.address("auto", stream), body.to_string())
}

/// A request's members that demand an object with a number `n`.
fn schema(api: Api) -> Value {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"], "additionalProperties": false });
    match api {
        Api::Chat => {
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": schema } } })
        }
        Api::Responses => {
            json!({ "text": { "format": { "type": "json_schema", "name": "n", "schema": schema } } })
        }
        Api::Gemini => {
            json!({ "generationConfig": { "responseMimeType": "application/json", "responseJsonSchema": schema } })
        }
        Api::Messages => {
            json!({ "output_config": { "format": { "type": "json_schema", "schema": schema } } })
        }
    }
}

/// Members that force a tool.
fn tool(api: Api) -> Value {
    let object = json!({ "type": "object", "properties": {} });
    match api {
        Api::Chat => {
            json!({ "tools": [{ "type": "function", "function": { "name": "f", "parameters": object } }], "tool_choice": "required" })
        }
        Api::Responses => {
            json!({ "tools": [{ "type": "function", "name": "f", "parameters": object }], "tool_choice": "required" })
        }
        Api::Messages => {
            json!({ "tools": [{ "name": "f", "input_schema": object }], "tool_choice": { "type": "any" } })
        }
        Api::Gemini => {
            json!({ "tools": [{ "functionDeclarations": [{ "name": "f", "parameters": object }] }], "toolConfig": { "functionCallingConfig": { "mode": "ANY" } } })
        }
    }
}

/// Tokens that the budget counts.
fn used(sidecar: &Sidecar) -> u64 {
    let state = wire::get(sidecar.admin, "/state").json();
    let buckets = state["buckets"].as_array().cloned().unwrap_or_default();
    buckets
        .iter()
        .filter_map(|bucket| bucket["used"].as_u64())
        .sum()
}

/// Replies that are not fit, whole and streamed: the app sees that of the tier above alone.
fn escalates(api: Api) {
    let providers = two();
    let sidecar = with(api, ", escalate: all", &providers);
    let mut number = 0;
    for stream in [false, true] {
        for (why, pieces, extra) in [
            ("empty", &[" "][..], json!({})),
            ("refusal", &REFUSAL, json!({})),
            ("schema", &["{\"n\":", "\"one\"}"], schema(api)),
            ("tool", &["I would ", "call it."], tool(api)),
        ] {
            providers[0].next([says(pieces)]);
            let reply = ask(&sidecar, api, stream, &extra);
            answered(&reply, "from-b");
            let said = pieces.concat();
            assert!(
                why == "empty" || !reply.text().contains(&said),
                "{}",
                reply.text()
            );
            tried(
                &sidecar,
                number,
                &["a/mini unfit 200", "b/maxi success 200"],
            );
            let line = exchange(&sidecar, number);
            assert_eq!(line["target"], "b/maxi", "{line}");
            assert_eq!(line["input_tokens"], 20, "{why} {stream}: {line}");
            assert_eq!(line["output_tokens"], 10, "{why} {stream}: {line}");
            // 10 tokens in and 5 out of each.
            let cost = line["cost_usd"].as_f64().unwrap_or_default();
            assert!((cost - 220e-6).abs() < 1e-9, "{line}");
            let labels = [format!("why=\"{why}\"")];
            let counted = sidecar.metric(
                "outrigger_policy_tier_router_escalated_total",
                &[&labels[0]],
            );
            assert_eq!(counted, if stream { 2.0 } else { 1.0 }, "{why}");
            number += 1;
        }
    }
    assert_eq!(providers.each_ref().map(Provider::count), [8, 8]);
    eventually("the budget has all of both tiers", || {
        used(&sidecar) == 8 * 30
    });
}

#[test]
fn chat_replies_that_are_not_fit_are_tried_again_one_tier_up() {
    escalates(Api::Chat);
}

#[test]
fn replies_of_messages_that_are_not_fit_are_tried_again_one_tier_up() {
    escalates(Api::Messages);
}

#[test]
fn replies_of_responses_that_are_not_fit_are_tried_again_one_tier_up() {
    escalates(Api::Responses);
}

#[test]
fn replies_of_gemini_that_are_not_fit_are_tried_again_one_tier_up() {
    escalates(Api::Gemini);
}

/// Whole replies in which a model says nothing, or only thinks.
fn nothing(api: Api) -> Vec<Value> {
    let chat = |message: Value| json!({ "id": "1", "object": "chat.completion", "model": "m", "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }], "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } });
    let responses = |output: Value| json!({ "id": "r", "object": "response", "status": "completed", "model": "m", "output": output, "usage": { "input_tokens": 10, "output_tokens": 5, "total_tokens": 15 } });
    let messages = |content: Value| json!({ "id": "m", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn", "usage": { "input_tokens": 10, "output_tokens": 5 } });
    let gemini = |candidate: Value| json!({ "candidates": [candidate], "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15 }, "modelVersion": "m" });
    match api {
        Api::Chat => vec![
            chat(json!({ "role": "assistant", "content": null })),
            chat(json!({ "role": "assistant", "content": "", "reasoning_content": "Hm." })),
        ],
        Api::Responses => vec![
            responses(json!([])),
            responses(
                json!([{ "type": "reasoning", "id": "rs", "summary": [{ "type": "summary_text", "text": "Hm." }] }]),
            ),
        ],
        Api::Messages => vec![
            messages(json!([])),
            messages(json!([{ "type": "thinking", "thinking": "Hm.", "signature": "s" }])),
        ],
        Api::Gemini => vec![
            gemini(json!({ "finishReason": "STOP", "index": 0 })),
            gemini(
                json!({ "content": { "role": "model", "parts": [{ "text": "Hm.", "thought": true }] }, "finishReason": "STOP", "index": 0 }),
            ),
            gemini(json!({ "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0 })),
        ],
    }
}

#[test]
fn a_reply_in_which_nothing_is_said_is_empty_in_every_shape() {
    for api in Api::EVERY {
        let providers = two();
        let sidecar = with(api, ", escalate: [empty]", &providers);
        let whole = nothing(api);
        let bodies = whole
            .iter()
            .map(|body| replies::json_body(&body.to_string()));
        providers[0].next(bodies.map(|bytes| Act::Plays(vec![Step::Send(bytes)])));
        for (number, body) in whole.iter().enumerate() {
            answered(&ask(&sidecar, api, false, &json!({})), "from-b");
            let tried = attempts(&exchange(&sidecar, number));
            assert_eq!(tried, ["a/mini unfit 200", "b/maxi success 200"], "{body}");
        }
        providers[0].next([says(&[])]);
        answered(&ask(&sidecar, api, true, &json!({})), "from-b");
        tried(
            &sidecar,
            whole.len(),
            &["a/mini unfit 200", "b/maxi success 200"],
        );
    }
}

#[test]
fn a_tool_call_passes_byte_for_byte_where_one_is_forced() {
    let providers = two();
    let sidecar = with(Api::Chat, ", escalate: all", &providers);
    let call = json!({ "index": 0, "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let reply = |object: &str, part: &str, finish: Value| {
        let said = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
        json!({ "id": "1", "object": object, "created": 1, "model": "m", "choices": [{ "index": 0, part: said, "finish_reason": finish }] })
            .to_string()
    };
    let whole = reply("chat.completion", "message", "tool_calls".into());
    let event = reply("chat.completion.chunk", "delta", Value::Null);
    let events = [format!("data: {event}\n\n"), "data: [DONE]\n\n".to_owned()];
    providers[0].next([
        Act::Plays(vec![Step::Send(replies::json_body(&whole))]),
        Act::Plays(replies::stream(&events)),
    ]);
    let extra = tool(Api::Chat);
    assert_eq!(ask(&sidecar, Api::Chat, false, &extra).text(), whole);
    let streamed = ask(&sidecar, Api::Chat, true, &extra);
    assert_eq!(streamed.text(), events.concat());
    assert_eq!(providers[1].count(), 0);
}

#[test]
fn a_fit_reply_passes_byte_for_byte() {
    for api in Api::EVERY {
        let providers = two();
        let sidecar = with(api, ", escalate: all", &providers);
        for (pieces, extra) in [
            (&["Sorry to hear that. ", "It is 4."][..], json!({})),
            (&["{\"n\":", " 1}"], schema(api)),
        ] {
            providers[0].next([says(pieces), says(pieces)]);
            let whole = ask(&sidecar, api, false, &extra);
            assert_eq!(whole.text(), api.whole(&pieces.concat()));
            let stream = ask(&sidecar, api, true, &extra);
            assert_eq!(stream.text(), api.events(pieces).concat());
        }
        assert_eq!(providers[1].count(), 0);
    }
}

#[test]
fn where_the_tier_above_fails_the_app_has_an_answer_of_the_lower_one() {
    for stream in [false, true] {
        let providers = two();
        let sidecar = with(Api::Chat, ", escalate: all", &providers);
        providers[0].now(says(&REFUSAL));
        providers[1].now(Act::Refuses(Fault::Money));
        let refused = |number: usize| {
            let reply = ask(&sidecar, Api::Chat, stream, &json!({}));
            answered(&reply, REFUSAL[2]);
            assert_eq!(
                reply.text().matches(REFUSAL[2]).count(),
                1,
                "{}",
                reply.text()
            );
            attempts(&exchange(&sidecar, number))
        };
        assert_eq!(refused(0)[..2], ["a/mini unfit 200", "b/maxi money 429"]);
        // Now the tier above is open, and nothing waits.
        assert_eq!(refused(1), ["a/mini success 200"]);
        assert_eq!(providers[1].count(), 1);
    }
}

#[test]
fn nobody_who_did_not_ask_for_it_pays_twice() {
    let providers = two();
    let sidecar = with(Api::Chat, "", &providers);
    providers[0].next([says(&REFUSAL)]);
    answered(
        &ask(&sidecar, Api::Chat, false, &json!({})),
        "assist with that",
    );
    tried(&sidecar, 0, &["a/mini success 200"]);
    assert_eq!(providers[1].count(), 0);
}

#[test]
fn the_turns_after_an_escalated_one_stay_above() {
    let providers = two();
    let sidecar = with(Api::Chat, ", escalate: [refusal]", &providers);
    providers[0].next([says(&REFUSAL)]);
    answered(&ask(&sidecar, Api::Chat, false, &json!({})), "from-b");
    let turn = json!({ "messages": [
        { "role": "user", "content": "hi" },
        { "role": "assistant", "content": "from-b" },
        { "role": "user", "content": "go on" },
    ] });
    let next = ask(&sidecar, Api::Chat, false, &turn);
    answered(&next, "from-b");
    let tier = next
        .header("x-outrigger-tier")
        .unwrap_or_default()
        .to_owned();
    assert_eq!(tier, "large; score=0; because=escalated");
}
