//! Errors as providers write them, one line each.

#![expect(clippy::expect_used, reason = "tests")]

use fuzz::{Chance, run};

use super::*;

/// Code, type, status, and the message's beginning.
type Row = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<u16>,
    &'static str,
);

const ROWS: [Row; 28] = [
    (
        r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"credit_balance_exhausted"}}"#,
        Some("credit_balance_exhausted"),
        Some("insufficient_quota"),
        None,
        "You exceeded",
    ),
    (
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached","error_visibility":"user_facing"}},"request_id":"r"}"#,
        Some("enforced_spend_limit_reached"),
        Some("rate_limit_error"),
        None,
        "m",
    ),
    (
        r#"{"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}"#,
        None,
        Some("overloaded_error"),
        None,
        "Overloaded",
    ),
    (
        r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}]"#,
        Some("API_KEY_INVALID"),
        Some("INVALID_ARGUMENT"),
        Some(400),
        "API key",
    ),
    (
        r#"{"code":"Some requested entity was not found","error":"The model grok does not exist"}"#,
        Some("Some requested entity was not found"),
        None,
        None,
        "The model grok",
    ),
    (
        r#"{"object":"error","message":"Service tier capacity exceeded","type":"service_tier_capacity_exceeded","param":null,"code":"3505"}"#,
        Some("3505"),
        Some("service_tier_capacity_exceeded"),
        None,
        "Service tier",
    ),
    (
        r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
        None,
        Some("NotFoundError"),
        Some(404),
        "The model",
    ),
    (
        r#"{"detail":"Unauthorized access"}"#,
        None,
        None,
        None,
        "Unauthorized",
    ),
    (
        r#"{"detail":[{"loc":["body","messages"],"msg":"field required","type":"value_error.missing"},{"msg":"other"}]}"#,
        None,
        Some("value_error.missing"),
        None,
        "field required",
    ),
    (
        r#"{"object":"error","type":"invalid_request_error","detail":[{"msg":"Field required"}]}"#,
        None,
        Some("invalid_request_error"),
        None,
        "Field required",
    ),
    (
        r#"{"object":"error","message":{"detail":[{"type":"missing","msg":"Field required"}]},"type":"invalid_request_error","code":null}"#,
        None,
        Some("missing"),
        None,
        "Field required",
    ),
    (
        r#"{"message":"Too many requests","__type":"com.amazon.coral.service#ThrottlingException"}"#,
        None,
        Some("ThrottlingException"),
        None,
        "Too many",
    ),
    (
        r#"{"type":"response.failed","sequence_number":2,"response":{"id":"r","status":"failed","instructions":"error","error":{"code":"server_is_overloaded","message":"busy"}}}"#,
        Some("server_is_overloaded"),
        None,
        None,
        "busy",
    ),
    (
        r#"{"type":"error","sequence_number":1,"code":"insufficient_quota","message":"no","param":null}"#,
        Some("insufficient_quota"),
        None,
        None,
        "no",
    ),
    (
        r#"{"type":"error","error":{"type":"insufficient_quota","code":"insufficient_quota","message":"no","param":null},"sequence_number":2}"#,
        Some("insufficient_quota"),
        Some("insufficient_quota"),
        None,
        "no",
    ),
    (
        r#"{"id":"g","object":"chat.completion.chunk","error":{"code":502,"message":"Provider disconnected"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        None,
        None,
        Some(502),
        "Provider disconnected",
    ),
    (
        r#"{"choices":[{"index":0,"finish_reason":"error","error":{"code":429,"message":"slow"}}]}"#,
        None,
        None,
        Some(429),
        "slow",
    ),
    (
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"maximum context length is 9\",\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\"}}","provider_name":"x"}}}"#,
        Some("context_length_exceeded"),
        Some("invalid_request_error"),
        Some(400),
        "maximum context",
    ),
    (
        r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"error code: 1015","error_type":"rate_limit_exceeded"}}}"#,
        None,
        Some("rate_limit_exceeded"),
        Some(429),
        "error code: 1015",
    ),
    (
        r#"{"error":"model 'x' not found"}"#,
        None,
        None,
        None,
        "model 'x'",
    ),
    (
        r#"{"error":"unauthorized"}"#,
        Some("unauthorized"),
        None,
        None,
        "unauthorized",
    ),
    (r#""a bare string""#, None, None, None, "a bare string"),
    (
        r#"{"success":false,"errors":[{"code":3040,"message":"Capacity temporarily exceeded"}]}"#,
        Some("3040"),
        None,
        None,
        "Capacity",
    ),
    (
        r#"{"error":{"code":"429","message":"Requests have exceeded"}}"#,
        None,
        None,
        Some(429),
        "Requests",
    ),
    (
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"no\"}}\n\n",
        None,
        Some("api_error"),
        None,
        "no",
    ),
    (
        "upstream connect error",
        None,
        None,
        None,
        "upstream connect",
    ),
    (
        r#"{"error":{"type":"overloaded_error","message":"cut off he"#,
        None,
        Some("overloaded_error"),
        None,
        "",
    ),
    (
        r#"{"error":{"error":{"type":"inner","message":"deep"},"type":"outer","message":"shallow"}}"#,
        None,
        Some("inner"),
        None,
        "deep",
    ),
];

#[test]
fn an_error_is_read_in_the_spelling_of_every_provider() {
    for (body, code, kind, status, message) in ROWS {
        let facts = read(body.as_bytes()).expect(body);
        assert_eq!(facts.code.as_deref(), code, "{body}");
        assert_eq!(facts.kind.as_deref(), kind, "{body}");
        assert_eq!(facts.status, status, "{body}");
        assert!(
            facts.message.starts_with(message),
            "{body}: {:?}",
            facts.message
        );
    }
}

#[test]
fn what_is_no_error_has_no_facts() {
    for body in [
        "",
        "  \n",
        "<html><body>502 Bad Gateway</body></html>",
        "{}",
        "[]",
        "null",
        r#"{"id":"c","choices":[{"index":0,"message":{"content":"error"}}]}"#,
        r#"{"error":null}"#,
        r#"{"type":"message_start","message":{"type":"message","content":[]}}"#,
        r#"{"type":"response.created","response":{"error":null,"metadata":{"retry_after":"9"}}}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(read(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn of_a_stream_the_error_is_read_and_not_what_came_before_it() {
    let stream = concat!(
        ": hello\n\n",
        "data: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\"}}\n\n",
        "data: {\"type\":\"error\",\"code\":\"insufficient_quota\",\"message\":\"no\"}\n\n",
    );
    let code = read(stream.as_bytes()).and_then(|facts| facts.code);
    assert_eq!(code.as_deref(), Some("insufficient_quota"));
}

#[test]
fn a_wait_is_read_from_members_and_from_words_apart() {
    let seconds = |body: &str| {
        let facts = read(body.as_bytes()).expect(body);
        let whole = |wait: Option<Duration>| wait.map(|wait| wait.as_millis());
        (
            whole(facts.retry_after),
            whole(facts.retry_after_in_message),
            facts.resets_at.map(|at| at.as_secs()),
        )
    };
    for (body, expected) in [
        (
            r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"38.5s"}]}}"#,
            (Some(38_500), None, None),
        ),
        (
            r#"{"error":{"message":"Rate limit reached. Please try again in 1m3s. Visit"}}"#,
            (None, Some(63_000), None),
        ),
        (
            r#"{"error":{"message":"Please retry after 26 seconds."}}"#,
            (None, Some(26_000), None),
        ),
        (
            r#"{"error":{"message":"Please try again in 20ms."}}"#,
            (None, Some(20), None),
        ),
        (
            r#"{"error":{"message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}"#,
            (None, None, Some(1_796_083_200)),
        ),
        (
            r#"{"error":{"message":"m","metadata":{"headers":{"X-RateLimit-Reset":"1796083200000"}}}}"#,
            (None, None, Some(1_796_083_200)),
        ),
        (
            r#"{"error":{"type":"usage_limit_reached","resets_at":1796083200,"resets_in_seconds":60}}"#,
            (Some(60_000), None, Some(1_796_083_200)),
        ),
        (
            r#"{"error":{"message":"m","retry_after_ms":1500}}"#,
            (Some(1500), None, None),
        ),
        (
            r#"{"error":{"message":"Please try again in a while"}}"#,
            (None, None, None),
        ),
    ] {
        assert_eq!(seconds(body), expected, "{body}");
    }
}

#[test]
fn quotas_are_read_as_google_names_them() {
    let body = r#"{"error":{"code":429,"message":"Quota exceeded, limit: 0, model: x","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}"#;
    let facts = read(body.as_bytes()).expect("an error");
    assert!(facts.is_per_day() && facts.is_per_model() && facts.limit_is_zero);

    let minute = body
        .replace("PerDay", "PerMinute")
        .replace("limit: 0,", "limit: 0.5,");
    let facts = read(minute.as_bytes()).expect("an error");
    assert!(!facts.is_per_day() && !facts.limit_is_zero);

    let value =
        r#"{"error":{"details":[{"violations":[{"quotaId":"PerProject","quotaValue":"0"}]}]}}"#;
    let facts = read(value.as_bytes()).expect("an error");
    assert!(facts.limit_is_zero && !facts.is_per_model());
}

#[test]
fn facts_are_bounded_and_a_message_is_shown_to_nobody() {
    let long = "é".repeat(2000);
    let ids = format!(r#"{{"quotaId":"{long}"}},"#).repeat(20);
    let body = format!(
        r#"{{"error":{{"message":"{long}","code":"{long}","type":"{long}","details":[{{"violations":[{ids}{{}}]}}]}}}}"#
    );
    let facts = read(body.as_bytes()).expect("an error");
    assert_eq!(facts.message.len(), MESSAGE);
    assert!(
        [&facts.code, &facts.kind]
            .iter()
            .all(|word| word.as_ref().is_some_and(|w| w.len() <= 128))
    );
    assert_eq!(facts.quota_ids.len(), 8);
    assert!(
        !format!(
            "{:?}",
            ErrorFacts {
                message: "my prompt".to_owned(),
                ..ErrorFacts::default()
            }
        )
        .contains("prompt")
    );
}

#[test]
fn any_bytes_are_an_error_or_none() {
    let examples: Vec<&[u8]> = ROWS.iter().map(|(body, ..)| body.as_bytes()).collect();
    run(&examples, |input, _: &mut Chance| {
        let facts = read(input);
        facts.map_or(0, |facts| {
            assert!(facts.message.len() <= MESSAGE);
            facts.message.len() as u64 + 1
        })
    });
}
