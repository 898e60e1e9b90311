//! A policy that implements a hook and does not declare it: it must not load.
use outrigger_sdk::{Outcome, Policy, export_policy, metrics};

#[derive(serde::Deserialize)]
struct Undeclared {
    /// Calls an import in that hook.
    #[serde(default)]
    counts: bool,
    #[serde(skip)]
    ended: u32,
}

impl Policy for Undeclared {
    fn on_end(&mut self, outcome: &Outcome) {
        self.ended = outcome.total_ms;
        if self.counts {
            metrics::count("ended", 1);
        }
    }
}
export_policy!(Undeclared);
