//! Metrics are asserted in the text that `/metrics` serves. The recorder is the process's, so each
//! test has label values of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, time::Duration};

use dialect::{Dialect, Usage, endpoint::Endpoint};

use super::*;
use crate::telemetry::settle;

mod policies;
mod rows;

/// The value of the line that begins with `series`.
#[track_caller]
fn value(series: &str) -> f64 {
    let text = render();
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("{series} is not in\n{text}"))
        .parse()
        .unwrap()
}

#[track_caller]
fn assert_value(series: &str, expected: f64) {
    assert_eq!(value(series), expected, "{series}");
}

fn record(model: &str) -> Record {
    Record {
        model_label: model.into(),
        upstream: Some("openai".into()),
        status: 200,
        streaming: true,
        usage: Some(Usage {
            input: 100,
            output: 11,
            ..Usage::default()
        }),
        first_token: Some(Duration::from_millis(200)),
        total: Duration::from_millis(1200),
        overhead: Duration::from_micros(80),
        request_bytes: 10,
        reply_bytes: 20,
        ..Record::new("id".into(), Dialect::AnthropicMessages)
    }
}

#[test]
fn an_exchange_counts_once_in_each_of_its_metrics() {
    settle(&record("counted-once"));
    let gen_ai = r#"gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",gen_ai_request_model="counted-once""#;
    assert_value(
        r#"outrigger_requests_total{dialect="anthropic.messages",model="counted-once",upstream="openai",status="200"}"#,
        1.0,
    );
    assert_value(
        &format!(r#"gen_ai_client_token_usage_sum{{{gen_ai},gen_ai_token_type="input"}}"#),
        100.0,
    );
    assert_value(
        &format!(
            r#"gen_ai_client_token_usage_bucket{{{gen_ai},gen_ai_token_type="output",le="16"}}"#
        ),
        1.0,
    );
    assert_value(
        &format!(
            r#"gen_ai_client_token_usage_bucket{{{gen_ai},gen_ai_token_type="output",le="4"}}"#
        ),
        0.0,
    );
    assert_value(
        &format!("gen_ai_server_request_duration_sum{{{gen_ai}}}"),
        1.2,
    );
    assert_value(
        &format!("gen_ai_server_time_to_first_token_sum{{{gen_ai}}}"),
        0.2,
    );
    // 1 s for the ten tokens after the first
    assert_value(
        &format!("gen_ai_server_time_per_output_token_sum{{{gen_ai}}}"),
        0.1,
    );
    settle(&record("counted-once"));
    assert_value(
        &format!("gen_ai_server_request_duration_count{{{gen_ai}}}"),
        2.0,
    );
}

/// An exchange of an endpoint that no dialect reads.
fn unread(model: &str) -> Record {
    Record {
        dialect: Dialect::Other,
        endpoint: Some(Endpoint::at("/v1/audio/transcriptions")),
        streaming: false,
        usage: None,
        images: 2,
        audio_seconds: 9,
        charged: true,
        ..record(model)
    }
}

#[test]
fn an_exchange_that_passed_unread_is_counted_by_its_endpoint_and_never_by_its_path() {
    let endpoint = |path| Record {
        endpoint: Some(Endpoint::at(path)),
        ..unread("passed-unread")
    };
    settle(&endpoint("/v1/videos"));
    settle(&endpoint("/v1/videos?secret=1"));
    for (series, expected) in [
        (
            r#"outrigger_unread_requests_total{endpoint="videos",upstream="openai",status="200"}"#,
            2.0,
        ),
        (
            r#"outrigger_unread_duration_seconds_sum{endpoint="videos"}"#,
            2.4,
        ),
        (
            r#"outrigger_unread_request_bytes_total{endpoint="videos"}"#,
            20.0,
        ),
        (
            r#"outrigger_unread_reply_bytes_total{endpoint="videos"}"#,
            40.0,
        ),
        (r#"outrigger_unread_images_total{endpoint="videos"}"#, 4.0),
        (
            r#"outrigger_unread_audio_seconds_total{endpoint="videos"}"#,
            18.0,
        ),
        (
            r#"outrigger_requests_total{dialect="other",model="passed-unread",upstream="openai",status="200"}"#,
            2.0,
        ),
        (
            r#"outrigger_unpriced_requests_total{model="passed-unread",upstream="openai"}"#,
            2.0,
        ),
    ] {
        assert_value(series, expected);
    }
    settle(&endpoint("/v1/a-secret-word/x"));
    assert!(value(r#"outrigger_unread_duration_seconds_count{endpoint="other"}"#) >= 1.0);
    assert!(!render().contains("secret"));
}

#[test]
fn a_whole_reply_has_no_time_per_token() {
    settle(&Record {
        streaming: false,
        first_token: None,
        ..record("whole")
    });
    assert!(
        !render().lines().any(
            |l| l.starts_with("gen_ai_server_time_per_output_token") && l.contains("\"whole\"")
        )
    );
}

#[test]
fn an_app_that_left_before_the_answer_is_counted_apart() {
    let before = render();
    settle(&Record {
        status: 0,
        client_gone: true,
        upstream: None,
        ..record("left")
    });
    assert_value(
        r#"outrigger_requests_total{dialect="anthropic.messages",model="left",upstream="none",status="none"}"#,
        1.0,
    );
    assert!(!before.contains("\"left\""));
    assert!(value(r#"outrigger_client_disconnects_total{settled="true"}"#) >= 1.0);
}

#[test]
fn ten_thousand_model_names_are_one_label() {
    let yaml = "models: { fast: { targets: [openai/gpt-5-mini] } }";
    let models = Models::of(&crate::config::tests::read(yaml));
    let labels: BTreeSet<_> = (0..10_000)
        .map(|n| models.label(Some(&format!("model-{n}"))))
        .collect();
    assert_eq!(labels, BTreeSet::from(["other".into()]));
    for known in ["fast", "gpt-5-mini", "openai/gpt-5-mini"] {
        assert_eq!(&*models.label(Some(known)), known);
    }
    assert_eq!(&*models.label(None), "other");
}

#[test]
fn strange_statuses_are_one_label() {
    for status in 600..900 {
        settle(&Record {
            status,
            ..record("strange")
        });
    }
    let series = render()
        .lines()
        .filter(|l| l.starts_with("outrigger_requests_total") && l.contains("\"strange\""))
        .count();
    assert_eq!(series, 1);
}

#[test]
fn exchanges_in_progress_are_counted_until_they_are_dropped() {
    let before = inflight();
    let two = [Inflight::enter(), Inflight::enter()];
    assert_eq!(inflight(), before + 2);
    assert!(value("outrigger_inflight_requests") >= 2.0);
    drop(two);
    assert_eq!(inflight(), before);
}

#[test]
fn names_are_those_of_the_chosen_version_or_of_both() {
    use crate::config::Names;
    let of = |model: &str, names| {
        let record = record(model);
        ExchangeMeter::named(&ExchangeKey::of(&record), names).record(&record);
        let text = render();
        let own = |name: &str| {
            let mut lines = text.lines();
            lines.any(|line| line.starts_with(name) && line.contains(&format!("\"{model}\"")))
        };
        [
            own("gen_ai_client_token_usage"),
            own("gen_ai_client_inference_usage_input_tokens_total"),
            own("gen_ai_client_inference_operation_output_tokens_count"),
            own("gen_ai_client_inference_duration_count"),
            own("gen_ai_server_request_duration_count"),
        ]
    };
    assert_eq!(
        of("names-classic", Names::Classic),
        [true, false, false, false, true]
    );
    assert_eq!(
        of("names-genai-0.1", Names::Genai01),
        [false, true, true, true, true]
    );
    assert_eq!(of("names-both", Names::Both), [true; 5]);
}
