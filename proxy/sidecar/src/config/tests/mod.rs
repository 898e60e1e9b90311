//! One case for each mistake in a setting, and the forms that are right.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;
use std::time::Duration;

use super::*;

mod listen;
mod money;

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

/// Reads a configuration; what reads is valid by the schema, too, so that editors never underline
/// what runs.
pub(super) fn parse(yaml: &str) -> Result<Config, Problems> {
    let config = Config::parse(yaml, "t.yaml", &env);
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

pub(super) fn errors(yaml: &str) -> String {
    match parse(yaml) {
        Err(problems) => problems.to_string(),
        Ok(_) => panic!("accepted: {yaml}"),
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
    assert_eq!(openai.key.as_ref().unwrap().reveal(), "sk-canary-openai");
    let Kind::Http { origin, prefix, .. } = &openai.kind else {
        panic!("not HTTP")
    };
    assert_eq!(
        (origin.to_string().as_str(), prefix.as_str()),
        ("https://api.openai.com/", "/v1")
    );
    assert_eq!(
        config.models["fast"],
        Target {
            upstream: "openai".into(),
            model: "gpt-5-mini".into()
        }
    );
    let [redact, limit] = config.policies.chain.as_slice() else {
        panic!("two policies")
    };
    assert_eq!(
        redact.config,
        r#"{"detect":["email","phone","credit_card","iban","cpf"],"mode":"tokenize"}"#
    );
    assert_eq!(
        (redact.on_error, redact.on_unseen),
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
        assert!(config.upstreams.values().all(|u| u.key.is_none()));
    }
}

#[test]
fn state_is_in_memory_unless_redis_is_named() {
    assert_eq!(parse("").unwrap().state, State::default());
    let memory =
        parse("state: { memory: { values: 1MiB, replies: 2GiB, buckets: 64KiB } }").unwrap();
    assert_eq!(memory.state.redis, None);
    assert_eq!(
        memory.state.memory,
        StateMemory {
            values: 1 << 20,
            replies: 2 << 30,
            buckets: 64 << 10
        }
    );
    let shared = parse("state: { redis: \"redis://redis:6379\" }")
        .unwrap()
        .state;
    let redis = shared.redis.unwrap();
    assert_eq!(redis.nodes, [("redis".to_owned(), 6379)]);
    assert_eq!(
        (redis.cluster, redis.tls, redis.database),
        (false, false, 0)
    );
    assert_eq!(
        (shared.timeout, shared.degrade),
        (Duration::from_millis(5), Degrade::Share)
    );
}

#[test]
fn redis_is_found_by_every_spelling_of_its_address() {
    let redis = |yaml: &str| {
        parse(&format!("state: {{ redis: {yaml} }}"))
            .unwrap()
            .state
            .redis
            .unwrap()
    };
    let one = redis("'rediss://app:p%40ss%2Fword@[::1]:7000/5'");
    assert_eq!(one.nodes, [("::1".to_owned(), 7000)]);
    assert_eq!(
        (one.tls, one.database, one.user.as_deref()),
        (true, 5, Some("app"))
    );
    assert_eq!(one.password.unwrap().reveal(), "p@ss/word");

    let one = redis("'redis+cluster://:${CANARY}@a'");
    assert!(one.cluster && !one.tls && one.user.is_none());
    assert_eq!(
        one.password.as_ref().unwrap().reveal(),
        "sk-canary-elsewhere"
    );
    assert!(!format!("{one:?}").contains("canary"));

    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"from a file\n").unwrap();
    let path = file.path().display();
    let yaml = format!(
        "{{ url: ['valkey://a:1', 'valkey://b:2'], user: u, password: 'file:{path}', prefix: 'mine:' }}"
    );
    let several = redis(&yaml);
    assert!(several.cluster);
    assert_eq!(several.nodes, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(several.password.unwrap().reveal(), "from a file");
    assert_eq!(
        (several.user.as_deref(), several.prefix.as_str()),
        (Some("u"), "mine:")
    );
    // A password that may be absent.
    let none = redis("{ url: 'redis://r', user: u, password: '${NO_SUCH:-}' }");
    assert_eq!(none.password, None);
}

#[test]
fn the_embedded_model_alone_takes_requests_of_every_family() {
    let config = parse("upstreams: { demo: { kind: embedded } }").unwrap();
    assert_eq!(config.upstream_of(Family::Openai).unwrap().name, "demo");
    assert_eq!(config.upstream_of(Family::Anthropic).unwrap().name, "demo");
}

#[test]
fn a_request_without_an_alias_goes_to_the_upstream_named_after_its_family() {
    let yaml = "upstreams:\n  aaa: { dialect: openai, url: 'http://a' }\n  openai: { dialect: openai, url: 'http://b' }\n  demo: { kind: embedded }\n";
    let config = parse(yaml).unwrap();
    assert_eq!(config.upstream_of(Family::Openai).unwrap().name, "openai");
    assert_eq!(config.upstream_of(Family::Anthropic).unwrap().name, "demo");
}

#[test]
fn a_key_may_be_left_out_or_come_from_a_file_and_is_watched_there() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"sk-from-a-file\n").unwrap();
    let path = file.path().display();
    let yaml =
        format!("upstreams: {{ u: {{ dialect: openai, url: 'http://a', key: 'file:{path}' }} }}");
    let config = parse(&yaml).unwrap();
    assert_eq!(
        config.upstreams["u"].key.as_ref().unwrap().reveal(),
        "sk-from-a-file"
    );
    assert_eq!(config.files, [file.path()]);

    let optional = "upstreams: { u: { dialect: openai, url: 'http://a', key: '${NO_SUCH:-}' } }";
    assert!(parse(optional).unwrap().upstreams["u"].key.is_none());
}

#[test]
fn streams_are_requested_with_usage_where_openai_is_spoken_and_nobody_said_no() {
    let yaml = "upstreams:\n  openai: { dialect: openai, url: 'http://a' }\n  \
                quiet: { dialect: openai, url: 'http://b', usage: false }\n  \
                anthropic: { dialect: anthropic, url: 'http://c' }\n  \
                gemini: { dialect: gemini, url: 'http://d' }\n  \
                model: { kind: embedded }\n  loud: { kind: embedded, usage: true }";
    let config = parse(yaml).unwrap();
    let requesting: Vec<_> = config.upstreams.values().filter(|u| u.usage).collect();
    let requesting: Vec<_> = requesting.iter().map(|upstream| &*upstream.name).collect();
    assert_eq!(requesting, ["loud", "openai"]);
    assert_eq!(config.upstream_of(Family::Gemini).unwrap().name, "gemini");
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
fn a_policy_without_configuration_gets_an_empty_object() {
    let config = parse("policies: { directory: /tmp, chain: [{ use: a }] }").unwrap();
    assert_eq!(config.policies.chain[0].config, "{}");
}

#[test]
fn the_cache_is_the_users_own() {
    let with = |pairs: &'static [(&str, &str)]| {
        let env = move |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        };
        Config::parse("", "t.yaml", &env).unwrap().policies.cache
    };
    assert_eq!(
        with(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]),
        PathBuf::from("/c/outrigger")
    );
    assert_eq!(
        with(&[("HOME", "/h")]),
        PathBuf::from("/h/.cache/outrigger")
    );
    assert!(with(&[("HOME", "/")]).starts_with(std::env::temp_dir()));
    assert!(with(&[("XDG_CACHE_HOME", "relative")]).starts_with(std::env::temp_dir()));
}

/// The file, and words that its problem must hold: place, key, what to write instead.
const WRONG: &[(&str, &[&str])] = &[
    // Shape
    (
        "lisen: {}",
        &["t.yaml:1:1", "unknown field `lisen`", "`listen`"],
    ),
    (
        "listen:\n  base_ulr: 127.0.0.1:1",
        &["t.yaml:2:3", "listen", "`base_ulr`", "`base_url`"],
    ),
    (
        "upstreams: { a: { kind: embedded }, a: { kind: embedded } }",
        &["`a` stands twice"],
    ),
    (
        "admin: 127.0.0.1:1\nadmin: 127.0.0.1:2",
        &["t.yaml:1:1", "duplicate field `admin`"],
    ),
    ("admin:", &["t.yaml:1:7", "admin", "leave the key out"]),
    (
        "listen: 127.0.0.1:4141",
        &["t.yaml:1:9", "listen", "expected struct Listen"],
    ),
    ("a: [", &["t.yaml:"]),
    (
        "upstreams: { u: { dialect: openai, url: http://a, key: ${OPENAI_API_KEY} } }",
        &["must stand in quotes"],
    ),
    // Later versions
    (
        "upstreams: { d: { kind: embedded } }\nmodels: { m: { targets: [d/a, d/b] } }",
        &["models.m.targets", "several targets", "not in this version"],
    ),
    (
        "upstreams: { d: { kind: embedded } }\nmodels: { m: { targets: [d/a], strategy: fallback } }",
        &["models.m.strategy", "not in this version"],
    ),
    (
        "upstreams: { d: { kind: embedded } }\nmodels: { m: { targets: [{ target: d/a, weight: 1 }] } }",
        &["models.m.targets[0]", "not in this version"],
    ),
    (
        "upstreams: { b: { dialect: bedrock, url: 'http://a' } }",
        &["upstreams.b.dialect", "not in this version"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, grants: [embeddings] }] }",
        &[
            "policies.chain[0].grants[0]",
            "`embeddings` is not in this version",
        ],
    ),
    // Addresses
    ("admin: localhost", &["t.yaml:1:8: admin", "127.0.0.1:4141"]),
    (
        "listen: { base_url: 'http://127.0.0.1:1' }",
        &["listen.base_url", "without a scheme"],
    ),
    (
        "listen: { base_url: 127.0.0.1:5 }\nadmin: 127.0.0.1:5",
        &["t.yaml:2:8: admin", "`listen.base_url`", "another"],
    ),
    ("listen: { base_url: 0.0.0.0:4190 }", &["admin", "another"]),
    // Numbers and units
    ("workers: 0", &["t.yaml:1:10: workers", "1 to 256"]),
    ("workers: many", &["workers", "`many`", "1 to 256"]),
    (
        "drain: 10",
        &["t.yaml:1:8: drain", "`10` is not a duration", "30s"],
    ),
    (
        "limits: { body_timeout: 0s }",
        &["limits.body_timeout", "more than nothing"],
    ),
    (
        "limits: { request_body: 64KB }",
        &["limits.request_body", "`64KB` is not a size", "64KiB"],
    ),
    (
        "limits: { headers: 0KiB }",
        &["limits.headers", "more than nothing"],
    ),
    (
        "policies: { poll: soon }",
        &["policies.poll", "`soon` is not a duration"],
    ),
    // State
    ("state: {}\nstate: {}", &["duplicate field `state`"]),
    ("state:", &["state", "leave the key out"]),
    (
        "state: { rediss: x }",
        &["state", "unknown field `rediss`", "`redis`"],
    ),
    ("state: { redis: [a] }", &["state", "`redis://host:6379`"]),
    (
        "state:\n  redis: { user: a }",
        &["t.yaml:2:10", "state.redis", "missing field `url`"],
    ),
    (
        "state: { redis: { url: redis://r, passwort: x } }",
        &["unknown field `passwort`", "`password`"],
    ),
    (
        "state: { redis: r:6379 }",
        &[
            "t.yaml:1:17: state.redis",
            "no address of Redis",
            "redis://redis:6379",
        ],
    ),
    (
        "state: { redis: 'http://r' }",
        &["state.redis", "begins with none of"],
    ),
    (
        "state: { redis: 'redis://' }",
        &["state.redis", "no host and port"],
    ),
    (
        "state: { redis: 'redis://r:x' }",
        &["state.redis", "no host and port"],
    ),
    (
        "state: { redis: 'redis://r:' }",
        &["state.redis", "no host and port"],
    ),
    (
        "state: { redis: 'redis://r/x' }",
        &["state.redis", "no database's number"],
    ),
    (
        "state: { redis: 'redis://:%zz@r' }",
        &["state.redis", "broken `%` escape"],
    ),
    (
        "state: { redis: 'redis://:${CANARY}@r:x' }",
        &["state.redis", "no host and port"],
    ),
    (
        "state: { redis: 'redis+cluster://r/3' }",
        &["state.redis", "names a database"],
    ),
    (
        "state: { redis: { url: [] } }",
        &["state.redis.url", "names no address"],
    ),
    (
        "state: { redis: { url: ['redis://a', 'rediss://b'] } }",
        &["t.yaml:1:38: state.redis.url[1]", "differs from the first"],
    ),
    (
        "state: { redis: { url: 'redis://:a@r', password: b } }",
        &["state.redis", "credentials in its address and beside it"],
    ),
    (
        "state: { redis: { url: 'redis://r', password: '${EMPTY}' } }",
        &["state.redis.password", "is empty"],
    ),
    (
        "state: { redis: { url: 'redis://r', password: 'file:/no/such' } }",
        &["state.redis.password", "does not exist"],
    ),
    (
        "state: { redis: { url: 'redis://r', user: a } }",
        &["state.redis.user", "no effect without `password`"],
    ),
    (
        "state: { redis: { url: 'rediss://r', roots: /no/such } }",
        &["state.redis.roots", "does not exist"],
    ),
    (
        "state: { redis: { url: 'redis://r', prefix: 'a b' } }",
        &["state.redis.prefix", "`a b`"],
    ),
    (
        "state: { timeout: 5ms }",
        &[
            "t.yaml:1:19: state.timeout",
            "no effect without `state.redis`",
        ],
    ),
    ("state: { degrade: block }", &["state.degrade", "no effect"]),
    (
        "state: { reservation_lapse: 1m }",
        &["state.reservation_lapse", "no effect"],
    ),
    (
        "state: { redis: 'redis://r', degrade: open }",
        &["state.degrade", "`share`, `block` and `skip`"],
    ),
    (
        "state: { redis: 'redis://r', degrade: block, replicas: 4 }",
        &["state.replicas", "no effect without `degrade: share`"],
    ),
    (
        "state: { redis: 'redis://r', replicas: 0 }",
        &["state.replicas", "`0` is not a number of replicas"],
    ),
    (
        "state: { redis: 'redis://r', timeout: 0ms }",
        &["state.timeout", "more than nothing"],
    ),
    (
        "state: { redis: 'redis://r', timeout: 2s }",
        &["state.timeout", "longer than the 1s"],
    ),
    (
        "state: { redis: 'redis://r', reservation_lapse: 10ms }",
        &["state.reservation_lapse", "shorter than any exchange"],
    ),
    (
        "state: { memory: { values: 64MB } }",
        &["state.memory.values", "`64MB` is not a size"],
    ),
    (
        "state: { memory: { replies: 1KiB } }",
        &["state.memory.replies", "`64KiB` or more"],
    ),
    // Upstreams
    ("upstreams: {}", &["upstreams", "names no upstream"]),
    (
        "upstreams: { u: { url: 'http://a' } }",
        &["upstreams.u", "`dialect: openai`"],
    ),
    (
        "upstreams: { u: { dialect: openai } }",
        &["upstreams.u", "has no `url`"],
    ),
    (
        "upstreams: { u: { dialect: opnai, url: 'http://a' } }",
        &["upstreams.u.dialect", "`openai`, `anthropic` or `gemini`"],
    ),
    (
        "upstreams: { u: { dialect: anthropic, url: 'http://a', usage: true } }",
        &["upstreams.u.usage", "no effect"],
    ),
    (
        "upstreams: { u: { dialect: gemini, url: 'http://a', usage: false } }",
        &["upstreams.u.usage", "no effect"],
    ),
    (
        "upstreams: { a: { dialect: gemini, url: 'http://a' }, b: { dialect: gemini, url: 'http://b' } }",
        &["upstreams", "`gemini`"],
    ),
    (
        "upstreams: { u: { kind: http2 } }",
        &["upstreams.u.kind", "`embedded`"],
    ),
    (
        "upstreams: { u: { kind: embedded, url: 'http://a' } }",
        &["upstreams.u.url", "no effect"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: api.openai.com } }",
        &["upstreams.u.url", "neither `https://` nor"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'ftp://a' } }",
        &["upstreams.u.url", "neither `https://` nor"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'https://' } }",
        &["upstreams.u.url"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'https://u:p@a' } }",
        &["upstreams.u.url", "under `key`"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'https://a?k=1' } }",
        &["upstreams.u.url", "query"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'http://a', key: '' } }",
        &["upstreams.u.key", "is empty"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'http://a', key: '${EMPTY}' } }",
        &["upstreams.u.key", "is empty"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'http://a', key: '${NO_SUCH}' } }",
        &["t.yaml:1:58: upstreams.u.key", "no `NO_SUCH`"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'http://a', key: '${TWO_LINES}' } }",
        &["upstreams.u.key", "line break"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'http://a', key: 'file:/no/such' } }",
        &["upstreams.u.key", "does not exist"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'http://a', roots: /no/such } }",
        &["upstreams.u.roots", "does not exist"],
    ),
    (
        "upstreams: { u: { dialect: openai, url: 'http://a', roots: /etc/hostname } }",
        &["upstreams.u.roots", "PEM"],
    ),
    (
        "upstreams: { a/b: { kind: embedded } }",
        &["upstreams.a/b", "without `/`"],
    ),
    (
        "upstreams: { a: { dialect: openai, url: 'http://a' }, b: { dialect: openai, url: 'http://b' } }",
        &["upstreams", "call one of them `openai`"],
    ),
    // Models
    (
        "models: { m: { targets: [openai] } }",
        &["models.m.targets[0]", "`upstream/model`"],
    ),
    (
        "models: { m: { targets: [nowhere/gpt] } }",
        &[
            "models.m.targets[0]",
            "`nowhere/gpt`",
            "`anthropic`, `gemini`, `openai`",
        ],
    ),
    (
        "models: { m: { targets: [] } }",
        &["models.m.targets", "is empty"],
    ),
    (
        "models: { m: {} }",
        &["models.m", "missing field `targets`"],
    ),
    // Policies
    (
        "policies: { chain: [{ use: a }] }",
        &["policies.chain", "`policies.directory`"],
    ),
    (
        "policies: { directory: /no/such, chain: [{ use: a }] }",
        &["policies.directory", "does not exist"],
    ),
    (
        "policies: { directory: /etc/hostname }",
        &["policies.directory", "not a directory"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a }, { use: a }] }",
        &["policies.chain[1].use", "`a` stands twice"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a.wasm }] }",
        &["policies.chain[0].use", "without `.wasm`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: ../a }] }",
        &["policies.chain[0].use", "NAME.wasm"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ config: {} }] }",
        &["policies.chain[0]", "missing field `use`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, on_error: ignore }] }",
        &["policies.chain[0].on_error", "`block` nor `skip`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, on_unseen: true }] }",
        &["policies.chain[0].on_unseen", "`block` nor `skip`"],
    ),
    (
        "policies:\n  directory: /tmp\n  chain:\n    - use: a\n      on_unseen: { images: block }",
        &[
            "t.yaml:5:28",
            "policies.chain[0].on_unseen.images",
            "is no kind of content",
            "`image`, `audio`, `file`, `tokens`, `signed_reasoning`, `encrypted`, `logprobs`",
            "`default`",
        ],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, on_unseen: { audio: pass } }] }",
        &["policies.chain[0].on_unseen.audio", "`block` nor `skip`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, on_unseen: {} }] }",
        &["policies.chain[0].on_unseen", "names nothing"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, on_unseen: [image] }] }",
        &["policies.chain[0].on_unseen", "`{ KIND: block, … }`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, grants: [root] }] }",
        &["policies.chain[0].grants[0]", "`root` is no grant"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, grants: [fetch] }] }",
        &["policies.chain[0].grants[0]", "which hosts"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetch: ['https://a/x'] }] }] }",
        &["grants[0].fetch[0]", "without scheme"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetch: ['*.a'] }] }] }",
        &["grants[0].fetch[0]", "not a host"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetsh: [a] }] }] }",
        &["grants[0]", "`fetsh`", "`fetch`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, grants: [values, values] }] }",
        &["grants[1]", "twice"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, limits: { cpu_per_kib: 1s } }] }",
        &["limits.cpu_per_kib", "more than 10ms"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, limits: { memory: 1KiB } }] }",
        &["limits.memory", "64KiB"],
    ),
    (
        "policies: { directory: /tmp, memory: 1MiB, chain: [{ use: a }] }",
        &["policies.chain[0].limits", "`policies.memory`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, config: { x: [1, '${NO_SUCH}'] } }] }",
        &["policies.chain[0].config.x[1]", "no `NO_SUCH`"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, config: { x: 1, x: 2 } }] }",
        &["`x` stands twice"],
    ),
    (
        "policies: { directory: /tmp, chain: [{ use: a, config: { x: .inf } }] }",
        &["JSON does not have"],
    ),
    // Log
    ("log: { format: xml }", &["log.format", "`json` nor `text`"]),
    ("log: { level: loud }", &["log.level", "`warn`"]),
    ("log: { exchanges: 3 }", &["log.exchanges", "boolean"]),
];

#[test]
fn each_mistake_in_a_setting_is_reported_with_its_place_and_what_to_write() {
    for (yaml, words) in WRONG {
        let said = errors(yaml);
        assert_eq!(
            said.lines().count(),
            1,
            "one problem, reported once: {yaml}\n{said}"
        );
        assert!(said.starts_with("t.yaml:"), "{said}");
        for word in *words {
            assert!(said.contains(word), "{yaml}\nsaid: {said}\nwithout: {word}");
        }
    }
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

#[test]
fn the_schema_names_every_key_that_is_read_and_none_of_later_versions() {
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
        "on_unseen",
        "held_bytes",
        "fetch",
        "exchanges",
    ] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}");
    }
    assert!(!text.contains("strategy"));
    assert_eq!(schema["additionalProperties"], false);
    assert!(
        !text.contains("null"),
        "a key that stands there has a value"
    );
}

#[test]
fn each_kind_of_unseen_content_may_have_an_effect_of_its_own() {
    let yaml = |on_unseen: &str| {
        format!("policies: {{ directory: /tmp, chain: [{{ use: a, on_unseen: {on_unseen} }}] }}")
    };
    let read = |on_unseen: &str| {
        let config = parse(&yaml(on_unseen)).unwrap();
        config.policies.chain[0].on_unseen
    };
    for plain in ["block", "skip", "{ default: skip }", "{ default: block }"] {
        let word = plain
            .trim_start_matches("{ default: ")
            .trim_end_matches(" }");
        assert_eq!(read(plain).to_string(), word);
    }
    let some = read("{ signed_reasoning: block, audio: skip }");
    assert!(some.blocks() && some.blocks_in_request("signed_reasoning"));
    assert!(some.blocks_in_request("file") && !some.blocks_in_request("image"));
    assert!(!some.blocks_in_request("audio") && some.blocks_in_reply("signed_reasoning"));
    for wrong in ["{ images: block }", "{}", "{ image: pass }", "allow"] {
        assert!(!schema_errors(&yaml(wrong)).is_empty(), "{wrong}");
    }
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
        "tags: { plan: { value: 3 }, region: { value: true } }",
        "log: { level: '${LEVEL:-info}' }",
    ] {
        parse(yaml).unwrap();
    }
}

#[test]
fn the_schema_refuses_a_key_that_is_not_read_at_every_depth() {
    let yaml = "listen: { others: refuse }\nadmin: { hosts: [a] }\nupstreams: { a: { kind: embedded } }\n\
                models: { m: { targets: [a/b] } }\nlimits: { event: 1MiB }\nprices: { reply_header: true }\n\
                tags: { plan: { value: a } }\nlog: { level: info }\nca: { bundle: /tmp }\nharden: { landlock: 'off' }\n\
                state: { redis: { url: 'redis://a' }, memory: { values: 1MiB } }\noverload: {}\n\
                policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetch: [a] }], on_unseen: { image: block }, limits: { cpu: 10ms } }] }";
    parse(yaml).unwrap();
    let whole: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    let mut sections: Vec<String> = Vec::new();
    collect_maps(&whole, String::new(), &mut sections);
    let by_name = ["/upstreams", "/models", "/tags"];
    for at in sections.iter().filter(|at| !by_name.contains(&at.as_str())) {
        let mut wrong = whole.clone();
        wrong.pointer_mut(at).unwrap()["no_such_key"] = 1.into();
        let wrong = serde_yaml::to_string(&wrong).unwrap();
        assert!(
            !schema_errors(&wrong).is_empty(),
            "the schema takes {at}/no_such_key"
        );
        assert!(Config::parse(&wrong, "t.yaml", &env).is_err(), "{at}");
    }
    assert!(sections.len() > 15, "{sections:?}");
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

#[test]
fn a_url_that_ends_in_an_endpoint_is_no_base_url() {
    for (url, endpoint) in [
        ("https://api.openai.com/v1/chat/completions", "/completions"),
        ("https://api.openai.com/v1/responses/", "/responses"),
        ("https://api.anthropic.com/v1/messages", "/messages"),
        (
            "https://a/v1beta/models/m:generateContent",
            ":generateContent",
        ),
    ] {
        let yaml = format!("upstreams: {{ u: {{ dialect: openai, url: '{url}' }} }}");
        let said = errors(&yaml);
        for word in ["t.yaml:1:", "upstreams.u.url", endpoint, "base URL"] {
            assert!(said.contains(word), "{said}");
        }
    }
    for url in [
        "https://api.openai.com",
        "https://a/v1",
        "https://a/openai/v1/",
        "https://a/responses/x",
    ] {
        parse(&format!(
            "upstreams: {{ u: {{ dialect: openai, url: '{url}' }} }}"
        ))
        .unwrap();
    }
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
