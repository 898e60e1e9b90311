//! Flights on paused clocks and, where threads matter, on several runtimes. The upstream is a
//! channel that the test feeds.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{error::Error as _, io, sync::mpsc, thread};

use http_body::Frame;
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use tokio::{
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

use super::*;

type Upstream = Sender<Bytes, io::Error>;

const KEY: &str = "policy/key";

fn lead(flights: &Flights) -> Lead {
    match flights.lead_or_join(KEY.to_owned()) {
        FlightRole::Lead(lead) => lead,
        other => panic!("{other:?} instead of the lead"),
    }
}

fn follow(flights: &Flights) -> Follow {
    match flights.lead_or_join(KEY.to_owned()) {
        FlightRole::Follow(follow) => follow,
        other => panic!("{other:?} instead of a follower"),
    }
}

fn reply() -> (Upstream, Response<Channel<Bytes, io::Error>>) {
    let (upstream, body) = Channel::new(1);
    let reply = Response::builder().status(201).header("x-kind", "test");
    (upstream, reply.body(body).unwrap())
}

async fn joined(follow: Follow) -> FlightBody {
    match follow.joined().await {
        Joined::Reply(reply) => {
            assert_eq!(reply.status(), 201);
            assert_eq!(reply.headers()["x-kind"], "test");
            reply.into_body()
        }
        other => panic!("{other:?} instead of a reply"),
    }
}

async fn say(upstream: &mut Upstream, text: &'static str) {
    upstream
        .send_data(Bytes::from_static(text.as_bytes()))
        .await
        .unwrap();
}

async fn next(body: &mut FlightBody) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

async fn all(body: FlightBody) -> Result<Bytes, Broken> {
    body.collect().await.map(|all| all.to_bytes())
}

/// Lets every other task run until it has nothing more to do.
async fn settle() {
    for _ in 0..32 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_followers_of_one_upstream_call_see_identical_bytes() {
    let flights = Flights::default();
    let lead = lead(&flights);
    let mut readers = JoinSet::new();
    let mut roles: Vec<_> = (0..500).map(|_| follow(&flights)).collect();
    for role in roles.drain(..) {
        readers.spawn(async move { all(joined(role).await).await.unwrap() });
    }
    let (mut upstream, reply) = reply();
    let (own, recording) = lead.share_reply(reply);
    readers.spawn(all_of(own.into_body()));
    let mut expected = Vec::new();
    for number in 0..300_u32 {
        if number < 250 {
            // They come while it runs, each to what has passed and then live.
            for _ in 0..2 {
                let role = follow(&flights);
                readers.spawn(async move { all(joined(role).await).await.unwrap() });
            }
        }
        let event = format!("data: {number}\n\n");
        expected.extend_from_slice(event.as_bytes());
        upstream.send_data(event.into()).await.unwrap();
    }
    drop(upstream);
    let bodies = readers.join_all().await;
    assert_eq!(bodies.len(), 1001);
    assert!(bodies.iter().all(|body| *body == expected));
    let recording = recording.await.unwrap();
    assert_eq!(recording.body(), expected);
    assert_eq!(recording.bytes, expected.len());
    assert_eq!((&*recording.key, recording.status.as_u16()), (KEY, 201));
}

async fn all_of(body: FlightBody) -> Bytes {
    all(body).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_late_joiner_gets_what_has_passed_at_once_and_then_what_comes() {
    let flights = Flights::default();
    let (mut upstream, reply) = reply();
    let (own, _recording) = lead(&flights).share_reply(reply);
    let mut own = own.into_body();
    say(&mut upstream, "one ").await;
    say(&mut upstream, "two ").await;
    assert_eq!(
        (next(&mut own).await, next(&mut own).await),
        ("one ".into(), "two ".into())
    );

    let late = follow(&flights);
    let mut late = joined(late).await;
    assert_eq!(
        (next(&mut late).await, next(&mut late).await),
        ("one ".into(), "two ".into())
    );
    assert!(timeout(Duration::from_secs(1), late.frame()).await.is_err());
    let waits = tokio::spawn(async move { next(&mut late).await });
    settle().await;
    say(&mut upstream, "three").await;
    assert_eq!(waits.await.unwrap(), "three");
    assert_eq!(next(&mut own).await, "three");
    drop(upstream);
    assert!(own.frame().await.is_none());
}

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
    assert_eq!(flights.recorded_bytes(), 3);
    drop(recording);
    assert!(flights.join(KEY).is_none());
    assert!(matches!(
        flights.lead_or_join(KEY.to_owned()),
        FlightRole::Lead(_)
    ));
    assert_eq!((flights.len(), flights.recorded_bytes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_leaves_after_the_head_is_not_missed() {
    let flights = Flights::default();
    let lead = lead(&flights);
    let role = follow(&flights);
    let (mut upstream, reply) = reply();
    let (own, recording) = lead.share_reply(reply);
    let mut own = own.into_body();
    let mut other = joined(role).await;
    say(&mut upstream, "first ").await;
    assert_eq!(next(&mut own).await, "first ");
    drop(own);
    let read = tokio::spawn(async move {
        assert_eq!(next(&mut other).await, "first ");
        all(other).await
    });
    say(&mut upstream, "second").await;
    drop(upstream);
    assert_eq!(read.await.unwrap().unwrap(), "second");
    assert_eq!(recording.await.unwrap().body(), "first second");
}

#[tokio::test(start_paused = true)]
async fn of_those_who_wait_for_a_leader_that_left_one_leads_and_the_others_follow_it() {
    for explicitly in [false, true] {
        let flights = Flights::default();
        let first = lead(&flights);
        let mut waiting = JoinSet::new();
        for _ in 0..50 {
            waiting.spawn(follow(&flights).joined());
        }
        settle().await;
        match explicitly {
            true => first.failed(),
            false => drop(first),
        }
        let Joined::Lead(second) = waiting.join_next().await.unwrap().unwrap() else {
            panic!("somebody must lead");
        };
        settle().await;
        assert!(waiting.try_join_next().is_none(), "the others wait on");
        let newcomer = follow(&flights);
        let (mut upstream, reply) = reply();
        let (own, _recording) = second.share_reply(reply);
        let mut bodies = vec![own.into_body(), joined(newcomer).await];
        for joined in waiting.join_all().await {
            let Joined::Reply(reply) = joined else {
                panic!("{joined:?} instead of the second leader's reply");
            };
            bodies.push(reply.into_body());
        }
        assert_eq!(bodies.len(), 51);
        say(&mut upstream, "hello").await;
        drop(upstream);
        for body in bodies {
            assert_eq!(all(body).await.unwrap(), "hello");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_down_is_not_tried_by_everybody_in_turn() {
    let flights = Flights::default();
    let first = lead(&flights);
    let mut waiting = JoinSet::new();
    for _ in 0..1000 {
        waiting.spawn(follow(&flights).joined());
    }
    settle().await;
    first.failed();
    let Joined::Lead(second) = waiting.join_next().await.unwrap().unwrap() else {
        panic!("somebody must lead");
    };
    second.failed();
    let rest = waiting.join_all().await;
    assert_eq!(rest.len(), 999);
    assert!(rest.iter().all(|joined| matches!(joined, Joined::Alone)));
    assert!(matches!(
        flights.lead_or_join(KEY.to_owned()),
        FlightRole::Lead(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_was_offered_the_lead_and_leaves_passes_it_on() {
    let flights = Flights::default();
    let first = lead(&flights);
    let mut unpolled = Box::pin(follow(&flights).joined());
    assert!(timeout(Duration::ZERO, &mut unpolled).await.is_err());
    let other = tokio::spawn(follow(&flights).joined());
    settle().await;
    drop(first);
    drop(unpolled);
    assert!(matches!(other.await.unwrap(), Joined::Lead(_)));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_may_take_the_lead_that_nobody_has_and_those_who_wait_follow_it() {
    let flights = Flights::default();
    let first = lead(&flights);
    let role = follow(&flights);
    drop(first);
    let second = lead(&flights);
    let (upstream, reply) = reply();
    let (own, _recording) = second.share_reply(reply);
    let other = joined(role).await;
    drop(upstream);
    assert_eq!(all(own.into_body()).await.unwrap(), "");
    assert_eq!(all(other).await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_breaks_off_breaks_all_readers_and_no_one_joins() {
    let flights = Flights::default();
    let lead = lead(&flights);
    let (role, sleeper) = (follow(&flights), follow(&flights));
    let (mut upstream, reply) = reply();
    let (own, recording) = lead.share_reply(reply);
    let other = joined(role).await;
    say(&mut upstream, "half").await;
    settle().await;
    upstream.abort(io::Error::other("reset"));
    for mut body in [own.into_body(), other] {
        assert_eq!(next(&mut body).await, "half");
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(matches!(error, Broken::Upstream(_)));
        assert_eq!(error.source().unwrap().to_string(), "reset");
        assert!(body.frame().await.is_none());
    }
    assert!(recording.await.is_err());
    assert!(flights.join(KEY).is_none());
    // Followers to whom nothing was sent yet go on as if there had been no leader.
    assert!(matches!(sleeper.joined().await, Joined::Alone));
    assert!(flights.is_empty());
}

#[tokio::test(start_paused = true)]
async fn when_the_last_reader_has_gone_the_upstream_is_dropped_at_once() {
    let flights = Flights::default();
    let (mut upstream, reply) = reply();
    let (own, recording) = lead(&flights).share_reply(reply);
    let other = joined(follow(&flights)).await;
    let role = follow(&flights);
    say(&mut upstream, "x").await;
    drop(own);
    drop(other);
    settle().await;
    say(&mut upstream, "somebody is still going to read").await;
    drop(role);
    settle().await;
    let sent = upstream.send_data(Bytes::from_static(b"y")).await;
    assert!(sent.is_err(), "nobody listens");
    assert!(recording.await.is_err());
    assert!(flights.is_empty());
    assert!(matches!(
        flights.lead_or_join(KEY.to_owned()),
        FlightRole::Lead(_)
    ));
}

/// An upstream that returns a kilobyte on every poll, and counts.
struct Fountain {
    left: usize,
    given: Arc<AtomicUsize>,
}

impl Fountain {
    fn reply(kilobytes: usize) -> (Response<Self>, Arc<AtomicUsize>) {
        let given = Arc::new(AtomicUsize::new(0));
        let fountain = Self {
            left: kilobytes,
            given: Arc::clone(&given),
        };
        let reply = Response::builder().status(201).header("x-kind", "test");
        (reply.body(fountain).unwrap(), given)
    }
}

impl Body for Fountain {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return std::task::Poll::Ready(None);
        }
        self.left -= 1;
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let chunk = vec![u8::try_from(number % 251).unwrap(); 1024];
        std::task::Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_sole_reader_slows_the_upstream() {
    let flights = Flights::default();
    let (reply, given) = Fountain::reply(10_000);
    let (own, recording) = lead(&flights).share_reply(reply);
    let mut own = own.into_body();
    settle().await;
    assert_eq!(given.load(Ordering::Relaxed), 64);
    for read in 1..=5000 {
        next(&mut own).await;
        settle().await;
        assert_eq!(given.load(Ordering::Relaxed), 64 + read);
    }
    // The reply is over the cap by now: no recording, and no chunk is buffered that the reader has.
    assert_eq!(flights.recorded_bytes(), 0);
    let (sent, mut rest) = (5000, 0);
    while let Some(frame) = own.frame().await {
        let chunk = frame.unwrap().into_data().unwrap();
        assert_eq!(usize::from(chunk[0]), (sent + rest) % 251);
        rest += 1;
    }
    assert_eq!(rest, 5000);
    assert!(recording.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_fastest_reader_drives_and_who_lags_by_more_than_is_kept_is_cut_with_an_error() {
    let limits = Limits {
        recording: 100 << 10,
        ..Limits::default()
    };
    let flights = Flights::new(limits);
    let (reply, given) = Fountain::reply(300);
    let (own, _recording) = lead(&flights).share_reply(reply);
    let mut slow = joined(follow(&flights)).await;
    let mut close = joined(follow(&flights)).await;
    let latecomer = follow(&flights);
    let mut own = own.into_body();
    next(&mut slow).await;
    for at in 0..150 {
        next(&mut own).await;
        if at < 130 {
            next(&mut close).await;
        }
    }
    settle().await;
    assert_eq!(given.load(Ordering::Relaxed), 150 + 64);
    // 214 KiB came in: the buffer begins at 114.
    assert_eq!(usize::from(next(&mut close).await[0]), 130);
    let error = slow.frame().await.unwrap().unwrap_err();
    assert!(matches!(error, Broken::Lagged));
    assert!(matches!(latecomer.joined().await, Joined::Alone));
    assert_eq!(all(own).await.unwrap().len(), 150 << 10);
}

#[tokio::test(start_paused = true)]
async fn over_the_cap_nobody_joins_and_those_who_read_go_on() {
    let limits = Limits {
        recording: 10,
        ..Limits::default()
    };
    let flights = Flights::new(limits);
    let (mut upstream, reply) = reply();
    let (own, recording) = lead(&flights).share_reply(reply);
    let mut own = own.into_body();
    let mut other = joined(follow(&flights)).await;
    say(&mut upstream, "0123456789").await;
    settle().await;
    assert_eq!(flights.recorded_bytes(), 10);
    drop(follow(&flights));
    say(&mut upstream, "!").await;
    settle().await;
    assert_eq!(flights.recorded_bytes(), 0);
    let another = lead(&flights);
    for body in [&mut own, &mut other] {
        assert_eq!(
            (next(body).await, next(body).await),
            ("0123456789".into(), "!".into())
        );
    }
    drop(upstream);
    assert!(own.frame().await.is_none());
    assert!(other.frame().await.is_none());
    assert!(recording.await.is_err());
    // The end of the first flight does not affect the second, which has the same key.
    drop((own, other));
    follow(&flights);
    drop(another);
    assert!(flights.is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_recordings_together_stay_within_their_bound() {
    let limits = Limits {
        recordings: 15,
        ..Limits::default()
    };
    let flights = Flights::new(limits);
    let mut open = Vec::new();
    for name in ["a", "b"] {
        let FlightRole::Lead(lead) = flights.lead_or_join(name.to_owned()) else {
            panic!("`{name}` is free");
        };
        let (mut upstream, reply) = reply();
        let (own, recording) = lead.share_reply(reply);
        say(&mut upstream, "0123456789").await;
        drop(upstream);
        open.push((own.into_body(), recording));
        settle().await;
    }
    assert_eq!(flights.recorded_bytes(), 10);
    let mut kept = Vec::new();
    for (body, recording) in open {
        assert_eq!(all(body).await.unwrap(), "0123456789");
        kept.push(recording.await.is_ok());
    }
    assert_eq!(kept, [true, false]);
    assert_eq!(flights.recorded_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn over_the_number_of_flights_exchanges_go_alone() {
    let limits = Limits {
        flights: 2,
        ..Limits::default()
    };
    let flights = Flights::new(limits);
    let roles: Vec<_> = ["a", "b", "c", "a"]
        .map(|name| flights.lead_or_join(name.to_owned()))
        .into();
    let kinds: Vec<_> = roles
        .iter()
        .map(|role| match role {
            FlightRole::Lead(_) => 'l',
            FlightRole::Follow(_) => 'f',
            FlightRole::Alone => 'a',
        })
        .collect();
    assert_eq!(kinds, ['l', 'l', 'a', 'f']);
    drop(roles);
    assert!(flights.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_keeps_its_length() {
    let flights = Flights::default();
    let whole = http_body_util::Full::new(Bytes::from_static(b"{\"id\":1}"));
    let reply = Response::builder().status(201).header("x-kind", "test");
    let (own, recording) = lead(&flights).share_reply(reply.body(whole).unwrap());
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

#[test]
fn readers_on_other_threads_get_an_error_when_the_leaders_runtime_stops() {
    let flights = Flights::default();
    let leader = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (upstream, reply) = reply();
    let (_own, _recording) = leader.block_on(async { lead(&flights).share_reply(reply) });
    let (sender, heard) = mpsc::channel();
    let role = follow(&flights);
    let reader = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut body = joined(role).await;
            sender.send(()).unwrap();
            body.frame().await.unwrap().unwrap_err()
        })
    });
    heard.recv().unwrap();
    drop(leader);
    assert!(matches!(reader.join().unwrap(), Broken::Stopped));
    drop(upstream);
}

#[test]
fn readers_on_many_threads_see_the_same_bytes() {
    const THREADS: usize = 4;
    const EACH: usize = 250;
    const EVENTS: usize = 100;
    let flights = Flights::default();
    let lead = lead(&flights);
    let begun = std::sync::Arc::new(std::sync::Barrier::new(THREADS + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (flights, begun) = (flights.clone(), Arc::clone(&begun));
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build();
                runtime.unwrap().block_on(async {
                    let mut readers = JoinSet::new();
                    for _ in 0..EACH {
                        readers.spawn(follow(&flights).joined());
                    }
                    settle().await;
                    begun.wait();
                    let mut bodies = JoinSet::new();
                    for joined in readers.join_all().await {
                        let Joined::Reply(reply) = joined else {
                            panic!("no reply");
                        };
                        bodies.spawn(all_of(reply.into_body()));
                    }
                    bodies.join_all().await
                })
            })
        })
        .collect();
    begun.wait();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let sent = runtime.unwrap().block_on(async {
        let (mut upstream, reply) = reply();
        let (own, _recording) = lead.share_reply(reply);
        let own = tokio::spawn(all_of(own.into_body()));
        let mut sent = Vec::new();
        for number in 0..EVENTS {
            let event = format!("data: {number}\n\n");
            sent.extend_from_slice(event.as_bytes());
            upstream.send_data(event.into()).await.unwrap();
            if number % 10 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        drop(upstream);
        assert_eq!(own.await.unwrap(), sent);
        sent
    });
    let bodies: Vec<_> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(bodies.len(), THREADS * EACH);
    assert!(bodies.iter().all(|body| *body == sent));
    assert!(flights.is_empty());
}
