//! `upstreams:` and `models:`.

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
            models: { m: { targets: [openai] } } => models.m.targets[0] | `upstream/model`
            models: { m: { targets: [nowhere/gpt] } }
                => models.m.targets[0] | `nowhere/gpt` | `anthropic`, `gemini`, `openai`
            models: { m: { targets: [] } } => models.m.targets | is empty
            models: { m: {} } => models.m | missing field `targets`
        "#,
    );
}

#[test]
fn what_a_later_version_has_is_named_as_that() {
    mistakes(
        r#"
            upstreams: { b: { dialect: bedrock, url: 'http://a' } }
                => upstreams.b.dialect | not in this version
        "#,
    );
}
