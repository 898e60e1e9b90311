//! Metrics of targets, breakers, budgets and queues: a part of `metrics.rs`, which re-exports them.
//! Labels are names of the configuration's and words of the program.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ::metrics::{counter, gauge, histogram};
use parking_lot::Mutex;

use super::{
    metrics::{count, count_attempt_result, recorder},
    table,
};
use crate::cost::NanoDollars;

/// Counts what became of an attempt: `success`, or the failure's class.
pub fn attempt_result(upstream: &Arc<str>, class: &'static str) {
    count_attempt_result(upstream, class);
}

/// Counts a translated exchange, and what was left out of it.
pub fn translated(from: &'static str, translated: &super::Translated) {
    count(table::TRANSLATIONS, [from, translated.to], 1);
    for field in &translated.dropped {
        count(table::TRANSLATION_DROPPED, [translated.to, field], 1);
    }
}

/// Counts an opening of a breaker.
pub fn breaker_opened(part: &'static str, cause: &'static str) {
    count(table::BREAKER_OPENED, [part, cause], 1);
}

/// The gauges of targets and of aliases that somebody keeps.
#[derive(Default)]
pub struct TargetGauges(Mutex<[BTreeSet<String>; 2]>);

impl TargetGauges {
    /// Sets the gauges of targets' breakers (0 closed, 1 half open, 2 open) and of each alias's
    /// targets that are not open. One that was set before and is in neither list any more is no
    /// number from then on: no alert goes on about what is gone.
    pub fn set<'a>(
        &self,
        breakers: impl Iterator<Item = (&'a str, u8)>,
        usable: impl Iterator<Item = (&'a str, usize)>,
    ) {
        recorder();
        let [targets, aliases] = &mut *self.0.lock();
        let breakers = breakers.map(|(target, state)| (target, f64::from(state)));
        set_all(targets, breakers, |target, value| {
            gauge!(table::BREAKER_STATE, "target" => target).set(value);
        });
        let usable = usable.map(|(alias, usable)| (alias, usable as f64));
        set_all(aliases, usable, |alias, value| {
            gauge!(table::TARGETS_USABLE, "model" => alias).set(value);
        });
    }
}

fn set_all<'a>(
    known: &mut BTreeSet<String>,
    values: impl Iterator<Item = (&'a str, f64)>,
    set: impl Fn(String, f64),
) {
    let mut gone = std::mem::take(known);
    for (name, value) in values {
        gone.remove(name);
        known.insert(name.to_owned());
        set(name.to_owned(), value);
    }
    gone.into_iter().for_each(|name| set(name, f64::NAN));
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
    /// True if they ended for the same reason.
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
