//! The printed schema: it takes what reads, and nothing else.

use super::{env, parse, parse_in, schema_errors};
use crate::config::file;

#[test]
fn the_schema_names_every_key_that_is_read() {
    let schema: serde_json::Value = serde_json::from_str(&file::schema()).unwrap();
    let text = schema.to_string();
    for key in [
        "base_url",
        "forward_proxy",
        "transparent",
        "others",
        "reach",
        "hosts",
        "first_content_timeout",
        "strategy",
        "where",
        "usd_per_day",
        "model_facts",
        "most_tokens",
        "on_unseen",
        "held_bytes",
        "fetch",
        "exchanges",
    ] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}");
    }
    assert_eq!(schema["additionalProperties"], false);
    assert!(
        !text.contains("null"),
        "a key that stands there has a value"
    );
}

#[test]
fn the_schema_takes_every_grant_and_every_spelling_of_a_scalar_that_reads() {
    for yaml in [
        "policies: { directory: /tmp, chain: [{ use: a, grants: [limits, values, replies, body, credentials, { fetch: [a.example] }] }] }",
        "policies: { directory: /tmp, chain: [{ use: a, grants: ['${GRANT:-values}'], limits: { cpu: '${CPU:-20ms}' } }] }",
        "policies: { directory: 1, chain: [{ use: 2 }] }"
            .replace("1", "/tmp")
            .as_str(),
        "policies: { directory: /tmp, chain: [{ use: a, on_unseen: { default: skip, image: block, encrypted: '${E:-skip}' } }, { use: b, on_unseen: '${U:-skip}' }] }",
        "workers: '2'",
        "workers: '${N:-3}'",
        "upstreams: { a: { kind: embedded } }\nmodels: { 4: { targets: ['${T:-a/b}'] } }",
        "upstreams: { a: { kind: embedded }, b: { kind: embedded, faults: { rate: 0.5 } }, c: { kind: embedded, faults: { rate: '1%' } } }\n\
         models: { m: { targets: [a/b, { target: '${T:-b/c}', weight: '${W:-2}', where: { region: '${R:-eu}', plan: [1, true] } }], strategy: '${S:-weighted}', sticky: '${K:-caller}', attempts: '${N:-3}', max_usd: '0.5', \
         retry: { share: 1, per_second: '2.5', maybe_done: '${M:-0}' }, limited: '${L:-refuse}' }, n: { targets: [a/b], limited: { queue: { exchanges: '5' } } } }",
        "upstreams: { u: { dialect: openai, url: 'http://a', keys: ['${K:-a}', { key: b }], failures: [{ status: '${S:-429}', class: '${C:-rate}' }] } }",
        "tags: { plan: { value: 3 }, region: { value: true } }",
        "log: { level: '${LEVEL:-info}' }",
    ] {
        parse(yaml).unwrap();
    }
}

#[test]
fn the_schema_refuses_a_key_that_is_not_read_at_every_depth() {
    let yaml = "listen: { others: refuse }\nadmin: { hosts: [a] }\nupstreams: { a: { kind: embedded, faults: { rate: 1 } }, b: { dialect: openai, url: 'http://b', keys: [k, { key: l }], failures: [{ status: 429, class: rate }] } }\n\
                models: { m: { targets: [a/b, { target: b/c, where: { region: eu } }], retry: { share: 1% }, limited: { queue: { wait: 1s } }, hedge: { share: 1% }, canary: { target: a/c }, shadow: { target: a/d, usd_per_day: 1 } } }\n\
                model_facts: { m: { tools: true, reasoning: { form: none } } }\nlimits: { event: 1MiB }\nprices: { reply_header: true }\n\
                tags: { plan: { value: a } }\nlog: { level: info }\nca: { bundle: /tmp }\nharden: { landlock: 'off' }\n\
                state: { redis: { url: 'redis://a' }, memory: { values: 1MiB } }\noverload: {}\n\
                policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetch: [a] }], on_unseen: { image: block }, limits: { cpu: 10ms } }] }";
    parse(yaml).unwrap();
    let whole: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    let mut sections: Vec<String> = Vec::new();
    collect_maps(&whole, String::new(), &mut sections);
    let by_name = [
        "/upstreams",
        "/models",
        "/model_facts",
        "/models/m/targets/1/where",
        "/tags",
    ];
    for at in sections.iter().filter(|at| !by_name.contains(&at.as_str())) {
        let mut wrong = whole.clone();
        wrong.pointer_mut(at).unwrap()["no_such_key"] = 1.into();
        let wrong = serde_yaml::to_string(&wrong).unwrap();
        assert!(
            !schema_errors(&wrong).is_empty(),
            "the schema takes {at}/no_such_key"
        );
        assert!(parse_in(&wrong, &env).is_err(), "{at}");
    }
    assert!(sections.len() > 25, "{sections:?}");
}

#[test]
fn the_schema_refuses_forms_that_lack_something_or_say_two_things() {
    for models in [
        "{ targets: [a/m], shadow: { target: a/n } }",
        "{ targets: [a/m], limited: {} }",
        "{ targets: [a/m], limited: { queue: {}, degrade: n } }",
        "{ targets: [a/m], strategy: [fallback, cheapest] }",
        "{ targets: [a/m], strategy: round_robin }",
        "{ targets: [a/m], retry: { share: 20 } }",
    ] {
        let yaml = format!(
            "upstreams: {{ a: {{ kind: embedded }} }}\nmodels: {{ m: {models}, n: {{ targets: [a/n] }} }}"
        );
        assert!(parse_in(&yaml, &env).is_err(), "{models}");
        assert!(!schema_errors(&yaml).is_empty(), "{models}");
    }
}

fn collect_maps(value: &serde_json::Value, at: String, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(entries) => {
            for (key, value) in entries {
                collect_maps(value, format!("{at}/{key}"), found);
            }
            found.push(at);
        }
        serde_json::Value::Array(items) => {
            for (n, value) in items.iter().enumerate() {
                collect_maps(value, format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}
