//! The end of an exchange: reservations are settled, its reply is kept where the policy wants that,
//! and the policy's end hook is called.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use dialect::Usage;
use policy::{Call, Denial, Failure, Keep, Outcome, Reserved, Run, Unit};

use super::stage::Stage;
use crate::{config::cases::Step, cost::Taken};

/// The outcome of an exchange so far.
pub(super) struct End {
    outcome: Outcome,
    /// The reservation for a request that went upstream.
    reserved: Vec<Reserved>,
    keeps: Vec<Keep>,
    /// True if a provider answered, or is taken to have.
    reached: bool,
}

/// The finish reasons of replies that were cut: none is kept.
const CUT: [&str; 4] = ["", "length", "max_tokens", "MAX_TOKENS"];

impl End {
    pub(super) fn new(step: &Step) -> Self {
        let target = step.targets.iter().flatten().next();
        Self {
            outcome: Outcome {
                status: 200,
                target: target
                    .map_or_else(|| "openai/gpt-5".to_owned(), |first| first.name.clone()),
                total_ms: 100,
                ..Outcome::default()
            },
            reserved: Vec::new(),
            keeps: Vec::new(),
            reached: false,
        }
    }

    /// Notes that the request went upstream, and is answered.
    pub(super) fn forwarded(&mut self, call: &mut Call) {
        self.reserved = std::mem::take(&mut call.claims.reserved);
        self.keeps = std::mem::take(&mut call.claims.keeps);
        self.reached = true;
        self.outcome.finish = "stop".to_owned();
        self.outcome.first_token_ms = Some(20);
        self.outcome.usage = Usage {
            input: 10,
            output: 5,
            ..Usage::default()
        };
    }

    /// Notes that the policy refused it.
    pub(super) fn refused(&mut self, denial: &Denial) {
        self.outcome.status = denial.status;
        self.outcome.error = Some(denial.code.clone());
        self.unless_reached();
    }

    /// Notes that the policy answered it.
    pub(super) fn answered(&mut self, from_store: bool) {
        self.outcome.status = 200;
        self.outcome.error = None;
        self.outcome.from_store = from_store;
        self.unless_reached();
    }

    /// Notes that it failed.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.outcome.status = failure.status;
        self.outcome.error = Some(failure.code.clone());
        self.outcome.attempts = failure.attempts.clone();
        self.outcome.usage = Usage::default();
        self.outcome.finish = String::new();
    }

    fn unless_reached(&mut self) {
        if !self.reached {
            self.outcome.target = String::new();
            self.outcome.total_ms = 1;
        }
    }

    /// Ends the exchange, as the step says it did.
    pub(super) async fn settle(self, step: &Step, run: &mut Run, stage: &Stage) {
        let outcome = match &step.outcome {
            Some(written) => written.over(self.outcome),
            None => self.outcome,
        };
        let taken = match self.reached && outcome.error.is_none() {
            true => Taken::Known(outcome.usage),
            false => Taken::Nothing,
        };
        for Reserved { reservation, units } in self.reserved {
            let amounts = units.iter().zip(reservation.amounts());
            let amounts: Vec<u64> = amounts
                .map(
                    |((unit, _), reserved)| match (unit, outcome.cost_microusd) {
                        (Unit::Microusd, Some(cost)) => cost.saturating_mul(1000),
                        // Without a cost, what was expected stands.
                        (Unit::Microusd, None) if taken != Taken::Nothing => reserved,
                        (unit, _) => taken.settled(*unit, reserved, None, self.reached),
                    },
                )
                .collect();
            reservation.settle(&amounts).done().await;
        }
        let good = outcome.status == 200 && outcome.error.is_none() && !outcome.from_store;
        if let (true, Some(stores)) = (good && !CUT.contains(&&*outcome.finish), stage.stores()) {
            let text: String = step.reply.iter().flatten().map(String::as_str).collect();
            for keep in self
                .keeps
                .iter()
                .filter(|keep| keep.ttl_ms > 0 && text.len() <= keep.max_bytes)
            {
                let ttl = Duration::from_millis(keep.ttl_ms);
                let bytes = Bytes::from(text.clone());
                let _ = stores
                    .replies()
                    .put_near(&keep.space, &keep.key, bytes, ttl, keep.near.as_ref())
                    .await;
            }
        }
        if let Some(end) = run.end(&Arc::new(outcome)) {
            end.await;
        }
    }
}
