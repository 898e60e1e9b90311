//! One deadline for all attempts, and the clocks of each.

use super::*;

const FAST: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test(start_paused = true)]
async fn a_silent_target_is_left_after_its_own_time() {
    let begun = Instant::now();
    let scene = scene(TWO, failing_at_a(|| Turn::Silence));
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(scene.reached(), ["a", "b"]);
    // It perhaps worked on it.
    assert!(scene.settled().earlier[0].usage.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_callers_header_shortens_the_exchange() {
    // What may have been done is done once more: two attempts of 30 s.
    for (time, seconds) in [("5s", 5), ("7", 7), ("1500ms", 1), ("20m", 60)] {
        let begun = Instant::now();
        let scene = scene(ONE, |_| Turn::Silence);
        let answered = scene.ask_with(M, "x-outrigger-timeout", time).await;
        assert_eq!(answered.status, 504, "{time}");
        assert_eq!(begun.elapsed().as_secs(), seconds, "{time}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_share_one_deadline() {
    let begun = Instant::now();
    let scene = scene(THREE, |arrival| match &*arrival.upstream {
        "a" | "b" => Turn::FailAfter(3, SendError::Connect("late".into())),
        _ => Turn::Silence,
    });
    let answered = scene.ask_with(M, "x-outrigger-timeout", "10s").await;
    assert_eq!((answered.status, begun.elapsed().as_secs()), (504, 10));
    assert_eq!(answered.headers["x-should-retry"], "false");
    assert_eq!(scene.reached(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_the_deadline() {
    let scene = scene(TWO, failing_at_a(|| Turn::Silence));
    let answered = scene.ask_with(M, "x-outrigger-timeout", "2s").await;
    assert_eq!(answered.status, 504);
    assert_eq!(scene.reached(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn callers_with_little_time_open_no_target() {
    let scene = scene(ONE, |_| Turn::Silence);
    for _ in 0..20 {
        let answered = scene.ask_with(M, "x-outrigger-timeout", "50ms").await;
        assert_eq!(answered.status, 504);
    }
    scene.assert_free();
    // Its own time is another matter.
    for _ in 0..5 {
        assert!(scene.ask(M).await.status >= 503);
    }
    assert_eq!(scene.state("a/gpt-5"), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_cut_at_the_callers_deadline_with_the_error_in_band() {
    let begun = Instant::now();
    let pieces = [
        Text(HELLO),
        Wait(6),
        Text(HELLO),
        Wait(6),
        Text(STOP),
        Text(DONE),
    ];
    let scene = scene(ONE, move |_| stream(&pieces));
    let answered = scene.ask_with(M_STREAM, "x-outrigger-timeout", "10s").await;
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert!(answered.broken && answered.body.starts_with(&HELLO.repeat(2)));
    let event = last_event(&answered.body).to_string();
    assert!(event.contains("time is over"), "{event}");
    let record = scene.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_timeout"));
    // It was the caller's time.
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_goes_on_is_not_cut_at_the_default_deadline() {
    let mut pieces = Vec::new();
    for _ in 0..50 {
        pieces.extend([Text(HELLO), Wait(15)]);
    }
    pieces.extend([Text(STOP), Text(DONE)]);
    let begun = Instant::now();
    let scene = scene(ONE, move |_| stream(&pieces));
    let answered = scene.ask(M_STREAM).await;
    assert_eq!(begun.elapsed().as_secs(), 750);
    assert!(!answered.broken && answered.body.ends_with(DONE));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_first_content_is_learnt_from_twenty_replies() {
    let scene = scene(TWO, |arrival| match (&*arrival.upstream, arrival.nth) {
        ("a", 0..20) => stream(&[Wait(1), Text(FAST)]),
        ("a", _) => Turn::Silence,
        _ => stream(&[Text(FAST)]),
    });
    for _ in 0..20 {
        assert_eq!(scene.ask(M_STREAM).await.body, FAST);
    }
    let begun = Instant::now();
    assert_eq!(scene.ask(M_STREAM).await.body, FAST);
    // Three times a second, and ten at the least.
    assert_eq!(begun.elapsed().as_secs(), 10);
    scene.reached();
}

#[tokio::test(start_paused = true)]
async fn pings_and_lifecycle_put_off_no_first_content() {
    // A stream that began is the app's after 15 s, so the clock of the first content is shorter.
    let upstreams = UPSTREAMS.replace("first_content_timeout: 30s", "first_content_timeout: 12s");
    let yaml = format!("upstreams:\n{upstreams}models: {{ m: {TWO} }}\n");
    let scene = scene_of(&yaml, &[], |arrival| match &*arrival.upstream {
        "a" => {
            let ping = || [Text(": ping\n\n"), Text(ROLE), Wait(5)];
            stream(&[ping(), ping(), ping(), ping()].concat())
        }
        _ => stream(&[Text(FAST)]),
    });
    let begun = Instant::now();
    assert_eq!(scene.ask(M_STREAM).await.body, FAST);
    assert_eq!(begun.elapsed().as_secs(), 12);
    assert_eq!(scene.reached(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_policys_deadline_ends_a_wires_exchange_too() {
    const PLAIN: &str = r#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#;
    let yaml = "upstreams:\n  openai: { dialect: openai, url: 'http://a.test/v1', key: ka }\n";
    let scene = scene_of(yaml, &[Policy::Hurries], |_| Turn::Silence);
    let begun = Instant::now();
    let answered = scene.ask(PLAIN).await;
    assert_eq!((answered.status, begun.elapsed().as_secs()), (504, 5));
    let pieces = [Text(HELLO), Wait(20), Text(STOP), Text(DONE)];
    let cut = scene_of(yaml, &[Policy::Hurries], move |_| stream(&pieces));
    let begun = Instant::now();
    let streamed = PLAIN.replacen('{', r#"{"stream":true,"#, 1);
    let answered = cut.post("/v1/chat/completions", &streamed).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert!(
        answered.broken && answered.body.starts_with(HELLO),
        "{}",
        answered.body
    );
}
