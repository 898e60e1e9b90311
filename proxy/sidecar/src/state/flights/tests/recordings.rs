//! Recordings: when there is one, and what it keeps.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_flight_can_be_joined_until_its_recording_is_stored() {
    let flights = Flights::default();
    let (mut upstream, reply) = reply();
    let (own, recording) = lead(&flights).share_reply(reply);
    say(&mut upstream, "all").await;
    drop(upstream);
    assert_eq!(all(own.into_body()).await.unwrap(), "all");
    let recording = recording.await.unwrap();
    assert_eq!(all(joined(follow(&flights)).await).await.unwrap(), "all");
    assert_eq!(recorded_bytes(&flights), 3);
    drop(recording);
    drop(lead(&flights));
    assert!(flights.is_empty());
    assert_eq!(recorded_bytes(&flights), 0);
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_keeps_its_length() {
    let flights = Flights::default();
    let whole = http_body_util::Full::new(Bytes::from_static(b"{\"id\":1}"));
    let (own, recording) = lead(&flights).share_reply(reply_of(whole));
    let other = joined(follow(&flights)).await;
    for mut body in [own.into_body(), other] {
        assert_eq!(body.size_hint().exact(), Some(8));
        assert!(!body.is_end_stream());
        assert_eq!(next(&mut body).await, "{\"id\":1}");
        assert!(body.is_end_stream());
    }
    assert_eq!(recording.await.unwrap().chunks, [Bytes::from("{\"id\":1}")]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_with_the_last_byte_of_a_known_length_costs_no_recording() {
    let flights = Flights::default();
    let whole = http_body_util::Full::new(Bytes::from_static(b"{\"id\":1}"));
    let (own, recording) = lead(&flights).share_reply(Response::new(whole));
    let mut own = own.into_body();
    next(&mut own).await;
    drop(own);
    assert_eq!(recording.await.unwrap().bytes, 8);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_at_the_terminator_costs_no_recording_if_the_end_is_there() {
    for ended in [true, false] {
        let flights = Flights::default();
        let (mut upstream, reply) = reply();
        let (own, recording) = lead(&flights).share_reply(reply);
        let mut own = own.into_body();
        say(&mut upstream, "data: [DONE]\n\n").await;
        next(&mut own).await;
        let open = (!ended).then_some(upstream);
        drop(own);
        let recording = recording.await.map(|recording| recording.bytes);
        assert_eq!(recording.ok(), ended.then_some(14));
        drop(open);
        assert!(flights.is_empty());
    }
}

#[test]
fn a_recording_does_not_keep_the_buffers_that_its_chunks_were_cut_from() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let flights = Flights::default();
        let (mut upstream, reply) = reply();
        let (own, recording) = lead(&flights).share_reply(reply);
        let buffer = Bytes::from(vec![7; 8192]);
        upstream.send_data(buffer.slice(..100)).await.unwrap();
        drop(upstream);
        drop(all(own.into_body()).await.unwrap());
        let recording = recording.await.unwrap();
        assert_eq!(recording.bytes, 100);
        assert!(buffer.is_unique());
    });
}
