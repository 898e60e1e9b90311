//! Admission: new work is shed so that work in progress goes on.
//!
//! An exchange is admitted by reading four numbers, without a lock
//! ([`Admission::admit_exchange`]); a shed request runs no policy and has no log line of its own.
//! Others keep the numbers: a sampler reads memory ten times a second while there are exchanges
//! ([`keep`]), and each worker measures its own delay ([`worker_load`]). What was admitted begins in
//! turns ([`turns`]). Each connection has a [`ConnectionState`], so that idle ones can make room for
//! new ones, and ones that do not read can be distinguished from ones with nothing to read.
//!
//! Memory pressure never sheds the only exchange: memory that stays in use without any exchange
//! would otherwise shed all work for good.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use dashmap::DashMap;
use tokio::time::Instant;

use crate::{config::Overload, telemetry::metrics};

mod bodies;
mod connection;
mod connections;
mod descriptors;
mod level;
mod machine;
mod turns;
pub mod worker_load;

pub use bodies::BodyPermit;
use connection::ConnectionState;
pub use connection::{ActiveExchange, ConnectionHandle, ConnectionPermit, ConnectionSignal};
pub use descriptors::Descriptors;
use level::{Level, Marks};
use machine::Meters;
pub use worker_load::{ExchangePermit, WorkerLoad};

/// Bytes of memory for each admitted exchange, where the configuration sets no limit of exchanges.
const PER_EXCHANGE: u64 = 128 << 10;
/// Limit of exchanges where no memory limit is known.
const EXCHANGES: usize = 10_000;
/// Bytes of request bodies where no memory limit is known.
const BODIES: usize = 256 << 20;
/// Time between two samples of memory while there are exchanges, and while there are none.
const SAMPLE_INTERVAL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Reasons for which work is shed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShedReason {
    /// Memory is short.
    Memory,
    /// The worker is behind.
    Delay,
    /// The limit of concurrent exchanges is reached.
    Exchanges,
    /// Request bodies fill their budget.
    Bodies,
    /// The limit of connections is reached, and none is idle.
    Connections,
}

impl ShedReason {
    /// Returns the metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Delay => "delay",
            Self::Exchanges => "exchanges",
            Self::Bodies => "bodies",
            Self::Connections => "connections",
        }
    }

    /// Returns the message that the app receives.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Memory => "this sidecar is short of memory; try again in a second",
            Self::Delay => "this sidecar has more to do than its CPU allows; try again in a second",
            Self::Exchanges => {
                "this sidecar serves as many requests as it may; try again in a second"
            }
            Self::Bodies => {
                "this sidecar holds as many request bodies as it may; try again in a second"
            }
            Self::Connections => {
                "this sidecar has as many connections as it may; try again in a second"
            }
        }
    }
}

/// Decides whether new work is admitted. One for the process.
pub struct Admission {
    /// Seconds since `begun`, from 1; [`keep`] advances it, so it is coarse.
    clock: AtomicU32,
    begun: Instant,
    level: AtomicU8,
    exchanges: AtomicUsize,
    /// Limit of connections to upstreams, by descriptors, and the tunnels that have one.
    upstreams: AtomicUsize,
    tunnels: AtomicUsize,
    bodies: AtomicUsize,
    bodies_limit: AtomicUsize,
    connections_limit: AtomicUsize,
    open: AtomicUsize,
    ending: AtomicUsize,
    /// The second in which no idle connection was found: searching again within it would only cost.
    none_idle: AtomicU32,
    connections: DashMap<u64, Arc<ConnectionState>>,
    next: AtomicU64,
    logged: AtomicU32,
    unlogged: AtomicUsize,
}

impl Default for Admission {
    /// Admits everything.
    fn default() -> Self {
        Self {
            clock: AtomicU32::new(1),
            begun: Instant::now(),
            level: AtomicU8::new(Level::Calm as u8),
            exchanges: AtomicUsize::new(usize::MAX),
            upstreams: AtomicUsize::new(usize::MAX),
            tunnels: AtomicUsize::new(0),
            bodies: AtomicUsize::new(0),
            bodies_limit: AtomicUsize::new(usize::MAX),
            connections_limit: AtomicUsize::new(usize::MAX),
            open: AtomicUsize::new(0),
            ending: AtomicUsize::new(0),
            none_idle: AtomicU32::new(0),
            connections: DashMap::with_shard_amount(4),
            next: AtomicU64::new(0),
            logged: AtomicU32::new(0),
            unlogged: AtomicUsize::new(0),
        }
    }
}

impl Admission {
    /// Sets the limits that `config` names, or that follow from `memory` in bytes and from the file
    /// `descriptors`.
    fn set(&self, config: &Overload, memory: Option<u64>, descriptors: Descriptors) {
        let exchanges = config.exchanges.unwrap_or_else(|| {
            memory.map_or(EXCHANGES, |bytes| {
                usize::try_from(bytes / PER_EXCHANGE)
                    .unwrap_or(EXCHANGES)
                    .clamp(64, EXCHANGES)
            })
        });
        let bodies = config.bodies.unwrap_or_else(|| {
            memory.map_or(BODIES, |bytes| usize::try_from(bytes / 4).unwrap_or(BODIES))
        });
        let connections = config.connections.min(descriptors.connections);
        if connections < config.connections || descriptors.upstreams < exchanges {
            tracing::info!(
                connections,
                exchanges = descriptors.upstreams.min(exchanges),
                "the limit of open files (RLIMIT_NOFILE) allows fewer connections than the configuration"
            );
        }
        self.exchanges.store(exchanges, Relaxed);
        self.upstreams.store(descriptors.upstreams, Relaxed);
        self.bodies_limit.store(bodies, Relaxed);
        self.connections_limit.store(connections, Relaxed);
    }

    /// Admits an exchange.
    ///
    /// # Errors
    /// The reason, counted.
    pub fn admit_exchange(&self, load: &Arc<WorkerLoad>) -> Result<ExchangePermit, ShedReason> {
        let inflight = metrics::inflight();
        let admitted = if self.level.load(Relaxed) != Level::Calm as u8 && inflight > 0 {
            Err(ShedReason::Memory)
        } else if inflight >= self.exchanges.load(Relaxed) || !self.has_upstream() {
            Err(ShedReason::Exchanges)
        } else {
            load.enter().ok_or(ShedReason::Delay)
        };
        admitted.map_err(|reason| self.shed(reason))
    }

    /// Reports whether work is turned away, or about to be: what no app waits for is left out then.
    pub fn is_short(&self, load: &WorkerLoad) -> bool {
        self.level.load(Relaxed) != Level::Calm as u8
            || metrics::inflight() >= self.exchanges.load(Relaxed)
            || !self.has_upstream()
            || load.is_behind()
    }

    /// True if there is a descriptor for one more connection to an upstream.
    fn has_upstream(&self) -> bool {
        metrics::inflight() + self.tunnels.load(Relaxed) < self.upstreams.load(Relaxed)
    }

    /// Admits a tunnel's connection to its destination.
    ///
    /// # Errors
    /// The reason, counted.
    pub fn admit_tunnel(self: &Arc<Self>) -> Result<TunnelPermit, ShedReason> {
        if !self.has_upstream() {
            return Err(self.shed(ShedReason::Connections));
        }
        self.tunnels.fetch_add(1, Relaxed);
        Ok(TunnelPermit(Arc::clone(self)))
    }

    /// Counts what is shed, warns the operator once a second, and returns the reason.
    fn shed(&self, reason: ShedReason) -> ShedReason {
        metrics::shed(reason.name());
        self.unlogged.fetch_add(1, Relaxed);
        let now = self.clock.load(Relaxed);
        if self.logged.swap(now, Relaxed) != now {
            let shed = self.unlogged.swap(0, Relaxed);
            tracing::warn!(
                reason = reason.name(),
                shed,
                "overloaded: new work is turned away"
            );
        }
        reason
    }

    /// Returns the seconds since this value was made, from 1; as coarse as [`keep`] samples.
    pub(crate) fn now(&self) -> u32 {
        self.clock.load(Relaxed)
    }

    fn tick(&self) {
        let seconds = u32::try_from(self.begun.elapsed().as_secs()).unwrap_or(u32::MAX - 1);
        self.clock.store(seconds + 1, Relaxed);
    }
}

/// A tunnel that was admitted. Dropping it makes room.
pub struct TunnelPermit(Arc<Admission>);

impl Drop for TunnelPermit {
    fn drop(&mut self) {
        self.0.tunnels.fetch_sub(1, Relaxed);
    }
}

/// Time-outs of connections: without an exchange, and with a reply that is not read.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionTimeouts {
    /// Longest time without an exchange.
    pub idle: Duration,
    /// Longest time with bytes waiting that the app does not read.
    pub stalled: Duration,
}

/// Sets the limits of `admission` from `config` and the machine, and returns the task that keeps
/// its figures up to date, to be run as long as the process serves. `timeouts` is read every
/// second, as a reload may change them. `sampled` is called after each sample with what the
/// process does: once a second while there are no exchanges.
pub fn keep<F, G>(
    admission: Arc<Admission>,
    config: &Overload,
    descriptors: Descriptors,
    timeouts: F,
    mut sampled: G,
) -> impl Future<Output = ()> + Send + use<F, G>
where
    F: Fn() -> ConnectionTimeouts + Send + 'static,
    G: FnMut(metrics::Activity) + Send + 'static,
{
    let meters = Meters::find(config.memory.limit);
    admission.set(config, meters.limit(), descriptors);
    let marks = Marks::new(config.memory.shed_at, config.memory.refuse_at);
    async move {
        let mut level = Level::Calm;
        let mut swept = Instant::now();
        loop {
            let pressure = meters.pressure(marks.lowest());
            let next = marks.next(level, pressure);
            if next != level {
                tracing::warn!(level = next.name(), pressure, "memory");
                level = next;
                admission.level.store(level as u8, Relaxed);
            }
            metrics::load(admission.open.load(Relaxed), pressure);
            admission.tick();
            if swept.elapsed() >= SAMPLE_INTERVAL.1 {
                swept = Instant::now();
                let timeouts = timeouts();
                admission.sweep(timeouts);
            }
            let activity = metrics::activity();
            sampled(activity);
            let pause = if activity.inflight > 0 {
                SAMPLE_INTERVAL.0
            } else {
                SAMPLE_INTERVAL.1
            };
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OverloadMemory;

    fn admission(memory: Option<u64>, config: &Overload) -> Admission {
        let admission = Admission::default();
        admission.set(config, memory, Descriptors::share(1 << 20, 0));
        admission
    }

    #[test]
    fn what_is_not_written_follows_from_the_memory_that_there_is() {
        let limits = |memory, config: &Overload| {
            let admission = admission(memory, config);
            let bodies = admission.bodies_limit.load(Relaxed);
            (admission.exchanges.load(Relaxed), bodies)
        };
        let config = Overload::default();
        assert_eq!(limits(Some(128 << 20), &config), (1024, 32 << 20));
        assert_eq!(limits(None, &config), (EXCHANGES, BODIES));
        assert_eq!(limits(Some(1 << 40), &config).0, EXCHANGES);
        let own = Overload {
            exchanges: Some(7),
            bodies: Some(1 << 20),
            memory: OverloadMemory::default(),
            ..config
        };
        assert_eq!(limits(Some(128 << 20), &own), (7, 1 << 20));
    }

    #[test]
    fn connections_leave_descriptors_for_upstreams() {
        let admission = Admission::default();
        admission.set(&Overload::default(), None, Descriptors::share(1024, 40));
        assert_eq!(admission.connections_limit.load(Relaxed), 571);
        assert_eq!(admission.upstreams.load(Relaxed), 214);
        admission.set(&Overload::default(), None, Descriptors::share(32, 40));
        assert_eq!(admission.connections_limit.load(Relaxed), 0);
    }

    #[test]
    fn tunnels_and_exchanges_share_the_descriptors_of_upstreams() {
        let admission = Arc::new(Admission::default());
        admission.upstreams.store(metrics::inflight() + 1, Relaxed);
        let one = admission.admit_tunnel();
        assert!(one.is_ok());
        let shed = admission.admit_tunnel().err();
        assert_eq!(shed, Some(ShedReason::Connections));
        let load = Arc::new(WorkerLoad::default());
        let shed = admission.admit_exchange(&load).err();
        assert_eq!(shed, Some(ShedReason::Exchanges));
        drop(one);
        assert_eq!(admission.tunnels.load(Relaxed), 0);
    }

    #[test]
    fn an_exchange_is_let_in_while_no_other_is_however_little_memory_is_left() {
        let admission = Admission::default();
        let load = Arc::new(WorkerLoad::default());
        admission.level.store(Level::Refuse as u8, Relaxed);
        // Other tests of this process may have exchanges in progress.
        if metrics::inflight() == 0 {
            let _ = admission.admit_exchange(&load).map(drop);
        }
        let _one = metrics::Inflight::enter();
        let shed = admission.admit_exchange(&load).err();
        assert_eq!(shed, Some(ShedReason::Memory));
        admission.level.store(Level::Calm as u8, Relaxed);
        assert!(admission.admit_exchange(&load).is_ok());
        admission.exchanges.store(1, Relaxed);
        let shed = admission.admit_exchange(&load).err();
        assert_eq!(shed, Some(ShedReason::Exchanges));
    }
}
