//! A wire between replica and server that breaks after requests have arrived and before their
//! answers have: the worst moment, again and again.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use outrigger::{
    config::{Degrade, State},
    state::{Clock, Stores, Window},
};
use sandbox::capabilities::limits::Limits as _;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{NOON, SECOND, bucket, of, servers, with, within};

/// Forwards, and hangs up in the place of every so many answers. Before it does, it may wait.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    pub(crate) lose: Arc<AtomicUsize>,
    pub(crate) lost: Arc<AtomicUsize>,
    pub(crate) delay: Arc<AtomicU64>,
}

impl Wire {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            lose: Arc::new(AtomicUsize::new(usize::MAX)),
            lost: Arc::default(),
            delay: Arc::default(),
        };
        let (lose, lost, delay) = (
            Arc::clone(&wire.lose),
            Arc::clone(&wire.lost),
            Arc::clone(&wire.delay),
        );
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let (lose, lost, count, delay) =
                    (lose.clone(), lost.clone(), count.clone(), delay.clone());
                tokio::spawn(async move {
                    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
                    loop {
                        tokio::select! {
                            n = client.read(&mut up) => match n {
                                Ok(n @ 1..) if server.write_all(&up[..n]).await.is_ok() => {}
                                _ => return,
                            },
                            n = server.read(&mut down) => match n {
                                Ok(n @ 1..) => {
                                    let nth = count.fetch_add(1, Ordering::Relaxed);
                                    if nth % lose.load(Ordering::Relaxed) == 1 {
                                        lost.fetch_add(1, Ordering::Relaxed);
                                        return;
                                    }
                                    let delay = delay.load(Ordering::Relaxed);
                                    if delay > 0 {
                                        tokio::time::sleep(Duration::from_millis(delay)).await;
                                    }
                                    if client.write_all(&down[..n]).await.is_err() {
                                        return;
                                    }
                                }
                                _ => return,
                            },
                        }
                    }
                });
            }
        });
        wire
    }

    /// The configuration of a replica at this end.
    pub(crate) fn state(&self, server: &servers::Server) -> State {
        let mut state = server.state();
        let redis = state.redis.as_mut().unwrap();
        redis.nodes = vec![("127.0.0.1".to_owned(), self.address.port())];
        state
    }
}

#[tokio::test]
async fn answers_that_are_lost_neither_lose_nor_double_what_was_used() {
    let server = servers::shared();
    for degrade in [Degrade::Share, Degrade::Skip, Degrade::Block] {
        let wire = Wire::to(server.port()).await;
        let clock = Arc::new(AtomicU64::new(NOON));
        let state = with(wire.state(&server), degrade);
        let stores = Stores::new(&state, Clock::Manual(Arc::clone(&clock))).unwrap();
        assert!(stores.ready(30 * SECOND).await);
        wire.lose.store(6, Ordering::Relaxed);
        let asks = [
            within(&bucket("lossy", 1 << 40), Window::Month { offset: 0 }),
            within(&bucket("lossy", 1 << 40), Window::Sliding(3600 * SECOND)),
        ];
        let (mut sum, mut blocked) = (0, 0);
        for n in 0..150_u64 {
            match stores
                .reserve(asks.clone().map(|ask| of(&ask, 10)).to_vec())
                .await
            {
                Ok((_, taken)) => {
                    let mut taken = taken.unwrap();
                    if n % 7 == 0 {
                        taken.extend(0, 5).await;
                    }
                    let truth = n % 23;
                    if n % 4 > 0 {
                        sum += truth;
                        taken.settle(&[truth; 2]);
                    }
                }
                Err(_) => blocked += 1,
            }
            // Long enough for the connection to come back now and then.
            if n % 3 == 0 {
                stores.ready(SECOND).await;
            }
        }
        let lost = wire.lost.load(Ordering::Relaxed);
        wire.lose.store(usize::MAX, Ordering::Relaxed);
        assert_eq!(stores.flush(30 * SECOND).await, 0);
        assert!(stores.ready(30 * SECOND).await);
        let looks = stores.peek(asks.to_vec()).await.unwrap();
        assert_eq!(
            [looks[0].used, looks[1].used],
            [sum; 2],
            "{degrade:?}, {lost} lost"
        );
        assert!(lost > 10, "{lost}");
        assert_eq!(blocked > 0, degrade == Degrade::Block, "{blocked}");
    }
}
