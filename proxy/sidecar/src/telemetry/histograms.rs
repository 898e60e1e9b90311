//! Histograms, behind the macros of the `metrics` crate: a sample goes into its bucket at once.
//!
//! The exporter's keep each sample, with the time at which it came, until somebody collects them: 8
//! bytes and 180 instructions each, where an exchange has five. Counters and gauges are the
//! exporter's.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ::metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use metrics_exporter_prometheus::{
    PrometheusRecorder,
    formatting::{sanitize_label_value, write_help_line, write_type_line},
};
use parking_lot::Mutex;

use super::table::{self, Kind};

/// Records counters and gauges with the exporter, and histograms here.
pub(super) struct Exporter(pub(super) PrometheusRecorder);

/// The process's histograms, by name and labels.
static ALL: LazyLock<Histograms> = LazyLock::new(Histograms::default);

#[derive(Default)]
struct Histograms(Mutex<BTreeMap<Key, Arc<Buckets>>>);

/// The samples of one set of labels.
struct Buckets {
    /// The greatest value of each bucket but the last, in ascending order.
    bounds: &'static [f64],
    /// The samples of each bucket; in the last are those above all bounds.
    counts: Box<[AtomicU64]>,
    /// The bits of the sum of all samples.
    sum: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0_f64.to_bits()),
        }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let at = self.bounds.iter().position(|bound| value <= *bound);
        if let Some(count) = self.counts.get(at.unwrap_or(self.bounds.len())) {
            count.fetch_add(1, Relaxed);
        }
        let mut sum = self.sum.load(Relaxed);
        while let Err(now) = self.sum.compare_exchange_weak(
            sum,
            (f64::from_bits(sum) + value).to_bits(),
            Relaxed,
            Relaxed,
        ) {
            sum = now;
        }
    }
}

/// The bounds of a histogram; those that policies observe by themselves are not in the table.
fn bounds(name: &str) -> &'static [f64] {
    match table::find(name).map(|metric| metric.kind) {
        Some(Kind::Histogram(bounds)) => bounds,
        Some(Kind::Counter | Kind::Gauge) | None => table::ANY,
    }
}

impl Histograms {
    fn open(&self, key: &Key) -> Arc<Buckets> {
        let mut all = self.0.lock();
        if let Some(known) = all.get(key) {
            return Arc::clone(known);
        }
        let made = Arc::new(Buckets::new(bounds(key.name())));
        all.insert(key.to_retained(), Arc::clone(&made));
        made
    }

    /// Adds them to the text of `/metrics`, in the exporter's spelling.
    fn render(&self, text: &mut String) {
        // Workers wait for the lock where they meet new labels, and not for the text.
        let all = self.0.lock().clone();
        let mut before = None;
        for (key, buckets) in &all {
            let name = key.name();
            if before.replace(name) != Some(name) {
                if let Some(metric) = table::find(name) {
                    write_help_line(text, name, None, None, metric.help);
                }
                write_type_line(text, name, None, None, "histogram");
            }
            let labels = key.labels().map(|label| {
                let value = sanitize_label_value(label.value());
                format!("{}=\"{value}\"", label.key())
            });
            let labels = labels.collect::<Vec<_>>().join(",");
            buckets.render(name, &labels, text);
        }
        text.push('\n');
    }
}

impl Buckets {
    fn render(&self, name: &str, labels: &str, text: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        let bounds = self.bounds.iter().map(ToString::to_string);
        let mut sum = 0;
        // Writing to a string does not fail.
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&self.counts) {
            sum += count.load(Relaxed);
            let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {sum}");
        }
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{labels}}}"),
        };
        let all = f64::from_bits(self.sum.load(Relaxed));
        let _ = writeln!(text, "{name}_sum{labels} {all}\n{name}_count{labels} {sum}");
    }
}

/// Adds the histograms to the text of `/metrics`.
pub(super) fn render(text: &mut String) {
    ALL.render(text);
}

impl Recorder for Exporter {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_gauge(key, unit, description);
    }

    /// Does nothing: the table has the description.
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(ALL.open(key))
    }
}

#[cfg(test)]
mod tests {
    use ::metrics::Label;

    use super::*;

    #[test]
    fn samples_are_counted_in_every_bucket_that_is_large_enough_and_labels_are_escaped() {
        let histograms = Histograms::default();
        let labels = |value: &'static str| vec![Label::new("plugin", value)];
        let odd = Key::from_parts(table::HOLDBACK_BYTES, labels("a\"b"));
        for value in [0.0, 16.0, 16.5, 65536.0, 65537.0] {
            histograms.open(&odd).record(value);
        }
        let own = "outrigger_policy_p_own";
        histograms.open(&Key::from_name(own)).record(0.25);
        histograms
            .open(&Key::from_parts(table::HOLDBACK_BYTES, labels("c")))
            .record(1.0);
        let mut text = String::new();
        histograms.render(&mut text);
        let name = table::HOLDBACK_BYTES;
        let line = |rest: &str| text.lines().filter(|line| line.starts_with(rest)).count();
        for (rest, expected) in [
            (format!("# HELP {name} "), 1),
            (format!("# TYPE {name} histogram"), 1),
            (format!(r#"{name}_bucket{{plugin="a\"b",le="16"}} 2"#), 1),
            (format!(r#"{name}_bucket{{plugin="a\"b",le="64"}} 3"#), 1),
            (format!(r#"{name}_bucket{{plugin="a\"b",le="65536"}} 4"#), 1),
            (format!(r#"{name}_bucket{{plugin="a\"b",le="+Inf"}} 5"#), 1),
            (format!(r#"{name}_sum{{plugin="a\"b"}} 131105.5"#), 1),
            (format!(r#"{name}_count{{plugin="a\"b"}} 5"#), 1),
            (format!(r#"{name}_count{{plugin="c"}} 1"#), 1),
            (format!("# HELP {own}"), 0),
            (format!("# TYPE {own} histogram"), 1),
            (format!(r#"{own}_bucket{{le="0.1"}} 0"#), 1),
            (format!(r#"{own}_bucket{{le="1"}} 1"#), 1),
            (format!("{own}_sum 0.25"), 1),
            (format!("{own}_count 1"), 1),
        ] {
            assert_eq!(line(&rest), expected, "{rest} in\n{text}");
        }
    }

    #[test]
    fn no_sample_of_two_threads_is_lost() {
        let buckets = Buckets::new(table::ANY);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..10_000).for_each(|_| buckets.record(2.0)));
            }
        });
        let mut text = String::new();
        buckets.render("x", "", &mut text);
        assert!(text.ends_with("x_sum 40000\nx_count 20000\n"), "{text}");
    }
}
