//! Pooled connections to one origin: which of them a request gets, and which are closed when.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    connection::HttpConnection,
    demand::Demand,
    idle_limit::{self, IdleLimit, LONGEST},
};
use crate::upstream::connect::Usage;

/// Connections without a request, and what is known of their origin. Reads no clock, and starts no
/// task.
#[derive(Default)]
pub(super) struct IdleConnections {
    /// HTTP/1.1 connections, by the time since when they are idle; the one that was used last is
    /// used next.
    http1: Vec<Idle>,
    /// The HTTP/2 connection, which requests share.
    shared: Option<Idle>,
    /// Limits of connections that have served, and of spares that have not: servers treat them
    /// differently (Node closes the first after 5 s and the second after 60).
    served: IdleLimit,
    unserved: IdleLimit,
    /// Shortest time that a connection took to be made: a round trip or more.
    distance: Option<Duration>,
    pub(super) demand: Demand,
    /// True if the connection that was made last speaks HTTP/2.
    pub(super) is_http2: bool,
}

struct Idle {
    connection: HttpConnection,
    since: Instant,
}

impl Idle {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    fn is_spare(&self) -> bool {
        !self.connection.usage().served()
    }
}

impl IdleConnections {
    /// Takes a connection for a request, and the time for which it was idle.
    pub(super) fn take(&mut self, now: Instant) -> Option<(HttpConnection, Duration)> {
        let taken = self.take_shared(now).or_else(|| self.take_own(now));
        self.demand.note_request(now, taken.is_some());
        taken
    }

    fn take_shared(&mut self, now: Instant) -> Option<(HttpConnection, Duration)> {
        let shared = self.shared.as_mut()?;
        if shared.connection.is_closed() {
            self.shared = None;
            return None;
        }
        if shared.is_spare() {
            self.demand.note_used();
        }
        let idle = shared.age(now);
        shared.since = now;
        Some((shared.connection.share()?, idle))
    }

    fn take_own(&mut self, now: Instant) -> Option<(HttpConnection, Duration)> {
        let is_usable = |idle: &Idle| self.is_usable(idle, now);
        let newest = self.http1.iter().rposition(is_usable)?;
        let taken = self.http1.remove(newest);
        if taken.is_spare() {
            self.demand.note_used();
        }
        let idle = taken.age(now);
        Some((taken.connection, idle))
    }

    /// Keeps a connection where fewer than `most` are idle, and returns the time by which
    /// [`Self::expire`] is to be called.
    pub(super) fn keep(
        &mut self,
        connection: HttpConnection,
        most: usize,
        now: Instant,
    ) -> Option<Instant> {
        if most == 0 || connection.is_closed() {
            return None;
        }
        if let Some(shared) = connection.share() {
            match &mut self.shared {
                Some(known) if !known.connection.is_closed() => known.since = now,
                known => {
                    let connection = shared;
                    *known = Some(Idle {
                        connection,
                        since: now,
                    });
                }
            }
            return Some(now + LONGEST);
        }
        if self.http1.len() >= most {
            return None;
        }
        let idle = Idle {
            connection,
            since: now,
        };
        let until = self
            .usable(&idle)
            .min(idle_limit::by_need(self.http1.len()));
        self.http1.push(idle);
        Some(now + until)
    }

    /// True if a connection is there for the next request.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        let is_open = |shared: &Idle| !shared.connection.is_closed();
        self.shared.as_ref().is_some_and(is_open)
            || self.http1.iter().any(|idle| self.is_usable(idle, now))
    }

    /// True if no connection is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.http1.is_empty() && self.shared.is_none()
    }

    /// Notes that a connection was made, and the time that it took.
    pub(super) fn note_made(&mut self, connection: &HttpConnection, took: Duration) {
        self.is_http2 = connection.is_http2();
        self.distance = Some(self.distance.map_or(took, |least| least.min(took)));
    }

    /// Notes that a connection has ended, and returns whether it was idle: then it was its peer that
    /// closed it.
    pub(super) fn note_end(&mut self, of: &Usage, now: Instant) -> bool {
        if (self.shared.as_ref()).is_some_and(|shared| shared.connection.usage().is(of)) {
            if self.shared.take().is_some_and(|shared| shared.is_spare()) {
                self.demand.note_unused(now);
            }
            return true;
        }
        let is_it = |idle: &Idle| idle.connection.usage().is(of);
        let Some(at) = self.http1.iter().position(is_it) else {
            return false;
        };
        let ended = self.http1.remove(at);
        let spare = ended.is_spare();
        // A limit of idle time closes the one first that has been idle for longest.
        let mut older = self.http1.iter().take(at);
        if !older.any(|other| other.is_spare() == spare) {
            self.limit_of(spare).note_closed(ended.age(now));
        }
        if spare {
            self.demand.note_unused(now);
        }
        true
    }

    /// Notes that a connection was found to be closed by the request that took it after `idle`.
    pub(super) fn note_stale(&mut self, connection: &HttpConnection, idle: Duration) {
        if !connection.is_http2() {
            let spare = !connection.usage().served();
            self.limit_of(spare).note_closed(idle);
        }
    }

    /// Closes connections that no request is to use any more, and returns the time by which this is
    /// to be called again. One that is beyond the learnt limit of its origin stays, unused, as the
    /// proof of that limit: its peer closes it, or it outlives the limit and ends it.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let (served, unserved) = (self.served, self.unserved);
        let is_outlived = |idle: &Idle, limit: IdleLimit| {
            !idle.connection.is_closed() && idle.age(now) >= limit.doubted_after()
        };
        for (spare, limit) in [(false, served), (true, unserved)] {
            let mut same = self.http1.iter().filter(|idle| idle.is_spare() == spare);
            if same.any(|idle| is_outlived(idle, limit)) {
                self.limit_of(spare).forget();
            }
        }
        let (mut kept, mut proved) = (Vec::with_capacity(self.http1.len()), false);
        let mut next = None;
        let mut newer = self.http1.len();
        for idle in std::mem::take(&mut self.http1) {
            newer -= 1;
            let (age, usable) = (idle.age(now), self.usable(&idle));
            let until = match (age < usable, idle.connection.announced()) {
                (true, _) => Some(usable),
                (false, None) if !proved => {
                    proved = true;
                    let spare = idle.is_spare();
                    Some(self.limit_of(spare).doubted_after())
                }
                (false, _) => None,
            };
            let until = until.map(|until| until.min(idle_limit::by_need(newer)));
            match until {
                Some(until) if age < until && !idle.connection.is_closed() => {
                    let at = idle.since + until;
                    next = Some(next.map_or(at, |next: Instant| next.min(at)));
                    kept.push(idle);
                }
                _ if idle.is_spare() => self.demand.note_unused(now),
                _ => {}
            }
        }
        self.http1 = kept;
        let lives = |shared: &Idle| !shared.connection.is_closed() && shared.age(now) < LONGEST;
        self.shared = self.shared.take().filter(lives);
        let shared = self.shared.as_ref().map(|shared| shared.since + LONGEST);
        next.into_iter().chain(shared).min()
    }

    fn limit_of(&mut self, spare: bool) -> &mut IdleLimit {
        match spare {
            true => &mut self.unserved,
            false => &mut self.served,
        }
    }

    fn is_usable(&self, idle: &Idle, now: Instant) -> bool {
        idle.age(now) < self.usable(idle) && !idle.connection.is_closed()
    }

    /// Returns the idle time up to which a connection can be used.
    fn usable(&self, idle: &Idle) -> Duration {
        let learnt = match idle.is_spare() {
            true => self.unserved.get(),
            false => self.served.get(),
        };
        let announced = idle.connection.announced().unwrap_or(LONGEST);
        idle_limit::usable(learnt.min(announced), self.distance.unwrap_or_default())
    }
}
