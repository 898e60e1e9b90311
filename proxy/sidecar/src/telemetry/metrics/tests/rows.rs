//! The table's rows: each is served with its kind, its labels and its help, and nothing else is.

use super::*;
use crate::{
    cost::{NanoDollars, tags},
    telemetry::Verdict,
};

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
    embedded("table", "hit");
    embedding_request("table", "embedded", Duration::ZERO);
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
