//! Targets and attempts: what a policy is shown of them, and what it may say.

use super::*;

/// The targets of these tests' exchanges.
struct Known;

impl Estimates for Known {
    fn estimate(&self, _: &Call, _: Unit) -> Option<u64> {
        None
    }
    fn candidates(&self, call: &Call) -> Vec<Candidate> {
        let model = call.body.model().unwrap_or_default();
        let known = Candidate {
            name: format!("a/{model}"),
            upstream: "a".into(),
            model: model.into(),
            region: Some("eu".into()),
            dialect: "openai".into(),
            price: Some(CandidatePrice {
                input_microusd: 250_000,
                output_microusd: 2_000_000,
            }),
            cost_microusd: Some(31),
            window: Some(400_000),
            output: Some(128_000),
            takes: vec!["tools".into(), "images".into()],
            lacks: vec!["audio".into()],
            first_token_ms: Some(310),
            in_flight: 4,
            breaker: "half_open".into(),
            retry_after_ms: Some(1500),
            requests_left: Some(7),
            tokens_left: Some(90_000),
        };
        let unknown = Candidate {
            name: "b/m".into(),
            ..Candidate::default()
        };
        vec![known, unknown]
    }
    fn deadline(&self, _: &Call) -> Option<Duration> {
        Some(Duration::from_secs(600))
    }
}

async fn decide(config: &str) -> AfterRequest {
    let mut call = call("hi");
    call.estimated_by(Arc::new(Known));
    load(config).start().unwrap().on_request(call).await
}

#[tokio::test]
async fn a_policy_is_shown_every_figure_of_the_targets_and_the_exchanges_time() {
    let (_, outcome) = decide(r#"{"request":"targets"}"#).await;
    let (_, decision) = outcome.unwrap();
    let Decision::Reply(text) = decision else {
        panic!("{decision:?}")
    };
    let known = r#"Some(600000) [Target { name: "a/m", upstream: "a", model: "m", region: Some("eu"), dialect: "openai", price: Some(Price { input-microusd: 250000, output-microusd: 2000000 }), cost-microusd: Some(31), window: Some(400000), output: Some(128000), takes: ["tools", "images"], lacks: ["audio"], first-token-ms: Some(310), in-flight: 4, breaker: "half_open", retry-after-ms: Some(1500), requests-left: Some(7), tokens-left: Some(90000) }, Target { name: "b/m", upstream: "", model: "", region: None,"#;
    assert!(text.starts_with(known), "{text}");
}

#[tokio::test]
async fn what_a_policy_says_of_targets_is_claimed_in_the_exchanges_name() {
    let (call, outcome) = decide(r#"{"request":"route"}"#).await;
    assert_eq!(outcome.unwrap().1, Decision::Forward);
    let claims = &call.claims;
    assert_eq!(claims.prefer, ["b/m", "a/m"]);
    assert_eq!(claims.exclude, ["c/m"]);
    assert_eq!(claims.mirror.as_deref(), Some("d/m"));
    assert_eq!(call.deadline(), Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn targets_that_are_too_many_or_no_names_trap_and_none_is_tried_before_a_failure() {
    for (request, why) in [
        (
            "many_targets",
            "prefer: an exchange names 64 targets at most",
        ),
        (
            "nameless_target",
            "exclude: an exchange names 64 targets at most",
        ),
    ] {
        let (_, outcome) = decide(&format!(r#"{{"request":"{request}"}}"#)).await;
        let fault = outcome.err();
        assert!(
            matches!(&fault, Some(Fault::Trapped(text)) if text.starts_with(why)),
            "{fault:?}"
        );
    }
    let (_, outcome) = decide(r#"{"request":"try_now"}"#).await;
    let fault = outcome.err();
    assert!(matches!(fault, Some(Fault::BadReturn(_))), "{fault:?}");
}

fn made(target: &str, class: &str) -> AttemptMade {
    AttemptMade {
        target: target.into(),
        class: class.into(),
        ..AttemptMade::default()
    }
}

#[tokio::test]
async fn a_failure_says_what_was_tried_and_other_targets_may_be_tried_instead() {
    let failure = || {
        Arc::new(Failure {
            status: 503,
            code: "upstream_status".into(),
            class: "overload".into(),
            attempts: vec![made("a/m", "rate"), made("b/m", "overload")],
        })
    };
    let at_failure = async |how: &str| {
        let policy = load(&format!(r#"{{"failure":"{how}"}}"#));
        let turn = policy.start().unwrap().on_failure(failure()).await;
        turn.map(|(_, decision)| decision)
    };
    let tried = ["a/m", "b/m", "overload"].map(String::from).into();
    assert_eq!(at_failure("try_now").await, Ok(Decision::TryNow(tried)));
    for how in ["try_nothing", "serve"] {
        let turn = at_failure(how).await;
        assert!(matches!(turn, Err(Fault::BadReturn(_))), "{how}: {turn:?}");
    }
}

#[tokio::test]
async fn the_end_of_an_exchange_lists_its_attempts() {
    let end = async |attempts: &[AttemptMade]| {
        let outcome = Outcome {
            attempts: attempts.to_vec(),
            ..Outcome::default()
        };
        let policy = load(r#"{"end":"attempts"}"#);
        policy.start().unwrap().on_end(Arc::new(outcome)).await
    };
    let (failed, good) = (made("a/m", "overload"), made("b/m", "success"));
    assert_eq!(end(&[failed, good]).await, Ok(()));
    assert!(end(&[]).await.is_err());
}
