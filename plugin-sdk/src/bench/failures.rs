//! Targets and failures as tests write them.

use crate::{
    AttemptReply, Failure,
    target::{Attempt, Target},
};

/// A healthy target of this name, `upstream/model`, of which nothing else is known. Set in it what a
/// test needs.
///
/// ```
/// # use outrigger_sdk::{Target, bench::target};
/// let near = Target { region: Some("eu".into()), ..target("openai/gpt-5") };
/// assert_eq!((near.upstream.as_str(), near.model.as_str()), ("openai", "gpt-5"));
/// ```
///
/// # Panics
/// If the name has no slash.
#[must_use]
#[track_caller]
pub fn target(name: &str) -> Target {
    let Some((upstream, model)) = name.split_once('/') else {
        panic!("a target's name is `upstream/model`, not {name:?}")
    };
    Target {
        name: name.into(),
        upstream: upstream.into(),
        model: model.into(),
        region: None,
        dialect: "openai".into(),
        price: None,
        cost_microusd: None,
        window: None,
        output: None,
        takes: Vec::new(),
        lacks: Vec::new(),
        first_token_ms: None,
        in_flight: 0,
        breaker: "closed".into(),
        retry_after_ms: None,
        requests_left: None,
        tokens_left: None,
    }
}

/// An attempt that failed.
#[must_use]
pub fn attempt(target: &str, class: &str, status: u16) -> Attempt {
    Attempt {
        target: target.into(),
        class: class.into(),
        status,
        total_ms: 100,
        retry_after_ms: None,
    }
}

/// A whole reply of an attempt, before it is sent. Set in it what a test needs.
///
/// ```
/// # use outrigger_sdk::{AttemptReply, bench::attempt_reply};
/// let begun = AttemptReply { streaming: true, ended: false, finish: None, ..attempt_reply() };
/// assert_eq!((begun.target.as_str(), begun.status), ("openai/gpt-5", 200));
/// ```
#[must_use]
pub fn attempt_reply() -> AttemptReply {
    AttemptReply {
        target: "openai/gpt-5".into(),
        status: 200,
        streaming: false,
        ended: true,
        finish: Some("stop".into()),
    }
}

/// The failure of an attempt whose reply a policy rejected with this code.
#[must_use]
pub fn rejected(code: &str) -> Failure {
    Failure {
        status: 200,
        code: code.into(),
        class: "unfit".into(),
        attempts: vec![attempt("openai/gpt-5", "unfit", 200)],
    }
}

/// A failure after these attempts, with the class and the status of the last one.
#[must_use]
pub fn failure(attempts: Vec<Attempt>) -> Failure {
    let last = attempts.last();
    let status = last.map_or(0, |attempt| attempt.status);
    Failure {
        status: if status == 0 { 502 } else { status },
        code: if status == 0 {
            "upstream_connect"
        } else {
            "upstream_status"
        }
        .into(),
        class: last.map_or("own", |attempt| &attempt.class).into(),
        attempts,
    }
}

/// The class that most providers mean by a status.
pub(super) const fn usual_class(status: u16) -> &'static str {
    match status {
        429 => "rate",
        503 | 529 => "overload",
        401 | 403 => "key",
        402 => "money",
        400..=499 => "request",
        _ => "maybe_done",
    }
}
