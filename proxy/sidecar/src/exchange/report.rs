//! Reports what happens in the chain: metrics for all of it, a log line where somebody may have to
//! act.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use policy::{
    Coverage, Fault, LoadedPolicy, Run,
    chain::{Activity, Listener},
};
use tracing::{debug, info, warn};

use crate::telemetry::{
    Verdict,
    metrics::{Hook, PolicyMeter},
};

/// Reports what happens to one policy.
#[derive(Debug)]
pub struct PolicyReporter {
    meter: Arc<PolicyMeter>,
    /// The most that was reported: nearly all calls need no more.
    memory: AtomicU64,
}

impl PolicyReporter {
    /// Counts with `meter`.
    pub const fn new(meter: Arc<PolicyMeter>) -> Self {
        Self {
            meter,
            memory: AtomicU64::new(0),
        }
    }
}

/// Returns what each policy that was called did.
pub(super) fn verdicts(run: &Run) -> Vec<Verdict> {
    let called = run
        .activities()
        .filter_map(|(policy, verdict, activity, _)| {
            let Activity {
                request,
                reply,
                took,
                ..
            } = activity;
            Some(Verdict {
                name: Arc::clone(&policy.name),
                version: Arc::clone(&policy.version),
                verdict: verdict?.label(),
                micros: u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
                edits: request.edits.clone(),
                reply_edits: reply.edits.clone(),
            })
        });
    called.collect()
}

/// Logs what each policy of the chain was shown and answered, where `log.level` is `debug`: numbers
/// and names, never text. A policy that was not called has a line, too.
pub(super) fn log_activities(id: &str, run: &Run) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    for (policy, verdict, activity, coverage) in run.activities() {
        let Activity {
            request,
            reply,
            fault,
            ..
        } = activity;
        let missed: Vec<String> = (coverage.missed().iter())
            .map(|(reason, bytes)| format!("{reason} {bytes}"))
            .collect();
        debug!(
            id,
            policy = %policy.name,
            version = %policy.version,
            answered = verdict.map_or("not called", policy::chain::Verdict::label),
            fault,
            request.calls,
            request.passages = request.texts,
            request.bytes,
            request.micros = micros(request.took),
            request.edits = %request.edits,
            reply.calls,
            reply.deltas = reply.texts,
            reply.bytes,
            reply.micros = micros(reply.took),
            reply.edits = %reply.edits,
            missed = missed.join(", "),
            "policy"
        );
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Listener for PolicyReporter {
    fn called(
        &self,
        policy: &LoadedPolicy,
        hook: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let hook = match hook {
            "request" => Hook::Request,
            "reply" => Hook::Reply,
            "failure" => Hook::Failure,
            "attempt" => Hook::Attempt,
            _ => Hook::End,
        };
        self.meter.call(hook, outcome, took);
        let memory = policy.program.memory_high_water();
        if self.memory.fetch_max(memory, Ordering::Relaxed) < memory {
            self.meter.memory(memory);
        }
    }

    fn faulted(&self, policy: &LoadedPolicy, hook: &'static str, fault: &Fault) {
        warn!(policy = %policy.name, version = %policy.version, hook, %fault, "policy failed");
    }

    fn quarantined(&self, policy: &LoadedPolicy, open: bool) {
        self.meter.quarantined(open);
        if open {
            warn!(policy = %policy.name, "policy quarantined after repeated faults; one exchange at a time will try it again");
        } else {
            info!(policy = %policy.name, "policy works again");
        }
    }

    fn withheld(&self, _: &LoadedPolicy, time: Duration, bytes: usize) {
        self.meter.holdback(time, bytes);
    }

    fn covered(&self, _: &LoadedPolicy, coverage: &Coverage) {
        self.meter.inspected(coverage.shown());
        for (reason, bytes) in coverage.missed() {
            self.meter.not_inspected(reason, *bytes);
        }
    }
}
