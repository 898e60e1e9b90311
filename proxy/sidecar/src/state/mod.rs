//! State that outlives an exchange: limits, values and stored replies, in this process's memory or
//! in Redis.
//!
//! [`Stores`] is all of it. [`limits`] are reserved before an exchange and settled after it, over
//! all replicas that share a store; [`values`] are small and belong to policies; [`replies`] are
//! what a cache stores. The three have one behaviour over both backends, which the tests in
//! `tests/stores` check.
//!
//! Redis has two connections, so that a reply of a megabyte does not delay a reservation, and one
//! thread, which reads answers while the workers compute. Nothing of an exchange waits for Redis
//! longer than `state.timeout`.
//!
//! Redis should evict nothing by itself (`maxmemory-policy noeviction` or `volatile-…` with room to
//! spare): an evicted bucket has forgotten what was used. A settlement survives a crash of Redis as
//! far as its `appendfsync` goes.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::sync::oneshot;

use crate::config;

mod client;
mod figures;
pub mod flights;
mod keeper;
pub mod limits;
mod ports;
pub mod replies;
pub mod values;

pub use figures::{BucketFigures, Figures, RepliesFigures, ValuesFigures};
pub use limits::{Ask, MOST, Reservation, Standing, Unavailable, Window};
pub use replies::{NotKept, Replies};
pub use values::{ValueError, Values};

use client::StoreClient;
use flights::Flights;
use keeper::Keeper;
use limits::{Take, TakenFrom, memory::Buckets};

/// Longest time that the thread of a store without users goes on sending settlements.
const FAREWELL: Duration = Duration::from_secs(1);

/// Everything that outlives an exchange. Cheap to clone.
#[derive(Clone)]
pub struct Stores(Arc<Inner>);

struct Inner {
    clock: Clock,
    buckets: Buckets,
    values: Arc<Values>,
    replies: Replies,
    flights: Flights,
    shared: Option<Shared>,
}

/// Parts of [`Inner`] for a shared store.
struct Shared {
    limits: Arc<limits::shared::Limits>,
    clients: [Arc<StoreClient>; 2],
    cluster: bool,
    /// Dropped with the last user: the thread ends then.
    _used: oneshot::Sender<()>,
}

/// A clock, in milliseconds since 1970.
#[derive(Clone)]
enum Clock {
    /// This process's clock; in Redis, the server's.
    Wall,
    /// A test's clock, everywhere.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    fn now(&self) -> u64 {
        match self {
            Self::Wall => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| {
                    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                }),
            Self::Manual(now) => now.load(Ordering::Relaxed),
        }
    }

    /// Returns the time that a server is to use instead of its own.
    fn manual(&self) -> Option<u64> {
        match self {
            Self::Wall => None,
            Self::Manual(now) => Some(now.load(Ordering::Relaxed)),
        }
    }
}

impl Stores {
    /// Makes the stores that the configuration describes. Redis is connected to in the background:
    /// see [`Stores::ready`].
    ///
    /// # Errors
    /// The system has no thread for the connection.
    pub fn new(state: &config::State) -> io::Result<Self> {
        Self::build(state, Clock::Wall)
    }

    /// Makes stores in memory, with the sizes of an empty configuration.
    pub fn in_memory() -> Self {
        Self(Arc::new(memory(&config::State::default(), Clock::Wall)))
    }

    /// Makes the same stores with a clock of milliseconds since 1970, which Redis uses in the place
    /// of its own, for tests of what time does.
    ///
    /// # Errors
    /// As [`Stores::new`].
    pub fn with_clock(state: &config::State, now: Arc<AtomicU64>) -> io::Result<Self> {
        Self::build(state, Clock::Manual(now))
    }

    fn build(state: &config::State, clock: Clock) -> io::Result<Self> {
        let mut inner = memory(state, clock.clone());
        if let Some(server) = &state.redis {
            let client = || Arc::new(StoreClient::new(state.timeout, server.cluster));
            let (quick, bulk) = (client(), client());
            let prefix = &server.prefix;
            let limits =
                limits::shared::Limits::new(Arc::clone(&quick), state, server, clock.clone());
            let limits = Arc::new(limits);
            let values = values::shared::Shared::new(Arc::clone(&bulk), prefix);
            inner.values = Arc::new(Values(values::Backend::Shared(values)));
            inner.replies = Replies::shared(Arc::clone(&bulk), prefix, clock);
            let keepers = [
                Keeper::new(Arc::clone(&quick), server.clone(), "limits"),
                Keeper::new(Arc::clone(&bulk), server.clone(), "values"),
            ];
            let (used, unused) = oneshot::channel();
            run(keepers, Arc::clone(&limits), unused)?;
            inner.shared = Some(Shared {
                limits,
                clients: [quick, bulk],
                cluster: server.cluster,
                _used: used,
            });
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Takes what is requested from all buckets or from none; the reservation is there where it was
    /// taken.
    ///
    /// # Errors
    /// The store can't be reached, and `state.degrade` is `block`.
    pub async fn reserve(
        &self,
        asks: &[Ask],
    ) -> Result<(Vec<Standing>, Option<Reservation>), Unavailable> {
        let inner = &self.0;
        if asks.is_empty() {
            let nothing = Reservation::new(Arc::clone(inner), Arc::from(""), Vec::new());
            return Ok((Vec::new(), Some(nothing)));
        }
        let (standings, taken) = match &inner.shared {
            Some(shared) => shared.limits.reserve(asks).await?,
            None => return Ok(self.reserve_here(asks.to_vec())),
        };
        let reservation = taken.map(|(id, takes)| Reservation::new(Arc::clone(inner), id, takes));
        Ok((standings, reservation))
    }

    /// Returns the buckets' standing, and whether these amounts would have room. Takes nothing.
    ///
    /// # Errors
    /// The store can't be reached, and `state.degrade` is `block`.
    pub async fn peek(&self, asks: &[Ask]) -> Result<Vec<Standing>, Unavailable> {
        let inner = &self.0;
        match &inner.shared {
            _ if asks.is_empty() => Ok(Vec::new()),
            Some(shared) => shared.limits.peek(asks).await,
            None => Ok(self.peek_here(asks)),
        }
    }

    /// [`Stores::reserve`] in memory.
    fn reserve_here(&self, asks: Vec<Ask>) -> (Vec<Standing>, Option<Reservation>) {
        let inner = &self.0;
        let now = inner.clock.now();
        let (standings, holds) = inner.buckets.reserve(&asks, now, &|_| 0);
        let take = |(ask, hold): (Ask, _)| Take {
            amount: ask.amount.min(MOST),
            ask,
            taken_from: TakenFrom::Here(hold),
        };
        let reservation = holds.map(|holds| {
            let takes = asks.into_iter().zip(holds).map(take).collect();
            Reservation::new(Arc::clone(inner), Arc::from(""), takes)
        });
        (standings, reservation)
    }

    /// [`Stores::peek`] in memory.
    fn peek_here(&self, asks: &[Ask]) -> Vec<Standing> {
        let inner = &self.0;
        inner.buckets.peek(asks, inner.clock.now(), &|_| 0)
    }

    /// Returns the store of small values.
    pub fn values(&self) -> &Values {
        &self.0.values
    }

    /// Returns the replies that exchanges in progress share in this process.
    pub fn flights(&self) -> &Flights {
        &self.0.flights
    }

    /// Returns the store of replies.
    pub fn replies(&self) -> &Replies {
        &self.0.replies
    }

    /// Forgets what a bucket has counted, by its name in the figures; open reservations are settled
    /// into nothing. Returns true if there was such a bucket.
    ///
    /// # Errors
    /// The store can't be reached.
    pub async fn reset(&self, bucket: &str) -> Result<bool, Unavailable> {
        match &self.0.shared {
            Some(shared) => shared.limits.reset(bucket).await.map_err(|_| Unavailable),
            None => Ok(self.0.buckets.reset(bucket)),
        }
    }

    /// Waits until the store answers, for at most `within`; returns true if it does. In memory it
    /// returns at once.
    pub async fn ready(&self, within: Duration) -> bool {
        let Some(shared) = &self.0.shared else {
            return true;
        };
        let all = async {
            for client in &shared.clients {
                if client.subscribe().wait_for(|up| *up).await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(within, all).await.unwrap_or(false)
    }

    /// Waits until the store has every settlement, for at most `within`; returns the number that it
    /// does not have. For the end of a drain.
    pub async fn flush(&self, within: Duration) -> usize {
        let Some(shared) = &self.0.shared else {
            return 0;
        };
        let _ = tokio::time::timeout(within, shared.limits.settled()).await;
        shared.limits.unsettled()
    }
}

fn memory(state: &config::State, clock: Clock) -> Inner {
    Inner {
        buckets: Buckets::new(state.memory.buckets),
        values: Arc::new(Values(values::Backend::Memory(
            values::memory::Memory::new(state.memory.values),
        ))),
        replies: Replies::in_memory(state.memory.replies, clock.clone()),
        flights: Flights::default(),
        shared: None,
        clock,
    }
}

/// Starts the thread that the connections live on.
fn run(
    keepers: [Keeper; 2],
    limits: Arc<limits::shared::Limits>,
    unused: oneshot::Receiver<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let work = async move {
        let [quick, bulk] = keepers;
        let farewell = async {
            let _ = unused.await;
            let _ = tokio::time::timeout(FAREWELL, limits.settled()).await;
        };
        let serve = Arc::clone(&limits).serve();
        tokio::select! {
            () = farewell => {}
            _ = async { tokio::join!(quick.keep(), bulk.keep(), serve) } => {}
        }
    };
    std::thread::Builder::new()
        .name("outrigger-store".into())
        .spawn(move || runtime.block_on(work))
        .map(drop)
}
