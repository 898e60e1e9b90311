//! The metrics of policies in a trial: noted, and counted nowhere.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use sandbox::capabilities::metrics::{Meter, Metrics};

/// Values that were counted, by policy and metric.
#[derive(Clone, Default)]
pub(crate) struct Counted(Arc<Mutex<BTreeMap<(String, String), f64>>>);

impl Counted {
    /// The metrics of one policy, each with its value.
    pub(crate) fn of(&self, policy: &str) -> Vec<(String, f64)> {
        let all = self.0.lock();
        let own = all.iter().filter(|((name, _), _)| name == policy);
        own.map(|((_, metric), value)| (metric.clone(), *value))
            .collect()
    }
}

struct Noted {
    policy: String,
    all: Counted,
}

impl Noted {
    fn note(&self, metric: String, change: impl Fn(f64) -> f64) -> bool {
        let mut all = self.all.0.lock();
        let value = all.entry((self.policy.clone(), metric)).or_default();
        *value = change(*value);
        true
    }
}

impl Metrics for Counted {
    fn meter(&self, policy: &str) -> Arc<dyn Meter> {
        Arc::new(Noted {
            policy: policy.to_owned(),
            all: self.clone(),
        })
    }
}

impl Meter for Noted {
    #[expect(
        clippy::cast_precision_loss,
        reason = "what one exchange counts is small"
    )]
    fn count(&self, name: &str, by: u64) -> bool {
        self.note(name.to_owned(), |value| value + by as f64)
    }

    fn observe(&self, name: &str, value: f64) -> bool {
        self.note(name.to_owned(), |_| value)
    }

    fn count_labelled(&self, name: &str, labels: &[(String, String)], by: u64) -> bool {
        self.count(&labelled(name, labels), by)
    }

    fn observe_labelled(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        self.observe(&labelled(name, labels), value)
    }

    fn gauge(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        self.note(labelled(name, labels), |_| value)
    }
}

/// A metric's name with its labels, as in `open{kind=email}`.
fn labelled(name: &str, labels: &[(String, String)]) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}
