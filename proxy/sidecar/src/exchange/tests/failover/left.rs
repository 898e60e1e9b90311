//! Callers who leave: every place is free again, and everything is settled once.

use super::*;

const QUEUED: &str = "{ targets: [a/gpt-5], limited: { queue: { exchanges: 9, bytes: 1MiB, tokens: 100000, wait: 30s } } }";

/// Has a caller leave after so long, and looks at what remains.
async fn leaving(scene: &Scene, body: &'static str, after: Duration) -> Record {
    let before = scene.records().len();
    let left = tokio::time::timeout(after, scene.ask(body)).await;
    assert!(left.is_err(), "{left:?}");
    scene.assert_free_but_limits();
    let records = scene.records();
    assert_eq!(records.len(), before + 1, "an exchange settles once");
    let record = records.last().unwrap().clone();
    assert!(record.client_gone && record.error.is_none());
    record
}

impl Scene {
    /// Nothing is under way, and no target has failed.
    fn assert_free_but_limits(&self) {
        let now = crate::state::targets::now();
        for place in self.shared.generation.load().places.iter() {
            assert_eq!(place.target.in_flight(), 0);
            let breaker = place.target.breaker();
            assert_eq!(breaker.read(|cell| cell.in_flight(now)), 0);
            assert_eq!(breaker.state(now), State::Closed);
            for key in &place.keys {
                for breaker in key.key.iter().chain(&key.key_model).chain([&key.account]) {
                    assert_eq!(breaker.read(|cell| cell.in_flight(now)), 0);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_before_the_head_shows_nothing_of_the_target() {
    let scene = scene(TWO, |_| Turn::Silence);
    for _ in 0..12 {
        let record = leaving(&scene, M, Duration::from_secs(3)).await;
        assert_eq!(attempts(&record), [("a/gpt-5".into(), "caller", 0)]);
        // The provider perhaps goes on with it.
        assert!(record.usage.is_some());
    }
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_before_the_first_content_shows_nothing_of_the_target() {
    let scene = scene(TWO, |_| stream(&[Text(ROLE), Wait(10), Text(HELLO)]));
    for _ in 0..12 {
        let record = leaving(&scene, M_STREAM, Duration::from_secs(3)).await;
        assert!(record.usage.is_some());
    }
    assert_eq!(scene.reached(), ["a"; 12]);
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_after_content_leaves_a_success() {
    let scene = scene(ONE, |_| {
        stream(&[Text(HELLO), Wait(10), Text(STOP), Text(DONE)])
    });
    let mut response = scene.worker.handle(chat(M_STREAM), None).await;
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(scene.place("a/gpt-5").target.in_flight(), 1);
    drop(response);
    scene.assert_free();
    assert!(scene.settled().client_gone);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_in_a_pause_takes_no_further_attempt() {
    let scene = scene(ONE, |_| limited("3"));
    let record = leaving(&scene, M, Duration::from_secs(1)).await;
    assert_eq!(attempts(&record), [("a/gpt-5".into(), "rate", 429)]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.reached(), ["a"]);
    assert_eq!(scene.records().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_the_queue_frees_its_place_there() {
    let scene = scene(QUEUED, |_| limited("20"));
    leaving(&scene, M, Duration::from_secs(1)).await;
    let record = leaving(&scene, M, Duration::from_secs(1)).await;
    assert!(attempts(&record).is_empty() && record.usage.is_none());
    let generation = scene.shared.generation.load_full();
    let (alias, _) = generation.places.aliases().next().unwrap();
    assert!(alias.queue.as_ref().unwrap().is_empty());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.reached(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_gives_its_probe_back() {
    let scene = scene(ONE, |arrival| match arrival.nth {
        0 => limited("8"),
        1..=3 => Turn::Silence,
        _ => good(),
    });
    assert_eq!(scene.ask(M).await.status, 429);
    sleep(Duration::from_secs(10)).await;
    for _ in 0..3 {
        let left = tokio::time::timeout(Duration::from_secs(2), scene.ask(M)).await;
        assert!(left.is_err());
    }
    assert_eq!(scene.ask(M).await.status, 200);
    scene.assert_free();
}
