//! Metrics are asserted in the text that `/metrics` serves. The recorder is the process's, so each
//! test has label values of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, time::Duration};

use dialect::{Dialect, Usage, endpoint::Endpoint};

use super::*;
use crate::telemetry::meter::OWN_NAMES;
use crate::{
    cost::{NanoDollars, tags},
    telemetry::{Verdict, settle},
};
use sandbox::capabilities::metrics::Meter as _;

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
fn a_policys_calls_are_counted_by_hook_and_outcome() {
    let meter = PolicyMeter::new("calls-test", "1.2.3");
    meter.call(Hook::Request, "edited", Duration::from_micros(3));
    meter.call(Hook::Reply, "trap", Duration::from_micros(4));
    meter.call(Hook::Reply, "a word nobody knows", Duration::from_micros(4));
    meter.holdback(Duration::from_millis(30), 17);
    meter.quarantined(true);
    meter.memory(65536);
    load_failure("calls-test");
    let calls = |phase: &str, outcome: &str| {
        value(&format!(
            r#"outrigger_plugin_calls_total{{plugin="calls-test",plugin_version="1.2.3",phase="{phase}",outcome="{outcome}"}}"#
        ))
    };
    assert_eq!(
        (
            calls("request", "edited"),
            calls("reply", "trap"),
            calls("reply", "other")
        ),
        (1.0, 1.0, 1.0)
    );
    assert_value(
        r#"outrigger_plugin_duration_seconds_bucket{plugin="calls-test",phase="request",le="0.000005"}"#,
        1.0,
    );
    assert_value(
        r#"outrigger_plugin_duration_seconds_bucket{plugin="calls-test",phase="request",le="0.000002"}"#,
        0.0,
    );
    assert_value(
        r#"outrigger_stream_holdback_seconds_sum{plugin="calls-test"}"#,
        0.03,
    );
    assert_value(
        r#"outrigger_stream_holdback_bytes_sum{plugin="calls-test"}"#,
        17.0,
    );
    assert_value(r#"outrigger_plugin_quarantined{plugin="calls-test"}"#, 1.0);
    assert_value(
        r#"outrigger_plugin_memory_bytes{plugin="calls-test"}"#,
        65536.0,
    );
    assert_value(
        r#"outrigger_plugin_load_failures_total{plugin="calls-test"}"#,
        1.0,
    );
}

#[test]
fn verdicts_are_counted_with_the_exchange() {
    let verdict = |verdict| Verdict {
        name: "verdict-test".into(),
        version: "1".into(),
        verdict,
        micros: 1,
        ..Verdict::default()
    };
    settle(&Record {
        policies: vec![verdict("edited")],
        ..record("verdicts")
    });
    settle(&Record {
        policies: vec![verdict("skipped")],
        ..record("verdicts")
    });
    assert_value(
        r#"outrigger_plugin_verdicts_total{plugin="verdict-test",verdict="skipped"}"#,
        1.0,
    );
}

#[test]
fn what_a_policy_counts_by_itself_is_bounded_and_cannot_collide() {
    let meter = PolicyMeter::new("own-test", "1");
    assert!(meter.count("found", 2) && meter.count("found", 3) && meter.observe("score", 0.5));
    assert_value("outrigger_policy_own_test_found_total", 5.0);
    assert_value("outrigger_policy_own_test_score_count", 1.0);
    let long = "x".repeat(65);
    for bad in ["", "Upper", "a-b", "a b", "a{b=\"c\"}", &long] {
        assert!(!meter.count(bad, 1), "{bad}");
    }
    assert!(
        !meter.observe("found", 1.0),
        "a name is either counted or observed"
    );
    assert!(!meter.observe("score", f64::NAN));
    let made = (0..100)
        .filter(|n| meter.count(&format!("n{n}"), 1))
        .count();
    assert_eq!(made, OWN_NAMES - 2);
}

#[test]
fn a_policys_labels_are_counted_apart_until_there_are_too_many() {
    let meter = PolicyMeter::new("label-test", "1");
    let set = |rule: &str| vec![("rule".to_owned(), rule.to_owned())];
    assert!(
        meter.count_labelled("found", &set("a"), 2) && meter.count_labelled("found", &set("b"), 1)
    );
    assert!(meter.observe_labelled("score", &set("a"), 0.5));
    assert_value(r#"outrigger_policy_label_test_found_total{rule="a"}"#, 2.0);
    assert_value(r#"outrigger_policy_label_test_score_count{rule="a"}"#, 1.0);
    let mut nine = Vec::new();
    (0..9).for_each(|n| nine.push((format!("l{n}"), "v".to_owned())));
    let bad = [
        set(&"v".repeat(129)),
        vec![("Rule".into(), "a".into())],
        nine,
    ];
    assert!(
        bad.iter()
            .all(|labels| !meter.count_labelled("found", labels, 1))
    );
    assert!(
        !meter.count("found", 1) && !meter.gauge("found", &set("a"), 1.0),
        "one kind a name"
    );
    (0..1000).for_each(|n| assert!(meter.count_labelled("found", &set(&n.to_string()), 1)));
    assert_value(
        r#"outrigger_policy_label_test_found_total{rule="other"}"#,
        3.0,
    );
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
fn every_metric_that_is_served_is_in_the_table_with_its_labels_and_help() {
    settle(&Record {
        client_gone: true,
        policies: vec![Verdict {
            name: "t".into(),
            version: "1".into(),
            verdict: "edited",
            micros: 1,
            ..Verdict::default()
        }],
        cost: Some(NanoDollars(1)),
        ..record("table")
    });
    settle(&unread("table"));
    let ignored = {
        let headers = [("helicone-property-a", "x\ty")];
        let parsed = headers.map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        tags::read(&tags::Rules::default(), &http::HeaderMap::from_iter(parsed))
    };
    settle(&Record {
        tags: ignored,
        usage: record("table").usage.map(|usage| Usage {
            estimated: true,
            ..usage
        }),
        ..record("table")
    });
    let meter = PolicyMeter::new("table", "1");
    meter.call(Hook::End, "ok", Duration::ZERO);
    meter.holdback(Duration::ZERO, 1);
    meter.quarantined(false);
    meter.memory(1);
    refused("body_too_large");
    meter.inspected(10);
    meter.not_inspected("audio", 10);
    attempt(&"openai".into(), "stale_connection");
    attempt_result(&"openai".into(), "overload");
    translated(
        "openai.chat",
        &crate::telemetry::Translated {
            to: "anthropic.messages",
            dropped: vec!["seed"],
            id: None,
            model: None,
        },
    );
    breaker_opened("key", "money");
    TargetGauges::default().set([("openai/m", 2)].into_iter(), [("fast", 1)].into_iter());
    retry_budget_spent("fast");
    queue_depth("fast", 3);
    queued("fast", "served", Duration::ZERO);
    hedge("fast", "first");
    shadow("fast", "compared");
    shadow_cost("fast", NanoDollars(1));
    shadow_ratios(
        "fast",
        &ShadowRatios {
            output: Some(1.0),
            first_content: Some(1.0),
            end: Some(1.0),
            cost: Some(1.0),
            same_finish: Some(true),
        },
    );
    canary("fast", "control");
    canary_rolled_back("fast", false);
    reload(true);
    reply_kept("kept");
    served("kept");
    generation(7);
    load_failure("table");
    log_dropped();
    store_degraded("limits", "share");
    store_fault("limits", "slow");
    store_dropped("replies", "damaged");
    store_unsettled(1);
    store_up("limits", true);
    connection("transparent", "tunnel");
    connection_refused("transparent", "loop");
    passed("not_tls");
    tunnelled("sent", 1);
    tunnel(true);
    landlock(7);
    load(3, 0.5);
    shed("memory");
    cut("idle");
    trace_spans("exported", 1);
    let names = crate::config::Names::Both;
    let all = Usage {
        cached: 1,
        written: 1,
        reasoning: 1,
        ..record("table").usage.unwrap()
    };
    let renamed = Record {
        usage: Some(all),
        ..record("renamed")
    };
    ExchangeMeter::named(&ExchangeKey::of(&renamed), names).record(&renamed);
    let text = render();
    let build = format!(
        "outrigger_build_info{{version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    assert!(text.contains(&build));
    for metric in TABLE {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        assert!(
            text.contains(&format!("# TYPE {} {kind}\n", metric.name)),
            "{} is not served as {kind}",
            metric.name
        );
        assert!(
            text.contains(&format!("# HELP {} {}", metric.name, metric.help)),
            "{} has no help",
            metric.name
        );
        assert_eq!(
            metric.kind == Kind::Counter,
            metric.name.ends_with("_total"),
            "{}",
            metric.name
        );
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').unwrap_or_default();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            if base == metric.name || name == metric.name {
                let names: Vec<_> = labels
                    .split("\",")
                    .filter_map(|l| l.split_once('='))
                    .map(|(n, _)| n)
                    .filter(|n| *n != "le")
                    .collect();
                assert_eq!(names, metric.labels, "{line}");
            }
        }
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        let known = TABLE.iter().any(|m| m.name == name) || name.starts_with(table::POLICY_PREFIX);
        assert!(known, "{name} is not in the table");
    }
}

/// The table has a counter's labels by name, its caller their values by place.
#[test]
fn two_labels_have_their_values_in_the_tables_order() {
    connection("order-mode", "order-action");
    connection_refused("order-mode", "order-reason");
    attempt(&"order-upstream".into(), "order-reason");
    store_degraded("order-store", "order-action");
    store_fault("order-store", "order-reason");
    store_dropped("order-store", "order-reason");
    for series in [
        r#"outrigger_connections_total{mode="order-mode",action="order-action"}"#,
        r#"outrigger_connections_refused_total{mode="order-mode",reason="order-reason"}"#,
        r#"outrigger_upstream_attempts_total{upstream="order-upstream",reason="order-reason"}"#,
        r#"outrigger_store_degraded_total{store="order-store",action="order-action"}"#,
        r#"outrigger_store_faults_total{store="order-store",reason="order-reason"}"#,
        r#"outrigger_store_dropped_total{store="order-store",reason="order-reason"}"#,
    ] {
        assert_value(series, 1.0);
    }
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
