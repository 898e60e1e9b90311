//! Losses of a translation: refused by name where the meaning would change, left out and counted
//! where only cost or taste would.

use outrigger_tests::failover::exchange;
use outrigger_tests::replies::Api;
use outrigger_tests::translation::{
    Setup, alias, directions, post, post_with, upstream, wire_name,
};
use outrigger_tests::wire::Reply;
use outrigger_tests::{Act, Fault, Provider, eventually};
use serde_json::{Value, json};

/// A request with further members.
fn ask(api: Api, model: &str, more: &Value) -> Value {
    let mut body = api.ask(model, "hi", false);
    let members = body.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    body
}

/// Fails unless it is a 400 in the caller's shape whose message has a word in it.
fn is_refused(caller: Api, reply: &Reply, word: &str) {
    let error = &reply.json()["error"];
    let what = format!("{caller:?}: {}", reply.text());
    assert_eq!(reply.status, 400, "{what}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains(word), "no `{word}` in {what}");
    match caller {
        Api::Chat | Api::Responses => assert!(error["type"].is_string(), "{what}"),
        Api::Messages => assert_eq!(reply.json()["type"], "error", "{what}"),
        Api::Gemini => assert_eq!(error["status"], "INVALID_ARGUMENT", "{what}"),
    }
    assert_eq!(reply.header("x-should-retry"), Some("false"), "{what}");
}

/// Members of requests that some targets lack, and that change cost or taste only.
fn droppable() -> Vec<(Api, Value, Api, &'static str)> {
    vec![
        (Api::Chat, json!({"seed": 7}), Api::Messages, "seed"),
        (Api::Chat, json!({"seed": 7}), Api::Responses, "seed"),
        (
            Api::Chat,
            json!({"frequency_penalty": 0.5}),
            Api::Responses,
            "frequency_penalty",
        ),
        (
            Api::Chat,
            json!({"logit_bias": {"50256": -100}}),
            Api::Gemini,
            "logit_bias",
        ),
        (
            Api::Responses,
            json!({"truncation": "auto"}),
            Api::Messages,
            "truncation",
        ),
        (Api::Messages, json!({"top_k": 40}), Api::Chat, "top_k"),
        (
            Api::Messages,
            json!({"system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]}),
            Api::Gemini,
            "cache_control",
        ),
        (
            Api::Gemini,
            json!({"generationConfig": {"seed": 7}}),
            Api::Messages,
            "seed",
        ),
    ]
}

#[test]
fn what_is_left_out_is_in_the_log_in_a_metric_and_where_it_is_wanted_in_a_header() {
    let provider = Provider::start("fine");
    let sidecar = Setup::at(provider.address()).start();
    for (number, (caller, more, to, field)) in droppable().into_iter().enumerate() {
        let body = ask(caller, alias(to), &more);
        let labels = [
            format!("to=\"{}\"", wire_name(to)),
            format!("field=\"{field}\""),
        ];
        let labels = labels.each_ref().map(String::as_str);
        let counted = || sidecar.metric("outrigger_translation_dropped_total", &labels);
        let before = counted();
        let wants = ["x-outrigger-dropped: 1"];
        let reply = post_with(&sidecar, caller, alias(to), &wants, &body);
        let what = format!("{caller:?} to {to:?}: {}{}", reply.head, reply.text());
        assert_eq!(reply.status, 200, "{what}");
        assert_eq!(reply.header("x-outrigger-dropped"), Some(field), "{what}");
        let line = exchange(&sidecar, 2 * number);
        assert_eq!(line["translated_to"], wire_name(to), "{line}");
        assert_eq!(line["dropped"], field, "{line}");
        eventually("it is counted", || counted() == before + 1.0);

        let quiet = post(&sidecar, caller, alias(to), &body);
        assert_eq!(quiet.header("x-outrigger-dropped"), None);
        exchange(&sidecar, 2 * number + 1);
    }
    assert!(
        provider
            .calls()
            .iter()
            .all(|call| call.header("x-outrigger-dropped").is_none()),
        "it is for the sidecar alone"
    );
}

#[test]
fn a_strict_upstream_or_alias_is_sent_nothing_of_which_something_would_be_left_out() {
    let provider = Provider::start("fine");
    let mut setup = Setup::at(provider.address());
    for api in Api::EVERY {
        let (name, strict) = (upstream(api), format!("{}-strict", upstream(api)));
        setup = setup
            .upstream(api, &strict, provider.address(), ", strict: true")
            .model(&format!("upstream-{name}: {{ targets: [{strict}/m] }}"))
            .model(&format!(
                "alias-{name}: {{ targets: [{name}/m], strict: true }}"
            ));
    }
    let sidecar = setup.start();
    for (caller, more, to, field) in droppable() {
        for whose in ["upstream", "alias"] {
            let model = format!("{whose}-{}", upstream(to));
            let before = provider.count();
            let reply = post(&sidecar, caller, &model, &ask(caller, &model, &more));
            is_refused(caller, &reply, field);
            assert_eq!(provider.count(), before);
            let plain = post(&sidecar, caller, &model, &ask(caller, &model, &json!({})));
            assert_eq!(plain.status, 200, "{caller:?} to {to:?}: {}", plain.text());
        }
    }
}

#[test]
fn translation_that_is_off_leaves_targets_of_other_dialects_out() {
    let provider = Provider::start("fine");
    let mut setup = Setup::at(provider.address());
    for api in Api::EVERY {
        let (name, off) = (upstream(api), format!("{}-off", upstream(api)));
        setup = setup
            .upstream(api, &off, provider.address(), ", translate: off")
            .model(&format!("upstream-{name}: {{ targets: [{off}/m] }}"))
            .model(&format!(
                "alias-{name}: {{ targets: [{name}/m], translate: off }}"
            ));
    }
    let sidecar = setup.start();
    for (caller, to) in directions() {
        for whose in ["upstream", "alias"] {
            let model = format!("{whose}-{}", upstream(to));
            let reply = post(&sidecar, caller, &model, &ask(caller, &model, &json!({})));
            // An alias of one target that speaks no dialect of the caller's family is served by
            // nobody; where it speaks another of the family, it does not fit.
            let is_refused = matches!(reply.status, 400 | 404);
            assert!(is_refused, "{caller:?} to {to:?} {whose}: {}", reply.text());
            assert_eq!(provider.count(), 0, "{caller:?} to {to:?} {whose}");
        }
    }
    for api in Api::EVERY {
        let model = format!("alias-{}", upstream(api));
        let reply = post(&sidecar, api, &model, &ask(api, &model, &json!({})));
        assert_eq!(reply.status, 200, "{api:?} itself: {}", reply.text());
    }
}

#[test]
fn what_would_change_the_meaning_is_refused_by_its_name() {
    let provider = Provider::start("fine");
    let sidecar = Setup::at(provider.address()).start();
    let tool = json!({"type": "web_search_20250305", "name": "web_search"});
    for (caller, more, to, field) in [
        (Api::Chat, json!({"n": 2}), Api::Messages, "n"),
        (Api::Chat, json!({"n": 2}), Api::Responses, "n"),
        (
            Api::Chat,
            json!({"logprobs": true}),
            Api::Messages,
            "logprobs",
        ),
        (Api::Chat, json!({"stop": "END"}), Api::Responses, "stop"),
        (
            Api::Responses,
            json!({"previous_response_id": "resp_1"}),
            Api::Chat,
            "previous_response_id",
        ),
        (
            Api::Responses,
            json!({"previous_response_id": "resp_1"}),
            Api::Messages,
            "previous_response_id",
        ),
        (
            Api::Responses,
            json!({"tools": [{"type": "web_search"}]}),
            Api::Gemini,
            "tools[0]",
        ),
        (
            Api::Messages,
            json!({"tools": [tool]}),
            Api::Chat,
            "tools[0]",
        ),
        (
            Api::Gemini,
            json!({"cachedContent": "cachedContents/1"}),
            Api::Messages,
            "cachedContent",
        ),
        (
            Api::Gemini,
            json!({"tools": [{"googleSearch": {}}]}),
            Api::Chat,
            "tools[0]",
        ),
    ] {
        let model = alias(to);
        let reply = post(&sidecar, caller, model, &ask(caller, model, &more));
        is_refused(caller, &reply, field);
    }
    assert_eq!(provider.count(), 0, "nothing was sent");
}

#[test]
fn a_body_that_its_own_dialect_would_refuse_is_refused_by_the_fields_name() {
    let provider = Provider::start("fine");
    let sidecar = Setup::at(provider.address()).start();
    let turn = |part: Value| json!([{"role": "user", "content": [part]}]);
    let unknown = json!({"type": "hologram", "hologram": {}});
    for (caller, more, field) in [
        (Api::Chat, json!({"temperature": "hot"}), "temperature"),
        (Api::Chat, json!({"messages": "hi"}), "messages"),
        (
            Api::Chat,
            json!({"messages": turn(unknown.clone())}),
            "messages[0].content[0]",
        ),
        (
            Api::Chat,
            json!({"tools": [{"type": "function"}]}),
            "tools[0]",
        ),
        (Api::Responses, json!({"temperature": "hot"}), "temperature"),
        (Api::Responses, json!({"input": 7}), "input"),
        (
            Api::Responses,
            json!({"input": turn(unknown.clone())}),
            "input[0].content[0]",
        ),
        (Api::Messages, json!({"temperature": "hot"}), "temperature"),
        (Api::Messages, json!({"max_tokens": "many"}), "max_tokens"),
        (
            Api::Messages,
            json!({"messages": turn(unknown)}),
            "messages[0].content[0]",
        ),
        (Api::Messages, json!({"tools": [{"name": 7}]}), "tools[0]"),
        (
            Api::Gemini,
            json!({"generationConfig": {"temperature": "hot"}}),
            "generationConfig.temperature",
        ),
        (Api::Gemini, json!({"contents": 7}), "contents"),
        (
            Api::Gemini,
            json!({"contents": [{"role": "user", "parts": [{"hologram": {}}]}]}),
            "contents[0].parts[0]",
        ),
    ] {
        for to in Api::EVERY.into_iter().filter(|to| *to != caller) {
            let model = alias(to);
            let reply = post(&sidecar, caller, model, &ask(caller, model, &more));
            is_refused(caller, &reply, field);
        }
    }
    assert_eq!(provider.count(), 0, "nothing was sent");
}

#[test]
fn a_target_that_would_need_a_refusal_is_no_candidate() {
    let [messages, chat] = ["from-messages", "from-chat"].map(Provider::start);
    let sidecar = Setup::between(|api| match api {
        Api::Messages => messages.address(),
        _ => chat.address(),
    })
    .model("both: { targets: [messages/m, chat/m] }")
    .start();
    let two = ask(Api::Chat, "both", &json!({"n": 2}));
    let reply = post(&sidecar, Api::Chat, "both", &two);
    assert!(reply.text().contains("from-chat"), "{}", reply.text());
    let line = exchange(&sidecar, 0);
    assert_eq!(line["translated_to"], Value::Null, "{line}");
    let one = ask(Api::Chat, "both", &json!({}));
    let reply = post(&sidecar, Api::Chat, "both", &one);
    assert!(reply.text().contains("from-messages"), "{}", reply.text());
    assert_eq!(exchange(&sidecar, 1)["translated_to"], "anthropic.messages");

    // Where the first fails, no other is degraded to in silence.
    messages.now(Act::Refuses(Fault::Overload));
    let reply = post(&sidecar, Api::Chat, "both", &one);
    assert!(reply.text().contains("from-chat"), "{}", reply.text());
    chat.now(Act::Refuses(Fault::Overload));
    messages.now(Act::Answers);
    let calls = messages.count();
    let reply = post(&sidecar, Api::Chat, "both", &two);
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(messages.count(), calls);
}
