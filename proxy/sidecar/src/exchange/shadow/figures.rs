//! The figures of a reply, by which a copy is compared with the exchange that it is of.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use crate::{
    cost::{NanoDollars, Taken},
    exchange::ledger::Ledger,
    telemetry::{Record, metrics::ShadowRatios},
};

/// The figures of a reply, by which a copy is compared.
#[derive(Debug, Clone)]
pub(in crate::exchange) struct Figures {
    /// `upstream/model`; of a copy's none.
    pub(super) target: String,
    pub(super) output: Option<u64>,
    pub(super) finish: Option<String>,
    pub(super) first_content: Option<Duration>,
    pub(super) end: Duration,
    pub(super) cost: Option<NanoDollars>,
}

impl Figures {
    /// Those of an exchange that is being settled; none where its reply did not come to its end.
    /// `begun`: when the exchange began, and when the attempt that answered.
    pub(in crate::exchange) fn of(
        record: &Record,
        begun: (Instant, Instant),
        taken: &Taken,
        ledger: &Ledger,
    ) -> Option<Self> {
        let is_whole = record.error.is_none()
            && !record.client_gone
            && !matches!(taken, Taken::Unknown { .. });
        let before = begun.1.saturating_duration_since(begun.0);
        let first = record.first_token.map(|first| first.saturating_sub(before));
        is_whole.then(|| Self {
            target: record.target.clone(),
            output: taken.usage().map(|usage| usage.output),
            finish: record.finish.clone(),
            first_content: first.or(record.last.map(|attempt| attempt.took)),
            end: record.total.saturating_sub(before),
            cost: taken.cost(ledger.charge.price.as_ref()),
        })
    }

    /// This copy's figures to those of the exchange.
    pub(super) fn to(&self, main: &Self) -> ShadowRatios {
        let times = |own: Duration, other: Duration| {
            ratio(Some(own.as_secs_f64()), Some(other.as_secs_f64()))
        };
        let number = |number: Option<u64>| number.map(|number| number as f64);
        let nanos = |cost: Option<NanoDollars>| number(cost.map(|cost| cost.0));
        let first = self.first_content.zip(main.first_content);
        let finish = self.finish.as_ref().zip(main.finish.as_ref());
        ShadowRatios {
            output: ratio(number(self.output), number(main.output)),
            first_content: first.and_then(|(own, other)| times(own, other)),
            end: times(self.end, main.end),
            cost: ratio(nanos(self.cost), nanos(main.cost)),
            same_finish: finish.map(|(own, other)| own == other),
        }
    }
}

/// Has copies compared with an exchange; those of one without figures learn that there are none.
pub(in crate::exchange) fn deliver(
    copies: &mut Vec<oneshot::Sender<Figures>>,
    figures: Option<Figures>,
) {
    for (copy, figures) in copies.drain(..).zip(figures.into_iter().cycle()) {
        let _ = copy.send(figures); // one that has failed waits for none
    }
}

/// The ratio of two figures; none where it would say nothing.
fn ratio(own: Option<f64>, other: Option<f64>) -> Option<f64> {
    let (own, other) = own.zip(other)?;
    (other > 0.0).then(|| own / other)
}
