//! The books of one exchange: opened with its first byte, closed once, whatever way it ends.
//!
//! A [`Watch`] settles when it is dropped. It lives in the exchange while that decides, and in the reply's body afterwards, so
//! a finished reply, a refusal, a broken upstream and an app that hung up all end here.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::generation::{Generation, Shared};
use crate::{
    dialect::Dialect,
    policy::{Outcome, Run},
    telemetry::{self, Record, metrics::Inflight},
};

/// The books of one exchange.
pub(super) struct Watch {
    pub(super) shared: Arc<Shared>,
    pub(super) generation: Arc<Generation>,
    pub(super) begun: Instant,
    /// What is known so far. `client_gone` stands until the reply was given out to its end, be it a good one.
    pub(super) record: Record,
    pub(super) run: Option<Run>,
    _inflight: Inflight,
}

impl Watch {
    /// Opens the books.
    pub(super) fn start(shared: &Arc<Shared>, id: String, dialect: Dialect) -> Self {
        let generation = shared.generation.load_full();
        Self {
            record: Record {
                generation: generation.number,
                client_gone: true,
                ..Record::new(id, dialect)
            },
            generation,
            shared: Arc::clone(shared),
            begun: Instant::now(),
            run: None,
            _inflight: Inflight::enter(),
        }
    }

    /// Notes that the first content is there.
    pub(super) fn content(&mut self) {
        if self.record.first_token.is_none() {
            self.record.first_token = Some(self.begun.elapsed());
        }
    }

    fn outcome(&self) -> Outcome {
        let record = &self.record;
        Outcome {
            status: record.status,
            target: record.target.clone(),
            finish: record.finish.clone().unwrap_or_default(),
            usage: record.usage.unwrap_or_default(),
            first_token_ms: record.first_token.map(millis),
            total_ms: millis(record.total),
            error: record.error.as_deref().map(str::to_owned),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.record.total = self.begun.elapsed();
        self.record.model_label = self.generation.models.label(self.record.model.as_deref());
        let verdicts = self.run.iter().flat_map(Run::verdicts);
        self.record.policies = verdicts
            .map(|(link, verdict, took)| telemetry::Verdict {
                name: Arc::clone(&link.name),
                version: Arc::clone(&link.version),
                verdict: verdict.label(),
                micros: u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
            })
            .collect();
        if let Some(run) = &self.run {
            run.tell_coverage();
        }
        if self.run.as_ref().is_some_and(Run::ends) {
            let outcome = Arc::new(self.outcome());
            let end = self.run.as_mut().and_then(|run| run.end(&outcome));
            if let (Some(end), Ok(runtime)) = (end, tokio::runtime::Handle::try_current()) {
                runtime.spawn(end);
            }
        }
        telemetry::settle(&self.record);
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
