//! The fate of batches: a collector that takes them, is slow, is gone and comes back.

use std::{collections::VecDeque, pin::Pin};

use bytes::Bytes;
use dialect::Dialect;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    config::Traces,
    telemetry::trace::export::{Answer, Collector, Exporter},
};

type Turn = Result<Answer, String>;

/// A collector that answers by a script, and takes everything afterwards.
#[derive(Clone, Default)]
struct Scripted {
    /// Answers, and the seconds until each.
    turns: Arc<Mutex<VecDeque<(u64, Turn)>>>,
    /// Spans of each batch, and when it came.
    got: Arc<Mutex<Vec<(Instant, usize)>>>,
}

impl Collector for Scripted {
    async fn post(&self, batch: Bytes) -> Turn {
        let spans = decode(&batch).len();
        self.got.lock().push((Instant::now(), spans));
        let turn = self.turns.lock().pop_front();
        let (after, answer) = turn.unwrap_or((0, Ok(status(200))));
        sleep(Duration::from_secs(after)).await;
        answer
    }
}

fn status(status: u16) -> Answer {
    Answer {
        status,
        retry_after: None,
        body: Bytes::new(),
    }
}

fn settings() -> Traces {
    Traces {
        endpoint: "http://collector.test/v1/traces".into(),
        headers: Vec::new(),
        timeout: Duration::from_secs(10),
        roots: None,
        resource: vec![("service.name".into(), "outrigger".into())],
        sampler: Sampler {
            parent_based: true,
            ratio: 1.0,
        },
        queue: 10,
        batch: 4,
        delay: Duration::from_secs(5),
        patience: Duration::from_secs(30),
    }
}

/// A tracer, its collector, and the work that exports.
struct Rig {
    tracer: Tracer,
    collector: Scripted,
    begun: Instant,
}

fn rig(turns: impl IntoIterator<Item = (u64, Turn)>) -> (Rig, Pin<Box<dyn Future<Output = ()>>>) {
    let (settings, telemetry) = (settings(), Telemetry::default());
    let queue = Arc::new(Queue::new(settings.queue, settings.batch));
    let collector = Scripted::default();
    collector.turns.lock().extend(turns);
    let exporter = Exporter::new(&telemetry, &settings, collector.clone());
    let own = Arc::clone(&queue);
    let rig = Rig {
        tracer: Tracer::new(&telemetry, settings.sampler, queue),
        collector,
        begun: Instant::now(),
    };
    (rig, Box::pin(async move { exporter.run(&own).await }))
}

impl Rig {
    /// Ends so many exchanges of one span.
    fn end(&self, exchanges: usize) {
        for _ in 0..exchanges {
            let trace = self.tracer.begin(&HeaderMap::new()).unwrap();
            let record = Record::new("id".into(), Dialect::OpenaiChat);
            self.tracer.end(trace, record, Vec::new());
        }
    }

    /// The batches that came: after how many seconds, and of how many spans.
    fn got(&self) -> Vec<(u64, usize)> {
        let got = self.collector.got.lock();
        let since = |at: Instant| at.duration_since(self.begun).as_secs();
        got.iter().map(|(at, spans)| (since(*at), *spans)).collect()
    }
}

/// Lets the exporter work for so many seconds.
async fn work(exporter: &mut Pin<Box<dyn Future<Output = ()>>>, seconds: u64) {
    tokio::select! {
        () = exporter => {}
        () = sleep(Duration::from_secs(seconds)) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_goes_at_once_and_the_rest_after_the_delay() {
    let (rig, mut exporter) = rig([]);
    rig.end(6);
    work(&mut exporter, 60).await;
    rig.end(1);
    work(&mut exporter, 60).await;
    assert_eq!(rig.got(), [(0, 4), (0, 2), (65, 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_room_is_dropped_while_a_collector_is_slow() {
    let (rig, mut exporter) = rig([(9, Ok(status(200)))]);
    rig.end(4);
    work(&mut exporter, 1).await;
    rig.end(30);
    work(&mut exporter, 60).await;
    assert_eq!(rig.got(), [(0, 4), (9, 4), (9, 4), (9, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_tried_again_after_what_the_collector_says_or_a_pause() {
    let limited = Answer {
        retry_after: Some(Duration::from_secs(7)),
        ..status(429)
    };
    let gone = || Err("no connection to the collector".to_owned());
    let (rig, mut exporter) = rig([(0, Ok(limited)), (0, gone()), (0, Ok(status(503)))]);
    rig.end(4);
    work(&mut exporter, 60).await;
    let got = rig.got();
    // Pauses double, and are of between one half and all of their length: 1 s, 2 s.
    let [(0, 4), (7, 4), (second, 4), (last, 4)] = got.as_slice() else {
        panic!("{got:?}");
    };
    assert!(
        (7..=8).contains(second) && (8..=10).contains(last),
        "{got:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_gone_for_long_costs_what_is_there_and_is_used_when_it_is_back() {
    let silent = (3600, Ok(status(200)));
    let (rig, mut exporter) = rig(std::iter::repeat_n(silent, 3));
    rig.end(4);
    work(&mut exporter, 60).await;
    rig.end(2);
    work(&mut exporter, 60).await;
    let got = rig.got();
    // Ten seconds each, within thirty: the third would end beyond them.
    assert_eq!(got.last(), Some(&(65, 2)), "{got:?}");
    assert!(got.len() <= 4, "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_collector_refuses_is_not_sent_again() {
    let (rig, mut exporter) = rig([(0, Ok(status(400))), (0, Ok(status(301)))]);
    rig.end(8);
    work(&mut exporter, 60).await;
    assert_eq!(rig.got(), [(0, 4), (0, 4)]);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_is_there_and_not_for_a_collector_that_is_gone() {
    let (rig, mut exporter) = rig([(0, Ok(status(200))), (3600, Ok(status(200)))]);
    let second = Duration::from_secs(1);
    rig.end(2);
    let flushed = async {
        tokio::select! {
            left = rig.tracer.flush(second) => left,
            () = &mut exporter => 0,
        }
    };
    assert_eq!(flushed.await, 0);
    assert_eq!(rig.got(), [(0, 2)]);
    rig.end(3);
    let left = tokio::select! {
        left = rig.tracer.flush(second) => left,
        () = &mut exporter => 0,
    };
    assert_eq!(left, 3);
}
