//! Calls and verdicts of policies, and the metrics that they make themselves.

use sandbox::capabilities::metrics::Meter as _;

use super::*;
use crate::telemetry::{Verdict, meter::OWN_NAMES};

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
