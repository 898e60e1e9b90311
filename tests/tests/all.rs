//! Everything that an app or an operator can see, over real sockets. Each numbered item of the issue "The spine" has its tests: `item_NN_…`;
//! what outlives exchanges (limits, kept replies, cost) has `stores_…`; what happens in a pod, in network namespaces, has `pod_…`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

mod all {
    mod agents;
    mod batches;
    mod ca_command;
    mod callers;
    mod configurations;
    mod deploy_manifests;
    mod deploy_metrics;
    mod descriptors;
    mod documents;
    mod earlier_contract;
    mod encodings;
    mod harness;
    mod inject;
    mod item_01_rooms;
    mod item_02_run;
    mod item_03_bytes;
    mod item_03_flow;
    mod item_03_framing;
    mod item_04_host;
    mod item_05_sdk;
    mod item_06_policies;
    mod item_07_reload;
    mod item_08_telemetry;
    mod item_09_deploy;
    mod item_10_faults;
    mod item_10_sdks;
    mod item_11_bench;
    mod later_replies;
    mod paths;
    mod pod_harden;
    mod pod_interception;
    mod pod_life;
    mod pod_matrix;
    mod pod_overload;
    mod pod_rules;
    mod policy_limits;
    mod pull;
    mod reply_framing;
    mod request_framing;
    mod settlement;
    mod signed;
    mod stale_connections;
    mod stores_cost;
    mod stores_limits;
    mod stores_policies;
    mod stores_replies;
    mod stream_options;
    mod unseen_kinds;
    mod websocket;

    use outrigger_tests::Upstream;

    /// The configuration for one upstream that speaks both families, and a chain (YAML after `chain:`; empty for none).
    pub(crate) fn config(upstream: &Upstream, chain: &str) -> String {
        let at = upstream.address;
        let policies = if chain.is_empty() {
            String::new()
        } else {
            format!("policies:\n  directory: \"{{policies}}\"\n  chain: {chain}\n")
        };
        format!(
            "workers: 2\nupstreams:\n  openai: {{ dialect: openai, url: \"http://{at}/v1\" }}\n  anthropic: {{ dialect: anthropic, url: \"http://{at}\" }}\n{policies}"
        )
    }

    /// The configuration of the embedded model alone, and a chain.
    pub(crate) fn embedded(chain: &str) -> String {
        let policies = if chain.is_empty() {
            String::new()
        } else {
            format!("policies:\n  directory: \"{{policies}}\"\n  chain: {chain}\n")
        };
        format!("upstreams:\n  model: {{ kind: embedded }}\n{policies}")
    }
}
