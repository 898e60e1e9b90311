//! Connections that wait for a request: how long they are kept, and what ends them.
//!
//! Time is paused in these tests: it goes on when nobody has anything to do.

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};

use super::*;

/// A server of HTTP/1.1 that closes connections when they have been idle for long enough.
pub(super) struct Idler {
    /// Connections that it closes are closed after this time without a request.
    pub(super) served: Duration,
    /// The same for connections that have not had one yet.
    pub(super) unserved: Duration,
    /// Sent with each reply.
    pub(super) header: &'static str,
}

/// An event on one of its connections, which are counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Accepted(usize),
    /// A request, and the time since the last one or the connection's beginning.
    Request(usize, Duration),
    /// Closed by the client or, `true`, by the server, and the time since its last request.
    Closed(usize, Duration, bool),
}

impl Idler {
    /// Starts it.
    pub(super) async fn start(self) -> (String, mpsc::UnboundedReceiver<Event>) {
        let (listener, url) = listen().await;
        let (happened, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                happened.send(Event::Accepted(number)).unwrap();
                tokio::spawn(self.serve(stream, number, happened.clone()));
            }
        });
        (url, events)
    }

    /// Serves one of its connections.
    pub(super) fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        number: usize,
        happened: mpsc::UnboundedSender<Event>,
    ) -> impl Future<Output = ()> + use<S> {
        let (mut limit, served, header) = (self.unserved, self.served, self.header);
        async move {
            let mut since = Instant::now();
            loop {
                let mut part = [0; 4096];
                let read = timeout_at(since + limit, stream.read(&mut part)).await;
                let idle = since.elapsed();
                if !matches!(read, Ok(Ok(1..))) {
                    let _ = happened.send(Event::Closed(number, idle, read.is_err()));
                    return;
                }
                let _ = happened.send(Event::Request(number, idle));
                let reply = format!("HTTP/1.1 200 OK\r\n{header}content-length: 2\r\n\r\nok");
                stream.write_all(reply.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                (since, limit) = (Instant::now(), served);
            }
        }
    }
}

pub(super) const FOREVER: Duration = Duration::from_secs(86_400);
const PATIENT: Idler = Idler {
    served: FOREVER,
    unserved: FOREVER,
    header: "",
};

/// A pool that opens no connection ahead of a request.
fn pool() -> Pool {
    Pool::default().opening_ahead_while(|| false)
}

pub(super) async fn call(pool: &Pool, url: &str) {
    let reply = send(pool, &upstream(url, None), post(url, "x")).await;
    assert_eq!(whole(reply.unwrap()).await, "ok");
    sleep(Duration::from_millis(1)).await; // all that follows from it
}

/// Returns all that has happened.
pub(super) fn taken(events: &mut mpsc::UnboundedReceiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

/// Rounds times to tenths of a second, which a connection takes to be made at the most.
fn closed(events: &[Event]) -> Vec<(usize, u64, bool)> {
    let tenths = |idle: &Duration| (idle.as_millis() as u64).div_ceil(100);
    let closed = events.iter().filter_map(|event| match event {
        Event::Closed(number, idle, by_server) => Some((*number, tenths(idle), *by_server)),
        _ => None,
    });
    closed.collect()
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_for_as_long_as_its_server_keeps_it_and_ten_minutes_at_most() {
    let (url, mut events) = PATIENT.start().await;
    let pool = pool();
    for pause in [30, 300, 590, 700] {
        call(&pool, &url).await;
        sleep(pause * SECOND).await;
    }
    let events = taken(&mut events);
    let requests = (events.iter()).filter(|event| matches!(event, Event::Request(0, _)));
    assert_eq!(requests.count(), 4);
    assert_eq!(closed(&events), [(0, 6000, false)]);
}

#[tokio::test(start_paused = true)]
async fn no_request_goes_over_a_connection_that_its_server_is_about_to_close() {
    let (url, mut events) = Idler {
        served: 20 * SECOND,
        ..PATIENT
    }
    .start()
    .await;
    let pool = pool();
    let about = Duration::from_millis(19_950);
    for pause in [25 * SECOND, 19 * SECOND, about, about, 25 * SECOND] {
        call(&pool, &url).await;
        sleep(pause).await;
    }
    let events = taken(&mut events);
    assert_eq!(
        closed(&events),
        // Each is closed by its server, as nobody else knows when.
        [
            (0, 200, true),
            (1, 200, true),
            (2, 200, true),
            (3, 200, true)
        ]
    );
    let late =
        |event: &Event| matches!(event, Event::Request(_, idle) if *idle > about - SECOND / 20);
    assert!(!events.iter().any(late), "{events:?}");
    let kept = (events.iter()).filter(|event| matches!(event, Event::Request(1, _)));
    assert_eq!(kept.count(), 2, "19 s are early enough");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_a_reply_announces_is_kept_to() {
    let (url, mut events) = Idler {
        header: "connection: keep-alive\r\nkeep-alive: timeout=5\r\n",
        ..PATIENT
    }
    .start()
    .await;
    let pool = pool();
    call(&pool, &url).await;
    sleep(30 * SECOND).await;
    let events = taken(&mut events);
    assert_eq!(closed(&events), [(0, 49, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_forgotten_when_a_connection_outlives_it() {
    let (listener, url) = listen().await;
    let (restarts, (happened, mut events)) = (2 * SECOND, mpsc::unbounded_channel());
    tokio::spawn(async move {
        for (number, served) in [restarts, FOREVER].into_iter().enumerate() {
            let (stream, _) = listener.accept().await.unwrap();
            let idler = Idler { served, ..PATIENT };
            tokio::spawn(idler.serve(stream, number, happened.clone()));
        }
    });
    let pool = pool();
    // The second is beyond the limit of 2 s for a while, and is not used then.
    for pause in [3, 10, 30] {
        call(&pool, &url).await;
        sleep(pause * SECOND).await;
    }
    let events = taken(&mut events);
    assert_eq!(closed(&events), [(0, 20, true)]);
    let second = (events.iter()).filter(|event| matches!(event, Event::Request(1, _)));
    assert_eq!(second.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_end_says_nothing_of_a_limit_where_an_older_connection_goes_on() {
    let (listener, url) = listen().await;
    let (happened, mut events) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for (number, served) in [FOREVER, 2 * SECOND].into_iter().enumerate() {
            let (stream, _) = listener.accept().await.unwrap();
            let idler = Idler { served, ..PATIENT };
            tokio::spawn(idler.serve(stream, number, happened.clone()));
        }
    });
    let (pool, upstream) = (pool(), upstream(&url, None));
    let (first, second) = tokio::join!(
        send(&pool, &upstream, post(&url, "x")),
        send(&pool, &upstream, post(&url, "x"))
    );
    whole(first.unwrap()).await;
    sleep(SECOND).await;
    whole(second.unwrap()).await;
    sleep(3 * SECOND).await;
    call(&pool, &url).await; // over the older one: a third is never accepted
    let events = taken(&mut events);
    assert_eq!(closed(&events), [(1, 20, true)], "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn connections_that_a_burst_needed_are_closed_soon_but_for_a_few() {
    let (url, mut events) = PATIENT.start().await;
    let (pool, upstream) = (pool(), upstream(&url, None));
    let burst = (0..12).map(|_| async { send(&pool, &upstream, post(&url, "x")).await.unwrap() });
    for reply in futures_util::future::join_all(burst).await {
        whole(reply).await;
    }
    let mut left = Vec::new();
    for pause in [SECOND / 2, SECOND, 60 * SECOND, 540 * SECOND] {
        sleep(pause).await;
        left.push(closed(&taken(&mut events)).len());
    }
    assert_eq!(left, [0, 4, 6, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_a_long_idle_connection_lost_is_a_stale_one() {
    for reset in [false, true] {
        let (listener, url) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = answered(&listener, OK).await;
            request(&mut stream, 1).await;
            if reset {
                let now = Some(Duration::ZERO);
                socket2::SockRef::from(&stream).set_linger(now).unwrap();
            }
        });
        let (pool, upstream) = (pool(), upstream(&url, None));
        call(&pool, &url).await;
        sleep(300 * SECOND).await;
        let sent = send(&pool, &upstream, post(&url, "x")).await;
        assert!(
            matches!(sent, Err(SendError::Stale(_))),
            "{reset}: {sent:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_its_server_closed_on_one_side_only_is_not_used() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut half, _) = answered(&listener, OK).await;
        half.shutdown().await.unwrap();
        answered(&listener, OK).await;
        drop(half);
    });
    let pool = pool();
    call(&pool, &url).await;
    sleep(SECOND).await;
    call(&pool, &url).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_with_little_to_do_uses_a_connection_of_another_one_and_gives_it_back() {
    let (url, mut events) = PATIENT.start().await;
    let workers = Workers::default();
    let [one, other] = [pool(), pool()].map(|pool| pool.among(&workers));
    for pool in [&one, &other, &one, &other] {
        call(pool, &url).await;
        sleep(30 * SECOND).await;
    }
    let on_first = |event: &Event| matches!(event, Event::Accepted(0) | Event::Request(0, _));
    let events = taken(&mut events);
    assert!(events.iter().all(on_first), "{events:?}");
    assert_eq!(events.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_worker_goes_on_while_another_one_reads_from_its_connection() {
    let (url, _events) = PATIENT.start().await;
    let workers = Workers::default();
    let [one, other] = [pool(), pool()].map(|pool| pool.among(&workers));
    call(&one, &url).await;
    let request = || async {
        send(&other, &upstream(&url, None), post(&url, "x"))
            .await
            .unwrap()
    };
    for read in [true, false] {
        sleep(SECOND).await;
        let reply = request().await;
        assert!(workers.has_loans());
        if read {
            whole(reply).await;
        } else {
            drop(reply);
        }
        assert!(!workers.has_loans());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_becomes_a_socket_is_not_lent() {
    let (url, mut events) = PATIENT.start().await;
    let workers = Workers::default();
    let [one, other] = [pool(), pool()].map(|pool| pool.among(&workers));
    call(&one, &url).await;
    sleep(SECOND).await;
    let mut request = post(&url, "x");
    let word = http::HeaderValue::from_static("websocket");
    request.headers_mut().insert(UPGRADE, word);
    let reply = send(&other, &upstream(&url, None), request).await.unwrap();
    assert_eq!(whole(reply).await, "ok");
    let accepted = taken(&mut events);
    assert!(accepted.contains(&Event::Accepted(1)), "{accepted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_with_more_to_do_has_connections_of_its_own() {
    let (url, mut events) = PATIENT.start().await;
    let workers = Workers::default();
    let [one, other] = [pool(), pool()].map(|pool| pool.among(&workers));
    for pool in [&one, &other, &other, &other] {
        call(pool, &url).await;
    }
    let requests = taken(&mut events)
        .into_iter()
        .filter_map(|event| match event {
            Event::Request(number, _) => Some(number),
            _ => None,
        });
    assert_eq!(requests.collect::<Vec<_>>(), [0, 0, 1, 1]);
}
