//! The stores against real servers: a `redis-server` and a cluster of three nodes, started here on
//! free ports of the loopback and killed at the end.
//!
//! `conformance` holds every store to one behaviour, memory included; `differential` compares them
//! over random histories; `faults` takes the server away in every way there is; `crash` kills
//! clients and servers in the middle of their work and adds up what is left; `targets` is what
//! replicas learn from each other; `near` needs a Redis 8, which `tests/setup.sh` puts under
//! `target/tools`, and says so where there is none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests"
)]

mod conformance;
mod crash;
mod differential;
mod faults;
mod kept;
mod lossy;
mod near;
mod near_time;
mod servers;
mod targets;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use outrigger::{
    config::{Degrade, State},
    state::{Ask, Clock, Standing, Stores, Window},
};
use policy::Reservation;
use sandbox::{
    Host,
    capabilities::{limits::Limits as _, values::Values},
};

/// One store, its clock, and what keeps its server alive.
struct Rig {
    stores: Stores,
    clock: Arc<AtomicU64>,
    state: State,
    server: Option<Arc<servers::Server>>,
}

/// 2026-03-11T12:00:00Z, a Wednesday.
const NOON: u64 = 1_773_230_400_000;
const SECOND: Duration = Duration::from_secs(1);

impl Rig {
    async fn memory() -> Self {
        Self::of(State::default(), None).await
    }

    async fn redis() -> Self {
        let server = servers::shared();
        Self::of(server.state(), Some(server)).await
    }

    async fn cluster() -> Self {
        let server = servers::shared_cluster();
        Self::of(server.state(), Some(server)).await
    }

    /// A server with vector sets, where there is its program.
    async fn redis_8() -> Option<Self> {
        let server = servers::shared_8()?;
        Some(Self::of(server.state(), Some(server)).await)
    }

    /// A cluster of such servers.
    async fn cluster_8() -> Option<Self> {
        let server = servers::shared_cluster_8()?;
        Some(Self::of(server.state(), Some(server)).await)
    }

    async fn of(state: State, server: Option<Arc<servers::Server>>) -> Self {
        let clock = Arc::new(AtomicU64::new(NOON));
        let stores = ready(&state, Clock::Manual(Arc::clone(&clock))).await;
        Self {
            stores,
            clock,
            state,
            server,
        }
    }

    /// Another replica on the same store. In memory there is none but this one.
    async fn replica(&self) -> Stores {
        if self.state.redis.is_none() {
            return self.stores.clone();
        }
        ready(&self.state, Clock::Manual(Arc::clone(&self.clock))).await
    }

    fn values(&self) -> Arc<dyn Values> {
        values(&self.stores)
    }

    fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.clock.fetch_add(by, Ordering::Relaxed);
    }

    /// Lets time pass by both clocks: memory's, which the test sets, and the server's own.
    async fn wait(&self, time: Duration) {
        self.advance(time);
        tokio::time::sleep(time).await;
    }

    async fn take(&self, ask: &Ask) -> Option<Box<dyn Reservation>> {
        self.stores.reserve(vec![ask.clone()]).await.unwrap().1
    }

    async fn look(&self, ask: &Ask) -> Standing {
        assert_eq!(self.stores.flush(30 * SECOND).await, 0);
        self.stores.peek(vec![ask.clone()]).await.unwrap().remove(0)
    }

    async fn used(&self, ask: &Ask) -> u64 {
        self.look(ask).await.used
    }
}

async fn ready(state: &State, clock: Clock) -> Stores {
    let stores = Stores::new(state, clock).unwrap();
    assert!(stores.ready(30 * SECOND).await, "the server never answered");
    stores
}

fn values(stores: &Stores) -> Arc<dyn Values> {
    stores.lent(Host::none()).values
}

/// An ask of 0 from a bucket of an hour.
fn bucket(key: &str, limit: u64) -> Ask {
    Ask {
        key: key.to_owned(),
        amount: 0,
        limit,
        window: Window::Bucket(3600 * SECOND),
        soft: false,
    }
}

fn of(ask: &Ask, amount: u64) -> Ask {
    Ask {
        amount,
        ..ask.clone()
    }
}

fn within(ask: &Ask, window: Window) -> Ask {
    Ask {
        window,
        ..ask.clone()
    }
}

/// Waits for something that comes by itself.
async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let began = tokio::time::Instant::now();
    while !done().await {
        assert!(began.elapsed() < 30 * SECOND, "{what}: never");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn with(state: State, degrade: Degrade) -> State {
    State { degrade, ..state }
}
