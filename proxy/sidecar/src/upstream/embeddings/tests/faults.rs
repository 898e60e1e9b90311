//! Failures and slowness: a miss, in time, and counted.

use super::*;

#[tokio::test(start_paused = true)]
async fn late_vectors_are_a_miss_in_time_and_there_for_the_next_call() {
    let (embedder, client) = embedder("");
    client.then(Act::After(Duration::from_secs(3)));
    let begun = Instant::now();
    let late = embed(&embedder, "late", &["a", "b"]).await;
    assert!(matches!(late, Err(Error::Unavailable)));
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
    assert_eq!(counted("late"), counts(&[("timeout", 2)]));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(embed(&embedder, "late", &["a"]).await.is_ok());
    assert_eq!(client.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_embedder_is_given_up() {
    let (embedder, client) = embedder("");
    client.then(Act::After(Duration::from_secs(3600)));
    assert!(embed(&embedder, "silent", &["a"]).await.is_err());
    tokio::time::sleep(LONGEST).await;
    assert!(embedder.0.pending.is_empty());
    let service = embedder.0.service.load_full().unwrap();
    assert_eq!(service.permits.available_permits(), 32);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_is_counted_and_its_request_goes_on() {
    let (embedder, client) = embedder("timeout: 1s");
    client.then(Act::After(Duration::from_millis(100)));
    let call = embed(&embedder, "left", &["a"]);
    let short = timeout(Duration::from_millis(10), call).await;
    assert!(short.is_err());
    assert_eq!(counted("left"), counts(&[("timeout", 1)]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(embed(&embedder, "left", &["a"]).await.is_ok());
    assert_eq!(client.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_may_be() {
    let (embedder, client) = embedder("in_flight: 1");
    client.then(Act::After(Duration::from_secs(1)));
    assert!(embed(&embedder, "busy", &["a"]).await.is_err());
    let begun = Instant::now();
    assert!(embed(&embedder, "busy", &["b"]).await.is_err());
    assert_eq!(begun.elapsed(), Duration::ZERO, "a miss at once");
    assert_eq!(counted("busy"), counts(&[("busy", 1), ("timeout", 1)]));
    assert_eq!(client.seen(), [["a"]]);
}

#[tokio::test]
async fn an_answer_that_is_no_vector_for_each_text_is_a_miss_that_is_counted_and_not_kept() {
    let one = |vector: &str| format!(r#"{{"data":[{{"index":0,"embedding":{vector}}}]}}"#);
    let ok = |body: String| Act::Answer(200, body);
    for (n, (act, label)) in [
        (Act::Fail, "failed"),
        (Act::Answer(500, "{}".into()), "failed"),
        (Act::Answer(401, one("[1]")), "failed"),
        (Act::Answer(302, String::new()), "failed"),
        (ok(String::new()), "malformed"),
        (ok("<html>".into()), "malformed"),
        (ok(r#"{"data":[]}"#.into()), "malformed"),
        (ok(one("[]")), "malformed"),
        (ok(one("[0,0]")), "malformed"),
        (ok(one("[1,null]")), "malformed"),
        (ok(one("[1,NaN]")), "malformed"),
        (ok(one("[1e39]")), "malformed"),
        (ok(one("\"AACAPw==\"")), "malformed"),
        (ok(one("[\"1\"]")), "malformed"),
        (ok(answer(&["a".into(), "b".into()], 2)), "malformed"),
        (ok(one("[1,2,3]")), "malformed"), // `dimensions` is 2
    ]
    .into_iter()
    .enumerate()
    {
        let (embedder, client) = embedder("timeout: 1s, dimensions: 2");
        client.then(act);
        let policy = format!("wrong-{n}");
        let miss = embed(&embedder, &policy, &["a"]).await;
        assert!(matches!(miss, Err(Error::Unavailable)), "{n}: {miss:?}");
        assert_eq!(counted(&policy), counts(&[(label, 1)]), "{n}");
        assert!(embed(&embedder, &policy, &["a"]).await.is_ok(), "{n}");
    }
}

#[tokio::test]
async fn a_text_beyond_the_bound_is_invalid_and_not_sent() {
    let (embedder, client) = embedder("largest: 4B");
    let large = embed(&embedder, "large", &["a", "abcde"]).await;
    let Err(Error::Invalid(why)) = large else {
        panic!("{large:?}");
    };
    assert!(why.contains("4 bytes"), "{why}");
    assert_eq!(counted("large"), counts(&[("too_large", 1)]));
    assert!(embed(&embedder, "large", &["abcd"]).await.is_ok());
    assert_eq!(client.seen().len(), 1);
}

#[test]
fn requests_that_their_worker_left_are_ended() {
    let (embedder, client) = embedder("timeout: 1s");
    client.then(Act::After(Duration::from_secs(5)));
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let worker = runtime();
    let begun = worker.block_on(async {
        let call = embed(&embedder, "gone", &["a"]);
        timeout(Duration::from_millis(5), call).await
    });
    assert!(begun.is_err());
    drop(worker);
    assert!(embedder.0.pending.is_empty());
    let next = runtime().block_on(embed(&embedder, "gone", &["a"]));
    assert!(next.is_ok());
}
