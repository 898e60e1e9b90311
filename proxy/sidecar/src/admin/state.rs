//! `/state`: the state of buckets and stored replies, and the two calls that change something.
//!
//! Names and numbers, never content. A call needs the header of [`ChangeIntent`] besides. The calls
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
        let message = "there are /state, and with DELETE /state/buckets/NAME and /state/replies/ID";
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
    match change(stores, kind, &name, intent).await {
        Ok(true) => {
            tracing::info!(kind, name, "changed by the admin address");
            json(StatusCode::OK, &serde_json::json!({ "done": true }))
        }
        Ok(false) => error(
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
