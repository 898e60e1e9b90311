//! Units that policies reserved, replies that they kept and served.

use policy::Unit;

use super::*;

const ERROR: &str = r#"{"error":{"message":"no","type":"server_error","param":null,"code":null}}"#;
/// Some 40 tokens, in an event.
const LONG: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one two three four five six seven eight nine ten eleven twelve one two three four five six seven eight nine ten eleven twelve one two three four five six seven eight nine ten\"}}]}\n\n";

/// Tokens that are counted after an exchange that reserved 1,000.
async fn counted(turn: Turn, body: &'static str) -> u64 {
    let rig = rig(&[Policy::Reserves], [turn]);
    let answered = rig.ask(body).await;
    assert_eq!(answered.headers["x-reserved"], "1000");
    let record = rig.settled();
    assert_eq!(record.reserved.of(Unit::TotalTokens), 1000);
    rig.used().await
}

#[tokio::test(start_paused = true)]
async fn the_truth_takes_the_place_of_what_was_reserved() {
    assert_eq!(counted(whole(200, WHOLE), ASK).await, 15);
    let pieces = [Text(HELLO), Text(STOP), Text(USAGE), Text(DONE)];
    assert_eq!(counted(stream(&pieces), ASK_STREAM).await, 15);
}

#[tokio::test(start_paused = true)]
async fn what_came_to_nothing_gives_all_of_it_back() {
    let unreachable = Turn::Fail(SendError::Connect("refused".into()));
    assert_eq!(counted(unreachable, ASK).await, 0);
    assert_eq!(counted(whole(503, ERROR), ASK).await, 0);
    let masked = whole(200, ERROR);
    assert_eq!(counted(masked, ASK_STREAM).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_saw_the_end_of_stands() {
    assert_eq!(counted(Turn::Silence, ASK).await, 1000);
    let unreadable = with(whole(200, WHOLE), "content-encoding", "unheard-of");
    assert_eq!(counted(unreadable, ASK).await, 1000);
    let cut = reply("application/json", &[Text(&WHOLE[..40]), Cut]);
    assert_eq!(counted(cut, ASK).await, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_counts_once() {
    let stale = Turn::Fail(SendError::Stale("closed".into()));
    let rig = rig(&[Policy::Reserves], [stale, whole(200, WHOLE)]);
    assert_eq!(rig.ask(ASK).await.status, 200);
    assert_eq!(rig.seen().len(), 2);
    assert_eq!(tokens(&rig.settled()), Some((10, 5, false)));
    assert_eq!(rig.used().await, 15);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_before_the_answer_keeps_what_was_reserved() {
    let rig = rig(&[Policy::Reserves], [Turn::Silence]);
    let five = Duration::from_secs(5);
    let left = tokio::time::timeout(five, rig.worker.handle(chat(ASK), None)).await;
    assert!(left.is_err() && rig.settled().client_gone);
    assert_eq!(rig.used().await, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_outgrows_its_limit_is_ended_in_the_dialects_own_way() {
    let pieces = [Text(HELLO), Text(LONG), Text(LONG), Text(STOP), Text(DONE)];
    let rig = rig(&[Policy::Cuts], [stream(&pieces)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!((answered.status, answered.broken), (200, false));
    assert!(answered.body.starts_with(HELLO) && answered.body.contains("content_filter"));
    assert_eq!(answered.body.matches("eleven").count(), 0);
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("limit_reached"));
    let (input, output, _) = tokens(&record).unwrap();
    assert_eq!(rig.used().await, input + output);
}

#[tokio::test(start_paused = true)]
async fn a_kept_reply_is_served_and_costs_nothing() {
    let rig = rig(&[Policy::Serves], []);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    let record = rig.settled();
    assert_eq!(record.from_store, Some("kept"));
    assert_eq!(record.cost.map(|cost| cost.0), Some(0));
    assert_eq!(record.policies[0].verdict, "served");
    assert!(rig.seen().is_empty() && record.upstream.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_kept_reply_is_streamed_where_a_stream_was_asked_for() {
    let rig = rig(&[Policy::Serves], []);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!(answered.headers["content-type"], "text/event-stream");
    assert!(answered.body.contains("hello") && answered.body.ends_with(DONE));
    assert_eq!(rig.settled().from_store, Some("kept"));
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_kept_as_the_upstream_sent_it() {
    let rig = rig(&[Policy::Reserves, Policy::Keeps], [whole(200, WHOLE)]);
    assert_eq!(rig.ask(ASK).await.body, WHOLE);
    sleep(Duration::from_millis(1)).await;
    let kept = rig.stores.replies().get("p", "key").await.unwrap();
    assert_eq!(kept.unwrap().bytes, fakes::kept().bytes);
    assert_eq!(tokens(&rig.settled()), Some((10, 5, false)));
    assert_eq!(rig.used().await, 15);
}
