//! Metrics of exchanges that no dialect reads, by their endpoint.
//!
//! They are counted with all others, too, under the dialect `other`. Their handles are looked up
//! anew for each: such exchanges are rare, or long.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use ::metrics::{counter, histogram};
use dialect::endpoint::Endpoint;

use super::{Record, exchange::status_label, metrics::recorder, table};

/// Counts an exchange that passed unread; see [`super::settle`].
pub(super) fn count(record: &Record, endpoint: Endpoint) {
    recorder();
    let endpoint = endpoint.name();
    let upstream = record.upstream.as_deref().unwrap_or("none").to_owned();
    let status = status_label(record.status);
    counter!(table::UNREAD_REQUESTS, "endpoint" => endpoint, "upstream" => upstream, "status" => status)
        .increment(1);
    histogram!(table::UNREAD_SECONDS, "endpoint" => endpoint).record(record.total.as_secs_f64());
    for (metric, by) in [
        (table::UNREAD_REQUEST_BYTES, record.request_bytes),
        (table::UNREAD_REPLY_BYTES, record.reply_bytes),
        (table::UNREAD_IMAGES, record.images),
        (table::UNREAD_AUDIO, record.audio_seconds),
    ] {
        if by > 0 {
            counter!(metric, "endpoint" => endpoint).increment(by);
        }
    }
}
