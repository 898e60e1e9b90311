//! Requests that are known to be pure, which alone are cached.

use outrigger_sdk::{Dialect, Request, bench};
use serde_json::{Value, json};

use super::{cache, header, reason, run, says};

/// A request of each dialect that uses much of what is known of it.
fn pure() -> [(Dialect, Value); 6] {
    let function =
        json!({ "type": "object", "properties": { "web_search_options": { "type": "string" } } });
    [
        (
            Dialect::OpenaiChat,
            json!({ "model": "m", "temperature": 0, "seed": 1, "response_format": { "type": "json_schema", "json_schema": { "schema": function } },
                "tools": [{ "type": "function", "function": { "name": "f", "parameters": function } }], "stream_options": { "include_usage": true }, "reasoning": { "effort": "low" }, "thinking": { "type": "enabled" },
                "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "auto", "tools": [{ "type": "function", "name": "f" }] } },
                "messages": [{ "role": "system", "content": "s" }, { "role": "user", "content": [{ "type": "text", "text": "hi" }, { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:" } }] },
                    { "role": "assistant", "content": null, "refusal": null, "tool_calls": [{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
                    { "role": "tool", "tool_call_id": "c", "content": "r" }] }),
        ),
        (
            Dialect::OpenaiResponses,
            json!({ "model": "m", "temperature": 0, "store": false, "include": ["reasoning.encrypted_content"], "reasoning": { "effort": "low" },
                "text": { "format": { "type": "text" }, "verbosity": "low" }, "instructions": "s", "previous_response_id": null,
                "tools": [{ "type": "function", "name": "f", "parameters": function, "strict": true }, { "type": "custom", "name": "g" }],
                "input": [{ "role": "user", "content": "hi" }, { "type": "message", "role": "assistant", "id": "m1", "status": "completed", "content": [{ "type": "output_text", "text": "x", "annotations": [] }] },
                    { "type": "reasoning", "id": "r1", "summary": [{ "type": "summary_text", "text": "t" }], "encrypted_content": "e" },
                    { "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}" }, { "type": "function_call_output", "call_id": "c", "output": "r" }] }),
        ),
        (
            Dialect::OpenaiCompletions,
            json!({ "model": "m", "temperature": 0, "prompt": "hi", "max_tokens": 3, "logit_bias": { "1": 2 } }),
        ),
        (
            Dialect::OpenaiEmbeddings,
            json!({ "model": "m", "input": [[1, 2], [3]], "dimensions": 8, "encoding_format": "base64" }),
        ),
        (
            Dialect::AnthropicMessages,
            json!({ "model": "m", "temperature": 0, "max_tokens": 9, "thinking": { "type": "disabled" }, "metadata": { "user_id": "u" },
                "system": [{ "type": "text", "text": "s", "cache_control": { "type": "ephemeral" } }], "tools": [{ "name": "f", "input_schema": function }],
                "messages": [{ "role": "user", "content": [{ "type": "document", "title": "t", "source": { "type": "text", "media_type": "text/plain", "data": "d" } }] },
                    { "role": "assistant", "content": [{ "type": "thinking", "thinking": "t", "signature": "s" }, { "type": "tool_use", "id": "c", "name": "f", "input": { "url": "u", "file_id": "i" } }] },
                    { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c", "content": [{ "type": "text", "text": "r" }] }] }] }),
        ),
        (
            Dialect::GeminiGenerate,
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }, { "inline_data": { "mime_type": "application/pdf", "data": "" } }] },
                    { "role": "model", "parts": [{ "functionCall": { "name": "f", "args": { "fileUri": "x" } } }] }],
                "system_instruction": { "parts": [{ "text": "s" }] }, "generationConfig": { "temperature": 0, "thinking_config": { "thinkingBudget": 0 }, "responseModalities": ["TEXT"] },
                "tools": [{ "function_declarations": [{ "name": "f" }] }], "toolConfig": { "functionCallingConfig": { "mode": "AUTO" } } }),
        ),
    ]
}

fn allowing() -> Value {
    json!({ "tool_calls": true, "without_temperature": true })
}

#[test]
fn what_is_known_of_each_dialect_is_cached() {
    for (dialect, body) in pure() {
        let exchange = run(&cache(allowing()), Request::from_json(dialect, body));
        let why = header(&exchange, "x-outrigger-cache-member");
        assert_eq!(says(&exchange), "miss", "{dialect:?}: {why}");
    }
}

/// Every object of a body that is no schema, argument or other free form.
fn objects(value: &Value, at: &str, out: &mut Vec<String>) {
    const FREE: [&str; 12] = [
        "response_format",
        // ignored, and so no part of what is compared
        "stream_options",
        "function",
        "json_schema",
        "parameters",
        "input_schema",
        "tool_calls",
        "logit_bias",
        "metadata",
        "cache_control",
        "args",
        "function_declarations",
    ];
    match value {
        Value::Object(map) => {
            out.push(at.to_owned());
            for (key, below) in map.iter().filter(|(key, _)| !FREE.contains(&key.as_str())) {
                let free = key == "input" && at.contains("/content/") || key == "format";
                if !free {
                    objects(below, &format!("{at}/{key}"), out);
                }
            }
        }
        Value::Array(list) => {
            for (index, below) in list.iter().enumerate() {
                objects(below, &format!("{at}/{index}"), out);
            }
        }
        _ => {}
    }
}

#[test]
fn a_member_that_nobody_knows_keeps_a_reply_out_at_every_place_of_every_dialect() {
    let mut places = 0;
    for (dialect, body) in pure() {
        let mut all = Vec::new();
        objects(&body, "", &mut all);
        for at in all {
            for value in [json!(true), json!({}), json!("x")] {
                let mut body = body.clone();
                body.pointer_mut(&at).unwrap()["brand_new_switch"] = value;
                let exchange = run(&cache(allowing()), Request::from_json(dialect, body));
                assert_eq!(says(&exchange), "bypass", "{dialect:?} {at}");
                assert!(
                    ["unknown", "tools"]
                        .contains(&header(&exchange, "x-outrigger-cache-reason").as_str()),
                    "{dialect:?} {at}"
                );
                assert_eq!(
                    header(&exchange, "x-outrigger-cache-member"),
                    "brand_new_switch"
                );
                places += 1;
            }
            let mut body = body.clone();
            body.pointer_mut(&at).unwrap()["brand_new_switch"] = json!(null);
            let exchange = run(&cache(allowing()), Request::from_json(dialect, body));
            assert_eq!(says(&exchange), "miss", "nothing is said: {dialect:?} {at}");
        }
    }
    assert!(places > 100, "{places}");
    assert_eq!(bench::counter("member_other"), places);
}

fn ask(dialect: Dialect, extra: &Value) -> String {
    let (_, mut body) = pure().into_iter().find(|(of, _)| *of == dialect).unwrap();
    let extra = extra.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(extra);
    reason(&cache(allowing()), Request::from_json(dialect, body))
}

#[test]
fn what_the_provider_looks_up_is_not_cached_however_it_is_spelt() {
    let part = |part: Value| json!({ "contents": [{ "parts": [part] }] });
    let block = |source: Value| json!({ "messages": [{ "role": "user", "content": [{ "type": "document", "source": source }] }] });
    let item = |item: Value| json!({ "input": [item] });
    let (chat, responses) = (Dialect::OpenaiChat, Dialect::OpenaiResponses);
    let (messages, gemini) = (Dialect::AnthropicMessages, Dialect::GeminiGenerate);
    for (dialect, extra, expected) in [
        (chat, json!({ "web_search_options": {} }), "state"),
        (
            chat,
            json!({ "search_parameters": { "mode": "on" } }),
            "state",
        ),
        (chat, json!({ "enable_search": true }), "state"),
        (chat, json!({ "plugins": [{ "id": "web" }] }), "state"),
        (chat, json!({ "model": "gpt-4o-search-preview" }), "model"),
        (chat, json!({ "model": "openai/gpt-5:online" }), "model"),
        (chat, json!({ "model": "Sonar-Pro" }), "model"),
        (
            chat,
            json!({ "messages": [{ "role": "user", "content": [{ "type": "file", "file": { "file_id": "f" } }] }] }),
            "files",
        ),
        (
            chat,
            json!({ "messages": [{ "role": "user", "content": [{ "type": "file", "file": { "file_data": "https://x.test/a.pdf" } }] }] }),
            "files",
        ),
        (
            gemini,
            part(json!({ "inlineData": { "data": "gs://x/a.pdf" } })),
            "unknown",
        ),
        (
            chat,
            json!({ "tool_choice": { "type": "web_search" } }),
            "state",
        ),
        (
            chat,
            json!({ "reasoning": { "effort": "low", "web_search": true } }),
            "state",
        ),
        (
            chat,
            json!({ "messages": [{ "role": "user", "content": [{ "type": "video_url", "video_url": { "url": "u" } }] }] }),
            "unknown",
        ),
        (responses, json!({ "previous_response_id": "r" }), "state"),
        (responses, json!({ "conversation": { "id": "c" } }), "state"),
        (responses, json!({ "prompt": { "id": "p" } }), "state"),
        (responses, json!({ "background": true }), "state"),
        (responses, json!({ "model": "o3-deep-research" }), "model"),
        (
            responses,
            json!({ "tools": [{ "type": "file_search", "vector_store_ids": ["v"] }] }),
            "tools",
        ),
        (
            responses,
            json!({ "tools": [{ "type": "mcp", "server_url": "u" }] }),
            "tools",
        ),
        (
            responses,
            item(json!({ "type": "item_reference", "id": "m" })),
            "state",
        ),
        (responses, item(json!({ "id": "m" })), "state"),
        (
            responses,
            item(json!({ "role": "user", "content": [{ "type": "input_file", "file_url": "u" }] })),
            "files",
        ),
        (
            responses,
            item(json!({ "role": "user", "content": [{ "type": "input_file", "file_id": "f" }] })),
            "files",
        ),
        (messages, json!({ "container": "c" }), "state"),
        (
            messages,
            json!({ "mcp_servers": [{ "url": "u" }] }),
            "state",
        ),
        (
            messages,
            json!({ "context_management": { "edits": [] } }),
            "state",
        ),
        (
            messages,
            json!({ "tools": [{ "type": "web_fetch_20250910", "name": "web_fetch" }] }),
            "tools",
        ),
        (
            messages,
            block(json!({ "type": "url", "url": "u" })),
            "files",
        ),
        (
            messages,
            block(json!({ "type": "file", "file_id": "f" })),
            "files",
        ),
        (gemini, json!({ "cachedContent": "c" }), "state"),
        (gemini, json!({ "cached_content": "c" }), "state"),
        (gemini, json!({ "tools": [{ "googleMaps": {} }] }), "tools"),
        (
            gemini,
            json!({ "tools": [{ "enterprise_web_search": {} }] }),
            "tools",
        ),
        (gemini, json!({ "tools": { "file_search": {} } }), "tools"),
        (
            gemini,
            json!({ "toolConfig": { "retrievalConfig": {} } }),
            "state",
        ),
        (
            gemini,
            json!({ "generation_config": { "temperature": 1.9 } }),
            "temperature",
        ),
        (
            gemini,
            json!({ "generationConfig": { "response_modalities": ["IMAGE"] } }),
            "images",
        ),
        (
            gemini,
            part(json!({ "fileData": { "fileUri": "u" } })),
            "files",
        ),
        (
            gemini,
            part(json!({ "file_data": { "file_uri": "u" } })),
            "files",
        ),
    ] {
        assert_eq!(ask(dialect, &extra), expected, "{dialect:?} {extra}");
    }
}

#[test]
fn members_are_counted_by_names_of_a_bounded_list() {
    ask(Dialect::OpenaiChat, &json!({ "web_search_options": {} }));
    ask(Dialect::GeminiGenerate, &json!({ "cachedContent": "c" }));
    ask(Dialect::GeminiGenerate, &json!({ "cached_content": "c" }));
    ask(Dialect::OpenaiChat, &json!({ "whatever": 1 }));
    let counted = ["web_search_options", "cached_content", "other", "whatever"];
    assert_eq!(
        counted.map(|name| bench::counter(&format!("member_{name}"))),
        [1, 2, 1, 0]
    );
}

#[test]
fn the_operator_may_know_more_members_to_be_pure() {
    let with = |config: Value| {
        let body = json!({ "model": "m", "temperature": 0, "messages": [], "chat_template_kwargs": { "a": 1 } });
        says(&run(
            &cache(config),
            Request::from_json(Dialect::OpenaiChat, body),
        ))
    };
    assert_eq!(with(json!({})), "bypass");
    assert_eq!(with(json!({ "members": ["chat_template_kwargs"] })), "miss");
    assert_eq!(with(json!({ "ignore": ["/chat_template_kwargs"] })), "miss");
}

#[test]
fn a_body_of_more_than_a_mebibyte_is_left_alone() {
    let text = "x".repeat(1 << 20);
    let body = json!({ "messages": [{ "role": "user", "content": text }] });
    assert_eq!(ask(Dialect::OpenaiChat, &body), "size");
}
