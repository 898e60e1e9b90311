//! Replies that a policy judges before they are sent: what it rejects is tried elsewhere, once, and
//! is billed.

use super::*;

const EMPTY: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}"#;
const EMPTY_USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"total_tokens\":11}}\n\n";

const EMPTY_STREAM: [Piece; 4] = [Text(ROLE), Text(STOP), Text(EMPTY_USAGE), Text(DONE)];
const STREAM: [Piece; 4] = [Text(HELLO), Text(STOP), Text(USAGE), Text(DONE)];

/// The alias `m` is `a` alone; `b` is there for whoever names it.
fn judged(
    policies: &[Policy],
    answers: impl Fn(&Arrival) -> Turn + Send + Sync + 'static,
) -> Scene {
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {ONE}, other: {TWO} }}\n");
    scene_of(&yaml, policies, answers)
}

fn streamed(pieces: &'static [Piece]) -> impl Fn(&Arrival) -> Turn + Send + Sync + 'static {
    move |arrival| match &*arrival.upstream {
        "a" => stream(pieces),
        _ => stream(&STREAM),
    }
}

/// Asserts that both attempts were made, billed, and added up.
fn assert_billed(scene: &Scene, earlier: (u64, u64)) {
    assert_eq!(scene.reached(), ["a", "b"]);
    let record = scene.settled();
    let expected = [
        ("a/gpt-5".into(), "unfit", 200),
        ("b/gpt-5".into(), "success", 200),
    ];
    assert_eq!(attempts(&record), expected);
    let before = record.earlier[0].usage.unwrap();
    assert_eq!((before.input, before.output), earlier);
    let all = record.usage.unwrap();
    assert_eq!((all.input, all.output), (10 + earlier.0, 5 + earlier.1));
    let costs = [record.earlier[0].cost, record.last_cost].map(|cost| cost.unwrap().0);
    assert_eq!(record.cost.unwrap().0, costs[0] + costs[1]);
    assert!(costs[0] > 0);
    // No breaker heard of it.
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_that_is_rejected_is_tried_elsewhere_and_both_are_billed() {
    let scene = judged(&[Policy::Judges], failing_at_a(|| whole(200, EMPTY)));
    let answered = scene.ask(M).await;
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    assert_billed(&scene, (10, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_rejected_is_tried_elsewhere_and_the_app_sees_one_answer() {
    let scene = judged(&[Policy::Judges], streamed(&EMPTY_STREAM));
    let answered = scene.ask(M_STREAM).await;
    assert_eq!(answered.body, format!("{HELLO}{STOP}{DONE}"));
    assert_billed(&scene, (10, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_passes_byte_for_byte_as_soon_as_it_is() {
    let scene = judged(&[Policy::Judges], |_| good());
    assert_eq!(scene.ask(M).await.body, WHOLE);
    assert_eq!(
        attempts(&scene.settled()),
        [("a/gpt-5".into(), "success", 200)]
    );

    let slow: &[Piece] = &[Text(HELLO), Wait(9), Text(STOP), Text(USAGE), Text(DONE)];
    let scene = judged(&[Policy::Judges], move |_| stream(slow));
    let begun = Instant::now();
    let mut response = scene.worker.handle(chat(M_STREAM), None).await;
    let first = response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), HELLO);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let rest = read(response).await;
    assert_eq!(rest.body, format!("{STOP}{DONE}"));
    assert_eq!(tokens(&scene.settled()), Some((10, 5, false)));
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_tries_elsewhere_is_the_apps_after_all_and_billed_once() {
    // The second one says nothing, either; a policy has others tried once.
    let scene = judged(&[Policy::Judges], |_| whole(200, EMPTY));
    let answered = scene.ask(M).await;
    assert_eq!((answered.status, &*answered.body), (200, EMPTY));
    assert_eq!(scene.reached(), ["a", "b"]);
    let record = scene.settled();
    assert_eq!(tokens(&record), Some((20, 2, false)));
    assert_eq!(record.error, None);
    let classes: Vec<_> = attempts(&record)
        .iter()
        .map(|(_, class, _)| *class)
        .collect();
    assert_eq!(classes, ["unfit", "unfit"]);

    let scene = judged(&[Policy::Judges], |_| stream(&EMPTY_STREAM));
    let answered = scene.ask(M_STREAM).await;
    assert_eq!(answered.body, format!("{ROLE}{STOP}{DONE}"));
    assert_eq!(tokens(&scene.settled()), Some((20, 2, false)));
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn where_what_is_tried_instead_fails_the_app_has_an_answer_all_the_same() {
    let scene = judged(&[Policy::Judges], |arrival| match &*arrival.upstream {
        "a" => whole(200, EMPTY),
        _ => whole(429, NO_MONEY),
    });
    let answered = scene.ask(M).await;
    assert_eq!((answered.status, &*answered.body), (200, EMPTY));
    assert_eq!(scene.reached(), ["a", "b", "a"]);
    assert_eq!(tokens(&scene.settled()), Some((20, 2, false)));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_answers_itself_leaves_what_it_rejected_paid_for() {
    let scene = judged(&[Policy::JudgesAndAnswers], |_| whole(200, EMPTY));
    let answered = scene.ask(M).await;
    assert!(answered.body.contains("try later"), "{}", answered.body);
    assert_eq!(scene.reached(), ["a"]);
    let record = scene.settled();
    assert_eq!(tokens(&record), Some((10, 1, false)));
    assert!(record.cost.is_some_and(|cost| cost.0 > 0));
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn reservations_see_what_was_rejected() {
    let policies = [Policy::Reserves, Policy::Judges];
    let scene = judged(&policies, failing_at_a(|| whole(200, EMPTY)));
    assert_eq!(scene.ask(M).await.status, 200);
    let standings = scene.stores.peek(vec![fakes::bucket(0)]).await.unwrap();
    assert_eq!(standings[0].used, 10 + 1 + 10 + 5);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_held_for_so_long_and_then_it_is_the_apps() {
    let slow: &[Piece] = &[Text(STOP), Wait(19), Text(USAGE), Text(DONE)];
    let scene = judged(&[Policy::Judges], move |_| stream(slow));
    let begun = Instant::now();
    let mut response = scene.worker.handle(chat(M_STREAM), None).await;
    assert!(response.body_mut().frame().await.unwrap().is_ok());
    assert_eq!(begun.elapsed().as_secs(), 15);
    assert_eq!(scene.reached(), ["a"]);
    read(response).await;
    assert_eq!(
        attempts(&scene.settled()),
        [("a/gpt-5".into(), "success", 200)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_while_it_is_judged_breaks_for_the_app() {
    for pieces in [&[Text(STOP), Cut][..], &[Text(ROLE), Text(HELLO), Cut]] {
        let pieces: &'static [Piece] = pieces.to_vec().leak();
        let scene = judged(&[Policy::Judges], move |_| stream(pieces));
        let answered = scene.ask(M_STREAM).await;
        assert!(answered.body.contains("id"), "{}", answered.body);
        assert_eq!(scene.reached(), ["a"]);
    }
    let half = || reply("application/json", &[Text(&EMPTY[..40]), Wait(60)]);
    let scene = judged(&[Policy::Judges], move |_| half());
    let begun = Instant::now();
    assert_eq!(scene.ask(M).await.status, 504);
    assert!(begun.elapsed() < Duration::from_secs(90));
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_alias_is_judged_too() {
    const DIRECT: &str = r#"{"model":"a/gpt-5","messages":[{"role":"user","content":"hi"}]}"#;
    let scene = judged(&[Policy::Judges], failing_at_a(|| whole(200, EMPTY)));
    assert_eq!(scene.ask(DIRECT).await.body, WHOLE);
    assert_billed(&scene, (10, 1));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_while_a_reply_is_held_is_settled() {
    let scene = judged(&[Policy::Judges], |_| stream(&[Text(STOP), Wait(60)]));
    let five = Duration::from_secs(5);
    let asked = scene.worker.handle(chat(M_STREAM), None);
    assert!(tokio::time::timeout(five, asked).await.is_err());
    let record = scene.settled();
    assert!(record.client_gone && tokens(&record).is_some());
    scene.assert_free();
}
