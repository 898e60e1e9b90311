//! Metrics of an exchange's tokens, by the names that were chosen.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::sync::OnceLock;

use ::metrics::{Counter, Histogram, Label, counter, histogram};
use dialect::Usage;

use super::{names, table};
use crate::config::Names;

/// Counters of release 0.1 of the conventions, in the order of [`counts`].
const COUNTERS: [&str; 5] = [
    table::USED_INPUT,
    table::USED_OUTPUT,
    table::USED_CACHE_READ,
    table::USED_CACHE_WRITE,
    table::USED_REASONING,
];

/// The handles of one set of labels.
pub(super) struct TokenMeter {
    /// Input and output.
    classic: Option<[Histogram; 2]>,
    genai_01: Option<ByKind>,
}

struct ByKind {
    /// Made when there first is something to count: few models write into a cache.
    counters: [OnceLock<Counter>; COUNTERS.len()],
    /// Input and output of one exchange.
    histograms: [Histogram; 2],
}

const fn counts(usage: &Usage) -> [u64; COUNTERS.len()] {
    [
        usage.input,
        usage.output,
        usage.cached,
        usage.written,
        usage.reasoning,
    ]
}

impl TokenMeter {
    pub(super) fn new(labels: &[Label], names: Names) -> Self {
        let of_kind = |kind| {
            let mut labels = labels.to_vec();
            labels.push(Label::from_static_parts("gen_ai_token_type", kind));
            histogram!(table::TOKEN_USAGE, labels)
        };
        Self {
            classic: names::TOKEN_USAGE
                .is_in(names)
                .then(|| ["input", "output"].map(of_kind)),
            genai_01: names::TOKEN_COUNTERS.is_in(names).then(|| ByKind {
                counters: Default::default(),
                histograms: [
                    histogram!(table::OPERATION_INPUT, labels.to_vec()),
                    histogram!(table::OPERATION_OUTPUT, labels.to_vec()),
                ],
            }),
        }
    }

    pub(super) fn record(&self, labels: &[Label], usage: &Usage) {
        let both = [usage.input, usage.output];
        for (histogram, tokens) in self.classic.iter().flatten().zip(both) {
            histogram.record(tokens as f64);
        }
        let Some(by_kind) = &self.genai_01 else {
            return;
        };
        for (histogram, tokens) in by_kind.histograms.iter().zip(both) {
            histogram.record(tokens as f64);
        }
        let counters = by_kind.counters.iter().zip(COUNTERS).zip(counts(usage));
        for ((cell, name), tokens) in counters.filter(|(_, tokens)| *tokens > 0) {
            cell.get_or_init(|| counter!(name, labels.to_vec()))
                .increment(tokens);
        }
    }
}
