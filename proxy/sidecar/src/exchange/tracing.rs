//! The trace of an exchange that is sampled: the parent that its requests name, and what becomes of
//! it at the exchange's end. What is not sampled pays for a look at a pointer.

use std::time::Duration;

use http::request::Parts;
use policy::{Run, chain::TracedPolicy};
use tokio::time::Instant;

use super::settle::ExchangeGuard;
use crate::telemetry::{
    Record,
    trace::{AttemptSpan, PolicySpans, Trace, Tracer},
};

impl ExchangeGuard {
    /// Begins the span of an attempt, whose request this is the head of.
    pub(super) fn begin_attempt(&self, head: &mut Parts) -> Option<Box<AttemptSpan>> {
        let trace = self.trace.as_deref()?;
        Some(trace.attempt(head, self.begun.elapsed()))
    }

    /// Begins a pass through the chain; its calls are noted where the exchange is traced.
    pub(super) fn begin_run(&mut self, mut run: Run) {
        if self.trace.is_some() {
            run.trace();
        }
        self.run = Some(run);
    }

    /// Takes what policies did so far, where the exchange is traced.
    pub(super) fn traced_policies(&mut self) -> Vec<PolicySpans> {
        match (&self.trace, &mut self.run) {
            (Some(_), Some(run)) => spans(run.traced(), self.begun),
            _ => Vec::new(),
        }
    }

    /// Ends the trace with the exchange's record, which is of no more use here.
    pub(super) fn end_trace(&mut self, policies: Vec<PolicySpans>) {
        if let (Some(tracer), Some(trace)) = (&self.shared.tracer, self.trace.take()) {
            let nothing = Record::new(String::new(), self.record.dialect);
            let record = std::mem::replace(&mut self.record, nothing);
            tracer.end(trace, record, policies);
        }
    }

    /// The end of the trace of hooks that are called after the exchange's end.
    pub(super) fn late_trace(&self) -> Option<LateTrace> {
        Some(LateTrace {
            tracer: self.shared.tracer.clone()?,
            trace: self.trace.as_ref()?.copy(),
            begun: self.begun,
        })
    }
}

/// The trace of an exchange whose end hooks are called.
pub(super) struct LateTrace {
    tracer: Tracer,
    trace: Box<Trace>,
    begun: Instant,
}

impl LateTrace {
    /// Takes what was called.
    pub(super) fn end(self, policies: Vec<TracedPolicy>) {
        let policies = spans(policies, self.begun);
        self.tracer.end_hooks(self.trace, policies);
    }
}

/// Names and figures alone: what waits for its export keeps no policy's code.
fn spans(policies: Vec<TracedPolicy>, begun: Instant) -> Vec<PolicySpans> {
    let begun = begun.into_std();
    let since = |call: std::time::Instant| -> Duration { call.saturating_duration_since(begun) };
    let spans = |traced: TracedPolicy| PolicySpans {
        name: traced.policy.name.clone(),
        version: traced.policy.version.clone(),
        shown: traced.coverage.shown(),
        missed: traced
            .coverage
            .missed()
            .iter()
            .map(|(_, bytes)| bytes)
            .sum(),
        reasons: (traced.coverage.missed().iter())
            .map(|(reason, _)| *reason)
            .collect(),
        hooks: (traced.hooks.into_iter())
            .map(|calls| (since(calls.begun), calls))
            .collect(),
    };
    policies.into_iter().map(spans).collect()
}
