//! Second attempts beside slow first ones.

use super::*;

const HEDGED: &str = "{ targets: [openai/gpt-5, b/gpt-5], hedge: { share: 10%, delay: 2s }, retry: { per_second: 0 } }";
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const DEAR: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}"#;
/// Exchanges that bring in what a hedge costs.
const SAVED: usize = 30;

fn after(seconds: u64) -> Turn {
    stream(&[
        Wait(seconds),
        Text(HELLO),
        Text(STOP),
        Text(USAGE),
        Text(DONE),
    ])
}

/// A field whose budget has a hedge, with what the first and the second do to the call after that.
async fn saved(
    first: impl Fn() -> Turn + Send + Sync + 'static,
    second: impl Fn() -> Turn + Send + Sync + 'static,
) -> Field {
    let field = Field::new(HEDGED, move |name, nth| match (name, nth) {
        ("openai", nth) if nth < SAVED => whole(200, DEAR),
        ("openai", _) => first(),
        _ => second(),
    });
    for n in 0..SAVED {
        field.say(&format!("words {n}")).await;
    }
    assert_eq!(field.reached(), ["openai"; SAVED]);
    field.shared.settled.lock().clear();
    field
}

/// Targets and classes of the attempts of the one exchange.
fn attempts(field: &Field) -> Vec<(String, &'static str)> {
    let records = field.records();
    let [record] = &records[..] else {
        panic!("one exchange")
    };
    let made = record.attempts();
    made.map(|(target, end)| (target.to_owned(), end.class))
        .collect()
}

fn failures(field: &Field) -> u64 {
    let generation = field.shared.generation.load();
    let mut failures = 0;
    for place in generation.places.iter() {
        assert_eq!(place.target.in_flight(), 0);
        failures += place.target.figures().failures;
    }
    failures
}

#[tokio::test(start_paused = true)]
async fn the_first_to_commit_answers_and_the_other_is_no_failure() {
    for (first, second, seconds, expected) in [
        (
            60,
            1,
            3,
            [("openai/gpt-5", "hedged"), ("b/gpt-5", "success")],
        ),
        (
            4,
            9,
            4,
            [("b/gpt-5", "hedged"), ("openai/gpt-5", "success")],
        ),
    ] {
        let field = saved(move || after(first), move || after(second)).await;
        let begun = Instant::now();
        let answered = field.send(STREAM).await;
        assert!(answered.body.ends_with(DONE) && !answered.broken);
        assert_eq!(begun.elapsed().as_secs(), seconds);
        let made = attempts(&field);
        let made: Vec<_> = made.iter().map(|(name, class)| (&**name, *class)).collect();
        assert_eq!(made, expected);
        assert_eq!(failures(&field), 0);
        let record = &field.records()[0];
        let (loser, last) = (record.earlier[0].cost.unwrap(), record.last_cost.unwrap());
        assert_eq!(record.cost.unwrap().0, loser.0 + last.0);
        // 10 in, 5 out
        assert_eq!(last.0, 10 * 1250 + 5 * 10_000);
        assert!(loser.0 > 0);
        assert_eq!(record.upstream.as_deref(), expected[1].0.split('/').next());
    }
    let text = crate::telemetry::metrics::render();
    for winner in ["first", "hedge"] {
        let series = format!(r#"outrigger_hedges_total{{model="m",winner="{winner}"}}"#);
        assert!(text.contains(&series), "{series}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_has_no_second_attempt() {
    let field = saved(|| after(1), || after(0)).await;
    field.send(STREAM).await;
    assert_eq!(attempts(&field), [("openai/gpt-5".to_owned(), "success")]);
}

#[tokio::test(start_paused = true)]
async fn where_one_fails_the_other_goes_on_alone() {
    let refused = |seconds| Turn::FailAfter(seconds, SendError::Connect("refused".into()));
    for (first, second, seconds, expected) in [
        (
            3,
            None,
            7,
            [("openai/gpt-5", "refused"), ("b/gpt-5", "success")],
        ),
        (
            6,
            Some(1),
            6,
            [("b/gpt-5", "refused"), ("openai/gpt-5", "success")],
        ),
    ] {
        let field = saved(
            move || match second {
                None => refused(first),
                Some(_) => after(first),
            },
            move || second.map_or_else(|| after(5), refused),
        )
        .await;
        let begun = Instant::now();
        let answered = field.send(STREAM).await;
        assert!(answered.body.ends_with(DONE) && !answered.broken);
        assert_eq!(begun.elapsed().as_secs(), seconds);
        let made = attempts(&field);
        let made: Vec<_> = made.iter().map(|(name, class)| (&**name, *class)).collect();
        assert_eq!(made, expected);
        assert_eq!(failures(&field), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn where_both_fail_the_app_learns_of_it() {
    let field = saved(
        || Turn::FailAfter(3, SendError::Connect("refused".into())),
        || Turn::FailAfter(3, SendError::Connect("refused".into())),
    )
    .await;
    assert_eq!(field.send(STREAM).await.status, 502);
    let made = attempts(&field);
    assert!(made.len() >= 2 && made.iter().all(|(_, class)| *class == "refused"));
    assert!(failures(&field) >= 2);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_is_settled_with_both() {
    let field = saved(|| Turn::Silence, || Turn::Silence).await;
    let left = tokio::time::timeout(Duration::from_secs(3), field.send(STREAM)).await;
    assert!(left.is_err());
    let made = attempts(&field);
    let targets: Vec<_> = made.iter().map(|(target, _)| &**target).collect();
    assert_eq!(targets, ["b/gpt-5", "openai/gpt-5"]);
    let record = &field.records()[0];
    let (loser, last) = (record.earlier[0].cost.unwrap(), record.last_cost.unwrap());
    assert!(loser.0 > 0 && record.cost.unwrap().0 == loser.0 + last.0);
    assert_eq!(failures(&field), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_or_run_at_a_provider_and_what_is_not_saved_has_none() {
    let field = saved(|| after(5), || after(0)).await;
    let stored = STREAM.replace(r#""stream":true"#, r#""stream":true,"store":true"#);
    field.send(&stored).await;
    assert_eq!(field.bodies("b").len(), 0);
    let poor = Field::new(HEDGED, |_, _| after(5));
    poor.send(STREAM).await;
    assert_eq!(poor.reached(), ["openai"]);
}
