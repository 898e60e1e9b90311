//! Asserted in the text that `/metrics` serves; the counters are the process's, so each test has
//! label values of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

use dialect::Dialect;
use policy::Tags;

use super::*;
use crate::telemetry::{metrics, settle};

fn record(model: &str, tags: &[(&str, &str)]) -> Record {
    let mut all = Tags::default();
    for (name, value) in tags {
        assert!(all.set(name, value));
    }
    Record {
        model_label: model.into(),
        upstream: Some("openai".into()),
        status: 200,
        usage: Some(Usage {
            input: 100,
            cached: 40,
            written: 0,
            output: 11,
            reasoning: 3,
            estimated: false,
            details: Default::default(),
        }),
        cost: Some(NanoDollars(1_250_000_001)),
        tags: all,
        ..Record::new("id".into(), Dialect::OpenaiChat)
    }
}

#[track_caller]
fn value(series: &str) -> String {
    let text = metrics::render();
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("{series} is not in\n{text}"))
        .to_owned()
}

#[track_caller]
fn assert_value(series: &str, expected: &str) {
    assert_eq!(value(series), expected, "{series}");
}

#[test]
fn money_and_tokens_are_attributed_to_who_is_tagged() {
    let tags = [
        ("tenant", "acme"),
        ("feature", "chat"),
        ("plan", "gold"),
        ("region", "eu"),
        ("other-tag", "x"),
    ];
    for _ in 0..2 {
        settle(&record("attributed", &tags));
    }
    let who = r#"model="attributed",upstream="openai",tenant="acme",feature="chat",plan="gold",region="eu"}"#;
    assert_value(&format!("outrigger_cost_usd_total{{{who}"), "2.500000002");
    for (kind, count) in [
        ("input", "200"),
        ("cached", "80"),
        ("output", "22"),
        ("reasoning", "6"),
    ] {
        assert_value(
            &format!(r#"outrigger_tokens_total{{kind="{kind}",{who}"#),
            count,
        );
    }
    assert!(!metrics::render().contains(r#"kind="written",model="attributed""#));
}

#[test]
fn without_tags_the_labels_say_none() {
    settle(&record("untagged", &[]));
    settle(&record("untagged", &[("squad", "blue")]));
    let who = r#"{model="untagged",upstream="openai",tenant="none",feature="none",plan="none",region="none"}"#;
    assert_value(&format!("outrigger_cost_usd_total{who}"), "2.500000002");
}

#[test]
fn what_has_no_price_is_counted_and_has_no_cost_at_all() {
    let unpriced = Record {
        cost: None,
        ..record("no-price", &[("tenant", "t")])
    };
    settle(&unpriced);
    settle(&unpriced);
    assert_value(
        r#"outrigger_unpriced_requests_total{model="no-price",upstream="openai"}"#,
        "2",
    );
    let text = metrics::render();
    assert!(
        !text
            .lines()
            .any(|l| l.starts_with("outrigger_cost_usd_total") && l.contains("no-price"))
    );
    // an exchange that was sent to no upstream needs no price, nor does one of unknown usage
    settle(&Record {
        upstream: None,
        ..unpriced.clone()
    });
    settle(&Record {
        usage: None,
        ..unpriced
    });
    assert_value(
        r#"outrigger_unpriced_requests_total{model="no-price",upstream="openai"}"#,
        "2",
    );
}

#[test]
fn a_free_exchange_is_not_an_unpriced_one() {
    settle(&Record {
        cost: Some(NanoDollars(0)),
        ..record("free", &[])
    });
    let who = r#"{model="free",upstream="openai",tenant="none",feature="none",plan="none",region="none"}"#;
    assert_value(&format!("outrigger_cost_usd_total{who}"), "0");
    assert!(!metrics::render().contains(r#"unpriced_requests_total{model="free""#));
}

#[test]
fn estimated_tokens_are_counted_apart() {
    let mut estimated = record("guessed", &[]);
    estimated.usage.as_mut().unwrap().estimated = true;
    settle(&estimated);
    settle(&record("guessed", &[]));
    assert_value(
        r#"outrigger_tokens_estimated_total{model="guessed",upstream="openai"}"#,
        "111",
    );
}

#[test]
fn label_values_can_not_break_the_text() {
    settle(&record("escaped", &[("feature", "a\"b\\c")]));
    let who = r#"{model="escaped",upstream="openai",tenant="none",feature="a\"b\\c",plan="none",region="none"}"#;
    assert_value(&format!("outrigger_cost_usd_total{who}"), "1.250000001");
}

/// The text of `/metrics` for accounts of the test's own: the process's are shared with all other
/// tests.
struct Own {
    accounts: Accounts,
    known: Known,
}

impl Own {
    fn new() -> Self {
        Self {
            accounts: Accounts::default(),
            known: Known::default(),
        }
    }
    fn count(&mut self, model: &str, tags: &[(&str, &str)]) {
        let record = record(model, tags);
        self.accounts
            .account(&mut self.known, &record)
            .count(&record);
    }
    /// Number of lines, and the money in all.
    fn lines(&self) -> (usize, f64) {
        let mut text = String::new();
        self.accounts.render(&mut text);
        let lines = text
            .lines()
            .filter(|line| line.starts_with("outrigger_cost"));
        let amount = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap();
        lines.fold((0, 0.0), |(n, sum), line| (n + 1, sum + amount(line)))
    }
}

#[test]
fn ten_thousand_plans_are_a_hundred_labels_and_no_money_is_lost() {
    let mut own = Own::new();
    for n in 0..10_000 {
        own.count("flood-plans", &[("plan", &format!("plan-{n}"))]);
    }
    // another worker meets the same bound
    own.known = Known::default();
    own.count("flood-plans", &[("plan", "plan-9999")]);
    own.count("flood-plans", &[("plan", "plan-7")]);
    let (lines, money) = own.lines();
    assert_eq!(lines, VALUES + 1);
    assert!((money - 10_002.0 * 1.250_000_001).abs() < 1e-3, "{money}");
    assert!(own.known.accounts.len() <= 2);
}

#[test]
fn combinations_of_tags_are_bounded_too_and_no_money_is_lost() {
    let mut own = Own::new();
    for (tenant, feature) in (0..90).flat_map(|t| (0..30).map(move |f| (t, f))) {
        let (tenant, feature) = (format!("tenant-{tenant}"), format!("feature-{feature}"));
        own.count("flood-sets", &[("tenant", &tenant), ("feature", &feature)]);
    }
    let (lines, money) = own.lines();
    assert_eq!(lines, SETS + 1);
    assert!((money - 2700.0 * 1.250_000_001).abs() < 1e-3, "{money}");
}

#[test]
fn tags_that_could_not_be_taken_are_counted() {
    let rules = crate::cost::tags::Rules::default();
    let headers =
        [("helicone-property-a", "x\ty")].map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
    let tags = crate::cost::tags::read(&rules, &http::HeaderMap::from_iter(headers));
    settle(&Record {
        tags,
        ..record("ignored", &[])
    });
    assert!(
        value("outrigger_tags_ignored_total")
            .parse::<u64>()
            .unwrap()
            >= 1
    );
}
