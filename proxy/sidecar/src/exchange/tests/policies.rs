//! Exchanges in which policies have a say.

use super::*;

const ERROR: &str = r#"{"error":{"message":"no","type":"server_error","param":null,"code":null}}"#;
const STREAM: [Piece; 4] = [Text(HELLO), Text(STOP), Text(USAGE), Text(DONE)];

#[tokio::test(start_paused = true)]
async fn a_policy_that_refuses_a_request_gives_back_what_it_reserved() {
    let rig = rig(&[Policy::RefusesRequest], []);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.code()), (403, "not_this"));
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("not_this"));
    assert_eq!(record.policies[0].verdict, "refused");
    assert!(rig.seen().is_empty());
    assert_eq!((tokens(&record), rig.used().await), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_policy_answers_in_the_form_that_was_asked_for() {
    for (body, kind) in [(ASK, "application/json"), (ASK_STREAM, "text/event-stream")] {
        let rig = rig(&[Policy::Answers], []);
        let answered = rig.ask(body).await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.headers["content-type"], kind);
        assert!(answered.body.contains("canned"), "{}", answered.body);
        let record = rig.settled();
        assert_eq!((tokens(&record), record.upstream), (None, None));
        assert_eq!((record.error, record.client_gone), (None, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_fails_and_may_not_be_skipped_ends_the_exchange() {
    let rig = rig(&[Policy::Faults], []);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.code()), (500, "policy_failed"));
    let record = rig.settled();
    assert_eq!(record.policies[0].verdict, "faulted");
    assert!(rig.seen().is_empty() && tokens(&record).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_is_rewritten_and_settled_by_what_it_reports() {
    let rig = rig(&[Policy::Rewrites], [whole(200, WHOLE)]);
    let answered = rig.ask(ASK).await;
    assert_eq!(answered.body, WHOLE.replace("hello", "hello!"));
    let length = answered.body.len().to_string();
    assert_eq!(answered.headers["content-length"], length);
    let record = rig.settled();
    assert_eq!(tokens(&record), Some((10, 5, false)));
    assert_eq!(record.policies[0].verdict, "edited");
    assert_eq!(rig.seen()[0].headers["accept-encoding"], "identity");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_rewritten_event_by_event_and_settled_by_what_it_reports() {
    let rig = rig(&[Policy::Rewrites], [stream(&STREAM)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert!(answered.body.contains("hello!") && answered.body.ends_with(DONE));
    assert!(!answered.broken && !answered.body.contains("usage"));
    let record = rig.settled();
    assert_eq!(tokens(&record), Some((10, 5, false)));
    assert_eq!((record.error, record.client_gone), (None, false));
    assert_eq!(record.reply_bytes, answered.body.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_refuses_a_whole_reply_leaves_it_paid_for() {
    let rig = rig(&[Policy::RefusesReply], [whole(200, WHOLE)]);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.code()), (403, "not_this"));
    let record = rig.settled();
    assert_eq!(tokens(&record), Some((10, 5, false)));
    assert_eq!(record.error.as_deref(), Some("not_this"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_mid_stream_ends_it_in_the_dialects_own_way() {
    let rig = rig(&[Policy::RefusesReply], [stream(&STREAM)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!((answered.status, answered.broken), (200, false));
    assert!(
        answered.body.contains("content_filter"),
        "{}",
        answered.body
    );
    assert!(!answered.body.contains("hello"));
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("not_this"));
    assert!(tokens(&record).is_some_and(|(input, _, estimated)| input > 0 && estimated));
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_stream_that_is_cut_ends_with_an_error_event_and_broken_framing() {
    for (pieces, code, words) in [
        (&[Text(HELLO), Cut][..], "upstream_failed", "broke off"),
        (&[Text(HELLO)], "upstream_failed", "before its end"),
        (&[Text(HELLO), Wait(60)], "upstream_timeout", "fell silent"),
        (
            &[Text(": ping\n\n"), Wait(15), Text(": ping\n\n"), Wait(60)],
            "upstream_timeout",
            "no content in time",
        ),
    ] {
        let rig = rig(&[Policy::Rewrites], [stream(pieces)]);
        let answered = rig.ask(ASK_STREAM).await;
        assert!(answered.broken, "{pieces:?}");
        let event = last_event(&answered.body).to_string();
        assert!(event.contains(words), "{event}");
        let record = rig.settled();
        assert_eq!(record.error.as_deref(), Some(code));
        assert!(tokens(&record).is_some_and(|(input, _, estimated)| input > 0 && estimated));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_came_to_its_own_end_is_whole_whatever_its_connection_does() {
    let pieces = [Text(HELLO), Text(STOP), Text(USAGE), Text(DONE), Cut];
    let rig = rig(&[Policy::Rewrites], [stream(&pieces)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert!(!answered.broken && answered.body.ends_with(DONE));
    let record = rig.settled();
    assert_eq!((record.error.as_deref(), record.client_gone), (None, false));
    assert_eq!(tokens(&record), Some((10, 5, false)));
}

#[tokio::test(start_paused = true)]
async fn text_that_a_policy_holds_goes_out_after_its_time_without_waiting_for_more() {
    let pieces = [Text(HELLO), Wait(10), Text(STOP), Text(DONE)];
    let rig = rig(&[Policy::Holds], [stream(&pieces)]);
    let begun = Instant::now();
    let mut response = rig.worker.handle(chat(ASK_STREAM), None).await;
    let mut text = String::new();
    while !text.contains("hello") {
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        text += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
    }
    assert_eq!(begun.elapsed().as_secs(), 2);
    let rest = read(response).await;
    assert!(!rest.broken && rest.body.ends_with(DONE));
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert!(rig.settled().error.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_while_a_policy_works_is_settled_with_what_policies_did() {
    let rig = rig(&[Policy::Ponders, Policy::Reserves], [stream(&STREAM)]);
    let response = rig.worker.handle(chat(ASK_STREAM), None).await;
    let five = Duration::from_secs(5);
    assert!(tokio::time::timeout(five, read(response)).await.is_err());
    let record = rig.settled();
    assert!(record.client_gone && record.error.is_none());
    assert_eq!(record.policies.len(), 2);
    let (input, output, estimated) = tokens(&record).unwrap();
    assert!(input > 0 && output > 0 && estimated);
    assert_eq!(rig.used().await, input + output);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_a_policy_cannot_see_into_is_not_given_out() {
    let coding = with(whole(200, WHOLE), "content-encoding", "unheard-of");
    let kind = reply("audio/mpeg", &[Text("sound")]);
    for turn in [coding, kind] {
        let rig = rig(&[Policy::Rewrites], [turn]);
        let answered = rig.ask(ASK).await;
        assert_eq!(answered.status, 502);
        assert_eq!(answered.code(), "upstream_unreadable");
        // It was made all the same.
        assert!(tokens(&rig.settled()).is_some_and(|(input, _, estimated)| input > 0 && estimated));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_status_goes_up_the_chain_and_takes_nothing() {
    let rig = rig(&[Policy::Rewrites], [whole(400, ERROR)]);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.body), (400, ERROR));
    let record = rig.settled();
    assert_eq!((tokens(&record), record.status), (None, 400));
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_that_is_cut_or_silent_is_refused_where_policies_are_to_see_it() {
    for (piece, status, code) in [
        (Cut, 502, "upstream_failed"),
        (Wait(60), 504, "upstream_timeout"),
    ] {
        let pieces = [Text(&WHOLE[..40]), piece];
        let rig = rig(&[Policy::Rewrites], [reply("application/json", &pieces)]);
        let answered = rig.ask(ASK).await;
        assert_eq!((answered.status, &*answered.code()), (status, code));
        let record = rig.settled();
        assert_eq!(record.error.as_deref(), Some(code));
        assert!(tokens(&record).is_some_and(|(_, _, estimated)| estimated));
    }
}
