//! Sizes, and the output that somebody pays for.

use outrigger_sdk::{
    Decision, Dialect, Request,
    bench::{counter, merged},
};
use serde_json::{Value, json};

use super::{code, guard};

#[test]
fn each_limit_refuses_what_is_over_it_and_nothing_else() {
    let chat = |extra: Value| {
        let messages =
            json!([{ "role": "user", "content": "hi" }, { "role": "assistant", "content": "yes" }]);
        let body = json!({ "model": "m", "messages": messages });
        Request::from_json(Dialect::OpenaiChat, merged(body, extra))
    };
    let image = json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "x" } }] }] });
    let tool = json!({ "type": "function", "function": { "name": "f" } });
    for (limits, extra, refused) in [
        (json!({ "bytes": 60 }), json!({}), true),
        (json!({ "bytes": "1KiB" }), json!({}), false),
        (json!({ "messages": 1 }), json!({}), true),
        (json!({ "messages": 2 }), json!({}), false),
        (json!({ "images": 0 }), image.clone(), true),
        (json!({ "images": 1 }), image, false),
        (
            json!({ "tools": 1 }),
            json!({ "tools": [tool, tool] }),
            true,
        ),
        (
            json!({ "tools": 2 }),
            json!({ "tools": [tool, tool] }),
            false,
        ),
        (
            json!({ "depth": 3 }),
            json!({ "metadata": { "a": { "b": { "c": 1 } } } }),
            true,
        ),
        (
            json!({ "depth": 4 }),
            json!({ "metadata": { "a": { "b": { "c": 1 } } } }),
            false,
        ),
        (json!({ "choices": 1 }), json!({ "n": 2 }), true),
        (json!({ "choices": 1 }), json!({ "n": 1 }), false),
        (json!({ "choices": 1 }), json!({ "n": "many" }), true),
        (json!({ "tokens": 10 }), json!({}), true),
        (
            json!({ "output_tokens": { "most": 100, "over": "refuse" } }),
            json!({ "max_tokens": 101 }),
            true,
        ),
        (
            json!({ "output_tokens": { "most": 100, "over": "refuse" } }),
            json!({ "max_tokens": 100 }),
            false,
        ),
    ] {
        let exchange = guard(json!({ "limits": limits })).request(chat(extra.clone()));
        let expected = if refused {
            "request_too_large"
        } else {
            "forwarded"
        };
        assert_eq!(code(&exchange.decision), expected, "{limits} {extra}");
    }
}

#[test]
fn output_is_clamped_set_where_absent_and_left_where_it_fits() {
    let sent = |requested: Value| {
        let bench =
            guard(json!({ "limits": { "output_tokens": { "most": 1000, "default": 200 } } }));
        let body = merged(json!({ "model": "m", "messages": [] }), requested);
        bench
            .request(Request::from_json(Dialect::OpenaiChat, body))
            .request
            .body_json()
    };
    assert_eq!(sent(json!({ "max_tokens": 5000 }))["max_tokens"], 1000);
    assert_eq!(sent(json!({ "max_tokens": 1e9 }))["max_tokens"], 1000);
    assert_eq!(sent(json!({ "max_tokens": 700 }))["max_tokens"], 700);
    assert_eq!(sent(json!({}))["max_completion_tokens"], 200);
}

#[test]
fn a_batch_with_a_request_for_more_output_is_refused_and_none_is_clamped() {
    for over in ["clamp", "refuse"] {
        let limits = json!({ "output_tokens": { "most": 1000, "over": over } });
        let decide = |most: [u64; 2]| {
            let entry =
                |most| json!({ "params": { "model": "m", "max_tokens": most, "messages": [] } });
            let body = json!({ "requests": most.map(entry) });
            let request = Request::from_json(Dialect::AnthropicBatches, body.clone());
            let exchange = guard(json!({ "limits": limits })).request(request);
            assert_eq!(exchange.request.body_json(), body);
            code(&exchange.decision).to_owned()
        };
        assert_eq!(decide([10, 1001]), "request_too_large", "{over}");
        assert_eq!(decide([10, 1000]), "forwarded", "{over}");
    }
}

#[test]
fn a_clamp_leaves_room_to_think_and_to_answer() {
    let bound = |dialect: Dialect, body: Value, at: &str| {
        let bench =
            guard(json!({ "limits": { "output_tokens": { "most": 1000, "default": 200 } } }));
        let exchange = bench.request(Request::from_json(dialect, body));
        assert_eq!(exchange.decision, Decision::Forward);
        exchange.request.body_json().pointer(at).cloned().unwrap()
    };
    let anthropic = |thinking: Value, requested: u64| {
        let body = json!({ "max_tokens": requested, "thinking": thinking, "messages": [] });
        bound(Dialect::AnthropicMessages, body, "/max_tokens")
    };
    let enabled = |budget: i64| json!({ "type": "enabled", "budget_tokens": budget });
    assert_eq!(anthropic(enabled(16_000), 64_000), 16_200);
    assert_eq!(anthropic(enabled(16_000), 16_100), 16_100);
    assert_eq!(anthropic(enabled(900), 64_000), 1000);
    assert_eq!(
        anthropic(
            json!({ "type": "disabled", "budget_tokens": 16_000 }),
            64_000
        ),
        1000
    );
    assert_eq!(
        anthropic(
            json!({ "type": "enabled", "budget_tokens": "many" }),
            64_000
        ),
        1000
    );
    for (outer, inner, name, most) in [
        (
            "generationConfig",
            "thinkingConfig",
            "thinkingBudget",
            "maxOutputTokens",
        ),
        (
            "generation_config",
            "thinking_config",
            "thinking_budget",
            "max_output_tokens",
        ),
    ] {
        let gemini = |budget: i64| {
            let body = json!({ "contents": [], outer: { most: 64_000, inner: { name: budget } } });
            bound(Dialect::GeminiGenerate, body, &format!("/{outer}/{most}"))
        };
        assert_eq!(
            [gemini(8192), gemini(-1), gemini(0)].map(|tokens| tokens.as_u64().unwrap()),
            [8392, 1000, 1000]
        );
    }
    let chat = json!({ "messages": [], "max_tokens": 9000, "reasoning": { "max_tokens": 2000 } });
    assert_eq!(bound(Dialect::OpenaiChat, chat, "/max_tokens"), 2200);
    let unset = json!({ "messages": [], "thinking": enabled(2000) });
    assert_eq!(
        bound(Dialect::AnthropicMessages, unset, "/max_tokens"),
        2200
    );
    let elsewhere = json!({ "input": "x", "max_output_tokens": 9000, "thinking_budget": 8000 });
    assert_eq!(
        bound(Dialect::OpenaiResponses, elsewhere, "/max_output_tokens"),
        1000
    );
}

#[test]
fn a_limit_is_reported_with_what_was_sent_and_counted() {
    let exchange = guard(json!({ "limits": { "messages": 1 } }))
        .request(Request::chat("m").user("a").user("b"));
    let refusal = exchange.refusal();
    assert_eq!(
        (refusal.status, refusal.message.as_str()),
        (400, "the request has 2 messages and may have 1: send less")
    );
    assert_eq!(counter("over_limit"), 1);
}
