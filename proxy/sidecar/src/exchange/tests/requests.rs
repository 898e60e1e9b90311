//! Requests that are refused before anything is sent, and what is sent of the others.

use http_body_util::StreamBody;

use super::*;
use crate::{
    config::Overload,
    exchange::generation::Phase,
    overload::{self, ConnectionTimeouts, Descriptors},
};

/// Sees that a request was refused so, and that nothing was sent.
async fn refused<B>(rig: &Rig, request: Request<B>, status: u16, code: &str) -> Answered
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let answered = rig.answer(request).await;
    assert_eq!(answered.status, status, "{}", answered.body);
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some(code));
    assert_eq!((tokens(&record), record.upstream), (None, None));
    assert!(rig.seen().is_empty() && !record.client_gone);
    answered
}

#[tokio::test(start_paused = true)]
async fn nothing_new_is_taken_on_while_the_process_drains() {
    let rig = rig(&[], []);
    rig.shared.enter(Phase::Draining);
    let answered = refused(&rig, chat(ASK), 503, "draining").await;
    assert_eq!(answered.headers["retry-after"], "1");
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_is_answered_and_nothing_is_settled() {
    let rig = rig(&[], []);
    let none = Overload {
        exchanges: Some(0),
        ..Overload::default()
    };
    let patience = || ConnectionTimeouts {
        idle: Duration::MAX,
        stalled: Duration::MAX,
    };
    let admission = Arc::clone(&rig.shared.admission);
    drop(overload::keep(
        admission,
        &none,
        Descriptors::take(1),
        patience,
        |_| {},
    ));
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.code()), (503, "overloaded"));
    assert!(rig.shared.settled.lock().is_empty() && rig.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_by_its_length_or_when_it_is_there() {
    let large = Bytes::from(vec![b' '; 3 << 20]);
    let declared = Request::post("/v1/chat/completions").header("content-length", large.len());
    let declared = declared.body(Full::new(large.clone())).unwrap();
    refused(&rig(&[], []), declared, 413, "body_too_large").await;
    let pieces = large.chunks(1 << 20).map(Bytes::copy_from_slice);
    let frames: Vec<_> = pieces
        .map(|piece| Ok::<_, BoxError>(Frame::data(piece)))
        .collect();
    let growing = Request::post("/v1/chat/completions").header("transfer-encoding", "chunked");
    let growing = growing
        .body(StreamBody::new(futures_util::stream::iter(frames)))
        .unwrap();
    refused(&rig(&[], []), growing, 413, "body_too_large").await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_given_up_and_one_that_breaks_off_is_a_bad_request() {
    let begun = Instant::now();
    let stalls = chat_in_pieces(&[Text("{"), Wait(60)]);
    refused(&rig(&[], []), stalls, 408, "body_timeout").await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    let breaks = chat_in_pieces(&[Text("{"), Cut]);
    refused(&rig(&[], []), breaks, 400, "bad_request").await;
}

#[tokio::test(start_paused = true)]
async fn a_dialect_that_no_upstream_speaks_has_nowhere_to_go() {
    let body = r#"{"model":"m","max_tokens":9,"messages":[]}"#;
    let request = Request::post("/v1/messages").header("content-length", body.len());
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let answered = refused(&rig(&[], []), request, 404, "no_upstream").await;
    assert!(answered.body.contains("anthropic.messages"));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_named_twice_is_refused_where_a_policy_judges_it() {
    let body = r#"{"model":"a","model":"b","messages":[]}"#;
    refused(&rig(&[Policy::Reads], []), chat(body), 400, "bad_request").await;
    let wire = rig(&[], [whole(200, WHOLE)]);
    assert_eq!(wire.ask(body).await.status, 200);
    assert_eq!(wire.seen()[0].body, body);
}

/// A call in a coding that nobody here can undo.
fn encoded() -> Request<Full<Bytes>> {
    let mut request = chat("not json");
    let coding = "unheard-of".parse().unwrap();
    request.headers_mut().insert("content-encoding", coding);
    request
}

#[tokio::test(start_paused = true)]
async fn a_request_that_a_policy_cannot_see_into_is_refused() {
    let rig = rig(&[Policy::Reads], []);
    let answered = refused(&rig, encoded(), 403, "unseen_by_policy").await;
    assert!(answered.body.contains("encoding"));
}

#[tokio::test(start_paused = true)]
async fn with_an_empty_chain_what_nobody_can_read_passes_as_it_came() {
    let rig = rig(&[], [whole(200, WHOLE)]);
    let answered = rig.answer(encoded()).await;
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    let seen = rig.seen();
    assert_eq!(seen[0].body, "not json");
    assert_eq!(seen[0].headers["content-encoding"], "unheard-of");
    assert_eq!(seen[0].over, Connection::New, "half of it may be gone");
    let record = rig.settled();
    assert!(record.error.is_none() && !record.client_gone);
    assert_eq!(record.request_bytes, 8);
    assert!(tokens(&record).is_some_and(|(_, _, estimated)| estimated));
}

#[tokio::test(start_paused = true)]
async fn a_passing_body_that_stalls_is_the_apps_fault_and_not_the_upstreams() {
    let rig = rig(&[], [whole(200, WHOLE)]);
    let mut request = chat_in_pieces(&[Text("{"), Wait(60)]);
    let coding = "unheard-of".parse().unwrap();
    request.headers_mut().insert("content-encoding", coding);
    let answered = rig.answer(request).await;
    assert_eq!(answered.status, 408);
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("body_timeout"));
    assert_eq!(tokens(&record), None);
}

#[tokio::test(start_paused = true)]
async fn a_listing_passes_and_takes_nothing() {
    let rig = rig(&[Policy::Reads], [whole(200, r#"{"data":[]}"#)]);
    let request = Request::get("/v1/files").body(Full::new(Bytes::new()));
    let answered = rig.answer(request.unwrap()).await;
    assert_eq!(answered.status, 200);
    assert_eq!(rig.seen()[0].uri, "http://openai.test/v1/files");
    let record = rig.settled();
    assert_eq!((tokens(&record), record.error), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_rendered_for_its_target() {
    let rig = rig(&[], [whole(200, WHOLE)]);
    let body = r#"{ "model":"fast", "messages":[] }"#;
    assert_eq!(rig.ask(body).await.status, 200);
    let seen = &rig.seen()[0];
    assert_eq!(seen.body, body.replace("fast", "gpt-5-mini"));
    assert_eq!(seen.uri, "http://openai.test/v1/chat/completions");
    assert_eq!(seen.headers["authorization"], "Bearer ours");
    let record = rig.settled();
    assert_eq!(seen.headers["x-request-id"], record.id);
    assert_eq!(record.model.as_deref(), Some("fast"));
    assert_eq!(record.target, "openai/gpt-5-mini");
}
