//! Costs of exchanges, from the bodies that providers send: replies as their documentation shows
//! them, priced by hand.
//!
//! A row: the provider's upstream, the dialect, the reply, and its cost as a sum of tokens times
//! billionths of a dollar.

use dialect::{Dialect, tap::Tap};
use serde_json::Value;

use super::*;

const UPSTREAMS: &str = "upstreams:
  openai: { dialect: openai, url: 'https://api.openai.com/v1' }
  anthropic: { dialect: anthropic, url: 'https://api.anthropic.com' }
  google: { dialect: gemini, url: 'https://generativelanguage.googleapis.com' }
  openrouter: { dialect: openai, url: 'https://openrouter.ai/api/v1' }
  groq: { dialect: openai, url: 'https://api.groq.com/openai/v1' }
  mistral: { dialect: openai, url: 'https://api.mistral.ai/v1' }
  x-ai: { dialect: openai, url: 'https://api.x.ai/v1' }
  deepseek: { dialect: openai, url: 'https://api.deepseek.com/v1' }
  cerebras: { dialect: openai, url: 'https://api.cerebras.ai/v1' }
  fireworks: { dialect: openai, url: 'https://api.fireworks.ai/inference/v1' }
  moonshotai: { dialect: openai, url: 'https://api.moonshot.ai/v1' }
  together: { dialect: openai, url: 'https://api.together.xyz/v1' }
  unknown: { dialect: openai, url: 'https://llm.internal/v1' }";

/// The cost of a whole reply, as an exchange settles it.
fn cost(upstream: &str, dialect: Dialect, model: &str, reply: &str) -> Option<u64> {
    let mut tap = Tap::new(dialect, false);
    tap.push(reply.as_bytes());
    tap.finish();
    let taken = crate::cost::Taken::Known(tap.usage()?);
    let price = prices(UPSTREAMS).price(upstream, model, NOW);
    taken.cost(price.as_ref()).map(|cost| cost.0)
}

#[test]
fn replies_of_the_providers_documentation_cost_what_their_price_pages_say() {
    use Dialect::{AnthropicMessages as Messages, GeminiGenerate, OpenaiChat, OpenaiResponses};
    for (upstream, dialect, model, reply, nano) in [
        // https://platform.openai.com/docs/api-reference/chat/object: 0.25 $ and 2 $ a million
        (
            "openai",
            OpenaiChat,
            "gpt-5-mini",
            r#"{"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion","created":1741570283,"model":"gpt-5-mini","choices":[],"usage":{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default"}"#,
            1117 * 250 + 46 * 2000,
        ),
        // the same, served as flex: half
        (
            "openai",
            OpenaiChat,
            "gpt-5-mini",
            r#"{"choices":[],"service_tier":"flex","usage":{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":{"cached_tokens":1024}}}"#,
            (93 * 250 + 1024 * 25 + 46 * 2000) / 2,
        ),
        // as priority: 0.45 $, 0.045 $ and 3.60 $ a million; the tier stands behind the usage
        (
            "openai",
            OpenaiResponses,
            "gpt-5-mini",
            r#"{"object":"response","status":"completed","output":[],"usage":{"input_tokens":2000,"input_tokens_details":{"cached_tokens":1000},"output_tokens":100,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":2100},"service_tier":"priority"}"#,
            1000 * 450 + 1000 * 45 + 100 * 3600,
        ),
        // gpt-4o-mini as priority: 0.25 $ and 1 $
        (
            "openai",
            OpenaiChat,
            "gpt-4o-mini",
            r#"{"choices":[],"service_tier":"priority","usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}"#,
            1000 * 250 + 500 * 1000,
        ),
        // https://platform.openai.com/docs/guides/audio: sound at 32 $ and 64 $, text at 2.50 $ and 10 $
        (
            "openai",
            OpenaiChat,
            "gpt-audio",
            r#"{"choices":[],"usage":{"prompt_tokens":120,"completion_tokens":200,"total_tokens":320,"prompt_tokens_details":{"cached_tokens":0,"text_tokens":20,"audio_tokens":100},"completion_tokens_details":{"text_tokens":50,"audio_tokens":150}}}"#,
            20 * 2500 + 100 * 32_000 + 50 * 10_000 + 150 * 64_000,
        ),
        // https://platform.claude.com/docs/en/build-with-claude/prompt-caching: 3 $, read at 0.30 $,
        // written at 3.75 $ for five minutes and 6 $ for an hour, 15 $
        (
            "anthropic",
            Messages,
            "claude-sonnet-4-5",
            r#"{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":2048,"cache_read_input_tokens":1800,"cache_creation_input_tokens":248,"output_tokens":503,"cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100}}}"#,
            2048 * 3000 + 1800 * 300 + 148 * 3750 + 100 * 6000 + 503 * 15_000,
        ),
        // https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool: 10 $ for
        // 1,000 searches
        (
            "anthropic",
            Messages,
            "claude-sonnet-4-5",
            r#"{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":105,"output_tokens":6039,"cache_read_input_tokens":7123,"cache_creation_input_tokens":7345,"server_tool_use":{"web_search_requests":1},"service_tier":"standard"}}"#,
            105 * 3000 + 7123 * 300 + 7345 * 3750 + 6039 * 15_000 + 10_000_000,
        ),
        // https://platform.claude.com/docs/en/build-with-claude/batch-processing: half
        (
            "anthropic",
            Messages,
            "claude-sonnet-4-5",
            r#"{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":100,"output_tokens":34,"service_tier":"batch"}}"#,
            100 * 1500 + 34 * 7500,
        ),
        // https://ai.google.dev/gemini-api/docs/audio and /pricing: 0.30 $ but sound 1 $; cached
        // 0.03 $ and 0.10 $; 2.50 $, thoughts included
        (
            "google",
            GeminiGenerate,
            "gemini-2.5-flash",
            r#"{"candidates":[],"usageMetadata":{"promptTokenCount":4610,"cachedContentTokenCount":1000,"candidatesTokenCount":101,"thoughtsTokenCount":20,"totalTokenCount":4731,"promptTokensDetails":[{"modality":"VIDEO","tokenCount":3096},{"modality":"TEXT","tokenCount":14},{"modality":"AUDIO","tokenCount":1500}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":400},{"modality":"VIDEO","tokenCount":600}],"candidatesTokensDetails":[{"modality":"TEXT","tokenCount":101}],"serviceTier":"standard"}}"#,
            (4610 - 1000 - 1100) * 300 + 1100 * 1000 + 600 * 30 + 400 * 100 + 121 * 2500,
        ),
        // an image costs what text does
        (
            "google",
            GeminiGenerate,
            "gemini-2.5-flash",
            r#"{"candidates":[],"usageMetadata":{"promptTokenCount":272,"candidatesTokenCount":30,"totalTokenCount":302,"promptTokensDetails":[{"modality":"TEXT","tokenCount":14},{"modality":"IMAGE","tokenCount":258}],"trafficType":"ON_DEMAND"}}"#,
            272 * 300 + 30 * 2500,
        ),
        // https://openrouter.ai/docs/use-cases/usage-accounting: what it says itself, a credit a dollar
        (
            "openrouter",
            OpenaiChat,
            "openai/gpt-4o",
            r#"{"choices":[],"usage":{"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":0},"cost":0.00095,"cost_details":{"upstream_inference_cost":19},"prompt_tokens":194,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"total_tokens":196}}"#,
            950_000,
        ),
        // with a key of one's own, its fee and what the other provider takes
        (
            "openrouter",
            OpenaiChat,
            "openai/gpt-4o",
            r#"{"choices":[],"usage":{"completion_tokens":2,"cost":5e-05,"is_byok":true,"cost_details":{"upstream_inference_cost":0.001},"prompt_tokens":194,"total_tokens":196}}"#,
            1_050_000,
        ),
        // a model without a price, by a server that knows it
        (
            "unknown",
            OpenaiChat,
            "in-house-7b",
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9,"cost":{"total_cost":0.006}}}"#,
            6_000_000,
        ),
    ] {
        assert_eq!(cost(upstream, dialect, model, reply), Some(nano), "{reply}");
    }
    let unknown = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9,"cost":0}}"#;
    assert_eq!(cost("unknown", OpenaiChat, "in-house-7b", unknown), None);
}

#[test]
fn the_operators_price_counts_whatever_the_provider_reports() {
    let price = Price {
        base: Rates {
            input: 1_000_000,
            cached: Rates::AS_INPUT,
            written: Rates::AS_INPUT,
            output: 2_000_000,
        },
        own: true,
        ..Price::default()
    };
    let mut usage = usage(10, 0, 0, 10);
    usage.details.cost = Some(7);
    assert_eq!(price.cost(&usage), NanoDollars(30_000));
    assert_eq!(
        Price {
            own: false,
            ..price
        }
        .cost(&usage),
        NanoDollars(7)
    );
    // what follows a report is not in it
    usage.estimated = true;
    assert_eq!(
        Price {
            own: false,
            ..price
        }
        .cost(&usage),
        NanoDollars(30_000)
    );
}

#[test]
fn parts_that_are_larger_than_their_whole_cost_no_more_than_it() {
    let price = prices("")
        .find("elsewhere", "gemini-2.5-flash", NOW)
        .unwrap()
        .price;
    let mut some = usage(100, 50, 0, 10);
    (some.details.audio_input, some.details.audio_cached) = (u64::MAX, u64::MAX);
    (some.details.written_long, some.details.audio_output) = (u64::MAX, u64::MAX);
    assert_eq!(price.cost(&some).0, 50 * 1000 + 50 * 100 + 10 * 2500);
}

/// Compares with another program's sums, where `OUTRIGGER_USAGE_BODIES` names a file of them: a JSON
/// object a line with `upstream`, `dialect`, `model`, `body` and `nano`.
#[test]
fn bodies_of_a_file_cost_what_it_says() {
    let Ok(file) = std::env::var("OUTRIGGER_USAGE_BODIES") else {
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let of = |key: &str| row[key].as_str().unwrap();
        let dialect = Dialect::ALL
            .into_iter()
            .find(|d| d.name() == of("dialect"))
            .unwrap();
        let found = cost(
            of("upstream"),
            dialect,
            of("model"),
            &row["body"].to_string(),
        );
        if found.map(|nano| nano.div_ceil(1000)) != row["nano"].as_u64().map(|n| n.div_ceil(1000)) {
            wrong.push(format!(
                "{found:?} {} {} {}",
                row["nano"],
                of("model"),
                row["body"]
            ));
        }
    }
    let lines = text.lines().count();
    assert!(
        wrong.is_empty(),
        "{} of {lines}: {}",
        wrong.len(),
        wrong.join("\n")
    );
}
