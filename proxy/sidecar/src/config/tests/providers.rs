//! Upstreams by their provider, and the same written out.

use dialect::Dialect;
use route::{Family, ProviderRules, provider::Auth};

use super::{mistakes, parse, rows};
use crate::config::{Kind, Upstream};

fn upstream(written: &str) -> Upstream {
    let yaml = format!("upstreams: {{ u: {{ {written} }} }}");
    parse(&yaml).unwrap().upstreams.remove("u").unwrap()
}

fn origin(upstream: &Upstream) -> String {
    match &upstream.kind {
        Kind::Http { origin, .. } => origin.to_string(),
        Kind::Embedded => String::new(),
    }
}

/// The dialects that it offers, each with the header of its key.
fn offers(upstream: &Upstream) -> String {
    let all = upstream.offers().iter().map(|dialect| {
        let auth = upstream.auth_for(dialect).name();
        format!("{} {auth}", dialect.name())
    });
    all.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_provider_needs_no_address_and_no_dialect() {
    let table = "
        groq => https://api.groq.com/ | openai.chat bearer, openai.responses bearer
        deepseek => https://api.deepseek.com/ | openai.chat bearer, anthropic.messages bearer
        mistral => https://api.mistral.ai/ | openai.chat bearer, openai.embeddings bearer, openai.moderations bearer
        anthropic => https://api.anthropic.com/ | anthropic.messages x-api-key, anthropic.batches x-api-key
        ollama => http://127.0.0.1:11434/ | openai.chat none, openai.responses none, openai.completions none, openai.embeddings none, anthropic.messages none
        azure, resource: my-res => https://my-res.openai.azure.com/ | openai.chat api-key, openai.responses api-key, openai.completions api-key, openai.embeddings api-key, openai.images api-key
        bedrock-mantle, region: eu-west-1 => https://bedrock-mantle.eu-west-1.api.aws/ | openai.chat bearer, openai.responses bearer, anthropic.messages x-api-key
        vertex, project: 'example.com:p', location: us => https://aiplatform.us.rep.googleapis.com/ | anthropic.messages bearer, gemini.generate bearer
        bailian, url: 'https://dashscope-intl.aliyuncs.com' => https://dashscope-intl.aliyuncs.com/ | openai.chat bearer, openai.embeddings bearer, anthropic.messages bearer
    ";
    for (provider, expected) in rows(table) {
        let upstream = upstream(&format!("provider: {provider}"));
        assert_eq!(
            [origin(&upstream), offers(&upstream)],
            expected[..],
            "{provider}"
        );
        let name = provider.split(',').next().unwrap();
        assert_eq!(upstream.provider.name(), name);
        assert_eq!(upstream.quirks, upstream.provider.preset().quirks);
    }
    // every one of them
    let more = "resource: r, region: r, project: p, location: l, url: 'http://a'";
    for provider in ProviderRules::ALL {
        let needed = |key: &&str| {
            let name = key.split(':').next().unwrap();
            let parts = provider.preset().address.parts();
            parts.iter().any(|part| part.name() == name)
                || name == "url" && parts.is_empty() && provider.name() == "bailian"
        };
        let keys: Vec<_> = more.split(", ").filter(needed).collect();
        let written = format!("provider: {}, {}", provider.name(), keys.join(", "));
        assert!(upstream(&written).serves(Dialect::Other), "{written}");
    }
}

#[test]
fn what_a_preset_sets_can_be_written_out() {
    let preset = upstream("provider: deepseek, key: k");
    let by_hand = upstream(
        "dialects: { openai.chat: '', anthropic.messages: /anthropic/ }, url: 'https://api.deepseek.com', auth: bearer, key: k",
    );
    assert_eq!(preset.bases, by_hand.bases);
    assert_eq!(origin(&preset), origin(&by_hand));
    assert_eq!(
        (preset.provider, preset.quirks),
        (by_hand.provider, by_hand.quirks)
    );

    let azure =
        upstream("dialect: openai, url: 'https://gateway/openai/v1', auth: api-key, key: k");
    assert_eq!(azure.auth_for(Dialect::OpenaiChat), Auth::ApiKey);
    assert!(azure.bases.is_empty() && azure.family == Family::Openai);

    let below =
        upstream("dialects: { anthropic: /anthropic, openai: /v1 }, url: 'https://gateway/team'");
    assert_eq!(below.family, Family::Openai);
    let paths: Vec<_> = below.bases.iter().map(|base| &*base.path).collect();
    assert_eq!(paths, ["/team/v1", "/team/anthropic"]);
    assert!(below.serves(Dialect::AnthropicBatches) && !below.serves(Dialect::GeminiGenerate));
}

#[test]
fn a_dialect_beside_a_provider_is_the_only_one_and_a_url_keeps_its_meaning() {
    let claude = upstream("provider: foundry, resource: r, dialect: anthropic, key: k");
    assert_eq!(offers(&claude), "anthropic.messages api-key");
    assert_eq!(claude.family, Family::Anthropic);
    // a deployment's name says nothing of its model
    assert!(
        claude
            .offers_for("my-deployment")
            .contains(Dialect::AnthropicMessages)
    );

    let written = upstream("provider: groq, dialect: openai, url: 'http://a/v1', key: k");
    assert!(written.bases.is_empty());
    assert_eq!(written.provider, ProviderRules::Groq);
    assert_eq!(written.path("/v1/chat/completions"), "/v1/chat/completions");
    assert!(written.serves(Dialect::OpenaiEmbeddings));
}

#[test]
fn a_server_that_needs_no_key_is_sent_none_unless_one_is_written() {
    let local = upstream("provider: vllm, url: 'http://vllm:8000'");
    assert_eq!(local.auth_for(Dialect::OpenaiChat), Auth::None);
    assert!(local.has_credentials());
    let with_key = upstream("provider: vllm, url: 'http://vllm:8000/v1', key: k");
    assert_eq!(with_key.auth_for(Dialect::AnthropicMessages), Auth::Bearer);
    let callers = upstream("provider: vllm, auth: bearer");
    assert!(!callers.has_credentials());
    assert!(upstream("dialect: openai, url: 'http://a', auth: none").has_credentials());
    assert!(!upstream("dialect: openai, url: 'http://a'").has_credentials());
}

#[test]
fn a_model_is_offered_where_its_designer_serves_it() {
    let vertex = upstream("provider: vertex, project: p, location: global");
    let offers = |model: &str| {
        let all = vertex.offers_for(model).iter().map(Dialect::name);
        all.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(offers("gemini-2.5-flash"), "gemini.generate");
    assert_eq!(offers("claude-sonnet-4-5@20250929"), "anthropic.messages");
    assert!(vertex.is_served_by_model());

    let ollama = upstream("provider: ollama");
    assert_eq!(ollama.offers_for("llama3"), ollama.offers());
}

#[test]
fn a_family_goes_where_it_is_spoken_first_of_all_and_then_where_it_is_spoken_at_all() {
    let name = |yaml: &str, family| {
        let config = parse(yaml).unwrap();
        config
            .upstream_of(family)
            .map(|upstream| upstream.name.clone())
    };
    let one = "upstreams: { local: { provider: ollama } }";
    assert_eq!(name(one, Family::Anthropic).as_deref(), Some("local"));
    assert_eq!(name(one, Family::Gemini), None);
    let two = "upstreams: { local: { provider: ollama }, claude: { provider: anthropic } }";
    assert_eq!(name(two, Family::Anthropic).as_deref(), Some("claude"));
    let model = "upstreams: { local: { provider: ollama }, model: { kind: embedded } }";
    assert_eq!(name(model, Family::Gemini).as_deref(), Some("model"));
}

#[test]
fn the_embedded_model_lies_at_the_paths_of_its_provider_where_no_more_is_needed() {
    let bedrock = upstream("kind: embedded, provider: bedrock");
    assert!(bedrock.serves_converse() && !bedrock.offers().contains(Dialect::GeminiGenerate));
    assert!(upstream("kind: embedded, provider: deepseek").speaks(Family::Anthropic));
    // its paths have a project and a location, or its dialects are written
    for all in ["kind: embedded, provider: vertex", "kind: embedded"] {
        assert_eq!(upstream(all).family, Family::Every, "{all}");
    }
    let one = upstream("kind: embedded, provider: bedrock, dialect: openai");
    assert_eq!((one.family, one.bases.len()), (Family::Openai, 0));
    assert_eq!(one.provider, ProviderRules::Bedrock);
}

#[test]
fn streams_are_not_requested_with_usage_where_that_is_refused() {
    assert!(upstream("provider: groq").usage);
    assert!(!upstream("provider: mistral").usage);
    assert!(!upstream("dialect: openai, url: 'https://api.mistral.ai/v1'").usage);
    assert!(upstream("provider: mistral, usage: true").usage);
    assert!(upstream("dialects: { anthropic: '', openai: /v1 }, url: 'http://a'").usage);
    assert!(!upstream("provider: anthropic").usage);
}

#[test]
fn each_mistake_in_a_provider_is_reported() {
    mistakes(
        r#"
            upstreams: { u: { key: k } } => upstreams.u | has no `dialect` | `provider`
            upstreams: { u: { provider: nobody } } => upstreams.u.provider | `groq` | `llama.cpp`
            upstreams: { u: { provider: bailian } } => upstreams.u | has no `url` | several regions
            upstreams: { u: { provider: azure } } => upstreams.u | has no `resource` | `resource: my-resource`
            upstreams: { u: { provider: vertex, project: p } }
                => upstreams.u | has no `location` | `project` and `location` | `location: global`
            upstreams: { u: { provider: bedrock } } => upstreams.u | has no `region` | `region: us-east-1`
            upstreams: { u: { provider: bedrock, region: 'eu/..' } } => upstreams.u.region | is no name of a region
            upstreams: { u: { provider: azure, resource: 'a.evil.example/' } }
                => upstreams.u.resource | is no name of a resource | `my-resource`
            upstreams: { u: { provider: vertex, project: '../p', location: global } }
                => upstreams.u.project | is no name of a project
            upstreams: { u: { provider: azure, resource: r, url: 'https://a' } }
                => upstreams.u.resource | no effect
            upstreams: { u: { provider: groq, resource: r } } => upstreams.u.resource | no effect
            upstreams: { u: { dialect: openai, url: 'http://a', location: global } }
                => upstreams.u.location | no effect | `vertex`
            upstreams: { u: { provider: groq, api_version: 2024-10-21 } } => upstreams.u.api_version | no effect
            upstreams: { u: { provider: azure, resource: r, api_version: '2024&x' } }
                => upstreams.u.api_version | is no version
            upstreams: { u: { provider: groq, dialect: anthropic } }
                => upstreams.u.dialect | not offered | `openai`
            upstreams: { u: { dialect: azure, url: 'http://a' } } => upstreams.u.dialect | `provider: azure`
            upstreams: { u: { dialect: openai, dialects: { openai: /v1 }, url: 'http://a' } }
                => upstreams.u.dialects | beside `dialect`
            upstreams: { u: { dialects: {}, url: 'http://a' } } => upstreams.u.dialects | is empty
            upstreams: { u: { dialects: { openai: /v1 } } } => upstreams.u | has no `url`
            upstreams: { u: { dialects: { opnai: /v1 }, url: 'http://a' } }
                => upstreams.u.dialects.opnai | is no dialect | `openai.chat`
            upstreams: { u: { dialects: { openai: v1 }, url: 'http://a' } }
                => upstreams.u.dialects.openai | is no path
            upstreams: { u: { dialects: { openai: /../v1 }, url: 'http://a' } }
                => upstreams.u.dialects.openai | is no path
            upstreams: { u: { provider: groq, auth: basic } } => upstreams.u.auth | `x-goog-api-key`
            upstreams: { u: { provider: groq, auth: none, key: k } } => upstreams.u.auth | sends no key
            upstreams: { u: { kind: embedded, auth: bearer } } => upstreams.u.auth | no effect
            upstreams: { u: { kind: embedded, dialects: { openai: /v1 } } } => upstreams.u.dialects | no effect
        "#,
    );
}
