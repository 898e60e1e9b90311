//! Errors of a provider in the shape of a caller that speaks another dialect: status and message
//! stay, and what SDKs decide by.

use outrigger_tests::failover::ask_for;
use outrigger_tests::provider::{error_body, refusal};
use outrigger_tests::replies::Api;
use outrigger_tests::translation::{Rows, Setup, alias, directions, post_with};
use outrigger_tests::wire::Reply;
use outrigger_tests::{Act, Fault, Provider, Step, replies};
use serde_json::Value;

/// The message in an error body, whatever its API.
fn message(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["error"]["message"].as_str().unwrap().to_owned()
}

/// Fails unless the body is an error as the caller's API writes them.
fn is_shaped(caller: Api, reply: &Reply, what: &str) {
    let body = reply.json();
    let error = &body["error"];
    match caller {
        Api::Chat | Api::Responses => {
            assert!(error["type"].is_string(), "{what}");
            for member in ["message", "type", "param", "code"] {
                assert!(error.get(member).is_some(), "no `{member}`: {what}");
            }
        }
        Api::Messages => {
            assert_eq!(body["type"], "error", "{what}");
            assert!(
                error["type"]
                    .as_str()
                    .is_some_and(|kind| kind.ends_with("_error")),
                "{what}"
            );
        }
        Api::Gemini => {
            assert_eq!(error["code"], reply.status, "{what}");
            assert!(error["status"].is_string(), "{what}");
        }
    }
}

#[test]
fn an_error_arrives_in_the_callers_shape_with_its_status_and_its_message() {
    let (mut rows, mut all) = (Rows::new("never"), Vec::new());
    for fault in [
        Fault::Key,
        Fault::UnknownModel,
        Fault::Rate(Some("7")),
        Fault::MaybeDone,
        Fault::Overload,
        Fault::Invalid,
        Fault::ContextLength,
        Fault::ContentFilter,
    ] {
        for (caller, target) in directions() {
            for stream in [false, true] {
                let alias = rows.add(&[(target, Act::Refuses(fault))]);
                all.push((fault, caller, target, stream, alias));
            }
        }
    }
    let sidecar = rows.start();
    for (fault, caller, target, stream, alias) in all {
        let reply = ask_for(&sidecar, caller, &alias, "hi", stream);
        let what = format!(
            "{fault:?}, {caller:?} to {target:?}, stream {stream}: {}{}",
            reply.head,
            reply.text()
        );
        let theirs = String::from_utf8(refusal(target, fault)).unwrap();
        let status: u16 = theirs[9..12].parse().unwrap();
        let expected = match (status, caller) {
            (529, Api::Chat | Api::Responses | Api::Gemini) => 503,
            (status, _) => status,
        };
        assert_eq!(reply.status, expected, "{what}");
        is_shaped(caller, &reply, &what);
        assert_eq!(
            message(&reply.text()),
            message(&error_body(target, fault)),
            "{what}"
        );
        if let Fault::Rate(_) = fault {
            // Not sooner, and a little later for some, so that not all come at once.
            let after = reply.header("retry-after").map(str::parse::<u64>);
            assert!(matches!(after, Some(Ok(7..=10))), "{what}");
        }
    }
}

#[test]
fn an_error_that_is_no_json_is_one_in_the_callers_shape_all_the_same() {
    let html = replies::whole(
        "502 Bad Gateway",
        &["content-type: text/html"],
        "<html><body>Bad gateway</body></html>",
    );
    let (mut rows, mut all) = (Rows::new("never"), Vec::new());
    for (caller, target) in directions() {
        let act = Act::Plays(vec![Step::Send(html.clone())]);
        all.push((caller, target, rows.add(&[(target, act)])));
    }
    let sidecar = rows.start();
    for (caller, target, alias) in all {
        let reply = ask_for(&sidecar, caller, &alias, "hi", false);
        let what = format!("{caller:?} to {target:?}: {}", reply.text());
        assert_eq!(reply.status, 502, "{what}");
        is_shaped(caller, &reply, &what);
        assert!(!reply.text().contains("<html>"), "{what}");
    }
}

#[test]
fn credentials_of_a_caller_never_reach_a_provider_of_another_dialect() {
    let provider = Provider::start("fine");
    let sidecar = Setup::at(provider.address()).start();
    for (caller, target) in directions() {
        let keys = [
            "authorization: Bearer callers",
            "x-api-key: callers",
            "x-goog-api-key: callers",
        ];
        let body = caller.ask(alias(target), "hi", false);
        let reply = post_with(&sidecar, caller, alias(target), &keys, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for call in provider.calls() {
        assert!(!call.head.contains("callers"), "{}", call.head);
        assert!(call.key().starts_with("key-of-"), "{}", call.head);
    }
}
