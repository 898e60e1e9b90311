//! Counters and histograms under the policy's name, in the one table of metrics.

use super::{super::bindings::metrics as wit, State, misuse};

impl wit::Host for State {
    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<()> {
        self.live()?;
        told(self.shared.meter.count(&name, by))
    }

    fn gauge(
        &mut self,
        name: String,
        labels: Vec<(String, String)>,
        value: f64,
    ) -> wasmtime::Result<()> {
        self.live()?;
        told(self.shared.meter.gauge(&name, &labels, value))
    }

    fn observe(&mut self, name: String, value: f64) -> wasmtime::Result<()> {
        self.live()?;
        told(self.shared.meter.observe(&name, value))
    }
}

fn told(taken: bool) -> wasmtime::Result<()> {
    match taken {
        true => Ok(()),
        false => misuse(
            "a policy has 32 metrics at most, named by 1 to 64 of a-z, 0-9 and _; each counts, observes or sets finite values; a set of labels has 8 names of the same kind at most, and values of 128 bytes",
        ),
    }
}
