#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::*;

fn model(name: &str) -> Model<'_> {
    Model {
        name,
        window: Some(200_000),
        output: Some(64_000),
        embeds: false,
        tools: true,
        images: true,
        audio: false,
        files: false,
        json_schema: true,
        reasons: true,
        efforts: ["low", "high"]
            .iter()
            .fold(Efforts::default(), |all, name| all.with(name).unwrap()),
    }
}

fn unknown(name: &str) -> Model<'_> {
    Model {
        window: None,
        output: None,
        efforts: Efforts::default(),
        ..model(name)
    }
}

fn page(path: &str, usual: Provider, models: &[Model<'_>]) -> Result<Value, BadPage> {
    let listing = read(path, usual).unwrap();
    assert_eq!(listing.one, None, "{path}");
    let body = listing.write_page(models)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn names<'v>(page: &'v Value, list: &str, name: &str) -> Vec<&'v str> {
    let all = page[list].as_array().unwrap().iter();
    all.map(|model| model[name].as_str().unwrap()).collect()
}

#[test]
fn a_listing_is_known_by_its_path_and_its_clients_headers() {
    use Provider::{Anthropic, Google, Openai};
    for (path, usual, provider, one) in [
        ("/v1/models", Openai, Openai, None),
        ("/v1/models?limit=2", Anthropic, Anthropic, None),
        ("/models", Openai, Openai, None),
        ("/v1/models/", Openai, Openai, None),
        ("/v1/models/fast", Anthropic, Anthropic, Some("fast")),
        ("/v1/models/team%2Ffast", Openai, Openai, Some("team/fast")),
        ("/v1/models/team/fast", Openai, Openai, Some("team/fast")),
        ("/v1beta/models", Openai, Google, None),
        ("/v1beta/models/fast", Openai, Google, Some("fast")),
        ("/v1/models/fast", Google, Google, Some("fast")),
        ("/v1beta/openai/models", Google, Openai, None),
        ("/openai/v1/models/fast", Google, Openai, Some("fast")),
        ("/anthropic/v1/models", Openai, Anthropic, None),
    ] {
        let listing = read(path, usual).unwrap();
        assert_eq!(
            (listing.provider, listing.one.as_deref()),
            (provider, one),
            "{path}"
        );
    }
    for path in [
        "/v1/files",
        "/v1/xmodels",
        "models",
        "/v1/organizations/o/models",
        "/v1/projects/p/locations/l/publishers/google/models",
        "/v1beta/models/fast:generateContent",
        "/v1beta/tunedModels",
        "/openai/deployments/d/models",
        "/v1/fine_tuning/models/x",
        "",
    ] {
        assert_eq!(read(path, Provider::Openai), None, "{path}");
    }
}

#[test]
fn openais_list_has_what_its_sdks_require_and_the_limits_where_they_are_known() {
    let models = [model("fast"), unknown("other")];
    let list = page("/v1/models?limit=1", Provider::Openai, &models).unwrap();
    assert_eq!(list["object"], "list");
    assert_eq!(
        names(&list, "data", "id"),
        ["fast", "other"],
        "it knows no pages"
    );
    let capabilities = json!({
        "embeddings": false, "tools": true, "images": true, "audio": false, "files": false,
        "json_schema": true, "reasoning": true,
    });
    assert_eq!(
        list["data"][0],
        json!({
            "id": "fast", "object": "model", "created": 0, "owned_by": "outrigger",
            "context_window": 200_000, "max_output_tokens": 64_000, "capabilities": capabilities,
        })
    );
    assert_eq!(list["data"][1].get("context_window"), None);
    let embeds = Model {
        embeds: true,
        ..model("e")
    };
    let one = read("/v1/models/e", Provider::Openai)
        .unwrap()
        .write_one(&embeds);
    let one: Value = serde_json::from_slice(&one).unwrap();
    assert_eq!(one["capabilities"], json!({ "embeddings": true }));
}

#[test]
fn anthropics_models_have_what_its_sdks_require_and_claude_codes_window() {
    let one = read("/v1/models/fast", Provider::Anthropic)
        .unwrap()
        .write_one(&model("fast"));
    let one: Value = serde_json::from_slice(&one).unwrap();
    for (field, value) in [
        ("type", json!("model")),
        ("id", json!("fast")),
        ("display_name", json!("fast")),
        ("created_at", json!("1970-01-01T00:00:00Z")),
        ("lifecycle", json!("active")),
        ("line", Value::Null),
        ("max_input_tokens", json!(200_000)),
        ("max_tokens", json!(64_000)),
        ("context_window", json!(200_000)),
    ] {
        assert_eq!(one[field], value, "{field}");
    }
    let capabilities = &one["capabilities"];
    for (name, is) in [
        ("batch", false),
        ("citations", false),
        ("code_execution", false),
        ("context_management", false),
        ("effort", true),
        ("image_input", true),
        ("pdf_input", false),
        ("structured_outputs", true),
        ("thinking", true),
    ] {
        assert_eq!(capabilities[name]["supported"], is, "{name}");
    }
    assert_eq!(capabilities["effort"]["high"]["supported"], true);
    assert_eq!(capabilities["effort"]["xhigh"]["supported"], false);
    assert_eq!(
        capabilities["thinking"]["types"]["adaptive"]["supported"],
        true
    );
    let list = page("/v1/models", Provider::Anthropic, &[unknown("x")]).unwrap();
    assert_eq!(list["data"][0]["max_input_tokens"], Value::Null);
    assert_eq!(list["data"][0].get("context_window"), None);
    assert_eq!(
        (&list["first_id"], &list["last_id"]),
        (&json!("x"), &json!("x"))
    );
    let none = page("/v1/models", Provider::Anthropic, &[]).unwrap();
    assert_eq!(
        none,
        json!({ "data": [], "has_more": false, "first_id": null, "last_id": null })
    );
}

#[test]
fn anthropics_pages_go_on_and_back_from_a_model() {
    let all = ["a", "b", "c", "d", "e"].map(model);
    for (query, expected, has_more) in [
        ("", "a b c d e", false),
        ("?limit=2", "a b", true),
        ("?limit=2&after_id=b", "c d", true),
        ("?after_id=d&limit=2", "e", false),
        ("?after_id=e", "", false),
        ("?limit=2&before_id=d", "b c", true),
        ("?limit=5&before_id=d", "a b c", false),
        ("?limit=1000", "a b c d e", false),
        ("?limit=&x=1", "a b c d e", false),
    ] {
        let page = page(&format!("/v1/models{query}"), Provider::Anthropic, &all).unwrap();
        assert_eq!(names(&page, "data", "id").join(" "), expected, "{query}");
        assert_eq!(page["has_more"], has_more, "{query}");
    }
    for (query, problem) in [
        ("limit=0", BadPage::Limit("limit")),
        ("limit=1001", BadPage::Limit("limit")),
        ("limit=ten", BadPage::Limit("limit")),
        ("limit=-1", BadPage::Limit("limit")),
        ("after_id=z", BadPage::Place("after_id")),
        ("before_id=z", BadPage::Place("before_id")),
    ] {
        let path = format!("/v1/models?{query}");
        assert_eq!(
            page(&path, Provider::Anthropic, &all),
            Err(problem),
            "{query}"
        );
    }
    let many: Vec<String> = (0..30).map(|at| format!("m{at:02}")).collect();
    let many: Vec<_> = many.iter().map(|name| model(name)).collect();
    let page = page("/v1/models", Provider::Anthropic, &many).unwrap();
    assert_eq!(
        (names(&page, "data", "id").len(), &page["has_more"]),
        (20, &json!(true))
    );
}

#[test]
fn geminis_pages_go_on_from_a_token_and_name_methods() {
    let all = [
        model("a"),
        model("b b"),
        Model {
            embeds: true,
            ..unknown("c")
        },
    ];
    let first = page("/v1beta/models?pageSize=2&key=k", Provider::Google, &all).unwrap();
    assert_eq!(names(&first, "models", "name"), ["models/a", "models/b b"]);
    assert_eq!(first["nextPageToken"], "b b");
    assert_eq!(first["models"][0]["inputTokenLimit"], 200_000);
    assert_eq!(first["models"][0]["outputTokenLimit"], 64_000);
    assert_eq!(first["models"][0]["displayName"], "a");
    assert_eq!(first["models"][0]["thinking"], true);
    assert_eq!(
        first["models"][0]["supportedGenerationMethods"][0],
        "generateContent"
    );
    let last = page(
        "/v1beta/models?pageSize=2&pageToken=b%20b",
        Provider::Google,
        &all,
    )
    .unwrap();
    assert_eq!(names(&last, "models", "name"), ["models/c"]);
    assert_eq!(last.get("nextPageToken"), None);
    assert_eq!(
        last["models"][0]["supportedGenerationMethods"][0],
        "embedContent"
    );
    assert_eq!(last["models"][0].get("inputTokenLimit"), None);
    for size in ["0", "9999"] {
        let path = format!("/v1beta/models?pageSize={size}");
        assert_eq!(
            names(
                &page(&path, Provider::Google, &all).unwrap(),
                "models",
                "name"
            )
            .len(),
            3
        );
    }
    let bad = page("/v1beta/models?pageToken=x", Provider::Google, &all);
    assert_eq!(bad, Err(BadPage::Place("pageToken")));
    let bad = page("/v1beta/models?pageSize=x", Provider::Google, &all);
    assert_eq!(bad, Err(BadPage::Limit("pageSize")));
}

#[test]
fn a_name_is_quoted_wherever_it_stands() {
    let odd = "a\"\\b\n";
    for provider in [Provider::Openai, Provider::Anthropic, Provider::Google] {
        let listing = Listing {
            provider,
            one: None,
            query: Query::of("", &form(provider).query),
        };
        let list: Value =
            serde_json::from_slice(&listing.write_page(&[model(odd)]).unwrap()).unwrap();
        assert!(list.to_string().contains(r#"a\"\\b\n"#), "{list}");
    }
}
