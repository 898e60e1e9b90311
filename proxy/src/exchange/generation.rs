//! What an exchange runs on: one immutable generation of configuration and policies, and the few things that all generations share.

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::{config::Config, policy::Chain, telemetry::metrics::Models};

/// One immutable set of configuration and loaded policies. A reload makes the next one; exchanges end on the one they began on.
pub struct Generation {
    /// 1 at start, one more with each swap.
    pub number: u64,
    /// What the operator wants.
    pub config: Config,
    /// The policies in force.
    pub chain: Chain,
    /// Model names that may be labels.
    pub models: Models,
}

/// How far the process is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// No new exchange begins; those in flight go on.
    Draining,
    /// The window is over: streams end with an in-band error.
    Cut,
}

/// What all workers share.
pub struct Shared {
    /// The generation in force.
    pub generation: ArcSwap<Generation>,
    phase: watch::Sender<Phase>,
}

impl Shared {
    /// Serves with `generation`.
    pub fn new(generation: Generation) -> Self {
        Self {
            generation: ArcSwap::from_pointee(generation),
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    /// How far the process is on its way out.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Resolves once `wanted` is reached.
    pub fn reached(&self, wanted: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut phases = self.phase.subscribe();
        async move {
            // An error is the end of the sender, and so of everything.
            let _ = phases.wait_for(|phase| *phase >= wanted).await;
        }
    }

    /// Goes on to `phase`; never back.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let further = phase > *now;
            *now = phase.max(*now);
            further
        });
    }
}
