//! The dashboard, the alert rules and their runbooks: they name metrics and labels that exist, do
//! what their unit tests say, and belong together.

use outrigger_tests::{Sidecar, eventually, root, target, wire};

use super::deploy_manifests::checked;

#[test]
fn deploy_every_metric_of_the_dashboard_and_the_alerts_exists() {
    // Policies' own metrics are in no table: the real policies count them, over a real exchange.
    let sidecar = Sidecar::start(
        "upstreams:\n  model: { kind: embedded }\npolicies:\n  directory: \"{policies}\"\n  chain:\n    \
         - use: budget\n      grants: [limits, values, { fetch: [hooks.test] }]\n      config:\n        budgets:\n          \
         - { usd: 10, every: day }\n          - { tokens: 1000000, every: week }\n        unpriced: allow\n",
    );
    let body = r#"{"model":"gpt-5-mini","messages":[{"role":"user","content":"hi"}]}"#;
    let reply = wire::post(sidecar.base, "/v1/chat/completions", body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    // Budgets are shown at an exchange's end, when the app has its answer already.
    let shown = [
        "spent_usd",
        "limit_usd",
        "spent_tokens",
        "period_end_seconds",
    ];
    eventually("the budgets' gauges", || {
        let metrics = sidecar.metrics();
        let is_there = |name| metrics.contains(&format!("outrigger_policy_budget_{name}{{"));
        shown.iter().all(is_there)
    });
    let metrics = sidecar.metrics();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics");
    std::fs::write(&file, metrics).unwrap();
    checked("dashboards.py", &["names", file.to_str().unwrap()]);
}

#[test]
fn deploy_promtool_reads_every_expression_and_the_alerts_fire_when_they_should() {
    let tools = target().join("tools");
    checked("dashboards.py", &["promtool", tools.to_str().unwrap()]);
}

#[test]
fn deploy_the_dashboard_is_whole() {
    checked("dashboards.py", &["layout"]);
}

#[test]
fn deploy_each_alert_has_its_runbook_and_each_runbook_its_alert() {
    checked("dashboards.py", &["runbooks"]);
    assert!(root().join("deploy/runbooks").is_dir());
}
