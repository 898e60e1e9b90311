//! One policy's metrics: handles made when it is loaded, used without a lock or a look-up.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ::metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};
use parking_lot::Mutex;

use super::{metrics::recorder, table};
use sandbox::capabilities::metrics::{Meter, Metrics};

/// A policy's hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `on-request`.
    Request,
    /// `on-reply`.
    Reply,
    /// `on-end`.
    End,
    /// `on-failure`.
    Failure,
    /// `on-attempt`.
    Attempt,
}

const HOOKS: [&str; 5] = ["request", "reply", "end", "failure", "attempt"];

/// Outcomes of a call: the verdicts of a hook, and [`policy::Fault::label`]; `held_released`
/// for text that went out as it was because its time was over. Anything else is counted as `other`.
const OUTCOMES: [&str; 20] = [
    "other",
    "ok",
    "forwarded",
    "edited",
    "refused",
    "replied",
    "served",
    "retried",
    "rejected",
    "trap",
    "cpu_time",
    "wall_time",
    "memory",
    "input_memory",
    "no_memory",
    "no_slot",
    "bad_return",
    "held_too_much",
    "held_released",
    "quarantined",
];

/// Names that one policy may count under by itself.
pub(super) const OWN_NAMES: usize = 32;
/// Sets of labels that one policy's metrics may have together.
const LABEL_SETS: usize = 1000;

/// One policy's handles: made when it is loaded, kept in the chain, used without a lock.
pub struct PolicyMeter {
    name: Arc<str>,
    version: Arc<str>,
    calls: [[OnceLock<Counter>; OUTCOMES.len()]; HOOKS.len()],
    durations: [OnceLock<Histogram>; HOOKS.len()],
    holdback: OnceLock<(Histogram, Histogram)>,
    shown: OnceLock<Counter>,
    missed: Mutex<HashMap<&'static str, Counter>>,
    own: Mutex<HashMap<String, Own>>,
    labelled: Mutex<HashMap<LabelSet, Labelled>>,
}

/// A metric's name and labels.
type LabelSet = (String, Vec<(String, String)>);

#[derive(Clone)]
enum Own {
    Count(Counter),
    Observe(Histogram),
    /// One of this kind for each of its sets of labels.
    Labelled(Kind),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Count,
    Observe,
    Gauge,
}

/// A metric of one set of labels.
#[derive(Clone)]
enum Labelled {
    Count(Counter),
    Observe(Histogram),
    Gauge(Gauge),
}

impl std::fmt::Debug for PolicyMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PolicyMeter({} {})", self.name, self.version)
    }
}

impl PolicyMeter {
    /// The handles of the policy that the chain calls `name`.
    pub fn new(name: &str, version: &str) -> Arc<Self> {
        recorder();
        Arc::new(Self {
            name: name.into(),
            version: version.into(),
            calls: Default::default(),
            durations: Default::default(),
            holdback: OnceLock::new(),
            shown: OnceLock::new(),
            missed: Mutex::default(),
            own: Mutex::default(),
            labelled: Mutex::default(),
        })
    }

    /// Counts a call of a hook.
    pub fn call(&self, hook: Hook, outcome: &str, took: Duration) {
        let phase = HOOKS[hook as usize];
        let at = OUTCOMES
            .iter()
            .position(|word| *word == outcome)
            .unwrap_or(0);
        self.calls[hook as usize][at]
            .get_or_init(|| {
                counter!(table::CALLS, "plugin" => Arc::clone(&self.name), "plugin_version" => Arc::clone(&self.version),
                    "phase" => phase, "outcome" => OUTCOMES[at])
            })
            .increment(1);
        self.durations[hook as usize]
            .get_or_init(|| histogram!(table::CALL_SECONDS, "plugin" => Arc::clone(&self.name), "phase" => phase))
            .record(took.as_secs_f64());
    }

    /// Records the time for which text was withheld, and its bytes.
    pub fn holdback(&self, long: Duration, bytes: usize) {
        let (seconds, sizes) = self.holdback.get_or_init(|| {
            (
                histogram!(table::HOLDBACK_SECONDS, "plugin" => Arc::clone(&self.name)),
                histogram!(table::HOLDBACK_BYTES, "plugin" => Arc::clone(&self.name)),
            )
        });
        seconds.record(long.as_secs_f64());
        sizes.record(bytes as f64);
    }

    /// Counts bytes of text that the policy was shown.
    pub fn inspected(&self, bytes: u64) {
        self.shown
            .get_or_init(|| counter!(table::INSPECTION, "plugin" => Arc::clone(&self.name), "inspected" => "true", "reason" => ""))
            .increment(bytes);
    }

    /// Counts bytes that the policy reads and was not shown.
    pub fn not_inspected(&self, reason: &'static str, bytes: u64) {
        let mut missed = self.missed.lock();
        missed
            .entry(reason)
            .or_insert_with(|| counter!(table::INSPECTION, "plugin" => Arc::clone(&self.name), "inspected" => "false", "reason" => reason))
            .increment(bytes);
    }

    /// Sets the gauge of the policy's quarantine.
    pub fn quarantined(&self, is: bool) {
        gauge!(table::QUARANTINED, "plugin" => Arc::clone(&self.name)).set(if is {
            1.0
        } else {
            0.0
        });
    }

    /// Records the largest memory that an instance has used, in bytes.
    pub fn memory(&self, bytes: u64) {
        gauge!(table::MEMORY, "plugin" => Arc::clone(&self.name)).set(bytes as f64);
    }

    fn full_name(&self, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let policy: String = self.name.chars().map(plain).collect();
        format!("{}{policy}_{name}", table::POLICY_PREFIX)
    }

    fn own(&self, name: &str, make: impl FnOnce(String) -> Own) -> Option<Own> {
        let mut own = self.own.lock();
        if let Some(known) = own.get(name) {
            return Some(known.clone());
        }
        let good = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !good || own.len() >= OWN_NAMES {
            return None;
        }
        let made = make(self.full_name(name));
        own.insert(name.to_owned(), made.clone());
        Some(made)
    }

    /// Finds the metric of these labels; `None` where a label is none, or the name is of another
    /// kind. Beyond [`LABEL_SETS`] sets of labels per policy, further ones are one whose labels are
    /// all `other`.
    fn labelled(&self, name: &str, labels: &[(String, String)], kind: Kind) -> Option<Labelled> {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let label = |(name, value): &(String, String)| {
            (1..=64).contains(&name.len()) && name.bytes().all(plain) && value.len() <= 128
        };
        if labels.len() > 8 || !labels.iter().all(label) {
            return None;
        }
        match self.own(name, |_| Own::Labelled(kind))? {
            Own::Labelled(known) if known == kind => {}
            _ => return None,
        }
        let full = self.full_name(name);
        let mut labelled = self.labelled.lock();
        let key = (name.to_owned(), labels.to_vec());
        let key = match labelled.contains_key(&key) || labelled.len() < LABEL_SETS {
            true => key,
            false => {
                let others = labels
                    .iter()
                    .map(|(name, _)| (name.clone(), "other".to_owned()));
                (name.to_owned(), others.collect())
            }
        };
        let made = labelled.entry(key).or_insert_with_key(|(_, labels)| {
            let labels: Vec<_> = labels
                .iter()
                .map(|(name, value)| Label::new(name.clone(), value.clone()))
                .collect();
            match kind {
                Kind::Count => Labelled::Count(counter!(format!("{full}_total"), labels)),
                Kind::Observe => Labelled::Observe(histogram!(full, labels)),
                Kind::Gauge => Labelled::Gauge(gauge!(full, labels)),
            }
        });
        Some(made.clone())
    }
}

/// Counts for the policy itself, `outrigger_policy_<policy>_<name>`; names beyond 32, or that are
/// no `[a-z0-9_]{1,64}`, are ignored: false.
impl Meter for PolicyMeter {
    /// Adds to a counter; `_total` is put behind the name.
    fn count(&self, name: &str, by: u64) -> bool {
        match self.own(name, |full| Own::Count(counter!(format!("{full}_total")))) {
            Some(Own::Count(counter)) => counter.increment(by),
            _ => return false,
        }
        true
    }

    fn observe(&self, name: &str, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        match self.own(name, |full| Own::Observe(histogram!(full))) {
            Some(Own::Observe(histogram)) => histogram.record(value),
            _ => return false,
        }
        true
    }

    fn count_labelled(&self, name: &str, labels: &[(String, String)], by: u64) -> bool {
        match self.labelled(name, labels, Kind::Count) {
            Some(Labelled::Count(counter)) => counter.increment(by),
            _ => return false,
        }
        true
    }

    fn observe_labelled(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        match self.labelled(name, labels, Kind::Observe) {
            Some(Labelled::Observe(histogram)) => histogram.record(value),
            _ => return false,
        }
        true
    }

    fn gauge(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        match self.labelled(name, labels, Kind::Gauge) {
            Some(Labelled::Gauge(gauge)) => gauge.set(value),
            _ => return false,
        }
        true
    }
}

/// The meters of policies, as the sandbox is lent them.
pub struct PolicyMeters;

impl Metrics for PolicyMeters {
    fn meter(&self, policy: &str) -> Arc<dyn Meter> {
        PolicyMeter::new(policy, "")
    }
}
