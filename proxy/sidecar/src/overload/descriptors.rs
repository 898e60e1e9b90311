//! Shares of the file descriptors, fixed at start: connections of apps never take the descriptors
//! of upstreams and of the admin address.
//!
//! Of the descriptors that the process may have, some are its own (listeners, event loops, logs),
//! and some are set aside for the admin address, stores and files that a reload opens. Two thirds
//! of the rest are for connections of apps, of which many are idle, and one third for connections
//! to upstreams; a quarter of that third may be kept idle in the pools. An exchange or a tunnel
//! takes one descriptor at the most, so the number of exchanges and tunnels bounds the rest.

use rustix::process::{Resource, Rlimit};

/// Descriptors of one worker: its listeners and its event loop.
const PER_WORKER: usize = 8;
/// Descriptors of the process itself, assumed where `/proc/self/fd` can't be read.
const OWN: usize = 64;

/// Numbers of file descriptors that each kind of connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// Connections of apps.
    pub(super) connections: usize,
    /// Connections to upstreams that are in use.
    pub(super) upstreams: usize,
    /// Connections to upstreams that are kept without a request.
    idle: usize,
}

impl Descriptors {
    /// Raises the process's limit as far as it goes, and shares it out. `workers` have yet to open
    /// their listeners and event loops.
    pub fn take(workers: usize) -> Self {
        let own = std::fs::read_dir("/proc/self/fd").map_or(OWN, Iterator::count);
        Self::share(most(), own + workers.saturating_mul(PER_WORKER))
    }

    pub(super) fn share(limit: u64, own: usize) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let aside = (limit / 8).clamp(32, 4096);
        let rest = limit.saturating_sub(own).saturating_sub(aside);
        let upstreams = rest / 3;
        Self {
            connections: rest - upstreams,
            upstreams: upstreams - upstreams / 4,
            idle: upstreams / 4,
        }
    }

    /// Returns the number of idle connections that one worker may keep to one of `origins`.
    pub fn idle_per_origin(&self, workers: usize, origins: usize) -> usize {
        self.idle / workers.max(1).saturating_mul(origins.max(1))
    }
}

/// Raises the soft limit to the hard one, and returns it: the usual soft limit of 1024 is for
/// programs that use `select`.
fn most() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => most,
        Err(_) => limit.current.unwrap_or(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_share_is_taken_from_another_however_few_there_are() {
        for limit in [0, 32, 64, 256, 1024, 4096, 1 << 20, u64::MAX] {
            let of = Descriptors::share(limit, 40);
            let all = of.connections + of.upstreams + of.idle;
            assert!(all as u64 <= limit.saturating_sub(40), "{limit}: {of:?}");
        }
        let few = Descriptors::share(256, 40);
        assert_eq!((few.connections, few.upstreams, few.idle), (123, 46, 15));
        assert_eq!(few.idle_per_origin(2, 3), 2);
        assert!(
            Descriptors::share(1 << 20, 40).connections > 10_000,
            "the default of `overload.connections`"
        );
    }
}
