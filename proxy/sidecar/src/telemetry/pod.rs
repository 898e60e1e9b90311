//! Metrics of connections, tunnels and overload: a part of `metrics.rs`, which re-exports them.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use ::metrics::gauge;

use super::{
    metrics::{count, recorder, set},
    table,
};

/// Counts a connection by its treatment: `terminate`, `tunnel`, `refuse` or `plain`.
pub fn connection(mode: &'static str, action: &'static str) {
    count(table::CONNECTIONS, [mode, action], 1);
}

/// Counts a refused connection by reason.
pub fn connection_refused(mode: &'static str, reason: &'static str) {
    count(table::CONNECTIONS_REFUSED, [mode, reason], 1);
}

/// Counts a tunnel whose bytes nobody reads, by reason.
pub fn passed(reason: &'static str) {
    count(table::PASSED, [reason], 1);
}

/// Counts bytes that a tunnel passed on: `sent` by the app, or `received`.
pub fn tunnelled(direction: &'static str, bytes: u64) {
    count(table::TUNNELLED, [direction], bytes);
}

/// Counts a tunnel that opens, or ends. Steps rather than a level: two workers may report at once.
pub fn tunnel(opens: bool) {
    recorder();
    let open = gauge!(table::TUNNELS);
    match opens {
        true => open.increment(1.0),
        false => open.decrement(1.0),
    }
}

/// Sets the gauge of the Landlock ABI that restricts the process.
pub fn landlock(abi: u8) {
    set(table::LANDLOCK, f64::from(abi));
}

/// Counts work that was shed: `memory`, `delay`, `exchanges`, `bodies` or `connections`.
pub fn shed(reason: &'static str) {
    count(table::SHED, [reason], 1);
}

/// Counts a connection that was closed on an app: `idle`, `evicted` or `stalled`.
pub fn cut(reason: &'static str) {
    count(table::CUT, [reason], 1);
}

/// Sets the gauges of apps' connections, and of the share of the memory's limit that is in use.
pub fn load(connections: usize, pressure: f64) {
    set(table::CONNECTIONS_OPEN, connections as f64);
    set(table::PRESSURE, pressure);
}
