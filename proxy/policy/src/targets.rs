//! The view that policies have of targets and attempts, and their claims about them.

use std::time::Duration;

/// Targets that policies may prefer, exclude or name to be tried at once, each list of one exchange.
pub const MOST_TARGETS: usize = 64;
/// Longest name of a target, in bytes.
pub const LONGEST_TARGET: usize = 512;

/// A target that an exchange may go to, as it stands when it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// `upstream/model`, the name by which policies speak of it.
    pub name: String,
    /// Name of the upstream.
    pub upstream: String,
    /// Model, as the upstream calls it.
    pub model: String,
    /// Label that the operator gave the upstream.
    pub region: Option<String>,
    /// Dialect of the upstream, as the configuration has it: `openai`, `anthropic`, `gemini`.
    pub dialect: String,
    /// Price of the model there; none where it has no price.
    pub price: Option<CandidatePrice>,
    /// Estimated cost of this exchange there, in millionths of a dollar; none without a price.
    pub cost_microusd: Option<u64>,
    /// Tokens that the model takes, its reply's included; none where unknown.
    pub window: Option<u64>,
    /// Most tokens of a reply; none where unknown.
    pub output: Option<u64>,
    /// The inputs that the model is known to take besides text: `tools`, `images`, …
    pub takes: Vec<String>,
    /// The inputs that it is known not to take, in the same words.
    pub lacks: Vec<String>,
    /// Estimated milliseconds to the first content; none before anything was seen of it.
    pub first_token_ms: Option<u32>,
    /// Attempts under way, of this process.
    pub in_flight: u32,
    /// State of its breaker: `closed`, `half_open`, `open`.
    pub breaker: String,
    /// Milliseconds until it takes exchanges again, where it is open or limited and the end is
    /// known.
    pub retry_after_ms: Option<u32>,
    /// Requests that the provider says are left, in the key that has most.
    pub requests_left: Option<u64>,
    /// Tokens that the provider says are left, in the key that has most.
    pub tokens_left: Option<u64>,
}

/// Price of a million tokens, in millionths of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandidatePrice {
    /// Of the input, where nothing of it was cached.
    pub input_microusd: u64,
    /// Of the output.
    pub output_microusd: u64,
}

/// An attempt that an exchange has made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttemptMade {
    /// `upstream/model`.
    pub target: String,
    /// `success`, or the class of its failure: `rate`, `overload`, …
    pub class: String,
    /// Status that the upstream answered; 0 where none came.
    pub status: u16,
    /// Milliseconds from its beginning to its end, or to the end of its reply.
    pub total_ms: u32,
    /// Milliseconds to wait, where the upstream gave them.
    pub retry_after_ms: Option<u32>,
}

/// The answer in the place of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rescue {
    /// An answer with this text, as a model would give it.
    Text(String),
    /// A refusal.
    Denied(super::Denial),
    /// Attempts at these targets, in this order.
    TryNow(Vec<String>),
}

/// Reports whether a list has room for one more target, and this may be a target's name.
pub(crate) fn fits(list: &[String], name: &str) -> bool {
    list.len() < MOST_TARGETS && (1..=LONGEST_TARGET).contains(&name.len())
}

/// Returns the shorter of two times, where there are any.
pub(crate) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
