//! `upstreams:`.

use std::time::Duration;

use embedded::{FaultClass, Faults};
use route::{ProviderRules, Row, class::Class};

use super::{errors, mistakes, parse};
use crate::config::Family;

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
        config.upstreams["u"].keys[0].secret.reveal(),
        "sk-from-a-file"
    );
    assert_eq!(config.files, [file.path()]);

    let optional = "upstreams: { u: { dialect: openai, url: 'http://a', key: '${NO_SUCH:-}' } }";
    assert!(parse(optional).unwrap().upstreams["u"].keys.is_empty());
}

#[test]
fn an_upstream_has_several_keys_each_with_its_account() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"k-file\n").unwrap();
    let path = file.path().display();
    let yaml = format!(
        "upstreams: {{ u: {{ dialect: openai, url: 'http://a', account: team-a, region: eu, keys: ['${{OPENAI_API_KEY}}', {{ key: 'file:{path}', account: team-b }}, '${{NO_SUCH:-}}'] }} }}"
    );
    let config = parse(&yaml).unwrap();
    let upstream = &config.upstreams["u"];
    let keys: Vec<_> = (upstream.keys.iter())
        .map(|key| (key.secret.reveal(), &*key.account))
        .collect();
    assert_eq!(keys, [("sk-canary-openai", "team-a"), ("k-file", "team-b")]);
    assert_eq!(config.files, [file.path()]);
    assert_eq!(upstream.region.as_deref(), Some("eu"));
    let accounts = upstream.accounts();
    assert_eq!(
        Vec::from_iter(accounts.iter().map(|one| &**one)),
        ["team-a", "team-b"]
    );
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn two_sources_of_one_key_are_one_key() {
    let yaml = "upstreams: { u: { dialect: openai, url: 'http://a', keys: ['${OPENAI_API_KEY}', sk-canary-openai, other] } }";
    let config = parse(yaml).unwrap();
    let keys = config.upstreams["u"].keys.iter();
    let keys: Vec<_> = keys.map(|key| key.secret.reveal()).collect();
    assert_eq!(keys, ["sk-canary-openai", "other"]);
}

#[test]
fn an_account_is_the_upstreams_unless_it_is_named() {
    let yaml = "upstreams: { u: { dialect: openai, url: 'http://a', key: k }, openai: { dialect: openai, url: 'http://b', account: ours } }";
    let config = parse(yaml).unwrap();
    assert_eq!(&*config.upstreams["u"].keys[0].account, "u");
    let callers = &config.upstreams["openai"];
    assert!(callers.keys.is_empty());
    let accounts = callers.accounts();
    assert_eq!(Vec::from_iter(accounts.iter().map(|one| &**one)), ["ours"]);
}

#[test]
fn times_that_are_left_out_fit_those_that_are_written() {
    let clocks = |written: &str| {
        let yaml = format!("upstreams: {{ u: {{ dialect: openai, url: 'http://a'{written} }} }}");
        let upstream = parse(&yaml).unwrap().upstreams.remove("u").unwrap();
        [
            upstream.connect_timeout,
            upstream.head_timeout,
            upstream.first_content_timeout,
        ]
        .map(|span| span.as_secs())
    };
    assert_eq!(clocks(""), [10, 120, 120]);
    assert_eq!(clocks(", first_content_timeout: 5s"), [5, 5, 5]);
    assert_eq!(clocks(", head_timeout: 60s"), [10, 60, 120]);
    assert_eq!(
        clocks(", connect_timeout: 1s, first_content_timeout: 2s"),
        [1, 2, 2]
    );
}

#[test]
fn an_upstreams_errors_are_read_by_its_hosts_table_or_the_one_that_is_named_after_its_own_rows() {
    let yaml = "upstreams: { u: { dialect: openai, url: 'http://a', provider: '${P:-groq}', failures: [{ status: 429, code: insufficient_quota, class: rate }, { message: 'try later', retry_after: false, class: '${C:-overload}' }] } }";
    let config = parse(yaml).unwrap();
    let upstream = &config.upstreams["u"];
    assert_eq!(upstream.provider, ProviderRules::Groq);
    let row = Row {
        status: Some(429),
        code: Some("insufficient_quota".into()),
        message: None,
        retry_after: None,
        class: Class::Rate,
    };
    let other = Row {
        status: None,
        code: None,
        message: Some("try later".into()),
        retry_after: Some(false),
        class: Class::Overload,
    };
    assert_eq!(upstream.failures, [row, other]);

    let public = parse("").unwrap();
    assert_eq!(
        public.upstreams["anthropic"].provider,
        ProviderRules::Anthropic
    );
    let groq = "upstreams: { u: { dialect: openai, url: 'https://api.groq.com/openai/v1' } }";
    assert_eq!(
        parse(groq).unwrap().upstreams["u"].provider,
        ProviderRules::Groq
    );
}

#[test]
fn limits_come_back_evenly_by_the_host_and_not_by_the_name_of_a_table() {
    let table = "
        openai https://api.openai.com/v1 => true
        openai https://eu.api.openai.com/v1 => true
        anthropic https://api.anthropic.com => true
        openai https://api.groq.com/openai/v1 => false
        openai https://a.openai.azure.com/openai/v1 => false
        openai http://10.0.0.1:8000/v1 => false
        anthropic https://gateway/anthropic => false
    ";
    for (upstream, expected) in super::rows(table) {
        let (dialect, url) = upstream.split_once(' ').unwrap();
        for named in ["", ", provider: openai"] {
            let yaml = format!("upstreams: {{ u: {{ dialect: {dialect}, url: '{url}'{named} }} }}");
            let refills = parse(&yaml).unwrap().upstreams["u"].refills_evenly;
            assert_eq!(expected, [refills.to_string()], "{upstream}{named}");
        }
    }
}

#[test]
fn the_embedded_model_fails_as_it_is_configured() {
    let faults = |written: &str| {
        let yaml = format!("upstreams: {{ u: {{ kind: embedded, faults: {{ {written} }} }} }}");
        let upstream = parse(&yaml).unwrap().upstreams.remove("u").unwrap();
        upstream.faults.unwrap()
    };
    let every: Vec<_> = FaultClass::ALL.iter().map(|class| class.name()).collect();
    let classes = every.join(", ");
    assert_eq!(
        faults(&format!(
            "rate: 0.5, classes: [{classes}], delay: 200ms, retry_after: 1s"
        )),
        Faults {
            rate: 0.5,
            classes: FaultClass::ALL.to_vec(),
            delay: Duration::from_millis(200),
            retry_after: Some(Duration::from_secs(1)),
        }
    );
    assert_eq!(
        faults("rate: '${RATE:-0%}'"),
        Faults {
            rate: 0.0,
            classes: vec![FaultClass::Overload],
            delay: Duration::ZERO,
            retry_after: None,
        }
    );
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

#[test]
fn each_mistake_in_an_upstream_or_a_model_is_reported() {
    mistakes(
        r#"
            upstreams: {} => upstreams | names no upstream
            upstreams: { u: { url: 'http://a' } } => upstreams.u | `dialect: openai`
            upstreams: { u: { dialect: openai } } => upstreams.u | has no `url`
            upstreams: { u: { dialect: opnai, url: 'http://a' } }
                => upstreams.u.dialect | `openai`, `anthropic` or `gemini`
            upstreams: { u: { dialect: anthropic, url: 'http://a', usage: true } }
                => upstreams.u.usage | no effect
            upstreams: { u: { dialect: gemini, url: 'http://a', usage: false } }
                => upstreams.u.usage | no effect
            upstreams: { a: { dialect: gemini, url: 'http://a' }, b: { dialect: gemini, url: 'http://b' } }
                => upstreams | `gemini`
            upstreams: { u: { kind: http2 } } => upstreams.u.kind | `embedded`
            upstreams: { u: { kind: embedded, url: 'http://a' } } => upstreams.u.url | no effect
            upstreams: { u: { kind: embedded, keys: [k] } } => upstreams.u.keys | no effect
            upstreams: { u: { dialect: openai, url: 'http://a', key: a, keys: [b] } }
                => upstreams.u.keys | beside `key` | keep one
            upstreams: { u: { dialect: openai, url: 'http://a', keys: [] } } => upstreams.u.keys | is empty
            upstreams: { u: { dialect: openai, url: 'http://a', keys: sk-canary } }
                => upstreams.u.keys | and not a list
            upstreams: { u: { dialect: openai, url: 'http://a', keys: [a, '${EMPTY}'] } }
                => upstreams.u.keys[1] | is empty
            upstreams: { u: { dialect: openai, url: 'http://a', keys: [a, { key: 'file:/no/such' }] } }
                => upstreams.u.keys[1].key | does not exist
            upstreams: { u: { dialect: openai, url: 'http://a', keys: [sk-canary, b, { key: sk-canary }] } }
                => upstreams.u.keys[2].key | the same key as `keys[0]`
            upstreams: { u: { dialect: openai, url: 'http://a', keys: [{ key: a, account: '' }] } }
                => upstreams.u.keys[0].account | is no name of an account
            upstreams: { u: { dialect: openai, url: 'http://a', keys: [{ account: a }] } }
                => upstreams.u.keys[0] | missing field `key`
            upstreams: { u: { dialect: openai, url: 'http://a', account: '' } }
                => upstreams.u.account | is no name of an account
            upstreams: { u: { dialect: openai, url: 'http://a', region: "e\tu" } }
                => upstreams.u.region | is no name of a region
            upstreams: { u: { dialect: openai, url: 'http://a', provider: nobody } }
                => upstreams.u.provider | `openai`, `anthropic` | `groq` | `failures`
            upstreams: { u: { dialect: openai, url: 'http://a', failures: [] } }
                => upstreams.u.failures | is empty
            upstreams: { u: { dialect: openai, url: 'http://a', failures: [{ class: rate }] } }
                => upstreams.u.failures[0] | `status`, `code` or `message`
            upstreams: { u: { dialect: openai, url: 'http://a', failures: [{ status: 429 }] } }
                => upstreams.u.failures[0] | missing field `class`
            upstreams: { u: { dialect: openai, url: 'http://a', failures: [{ status: 429, class: throttle }] } }
                => upstreams.u.failures[0].class | `rate`, `overload`, `money`, `key`, `maybe_done` and `request`
            upstreams: { u: { dialect: openai, url: 'http://a', failures: [{ status: 429, class: caller }] } }
                => upstreams.u.failures[0].class | is none of
            upstreams: { u: { dialect: openai, url: 'http://a', failures: [{ status: 200, class: rate }] } }
                => upstreams.u.failures[0].status | `200` is no status of a failure | 400 to 599
            upstreams: { u: { dialect: openai, url: 'http://a', failures: [{ code: '', class: rate }] } }
                => upstreams.u.failures[0].code | is empty
            upstreams: { u: { dialect: openai, url: 'http://a', faults: { rate: 0.5 } } }
                => upstreams.u.faults | only on `kind: embedded`
            upstreams: { u: { kind: embedded, faults: {} } } => upstreams.u.faults | missing field `rate`
            upstreams: { u: { kind: embedded, faults: { rate: half } } } => upstreams.u.faults.rate | `20%` or `0.2`
            upstreams: { u: { kind: embedded, faults: { rate: 1, classes: [rate, slow] } } }
                => upstreams.u.faults.classes[1] | `overload` | `silent`
            upstreams: { u: { kind: embedded, faults: { rate: 1, classes: [] } } }
                => upstreams.u.faults.classes | is empty
            upstreams: { u: { kind: embedded, faults: { rate: 1, delay: soon } } }
                => upstreams.u.faults.delay | `soon` is not a duration
            upstreams: { u: { dialect: openai, url: 'http://a', head_timeout: 30s, first_content_timeout: 20s } }
                => upstreams.u.head_timeout | longer than `first_content_timeout`
            upstreams: { u: { dialect: openai, url: 'http://a', connect_timeout: 5s, head_timeout: 5s } }
                => upstreams.u.connect_timeout | not shorter than `head_timeout`
            upstreams: { u: { dialect: openai, url: 'http://a', connect_timeout: 2m } }
                => upstreams.u.connect_timeout | not shorter than `first_content_timeout`
            upstreams: { u: { dialect: openai, url: 'http://a', head_timeout: 0s } }
                => upstreams.u.head_timeout | more than nothing
            upstreams: { u: { dialect: openai, url: 'http://a', connect_timeout: 5s, first_content_timeout: 0s } }
                => upstreams.u.first_content_timeout | more than nothing
            upstreams: { u: { dialect: openai, url: api.openai.com } }
                => upstreams.u.url | neither `https://` nor
            upstreams: { u: { dialect: openai, url: 'ftp://a' } }
                => upstreams.u.url | neither `https://` nor
            upstreams: { u: { dialect: openai, url: 'https://' } } => upstreams.u.url
            upstreams: { u: { dialect: openai, url: 'https://u:p@a' } }
                => upstreams.u.url | under `key`
            upstreams: { u: { dialect: openai, url: 'https://a?k=1' } } => upstreams.u.url | query
            upstreams: { u: { dialect: openai, url: 'http://a', key: '' } }
                => upstreams.u.key | is empty
            upstreams: { u: { dialect: openai, url: 'http://a', key: '${EMPTY}' } }
                => upstreams.u.key | is empty
            upstreams: { u: { dialect: openai, url: 'http://a', key: '${NO_SUCH}' } }
                => t.yaml:1:58: upstreams.u.key | no `NO_SUCH`
            upstreams: { u: { dialect: openai, url: 'http://a', key: '${TWO_LINES}' } }
                => upstreams.u.key | line break
            upstreams: { u: { dialect: openai, url: 'http://a', key: 'file:/no/such' } }
                => upstreams.u.key | does not exist
            upstreams: { u: { dialect: openai, url: 'http://a', roots: /no/such } }
                => upstreams.u.roots | does not exist
            upstreams: { u: { dialect: openai, url: 'http://a', roots: /etc/hostname } }
                => upstreams.u.roots | PEM
            upstreams: { a/b: { kind: embedded } } => upstreams.a/b | without `/`
            upstreams: { a: { dialect: openai, url: 'http://a' }, b: { dialect: openai, url: 'http://b' } }
                => upstreams | call one of them `openai`
            models: { m: { targets: [nowhere/gpt] } }
                => models.m.targets[0] | `nowhere/gpt` | `anthropic`, `gemini`, `openai`
        "#,
    );
}
