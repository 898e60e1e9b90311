//! Reports what happens in the chain: metrics for all of it, a log line where somebody may have to
//! act.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use policy::{Coverage, Fault, LoadedPolicy, chain::Listener};
use tracing::{info, warn};

use crate::telemetry::metrics::{Hook, PolicyMeter};

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
