#![expect(clippy::unwrap_used, reason = "tests")]

use std::{cell::RefCell, rc::Rc};

use outrigger_sdk::{
    Decision, Refusal, Request, assert_config_errors,
    bench::{Bench, counter, json, on_fetch},
    fetch::{Answer, Error},
};

use crate::{MOST, PromptJudge};

const URL: &str = "http://judge.example/v1";

fn answered(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: body.into(),
    }
}

fn code(decision: &Decision) -> (u16, &str) {
    match decision {
        Decision::Refuse(Refusal { status, code, .. }) => (*status, code),
        _ => (200, "forwarded"),
    }
}

fn judge(on_error: &str) -> Bench<PromptJudge> {
    let config = json!({ "url": URL, "timeout": "300ms", "on_error": on_error, "ask": "always" });
    Bench::new(config).unwrap()
}

#[test]
fn the_verdict_decides() {
    for (body, expected) in [
        (r#"{"attack": true, "why": "x"}"#, (403, "prompt_injection")),
        (r#"{"attack": false}"#, (200, "forwarded")),
    ] {
        on_fetch(move |_| Ok(answered(200, body)));
        let exchange = judge("refuse").request(Request::chat("m").user("hi"));
        assert_eq!(code(&exchange.decision), expected, "{body}");
    }
}

#[test]
fn a_judge_that_fails_is_treated_as_configured_and_counted() {
    type Failure = fn() -> Result<Answer, Error>;
    let failures: [Failure; 4] = [
        || Err(Error::Timeout),
        || Err(Error::Failed("no route".into())),
        || Ok(answered(500, r#"{"attack": false}"#)),
        || Ok(answered(200, "I think it is fine.")),
    ];
    for failure in failures {
        on_fetch(move |_| failure());
        let decided = |on_error| {
            let exchange = judge(on_error).request(Request::chat("m").user("hi"));
            let (status, code) = code(&exchange.decision);
            (status, code.to_owned())
        };
        assert_eq!(decided("refuse"), (503, "judge_failed".into()));
        assert_eq!(decided("forward"), (200, "forwarded".into()));
    }
    assert_eq!(counter("failed"), 8);
}

#[test]
fn the_question_has_the_latest_text_and_is_bounded_in_bytes_and_time() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = Rc::clone(&seen);
    on_fetch(move |call| {
        note.borrow_mut().push(call.clone());
        Ok(answered(200, r#"{"attack": false}"#))
    });
    let long = format!("é{}", "a".repeat(MOST - 5));
    let request = Request::chat("m")
        .message("system", "the app's own")
        .user(&long)
        .user("latest");
    let _ = judge("refuse").request(request);
    let calls = seen.borrow();
    let body: serde_json::Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!((calls[0].url.as_str(), calls[0].timeout_ms), (URL, 300));
    let passages = body["passages"].as_array().unwrap();
    assert_eq!(
        passages.last().unwrap(),
        &json!({ "place": "user", "text": "latest" })
    );
    let bytes: usize = passages
        .iter()
        .map(|passage| passage["text"].as_str().unwrap().len())
        .sum();
    assert!(bytes <= MOST && passages.len() == 2, "{bytes}");
    assert!(!body.to_string().contains("own"));
}

#[test]
fn only_what_the_guard_tagged_is_judged_unless_configured() {
    on_fetch(|_| Ok(answered(200, r#"{"attack": true}"#)));
    let config = json!({ "url": URL, "timeout": "1s", "on_error": "refuse" });
    let bench = Bench::<PromptJudge>::new(config).unwrap();
    let mut tagged = Request::chat("m").user("hi");
    tagged.set_tag("guard", "flagged");
    assert_eq!(
        code(&bench.request(Request::chat("m").user("hi")).decision).0,
        200
    );
    assert_eq!(code(&bench.request(tagged).decision).0, 403);
}

#[test]
fn a_configuration_that_could_not_work_is_refused() {
    assert_config_errors!(PromptJudge,
        { "url": "judge.example", "timeout": "1s", "on_error": "refuse" } => "url: … https://",
        { "url": URL, "timeout": "soon", "on_error": "refuse" } => "timeout: …",
        { "url": URL, "timeout": "1s" } => "the key `on_error` is missing",
        { "url": URL, "timeout": "1s", "on_error": "pass" } => "on_error: …",
    );
}
