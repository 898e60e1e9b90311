//! Listings of models, answered here and passed on.

use serde_json::Value;

use super::*;

const ALIASES: &str = "upstreams:\n  \
    openai: { dialect: openai, url: 'http://openai.test/v1', key: ours }\n  \
    claude: { dialect: anthropic, url: 'http://claude.test', key: ours }\n\
    models:\n  \
    fast: { targets: [openai/gpt-5-mini, claude/claude-haiku-4-5] }\n  \
    paid: { targets: [{ target: claude/claude-opus-4-6, where: { plan: pro } }] }\n  \
    own: { targets: [openai/llama] }\n  \
    raw: { targets: [claude/claude-haiku-4-5], translate: 'off' }\n\
    model_facts: { openai/gpt-5-mini: { window: 1000, output: 100 }, claude/claude-haiku-4-5: { window: 2000 } }\n";

fn get(path: &str, headers: &[(&'static str, &'static str)]) -> Request<Full<Bytes>> {
    let request = headers
        .iter()
        .fold(Request::get(path), |request, (name, value)| {
            request.header(*name, *value)
        });
    request.body(Full::default()).unwrap()
}

/// The names of a list, and the list.
fn names(answered: &Answered, list: &str, name: &str) -> (Vec<String>, Value) {
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert_eq!(answered.headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&answered.body).unwrap();
    let all = body[list].as_array().unwrap().iter();
    let names = all.map(|model| model[name].as_str().unwrap().to_owned());
    (names.collect(), body)
}

#[tokio::test(start_paused = true)]
async fn aliases_are_listed_in_the_callers_shape_and_nothing_is_sent() {
    let rig = rig_of(ALIASES, &[], []);
    let answered = rig.answer(get("/v1/models", &[])).await;
    let (all, list) = names(&answered, "data", "id");
    assert_eq!(
        all,
        ["fast", "own"],
        "conditions hold for nobody without a plan"
    );
    assert_eq!(list["data"][0]["context_window"], 2000);
    assert_eq!(list["data"][0]["object"], "model");
    let record = rig.settled();
    assert_eq!(
        (tokens(&record), record.error, record.upstream),
        (None, None, None)
    );

    let version = ("anthropic-version", "2023-06-01");
    let answered = rig.answer(get("/v1/models?limit=1", &[version])).await;
    let (all, page) = names(&answered, "data", "id");
    assert_eq!(
        (all, &page["has_more"]),
        (vec!["fast".to_owned()], &Value::Bool(true))
    );
    let pro = ("x-outrigger-plan", "pro");
    let answered = rig.answer(get("/v1beta/models", &[pro])).await;
    let (all, _) = names(&answered, "models", "name");
    assert_eq!(all, ["models/fast", "models/own", "models/paid"]);
    assert!(rig.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_shown_by_its_name_to_those_who_may_use_it() {
    let rig = rig_of(ALIASES, &[], []);
    let pro = ("x-outrigger-plan", "pro");
    let answered = rig.answer(get("/v1/models/paid", &[pro])).await;
    let one: Value = serde_json::from_str(&answered.body).unwrap();
    assert_eq!((answered.status, &one["id"]), (200, &Value::from("paid")));
    let answered = rig.answer(get("/v1/models/paid", &[])).await;
    assert_eq!((answered.status, &*answered.code()), (404, "no_upstream"));
    let version = ("anthropic-version", "2023-06-01");
    let answered = rig.answer(get("/v1/models?limit=none", &[version])).await;
    let error: Value = serde_json::from_str(&answered.body).unwrap();
    assert_eq!(answered.status, 400);
    assert_eq!(error["error"]["type"], "invalid_request_error");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("`limit`")
    );
    assert!(rig.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn models_that_are_no_aliases_and_other_listings_pass() {
    let other = r#"{"id":"gpt-5","object":"model"}"#;
    let turns = || (0..3).map(|_| whole(200, other));
    let rig = rig_of(ALIASES, &[], turns());
    for path in ["/v1/models/gpt-5", "/v1/files", "/v1/fine_tuning/jobs"] {
        let answered = rig.answer(get(path, &[])).await;
        assert_eq!((answered.status, &*answered.body), (200, other), "{path}");
    }
    assert!(rig.seen()[0].uri.ends_with("/v1/models/gpt-5"));

    let without = ALIASES.split("models:").next().unwrap();
    let rig = rig_of(without, &[], turns());
    for path in ["/v1/models", "/v1/models/fast"] {
        assert_eq!(rig.answer(get(path, &[])).await.body, other, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_dialled_a_provider_gets_what_the_provider_lists() {
    let rig = rig_of(ALIASES, &[], [whole(200, "{}")]);
    let mut request = get("/v1/models", &[]);
    request.extensions_mut().insert(policy::ByHost {
        upstream: "openai".into(),
        own: true,
    });
    assert_eq!(rig.answer(request).await.body, "{}");
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_is_not_translated_is_listed_to_callers_of_its_dialects_alone() {
    let rig = rig_of(ALIASES, &[], []);
    let version = ("anthropic-version", "2023-06-01");
    let answered = rig.answer(get("/v1/models", &[version])).await;
    assert_eq!(names(&answered, "data", "id").0, ["fast", "own", "raw"]);
    let answered = rig.answer(get("/v1/models/raw", &[])).await;
    assert_eq!(answered.status, 404);
}
