//! Every metric that Outrigger serves: name, help, labels, buckets.
//!
//! The `gen_ai_*` names are OpenTelemetry's as other gateways export them, so that existing
//! dashboards work; for the same reason the `outrigger_plugin_*` metrics say `plugin` for what is a
//! policy everywhere else.

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}

/// One metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    /// Labels, in the order in which `metrics.rs` gives their values.
    pub(super) labels: &'static [&'static str],
}

/// Our own time per exchange: 10 µs to 1 s.
const OVERHEAD: &[f64] = &[
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0,
];
/// A policy's call: 1 µs to 1 s.
const CALL: &[f64] = &[
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.1, 1.0,
];
/// Time for which text is withheld: 1 ms to 10 s.
const HOLDBACK: &[f64] = &[
    1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// Bytes: 16 to 64 KiB.
const BYTES: &[f64] = &[16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0];
/// `gen_ai.server.request.duration`, as OpenTelemetry advises.
const DURATION: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// `gen_ai.server.time_to_first_token`, as OpenTelemetry advises.
const FIRST: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// `gen_ai.server.time_per_output_token`, as OpenTelemetry advises.
const PER_TOKEN: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
];
/// `gen_ai.client.token.usage`, as OpenTelemetry advises.
const TOKEN_COUNTS: &[f64] = &[
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
/// A shadow's figure to that of the exchange that it is a copy of.
const RATIO: &[f64] = &[
    0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 10.0,
];
/// Values that a policy observes by itself: no unit is known.
pub(super) const ANY: &[f64] = &[
    1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6,
];

/// Prefix of the metrics that policies count by themselves; see [`super::metrics::PolicyMeter`].
pub(super) const POLICY_PREFIX: &str = "outrigger_policy_";

/// The row of a metric.
pub(super) fn find(name: &str) -> Option<&'static Metric> {
    TABLE.iter().find(|metric| metric.name == name)
}

macro_rules! table {
    ($($constant:ident = $name:literal, $kind:expr, [$($label:literal),*], $help:literal;)*) => {
        $(pub(super) const $constant: &str = $name;)*
        /// All of them.
        pub(super) const TABLE: &[Metric] = &[$(Metric { name: $name, kind: $kind, help: $help, labels: &[$($label),*] }),*];
    };
}

table! {
    REQUESTS = "outrigger_requests_total", Kind::Counter, ["dialect", "model", "upstream", "status"],
        "Exchanges that ended, by what the app was answered; status none: it left before.";
    OVERHEAD_SECONDS = "outrigger_overhead_seconds", Kind::Histogram(OVERHEAD), ["dialect"],
        "Outrigger's own part of an exchange: without waiting for the app and the upstream.";
    INFLIGHT = "outrigger_inflight_requests", Kind::Gauge, [],
        "Exchanges in progress.";
    REQUEST_BYTES = "outrigger_request_bytes_total", Kind::Counter, ["dialect"],
        "Bytes of request bodies as they came; of one that is refused by its length alone, none.";
    REPLY_BYTES = "outrigger_reply_bytes_total", Kind::Counter, ["dialect"],
        "Bytes of reply bodies as they went.";
    UNREAD_REQUESTS = "outrigger_unread_requests_total", Kind::Counter, ["endpoint", "upstream", "status"],
        "Exchanges that passed unread (dialect other), by the endpoint that they were for.";
    UNREAD_SECONDS = "outrigger_unread_duration_seconds", Kind::Histogram(DURATION), ["endpoint"],
        "Time from the first byte of a request that passed unread to the last of its reply.";
    UNREAD_REQUEST_BYTES = "outrigger_unread_request_bytes_total", Kind::Counter, ["endpoint"],
        "Bytes of request bodies that passed unread; a part of outrigger_request_bytes_total.";
    UNREAD_REPLY_BYTES = "outrigger_unread_reply_bytes_total", Kind::Counter, ["endpoint"],
        "Bytes of replies that passed unread; a part of outrigger_reply_bytes_total.";
    UNREAD_IMAGES = "outrigger_unread_images_total", Kind::Counter, ["endpoint"],
        "Images that replies reported which no dialect reads.";
    UNREAD_AUDIO = "outrigger_unread_audio_seconds_total", Kind::Counter, ["endpoint"],
        "Seconds of sound that replies reported which no dialect reads, each rounded up.";
    REFUSALS = "outrigger_refusals_total", Kind::Counter, ["code"],
        "Answers that Outrigger gave in its own name.";
    ATTEMPTS = "outrigger_upstream_attempts_total", Kind::Counter, ["upstream", "reason"],
        "Requests to upstreams, and the reason for each.";
    ATTEMPT_RESULTS = "outrigger_upstream_results_total", Kind::Counter, ["upstream", "class"],
        "Attempts by what became of them: success, hedged (another one answered first), or the class of the failure.";
    BREAKER_OPENED = "outrigger_breaker_opened_total", Kind::Counter, ["part", "cause"],
        "Openings of breakers of targets, keys, keys with one model and accounts, by the class of the failure; failures: many in a row; replica: another replica's.";
    BREAKER_STATE = "outrigger_breaker_state", Kind::Gauge, ["target"],
        "State of a target's breaker, or of its best key's: 0 closed, 1 half open, 2 open.";
    TARGETS_USABLE = "outrigger_targets_usable", Kind::Gauge, ["model"],
        "Targets of an alias that are not open; those that their providers limit are counted.";
    RETRY_BUDGET_SPENT = "outrigger_retry_budget_spent_total", Kind::Counter, ["model"],
        "Retries that were not made because the alias's budget had none left.";
    QUEUE_DEPTH = "outrigger_queue_depth", Kind::Gauge, ["model"],
        "Exchanges that wait because every candidate is limited.";
    QUEUE_SECONDS = "outrigger_queue_wait_seconds", Kind::Histogram(DURATION), ["model"],
        "Time for which exchanges waited.";
    QUEUE_RESULTS = "outrigger_queue_results_total", Kind::Counter, ["model", "result"],
        "Exchanges that came to the queue: served, full (by which bound) or too_long.";
    HEDGES = "outrigger_hedges_total", Kind::Counter, ["model", "winner"],
        "Second attempts beside slow first ones, by which came first: first, hedge or none.";
    SHADOWS = "outrigger_shadows_total", Kind::Counter, ["model", "result"],
        "Copies to a shadow target: compared, failed, alone (the app's reply came to no end), or why there was none.";
    SHADOW_OUTPUT = "outrigger_shadow_output_ratio", Kind::Histogram(RATIO), ["model"],
        "Output tokens of a shadow's reply to those of the app's.";
    SHADOW_LATENCY = "outrigger_shadow_latency_ratio", Kind::Histogram(RATIO), ["model", "until"],
        "Time of a shadow to that of the exchange, until the first content or the end.";
    SHADOW_COST_RATIO = "outrigger_shadow_cost_ratio", Kind::Histogram(RATIO), ["model"],
        "Cost of a shadow to that of the exchange.";
    SHADOW_FINISH = "outrigger_shadow_finish_total", Kind::Counter, ["model", "same"],
        "Shadows that were compared, by whether they ended for the same reason.";
    SHADOW_COST = "outrigger_shadow_cost_nanousd_total", Kind::Counter, ["model"],
        "Billionths of a dollar that shadows cost; they are in no exchange's cost.";
    CANARY = "outrigger_canary_exchanges_total", Kind::Counter, ["model", "arm"],
        "Exchanges of a model's canary, and of its control.";
    CANARY_ROLLED_BACK = "outrigger_canary_rolled_back", Kind::Gauge, ["model"],
        "1 while a model's canary is rolled back.";
    DISCONNECTS = "outrigger_client_disconnects_total", Kind::Counter, ["settled"],
        "Apps that hung up before the end, and whether usage was settled all the same.";
    INSPECTION = "outrigger_inspection_bytes_total", Kind::Counter, ["plugin", "inspected", "reason"],
        "Coverage: bytes of text that each policy was shown, or reads and was not shown, with the reason.";
    HOLDBACK_SECONDS = "outrigger_stream_holdback_seconds", Kind::Histogram(HOLDBACK), ["plugin"],
        "How long a policy held back text of a stream.";
    HOLDBACK_BYTES = "outrigger_stream_holdback_bytes", Kind::Histogram(BYTES), ["plugin"],
        "How much text of a channel a policy held back at once.";
    CALLS = "outrigger_plugin_calls_total", Kind::Counter, ["plugin", "plugin_version", "phase", "outcome"],
        "Calls of policies' hooks.";
    CALL_SECONDS = "outrigger_plugin_duration_seconds", Kind::Histogram(CALL), ["plugin", "phase"],
        "Duration of policies' calls, the instance included.";
    VERDICTS = "outrigger_plugin_verdicts_total", Kind::Counter, ["plugin", "verdict"],
        "What policies did to exchanges; faulted and skipped ones went on or were refused as on_error says.";
    MEMORY = "outrigger_plugin_memory_bytes", Kind::Gauge, ["plugin"],
        "The largest memory that an instance of the policy has used.";
    QUARANTINED = "outrigger_plugin_quarantined", Kind::Gauge, ["plugin"],
        "1 while the policy is not called, after repeated faults.";
    LOAD_FAILURES = "outrigger_plugin_load_failures_total", Kind::Counter, ["plugin"],
        "Policy files that could not be loaded.";
    RELOADS = "outrigger_reloads_total", Kind::Counter, ["result"],
        "Changes of configuration or policies that were taken up, or were not.";
    REFUSED = "outrigger_reload_refused", Kind::Gauge, [],
        "1 while the last change of configuration or policies was not taken up, wholly or in part.";
    GENERATION = "outrigger_reload_generation", Kind::Gauge, [],
        "Number of the generation in force.";
    LOG_DROPPED = "outrigger_log_lines_dropped_total", Kind::Counter, [],
        "Log lines that were dropped because nobody read them fast enough.";
    STORE_DEGRADED = "outrigger_store_degraded_total", Kind::Counter, ["store", "action"],
        "What was decided without the shared store while it could not serve: share, block or skip.";
    STORE_FAULTS = "outrigger_store_faults_total", Kind::Counter, ["store", "reason"],
        "Calls of the shared store that failed: gone, slow, full, refused, or unsupported by the server (vectors).";
    STORE_DROPPED = "outrigger_store_dropped_total", Kind::Counter, ["store", "reason"],
        "What stores dropped: settlements without room (unsettled) or refused, replies that were damaged or of another version, and buckets that had to share one (overflow).";
    STORE_UNSETTLED = "outrigger_store_unsettled", Kind::Gauge, [],
        "Settlements that the shared store does not have yet.";
    STORE_UP = "outrigger_store_up", Kind::Gauge, ["store"],
        "1 while the shared store answers in time.";
    REPLIES_KEPT = "outrigger_replies_kept_total", Kind::Counter, ["result"],
        "Replies that policies wanted kept: kept, or why not.";
    FROM_STORE = "outrigger_replies_served_total", Kind::Counter, ["kind"],
        "Exchanges that were answered by a kept reply or by another exchange's (shared); unreadable ones were dropped.";
    EMBEDDINGS = "outrigger_embeddings_total", Kind::Counter, ["plugin", "result"],
        "Texts that policies wanted vectors of: from the cache (hit), with another one's request (joined), embedded, or why not: timeout, busy (too many requests), failed, malformed, too_large, none (there is no embedder).";
    EMBEDDING_SECONDS = "outrigger_embedding_request_seconds", Kind::Histogram(FIRST), ["upstream", "outcome"],
        "Requests to the embedder, by what came of them: embedded, timeout, failed, malformed.";
    CONNECTIONS = "outrigger_connections_total", Kind::Counter, ["mode", "action"],
        "Connections (CONNECTs, and plain requests through the forward proxy) by the mode in which they came in and by their treatment.";
    CONNECTIONS_REFUSED = "outrigger_connections_refused_total", Kind::Counter, ["mode", "reason"],
        "Connections that were refused, at once or after their first bytes were read.";
    PASSED = "outrigger_tls_passthrough_total", Kind::Counter, ["reason"],
        "Tunnels by the reason why nobody reads them: no upstream claims the host, TLS without a name, no TLS, or a server that spoke first.";
    TUNNELLED = "outrigger_tunnel_bytes_total", Kind::Counter, ["direction"],
        "Bytes that tunnels passed on: sent by apps, or received by them.";
    TUNNELS = "outrigger_tunnels", Kind::Gauge, [],
        "Tunnels that are open.";
    LANDLOCK = "outrigger_landlock_abi", Kind::Gauge, [],
        "Version of the kernel's Landlock that restricts this process; 0 where none does.";
    CONNECTIONS_OPEN = "outrigger_connections_open", Kind::Gauge, [],
        "Connections of apps.";
    SHED = "outrigger_shed_total", Kind::Counter, ["reason"],
        "Work that was turned away: exchanges for want of memory, delay (of workers), exchanges or bodies, and connections.";
    PRESSURE = "outrigger_memory_pressure", Kind::Gauge, [],
        "Memory in use as a share of its limit; 0 where there is none.";
    CUT = "outrigger_connections_cut_total", Kind::Counter, ["reason"],
        "Connections that were closed on apps: idle for too long, evicted for new ones, or stalled with a reply unread.";
    BUILD = "outrigger_build_info", Kind::Gauge, ["version"],
        "Always 1.";
    RESIDENT = "process_resident_memory_bytes", Kind::Gauge, [],
        "Resident memory of the process.";
    TOKEN_USAGE = "gen_ai_client_token_usage", Kind::Histogram(TOKEN_COUNTS),
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"],
        "Tokens of an exchange, input (cached ones included) and output.";
    SERVER_DURATION = "gen_ai_server_request_duration", Kind::Histogram(DURATION),
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Seconds from a request's first byte to the reply's last.";
    FIRST_TOKEN = "gen_ai_server_time_to_first_token", Kind::Histogram(FIRST),
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Seconds from a request's first byte to the reply's first content.";
    TIME_PER_TOKEN = "gen_ai_server_time_per_output_token", Kind::Histogram(PER_TOKEN),
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Seconds per generated token after the first.";
    INFERENCE_DURATION = "gen_ai_client_inference_duration", Kind::Histogram(DURATION),
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Seconds from a request's first byte to the reply's last; with the names of genai-0.1.";
    OPERATION_INPUT = "gen_ai_client_inference_operation_input_tokens", Kind::Histogram(TOKEN_COUNTS),
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Input tokens of an exchange, cached ones included; with the names of genai-0.1.";
    OPERATION_OUTPUT = "gen_ai_client_inference_operation_output_tokens", Kind::Histogram(TOKEN_COUNTS),
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Output tokens of an exchange, reasoning included; with the names of genai-0.1.";
    USED_INPUT = "gen_ai_client_inference_usage_input_tokens_total", Kind::Counter,
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Input tokens, cached ones included; with the names of genai-0.1.";
    USED_OUTPUT = "gen_ai_client_inference_usage_output_tokens_total", Kind::Counter,
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Output tokens, reasoning included; with the names of genai-0.1.";
    USED_CACHE_READ = "gen_ai_client_inference_usage_cache_read_input_tokens_total", Kind::Counter,
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Input tokens that providers had cached; with the names of genai-0.1.";
    USED_CACHE_WRITE = "gen_ai_client_inference_usage_cache_write_input_tokens_total", Kind::Counter,
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Input tokens that providers wrote into their caches; with the names of genai-0.1.";
    USED_REASONING = "gen_ai_client_inference_usage_reasoning_output_tokens_total", Kind::Counter,
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        "Output tokens that were reasoning; with the names of genai-0.1.";
    TRACE_SPANS = "outrigger_trace_spans_total", Kind::Counter, ["result"],
        "Spans of traced exchanges: exported, or why not (queue: there was no room; failed: the collector was gone, slow or refused them; rejected: it took the others of their batch).";
    TRANSLATIONS = "outrigger_translations_total", Kind::Counter, ["from", "to"],
        "Exchanges whose last attempt was translated, by the dialects of the caller and of the target.";
    TRANSLATION_DROPPED = "outrigger_translation_dropped_total", Kind::Counter, ["to", "field"],
        "Fields that translations left out, as only cost or taste changes by that.";
    COST = "outrigger_cost_usd_total", Kind::Counter, ["model", "upstream", "tenant", "feature", "plan", "region"],
        "Dollars that exchanges cost, as far as their models have a price.";
    UNPRICED = "outrigger_unpriced_requests_total", Kind::Counter, ["model", "upstream"],
        "Exchanges whose model has no price: their cost is in no sum.";
    TOKENS = "outrigger_tokens_total", Kind::Counter, ["kind", "model", "upstream", "tenant", "feature", "plan", "region"],
        "Tokens: input, of which cached and written to the cache; output, of which reasoning.";
    TOKENS_ESTIMATED = "outrigger_tokens_estimated_total", Kind::Counter, ["model", "upstream"],
        "Tokens that the provider did not report: counted by estimate.";
    TAGS_IGNORED = "outrigger_tags_ignored_total", Kind::Counter, [],
        "Tags that callers sent and that were left out: too long, unprintable or too many.";
}
