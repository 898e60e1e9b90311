//! Alerts: their text, and that each is sent once.

use std::{cell::RefCell, rc::Rc, time::Duration};

use outrigger_sdk::{
    bench::{self, Bench, set_clock},
    fetch::{self, Answer, Call},
};
use serde_json::{Value, json};

use super::{DAY, budget, cost, daily, request, spend};
use crate::Budget;

/// Answers alerts with a status; returns what was sent.
pub(super) fn webhook(status: u16) -> Rc<RefCell<Vec<Call>>> {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let calls = Rc::clone(&sent);
    bench::on_fetch(move |call| {
        calls.borrow_mut().push(call.clone());
        match status {
            0 => Err(fetch::Error::Timeout),
            status => Ok(Answer {
                status,
                headers: Vec::new(),
                body: Vec::new(),
            }),
        }
    });
    sent
}

pub(super) fn alerted() -> Bench<Budget> {
    budget(
        json!({ "budgets": [daily()], "alerts": { "url": "https://hooks.test/x", "headers": { "authorization": "Bearer k" } } }),
    )
}

fn bodies(sent: &Rc<RefCell<Vec<Call>>>) -> Vec<Value> {
    sent.borrow()
        .iter()
        .map(|call| serde_json::from_slice(&call.body).unwrap())
        .collect()
}

#[test]
fn each_share_is_reported_once_a_period_after_the_app_has_its_answer() {
    let sent = webhook(204);
    let bench = alerted();
    set_clock(Duration::from_secs(20_000 * DAY));
    spend(&bench, "a", 7.9);
    assert_eq!(sent.borrow().len(), 0);
    let mut exchange = bench.request(request("a", "dear", 0.1));
    assert_eq!(sent.borrow().len(), 0, "never while a request waits");
    exchange.end(&cost(0.1));
    spend(&bench, "a", 0.5);
    assert_eq!(sent.borrow().len(), 1);
    spend(&bench, "a", 1.5);
    spend(&bench, "a", 0.1);
    let bodies = bodies(&sent);
    assert_eq!(bodies.len(), 2);
    assert_eq!(
        (
            &bodies[0]["share"],
            &bodies[0]["spent"],
            &bodies[0]["limit"],
            &bodies[0]["of"]
        ),
        (
            &json!(0.8),
            &json!(8.0),
            &json!(10.0),
            &json!({ "tenant": "a" })
        )
    );
    assert_eq!(
        bodies[1]["text"],
        "tenant a: 100 % of the budget of 10 usd per tenant every day is reached (10 of 10 usd); it begins anew at 2024-10-05T00:00:00Z"
    );
    let call = sent.borrow()[0].clone();
    assert_eq!(
        (call.url.as_str(), call.headers[1].value.as_str()),
        ("https://hooks.test/x", "Bearer k")
    );
    set_clock(Duration::from_secs(20_001 * DAY));
    spend(&bench, "a", 8.0);
    assert_eq!(sent.borrow().len(), 3, "a new day");
}

#[test]
fn a_budget_that_refuses_is_reported_as_used_up_though_a_little_is_left() {
    let sent = webhook(200);
    let bench = alerted();
    spend(&bench, "a", 7.0);
    spend(&bench, "a", 4.0);
    let bodies = bodies(&sent);
    assert_eq!(
        (bodies.len(), &bodies[0]["exhausted"], &bodies[0]["spent"]),
        (1, &json!(true), &json!(7.0))
    );
    assert!(
        bodies[0]["text"]
            .as_str()
            .unwrap()
            .contains("had no room for a request (7 of 10 usd)")
    );
}

#[test]
fn two_replicas_send_an_alert_once() {
    let sent = webhook(200);
    let (one, two) = (alerted(), alerted());
    let mut exchanges = [
        one.request(request("a", "dear", 5.0)),
        two.request(request("a", "dear", 4.0)),
    ];
    for exchange in &mut exchanges {
        exchange.end(&cost(4.5));
    }
    assert_eq!(sent.borrow().len(), 1);
}

#[test]
fn an_alert_that_fails_is_sent_again_later_and_later_and_is_not_lost_with_its_sender() {
    let sent = webhook(0);
    let bench = alerted();
    let mut now = 20_000 * DAY;
    let mut after = |seconds: u64| {
        now += seconds;
        set_clock(Duration::from_secs(now));
        spend(&bench, "a", 0.0);
        sent.borrow().len()
    };
    after(0);
    spend(&bench, "a", 8.0);
    let tries: Vec<usize> = [1, 8, 1, 19, 1, 39, 1].map(&mut after).into();
    assert_eq!(tries, [1, 1, 2, 2, 3, 3, 4], "after 10, 20 and 40 seconds");
    assert_eq!(
        (bench::counter("alerts_failed"), bench::log_lines().len()),
        (4, 4)
    );
    assert!(
        bench::log_lines()
            .iter()
            .all(|(_, line)| !line.contains("hooks") && !line.contains("Bearer"))
    );
    let again = webhook(200);
    after(80);
    assert_eq!(
        (again.borrow().len(), bench::counter("alerts_sent")),
        (1, 1)
    );
    after(4000);
    assert_eq!(again.borrow().len(), 1);
}

#[test]
fn an_alert_whose_sender_died_is_sent_when_its_claim_lapses() {
    let bench = alerted();
    bench::on_fetch(|_| panic!("the replica dies"));
    set_clock(Duration::from_secs(20_000 * DAY));
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| spend(&bench, "a", 8.0)));
    assert!(died.is_err());
    let sent = webhook(200);
    set_clock(Duration::from_secs(20_000 * DAY + 29));
    spend(&bench, "a", 0.0);
    assert_eq!(sent.borrow().len(), 0);
    set_clock(Duration::from_secs(20_000 * DAY + 30));
    spend(&bench, "a", 0.0);
    assert_eq!(sent.borrow().len(), 1);
}
