#![expect(clippy::unwrap_used, reason = "tests")]

use outrigger_sdk::{
    Decision, Dialect, Places, Policy, Request, assert_config_errors, bench::Bench,
};
use serde_json::{Value, json};

use crate::StaticReply;

fn bench(rules: Value) -> Bench<StaticReply> {
    Bench::new(json!({ "rules": rules })).unwrap()
}

/// True if a rule with these conditions answers.
fn answers(when: Value, request: Request) -> bool {
    match bench(json!([{ "when": when, "reply": "yes" }]))
        .request(request)
        .decision
    {
        Decision::Reply(reply) => reply.text == "yes",
        _ => false,
    }
}

fn says(text: &str) -> Request {
    Request::chat("m").message("system", "You help.").user(text)
}

#[test]
fn the_first_rule_that_holds_answers_and_without_one_the_request_goes_on() {
    let rules = json!([
        { "when": { "exact": "hi" }, "reply": "one" },
        { "when": { "pattern": "^h" }, "reply": "two" },
    ]);
    assert_eq!(
        bench(rules.clone()).request(says("Hi!")).decision,
        Decision::reply("one")
    );
    assert_eq!(
        bench(rules.clone()).request(says("hello")).decision,
        Decision::reply("two")
    );
    let exchange = bench(rules).request(says("bye"));
    assert_eq!(
        (exchange.decision, exchange.request.body_json()),
        (Decision::Forward, says("bye").body_json())
    );
}

#[test]
fn words_are_the_last_message_of_the_user() {
    let hours = || json!({ "contains": ["opening hours", "horário"] });
    for (text, expected) in [
        ("What are your OPENING  hours?", true),
        ("Qual é o HORÁRIO de vocês?", true),
        ("reopening hours", false),
        ("opening the hours", false),
    ] {
        assert_eq!(answers(hours(), says(text)), expected, "{text}");
    }
    assert!(!answers(
        hours(),
        says("opening hours?")
            .message("assistant", "9 to 5")
            .user("thanks")
    ));
    assert!(!answers(
        hours(),
        says("opening hours?").message("assistant", "9 to")
    ));
    assert!(answers(
        json!({ "exact": ["hello there", "hi"] }),
        says(" Hello,\nthere! ")
    ));
    assert!(!answers(
        json!({ "exact": "hi" }),
        says("hi, how do I cancel?")
    ));
}

#[test]
fn only_the_model_can_answer_a_tools_result_or_an_image() {
    let call =
        json!({ "id": "1", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let messages = json!([
        { "role": "user", "content": "hi" },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "1", "content": "hi" },
    ]);
    let exact = || json!({ "exact": "hi" });
    assert!(!answers(
        exact(),
        Request::from_json(
            Dialect::OpenaiChat,
            json!({ "model": "m", "messages": messages })
        )
    ));
    let image = json!([{ "role": "user", "content": [{ "type": "text", "text": "hi" }, { "type": "image_url", "image_url": { "url": "x" } }] }]);
    assert!(!answers(
        exact(),
        Request::from_json(
            Dialect::OpenaiChat,
            json!({ "model": "m", "messages": image })
        )
    ));
}

#[test]
fn all_dialects_are_read() {
    let exact = || json!({ "exact": "hi" });
    for (dialect, body) in [
        (
            Dialect::OpenaiResponses,
            json!({ "model": "m", "instructions": "s", "input": "Hi!" }),
        ),
        (
            Dialect::OpenaiResponses,
            json!({ "model": "m", "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "hi" }] }] }),
        ),
        (
            Dialect::AnthropicMessages,
            json!({ "model": "m", "system": "s", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }] }),
        ),
    ] {
        assert!(
            answers(exact(), Request::from_json(dialect, body.clone())),
            "{body}"
        );
    }
}

#[test]
fn every_condition_has_to_hold() {
    let when = || json!({ "exact": "hi", "model": "gpt-*", "headers": { "x-app": ["shop", "kiosk*"] }, "tags": { "budget": "exhausted" }, "first": true });
    let request = |model: &str, app: &str, tag: &str| {
        Request::chat(model)
            .user("hi")
            .with_header("X-App", app)
            .with_tag("budget", tag)
    };
    assert!(answers(when(), request("gpt-5", "kiosk-3", "exhausted")));
    assert!(!answers(when(), request("claude", "kiosk-3", "exhausted")));
    assert!(!answers(when(), request("gpt-5", "web", "exhausted")));
    assert!(!answers(when(), request("gpt-5", "shop", "fine")));
    assert!(!answers(
        when(),
        request("gpt-5", "shop", "exhausted")
            .message("assistant", "hello")
            .user("hi")
    ));
}

#[test]
fn a_tag_alone_can_answer_and_reads_nothing() {
    let rules =
        json!([{ "when": { "tags": { "guard": "flagged" } }, "reply": "I can't help with that." }]);
    let policy = bench(rules.clone()).policy();
    assert_eq!(policy.reads(), Places::empty());
    let exchange = bench(rules).request(says("x").with_tag("guard", "flagged"));
    assert_eq!(
        exchange.decision,
        Decision::reply("I can't help with that.")
    );
    assert_eq!(outrigger_sdk::bench::counter("replies"), 1);
}

#[test]
fn a_configuration_that_could_not_work_is_refused_with_its_key() {
    assert_config_errors!(StaticReply,
        {} => "… `rules` is missing",
        { "rules": [] } => "rules: … empty",
        { "rules": [{ "when": { "exact": "a" } }] } => "rules[0]: … `reply` is missing",
        { "rules": [{ "when": { "exact": "a" }, "reply": " " }] } => "rules[0].reply: … empty",
        { "rules": [{ "when": { "exact": [] }, "reply": "x" }] } => "rules[0].when.exact: … empty",
        { "rules": [{ "when": { "exact": ["?!"] }, "reply": "x" }] }
            => "rules[0].when.exact[0]: … no letter",
        { "rules": [{ "when": { "exact": ["a", "A!"] }, "reply": "x" }] }
            => "rules[0].when.exact[1]: … same",
        { "rules": [{ "when": { "pattern": "(" }, "reply": "x" }] }
            => "rules[0].when.pattern: … is no regular expression",
        { "rules": [{ "when": { "pattern": "a*" }, "reply": "x" }] }
            => "rules[0].when.pattern: … every text",
        { "rules": [{ "when": { "model": "" }, "reply": "x" }] }
            => "rules[0].when.model: `` is no glob",
        { "rules": [{ "when": { "word": "a" }, "reply": "x" }] }
            => "rules[0].when.word: unknown key",
        { "rules": [{ "reply": "x" }, { "when": { "exact": "a" }, "reply": "y" }] }
            => "rules[1].when: can never be reached",
        { "rules": [{ "when": { "exact": ["a", "b"] }, "reply": "x" }, { "when": { "exact": "B", "model": "m" }, "reply": "y" }] }
            => "rules[1].when: … rules[0]",
        { "rules": [{ "when": { "contains": "a b" }, "reply": "x" }, { "when": { "exact": "c a b" }, "reply": "y" }] }
            => "rules[1].when: … rules[0]",
        { "rules": [{ "when": { "exact": "a", "contains": "b" }, "reply": "x" }] }
            => "rules[0].when: … can never hold",
    );
    for reachable in [
        json!([{ "when": { "exact": "a", "model": "m" }, "reply": "x" }, { "when": { "exact": "a" }, "reply": "y" }]),
        json!([{ "when": { "exact": "a" }, "reply": "x" }, { "when": { "contains": "a" }, "reply": "y" }]),
        json!([{ "when": { "contains": "a" }, "reply": "x" }, { "when": { "pattern": "a" }, "reply": "y" }]),
    ] {
        bench(reachable);
    }
}

#[test]
fn a_last_resort_answers_a_failed_call_and_nothing_else() -> Result<(), String> {
    let bench = Bench::<StaticReply>::new(json!({ "rules": [
        { "when": { "exact": ["hello"] }, "reply": "Hello." },
        { "on": "failure", "when": { "model": "gpt-*" }, "reply": "We are resting." },
    ] }))?;
    let mut failed = bench.request(Request::chat("gpt-5").user("Where is my order?"));
    assert_eq!(failed.decision, Decision::Forward);
    assert_eq!(
        failed.fail(502, "upstream_connect"),
        Decision::reply("We are resting.")
    );
    let mut other = bench.request(Request::chat("claude").user("Where is my order?"));
    assert_eq!(other.fail(502, "upstream_connect"), Decision::Forward);
    let greeted = bench.request(Request::chat("gpt-5").user("hello"));
    assert_eq!(greeted.decision, Decision::reply("Hello."));
    Ok(())
}
