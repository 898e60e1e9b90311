use super::*;
use crate::config::tests::{parse, rows};

#[test]
fn an_apps_path_is_joined_to_the_urls_path_with_one_version() {
    let table = "
        openai https://api.openai.com/v1 /v1/chat/completions => /v1/chat/completions
        openai https://api.openai.com/v1/ /chat/completions => /v1/chat/completions
        openai https://api.openai.com/v1 /v1/models?limit=2 => /v1/models?limit=2
        openai https://api.openai.com/v1 /v1 => /v1
        openai https://api.openai.com/v1 /v1?x => /v1?x
        openai https://api.openai.com/v1 /v1beta/x => /v1/v1beta/x
        openai https://host/openai/v1 /v1/responses => /openai/v1/responses
        openai https://host/openai/v1 /responses => /openai/v1/responses
        openai https://host/api/v4 /v1/chat/completions => /api/v4/chat/completions
        openai http://127.0.0.1:8000 /v1/chat/completions => /v1/chat/completions
        openai http://127.0.0.1:8000 /chat/completions => /chat/completions
        openai http://127.0.0.1:8000/ / => /
        anthropic https://api.anthropic.com /v1/messages => /v1/messages
        anthropic https://api.anthropic.com /messages => /v1/messages
        anthropic https://api.anthropic.com/v1 /v1/messages?beta=true => /v1/messages?beta=true
        anthropic https://api.anthropic.com/v1 /messages => /v1/messages
        anthropic https://gateway/anthropic /v1/messages => /anthropic/v1/messages
        gemini https://generativelanguage.googleapis.com /v1beta/models/m:generateContent
            => /v1beta/models/m:generateContent
        gemini https://generativelanguage.googleapis.com /models/m:streamGenerateContent?alt=sse
            => /v1beta/models/m:streamGenerateContent?alt=sse
        gemini https://generativelanguage.googleapis.com/v1beta /v1/models/m:generateContent
            => /v1beta/models/m:generateContent
        gemini https://generativelanguage.googleapis.com/v1beta/ /models?pageSize=2
            => /v1beta/models?pageSize=2
        gemini https://host/v1/projects/p/locations/l/publishers/google /v1beta/models/m:generateContent
            => /v1/projects/p/locations/l/publishers/google/models/m:generateContent
        gemini https://gateway/google /v1alpha/models => /google/v1alpha/models
        gemini https://gateway/google /vision/m => /google/v1beta/vision/m
    ";
    for (call, expected) in rows(table) {
        let [dialect, url, app_path] = call.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{call}")
        };
        let yaml = format!("upstreams: {{ u: {{ dialect: {dialect}, url: '{url}' }} }}");
        let path = parse(&yaml).unwrap().upstreams["u"].path(app_path);
        assert_eq!(expected, [path], "{call}");
    }
}

/// The path of a call at an upstream, as one word; `-` where it has none.
fn path_of(yaml: &str, dialect: &str, path: &str, model: &str, is_streaming: bool) -> String {
    let config = parse(&format!("upstreams: {{ u: {{ {yaml} }} }}")).unwrap();
    let call = Endpoint {
        dialect: Dialect::named(dialect).unwrap(),
        path,
        model: Some(model).filter(|model| *model != "-"),
        is_streaming,
    };
    let path = config.upstreams["u"].path_for(&call);
    path.unwrap_or_else(|_| "-".to_owned())
}

#[test]
fn each_dialect_of_a_provider_has_a_path_of_its_own() {
    let table = "
        deepseek openai.chat /v1/chat/completions => /chat/completions
        deepseek openai.chat /chat/completions => /chat/completions
        deepseek anthropic.messages /v1/messages?beta=true => /anthropic/v1/messages?beta=true
        deepseek other /v1/models => /models
        fireworks anthropic.messages /v1/messages => /inference/v1/messages
        fireworks openai.responses /v1/responses => /inference/v1/responses
        openrouter anthropic.messages /v1/messages => /api/v1/messages
        openrouter openai.chat /v1/chat/completions => /api/v1/chat/completions
        groq openai.responses /v1/responses => /openai/v1/responses
        zhipu openai.chat /v1/chat/completions => /api/paas/v4/chat/completions
        zhipu anthropic.messages /v1/messages => /api/anthropic/v1/messages
        ollama anthropic.messages /v1/messages => /v1/messages
        ollama openai.responses /v1/responses => /v1/responses
        llama.cpp anthropic.messages /messages => /v1/messages
        anthropic anthropic.batches /v1/messages/batches => /v1/messages/batches
        gemini gemini.generate /v1beta/models/m:generateContent => /v1beta/models/m:generateContent
        openai other /v1/files => /v1/files
        openai other /v1 => /v1
    ";
    for (call, expected) in rows(table) {
        let [provider, dialect, path] = call.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{call}")
        };
        let path = path_of(&format!("provider: {provider}"), dialect, path, "m", false);
        assert_eq!(expected, [path], "{call}");
    }
}

#[test]
fn a_platform_has_the_model_in_the_path_where_it_wants_it_there() {
    let table = "
        provider: azure, resource: r | openai.chat /v1/chat/completions m => /openai/v1/chat/completions
        provider: azure, resource: r | openai.responses /v1/responses - => /openai/v1/responses
        provider: azure, resource: r, api_version: preview | openai.responses /v1/responses m
            => /openai/v1/responses?api-version=preview
        provider: azure, resource: r, api_version: 2024-10-21 | openai.chat /v1/chat/completions my dep/l
            => /openai/deployments/my%20dep%2Fl/chat/completions?api-version=2024-10-21
        provider: azure, resource: r, api_version: 2024-10-21 | openai.embeddings /embeddings?api-version=x&y=z m
            => /openai/deployments/m/embeddings?api-version=2024-10-21&y=z
        provider: azure, resource: r, api_version: 2024-10-21 | openai.responses /v1/responses m
            => /openai/responses?api-version=2024-10-21
        provider: azure, resource: r, api_version: 2024-10-21 | openai.chat /v1/chat/completions - => -
        provider: azure, resource: r, api_version: 2024-10-21 | openai.chat /v1/chat/completions .. => -
        provider: azure, url: 'https://gateway/team/openai' | openai.chat /v1/chat/completions m
            => /team/openai/v1/chat/completions
        provider: foundry, resource: r | anthropic.messages /v1/messages m => /anthropic/v1/messages
        provider: foundry, url: 'https://r.services.ai.azure.com/api/projects/p' | openai.chat /v1/chat/completions m
            => /api/projects/p/openai/v1/chat/completions
        provider: vertex, project: p, location: global | gemini.generate /v1beta/models/m:streamGenerateContent?alt=sse m
            => /v1/projects/p/locations/global/publishers/google/models/m:streamGenerateContent?alt=sse
        provider: vertex, project: p, location: eu | anthropic.messages /v1/messages?beta=true claude-x@20250929
            => /v1/projects/p/locations/eu/publishers/anthropic/models/claude-x@20250929:rawPredict
        provider: vertex, project: p, location: eu | anthropic.messages /v1/messages claude-x stream
            => /v1/projects/p/locations/eu/publishers/anthropic/models/claude-x:streamRawPredict
        provider: vertex, project: p, location: eu | anthropic.messages /v1/messages/count_tokens claude-x
            => /v1/projects/p/locations/eu/publishers/anthropic/models/count-tokens:rawPredict
        provider: bedrock, region: eu-west-1 | openai.chat /v1/chat/completions m => /openai/v1/chat/completions
        provider: bedrock-mantle, region: eu-west-1 | anthropic.messages /v1/messages m => /anthropic/v1/messages
    ";
    for (row, words) in rows(table) {
        let (yaml, call) = row.split_once(" | ").unwrap();
        let (dialect, rest) = call.split_once(' ').unwrap();
        let (path, model) = rest.split_once(' ').unwrap();
        let is_streaming = model.ends_with(" stream");
        let model = model.trim_end_matches(" stream");
        let path = path_of(yaml, dialect, path, model, is_streaming);
        assert_eq!(words, [path], "{row}");
    }
}

#[test]
fn bedrocks_own_paths_have_the_escaped_model_in_them() {
    let bedrock = "provider: bedrock, region: us-east-1";
    let haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let invoke = "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke";
    let messages = "anthropic.messages";
    for (is_streaming, suffix) in [(false, ""), (true, "-with-response-stream")] {
        let path = path_of(bedrock, messages, "/v1/messages", haiku, is_streaming);
        assert_eq!(path, [invoke, suffix].concat());
    }
    let count = path_of(bedrock, messages, "/v1/messages/count_tokens", haiku, false);
    assert_eq!(count, "-", "that would be a call that generates");
    let arn = path_of(
        bedrock,
        messages,
        "/v1/messages",
        "arn:aws:bedrock:a/b",
        false,
    );
    assert_eq!(arn, "/model/arn%3Aaws%3Abedrock%3Aa%2Fb/invoke");

    let behind = "provider: bedrock, url: 'https://gateway/aws'";
    for (yaml, expected) in [
        (bedrock, "/model/m/converse"),
        (behind, "/aws/model/m/converse"),
    ] {
        let path = path_of(yaml, "other", "/model/m/converse", "-", false);
        assert_eq!(path, expected);
    }
}
