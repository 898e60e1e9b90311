#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

mod stores;
mod targets;
mod vectors;

use serde_json::{Value, json};

use super::{
    Bench, Canned, advance, canned, counter, fetched, log_lines, observations, on_fetch, set_clock,
};
use crate::{
    Decision, Delta, Dialect, Header, HoldBack, Hooks, Place, Places, Policy, Refusal, ReplyHead,
    Request, beginning_of, clock, fetch, log, metrics, random, values,
};

/// Replaces a word in replies; `forgetful` does it without holding anything back.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Swap {
    word: String,
    #[serde(default)]
    forgetful: bool,
    #[serde(skip)]
    hold_back: HoldBack,
}

impl Policy for Swap {
    const HOOKS: Hooks = Hooks::REPLY;
    const REWRITES: Places = Places::ASSISTANT;

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        for delta in deltas {
            if !self.forgetful {
                self.hold_back
                    .apply(delta, |text| beginning_of(text, &self.word));
            }
            if delta.text().contains(&self.word) {
                delta.replace(delta.text().replace(&self.word, "*"));
            }
            if delta.text().contains("forbidden") {
                return Err(Refusal::new(403, "the reply has the forbidden word"));
            }
        }
        Ok(())
    }
}

#[test]
fn a_policy_that_holds_back_gives_the_same_reply_for_every_cut() {
    let bench = Bench::<Swap>::new(json!({ "word": "abcabd" })).unwrap();
    let text = "abcabcabd abcab – abcabdabcabd abc";
    let reply = bench.reply(&Request::chat("m"), Place::Assistant, text);
    assert_eq!(reply.unwrap(), "abc* abcab – ** abc");
}

#[test]
#[should_panic(expected = "and whole it is")]
fn a_policy_that_holds_nothing_back_is_found_out() {
    let bench = Bench::<Swap>::new(json!({ "word": "ab", "forgetful": true })).unwrap();
    let _ = bench.reply(&Request::chat("m"), Place::Assistant, "x ab y");
}

#[test]
#[should_panic(expected = "declare `Hooks::REPLY`")]
fn a_reply_in_a_place_that_was_not_declared_is_found_out() {
    let bench = Bench::<Swap>::new(json!({ "word": "ab" })).unwrap();
    let _ = bench.reply(&Request::chat("m"), Place::Reasoning, "x");
}

#[test]
fn choices_that_arrive_in_turns_are_kept_apart() {
    let bench = Bench::<Swap>::new(json!({ "word": "abc" })).unwrap();
    let replies = bench.choices(&Request::chat("m"), Place::Assistant, &["ab", "cabc", ""]);
    assert_eq!(replies.unwrap(), ["ab", "c*", ""]);
}

#[test]
fn a_configuration_error_is_the_operators_sentence() {
    let error = Bench::<Swap>::new(json!({ "word": "a", "wrod": 1 })).unwrap_err();
    assert_eq!(error, "wrod: unknown key; expected `word` or `forgetful`");
}

#[test]
fn a_message_is_compared_from_its_beginning_on_and_an_ellipsis_stands_for_any_text() {
    let word = |word: Value| json!({ "word": word["is"] });
    crate::assert_config_errors!(Swap,
        { "word": "a", "wrod": 1 } => "wrod: unknown key; expected `word` or `forgetful`",
        { "word": "a", "wrod": 1 } => "wrod: … or `forgetful`",
        word { "is": 5 } => "word: expected … a number",
    );
}

#[test]
#[should_panic(expected = "refused with another message than `unknown key`: wrod: unknown key")]
fn a_message_that_opens_otherwise_is_found_out() {
    crate::assert_config_errors!(Swap, { "word": "a", "wrod": 1 } => "unknown key");
}

#[test]
#[should_panic(expected = "is accepted")]
fn a_configuration_that_is_accepted_is_found_out() {
    crate::assert_config_errors!(Swap, { "word": "a" } => "word: ");
}

/// Upper-cases what it reads.
#[derive(serde::Deserialize)]
struct Shout {}

impl Policy for Shout {
    const READS: Places = Places::all();

    fn on_request(&mut self, request: &mut Request) -> Decision {
        request.edit_passages(|passage| Some(passage.text.to_uppercase()));
        Decision::Forward
    }
}

fn shouted(dialect: Dialect, body: Value) -> Value {
    let bench = Bench::<Shout>::new(json!({})).unwrap();
    bench
        .request(Request::from_json(dialect, body))
        .request
        .body_json()
}

#[test]
fn the_passages_of_a_chat_request_are_found_where_they_are() {
    let body = json!({ "model": "m", "user": "u1", "metadata": { "a/b": "x" }, "messages": [
        { "role": "system", "content": "s" },
        { "role": "user", "content": [{ "type": "text", "text": "t" }, { "type": "image_url", "image_url": { "url": "data:" } }] },
        { "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "function": { "name": "f", "arguments": "{}a" } }] },
        { "role": "tool", "tool_call_id": "c", "content": "r" },
    ], "tools": [{ "type": "function", "function": { "name": "f", "description": "d",
        "parameters": { "type": "object", "properties": { "p": { "type": "string", "description": "e" } } } } }] });
    let expected = json!({ "model": "m", "user": "U1", "metadata": { "a/b": "X" }, "messages": [
        { "role": "system", "content": "S" },
        { "role": "user", "content": [{ "type": "text", "text": "T" }, { "type": "image_url", "image_url": { "url": "data:" } }] },
        { "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "function": { "name": "f", "arguments": "{}A" } }] },
        { "role": "tool", "tool_call_id": "c", "content": "R" },
    ], "tools": [{ "type": "function", "function": { "name": "f", "description": "D",
        "parameters": { "type": "object", "properties": { "p": { "type": "string", "description": "E" } } } } }] });
    assert_eq!(shouted(Dialect::OpenaiChat, body), expected);
}

#[test]
fn the_passages_of_a_responses_request_are_found_where_they_are() {
    let body = json!({ "instructions": "s", "input": [
        { "role": "user", "content": "u" },
        { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "a" }] },
        { "type": "function_call", "name": "f", "arguments": "g" },
        { "type": "function_call_output", "output": "r" },
        { "type": "reasoning", "encrypted_content": "e", "summary": [{ "type": "summary_text", "text": "t" }] },
    ] });
    let expected = json!({ "instructions": "S", "input": [
        { "role": "user", "content": "U" },
        { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "A" }] },
        { "type": "function_call", "name": "f", "arguments": "G" },
        { "type": "function_call_output", "output": "R" },
        { "type": "reasoning", "encrypted_content": "e", "summary": [{ "type": "summary_text", "text": "T" }] },
    ] });
    assert_eq!(shouted(Dialect::OpenaiResponses, body), expected);
    assert_eq!(
        shouted(Dialect::OpenaiResponses, json!({ "input": "u" })),
        json!({ "input": "U" })
    );
}

#[test]
fn the_passages_of_a_messages_request_are_found_where_they_are() {
    let body = json!({ "system": [{ "type": "text", "text": "s" }], "messages": [
        { "role": "user", "content": "u" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "h", "signature": "sig" },
            { "type": "text", "text": "a" },
            { "type": "tool_use", "id": "t", "name": "f", "input": { "k": 1 } } ] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "text", "text": "r" }] }] },
    ] });
    let expected = json!({ "system": [{ "type": "text", "text": "S" }], "messages": [
        { "role": "user", "content": "U" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "h", "signature": "sig" },
            { "type": "text", "text": "A" },
            { "type": "tool_use", "id": "t", "name": "f", "input": { "K": 1 } } ] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "text", "text": "R" }] }] },
    ] });
    assert_eq!(shouted(Dialect::AnthropicMessages, body), expected);
}

/// Reads users' passages only.
#[derive(serde::Deserialize)]
struct Narrow {}

impl Policy for Narrow {
    const READS: Places = Places::USER;
}

#[test]
fn passages_are_listed_page_after_page_and_only_in_the_places_that_are_read() {
    let mut request = Request::chat("m").message("system", "s");
    for number in 0..200 {
        request = request.user(&number.to_string()).message("assistant", "a");
    }
    let exchange = Bench::<Narrow>::new(json!(null)).unwrap().request(request);
    let texts: Vec<String> = exchange
        .request
        .passages()
        .map(|passage| passage.text)
        .collect();
    assert_eq!(
        texts,
        (0..200)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
}

#[test]
fn edits_of_a_request_are_in_the_body_that_goes_up() {
    let mut request = Request::chat("a")
        .user("one")
        .message("assistant", "two")
        .user("three");
    assert_eq!((request.model(), request.messages()), (Some("a"), 3));
    request.set_model("b");
    assert_eq!(
        request.model(),
        Some("b"),
        "the model that was read before is not kept"
    );
    request.drop_message(1);
    request.set_max_output_tokens(5);
    request.set_parameter("/temperature", &0.5).unwrap();
    request.set_parameter("/messages/0/content", "1").unwrap();
    assert!(request.set_parameter("/nowhere/temperature", &1).is_err());
    assert_eq!(request.parameter::<f64>("/temperature"), Some(0.5));
    assert_eq!(request.parameter::<u8>("/temperature"), None);
    assert!(request.is_set("/temperature") && !request.is_set("/nowhere"));
    let expected = json!({ "model": "b", "max_completion_tokens": 5, "temperature": 0.5,
        "messages": [{ "role": "user", "content": "1" }, { "role": "user", "content": "three" }] });
    assert_eq!(request.body_json(), expected);
    request.set_parameter_json("/model", "\"c\"").unwrap();
    assert_eq!(request.model(), Some("c"));
}

#[test]
fn credentials_are_hidden_and_headers_are_found_in_any_case() {
    let mut request = Request::chat("m")
        .with_header("Authorization", "Bearer x")
        .with_header("X-Team", "a");
    assert_eq!(
        (request.header("authorization"), request.header("x-team")),
        (None, Some("a".into()))
    );
    request.set_header("x-team", "b");
    request.set_header("x-new", "c");
    request.set_header("X-New", "");
    assert_eq!(
        request.headers(),
        [Header {
            name: "x-team".into(),
            value: "b".into()
        }]
    );
}

#[test]
fn the_world_of_a_test_keeps_values_for_their_time_and_what_was_logged_and_counted() {
    set_clock(Duration::from_secs(10));
    assert_eq!(
        (clock::now(), clock::monotonic()),
        (Duration::from_secs(10), Duration::from_secs(10))
    );
    assert_eq!(
        values::increment("n", 2, Some(Duration::from_secs(5))).unwrap(),
        2
    );
    assert_eq!(values::increment("n", 3, None).unwrap(), 5);
    assert!(!values::compare_and_set("n", Some(b"4"), b"9", None).unwrap());
    set_clock(Duration::from_secs(15));
    assert_eq!(values::get("n").unwrap(), None, "its time is over");
    log::warn("careful");
    metrics::count("seen", 2);
    metrics::count("seen", 1);
    metrics::observe("size", 1.5);
    assert_eq!(log_lines(), [(log::Level::Warn, "careful".to_owned())]);
    assert_eq!((counter("seen"), observations("size")), (3, vec![1.5]));
    assert_ne!(random::number(), random::number());
}

#[test]
fn a_call_is_denied_until_the_test_answers_it() {
    let call = fetch::Call::get("http://judge/").header("x-a", "b");
    assert!(matches!(fetch::send(&call), Err(fetch::Error::Denied(_))));
    on_fetch(|call| {
        Ok(fetch::Answer {
            status: 200,
            headers: vec![],
            body: call.url.clone().into(),
        })
    });
    assert_eq!(fetch::send(&call).unwrap().body, b"http://judge/");
}

#[test]
fn the_first_canned_answer_that_fits_answers_and_takes_its_time() {
    canned([
        Canned::url("http://judge/*")
            .method("POST")
            .contains("bomb")
            .json(json!({ "flagged": true })),
        Canned::url("http://judge/")
            .fail(fetch::Error::TooLarge)
            .times(1),
        Canned::url("http://judge/*").delay(Duration::from_millis(300)),
    ]);
    let send = |text: &str| {
        fetch::send(
            &fetch::Call::post_json("http://judge/", text).timeout(Duration::from_millis(300)),
        )
    };
    assert_eq!(send("a bomb").unwrap().body, br#"{"flagged":true}"#);
    assert_eq!(send("hi"), Err(fetch::Error::TooLarge));
    assert_eq!(
        (clock::now(), send("hi").unwrap().status),
        (Duration::ZERO, 200)
    );
    assert_eq!(clock::now(), Duration::from_millis(300));
    let hasty = fetch::Call::get("http://judge/").timeout(Duration::from_millis(200));
    assert_eq!(fetch::send(&hasty), Err(fetch::Error::Timeout));
    assert_eq!(clock::now(), Duration::from_millis(500));
    let other = fetch::Call::get("http://other/");
    assert!(matches!(fetch::send(&other), Err(fetch::Error::Denied(_))));
    assert_eq!(fetched().len(), 5);
    assert_eq!(fetched()[4], other);
    advance(Duration::from_secs(1));
    assert_eq!(clock::monotonic(), Duration::from_millis(1500));
}

/// Refuses a reply by its head.
#[derive(serde::Deserialize)]
struct ByHead {}

impl Policy for ByHead {
    const HOOKS: Hooks = Hooks::REPLY;
    const REWRITES: Places = Places::ASSISTANT;

    fn on_reply(&mut self, head: &ReplyHead, _: &mut [Delta]) -> Result<(), Refusal> {
        match (head.status(), head.header("x-served-by").as_slice()) {
            (200, []) => Ok(()),
            (status, by) => Err(Refusal::new(status, by.concat())),
        }
    }
}

#[test]
fn a_reply_has_the_head_that_its_request_says() {
    let bench = Bench::<ByHead>::new(json!({})).unwrap();
    let request = Request::chat("m");
    assert!(bench.reply(&request, Place::Assistant, "hi").is_ok());
    let request = request.with_reply_head(206, &[("X-Served-By", "a")]);
    let refusal = bench.reply(&request, Place::Assistant, "hi").unwrap_err();
    assert_eq!((refusal.status, &*refusal.message), (206, "a"));
}
