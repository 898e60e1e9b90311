//! Bounds: how far the upstream is read ahead, and what is kept of it.

use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;

use super::*;

/// An upstream that returns a kilobyte on every poll, and counts.
fn fountain(
    kilobytes: usize,
) -> (
    Response<impl Body<Data = Bytes, Error = io::Error>>,
    Arc<AtomicUsize>,
) {
    let given = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&given);
    let chunks = (0..kilobytes).map(move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        let chunk = vec![u8::try_from(number % 251).unwrap(); 1024];
        Ok(Frame::data(chunk.into()))
    });
    (reply_of(StreamBody::new(stream::iter(chunks))), given)
}

#[tokio::test(start_paused = true)]
async fn a_slow_sole_reader_slows_the_upstream() {
    let flights = Flights::default();
    let (reply, given) = fountain(10_000);
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
    assert_eq!(recorded_bytes(&flights), 0);
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
    let (reply, given) = fountain(300);
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
    assert_eq!(recorded_bytes(&flights), 10);
    drop(follow(&flights));
    say(&mut upstream, "!").await;
    settle().await;
    assert_eq!(recorded_bytes(&flights), 0);
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
    assert_eq!(recorded_bytes(&flights), 10);
    let mut kept = Vec::new();
    for (body, recording) in open {
        assert_eq!(all(body).await.unwrap(), "0123456789");
        kept.push(recording.await.is_ok());
    }
    assert_eq!(kept, [true, false]);
    assert_eq!(recorded_bytes(&flights), 0);
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
