//! Failures of the request itself that another target, or the same one after a change, can serve.

use outrigger_tests::failover::{Setup, answered, ask, ask_for, attempts, exchange, tried};
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, wire};
use serde_json::json;

/// Two targets, the second with ten times the first one's window.
fn windows(api: Api, a: &Provider, b: &Provider) -> Setup {
    Setup::alias(api, &[a, b], "").with(
        "model_facts: { \"a/m\": { window: 8192, output: 1024 }, \"b/m\": { window: 200000, output: 1024 } }",
    )
}

#[test]
fn a_context_length_error_goes_to_a_larger_window() {
    for api in Api::EVERY {
        let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
        a.now(Act::Refuses(Fault::ContextLength));
        let sidecar = windows(api, &a, &b).start();
        answered(&ask(&sidecar, api, true), "from-b");
        tried(&sidecar, 0, &["a/m request 400", "b/m success 200"]);
    }
}

#[test]
fn a_context_length_error_is_the_apps_where_no_window_is_larger() {
    for api in Api::EVERY {
        let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
        a.now(Act::Refuses(Fault::ContextLength));
        let sidecar = Setup::alias(api, &[&a, &b], "")
            .with("model_facts: { \"a/m\": { window: 8192 }, \"b/m\": { window: 4096 } }")
            .start();
        let reply = ask(&sidecar, api, true);
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert_eq!((a.count(), b.count()), (1, 0), "{api:?}");
    }
}

#[test]
fn a_target_whose_window_the_request_passes_is_not_asked_at_all() {
    for api in Api::EVERY {
        let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
        let sidecar = windows(api, &a, &b).start();
        let long = "word ".repeat(20_000);
        let reply = ask_for(&sidecar, api, "fast", &long, false);
        answered(&reply, "from-b");
        assert_eq!((a.count(), b.count()), (0, 1), "{api:?}");
        tried(&sidecar, 0, &["b/m success 200"]);
        answered(&ask(&sidecar, api, false), "from-a");
    }
}

#[test]
fn a_foreign_signature_is_taken_out_once() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let body = json!({"model": "fast", "max_tokens": 2048, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "another-accounts"},
            {"type": "text", "text": "hello"}]},
        {"role": "user", "content": "and now?"}]})
    .to_string();
    a.next([Act::Refuses(Fault::ForeignSignature)]);
    let sidecar = Setup::alias(Api::Messages, &[&a, &b], "").start();
    answered(&sidecar.post(Api::Messages.path(), &body), "from-a");
    let calls = a.calls();
    let text = |call: usize| String::from_utf8_lossy(&calls[call].body).into_owned();
    assert!(text(0).contains("another-accounts"), "as the app wrote it");
    assert!(!text(1).contains("another-accounts"), "{}", text(1));
    assert!(text(1).contains("hello") && text(1).contains("and now?"));
    tried(&sidecar, 0, &["a/m request 400", "a/m success 200"]);

    // The second time it is the app's.
    a.next([
        Act::Refuses(Fault::ForeignSignature),
        Act::Refuses(Fault::ForeignSignature),
    ]);
    let reply = sidecar.post(Api::Messages.path(), &body);
    assert_eq!(reply.status, 400);
    assert_eq!((a.count(), b.count()), (4, 0));
}

#[test]
fn a_foreign_encrypted_reasoning_item_is_taken_out_once() {
    let a = Provider::start("from-a");
    let body = json!({"model": "fast", "input": [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "another-accounts"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]},
        {"role": "user", "content": "and now?"}]})
    .to_string();
    a.next([Act::Refuses(Fault::ForeignSignature)]);
    let sidecar = Setup::alias(Api::Responses, &[&a], "").start();
    answered(&sidecar.post(Api::Responses.path(), &body), "from-a");
    let last = a.calls().pop().unwrap();
    let text = String::from_utf8_lossy(&last.body).into_owned();
    assert!(!text.contains("another-accounts"), "{text}");
    assert!(text.contains("hello") && text.contains("and now?"));
}

#[test]
fn a_compressed_request_leaves_inflated_without_its_signatures() {
    let a = Provider::start("from-a");
    let body = json!({"model": "fast", "max_tokens": 9, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "another-accounts"}]},
        {"role": "user", "content": "and now?"}]})
    .to_string();
    a.next([Act::Refuses(Fault::ForeignSignature)]);
    let sidecar = Setup::alias(Api::Messages, &[&a], "").start();
    let body = zstd::stream::encode_all(body.as_bytes(), 3).unwrap();
    let headers = ["content-type: application/json", "content-encoding: zstd"];
    let request = wire::request("POST", Api::Messages.path(), &headers, &body);
    answered(&wire::call(sidecar.base, &request), "from-a");
    let last = a.calls().pop().unwrap();
    assert_eq!(last.header("content-encoding"), None);
    let messages =
        json!([{"role": "user", "content": "hi"}, {"role": "user", "content": "and now?"}]);
    assert_eq!(last.json()["messages"], messages);
    tried(&sidecar, 0, &["a/m request 400", "a/m success 200"]);
}

#[test]
fn a_content_filter_is_final_unless_the_operator_allows_another_target() {
    for (more, status, calls) in [
        ("", 400, 0),
        ("retry: { content_filter: false }", 400, 0),
        ("retry: { content_filter: true }", 200, 1),
    ] {
        let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
        a.now(Act::Refuses(Fault::ContentFilter));
        let sidecar = Setup::alias(Api::Chat, &[&a, &b], more).start();
        assert_eq!(ask(&sidecar, Api::Chat, false).status, status, "{more}");
        assert_eq!((a.count(), b.count()), (1, calls), "{more}");
    }
}

#[test]
fn each_attempt_starts_from_the_callers_bytes() {
    for api in Api::ALL {
        let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
        a.now(Act::Refuses(Fault::Overload));
        let more = match api.family() {
            "openai" => "key: ours, usage: false",
            _ => "key: ours",
        };
        let sidecar = Setup::new(api)
            .upstream("a", &a, more)
            .upstream("b", &b, more)
            .model("fast: { targets: [a/small, b/large-one] }")
            .start();
        // Spelling that a parse and a print would change.
        let ask = api.ask("fast", "hi", false).to_string();
        let odd = ask.replacen('{', "{ \"x_odd\" : [ 1.0E2,-0 ,\"\\u0061\" ] , ", 1);
        answered(&sidecar.post(api.path(), &odd), "from-b");
        let sent = |provider: &Provider| {
            let call = provider.calls().pop().unwrap();
            String::from_utf8(call.body).unwrap()
        };
        assert_eq!(sent(&a), odd.replace("\"fast\"", "\"small\""), "{api:?}");
        assert_eq!(
            sent(&b),
            odd.replace("\"fast\"", "\"large-one\""),
            "{api:?}"
        );
    }
}

#[test]
fn a_policys_edit_is_in_every_attempt_and_made_once() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::Refuses(Fault::Overload));
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "")
        .with("policies:\n  directory: \"{policies}\"\n  chain: [{ use: hide-word, config: { hide: Apollo, show: \"<project>\" } }]")
        .start();
    let reply = ask_for(&sidecar, Api::Chat, "fast", "Apollo starts", false);
    answered(&reply, "from-b");
    for provider in [&a, &b] {
        let sent = provider.calls().pop().unwrap().json();
        assert_eq!(sent["messages"][0]["content"], "<project> starts");
    }
    assert_eq!(attempts(&exchange(&sidecar, 0)).len(), 2);
}

#[test]
fn no_candidate_left_says_which_targets_were_left_out_and_why() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours, region: us")
        .upstream("b", &b, "key: ours, region: eu")
        .model("fast: { targets: [a/m, { target: b/m, where: { region: eu } }] }")
        .with(
            "model_facts: { \"a/m\": { window: 4096, tools: false }, \"b/m\": { window: 200000 } }",
        )
        .start();
    let long = "word ".repeat(20_000);
    let reply = ask_for(&sidecar, Api::Chat, "fast", &long, false);
    let text = reply.text();
    assert!((400..=503).contains(&reply.status), "{text}");
    for word in ["a/m", "4096", "b/m", "where"] {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
    assert!(!text.contains("word word"), "nothing of the prompt");
    assert_eq!((a.count(), b.count()), (0, 0));
}
