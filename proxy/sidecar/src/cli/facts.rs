//! The answers of the admin address, read from the running parts at each request.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dialect::{Place, Places};
use policy::LoadedPolicy;

use super::targets;
use crate::{
    admin::{Facts, Generation, Phase, PolicyFacts, State, TargetFacts},
    config::Use,
    exchange::generation,
    reload::{Reloader, assemble::Entry},
    state::Stores,
    telemetry::metrics::TargetGauges,
};

/// The running parts.
pub(super) struct Running {
    pub(super) reloader: Arc<Reloader>,
    pub(super) stores: Stores,
    pub(super) gauges: TargetGauges,
}

impl Facts for Running {
    fn phase(&self) -> Phase {
        match self.reloader.shared().phase() {
            generation::Phase::Serving => Phase::Serving,
            generation::Phase::Draining | generation::Phase::Cut => Phase::Draining,
        }
    }

    fn generation(&self) -> Generation {
        let status = self.reloader.status();
        Generation {
            number: self.reloader.shared().generation.load().number,
            since_ms: millis(status.since),
            last_error: (!status.refused.is_empty()).then(|| status.refused.join("; ")),
            restart_needed: status.restart_needed,
        }
    }

    fn targets(&self) -> Vec<TargetFacts> {
        targets::facts(&self.reloader.shared().generation.load())
    }

    fn refresh_gauges(&self) {
        let generation = self.reloader.shared().generation.load();
        targets::refresh_gauges(&generation, &self.gauges);
    }

    fn reset_targets(&self, target: Option<&str>) -> usize {
        targets::reset(&self.reloader.shared().generation.load(), target)
    }

    fn resume_canary(&self, model: &str) -> Option<bool> {
        targets::resume(&self.reloader.shared().generation.load(), model)
    }

    fn stores(&self) -> Option<&Stores> {
        Some(&self.stores)
    }

    fn takes_changes(&self) -> bool {
        let generation = self.reloader.shared().generation.load();
        generation.config.state.admin_changes
    }

    fn policies(&self) -> Vec<PolicyFacts> {
        let status = self.reloader.status();
        let generation = self.reloader.shared().generation.load();
        let policies = generation
            .chain
            .policies()
            .iter()
            .zip(&generation.config.policies.chain);
        policies
            .map(|(policy, wanted)| {
                policy_facts(
                    policy,
                    wanted,
                    status
                        .entries
                        .iter()
                        .find(|entry| *entry.name == *policy.name),
                )
            })
            .collect()
    }
}

fn policy_facts(policy: &LoadedPolicy, wanted: &Use, entry: Option<&Entry>) -> PolicyFacts {
    let manifest = policy.program.manifest();
    let hooks = [
        (manifest.hooks.request, "request"),
        (manifest.hooks.reply, "reply"),
        (manifest.hooks.end, "end"),
        (manifest.hooks.attempt, "attempt"),
        (manifest.hooks.failure, "failure"),
    ];
    let quarantined = policy.quarantine.is_open();
    PolicyFacts {
        name: policy.name.to_string(),
        version: Some(policy.version.to_string()),
        sha256: entry.map(|entry| entry.serving.clone()),
        signed_by: entry.and_then(|entry| entry.signed_by.clone()),
        hooks: hooks
            .into_iter()
            .filter_map(|(has, name)| has.then_some(name))
            .collect(),
        reads: names(manifest.reads),
        rewrites: names(manifest.rewrites),
        grants: wanted.grants.words(),
        on_error: wanted.on_error.name(),
        on_unseen: wanted.on_unseen.to_string(),
        state: if quarantined {
            State::Quarantined
        } else {
            State::Serving
        },
        reason: entry.and_then(|entry| entry.refused.clone()),
        loaded_ms: entry.map(|entry| millis(entry.since)),
        calls: policy.calls.load(Ordering::Relaxed),
        faults: policy.faults.load(Ordering::Relaxed),
    }
}

fn names(places: Places) -> Vec<&'static str> {
    let known = Place::ALL
        .into_iter()
        .filter(|place| places.contains(*place));
    known.map(Place::name).collect()
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
