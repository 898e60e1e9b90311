//! Prices as operators and apps meet them.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

mod bodies;
mod data;

/// 2026-11-22, noon.
const NOW: u64 = 20_779 * 86_400 + 12 * 3600;

fn prices(yaml: &str) -> Prices {
    Prices::of(&crate::config::tests::read(yaml))
}

#[test]
fn models_are_found_as_apps_write_them() {
    let prices = prices("");
    for row in [
        "openai gpt-5-mini gpt-5-mini 250000",
        "openai gpt-5-mini-2025-08-07 gpt-5-mini 250000",
        "openai GPT-4o-mini gpt-4o-mini 150000",
        "openai openai/gpt-4o-mini gpt-4o-mini 150000",
        "openai text-embedding-3-small text-embedding-3-small 20000",
        "anthropic claude-sonnet-4-5 claude-sonnet-4-5 3000000",
        "anthropic claude-sonnet-4-5-20250929 claude-sonnet-4-5 3000000",
        "anthropic anthropic/claude-sonnet-4.5 claude-sonnet-4-5 3000000",
        "elsewhere gemini/gemini-2.5-pro gemini-2.5-pro 1250000",
        "elsewhere models/gemini-2.5-pro gemini-2.5-pro 1250000",
        "elsewhere claude-sonnet-4-5@20250929 claude-sonnet-4-5 3000000",
        "elsewhere mistral/mistral-large-latest mistral-large 2000000",
    ] {
        let [upstream, name, model, input] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let found = prices
            .find(upstream, name, NOW)
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(
            (found.model, found.price.base.input.to_string().as_str()),
            (model, input),
            "{name}"
        );
    }
}

#[test]
fn a_model_that_nobody_knows_is_unpriced_and_not_free() {
    let prices = prices("");
    let long = "x".repeat(300);
    for name in [
        "",
        "my-model",
        "gpt",
        "openai/",
        "/",
        "llama",
        "claud",
        "qwen-3-coder-480b",
        &long,
    ] {
        assert_eq!(prices.find("openai", name, NOW), None, "{name}");
    }
    // an address that is OpenAI's for certain sells no Claude
    assert_eq!(prices.find("openai", "claude-sonnet-4-5", NOW), None);
    let free = prices
        .find("elsewhere", "openrouter/qwen/qwen3-coder:free", NOW)
        .unwrap();
    assert_eq!(free.price.cost(&usage(1000, 10, 10, 1000)), NanoDollars(0));
}

#[test]
fn an_upstream_has_the_prices_of_its_address_else_of_its_name() {
    let yaml = "upstreams:
  openai: { dialect: openai, url: 'http://127.0.0.1:1' }
  deals: { dialect: openai, url: 'https://openrouter.ai/api/v1' }
  azure-east: { dialect: openai, url: 'https://gateway.internal/v1' }
  hub: { dialect: openai, url: 'https://router.huggingface.co/together/v1' }
  vllm: { dialect: openai, url: 'http://vllm:8000' }
  demo: { kind: embedded }";
    let prices = prices(yaml);
    let source = |upstream, model| {
        prices
            .find(upstream, model, NOW)
            .map(|p| (p.model, p.source))
    };
    assert!(source("openai", "gpt-4o").unwrap().1.contains("openai.com"));
    assert!(
        source("deals", "openai/gpt-4o")
            .unwrap()
            .1
            .contains("openrouter")
    );
    assert!(source("azure-east", "gpt-4o").is_some());
    assert!(source("hub", "zai-org/GLM-4.6").is_some());
    assert_eq!(source("vllm", "meta-llama/Llama-3.3-70B-Instruct"), None);
    // may be a gateway before OpenAI; a line in the operator's file says otherwise
    assert_eq!(source("vllm", "gpt-4o").unwrap().0, "gpt-4o");
    assert_eq!(source("demo", "gpt-4o").unwrap().0, "gpt-4o");
}

#[test]
fn a_price_that_is_remembered_is_the_one_that_would_be_found() {
    let prices = prices("");
    let september = 20_697 * 86_400;
    for now in [september + 29 * 60 + 59, september + 30 * 60] {
        for model in [
            "deepseek/deepseek-chat",
            "deepseek/deepseek-chat",
            "none",
            "gpt-4o",
        ] {
            for upstream in ["elsewhere", "openai"] {
                let found = prices.find(upstream, model, now).map(|found| found.price);
                assert_eq!(
                    prices.price(upstream, model, now),
                    found,
                    "{upstream}/{model}"
                );
            }
        }
    }
}

#[test]
fn a_price_is_the_one_of_the_day_and_hour() {
    let prices = prices("");
    let find = |model, now| prices.find("elsewhere", model, now).unwrap();
    let september = 20_697 * 86_400;
    let before = find("anthropic/claude-sonnet-5", september - 1);
    let after = find("anthropic/claude-sonnet-5", september);
    assert_eq!(
        (before.price.base.output, after.price.base.output),
        (10_000_000, 15_000_000)
    );
    assert_eq!(after.date.unwrap().to_string(), "2026-09-01");
    assert_eq!(before.date.unwrap().to_string(), "2026-11-22"); // when it was read
    let minute = |minute: u64| {
        find("deepseek/deepseek-chat", september + minute * 60)
            .price
            .base
            .input
    };
    assert_eq!(
        [29, 30, 989, 990].map(minute),
        [135_000, 270_000, 270_000, 135_000]
    );
}

#[test]
fn limits_come_with_the_price() {
    let prices = prices("");
    let limits = |model| prices.find("elsewhere", model, NOW).unwrap().limits;
    assert_eq!(limits("gpt-5-mini").output, Some(128_000));
    assert_eq!(limits("claude-sonnet-4-5-20250929").output, Some(64_000));
    assert_eq!(limits("claude-sonnet-4-5").context, Some(1_000_000));
    assert!(limits("gpt-5-mini").context.is_some());
}

fn usage(input: u64, cached: u64, written: u64, output: u64) -> Usage {
    Usage {
        input,
        cached,
        written,
        output,
        ..Usage::default()
    }
}

#[test]
fn each_kind_of_token_costs_its_own_rate_to_the_billionth() {
    let price = prices("")
        .find("anthropic", "claude-sonnet-4-5", NOW)
        .unwrap()
        .price;
    // 1,000 at 3 $, 2,000 at 0.30 $, 500 at 3.75 $, 300 at 15 $ a million
    let cost = price.cost(&usage(3500, 2000, 500, 300));
    assert_eq!(
        cost,
        NanoDollars(3_000_000 + 600_000 + 1_875_000 + 4_500_000)
    );
    let mini = prices("").find("openai", "gpt-5-mini", NOW).unwrap().price;
    assert_eq!(mini.cost(&usage(1, 1, 0, 0)), NanoDollars(25));
    assert_eq!(mini.cost(&usage(1, 0, 0, 1)), NanoDollars(250 + 2000));
    assert_eq!(mini.cost(&Usage::default()), NanoDollars(0));
    // OpenAI takes nothing extra for writing its cache
    assert_eq!(
        mini.cost(&usage(10, 0, 10, 0)),
        mini.cost(&usage(10, 0, 0, 0))
    );
}

#[test]
fn a_long_prompt_costs_the_higher_rates_for_all_of_its_tokens() {
    let price = prices("")
        .find("anthropic", "claude-sonnet-4-5", NOW)
        .unwrap()
        .price;
    assert_eq!(
        price.cost(&usage(200_000, 0, 0, 100)).0,
        200_000 * 3000 + 100 * 15_000
    );
    assert_eq!(
        price.cost(&usage(200_001, 0, 0, 100)).0,
        200_001 * 6000 + 100 * 22_500
    );
    // cached tokens count for the length, and have a higher rate of their own
    assert_eq!(price.cost(&usage(200_001, 200_001, 0, 0)).0, 200_001 * 600);
}

#[test]
fn a_request_may_cost_something_itself() {
    let price = prices("")
        .find("elsewhere", "perplexity/sonar", NOW)
        .unwrap()
        .price;
    assert!(price.request > NanoDollars(0));
    assert_eq!(
        price.cost(&usage(1, 0, 0, 0)).0,
        price.request.0 + u64::from(price.base.input) / 1000
    );
}

#[test]
fn absurd_counts_neither_overflow_nor_cost_less_than_nothing() {
    let price = prices("").find("openai", "gpt-5-mini", NOW).unwrap().price;
    let all = usage(u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    assert_eq!(price.cost(&all), NanoDollars(u64::MAX));
    // more cached than there was: all of it was cached
    assert_eq!(
        price.cost(&usage(100, 900, 900, 0)),
        price.cost(&usage(100, 100, 0, 0))
    );
}

#[test]
fn the_operators_prices_go_first_and_the_nearest_name_wins() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let own = "models:
  gpt-5-mini: { input: 0.5, output: 4 }
  'openai/gpt-5-*': { input: 7, output: 7 }
  '*-mini': { input: 8, output: 8 }
  'in-house*': { input: 0, output: 0 }
  'long': { input: 1, cached: 0.1, output: 2, request: 0.005, above: { tokens: 1000, input: 2, output: 3 } }
";
    std::io::Write::write_all(&mut file, own.as_bytes()).unwrap();
    let prices = prices(&format!("prices: {{ file: '{}' }}", file.path().display()));
    let input = |upstream, model| {
        prices
            .find(upstream, model, NOW)
            .map(|p| p.price.base.input)
    };
    assert_eq!(input("openai", "GPT-5-mini"), Some(500_000));
    assert_eq!(input("openai", "gpt-5-nano"), Some(7_000_000));
    assert_eq!(input("elsewhere", "gpt-5-nano"), Some(50_000));
    assert_eq!(input("openai", "gpt-4o-mini"), Some(8_000_000));
    assert_eq!(input("openai", "in-house-7b"), Some(0));
    assert_eq!(input("openai", "gpt-4o"), Some(2_500_000));
    let found = prices.find("openai", "gpt-5-mini", NOW).unwrap();
    assert_eq!(
        (found.model, found.date, found.limits.output),
        ("gpt-5-mini", None, Some(128_000))
    );
    assert_eq!(found.source, file.path().to_str().unwrap());
    let long = prices.find("openai", "long", NOW).unwrap().price;
    assert_eq!(
        long.cost(&usage(1000, 500, 0, 10)).0,
        500 * 1000 + 500 * 100 + 10 * 2000 + 5_000_000
    );
    assert_eq!(
        long.cost(&usage(1001, 500, 0, 0)).0,
        1001 * 2000 + 5_000_000
    );
}
