//! Every answer by which providers say that something failed, and what it means.

#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;

use dialect::failure;
use fuzz::{Chance, run};
use http::{HeaderName, HeaderValue};

use super::*;
use crate::Family;
use faults::FAULTS;

mod faults;

/// Thu, 01 Jan 2026 00:00:00 GMT.
const NOW: u64 = 1_767_225_600;

type Head = &'static [(&'static str, &'static str)];

fn headers(head: Head) -> HeaderMap {
    let field = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    head.iter().map(field).collect()
}

fn failure(rules: ProviderRules, status: u16, head: Head, body: &str) -> Failure {
    let error = failure::read(body.as_bytes());
    let answer = Answer {
        status,
        headers: &headers(head),
        error: error.as_ref(),
    };
    classify(rules, &[], &answer, NOW).expect(body)
}

/// Checks class and scope of answers.
fn check(rows: &[(ProviderRules, u16, Head, &str, Class, Scope)]) {
    for (rules, status, head, body, class, scope) in rows {
        let found = failure(*rules, *status, head, body);
        assert_eq!(
            (found.class, found.scope),
            (*class, *scope),
            "{rules:?} {status} {body}"
        );
    }
}

#[test]
#[rustfmt::skip]
fn a_rate_limit_cools_a_key_at_one_model() {
    use ProviderRules::{Anthropic, Bailian, Bedrock, Gemini, Groq, Openai, Vertex};
    let (rate, scope) = (Class::Rate, Scope::KeyModel);
    check(&[
        (Openai, 429, &[], r#"{"error":{"code":"rate_limit_exceeded","type":"requests","message":"Rate limit reached for gpt"}}"#, rate, scope),
        (Openai, 429, &[], r#"{"error":{"code":"slow_down","type":"rate_limit_error","message":"m"}}"#, rate, scope),
        (Openai, 429, &[], "", rate, scope),
        (Openai, 200, &[], r#"{"error":{"code":"rate_limit_exceeded","message":"m"}}"#, rate, scope),
        (Anthropic, 429, &[("retry-after", "12")], r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your account's rate limit."}}"#, rate, scope),
        (Anthropic, 429, &[], r#"{"type":"error","error":{"type":"rate_limit_error","message":"Rate limited","details":null}}"#, rate, scope),
        (Gemini, 429, &[], r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"38s"}]}}"#, rate, scope),
        (Vertex, 429, &[], r#"{"error":{"code":429,"message":"Resource exhausted. Please try again later.","status":"RESOURCE_EXHAUSTED"}}"#, rate, scope),
        (Groq, 498, &[], r#"{"error":{"message":"Flex tier capacity exceeded"}}"#, rate, scope),
        (Bedrock, 429, &[("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/")], r#"{"message":"Too many requests"}"#, rate, scope),
        (Bedrock, 200, &[], r#"{"__type":"throttlingException","message":"Too many requests"}"#, rate, scope),
        (Bedrock, 200, &[], r#"{"type":"error","error":{"type":"rate_limit_error","message":"Too many requests","details":{"error_code":"throttlingException"}}}"#, rate, scope),
        (Bailian, 429, &[], r#"{"error":{"code":"insufficient_quota","type":"insufficient_quota","message":"You exceeded your current quota"}}"#, rate, scope),
    ]);
}

#[test]
#[rustfmt::skip]
fn overload_cools_a_target() {
    use ProviderRules::{
        Anthropic, Azure, Bedrock, Cerebras, Mistral, Moonshot, Openai, Openrouter, Zhipu,
    };
    let (overload, scope) = (Class::Overload, Scope::Target);
    check(&[
        (Openai, 503, &[], r#"{"error":{"code":"server_is_overloaded","type":"service_unavailable_error","message":"m"}}"#, overload, scope),
        (Openai, 200, &[], r#"{"type":"response.failed","response":{"error":{"code":"server_is_overloaded","message":"m"}}}"#, overload, scope),
        (Openai, 503, &[], "<html>", overload, scope),
        (Anthropic, 529, &[], r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, overload, scope),
        (Anthropic, 200, &[], r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, overload, scope),
        (Bedrock, 429, &[("x-amzn-errortype", "ModelNotReadyException")], r#"{"message":"The model is not ready"}"#, overload, scope),
        (Bedrock, 200, &[], r#"{"type":"error","error":{"type":"overloaded_error","message":"m","details":{"error_code":"serviceUnavailableException"}}}"#, overload, scope),
        (Azure, 429, &[], r#"{"error":{"code":"429","message":"The system is currently experiencing high demand"}}"#, overload, scope),
        (Mistral, 429, &[], r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","code":"3505"}"#, overload, scope),
        (Moonshot, 429, &[], r#"{"error":{"type":"engine_overloaded_error","message":"m"}}"#, overload, scope),
        (Zhipu, 429, &[], r#"{"error":{"code":"1305","message":"m"}}"#, overload, scope),
        (Cerebras, 429, &[], r#"{"message":"m","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}"#, overload, scope),
        (Openrouter, 429, &[], r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"z-ai/glm is temporarily rate-limited upstream. Please retry shortly"}}}"#, overload, scope),
        (Openrouter, 200, &[], r#"{"error":{"code":503,"message":"m"},"choices":[{"finish_reason":"error"}]}"#, overload, scope),
    ]);
}

#[test]
#[rustfmt::skip]
fn no_money_cools_an_account() {
    use ProviderRules::{
        Anthropic, Bailian, Bedrock, Deepseek, Fireworks, Gemini, Groq, Moonshot, Openai,
        Openrouter, Xai, Zhipu,
    };
    let (money, scope) = (Class::Money, Scope::Account);
    for code in [
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ] {
        let body =
            format!(r#"{{"error":{{"code":"{code}","type":"insufficient_quota","message":"m"}}}}"#);
        check(&[
            (Openai, 429, &[], &body, money, scope),
            (Openai, 200, &[], &body, money, scope),
        ]);
    }
    check(&[
        (Openai, 200, &[], r#"{"type":"error","code":"insufficient_quota","message":"m"}"#, money, scope),
        (Anthropic, 429, &[], r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#, money, scope),
        (Anthropic, 400, &[], r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-02-01 at 00:00 UTC."}}"#, money, scope),
        (Anthropic, 400, &[], r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#, money, scope),
        (Anthropic, 402, &[], r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#, money, scope),
        (Gemini, 429, &[], r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]}]}}"#, money, scope),
        (Gemini, 429, &[], r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for metric: x, limit: 0, model: y"}}"#, money, scope),
        (Openrouter, 402, &[], r#"{"error":{"code":402,"message":"Insufficient credits"}}"#, money, scope),
        (Openrouter, 429, &[], r#"{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-day."}}"#, money, scope),
        (Deepseek, 402, &[], r#"{"error":{"message":"Insufficient Balance"}}"#, money, scope),
        (Groq, 400, &[], r#"{"error":{"code":"blocked_api_access","message":"m"}}"#, money, scope),
        (Bedrock, 400, &[("x-amzn-errortype", "ServiceQuotaExceededException")], r#"{"message":"m"}"#, money, scope),
        (Bailian, 400, &[], r#"{"code":"Arrearage","message":"Access denied"}"#, money, scope),
        (Xai, 429, &[], r#"{"code":"c","error":"Your team t has either used all available credits or reached its monthly spending limit."}"#, money, scope),
        (Xai, 403, &[], r#"{"code":"c","error":"Your newly created team doesn't have any credits or licenses yet."}"#, money, scope),
        (Fireworks, 412, &[], r#"{"error":{"message":"Account x is suspended"}}"#, money, scope),
        (Moonshot, 429, &[], r#"{"error":{"type":"exceeded_current_quota_error","message":"m"}}"#, money, scope),
        (Zhipu, 429, &[], r#"{"error":{"code":"1113","message":"m"}}"#, money, scope),
    ]);
    let day = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"retryDelay":"38s"}]}}"#;
    let of_model = failure(Gemini, 429, &[], day);
    assert_eq!(
        (of_model.class, of_model.scope),
        (money, Scope::KeyModel),
        "other models have theirs"
    );
    assert_eq!(
        of_model.retry_after, None,
        "38 s are a minute's, not a day's"
    );
    assert_eq!(of_model.cools_for(), Some(COOLING));
}

#[test]
#[rustfmt::skip]
fn a_key_that_is_none_cools_a_key() {
    use ProviderRules::{Anthropic, Bedrock, Gemini, Openai, Xai};
    check(&[
        (Openai, 401, &[], r#"{"error":{"code":"invalid_api_key","message":"Incorrect API key provided"}}"#, Class::Key, Scope::Key),
        (Openai, 403, &[], "", Class::Key, Scope::Key),
        (Openai, 403, &[], r#"{"error":{"code":"model_not_found","message":"Project `p` does not have access to model `m`"}}"#, Class::Key, Scope::KeyModel),
        (Anthropic, 403, &[], r#"{"type":"error","error":{"type":"permission_error","message":"m"}}"#, Class::Key, Scope::Key),
        (Anthropic, 200, &[], r#"{"type":"error","error":{"type":"authentication_error","message":"m"}}"#, Class::Key, Scope::Key),
        (Gemini, 400, &[], r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#, Class::Key, Scope::Key),
        (Xai, 400, &[], r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: x"}"#, Class::Key, Scope::Key),
        (Bedrock, 403, &[("x-amzn-errortype", "AccessDeniedException")], r#"{"message":"You don't have access to the model with the specified model ID."}"#, Class::Key, Scope::KeyModel),
        (Bedrock, 400, &[("x-amzn-errortype", "UnrecognizedClientException")], r#"{"message":"m"}"#, Class::Key, Scope::Key),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_broke_on_the_way_may_be_done() {
    use ProviderRules::{Anthropic, Bedrock, Openai, Openrouter};
    let (done, scope) = (Class::MaybeDone, Scope::Target);
    for status in [408, 424, 500, 502, 504, 520, 524, 599] {
        check(&[(Openai, status, &[], "", done, scope)]);
    }
    check(&[
        (Anthropic, 500, &[], r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#, done, scope),
        (Anthropic, 200, &[], r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#, done, scope),
        (Openai, 200, &[], r#"{"error":{"type":"server_error","message":"The model is broken"}}"#, done, scope),
        (Openai, 200, &[], r#"{"error":{"message":"a model of nobody knows what"}}"#, done, scope),
        (Openrouter, 200, &[], r#"{"error":{"code":502,"message":"m"}}"#, done, scope),
        (Bedrock, 424, &[("x-amzn-errortype", "ModelErrorException")], "{}", done, scope),
        (Bedrock, 200, &[], r#"{"__type":"modelStreamErrorException","message":"m"}"#, done, scope),
        (Bedrock, 200, &[], r#"{"type":"error","error":{"type":"api_error","message":"m","details":{"error_code":"internalServerException"}}}"#, done, scope),
        (Bedrock, 200, &[], r#"{"type":"error","error":{"type":"api_error","message":"m","details":{"error_code":"modelStreamErrorException"}}}"#, done, scope),
        (Bedrock, 200, &[], r#"{"type":"error","error":{"type":"timeout_error","message":"m","details":{"error_code":"modelTimeoutException"}}}"#, done, scope),
    ]);
    assert_eq!(
        failure(Openai, 522, &[], "").class,
        Class::Refused,
        "no server behind the edge"
    );
}

#[test]
fn what_is_no_failure_has_no_class() {
    let headers = HeaderMap::new();
    for status in [200, 201, 204, 301, 304] {
        let answer = Answer {
            status,
            headers: &headers,
            error: None,
        };
        assert_eq!(
            classify(ProviderRules::Openai, &[], &answer, NOW),
            None,
            "{status}"
        );
    }
}

#[test]
fn an_operator_s_row_goes_before_the_provider_s() {
    let facts =
        failure::read(br#"{"error":{"code":"insufficient_quota","message":"Out of Budget"}}"#);
    let head = headers(&[("retry-after", "7")]);
    let class = |rows: &[Row]| {
        let answer = Answer {
            status: 429,
            headers: &head,
            error: facts.as_ref(),
        };
        classify(ProviderRules::Openai, rows, &answer, NOW).map(|failure| failure.class)
    };
    let by_code = |code: &str, class| Row {
        status: Some(429),
        code: Some(code.to_owned()),
        ..Row::of(class)
    };
    assert_eq!(class(&[]), Some(Class::Money));
    assert_eq!(
        class(&[by_code("INSUFFICIENT_quota", Class::Rate)]),
        Some(Class::Rate)
    );
    assert_eq!(
        class(&[by_code("other", Class::Rate)]),
        Some(Class::Money),
        "no match"
    );
    let rows = [
        by_code("other", Class::Key),
        Row::of(Class::Overload),
        Row::of(Class::Rate),
    ];
    assert_eq!(
        class(&rows),
        Some(Class::Overload),
        "the first that matches"
    );
    let worded = Row {
        message: Some("of budget".to_owned()),
        ..Row::of(Class::Key)
    };
    assert_eq!(class(&[worded]), Some(Class::Key));
    for (has, expected) in [(true, Class::Rate), (false, Class::Money)] {
        let timed = Row {
            retry_after: Some(has),
            ..Row::of(Class::Rate)
        };
        assert_eq!(class(&[timed]), Some(expected));
    }
}

#[test]
#[rustfmt::skip]
fn the_end_is_taken_from_wherever_the_provider_gives_it() {
    use ProviderRules::{Anthropic, Gemini, Mistral, Openai, Openrouter};
    let words = r#"{"error":{"code":"rate_limit_exceeded","message":"Please try again in 1m3s."}}"#;
    let rows: &[(ProviderRules, u16, Head, &str, Option<u64>)] = &[
        (Openai, 429, &[("retry-after", "20")], words, Some(20_000)),
        (Openai, 429, &[("retry-after", "20"), ("retry-after-ms", "19500")], words, Some(19_500)),
        (Openai, 503, &[("x-ms-retry-after-ms", "250.5")], "", Some(250)),
        (Openai, 429, &[("retry-after", "0.5")], "", Some(500)),
        (Openai, 429, &[("retry-after", "Thu, 01 Jan 2026 00:01:00 GMT")], "", Some(60_000)),
        (Openai, 429, &[("retry-after", "Thu, 01 Jan 2026 09:01:00 GMT"), ("date", "Thu, 01 Jan 2026 09:00:30 GMT")], "", Some(30_000)),
        (Openai, 429, &[("retry-after", "Wed, 31 Dec 2025 00:00:00 GMT")], "", Some(0)),
        (Openai, 429, &[("retry-after", "soon")], words, Some(63_000)),
        (Openai, 429, &[("retry-after", "-5")], "", None),
        (Openai, 429, &[("retry-after", "NaN")], "", None),
        (Openai, 429, &[("retry-after", "1e300")], "", Some(86_400_000)),
        (Openai, 429, &[], words, Some(63_000)),
        (Mistral, 429, &[], words, None),
        (Gemini, 429, &[], r#"{"error":{"code":429,"details":[{"retryDelay":"38.5s"}]}}"#, Some(38_500)),
        (Openrouter, 429, &[], r#"{"error":{"code":429,"message":"m","metadata":{"headers":{"X-RateLimit-Reset":"1767225660000"}}}}"#, Some(60_000)),
        (Anthropic, 400, &[], r#"{"error":{"message":"You have reached your specified API usage limits. You will regain access on 2026-01-01 at 02:00 UTC."}}"#, Some(7_200_000)),
        (Anthropic, 400, &[], r#"{"error":{"message":"You have reached your specified API usage limits. You will regain access on 2026-02-01 at 00:00 UTC."}}"#, Some(86_400_000)),
        (Anthropic, 400, &[], r#"{"error":{"message":"You have reached your specified API usage limits. You will regain access on 2025-02-01 at 00:00 UTC."}}"#, None),
    ];
    for (rules, status, head, body, millis) in rows {
        let wait = failure(*rules, *status, head, body).retry_after;
        let expected = millis.map(Duration::from_millis);
        assert_eq!(
            wait.map(|wait| wait.as_millis()),
            expected.map(|wait| wait.as_millis()),
            "{head:?} {body}"
        );
    }
}

#[test]
fn rules_are_found_by_host_by_name_and_by_family() {
    for (host, rules) in [
        ("api.openai.com", Some(ProviderRules::Openai)),
        ("EU.api.openai.com:443", Some(ProviderRules::Openai)),
        ("api.anthropic.com.", Some(ProviderRules::Anthropic)),
        ("x.openai.azure.com", Some(ProviderRules::Azure)),
        (
            "bedrock-runtime.eu-west-1.amazonaws.com",
            Some(ProviderRules::Bedrock),
        ),
        (
            "bedrock-mantle.us-east-1.api.aws",
            Some(ProviderRules::BedrockMantle),
        ),
        (
            "europe-west4-aiplatform.googleapis.com",
            Some(ProviderRules::Vertex),
        ),
        (
            "aiplatform.eu.rep.googleapis.com",
            Some(ProviderRules::Vertex),
        ),
        ("dashscope-intl.aliyuncs.com", Some(ProviderRules::Bailian)),
        ("us.api.x.ai", Some(ProviderRules::Xai)),
        ("evil-api.openai.com.example", None),
        ("notopenai.azure.com", None),
        ("localhost", None),
        ("", None),
    ] {
        assert_eq!(ProviderRules::of_host(host), rules, "{host}");
    }
    let names: BTreeSet<_> = ProviderRules::ALL
        .iter()
        .map(|rules| rules.name())
        .collect();
    assert_eq!(names.len(), ProviderRules::ALL.len());
    for rules in ProviderRules::ALL {
        assert_eq!(ProviderRules::named(rules.name()), Some(rules));
    }
    assert_eq!(ProviderRules::named("nobody"), None);
    assert_eq!(
        ProviderRules::of_family(Some(Family::Anthropic)),
        ProviderRules::Anthropic
    );
    assert_eq!(ProviderRules::of_family(None), ProviderRules::Openai);
    for class in Class::ALL {
        assert_eq!(Class::named(class.name()), Some(class));
        assert_eq!(Failure::of(class).scope, class.scope());
    }
}

#[test]
fn parts_of_messages_are_written_as_they_are_compared() {
    for rules in ProviderRules::ALL {
        for part in rules.rows().flat_map(|row| row.messages()) {
            assert_eq!(*part, part.to_ascii_lowercase());
        }
    }
}

#[test]
fn any_answer_has_a_meaning() {
    let examples: Vec<&[u8]> = FAULTS
        .iter()
        .map(|(_, _, body, _)| body.as_bytes())
        .collect();
    run(&examples, |input, chance: &mut Chance| {
        let rules = ProviderRules::ALL[chance.below(ProviderRules::ALL.len())];
        let status = u16::try_from(chance.below(700)).unwrap_or(0);
        let mut headers = HeaderMap::new();
        for name in ["retry-after", "retry-after-ms", "x-amzn-errortype", "date"] {
            if let (true, Ok(value)) = (chance.one_in(2), HeaderValue::from_bytes(input)) {
                headers.insert(name, value);
            }
        }
        let error = failure::read(input);
        let answer = Answer {
            status,
            headers: &headers,
            error: error.as_ref(),
        };
        let found = classify(rules, &[], &answer, NOW);
        assert_eq!(found.is_none(), status < 400 && error.is_none());
        found.map_or(0, |failure| {
            assert_eq!(failure.fault.is_some(), failure.class == Class::Request);
            assert!(
                failure
                    .retry_after
                    .is_none_or(|wait| wait <= Duration::from_secs(86_400))
            );
            failure.class as u64 + 1
        })
    });
}
