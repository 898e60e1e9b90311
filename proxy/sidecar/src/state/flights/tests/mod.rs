//! Flights on paused clocks and, where threads matter, on several runtimes. The upstream is a
//! channel that the test feeds.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod leaders;
mod recordings;
mod threads;

use std::io;

use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use tokio::{
    task::{JoinSet, yield_now},
    time::timeout,
};

use super::*;

type Upstream = Sender<Bytes, io::Error>;

const KEY: &str = "policy/key";

fn lead(flights: &Flights) -> Lead {
    match flights.lead_or_join(KEY.to_owned()) {
        FlightRole::Lead(lead) => lead,
        _ => panic!("no lead"),
    }
}

fn follow(flights: &Flights) -> Follow {
    match flights.lead_or_join(KEY.to_owned()) {
        FlightRole::Follow(follow) => follow,
        _ => panic!("no follower"),
    }
}

fn reply() -> (Upstream, Response<Channel<Bytes, io::Error>>) {
    let (upstream, body) = Channel::new(1);
    (upstream, reply_of(body))
}

fn reply_of<B>(body: B) -> Response<B> {
    let reply = Response::builder().status(201).header("x-kind", "test");
    reply.body(body).unwrap()
}

async fn joined(follow: Follow) -> FlightBody {
    match follow.joined().await {
        Joined::Reply(reply) => {
            assert_eq!(reply.status(), 201);
            assert_eq!(reply.headers()["x-kind"], "test");
            reply.into_body()
        }
        _ => panic!("no reply"),
    }
}

fn recorded_bytes(flights: &Flights) -> usize {
    flights.0.recorded_bytes.load(Ordering::Relaxed)
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

async fn all_of(body: FlightBody) -> Bytes {
    all(body).await.unwrap()
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
    assert_eq!(recording.status, 201);
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
    drop(lead(&flights));
}
