//! Metrics of the embedder: a part of `metrics.rs`, which re-exports them. Labels are names of the
//! configuration's and words of the program.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::{sync::Arc, time::Duration};

use ::metrics::histogram;
use dialect::Usage;

use super::{
    account,
    metrics::{count_embedding, recorder},
    table,
};
use crate::cost::NanoDollars;

/// Counts a text that a policy wanted a vector of, by what became of it.
pub fn embedded(policy: &str, result: &'static str) {
    count_embedding(policy, result);
}

/// Counts a request to the embedder, and the time that it took.
pub fn embedding_request(upstream: &str, outcome: &'static str, took: Duration) {
    recorder();
    let upstream = upstream.to_owned();
    histogram!(table::EMBEDDING_SECONDS, "upstream" => upstream, "outcome" => outcome)
        .record(took.as_secs_f64());
}

/// Counts the tokens and the cost of a request to the embedder, with those of exchanges.
pub fn embedding_spent(
    model: Arc<str>,
    upstream: Arc<str>,
    usage: Usage,
    cost: Option<NanoDollars>,
) {
    account::count_beside(model, upstream, usage, cost);
}
