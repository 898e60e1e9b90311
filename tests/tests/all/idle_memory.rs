//! Memory of a process that serves nothing: by part, and after load has gone.

use std::collections::BTreeMap;
use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};

use super::config;

/// The chain of the benchmark.
const FIVE: &str = r#"
    - { use: model-router, config: { rules: [{ match: { model: "gpt-*" }, model: large }] } }
    - { use: pii-redact, config: { detect: [email, phone], mode: tokenize } }
    - { use: prompt-guard, config: {} }
    - { use: context-window, config: { budget: 16000 } }
    - { use: static-reply, config: { rules: [{ when: { exact: [hello] }, reply: "Hello." }] } }"#;

/// Resident KiB by part of the address space; empty where this user may not look.
fn resident(sidecar: &Sidecar) -> BTreeMap<&'static str, u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/smaps", sidecar.pid()));
    let mut parts = BTreeMap::new();
    let mut part = "other";
    for line in text.unwrap_or_default().lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match fields[..] {
            [range, access, _, _, _, ref path @ ..] if range.contains('-') => {
                part = match (path.first().copied().unwrap_or(""), access) {
                    (path, "r-xp") if path.ends_with("/outrigger") => "code",
                    (path, _) if path.ends_with("/outrigger") => "rodata and data",
                    (path, _) if path.contains(".so") => "libraries",
                    (path, _) if path.starts_with('/') => "images of policies",
                    ("" | "[heap]", _) => "heap",
                    _ => "stack and kernel",
                };
            }
            ["Rss:", kib, "kB"] => *parts.entry(part).or_default() += kib.parse::<u64>().unwrap(),
            _ => {}
        }
    }
    parts
}

fn check_idle(chain: &str, most_heap: u64) {
    let upstream = Upstream::always(replies::json_body(&Api::Chat.whole("hi")));
    let sidecar = Sidecar::start(&config(&upstream, chain));
    if resident(&sidecar).is_empty() {
        return println!("skipped: this user may not look into the process's memory");
    }
    let is_small = || {
        let parts = resident(&sidecar);
        let heap = parts.get("heap").copied().unwrap_or_default();
        heap < most_heap
    };
    eventually("what the start left is given back", is_small);
    // The code of a test's build is several times that of a release: no bound is set on it.
    let parts = resident(&sidecar);
    println!("{} KiB: {parts:?}", parts.values().sum::<u64>());
}

#[test]
fn an_idle_sidecar_without_policies_keeps_two_mebibytes_of_heap() {
    check_idle("", 2 << 10);
}

#[test]
fn an_idle_sidecar_with_five_policies_keeps_four_mebibytes_of_heap() {
    check_idle(FIVE, 4 << 10);
}

/// Opens so many streams at once and lets them end. What `measure` finds has to become small then,
/// as `is_small(before, open, now)` reports.
fn load(
    chain: &str,
    streams: usize,
    measure: fn(&Sidecar) -> u64,
    is_small: fn(u64, u64, u64) -> bool,
) {
    let upstream = Upstream::start(|_, _| {
        let events = Api::Chat.events(&["one", "two"]);
        let mut steps = vec![Step::Send(replies::stream_head())];
        steps.push(Step::Send(replies::chunk(events[0].as_bytes())));
        steps.push(Step::Pause(Duration::from_millis(1500)));
        for event in &events[1..] {
            steps.push(Step::Send(replies::chunk(event.as_bytes())));
        }
        steps.push(Step::Send(replies::last_chunk()));
        steps
    });
    let sidecar = Sidecar::start(&config(&upstream, chain));
    if resident(&sidecar).is_empty() {
        return println!("skipped: this user may not look into the process's memory");
    }
    let most = if chain.is_empty() { 2 << 10 } else { 4 << 10 };
    let is_rested = || resident(&sidecar)["heap"] < most;
    eventually("what the start left is given back", is_rested);
    let before = measure(&sidecar);
    let body = Api::Chat.ask("m", "hi", true).to_string();
    let headers = ["content-type: application/json", "connection: keep-alive"];
    let request = wire::request("POST", Api::Chat.path(), &headers, body.as_bytes());
    let mut connections: Vec<_> = (0..streams)
        .map(|_| wire::Connection::open(sidecar.base))
        .collect();
    for stream in &mut connections {
        stream.send(&request);
    }
    let heads: Vec<_> = connections
        .iter_mut()
        .map(|stream| stream.head().unwrap().1)
        .collect();
    let open = measure(&sidecar);
    assert!(open > before, "{before} KiB, {open} with {streams} streams");
    for (stream, head) in connections.iter_mut().zip(&heads) {
        assert_eq!(stream.body(head).1, wire::End::Complete);
    }
    drop(connections);
    println!("{before} KiB, {open} with {streams} streams");
    eventually("what the streams left is given back", || {
        is_small(before, open, measure(&sidecar))
    });
}

#[test]
fn memory_of_streams_is_given_back_after_their_end() {
    let heap = |sidecar: &Sidecar| resident(sidecar).get("heap").copied().unwrap_or_default();
    load("", 200, heap, |before, open, now| {
        now < before + open.saturating_sub(before) / 2
    });
}

/// KiB of the kernel's tables for the process's address space: each instance of a policy has pages
/// of its own there, whatever else is on the heap.
fn page_tables(sidecar: &Sidecar) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", sidecar.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPTE:"));
    line.unwrap().trim_end_matches("kB").trim().parse().unwrap()
}

#[test]
fn pools_of_instances_go_after_the_streams_that_needed_them() {
    load(FIVE, 300, page_tables, |before, open, now| {
        now < before + open.saturating_sub(before) / 4
    });
}
