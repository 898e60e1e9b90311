//! Targets of a request in memory, and what policies say of them.

use super::Request;
use crate::target::Target;

/// Targets that one exchange may name in a list.
const MOST: usize = 64;

#[derive(Debug, Clone, Default)]
pub(super) struct Targets {
    known: Vec<Target>,
    prefer: Vec<String>,
    exclude: Vec<String>,
    mirror: Option<String>,
    deadline_ms: Option<u64>,
    holds: Option<Vec<String>>,
}

impl Request {
    // What tests set, and look at.

    pub(crate) fn lead_to(&self, targets: Vec<Target>) {
        self.0.borrow_mut().targets.known = targets;
    }
    pub(crate) fn preferred(&self) -> Vec<String> {
        self.0.borrow().targets.prefer.clone()
    }
    pub(crate) fn excluded(&self) -> Vec<String> {
        self.0.borrow().targets.exclude.clone()
    }
    pub(crate) fn mirrored(&self) -> Option<String> {
        self.0.borrow().targets.mirror.clone()
    }

    pub(crate) fn holds_reply(&self) -> Option<Vec<String>> {
        self.0.borrow().targets.holds.clone()
    }

    // What policies call.

    pub(crate) fn targets(&self) -> Vec<Target> {
        self.0.borrow().targets.known.clone()
    }
    pub(crate) fn prefer(&self, targets: &[String]) {
        add(&mut self.0.borrow_mut().targets.prefer, targets);
    }
    pub(crate) fn exclude(&self, targets: &[String]) {
        add(&mut self.0.borrow_mut().targets.exclude, targets);
    }
    pub(crate) fn mirror(&self, target: &str) {
        named(target);
        self.0.borrow_mut().targets.mirror = Some(target.into());
    }
    pub(crate) fn hold_reply(&self, places: &[String]) {
        self.0.borrow_mut().targets.holds = Some(places.to_vec());
    }
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.0.borrow().targets.deadline_ms
    }
    pub(crate) fn set_deadline_ms(&self, ms: u64) {
        let deadline = &mut self.0.borrow_mut().targets.deadline_ms;
        *deadline = Some(deadline.map_or(ms, |before| before.min(ms)));
    }
}

fn named(target: &str) {
    assert!(
        (1..=512).contains(&target.len()),
        "no target has this name: {target:?}"
    );
}

fn add(list: &mut Vec<String>, targets: &[String]) {
    for target in targets {
        named(target);
        if !list.contains(target) {
            list.push(target.clone());
        }
    }
    assert!(
        list.len() <= MOST,
        "an exchange names {MOST} targets at most"
    );
}
