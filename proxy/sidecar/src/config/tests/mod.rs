//! One case for each mistake in a setting, and the forms that are right.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;
use std::time::Duration;

use super::*;

mod embeddings;
mod identity;
mod listen;
mod models;
mod money;
mod policies;
mod providers;
mod schema;
mod state;
mod telemetry;
mod upstreams;

fn env(name: &str) -> Option<String> {
    match name {
        "OPENAI_API_KEY" => Some("sk-canary-openai".into()),
        "ANTHROPIC_API_KEY" => Some("sk-canary-anthropic".into()),
        "PORT" => Some("4242".into()),
        "EMPTY" => Some(String::new()),
        "CANARY" => Some("sk-canary-elsewhere".into()),
        "TWO_LINES" => Some("sk-canary\nX-Evil: 1".into()),
        _ => None,
    }
}

/// Reads a configuration that names no variable.
pub(crate) fn read(yaml: &str) -> Config {
    parse_in(yaml, &|_| None).unwrap()
}

/// Reads a configuration in an environment.
pub(crate) fn parse_in(
    yaml: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Problems> {
    Config::parse(yaml, "t.yaml", env, &Overrides::default())
}

/// Reads a configuration; what reads is valid by the schema, too, so that editors never underline
/// what runs.
pub(in crate::config) fn parse(yaml: &str) -> Result<Config, Problems> {
    let config = parse_in(yaml, &env);
    if config.is_ok() {
        let wrong = schema_errors(yaml);
        assert!(
            wrong.is_empty(),
            "reads, and is not valid: {yaml}\n{wrong:?}"
        );
    }
    config
}

/// Errors of a validator that checks a configuration by the printed schema.
fn schema_errors(yaml: &str) -> Vec<String> {
    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        jsonschema::validator_for(&serde_json::from_str(&file::schema()).unwrap()).unwrap()
    });
    let document: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    let document = match document {
        serde_json::Value::Null => serde_json::json!({}), // an empty file is an empty configuration
        other => other,
    };
    let errors = VALIDATOR.iter_errors(&document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

pub(in crate::config) fn errors(yaml: &str) -> String {
    match parse(yaml) {
        Err(problems) => problems.to_string(),
        Ok(_) => panic!("accepted: {yaml}"),
    }
}

/// The rows of a table: in each a file, and after `=>`, on its line or the next, what is expected
/// to be said of it, between `|`. `\n` in a file is a line break; lines of `//` are comments.
pub(in crate::config) fn rows(table: &str) -> Vec<(String, Vec<&str>)> {
    let mut rows = Vec::new();
    let mut above = "";
    for line in table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
    {
        let Some((before, words)) = line.split_once("=> ") else {
            assert_eq!(above, "", "a file of which nothing is expected");
            above = line;
            continue;
        };
        assert!(
            above.is_empty() || before.is_empty(),
            "two files in: {line}"
        );
        let file = if before.is_empty() { above } else { before };
        let words = words.split(" | ").collect();
        rows.push((file.trim_end().replace("\\n", "\n"), words));
        above = "";
    }
    assert!(above.is_empty() && !rows.is_empty(), "{above}");
    rows
}

/// Checks that each file of a table (see [`rows`]) has one problem, which says what is expected and
/// no secret.
pub(in crate::config) fn mistakes(table: &str) {
    for (yaml, words) in rows(table) {
        let said = errors(&yaml);
        assert_eq!(said.lines().count(), 1, "{yaml}\n{said}");
        assert!(said.starts_with("t.yaml:"), "{said}");
        assert!(!said.contains("sk-canary"), "{said}");
        for word in words {
            assert!(said.contains(word), "{yaml}\nsaid: {said}\nwithout: {word}");
        }
    }
}

#[test]
fn an_example_with_most_keys_reads() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = r#"
listen:
  base_url: 127.0.0.1:4141
admin: 127.0.0.1:4190

upstreams:
  openai:    { dialect: openai, url: https://api.openai.com/v1, key: "${OPENAI_API_KEY}" }
  anthropic: { dialect: anthropic, url: https://api.anthropic.com, key: "${ANTHROPIC_API_KEY}" }

models:
  fast:  { targets: [openai/gpt-5-mini] }

policies:
  directory: DIRECTORY
  chain:
    - use: pii-redact
      config: { detect: [email, phone, credit_card, iban, cpf], mode: tokenize }
      on_error: block
    - use: token-rate-limit
      config: { rules: [{ per: tenant, tokens: 100000, every: 1m }] }
      grants: [values, { fetch: [limits.example:8443] }]
      limits: { cpu: 20ms, cpu_per_kib: 250us }
"#
    .replace("DIRECTORY", directory.path().to_str().unwrap());
    let config = parse(&yaml).unwrap();
    let openai = &config.upstreams["openai"];
    assert_eq!(openai.keys[0].secret.reveal(), "sk-canary-openai");
    let Kind::Http { origin, prefix, .. } = &openai.kind else {
        panic!("not HTTP")
    };
    assert_eq!(
        (origin.to_string().as_str(), prefix.as_str()),
        ("https://api.openai.com/", "/v1")
    );
    assert_eq!(
        config.models["fast"],
        Alias::of(vec![AliasTarget::of(Target {
            upstream: "openai".into(),
            model: "gpt-5-mini".into()
        })])
    );
    let [redact, limit] = config.policies.chain.as_slice() else {
        panic!("two policies")
    };
    assert_eq!(
        redact.config,
        r#"{"detect":["email","phone","credit_card","iban","cpf"],"mode":"tokenize"}"#
    );
    assert_eq!(
        (redact.on_error, redact.on_unseen.clone()),
        (Effect::Block, Effect::Block.into())
    );
    assert_eq!(redact.limits.wall, Duration::from_millis(50));
    assert_eq!(
        limit.grants.words(),
        ["values", "fetch limits.example:8443"]
    );
    assert_eq!(
        (
            limit.limits.cpu,
            limit.limits.cpu_per_kib,
            limit.limits.wall
        ),
        (
            Duration::from_millis(20),
            Duration::from_micros(250),
            Duration::from_secs(5)
        )
    );
}

#[test]
fn an_empty_file_is_a_wire_to_the_public_apis_with_the_callers_own_keys() {
    for yaml in ["", "# nothing yet\n\n"] {
        let config = parse(yaml).unwrap();
        assert_eq!(config.base_url.to_string(), "127.0.0.1:4141");
        assert_eq!(config.admin.to_string(), "127.0.0.1:4190");
        assert!(config.policies.chain.is_empty() && config.exchange_log);
        assert_eq!(config.upstreams["openai"].path("/v1/models"), "/v1/models");
        assert_eq!(
            config.upstreams["anthropic"].path("/v1/messages"),
            "/v1/messages"
        );
        assert!(config.upstreams.values().all(|u| u.keys.is_empty()));
    }
}

#[test]
fn variables_are_replaced_in_values_of_every_kind_and_in_a_policys_configuration() {
    let yaml = "listen: { base_url: '127.0.0.1:${PORT}' }\nworkers: '${N:-3}'\ndrain: '${D:-5}m'\n\
                policies: { directory: '${DIR:-/tmp}', chain: [{ use: a, config: { salt: 'x${PORT}', '${PORT}': '$${PORT}' } }] }";
    let config = parse(yaml).unwrap();
    assert_eq!(config.base_url.port(), 4242);
    assert_eq!(
        (config.workers, config.drain),
        (3, Duration::from_secs(300))
    );
    assert_eq!(
        config.policies.chain[0].config,
        r#"{"${PORT}":"${PORT}","salt":"x4242"}"#
    );
}

#[test]
fn each_mistake_in_a_files_shape_or_numbers_is_reported_with_its_place_and_what_to_write() {
    mistakes(
        r#"
            lisen: {} => t.yaml:1:1 | unknown field `lisen` | `listen`
            listen:\n  base_ulr: 127.0.0.1:1 => t.yaml:2:3 | listen | `base_ulr` | `base_url`
            upstreams: { a: { kind: embedded }, a: { kind: embedded } } => `a` stands twice
            admin: 127.0.0.1:1\nadmin: 127.0.0.1:2 => t.yaml:2:1 | duplicate field `admin`
            admin: => t.yaml:1:7 | admin | leave the key out
            listen: 127.0.0.1:4141 => t.yaml:1:9 | listen | and not keys with values
            a: [ => t.yaml:
            upstreams: { u: { dialect: openai, url: http://a, key: ${OPENAI_API_KEY} } }
                => must stand in quotes
            admin: localhost => t.yaml:1:8: admin | 127.0.0.1:4141
            listen: { base_url: 'http://127.0.0.1:1' } => listen.base_url | without a scheme
            listen: { base_url: 127.0.0.1:5 }\nadmin: 127.0.0.1:5
                => t.yaml:2:8: admin | `listen.base_url` | another
            listen: { base_url: 0.0.0.0:4190 } => admin | another
            workers: 0 => t.yaml:1:10: workers | 1 to 256
            workers: many => workers | `many` | 1 to 256
            drain: 10 => t.yaml:1:8: drain | `10` is not a duration | 30s
            limits: { body_timeout: 0s } => limits.body_timeout | more than nothing
            limits: { request_body: 64KB } => limits.request_body | `64KB` is not a size | 64KiB
            limits: { headers: 0KiB } => limits.headers | more than nothing
            policies: { poll: soon } => policies.poll | `soon` is not a duration
            log: { format: xml } => log.format | `json` nor `text`
            log: { level: loud } => log.level | `warn`
            log: { exchanges: 3 } => log.exchanges | boolean
        "#,
    );
}

#[test]
fn all_problems_of_a_file_are_reported_at_once_in_order_with_their_lines() {
    let yaml = "admin: here\nupstreams:\n  a: { dialect: openai, url: nowhere }\nmodels:\n  m: { targets: [b/c] }\npolicies:\n  chain:\n    - use: x\ndrain: 1\n";
    let Err(Problems(problems)) = parse(yaml) else {
        panic!("accepted")
    };
    let reported: Vec<_> = problems
        .iter()
        .map(|p| (p.at.unwrap().0, p.key.as_str()))
        .collect();
    assert_eq!(
        reported,
        [
            (1, "admin"),
            (3, "upstreams.a.url"),
            (5, "models.m.targets[0]"),
            (8, "policies.chain"),
            (9, "drain"),
        ]
    );
}

#[test]
fn a_missing_file_is_one_sentence() {
    let problems = Config::load(std::path::Path::new("/no/such.yaml"), &env).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "/no/such.yaml: can't be read: it does not exist"
    );
}

#[test]
fn no_debug_and_no_error_holds_a_secret() {
    let good = "upstreams: { u: { dialect: openai, url: 'http://a', key: '${OPENAI_API_KEY}' } }\n\
                policies: { directory: /tmp, chain: [{ use: a, config: { key: '${CANARY}', literal: canary-literal } }] }";
    let config = parse(good).unwrap();
    assert!(
        config.policies.chain[0]
            .config
            .contains("sk-canary-elsewhere")
    );
    assert!(!format!("{config:?} {config:#?}").contains("canary"));
    let file: file::File = serde_yaml::from_str(
        "upstreams: { u: { key: sk-canary } }\npolicies: { chain: [{ use: a, config: canary }] }",
    )
    .unwrap();
    assert!(!format!("{file:?}").contains("canary"));

    for place in [
        "admin: '${CANARY}'",
        "drain: '${CANARY}'",
        "workers: '${CANARY}'",
        "limits: { headers: '${CANARY}' }",
        "log: { level: '${CANARY}' }",
        "upstreams: { u: { dialect: '${CANARY}', url: '${CANARY}' } }",
        "upstreams: { u: { dialect: openai, url: 'https://x?${CANARY}' } }",
        "upstreams: { u: sk-canary }",
        "upstreams: sk-canary",
        "upstreams: { u: { dialect: openai, url: 'http://a', key: [sk-canary] } }",
        "upstreams: { u: { dialect: openai, url: 'http://a', key: '${TWO_LINES}' } }",
        "upstreams: { u: { dialect: openai, url: 'http://a', keys: ['${CANARY}', { key: '${CANARY}' }] } }",
        "upstreams: { u: { dialect: openai, url: 'http://a', keys: [{ key: sk-canary, acount: a }] } }",
        "upstreams: { u: { dialect: openai, url: 'http://a', keys: sk-canary } }",
        "upstreams: { u: { dialect: openai, url: 'http://a', provider: '${CANARY}', failures: [{ status: '${CANARY}', class: '${CANARY}' }] } }",
        "upstreams: { u: { dialect: openai, url: 'http://a', account: '${CANARY}', key: k } }\nmodels: { m: { targets: [u/m], hedge: {} } }",
        "models: { m: { targets: [openai/a, { target: openai/b, weight: '${CANARY}' }], strategy: '${CANARY}', limited: { degrade: '${CANARY}' }, retry: { share: '${CANARY}', per_second: '${CANARY}' } } }",
        "models: { m: { targets: ['${CANARY}'] } }",
        "models: { m: { targets: ['${CANARY}/x'] } }",
        "policies: { directory: '/no/${CANARY}' }",
        "policies: { directory: /tmp, chain: [{ use: '${CANARY}!' }] }",
        "policies: { directory: /tmp, chain: [{ use: '${CANARY}.wasm' }] }",
        "policies: { directory: /tmp, chain: [{ use: a, grants: ['${CANARY}', { fetch: ['${CANARY}/'] }] }] }",
        "policies: { directory: /tmp, chain: [{ use: a, on_error: '${CANARY}' }] }",
    ] {
        let said = errors(place);
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn a_change_that_waits_for_a_restart_is_named() {
    let (old, new) = (
        parse("workers: 1").unwrap(),
        parse("workers: 2\ndrain: 1s\nlog: { level: debug }").unwrap(),
    );
    assert_eq!(old.restart_needed(&new), ["workers", "log"]);
}

mod any_text {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics_and_says_where(yaml in "(\\PC|\n|: |- |\\$\\{|\\{|\\}){0,60}") {
            if let Err(problems) = super::parse(&yaml) {
                prop_assert!(!problems.0.is_empty());
            }
        }
    }
}
