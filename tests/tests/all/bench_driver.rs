//! The bench's driver keeps its promises to scripts; the figures themselves are `make bench`'s.

use std::process::Command;

#[test]
fn the_bench_promises_the_keys_that_scripts_rely_on() {
    let output = Command::new("python3")
        .arg(outrigger_tests::root().join("tests/bench/run.py"))
        .arg("--keys")
        .output()
        .unwrap();
    let keys: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    let mut expected: Vec<String> = "cpu_ratio_empty_vs_passthrough cpu_ratio_empty_vs_nginx policy_call_us policy_hop_reused_us stream_event_us \
        ttft_added_p99_us_policies_3 redact_50kb_us rss_idle_mib rss_1000_streams_mib ready_cold_ms ready_cached_ms binary_mib reload_ms \
        rps_empty_vs_passthrough failover_added_ms alias_five_us black_hole_p99_ratio retries_share queue_callers_429_share queued_10000_mib \
        hold_us_per_stream"
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    for policies in [0, 1, 3, 5] {
        expected.push(format!("added_p50_us_policies_{policies}"));
        expected.push(format!("added_p99_us_policies_{policies}"));
    }
    for key in expected {
        assert!(keys.contains(&key), "{key} is missing");
    }
}
