//! `/state`: the state of buckets and stored replies, and the two calls that change something.
//!
//! Names and numbers, never content. `/state/replies/ID?kin=0.9` evicts, with a reply, those that are
//! found by a question as near to its own: who finds one wrong answer has them all gone. A call needs the header of [`ChangeIntent`] besides. The calls
//! are off unless `state.admin_changes` is set: whoever reaches the admin address could give a
//! tenant its budget back.

use http::{Method, StatusCode};

use super::{ChangeIntent, Facts, Reply, changes_are_off, error, json};
use crate::{
    config::values::unescaped,
    state::{Stores, Unavailable},
};

/// Answers what is below `/state`.
pub(super) async fn answer(
    method: &Method,
    path: &str,
    query: Option<&str>,
    intent: Option<ChangeIntent>,
    facts: &dyn Facts,
) -> Reply {
    let Some(stores) = facts.stores() else {
        return error(StatusCode::NOT_FOUND, "there are no stores");
    };
    if path == "/state" {
        return match *method {
            Method::GET | Method::HEAD => json(StatusCode::OK, &stores.snapshot().await),
            _ => error(StatusCode::METHOD_NOT_ALLOWED, "ask with GET"),
        };
    }
    let (kind, name) = path
        .trim_start_matches("/state/")
        .split_once('/')
        .unwrap_or_default();
    let known = matches!(kind, "buckets" | "replies") && !name.is_empty();
    if !known {
        let message = "there are /state, and with DELETE /state/buckets/NAME, /state/replies/ID and /state/replies/ID?kin=0.9";
        return error(StatusCode::NOT_FOUND, message);
    }
    if !facts.takes_changes() {
        return changes_are_off();
    }
    if *method != Method::DELETE {
        return error(StatusCode::METHOD_NOT_ALLOWED, "change with DELETE");
    }
    let Some(intent) = intent else {
        return ChangeIntent::missing();
    };
    let Some(name) = unescaped(name) else {
        return error(
            StatusCode::BAD_REQUEST,
            "the name's percent escapes are no text",
        );
    };
    let done = match (kind, query) {
        ("replies", Some(query)) => {
            let Some(least) = kin(query) else {
                return error(
                    StatusCode::BAD_REQUEST,
                    "the query is `kin`, a cosine above 0 and up to 1, like `?kin=0.9`",
                );
            };
            change_kin(stores, &name, least, intent).await
        }
        _ => change(stores, kind, &name, intent).await.map(u64::from),
    };
    match done {
        Ok(1..) if query.is_none() => {
            tracing::info!(kind, name, "changed by the admin address");
            json(StatusCode::OK, &serde_json::json!({ "done": true }))
        }
        Ok(evicted @ 1..) => {
            tracing::info!(kind, name, evicted, "changed by the admin address");
            json(
                StatusCode::OK,
                &serde_json::json!({ "done": true, "evicted": evicted }),
            )
        }
        Ok(0) => error(
            StatusCode::NOT_FOUND,
            "there is none of that name; /state lists them",
        ),
        Err(_) => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store can't be reached",
        ),
    }
}

/// Changes one thing, and reports whether it was there. Takes the proof that the caller meant to.
async fn change(
    stores: &Stores,
    kind: &str,
    name: &str,
    _: ChangeIntent,
) -> Result<bool, Unavailable> {
    match kind {
        "buckets" => stores.reset(name).await,
        _ => stores.replies().evict_id(name).await,
    }
}

/// Evicts a reply and those that are as near to it as `least`, and counts them.
async fn change_kin(
    stores: &Stores,
    id: &str,
    least: f32,
    _: ChangeIntent,
) -> Result<u64, Unavailable> {
    stores.replies().evict_kin(id, least).await
}

/// Reads `kin=0.9`.
fn kin(query: &str) -> Option<f32> {
    let least: f32 = query.strip_prefix("kin=")?.parse().ok()?;
    (least > 0.0 && least <= 1.0).then_some(least)
}
