//! Exchanges that wait because every candidate is limited.

use super::*;

fn queued(targets: &str, wait: &str) -> String {
    format!(
        "{{ targets: [{targets}], limited: {{ queue: {{ exchanges: 4, bytes: 1MiB, tokens: 100000, wait: {wait} }} }} }}"
    )
}

#[tokio::test(start_paused = true)]
async fn exchanges_wait_for_the_end_of_a_limit_and_nobody_is_sent_before_it() {
    let scene = scene(&queued("a/gpt-5", "30s"), |arrival| match arrival.nth {
        0 => limited("8"),
        _ => good(),
    });
    let begun = Instant::now();
    let asks = (0..4).map(|_| scene.ask(M));
    let answers = futures(asks).await;
    assert!(answers.iter().all(|answered| answered.status == 200));
    let times: Vec<_> = scene
        .seen
        .lock()
        .iter()
        .map(|seen| seen.at - begun)
        .collect();
    // The first four come at once; what they find is that the key is limited.
    let before = times.iter().filter(|at| at.as_secs() < 8).count();
    assert!(before <= 4, "{times:?}");
    assert!(begun.elapsed().as_secs() <= 12, "{times:?}");
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn an_exchange_does_not_wait_for_an_end_beyond_its_time() {
    let scene = scene(&queued("a/gpt-5", "10s"), |_| limited("60"));
    assert_eq!(scene.ask(M).await.status, 429);
    scene.reached();
    let begun = Instant::now();
    let answered = scene.ask(M).await;
    assert_eq!(answered.status, 429);
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert!(scene.reached().is_empty());
    let wait = answered.headers["retry-after"].to_str().unwrap();
    assert_within(wait.parse().unwrap(), 60..=70);
    // Nor beyond its deadline.
    let begun = Instant::now();
    let answered = scene.ask_with(M, "x-outrigger-timeout", "3s").await;
    assert_eq!((answered.status, begun.elapsed().as_secs()), (429, 0));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() {
    let scene = scene(&queued("a/gpt-5", "10s"), |arrival| match arrival.nth {
        0 => limited("8"),
        _ => good(),
    });
    let begun = Instant::now();
    let asks = (0..6).map(|_| async {
        let answered = scene.ask(M).await;
        (answered.status, begun.elapsed().as_secs() >= 8)
    });
    let mut answers = futures(asks).await;
    answers.sort_unstable();
    let (served, full) = ((200, true), (429, false));
    assert_eq!(answers, [served, served, served, served, full, full]);
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn one_that_no_free_place_takes_waits_without_being_called_again_and_again() {
    // The key has room for 100 tokens, and the request has some thousand.
    let scene = scene(&queued("a/gpt-5", "10s"), |_| {
        let turn = with(good(), "x-ratelimit-remaining-tokens", "100");
        with(turn, "x-ratelimit-reset-tokens", "6s")
    });
    assert_eq!(scene.ask(M).await.status, 200);
    let text = "word ".repeat(1000);
    let ask = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let begun = Instant::now();
    let answered = scene.post("/v1/chat/completions", &ask).await;
    assert_eq!(answered.status, 200);
    assert_within(begun.elapsed().as_secs(), 5..=7);
}

#[tokio::test(start_paused = true)]
async fn a_limit_without_an_end_is_not_tried_as_fast_as_it_is_refused() {
    let scene = scene(&queued("a/gpt-5", "10s"), |_| whole(429, LIMITED));
    for _ in 0..3 {
        let asks = (0..4).map(|_| scene.ask(M));
        let answers = futures(asks).await;
        assert!(answers.iter().all(|answered| answered.status == 429));
    }
    // Twelve exchanges, and what the budget has: thirty at once, and three a second.
    let calls = scene.reached().len();
    assert!(calls < 80, "{calls}");
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_free_again_is_taken_at_once() {
    // Two in flight, a 429 for the second halves that to one.
    let scene = scene(&queued("a/gpt-5", "30s"), |arrival| match arrival.nth {
        0 => stream(&[Text(HELLO), Wait(7), Text(STOP), Text(DONE)]),
        1 => whole(429, LIMITED),
        _ => stream(&[Text(HELLO), Text(STOP), Text(DONE)]),
    });
    let begun = Instant::now();
    let asks = (0..3).map(|_| async {
        let answered = scene.ask(M_STREAM).await;
        (answered.status, begun.elapsed().as_millis())
    });
    let answers = futures(asks).await;
    assert!(
        answers.iter().all(|(status, _)| *status == 200),
        "{answers:?}"
    );
    assert!(answers.iter().all(|(_, at)| *at <= 8500), "{answers:?}");
    scene.assert_free();
}

/// Runs exchanges beside each other.
async fn futures<T>(all: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_pending = false;
        for (one, done) in &mut all {
            if done.is_none() {
                match one.as_mut().poll(context) {
                    Poll::Ready(value) => *done = Some(value),
                    Poll::Pending => is_pending = true,
                }
            }
        }
        if is_pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}
