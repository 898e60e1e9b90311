//! Replies that nobody rewrites.

use super::*;
use crate::exchange::generation::Phase;

const IN_BAND: &str =
    "data: {\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"code\":null}}\n\n";
const ERROR: &str = r#"{"error":{"message":"no","type":"server_error","param":null,"code":null}}"#;

#[tokio::test(start_paused = true)]
async fn a_whole_reply_passes_as_it_came_and_is_settled_by_what_it_reports() {
    let rig = rig(&[], [whole(200, WHOLE)]);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    let record = rig.settled();
    assert_eq!(tokens(&record), Some((10, 5, false)));
    assert_eq!((record.error, record.client_gone), (None, false));
    assert_eq!(record.target, "openai/gpt-5");
    assert_eq!(record.finish.as_deref(), Some("stop"));
    assert_eq!(record.reply_bytes, WHOLE.len() as u64);
    assert!(record.first_token.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stream_passes_as_it_came_and_is_settled_by_its_usage() {
    let pieces = [Text(HELLO), Wait(3), Text(STOP), Text(USAGE), Text(DONE)];
    let rig = rig(&[], [stream(&pieces)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!(answered.body, [HELLO, STOP, USAGE, DONE].concat());
    assert!(!answered.broken);
    let record = rig.settled();
    assert_eq!(tokens(&record), Some((10, 5, false)));
    assert!(record.streaming && !record.client_gone);
    assert_eq!(record.total.as_secs(), 3);
    assert_eq!(rig.seen()[0].body, ASK_STREAM, "nothing is added");
}

#[tokio::test(start_paused = true)]
async fn an_error_status_passes_as_it_came_and_takes_nothing() {
    for status in [400, 429, 503] {
        let rig = rig(&[], [whole(status, ERROR)]);
        let answered = rig.ask(ASK).await;
        assert_eq!((answered.status, &*answered.body), (status, ERROR));
        let record = rig.settled();
        assert_eq!((tokens(&record), record.status), (None, status));
        assert_eq!((record.error, record.client_gone), (None, false));
        assert_eq!(rig.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_in_mid_event_ends_with_an_error_event_and_broken_framing() {
    let rig = rig(&[], [stream(&[Text(HELLO), Text("data: {\"id\""), Cut])]);
    let answered = rig.ask(ASK_STREAM).await;
    assert!(answered.broken && answered.body.starts_with(HELLO));
    assert!(last_event(&answered.body).pointer("/error").is_some());
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_failed"));
    let (input, output, estimated) = tokens(&record).unwrap();
    assert!(input > 0 && output > 0 && estimated);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_its_end_is_no_whole_one() {
    let rig = rig(&[], [stream(&[Text(HELLO)])]);
    let answered = rig.ask(ASK_STREAM).await;
    assert!(answered.broken);
    let event = last_event(&answered.body).to_string();
    assert!(event.contains("ended the stream before its end"), "{event}");
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_failed"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_ended_after_the_idle_time() {
    let begun = Instant::now();
    let rig = rig(&[], [stream(&[Wait(5), Text(HELLO), Wait(60), Text(DONE)])]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!(begun.elapsed().as_secs(), 25);
    assert!(answered.broken && answered.body.contains("fell silent"));
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_large_event_may_take_longer_than_the_idle_time_and_a_comment_may_not() {
    /// More than a ping, and less than an event.
    const MORE: &str = "data data data data data data data data data data data data data data data";
    const ENDS: &str = "\"}}]}\n\n";
    let trickle = |begin, end| {
        let rest = [
            Wait(15),
            Text(MORE),
            Wait(15),
            Text(MORE),
            Wait(15),
            Text(end),
        ];
        let last = [Wait(15), Text(STOP), Text(DONE)];
        [&[Text(HELLO), Text(begin)], &rest[..], &last[..]].concat()
    };
    let data = "data: {\"choices\":[{\"index\":0,\"delta\":{\"image\":\"";
    let comment = ": data: {\"choices\":[";
    let named = "event: ping\ndata: {\"p\":\"";
    for policies in [&[][..], &[Policy::Rewrites][..]] {
        let begun = Instant::now();
        let whole = rig(policies, [stream(&trickle(data, ENDS))]);
        let answered = whole.ask(ASK_STREAM).await;
        assert!(!answered.broken, "{:?} {}", begun.elapsed(), answered.body);
        assert_eq!(begun.elapsed().as_secs(), 60);
        for begin in [comment, named] {
            let begun = Instant::now();
            let idle = rig(policies, [stream(&trickle(begin, ENDS))]);
            let answered = idle.ask(ASK_STREAM).await;
            assert!(answered.broken && answered.body.contains("fell silent"));
            assert_eq!(begun.elapsed().as_secs(), 20);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pings_put_off_no_first_content() {
    let begun = Instant::now();
    let ping = Text(": ping\n\n");
    let pieces = [
        ping.clone(),
        Wait(15),
        ping.clone(),
        Wait(14),
        ping,
        Wait(15),
    ];
    let rig = rig(&[], [stream(&pieces)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert!(answered.broken && answered.body.contains("no content in time"));
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_timeout"));
    assert!(record.first_token.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_that_is_cut_is_broken_and_nothing_is_added_to_it() {
    let half = &WHOLE[..40];
    let rig = rig(&[], [reply("application/json", &[Text(half), Cut])]);
    let answered = rig.ask(ASK).await;
    assert_eq!(answered.body, half);
    assert!(answered.broken);
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_failed"));
    // It was written to its end, seen or not.
    assert!(tokens(&record).is_some_and(|(_, _, estimated)| estimated));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_in_mid_stream_is_settled_by_what_went_by() {
    let rig = rig(&[], [stream(&[Text(HELLO), Wait(10), Text(DONE)])]);
    let mut response = rig.worker.handle(chat(ASK_STREAM), None).await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    let record = rig.settled();
    assert!(record.client_gone && record.error.is_none());
    assert_eq!(record.status, 200);
    let (input, output, estimated) = tokens(&record).unwrap();
    assert!(input > 0 && (1..4).contains(&output) && estimated);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_drain_window_cuts_a_stream() {
    let rig = rig(&[], [stream(&[Text(HELLO), Wait(10), Text(DONE)])]);
    let response = rig.worker.handle(chat(ASK_STREAM), None).await;
    let cut = async {
        sleep(Duration::from_secs(4)).await;
        rig.shared.enter(Phase::Cut);
    };
    let begun = Instant::now();
    let (answered, ()) = tokio::join!(read(response), cut);
    assert_eq!(begun.elapsed().as_secs(), 4);
    assert!(answered.broken && answered.body.contains("shut down"));
    assert_eq!(rig.settled().error.as_deref(), Some("draining"));
}

#[tokio::test(start_paused = true)]
async fn an_error_inside_a_stream_passes_and_is_noted() {
    let rig = rig(&[], [stream(&[Text(IN_BAND), Text(DONE)])]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!(answered.body, [IN_BAND, DONE].concat());
    assert!(!answered.broken);
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_error_as_success"));
    assert_eq!(tokens(&record).map(|(_, output, _)| output), Some(0));
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_place_of_a_stream_gets_the_status_of_one() {
    let rig = rig(&[], [whole(200, ERROR)]);
    let answered = rig.ask(ASK_STREAM).await;
    assert_eq!((answered.status, &*answered.body), (502, ERROR));
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upstream_error_as_success"));
    assert_eq!(tokens(&record), None);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_can_decode_passes_as_it_came_and_is_estimated() {
    let turn = with(whole(200, WHOLE), "content-encoding", "unheard-of");
    let rig = rig(&[], [turn]);
    let answered = rig.ask(ASK).await;
    assert_eq!(answered.headers["content-encoding"], "unheard-of");
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    let record = rig.settled();
    let (input, output, estimated) = tokens(&record).unwrap();
    let expected = (ASK.len() as u64 / 4, WHOLE.len() as u64 / 4, true);
    assert_eq!((input, output, estimated), expected);
}

#[tokio::test(start_paused = true)]
async fn a_reply_without_a_body_is_over_at_its_head() {
    let empty = Response::builder().status(204);
    let empty = empty.body(Inbound::Kept(VecDeque::new())).unwrap();
    let rig = rig(&[], [Turn::Reply(empty)]);
    let answered = rig.ask(ASK).await;
    assert_eq!((answered.status, &*answered.body), (204, ""));
    let record = rig.settled();
    assert_eq!((record.client_gone, record.error), (false, None));
}

/// Each byte here is one of every exchange: the needs of few are boxed.
#[tokio::test(start_paused = true)]
async fn an_exchange_under_way_takes_less_than_six_kilobytes() {
    let rig = rig(&[], []);
    let exchange = rig.worker.handle(chat(ASK), None);
    let size = std::mem::size_of_val(&exchange);
    assert!(size <= 6000, "{size} bytes");
}
