//! State that outlives an exchange: limits, values and stored replies, in this process's memory or
//! in Redis.
//!
//! [`Stores`] is all of it. [`limits`] are reserved before an exchange and settled after it, over
//! all replicas that share a store; [`values`] are small and belong to policies; [`replies`] are
//! what a cache stores, and finds by [`vectors`] where a policy wants that. The three have one behaviour over both backends, which the tests in
//! `tests/stores` check. [`targets`] is what is learnt of providers: it is always here, and
//! replicas share it where there is a store.
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
pub mod queue;
pub mod replies;
pub mod targets;
pub mod values;
mod vectors;

pub use limits::{Ask, MOST, Standing, Unavailable, Window};
pub use replies::Replies;

use client::StoreClient;
use flights::Flights;
use keeper::Keeper;
use limits::memory::Buckets;
use targets::{Share, Targets};

/// Longest time that the thread of a store without users goes on sending settlements.
const FAREWELL: Duration = Duration::from_secs(1);

/// Everything that outlives an exchange. Cheap to clone.
#[derive(Clone)]
pub struct Stores(Arc<Inner>);

struct Inner {
    clock: Clock,
    buckets: Buckets,
    values: Arc<values::memory::Memory>,
    replies: Replies,
    flights: Flights,
    targets: Targets,
    shared: Option<Shared>,
}

/// Parts of [`Inner`] for a shared store.
struct Shared {
    limits: Arc<limits::shared::Limits>,
    values: Arc<values::shared::Shared>,
    clients: [Arc<StoreClient>; 2],
    cluster: bool,
    /// Dropped with the last user: the thread ends then.
    _used: oneshot::Sender<()>,
}

/// The clock that buckets and stored replies go by, in milliseconds since 1970.
#[derive(Clone)]
pub enum Clock {
    /// This process's clock; in Redis, the server's.
    Wall,
    /// A clock that its owner sets, everywhere.
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
    pub fn new(state: &config::State, clock: Clock) -> io::Result<Self> {
        let mut inner = memory(state, clock.clone());
        if let Some(server) = &state.redis {
            let client = || Arc::new(StoreClient::new(state.timeout, server.cluster));
            let (quick, bulk) = (client(), client());
            let prefix = &server.prefix;
            let limits =
                limits::shared::Limits::new(Arc::clone(&quick), state, server, clock.clone());
            let limits = Arc::new(limits);
            let values = Arc::new(values::shared::Shared::new(Arc::clone(&bulk), prefix));
            let share = Share::new(&inner.targets, Arc::clone(&quick), prefix, clock.clone());
            inner.replies = Replies::shared(Arc::clone(&bulk), prefix, clock);
            let keepers = [
                Keeper::new(Arc::clone(&quick), server.clone(), "limits"),
                Keeper::new(Arc::clone(&bulk), server.clone(), "values"),
            ];
            let (used, unused) = oneshot::channel();
            run(keepers, Arc::clone(&limits), share, unused)?;
            inner.shared = Some(Shared {
                limits,
                values,
                clients: [quick, bulk],
                cluster: server.cluster,
                _used: used,
            });
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Makes stores in memory, with the sizes of an empty configuration but for vectors: what is
    /// tried or rehearsed has few.
    pub fn in_memory() -> Self {
        Self(Arc::new(memory(&small(), Clock::Wall)))
    }

    /// Makes stores in memory that go by this clock: milliseconds since 1970.
    pub fn in_memory_at(now: Arc<AtomicU64>) -> Self {
        Self(Arc::new(memory(&small(), Clock::Manual(now))))
    }

    /// Returns the replies that exchanges in progress share in this process.
    pub fn flights(&self) -> &Flights {
        &self.0.flights
    }

    /// Returns what is known of targets.
    pub fn targets(&self) -> &Targets {
        &self.0.targets
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

fn small() -> config::State {
    let memory = config::StateMemory {
        vectors: 8 << 20,
        ..config::StateMemory::default()
    };
    config::State {
        memory,
        ..config::State::default()
    }
}

fn memory(state: &config::State, clock: Clock) -> Inner {
    Inner {
        buckets: Buckets::new(state.memory.buckets),
        values: Arc::new(values::memory::Memory::new(
            state.memory.values,
            clock.clone(),
        )),
        replies: Replies::in_memory(state.memory.replies, state.memory.vectors, clock.clone()),
        flights: Flights::default(),
        targets: Targets::default(),
        shared: None,
        clock,
    }
}

/// Starts the thread that the connections live on.
fn run(
    keepers: [Keeper; 2],
    limits: Arc<limits::shared::Limits>,
    share: Share,
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
            _ = async { tokio::join!(quick.keep(), bulk.keep(), serve, share.serve()) } => {}
        }
    };
    std::thread::Builder::new()
        .name("outrigger-store".into())
        .spawn(move || runtime.block_on(work))
        .map(drop)
}

/// Joins a namespace and a key, kept apart by the namespace's length: no key can reach into another
/// namespace.
fn joined(space: &str, key: &str) -> Box<[u8]> {
    let length = (space.len() as u32).to_le_bytes();
    [&length[..], space.as_bytes(), key.as_bytes()]
        .concat()
        .into_boxed_slice()
}
