//! Targets' states shared among replicas: an operator sets them at one, and the other follows.

use outrigger_tests::failover::{Setup, answered, ask, state, target};
use outrigger_tests::redis::Redis;
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, Sidecar, eventually, wire};

fn post(sidecar: &Sidecar, path: &str, headers: &[&str], body: &str) -> wire::Reply {
    let request = wire::request("POST", path, headers, body.as_bytes());
    wire::call(sidecar.admin, &request)
}

const MEANT: [&str; 1] = ["x-outrigger-admin: 1"];

#[test]
fn what_an_operator_closes_at_one_replica_is_probed_at_once_by_the_other() {
    let redis = Redis::start();
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::Refuses(Fault::Rate(Some("50"))));
    let shared = format!(
        "state: {{ redis: \"{}\", admin_changes: true }}",
        redis.url()
    );
    let setup = Setup::alias(Api::Chat, &[&a, &b], "").with(&shared);
    let (one, other) = (setup.start(), setup.start());
    answered(&ask(&one, Api::Chat, false), "from-b");
    let row = target(&one, "a/m");
    assert_eq!(
        (&row["state"], &row["cause"]),
        (&"open".into(), &"rate".into()),
        "{row}"
    );
    assert!(row["keys"][0]["open_ms"].as_u64() > Some(30_000), "{row}");
    eventually("the other has it", || state(&other, "a/m") == "open");
    assert_eq!(other.metric("outrigger_breaker_state", &["a/m"]), 2.0);
    let opened = ["part=\"key_model\"", "cause=\"replica\""];
    assert_eq!(other.metric("outrigger_breaker_opened_total", &opened), 1.0);
    a.now(Act::Answers);
    let reply = post(&one, "/targets/reset", &MEANT, "{\"target\": \"a/m\"}");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(state(&one, "a/m"), "closed");
    eventually("the other probes", || state(&other, "a/m") == "half_open");
    answered(&ask(&other, Api::Chat, false), "from-a");
    assert_eq!(state(&other, "a/m"), "closed");
}

#[test]
fn targets_are_changed_only_where_changes_are_on_and_meant() {
    let a = Provider::start("from-a");
    let more = "canary: { target: a/new, share: 5% }";
    let setup = Setup::alias(Api::Chat, &[&a], more);
    let off = setup.start();
    assert_eq!(post(&off, "/targets/reset", &MEANT, "{}").status, 403);
    drop(off);
    let on = setup.with("state: { admin_changes: true }").start();
    assert_eq!(post(&on, "/targets/reset", &[], "{}").status, 403);
    assert_eq!(
        post(&on, "/targets/reset", &MEANT, "{}").json()["targets"],
        2
    );
    let resume = |model: &str| {
        let body = format!("{{\"model\": \"{model}\"}}");
        post(&on, "/targets/resume", &MEANT, &body)
    };
    assert_eq!(
        resume("fast").json()["done"],
        false,
        "it was not rolled back"
    );
    assert_eq!(resume("slow").status, 404);
}
