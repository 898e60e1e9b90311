//! Metrics of targets, breakers, budgets and queues: a part of `metrics.rs`, which re-exports them.
//! Labels are names of the configuration's and words of the program.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::{sync::Arc, time::Duration};

use ::metrics::{counter, gauge, histogram};

use super::{
    metrics::{count, count_attempt_result, recorder},
    table,
};
use crate::cost::NanoDollars;

/// Counts what became of an attempt: `success`, or the failure's class.
pub fn attempt_result(upstream: &Arc<str>, class: &'static str) {
    count_attempt_result(upstream, class);
}

/// Counts an opening of a breaker.
pub fn breaker_opened(part: &'static str, cause: &'static str) {
    count(table::BREAKER_OPENED, [part, cause], 1);
}

/// Sets the gauge of a target's breaker: 0 closed, 1 half open, 2 open.
pub fn breaker_state(target: &str, state: u8) {
    recorder();
    gauge!(table::BREAKER_STATE, "target" => target.to_owned()).set(f64::from(state));
}

/// Sets the gauge of an alias's targets that are not open.
pub fn targets_usable(alias: &str, usable: usize) {
    recorder();
    gauge!(table::TARGETS_USABLE, "model" => alias.to_owned()).set(usable as f64);
}

/// Counts a retry that an alias's budget had no room for.
pub fn retry_budget_spent(alias: &str) {
    recorder();
    counter!(table::RETRY_BUDGET_SPENT, "model" => alias.to_owned()).increment(1);
}

/// Sets the gauge of exchanges that wait.
pub fn queue_depth(alias: &str, exchanges: usize) {
    recorder();
    gauge!(table::QUEUE_DEPTH, "model" => alias.to_owned()).set(exchanges as f64);
}

/// Counts an exchange that came to a queue, by what became of it, and how long it waited.
pub fn queued(alias: &str, result: &'static str, waited: Duration) {
    recorder();
    counter!(table::QUEUE_RESULTS, "model" => alias.to_owned(), "result" => result).increment(1);
    histogram!(table::QUEUE_SECONDS, "model" => alias.to_owned()).record(waited.as_secs_f64());
}

/// Counts a second attempt beside a slow first one, by which came first: `first`, `hedge`, `none`.
pub fn hedge(alias: &str, winner: &'static str) {
    recorder();
    counter!(table::HEDGES, "model" => alias.to_owned(), "winner" => winner).increment(1);
}

/// Counts a copy to a shadow target: `compared`, `failed`, `alone` (the app's reply came to no end),
/// or the reason why there was none: `loaded`, `busy` (too many are under way), `unfit` (the call may
/// not be copied, or the target can't take it), `no_key`, `limited`, `unpriced`, `money`.
pub fn shadow(alias: &str, result: &'static str) {
    recorder();
    counter!(table::SHADOWS, "model" => alias.to_owned(), "result" => result).increment(1);
}

/// A shadow beside the exchange that it is a copy of: its figures to that one's, as far as both are
/// known.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShadowRatios {
    /// Output tokens.
    pub output: Option<f64>,
    /// Times to the first content.
    pub first_content: Option<f64>,
    /// Times to the end.
    pub end: Option<f64>,
    /// Costs.
    pub cost: Option<f64>,
    /// Whether they ended for the same reason.
    pub same_finish: Option<bool>,
}

/// Records how a shadow compares.
pub fn shadow_ratios(alias: &str, ratios: &ShadowRatios) {
    recorder();
    let model = || alias.to_owned();
    if let Some(output) = ratios.output {
        histogram!(table::SHADOW_OUTPUT, "model" => model()).record(output);
    }
    for (until, ratio) in [("first_content", ratios.first_content), ("end", ratios.end)] {
        if let Some(ratio) = ratio {
            histogram!(table::SHADOW_LATENCY, "model" => model(), "until" => until).record(ratio);
        }
    }
    if let Some(cost) = ratios.cost {
        histogram!(table::SHADOW_COST_RATIO, "model" => model()).record(cost);
    }
    if let Some(same) = ratios.same_finish {
        let same = if same { "true" } else { "false" };
        counter!(table::SHADOW_FINISH, "model" => model(), "same" => same).increment(1);
    }
}

/// Counts what a shadow cost.
pub fn shadow_cost(alias: &str, cost: NanoDollars) {
    recorder();
    counter!(table::SHADOW_COST, "model" => alias.to_owned()).increment(cost.0);
}

/// Counts an exchange of a model's canary, or of its control.
pub fn canary(alias: &str, arm: &'static str) {
    recorder();
    counter!(table::CANARY, "model" => alias.to_owned(), "arm" => arm).increment(1);
}

/// Sets the gauge of a canary that is rolled back.
pub fn canary_rolled_back(alias: &str, is_back: bool) {
    recorder();
    gauge!(table::CANARY_ROLLED_BACK, "model" => alias.to_owned())
        .set(f64::from(u8::from(is_back)));
}
