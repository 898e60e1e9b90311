//! `/targets`: the targets of all aliases, their keys and accounts, and the two calls by which an
//! operator says that something is well again.
//!
//! Names, states and numbers; a key is its upstream's name and a digest. The calls are off, and
//! need the header of [`ChangeIntent`], as those below `/state`: whoever reaches the admin address
//! could send traffic to a target that failed.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use serde::{Deserialize, Serialize};

use super::{ChangeIntent, Facts, Reply, changes_are_off, error, json};
use crate::state::targets::PlaceFigures;

/// Largest body of a call.
const BODY: usize = 4 << 10;
/// Longest time for one.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// A target that some alias names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TargetFacts {
    /// Its state.
    #[serde(flatten)]
    pub figures: PlaceFigures,
    /// The aliases that it belongs to, as a canary or a shadow, too.
    pub aliases: Vec<String>,
}

/// The body of `/targets/reset`. Every target where it names none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    target: Option<String>,
}

/// The body of `/targets/resume`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    model: String,
}

/// Answers what is below `/targets`.
pub(super) async fn answer<B>(
    method: &Method,
    path: &str,
    intent: Option<ChangeIntent>,
    body: B,
    facts: &dyn Facts,
) -> Reply
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if path == "/targets" {
        return match *method {
            Method::GET | Method::HEAD => json(StatusCode::OK, &facts.targets()),
            _ => not_by(
                "ask with GET; there are /targets/reset and /targets/resume",
                "GET, HEAD",
            ),
        };
    }
    let resets = match path {
        "/targets/reset" => true,
        "/targets/resume" => false,
        _ => {
            let message = "there are /targets, and with POST /targets/reset and /targets/resume";
            return error(StatusCode::NOT_FOUND, message);
        }
    };
    if !facts.takes_changes() {
        return changes_are_off();
    }
    if *method != Method::POST {
        return not_by("change with POST", "POST");
    }
    let Some(intent) = intent else {
        return ChangeIntent::missing();
    };
    let read = Limited::new(body, BODY).collect();
    let Ok(Ok(body)) = tokio::time::timeout(BODY_WITHIN, read).await else {
        return error(StatusCode::BAD_REQUEST, "the body did not come, or is long");
    };
    let body = body.to_bytes();
    match resets {
        true => reset(&body, intent, facts),
        false => resume(&body, intent, facts),
    }
}

fn reset(body: &[u8], _: ChangeIntent, facts: &dyn Facts) -> Reply {
    let wanted = match body.trim_ascii() {
        b"" => Ok(Reset::default()),
        body => serde_json::from_slice(body),
    };
    let Ok(Reset { target }) = wanted else {
        return error(
            StatusCode::BAD_REQUEST,
            "the body is `{\"target\": \"UPSTREAM/MODEL\"}`, or `{}` for every target",
        );
    };
    match facts.reset_targets(target.as_deref()) {
        0 if target.is_some() => error(
            StatusCode::NOT_FOUND,
            "no alias has a target of that name; /targets lists them",
        ),
        targets => {
            tracing::info!(target, targets, "breakers closed by the admin address");
            json(
                StatusCode::OK,
                &serde_json::json!({ "done": true, "targets": targets }),
            )
        }
    }
}

fn resume(body: &[u8], _: ChangeIntent, facts: &dyn Facts) -> Reply {
    let Ok(Resume { model }) = serde_json::from_slice(body) else {
        return error(
            StatusCode::BAD_REQUEST,
            "the body is `{\"model\": \"ALIAS\"}`",
        );
    };
    match facts.resume_canary(&model) {
        None => error(StatusCode::NOT_FOUND, "no alias of that name has a canary"),
        Some(was_back) => {
            tracing::info!(model, was_back, "canary resumed by the admin address");
            json(StatusCode::OK, &serde_json::json!({ "done": was_back }))
        }
    }
}

fn not_by(message: &str, allowed: &'static str) -> Reply {
    let mut refused = error(StatusCode::METHOD_NOT_ALLOWED, message);
    let allowed = HeaderValue::from_static(allowed);
    refused.headers_mut().insert(header::ALLOW, allowed);
    refused
}
