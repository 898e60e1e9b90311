//! Connections that are opened before a request asks for one.

use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    idle::{Event, FOREVER, Idler, call, taken},
    *,
};

/// Closes after 5 s, as Node does, and connections that have had no request after 60.
const NODE: Idler = Idler {
    served: Duration::from_secs(5),
    unserved: Duration::from_secs(60),
    header: "",
};

fn accepted(events: &[Event]) -> usize {
    let accepted = events.iter().filter(|e| matches!(e, Event::Accepted(_)));
    accepted.count()
}

/// Number of requests that had to wait for a connection: it was made when they were there.
fn waited(events: &[Event]) -> usize {
    let none = Duration::from_millis(10);
    let cold = |event: &&Event| matches!(event, Event::Request(_, since) if *since < none);
    events.iter().filter(cold).count()
}

#[tokio::test(start_paused = true)]
async fn calls_find_a_connection_though_their_server_closes_it_in_between() {
    for (idler, pause, spares) in [
        (NODE, 6, 7),
        (NODE, 30, 7),
        (
            Idler {
                unserved: 5 * SECOND,
                ..NODE
            },
            30,
            44,
        ),
    ] {
        let (url, mut events) = idler.start().await;
        let pool = Pool::default();
        for _ in 0..8 {
            call(&pool, &url).await;
            sleep(pause * SECOND).await;
        }
        let events = taken(&mut events);
        // The first two, as nobody knows before the second that there will be others.
        assert_eq!(waited(&events), 2, "{events:?}");
        assert!(accepted(&events) <= 2 + spares, "{events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_come_to_any_worker_find_the_one_spare_of_all() {
    let (url, mut events) = NODE.start().await;
    let workers = Workers::default();
    let pools = [(); 4].map(|()| Pool::default().among(&workers));
    for pool in pools.iter().cycle().take(12) {
        call(pool, &url).await;
        sleep(30 * SECOND).await;
    }
    let events = taken(&mut events);
    assert_eq!(waited(&events), 2, "{events:?}");
    assert!(accepted(&events) <= 2 + 11, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_pod_opens_nothing_and_keeps_nothing() {
    let (url, mut events) = NODE.start().await;
    let pool = Pool::default();
    for _ in 0..3 {
        call(&pool, &url).await;
        sleep(6 * SECOND).await;
    }
    sleep(60 * SECOND).await;
    taken(&mut events);
    sleep(FOREVER).await;
    assert_eq!(accepted(&taken(&mut events)), 0);
    let open = pool
        .known
        .lock()
        .origins
        .iter()
        .all(|(_, origin)| origin.is_empty());
    assert!(open, "nothing is kept");
}

#[tokio::test(start_paused = true)]
async fn calls_one_after_another_need_no_spare_where_their_connection_is_kept() {
    let (url, mut events) = Idler {
        served: FOREVER,
        unserved: FOREVER,
        header: "",
    }
    .start()
    .await;
    let pool = Pool::default();
    for _ in 0..8 {
        call(&pool, &url).await;
        sleep(6 * SECOND).await;
    }
    assert_eq!(accepted(&taken(&mut events)), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_of_several_calls_at_once_finds_a_connection() {
    let (url, mut events) = NODE.start().await;
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(send(&pool, &upstream, post(&url, "x")).await.unwrap());
        sleep(SECOND / 2).await;
    }
    let events = taken(&mut events);
    assert_eq!(waited(&events), 2, "{events:?}");
    assert_eq!(accepted(&events), 7, "one is left: {events:?}");
    join_all(open.into_iter().map(whole)).await;
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_closes_every_spare_gets_no_more_of_them() {
    let (url, mut events) = Idler {
        unserved: SECOND / 5,
        ..NODE
    }
    .start()
    .await;
    let pool = Pool::default();
    for _ in 0..40 {
        call(&pool, &url).await;
        sleep(6 * SECOND).await;
    }
    // Each call needs one of its own; the spares are 10 in a row, one that had taken the place of the
    // last of them, perhaps one that was being opened, and then none.
    let count = accepted(&taken(&mut events));
    assert!((41..=52).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_opens_nothing_ahead() {
    let (url, mut events) = NODE.start().await;
    let pool = Pool::default().opening_ahead_while(|| false);
    for _ in 0..4 {
        call(&pool, &url).await;
        sleep(6 * SECOND).await;
    }
    let events = taken(&mut events);
    assert_eq!((waited(&events), accepted(&events)), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_a_spare_lost_is_a_stale_one() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = answered(&listener, OK).await;
            sleep(5 * SECOND).await;
            drop(stream);
        }
        let (mut spare, _) = listener.accept().await.unwrap();
        request(&mut spare, 1).await;
        drop(spare);
        std::future::pending::<()>().await;
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    for _ in 0..2 {
        call(&pool, &url).await;
        sleep(6 * SECOND).await;
    }
    let sent = send(&pool, &upstream, post(&url, "x")).await;
    assert!(matches!(sent, Err(SendError::Stale(_))), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_that_its_server_ended_is_replaced_before_the_next_call() {
    let (listener, acceptor, url, roots) = listen_tls(&[b"h2"]).await;
    let accepted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            stream.set_nodelay(true).unwrap(); // the clock would go on while the kernel waits
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Ok(Some(Ok((_, mut respond)))) =
                    timeout(5 * SECOND, connection.accept()).await
                {
                    let mut stream = respond.send_response(Response::new(()), false).unwrap();
                    stream.send_data(Bytes::from_static(b"ok"), true).unwrap();
                }
            });
        }
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, Some(roots.path())));
    for expected in [1, 2, 3, 4] {
        let reply = send(&pool, &upstream, post(&url, "x")).await.unwrap();
        assert_eq!(whole(reply).await, "ok");
        let before = accepted.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(before, expected);
        sleep(6 * SECOND).await;
        let after = accepted.load(std::sync::atomic::Ordering::Relaxed);
        // Not after the first call, when nobody knows that there will be another.
        assert_eq!(after, before + usize::from(expected > 1));
    }
}
