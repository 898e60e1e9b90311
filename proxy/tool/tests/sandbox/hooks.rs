//! Tests of hooks: what they see, change and keep.

use super::*;

#[tokio::test]
async fn nothing_passes_from_one_instance_to_the_next_and_everything_within_one() {
    let policy = load(r#"{"request":"leak","reply":"remember"}"#);
    for round in 0..200 {
        let secret = format!("secret {round}");
        let (call, outcome) = ask(&policy, &secret).await;
        assert_eq!(call.tag("seen_before"), Some("0"), "round {round}");
        let (instance, _) = outcome.unwrap();
        let (_, texts) = instance.on_reply(head(), vec![delta("x")]).await.unwrap();
        assert_eq!(texts.unwrap(), [Some(secret)], "only what it read itself");
    }
}

#[tokio::test]
async fn a_policy_edits_what_it_was_lent_and_sees_the_places_it_reads() {
    let policy = load(r#"{"request":"edit"}"#);
    let (call, outcome) = ask(&policy, "hello").await;
    assert_eq!(outcome.map(|(_, d)| d).ok(), Some(Decision::Forward));
    let sent: serde_json::Value = serde_json::from_slice(&call.body.render()).unwrap();
    assert_eq!(sent["messages"][0]["content"], "HELLO");
    assert_eq!(sent["messages"][1]["content"], "unseen");
    assert_eq!(call.body.model(), Some("edited"));
    assert_eq!(call.headers()["x-edited"], "yes");
    assert_eq!(call.tag("tenant"), Some("t1"));
}

#[tokio::test]
async fn a_reply_is_rewritten_delta_by_delta_and_refused_in_the_middle() {
    let policy = load(r#"{"reply":"upper"}"#);
    let mut instance = policy.start().unwrap();
    for n in 0..20 {
        let deltas = vec![delta("a"), delta(&format!("b{n}"))];
        let (next, texts) = instance.on_reply(head(), deltas).await.unwrap();
        let expected = [Some("200A".to_owned()), Some(format!("200B{n}"))];
        assert_eq!(texts.unwrap(), expected);
        instance = next;
    }
    assert!(instance.on_end(Arc::new(Outcome::default())).await.is_ok());

    let refusing = load(r#"{"reply":"refuse"}"#).start().unwrap();
    let (_, outcome) = refusing.on_reply(head(), vec![delta("a")]).await.unwrap();
    assert_eq!(outcome.unwrap_err().code, "no_way");
}

#[tokio::test]
async fn a_reply_that_is_held_is_judged_and_a_verdict_is_a_word_or_a_fault() {
    let (call, outcome) = ask(&load(r#"{"request":"hold","attempt":"echo"}"#), "hi").await;
    // A place that the host does not know is in no reply.
    let places = Places::NONE.with(Place::Assistant);
    assert_eq!(call.claims.hold_reply, Some(places));
    let (instance, _) = outcome.unwrap();
    let deltas = vec![delta("a"), delta("b")];
    let (instance, verdict) = instance.on_attempt(attempted(), deltas).await.unwrap();
    assert_eq!(verdict, AttemptVerdict::Reject("200_a_b_stop".into()));
    let (_, verdict) = instance.on_attempt(attempted(), vec![]).await.unwrap();
    assert_eq!(verdict, AttemptVerdict::Reject("200__stop".into()));

    let waits = load(r#"{"attempt":"wait"}"#).start().unwrap();
    let (_, verdict) = waits.on_attempt(attempted(), vec![]).await.unwrap();
    assert_eq!(verdict, AttemptVerdict::Wait);
    let undeclared = load(r#"{"request":"hold","hooks":"request"}"#);
    let fault = fault_at(&undeclared, "request").await.unwrap().to_string();
    assert!(fault.contains("add `Hooks::ATTEMPT`"), "{fault}");
}

#[tokio::test]
async fn credentials_and_the_body_are_seen_only_where_granted() {
    let text = async |how: &str, grants: bool| {
        let mut source = source(&format!(r#"{{"request":"{how}"}}"#));
        if grants {
            source.grants = source.grants.with(&BODY).with(&CREDENTIALS);
        }
        let policy = loader().load(source).unwrap();
        match ask(&policy, "hi").await.1 {
            Ok((_, Decision::Reply(text))) => text,
            Ok((_, other)) => panic!("{other:?}"),
            Err(fault) => fault.to_string(),
        }
    };
    let hidden = text("credentials", false).await;
    assert!(hidden.contains("x-team=blue"), "{hidden}");
    assert!(!hidden.contains("canary"), "{hidden}");
    let shown = text("credentials", true).await;
    assert_eq!(shown.matches("canary").count(), 3, "{shown}");
    let refused = text("body", false).await;
    assert!(refused.contains("`body` was not granted"), "{refused}");
    assert_eq!(text("body", true).await, call("hi").body.size().to_string());
}

#[tokio::test]
async fn views_show_what_is_read_and_a_system_prompt_grows() {
    let source = Source {
        bytes: file("probe.wasm"),
        ..source(r#"{"system":"Be brief."}"#)
    };
    let policy = loader().load(source).unwrap();
    let instance = policy.start().unwrap();
    let mut call = call("hi");
    let json = r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"a"},{"role":"user","content":"b"}],"tools":[{"type":"function","function":{"name":"t"}}]}"#;
    call.body.replace(json.into()).unwrap();
    let (seen, outcome) = instance.on_request(call).await;
    assert_eq!(outcome.unwrap().1, Decision::Forward);
    assert_eq!(seen.headers().get("x-view").unwrap(), "S|b|t");
    assert_eq!(
        seen.body.render(),
        json.replace(r#""S""#, r#""S\n\nBe brief.""#)
    );
}

#[tokio::test]
async fn a_failure_is_reported_to_the_instance_that_saw_the_request_and_it_may_answer() {
    let failure = || {
        Arc::new(Failure {
            status: 502,
            code: "upstream_connect".into(),
            ..Failure::default()
        })
    };
    let (_, outcome) = ask(&load(r#"{"failure":"reply"}"#), "hi").await;
    let (instance, _) = outcome.unwrap();
    let (instance, decision) = instance.on_failure(failure()).await.unwrap();
    assert_eq!(decision, Decision::Reply("502 upstream_connect".into()));
    let (_, decision) = instance.on_failure(failure()).await.unwrap();
    assert_eq!(decision, Decision::Reply("502 upstream_connect".into()));
    let trapping = load(r#"{"failure":"trap"}"#).start().unwrap();
    assert!(matches!(
        trapping.on_failure(failure()).await.err(),
        Some(Fault::Trapped(_))
    ));
}
