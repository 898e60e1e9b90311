//! Attempts that no reply follows, and attempts that follow others.

use super::*;

const ERROR: &str = r#"{"error":{"message":"no","type":"server_error","param":null,"code":null}}"#;
const NO_OPTION: &str = r#"{"error":{"message":"unknown field","type":"invalid_request_error"}}"#;
const PLAIN: [Piece; 3] = [Text(HELLO), Text(STOP), Text(DONE)];

/// The answer where one attempt fails so, and what was settled.
async fn failing(error: SendError) -> (Answered, Record) {
    let rig = rig(&[], [Turn::Fail(error)]);
    let answered = rig.ask(ASK).await;
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some(&*answered.code()));
    assert_eq!(record.upstream.as_deref(), Some("openai"));
    assert_eq!((tokens(&record), record.client_gone), (None, false));
    (answered, record)
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_not_there_is_a_bad_gateway_and_takes_nothing() {
    for error in [
        SendError::Connect("refused".into()),
        SendError::ConnectTimeout(Duration::from_secs(10)),
        SendError::Tls("untrusted".into()),
    ] {
        let (answered, record) = failing(error).await;
        assert_eq!((answered.status, record.status), (502, 502));
        assert_eq!(answered.code(), "upstream_connect");
        assert_eq!(answered.headers["x-should-retry"], "true");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_can_not_be_had_are_a_bad_gateway_that_says_nothing_of_why() {
    use crate::upstream::identity::{Cause, IdentityFailure};
    let (answered, record) = failing(SendError::Credentials(IdentityFailure {
        identity: "aws/instance",
        step: "asking for the role's keys",
        cause: Cause::Timeout(Duration::from_secs(5)),
    }))
    .await;
    assert_eq!((answered.status, record.status), (502, 502));
    assert_eq!(answered.code(), "credentials_unavailable");
    let body = &answered.body;
    assert!(
        !body.contains("role") && body.contains("`openai`"),
        "{body}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_breaks_off_before_its_head_is_a_bad_gateway() {
    for error in [
        SendError::Closed("reset".into()),
        SendError::Refused("go away".into()),
        SendError::Protocol("no http".into()),
    ] {
        let (answered, _) = failing(error).await;
        assert_eq!(answered.status, 502);
        assert_eq!(answered.code(), "upstream_failed");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_says_nothing_is_a_timeout_and_perhaps_works_on_it() {
    let begun = Instant::now();
    let rig = rig(&[], [Turn::Silence]);
    let answered = rig.ask(ASK).await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(answered.status, 504);
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_timeout"));
    assert_eq!(tokens(&record), Some((ASK.len() as u64 / 4, 0, true)));
}

#[tokio::test(start_paused = true)]
async fn protocols_that_are_switched_unasked_are_a_failure() {
    let rig = rig(&[], [whole(101, "")]);
    let answered = rig.ask(ASK).await;
    assert_eq!(
        (answered.status, &*answered.code()),
        (502, "upstream_failed")
    );
    assert_eq!(tokens(&rig.settled()), None);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_before_the_answer_is_settled_by_what_it_asked() {
    let rig = rig(&[], [Turn::Silence]);
    let five = Duration::from_secs(5);
    let left = tokio::time::timeout(five, rig.worker.handle(chat(ASK), None)).await;
    assert!(left.is_err());
    let record = rig.settled();
    assert!(record.client_gone && record.error.is_none());
    assert_eq!((record.status, record.total.as_secs()), (0, 5));
    assert_eq!(tokens(&record), Some((ASK.len() as u64 / 4, 0, true)));
}

#[tokio::test(start_paused = true)]
async fn what_a_stale_connection_lost_is_sent_again_over_a_new_one() {
    let stale = SendError::Stale("closed".into());
    let rig = rig(&[], [Turn::Fail(stale), whole(200, WHOLE)]);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    let seen = rig.seen();
    let over: Vec<_> = seen.iter().map(|seen| seen.over).collect();
    assert_eq!(over, [Connection::Kept, Connection::New]);
    assert_eq!((&seen[0].body, &seen[0].uri), (&seen[1].body, &seen[1].uri));
    let [first, mut again] = [0, 1].map(|at| seen[at].headers.clone());
    // Each attempt is a span of its own.
    let traceparent = again.insert("traceparent", first["traceparent"].clone());
    assert_ne!(traceparent, Some(first["traceparent"].clone()));
    assert_eq!(first, again);
    assert_eq!(tokens(&rig.settled()), Some((10, 5, false)));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_has_what_is_left_of_the_first_ones_time() {
    let begun = Instant::now();
    let stale = Turn::FailAfter(12, SendError::Stale("closed".into()));
    let rig = rig(&[], [stale, Turn::Silence]);
    assert_eq!(rig.ask(ASK).await.status, 504);
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(rig.settled().error.as_deref(), Some("upstream_timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_large_body_goes_over_a_new_connection_and_is_not_sent_again() {
    let text = "x".repeat(3 << 19);
    let body = format!(r#"{{"model":"gpt-5","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let stale = SendError::Stale("closed".into());
    let rig = rig(&[], [Turn::Fail(stale)]);
    let request = Request::post("/v1/chat/completions").header("content-length", body.len());
    let request = request.body(Full::new(Bytes::from(body.clone()))).unwrap();
    assert_eq!(rig.answer(request).await.status, 502);
    let seen = rig.seen();
    assert_eq!((seen.len(), seen[0].over), (1, Connection::New));
    assert_eq!(seen[0].body, body);
    assert_eq!(rig.settled().error.as_deref(), Some("upstream_failed"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_the_usage_option_gets_the_apps_own_request() {
    let rig = rig(
        &[Policy::Reads],
        [whole(400, NO_OPTION), stream(&PLAIN), stream(&PLAIN)],
    );
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!((answered.status, answered.broken), (200, false));
    assert_eq!(answered.body, [HELLO, STOP, DONE].concat());
    let seen = rig.seen();
    assert!(String::from_utf8_lossy(&seen[0].body).contains("include_usage"));
    assert_eq!(seen[1].body, ASK_STREAM);
    // The first attempt took nothing.
    let record = rig.settled();
    let (input, output, estimated) = tokens(&record).unwrap();
    assert_eq!(input, ASK_STREAM.len() as u64 / 4);
    assert!(output > 0 && estimated);
    // The target is remembered.
    assert_eq!(rig.ask(ASK_STREAM).await.status, 200);
    assert_eq!(rig.seen().len(), 3);
    assert_eq!(rig.seen()[2].body, ASK_STREAM);
}

#[tokio::test(start_paused = true)]
async fn a_server_error_that_names_the_option_counts_as_a_refusal_and_another_does_not() {
    const NAMES: &str = r#"{"error":{"message":"no such thing as stream_options"}}"#;
    let named = rig(&[Policy::Reads], [whole(500, NAMES), stream(&PLAIN)]);
    assert_eq!(named.ask(ASK_STREAM).await.status, 200);
    assert_eq!(named.seen()[1].body, ASK_STREAM);
    let other = rig(&[Policy::Reads], [whole(500, ERROR)]);
    let answered = other.ask(ASK_STREAM).await;
    assert_eq!((answered.status, &*answered.body), (500, ERROR));
    assert_eq!((other.seen().len(), tokens(&other.settled())), (1, None));
}

#[tokio::test(start_paused = true)]
async fn usage_that_was_asked_for_in_the_apps_place_is_counted_and_taken_out() {
    let pieces = [Text(HELLO), Text(STOP), Text(USAGE), Text(DONE)];
    let rig = rig(&[Policy::Reads], [stream(&pieces)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!(answered.body, [HELLO, STOP, DONE].concat());
    assert_eq!(tokens(&rig.settled()), Some((10, 5, false)));
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_answer_in_the_place_of_a_failure() {
    let refused = || Turn::Fail(SendError::Connect("refused".into()));
    for turn in [refused(), whole(503, ERROR), whole(429, ERROR)] {
        let rig = rig(&[Policy::Rescues], [turn]);
        let answered = rig.ask(ASK).await;
        assert_eq!(answered.status, 200);
        assert!(answered.body.contains("try later"), "{}", answered.body);
        let record = rig.settled();
        assert_eq!((tokens(&record), record.status), (None, 200));
    }
}
