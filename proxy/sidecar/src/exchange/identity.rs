//! The names of an exchange: the app's own id where it sent one, the caller's trace, or a new id.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, HeaderName};

use super::REQUEST_ID;
use crate::telemetry::trace;

/// W3C trace context's header.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longest id that is taken over from an app.
const LONGEST_ID: usize = 128;

/// The exchange's id: the app's own, or a new one.
pub(super) fn exchange_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given.filter(|id| (1..=LONGEST_ID).contains(&id.len())) {
        Some(id) => id.to_owned(),
        None => new_id(),
    }
}

/// The caller's trace, for the log line; the header itself passes as it is.
pub(super) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(TRACEPARENT)?.to_str().ok()?;
    trace::trace_id(value).map(str::to_owned)
}

/// A new id: 16 hexadecimal digits, from a seed of the process's own and a counter (splitmix64),
/// unique rather than secret.
fn new_id() -> String {
    static SEED: LazyLock<u64> = LazyLock::new(|| getrandom::u64().unwrap_or_default());
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut mixed = SEED.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let id = mixed ^ mixed >> 31;
    // Each exchange needs one, and `format!` takes ten times as long.
    let mut digits = [b'0'; 16];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(id.to_be_bytes()) {
        *pair = [hex(byte >> 4), hex(byte & 15)];
    }
    str::from_utf8(&digits).unwrap_or_default().to_owned()
}

/// The digit of a number below 16.
const fn hex(nibble: u8) -> u8 {
    match nibble {
        0..10 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}
