//! Metrics of a rehearsal: counted by the rules of those that are served, into a recorder that
//! nobody serves.
//!
//! A meter makes its handles with the recorder of the thread, so that it takes no more than another
//! one to keep a rehearsal's figures apart: no place that counts asks which it is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ::metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use parking_lot::Mutex;

use super::{meter::PolicyMeter, table};
use sandbox::capabilities::metrics::Meter;

/// A policy's metrics, apart from all others.
pub(crate) struct ApartMeter {
    meter: Arc<PolicyMeter>,
    figures: Figures,
}

/// The value of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Figure {
    /// The sum of a counter, or the value of a gauge.
    Value(f64),
    /// The values that a histogram recorded, in their order.
    Recorded(Vec<f64>),
}

/// The name that full names have in the place of a policy's.
const NAME: &str = "apart";

impl Default for ApartMeter {
    fn default() -> Self {
        let figures = Figures::default();
        Self {
            meter: with_local_recorder(&figures, || PolicyMeter::new(NAME, "")),
            figures,
        }
    }
}

impl ApartMeter {
    /// Returns the metrics by the policy's own names, `name{label="value"}` where there are labels.
    pub(crate) fn figures(&self) -> BTreeMap<String, Figure> {
        let figures = self.figures.0.lock();
        let read = |(name, cell): (&String, &Cell)| (name.clone(), cell.read());
        figures.iter().map(read).collect()
    }
}

impl Meter for ApartMeter {
    fn count(&self, name: &str, by: u64) -> bool {
        with_local_recorder(&self.figures, || self.meter.count(name, by))
    }

    fn observe(&self, name: &str, value: f64) -> bool {
        with_local_recorder(&self.figures, || self.meter.observe(name, value))
    }

    fn count_labelled(&self, name: &str, labels: &[(String, String)], by: u64) -> bool {
        with_local_recorder(&self.figures, || {
            self.meter.count_labelled(name, labels, by)
        })
    }

    fn observe_labelled(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        with_local_recorder(&self.figures, || {
            self.meter.observe_labelled(name, labels, value)
        })
    }

    fn gauge(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        with_local_recorder(&self.figures, || self.meter.gauge(name, labels, value))
    }
}

/// A recorder of few figures.
#[derive(Default)]
struct Figures(Mutex<BTreeMap<String, Cell>>);

#[derive(Clone)]
enum Cell {
    Count(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Recorded(Arc<Values>),
}

#[derive(Default)]
struct Values(Mutex<Vec<f64>>);

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.0.lock().push(value);
    }
}

impl Cell {
    fn read(&self) -> Figure {
        match self {
            Self::Count(sum) => Figure::Value(sum.load(Relaxed) as f64),
            Self::Gauge(bits) => Figure::Value(f64::from_bits(bits.load(Relaxed))),
            Self::Recorded(values) => Figure::Recorded(values.0.lock().clone()),
        }
    }
}

impl Figures {
    fn cell(&self, key: &Key, make: impl FnOnce() -> Cell) -> Cell {
        let name = key.name();
        let own = name.strip_prefix(table::POLICY_PREFIX);
        let own = own.and_then(|own| own.strip_prefix(NAME)?.strip_prefix('_'));
        let mut name = own.unwrap_or(name).to_owned();
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={:?}", label.key(), label.value()))
            .collect();
        if !labels.is_empty() {
            name.push_str(&format!("{{{}}}", labels.join(",")));
        }
        self.0.lock().entry(name).or_insert_with(make).clone()
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        // A policy's own name is without it.
        let name = key.name().strip_suffix("_total").unwrap_or(key.name());
        let key = Key::from_parts(name.to_owned(), key.labels());
        match self.cell(&key, || Cell::Count(Arc::default())) {
            Cell::Count(sum) => Counter::from_arc(sum),
            Cell::Gauge(_) | Cell::Recorded(_) => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.cell(key, || Cell::Gauge(Arc::default())) {
            Cell::Gauge(bits) => Gauge::from_arc(bits),
            Cell::Count(_) | Cell::Recorded(_) => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.cell(key, || Cell::Recorded(Arc::default())) {
            Cell::Recorded(values) => Histogram::from_arc(values),
            Cell::Count(_) | Cell::Gauge(_) => Histogram::noop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics;

    #[test]
    fn what_is_counted_apart_is_read_by_its_own_name_and_served_nowhere() {
        let meter = ApartMeter::default();
        let labels = [("kind".to_owned(), "e\"mail".to_owned())];
        assert!(meter.count("seen", 2) && meter.count("seen", 1));
        assert!(meter.gauge("share", &labels, 0.5) && meter.gauge("share", &labels, 0.25));
        assert!(meter.observe("seconds", 2.0) && meter.observe("seconds", 1.0));
        assert!(!meter.count("No Name", 1) && !meter.observe("seen", 1.0));
        let figures: Vec<_> = meter.figures().into_iter().collect();
        let expected = [
            ("seconds", Figure::Recorded(vec![2.0, 1.0])),
            ("seen", Figure::Value(3.0)),
            (r#"share{kind="e\"mail"}"#, Figure::Value(0.25)),
        ];
        assert_eq!(figures, expected.map(|(name, of)| (name.to_owned(), of)));
        assert!(!metrics::render().contains("policy_apart"));
    }
}
