//! Streams whose usage Outrigger requests in the app's place, at servers that know no such option.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};
use serde_json::{Value, json};

use super::config;

/// Refuses `stream_options` with this status and body; streams otherwise.
fn refuses(status: &'static str, body: &'static str) -> Upstream {
    Upstream::start(move |seen, _| {
        if seen.json().get("stream_options").is_none() {
            return replies::stream(&Api::Chat.events(&["Hello", " there"]));
        }
        let head = ["content-type: application/json"];
        vec![Step::Send(replies::whole(status, &head, body))]
    })
}

const NAMED: &str =
    r#"{"error":{"message":"Unrecognized request argument supplied: stream_options"}}"#;

fn start(upstream: &Upstream) -> Sidecar {
    Sidecar::start(&config(upstream, "[{ use: noop }]"))
}

fn ask(sidecar: &Sidecar, options: Option<Value>) -> wire::Reply {
    let mut body = Api::Chat.ask("m", "hi", true);
    if let Some(options) = options {
        body["stream_options"] = options;
    }
    sidecar.post(Api::Chat.path(), body.to_string())
}

#[test]
fn a_server_that_refuses_the_option_is_asked_again_without_it_and_remembered() {
    for (status, body) in [
        ("400 Bad Request", NAMED),
        (
            "422 Unprocessable Entity",
            r#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
        ),
        ("400 Bad Request", r#"{"error":"unknown parameter"}"#),
        ("400 Bad Request", r#"{"error":{"message":"Bad request"}}"#),
        ("400 Bad Request", ""),
        (
            "400 Bad Request",
            "<html><h1>Anfrage fehlerhaft</h1></html>",
        ),
        (
            "422 Unprocessable Entity",
            r#"{"message":"1 validation error"}"#,
        ),
        ("404 Not Found", NAMED),
        ("415 Unsupported Media Type", NAMED),
        (
            "500 Internal Server Error",
            r#"{"detail":"got an unexpected keyword argument 'stream_options'"}"#,
        ),
        ("501 Not Implemented", NAMED),
    ] {
        let upstream = refuses(status, body);
        let sidecar = start(&upstream);
        for requests in [2, 3] {
            let reply = ask(&sidecar, None);
            assert_eq!(
                (reply.status, reply.end),
                (200, wire::End::Complete),
                "{body}"
            );
            assert!(reply.text().contains("there"), "{body}");
            assert_eq!(upstream.count(), requests, "{body}");
        }
        let attempts = "outrigger_upstream_attempts_total";
        let again = sidecar.metric(attempts, &["reason=\"stream_options\""]);
        assert!((again - 1.0).abs() < 0.1, "{again}");
    }
}

#[test]
fn what_is_refused_without_the_option_too_goes_to_the_app_as_it_came() {
    let body = r#"{"error":{"message":"the context is too long"}}"#;
    let head = ["content-type: application/json"];
    let refusal = replies::whole("400 Bad Request", &head, body);
    let upstream = Upstream::start(move |seen, _| match seen.json()["messages"][0]["content"] {
        Value::String(ref text) if text == "long" => vec![Step::Send(refusal.clone())],
        _ => replies::stream(&Api::Chat.events(&["Hello"])),
    });
    let sidecar = start(&upstream);
    let long = || {
        sidecar.post(
            Api::Chat.path(),
            Api::Chat.ask("m", "long", true).to_string(),
        )
    };
    let reply = long();
    assert_eq!((reply.status, reply.text().as_str()), (400, body));
    let last = upstream.last().json();
    assert_eq!(last.get("stream_options"), None, "the app's own request");
    assert_eq!(upstream.count(), 2);
    // A target that took the option once gets a bad request only once.
    assert_eq!(ask(&sidecar, None).status, 200);
    assert_eq!(long().status, 400);
    assert_eq!(upstream.count(), 4);
}

#[test]
fn an_error_that_is_not_about_the_request_is_not_asked_for_twice() {
    for status in [
        "401 Unauthorized",
        "404 Not Found",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        let body = r#"{"error":{"message":"an unknown parameter of another kind"}}"#;
        let upstream = refuses(status, body);
        let sidecar = start(&upstream);
        let reply = ask(&sidecar, None);
        assert_eq!(reply.text(), body, "{status}");
        assert_eq!(upstream.count(), 1, "{status}");
    }
}

#[test]
fn the_apps_own_option_is_never_taken_away() {
    for options in [
        json!({"include_usage": true}),
        json!({"include_obfuscation": false}),
    ] {
        let upstream = refuses("400 Bad Request", NAMED);
        let sidecar = start(&upstream);
        let reply = ask(&sidecar, Some(options.clone()));
        assert_eq!((reply.status, reply.text().as_str()), (400, NAMED));
        assert_eq!(upstream.last().json()["stream_options"], options);
    }
}
