use dialect::Dialect;

use super::{Address, Auth, Layout, Part, Parts, Quirks, SystemRole, is_claimed};
use crate::{Endpoints, Family, ProviderRules};

#[test]
fn every_provider_offers_something_at_an_address_that_its_host_leads_back_from() {
    let parts = Parts {
        resource: Some("r"),
        region: Some("us-east-1"),
        project: Some("p"),
        location: Some("europe-west1"),
    };
    for provider in ProviderRules::ALL {
        let (preset, name) = (provider.preset(), provider.name());
        assert!(!preset.offers().is_empty(), "{name}");
        let url = preset.address.url(&parts);
        if let Address::Public(_) | Address::Made { .. } = preset.address {
            let host = url.as_deref().and_then(|url| url.strip_prefix("https://"));
            let of_host = host.and_then(ProviderRules::of_host);
            assert_eq!(of_host, Some(provider), "{url:?}");
        }
        for base in preset.bases {
            let is_own_api = base.layout == Layout::BedrockConverse;
            assert_eq!(base.dialects.is_empty(), is_own_api, "{name}");
            let path = parts.fill(base.path);
            let is_path = path.is_empty() || path.starts_with('/');
            assert!(
                is_path && !path.ends_with('/') && !path.contains('{'),
                "{path}"
            );
            let one_family = base.dialects.and(Endpoints::of_family(base.family));
            assert_eq!(one_family, base.dialects, "{name}");
        }
        let claiming = preset.bases.iter().filter(|base| base.claims.is_empty());
        assert!(claiming.count() >= 1, "{name}: no base for other models");
    }
}

#[test]
fn a_dialect_is_found_at_its_own_base() {
    let table = [
        (ProviderRules::Deepseek, Dialect::OpenaiChat, Some("")),
        (
            ProviderRules::Deepseek,
            Dialect::AnthropicMessages,
            Some("/anthropic"),
        ),
        (ProviderRules::Deepseek, Dialect::OpenaiResponses, None),
        (
            ProviderRules::Groq,
            Dialect::OpenaiResponses,
            Some("/openai/v1"),
        ),
        (ProviderRules::Groq, Dialect::AnthropicMessages, None),
        (
            ProviderRules::Fireworks,
            Dialect::AnthropicMessages,
            Some("/inference"),
        ),
        (ProviderRules::Ollama, Dialect::AnthropicMessages, Some("")),
        (
            ProviderRules::LlamaCpp,
            Dialect::OpenaiResponses,
            Some("/v1"),
        ),
        (
            ProviderRules::Anthropic,
            Dialect::AnthropicBatches,
            Some(""),
        ),
        (ProviderRules::Gemini, Dialect::OpenaiChat, None),
        (ProviderRules::Xai, Dialect::AnthropicMessages, None),
        (ProviderRules::Openai, Dialect::Other, None),
    ];
    for (provider, dialect, path) in table {
        let base = provider.preset().base(dialect).map(|base| base.path);
        assert_eq!(base, path, "{} {}", provider.name(), dialect.name());
    }
}

#[test]
fn an_address_is_made_of_its_parts_and_of_all_of_them() {
    let vertex = ProviderRules::Vertex.preset().address;
    let url = |location| {
        vertex.url(&Parts {
            project: Some("p"),
            location,
            ..Parts::default()
        })
    };
    let table = [
        (Some("global"), Some("https://aiplatform.googleapis.com")),
        (Some("eu"), Some("https://aiplatform.eu.rep.googleapis.com")),
        (Some("us"), Some("https://aiplatform.us.rep.googleapis.com")),
        (
            Some("europe-west1"),
            Some("https://europe-west1-aiplatform.googleapis.com"),
        ),
        (None, None),
    ];
    for (location, expected) in table {
        assert_eq!(url(location).as_deref(), expected);
    }
    assert_eq!(vertex.parts(), [Part::Project, Part::Location]);
    assert_eq!(Address::Written.url(&Parts::default()), None);
}

#[test]
fn a_model_is_claimed_by_its_name() {
    let vertex = ProviderRules::Vertex.preset();
    let claims = |model: &str| {
        let claiming = (vertex.bases.iter()).find(|base| is_claimed(base.claims, model));
        claiming.map(|base| base.layout)
    };
    assert_eq!(
        claims("claude-sonnet-4-5@20250929"),
        Some(Layout::VertexClaude)
    );
    assert_eq!(claims("gemini-2.5-flash"), None);

    let bedrock = ["anthropic.*", "*.anthropic.*"];
    for (model, is_claude) in [
        ("anthropic.claude-haiku-4-5-20251001-v1:0", true),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", true),
        ("openai.gpt-oss-120b-1:0", false),
        ("anthropic", false),
        ("", false),
    ] {
        assert_eq!(is_claimed(&bedrock, model), is_claude, "{model}");
    }
    assert!(is_claimed(&["a*b*b"], "a-b-b") && !is_claimed(&["a*b*b"], "ab"));
    assert!(is_claimed(&["exact"], "exact") && !is_claimed(&[], "exact"));
}

#[test]
fn a_server_of_nobody_known_is_not_taken_for_openai() {
    assert_eq!(Quirks::of(None).system_role, SystemRole::System);
    let openai = Quirks::of(Some(ProviderRules::Openai));
    assert_eq!(openai.system_role, SystemRole::Developer);
    assert_eq!(openai.system_role.name(), "developer");
    assert_eq!(openai.max_field.name(), "max_completion_tokens");
}

#[test]
fn every_way_of_sending_a_key_is_found_by_its_name() {
    for auth in Auth::ALL {
        assert_eq!(Auth::named(auth.name()), Some(auth));
    }
    assert_eq!(Auth::of_family(Family::Anthropic), Auth::XApiKey);
    assert_eq!(Auth::named("basic"), None);
}

#[test]
fn a_family_is_the_set_of_its_dialects() {
    let names = |family| {
        let all = Endpoints::of_family(family).iter();
        all.map(Dialect::name).collect::<Vec<_>>().join(" ")
    };
    let openai = "openai.chat openai.responses openai.completions openai.embeddings";
    assert!(names(Family::Openai).starts_with(openai));
    assert_eq!(
        names(Family::Anthropic),
        "anthropic.messages anthropic.batches"
    );
    assert_eq!(
        Endpoints::of_family(Family::Every).iter().count(),
        Dialect::ALL.len()
    );
}
