//! Everything that an app or an operator can see, over real sockets, a file per subject: what
//! outlives exchanges (limits, kept replies, cost) is in `stores_…`, what is tried when a target
//! fails in `failover_…`, what happens in a pod, in network namespaces, in `pod_…`, the image and
//! the manifests in `deploy_…`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]
#![allow(
    clippy::disallowed_types,
    reason = "poison tells of a thread that has failed its test"
)]

mod all {
    mod agents;
    mod ambiguous_framing;
    mod authoring;
    mod batches;
    mod bench_driver;
    mod ca_command;
    mod callers;
    mod cases;
    mod configurations;
    mod conversations;
    mod deploy_containers;
    mod deploy_image;
    mod deploy_manifests;
    mod deploy_metrics;
    mod descriptors;
    mod documents;
    mod earlier_contract;
    mod embedded_endpoints;
    mod embeddings;
    mod encodings;
    mod external_detector;
    mod failover_accounts;
    mod failover_backpressure;
    mod failover_breakers;
    mod failover_choice;
    mod failover_classes;
    mod failover_copies;
    mod failover_example;
    mod failover_explain;
    mod failover_harness;
    mod failover_keys;
    mod failover_policies;
    mod failover_replicas;
    mod failover_requests;
    mod failover_sdks;
    mod failover_shared;
    mod failover_storm;
    mod failover_streams;
    mod failover_time;
    mod first_policy;
    mod flow_control;
    mod harness;
    mod host;
    mod idle_memory;
    mod inject;
    mod languages;
    mod later_replies;
    mod listings;
    mod make_run;
    mod paths;
    mod pod_harden;
    mod pod_interception;
    mod pod_life;
    mod pod_matrix;
    mod pod_overload;
    mod pod_overload_http2;
    mod pod_rules;
    mod policy_limits;
    mod programs;
    mod pull;
    mod reasons;
    mod reference;
    mod relayed_streams;
    mod reload;
    mod reply_framing;
    mod request_framing;
    mod rooms;
    mod sdks;
    mod semantic_cache;
    mod semantic_cache_faults;
    mod settlement;
    mod signed;
    mod stale_connections;
    mod standard_policies;
    mod stores_cost;
    mod stores_limits;
    mod stores_policies;
    mod stores_replies;
    mod stream_faults;
    mod stream_options;
    mod telemetry;
    mod tier_router;
    mod tier_router_escalation;
    mod traces;
    mod translation_bedrock;
    mod translation_counts;
    mod translation_errors;
    mod translation_losses;
    mod translation_policies;
    mod translation_reasoning;
    mod translation_sdks;
    mod translation_streams;
    mod unread_endpoints;
    mod unseen_kinds;
    mod warm_upstreams;
    mod websocket;
    mod wire;

    use outrigger_tests::Upstream;

    /// The configuration for one upstream that speaks both families, and a chain (YAML after
    /// `chain:`; empty for none).
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
