//! The export of spans: batches by OTLP over HTTP, on a thread of their own.
//!
//! A batch that a collector does not take is tried again where [OTLP][1] says that this may help
//! (no connection, no answer in time, 429, 502, 503, 504), after what its `Retry-After` says or a
//! pause that doubles, for a bounded time; then its spans are counted as failed. Meanwhile the
//! queue fills, and drops what has no room: exchanges never wait.
//!
//! [1]: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response

use std::{io, sync::Arc, thread, time::Duration};

use bytes::Bytes;
use tokio::{
    runtime::Builder,
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

use super::{Tracer, id, protobuf, queue::Queue, spans::Encoder};
use crate::{
    config::{Telemetry, Traces},
    telemetry::metrics,
};

/// The pause before a batch is tried again for the first time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause, whatever a collector wants.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Posts batches to a collector.
pub trait Collector: Send + Sync + 'static {
    /// Posts a batch, and waits for the whole answer.
    ///
    /// # Errors
    /// There was none; with the reason, which names no header and no URL.
    fn post(&self, batch: Bytes) -> impl Future<Output = Result<Answer, String>> + Send;
}

/// A collector's answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its `Retry-After`, where that is in seconds.
    pub retry_after: Option<Duration>,
    /// Its body, or as much of it as may hold a count.
    pub body: Bytes,
}

/// Starts to export what is traced.
///
/// # Errors
/// The thread could not be started.
pub fn start(
    telemetry: &Telemetry,
    traces: &Traces,
    collector: impl Collector,
) -> io::Result<Tracer> {
    let queue = Arc::new(Queue::new(traces.queue, traces.batch));
    let tracer = Tracer::new(telemetry, traces.sampler, Arc::clone(&queue));
    let exporter = Exporter::new(telemetry, traces, collector);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new()
        .name("traces".to_owned())
        .spawn(move || runtime.block_on(exporter.run(&queue)))?;
    Ok(tracer)
}

pub(super) struct Exporter<C> {
    collector: C,
    encoder: Encoder,
    timeout: Duration,
    delay: Duration,
    patience: Duration,
    is_failing: bool,
}

/// The end of one attempt to export a batch.
enum Posted {
    /// It was taken, but for so many spans.
    Taken { rejected: u64 },
    /// It may be tried again, after this time where the collector named one.
    Again(Option<Duration>, String),
    /// It never will be.
    Refused(String),
}

impl<C: Collector> Exporter<C> {
    pub(super) fn new(telemetry: &Telemetry, traces: &Traces, collector: C) -> Self {
        Self {
            collector,
            encoder: Encoder::new(telemetry.names, &traces.resource),
            timeout: traces.timeout,
            delay: traces.delay,
            patience: traces.patience,
            is_failing: false,
        }
    }

    pub(super) async fn run(mut self, queue: &Queue) {
        loop {
            queue.wait(self.delay).await;
            while let Some(batch) = queue.take() {
                let spans = batch.iter().map(super::Finished::spans).sum();
                let encoded = self.encoder.encode(&batch);
                drop(batch);
                self.export(encoded.into(), spans).await;
                queue.note_done();
            }
        }
    }

    async fn export(&mut self, batch: Bytes, spans: usize) {
        let end = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        let reason = loop {
            match self.post(batch.clone()).await {
                Posted::Taken { rejected } => {
                    let rejected = usize::try_from(rejected).unwrap_or(spans).min(spans);
                    metrics::trace_spans("rejected", rejected);
                    metrics::trace_spans("exported", spans - rejected);
                    if std::mem::take(&mut self.is_failing) {
                        info!("traces are exported again");
                    }
                    return;
                }
                Posted::Refused(reason) => break reason,
                Posted::Again(wanted, reason) => {
                    // Replicas that lost the same collector are not to come back at once.
                    let jitter = pause.mul_f64((id::next() >> 11) as f64 / (1_u64 << 53) as f64);
                    let wait = wanted.unwrap_or(pause / 2 + jitter / 2).min(LONGEST_PAUSE);
                    if Instant::now() + wait >= end {
                        break reason;
                    }
                    sleep(wait).await;
                    pause *= 2;
                }
            }
        };
        metrics::trace_spans("failed", spans);
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!(
                reason,
                spans, "traces are not exported; their spans are dropped, and counted"
            );
        }
    }

    async fn post(&self, batch: Bytes) -> Posted {
        let answer = match timeout(self.timeout, self.collector.post(batch)).await {
            Err(_) => return Posted::Again(None, "the collector did not answer in time".into()),
            Ok(Err(reason)) => return Posted::Again(None, reason),
            Ok(Ok(answer)) => answer,
        };
        let reason = || format!("the collector answered {}", answer.status);
        match answer.status {
            200..=299 => Posted::Taken {
                rejected: protobuf::rejected(&answer.body),
            },
            429 | 502..=504 => Posted::Again(answer.retry_after, reason()),
            _ => Posted::Refused(reason()),
        }
    }
}
