//! Counters and histograms under the policy's name, in the one table of metrics.

use std::sync::Arc;

use super::{
    super::bindings::interfaces::metrics as wit, Access, Capability, Nothing, State, misuse,
};

/// The capability `metrics`.
pub static METRICS: Capability = Capability {
    name: "metrics",
    about: "counts, observes and sets gauges under the policy's own name",
    access: Access::Free,
    waits: false,
    linked: linked!(metrics since V0_2),
};

/// A factory of meters.
pub trait Metrics: Send + Sync {
    /// Returns the meter of the policy of this name in the chain.
    fn meter(&self, policy: &str) -> Arc<dyn Meter>;
}

/// Metrics of one policy. Its methods return false where the name, a label or the value is none
/// that can be counted, or there are too many names.
pub trait Meter: Send + Sync {
    /// Adds to a counter.
    fn count(&self, name: &str, by: u64) -> bool;
    /// Records a value in a histogram.
    fn observe(&self, name: &str, value: f64) -> bool;
    /// Adds to a counter of these labels.
    fn count_labelled(&self, name: &str, labels: &[(String, String)], by: u64) -> bool;
    /// Records a value in a histogram of these labels.
    fn observe_labelled(&self, name: &str, labels: &[(String, String)], value: f64) -> bool;
    /// Sets a gauge.
    fn gauge(&self, name: &str, labels: &[(String, String)], value: f64) -> bool;
}

type Labels = Vec<(String, String)>;

impl State {
    /// Returns the meter.
    ///
    /// # Errors
    /// The policy is being loaded, and may call no import.
    fn live_meter(&self) -> wasmtime::Result<&dyn Meter> {
        self.live()?;
        Ok(&*self.shared.meter)
    }
}

impl wit::Host for State {
    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<()> {
        counted(self.live_meter()?.count(&name, by))
    }

    fn count_labelled(&mut self, name: String, labels: Labels, by: u64) -> wasmtime::Result<()> {
        counted(self.live_meter()?.count_labelled(&name, &labels, by))
    }

    fn observe_labelled(
        &mut self,
        name: String,
        labels: Labels,
        value: f64,
    ) -> wasmtime::Result<()> {
        counted(self.live_meter()?.observe_labelled(&name, &labels, value))
    }

    fn gauge(&mut self, name: String, labels: Labels, value: f64) -> wasmtime::Result<()> {
        counted(self.live_meter()?.gauge(&name, &labels, value))
    }

    fn observe(&mut self, name: String, value: f64) -> wasmtime::Result<()> {
        counted(self.live_meter()?.observe(&name, value))
    }
}

fn counted(it_was: bool) -> wasmtime::Result<()> {
    match it_was {
        true => Ok(()),
        false => misuse(
            "a policy has 32 metrics at most, named by 1 to 64 of a-z, 0-9 and _; each counts, observes or sets finite values, with labels or without; a set of labels has 8 names of the same kind at most, and values of 128 bytes",
        ),
    }
}

impl Metrics for Nothing {
    fn meter(&self, _: &str) -> Arc<dyn Meter> {
        Arc::new(Nothing)
    }
}

impl Meter for Nothing {
    fn count(&self, _: &str, _: u64) -> bool {
        true
    }

    fn observe(&self, _: &str, _: f64) -> bool {
        true
    }

    fn count_labelled(&self, _: &str, _: &[(String, String)], _: u64) -> bool {
        true
    }

    fn observe_labelled(&self, _: &str, _: &[(String, String)], _: f64) -> bool {
        true
    }

    fn gauge(&self, _: &str, _: &[(String, String)], _: f64) -> bool {
        true
    }
}
