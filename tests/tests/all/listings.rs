//! Listings of models: aliases in each provider's shape, by conditions and pages, and what passes.

use outrigger_tests::failover::Setup;
use outrigger_tests::replies::Api;
use outrigger_tests::{Provider, Sidecar, Upstream, replies, wire};
use serde_json::{Value, json};

use super::config;

fn get(sidecar: &Sidecar, path: &str, headers: &[&str]) -> (u16, Value) {
    let request = wire::request("GET", path, headers, b"");
    let reply = wire::call(sidecar.base, &request);
    (reply.status, reply.json())
}

fn names(list: &Value, name: &str) -> Vec<String> {
    let all = list.as_array().unwrap().iter();
    all.map(|model| model[name].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn aliases_are_listed_in_each_shape_to_those_who_may_use_them() {
    let provider = Provider::start("never");
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &provider, "key: ours")
        .model("fast: { targets: [a/gpt-5-mini] }")
        .model("paid: { targets: [{ target: a/gpt-5, where: { plan: pro } }] }")
        .with("model_facts: { a/gpt-5-mini: { window: 9000, output: 500 } }")
        .start();
    let (status, list) = get(&sidecar, "/v1/models", &[]);
    assert_eq!((status, &list["object"]), (200, &json!("list")));
    assert_eq!(names(&list["data"], "id"), ["fast"]);
    assert_eq!(list["data"][0]["context_window"], 9000);
    let pro = "x-outrigger-plan: pro";
    let (_, list) = get(
        &sidecar,
        "/v1/models?limit=1",
        &["anthropic-version: 2023-06-01", pro],
    );
    assert_eq!(names(&list["data"], "id"), ["fast"]);
    assert_eq!(
        (&list["has_more"], &list["last_id"]),
        (&json!(true), &json!("fast"))
    );
    assert_eq!(list["data"][0]["max_input_tokens"], 9000);
    let (_, list) = get(&sidecar, "/v1beta/models", &[pro]);
    assert_eq!(
        names(&list["models"], "name"),
        ["models/fast", "models/paid"]
    );
    assert_eq!(list["models"][0]["outputTokenLimit"], 500);
    let (status, error) = get(&sidecar, "/v1/models/paid", &[]);
    assert_eq!(
        (status, &error["error"]["code"]),
        (404, &json!("no_upstream"))
    );
    let (status, one) = get(&sidecar, "/v1beta/models/fast", &[]);
    assert_eq!((status, &one["displayName"]), (200, &json!("fast")));
    assert_eq!(provider.count(), 0, "nothing is sent");
}

#[test]
fn a_listing_passes_where_there_is_no_alias() {
    let upstream = Upstream::always(replies::json_body(r#"{"object":"list","data":[]}"#));
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let (status, list) = get(&sidecar, "/v1/models", &[]);
    assert_eq!(
        (status, list),
        (200, json!({ "object": "list", "data": [] }))
    );
    assert_eq!(upstream.last().path(), "/v1/models");
}
