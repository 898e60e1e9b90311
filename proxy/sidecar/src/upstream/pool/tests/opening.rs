//! Connections that take a while to be opened, and requests that come meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::time::{Instant, sleep};

use super::{idle::Idler, *};

/// Closes every connection after 5 s.
const STRICT: Idler = Idler {
    served: Duration::from_secs(5),
    unserved: Duration::from_secs(5),
    header: "",
};
const MS: Duration = Duration::from_millis(1);
/// Time that a connection takes to be opened.
const DISTANCE: Duration = Duration::from_millis(100);

/// A server whose connections take a while to be opened.
struct Far {
    url: String,
    roots: tempfile::NamedTempFile,
    /// Connections that it has begun to accept.
    begun: Arc<AtomicUsize>,
}

impl Far {
    /// Starts one; `hangs` is the connection, counted from 0, whose handshake never ends.
    async fn start(idler: Idler, hangs: Option<usize>) -> Self {
        let (listener, acceptor, url, roots) = listen_tls(&[b"http/1.1"]).await;
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let (happened, mut events) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Relaxed);
                stream.set_nodelay(true).unwrap(); // the clock would go on while the kernel waits
                let (acceptor, happened) = (acceptor.clone(), happened.clone());
                let idler = Idler { ..idler };
                tokio::spawn(async move {
                    sleep(if hangs == Some(number) {
                        super::idle::FOREVER
                    } else {
                        DISTANCE
                    })
                    .await;
                    if let Ok(stream) = acceptor.accept(stream).await {
                        idler.serve(stream, number, happened).await;
                    }
                });
            }
        });
        Self { url, roots, begun }
    }

    /// Sends a request, and returns the reply and the time until its head came.
    async fn send(&self, pool: &Pool) -> (Response<Inbound>, Duration) {
        let upstream = upstream(&self.url, Some(self.roots.path()));
        let begun = Instant::now();
        let reply = send(pool, &upstream, post(&self.url, "x")).await.unwrap();
        (reply, begun.elapsed())
    }

    /// Makes a call, and returns the time until the head of its reply came.
    async fn call(&self, pool: &Pool) -> Duration {
        let (reply, took) = self.send(pool).await;
        assert_eq!(whole(reply).await, "ok");
        took
    }

    /// Makes two calls that find no connection, the second of which goes on, and returns when half
    /// of the time is over that a spare takes to be opened after it.
    async fn open_half_a_spare(&self, pool: &Pool) -> Response<Inbound> {
        assert!(self.call(pool).await >= DISTANCE);
        sleep(6 * SECOND).await;
        let (reply, took) = self.send(pool).await;
        assert!(took >= DISTANCE);
        sleep(DISTANCE / 2).await;
        assert_eq!(self.begun.load(Relaxed), 3, "a spare is being opened");
        reply
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_finds_a_connection_whenever_it_comes() {
    for tenths in 0..=50 {
        let far = Far::start(STRICT, None).await;
        let pool = Pool::default();
        let pause = 25 * SECOND + tenths * SECOND / 10;
        let mut waited = Vec::new();
        for _ in 0..5 {
            waited.push(far.call(&pool).await);
            sleep(pause).await;
        }
        // The first two, as nobody knows before the second that there will be others.
        assert!(
            waited.iter().skip(2).all(|waited| *waited < 10 * MS),
            "{pause:?}: {waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_one_keeps_the_successor_and_not_what_it_succeeds() {
    let mut opened = Vec::new();
    for idle in [1, 8] {
        let far = Far::start(STRICT, None).await;
        let pool = Pool::default().keeping(idle);
        for _ in 0..6 {
            far.call(&pool).await;
            sleep(27 * SECOND).await;
        }
        assert!(far.call(&pool).await < 10 * MS);
        opened.push(far.begun.load(Relaxed));
    }
    assert!(opened[0] <= opened[1] + 1, "{opened:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_takes_the_spare_that_is_being_opened_and_the_next_one_its_own() {
    let far = Far::start(STRICT, None).await;
    let pool = Pool::default();
    let _open = far.open_half_a_spare(&pool).await;
    let ((first, took), (_, own)) = tokio::join!(far.send(&pool), far.send(&pool));
    assert!(took < DISTANCE / 2 + 10 * MS, "{took:?}");
    assert!(own >= DISTANCE, "{own:?}");
    assert_eq!(whole(first).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_request_takes_the_spare_that_another_worker_opens_and_gives_it_back() {
    let far = Far::start(STRICT, None).await;
    let workers = Workers::default();
    let [one, other] = [(); 2].map(|()| Pool::default().among(&workers));
    let _open = far.open_half_a_spare(&one).await;
    let begun = async {
        sleep(DISTANCE / 4).await;
        far.begun.load(Relaxed)
    };
    let ((reply, took), begun) = tokio::join!(far.send(&other), begun);
    assert_eq!(begun, 3, "it opens none of its own");
    assert!(took >= DISTANCE / 2 - 10 * MS, "{took:?}");
    assert!(took < DISTANCE / 2 + 10 * MS, "{took:?}");
    assert!(workers.has_loans());
    assert_eq!(whole(reply).await, "ok");
    assert!(!workers.has_loans());
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_hangs_delays_a_request_by_little() {
    let far = Far::start(STRICT, Some(2)).await;
    let pool = Pool::default();
    let _open = far.open_half_a_spare(&pool).await;
    let took = far.call(&pool).await;
    assert!(took <= 4 * DISTANCE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_leaves_while_it_waits_leaves_the_spare_to_the_next() {
    let far = Far::start(STRICT, None).await;
    let pool = Pool::default();
    let _open = far.open_half_a_spare(&pool).await;
    assert!(timeout(10 * MS, far.send(&pool)).await.is_err());
    let took = far.call(&pool).await;
    assert!(took < DISTANCE / 2, "{took:?}");
}
