//! Pooled connections to one origin: which of them a request gets, and which are closed when.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    connection::HttpConnection,
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
    /// Spares that ended before a request took them, until they are counted.
    unused: u8,
    /// True if the connection that was made last speaks HTTP/2.
    pub(super) is_http2: bool,
}

/// Time for which a connection was idle before a request took it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    since: Instant,
    until: Instant,
    /// True if no request had taken it before.
    pub(super) was_spare: bool,
}

struct Idle {
    connection: HttpConnection,
    since: Instant,
    /// Time from which on no request goes over it.
    until: Instant,
}

impl Idle {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    fn is_spare(&self) -> bool {
        !self.connection.usage().served()
    }

    fn is_usable(&self, now: Instant) -> bool {
        now < self.until && !self.connection.is_closed()
    }
}

impl IdleConnections {
    /// Takes a connection for a request, and the wait that it had.
    pub(super) fn take(&mut self, now: Instant) -> Option<(HttpConnection, Wait)> {
        self.take_shared(now).or_else(|| self.take_own(now))
    }

    fn take_shared(&mut self, now: Instant) -> Option<(HttpConnection, Wait)> {
        let shared = self.shared.as_mut()?;
        if shared.connection.is_closed() {
            self.shared = None;
            return None;
        }
        let wait = Wait {
            since: std::mem::replace(&mut shared.since, now),
            until: now,
            was_spare: shared.is_spare(),
        };
        Some((shared.connection.share()?, wait))
    }

    fn take_own(&mut self, now: Instant) -> Option<(HttpConnection, Wait)> {
        let taken = match self.http1.pop_if(|newest| newest.is_usable(now)) {
            Some(newest) => newest,
            None => {
                let at = self.http1.iter().rposition(|idle| idle.is_usable(now))?;
                self.http1.remove(at)
            }
        };
        let wait = Wait {
            since: taken.since,
            until: now,
            was_spare: taken.is_spare(),
        };
        Some((taken.connection, wait))
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
                    *known = Some(Idle {
                        connection: shared,
                        since: now,
                        until: now + LONGEST,
                    });
                }
            }
            return Some(now + LONGEST);
        }
        if self.http1.len() >= most {
            // A successor takes the place of the one that ends.
            let ends = |idle: &Idle| now >= self.renewal(idle);
            let at = self.http1.iter().position(ends)?;
            if self.http1.remove(at).is_spare() {
                self.unused += 1;
            }
        }
        let until = now + self.usable(&connection);
        let idle = Idle {
            connection,
            since: now,
            until,
        };
        let needed_until = now + idle_limit::by_need(self.http1.len());
        let check = needed_until.min(self.renewal(&idle));
        self.http1.push(idle);
        Some(check)
    }

    /// True if a connection is there for the next request, and need not be succeeded by another one
    /// yet.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        let is_open = |idle: &Idle| !idle.connection.is_closed();
        let is_fresh = |idle: &Idle| now < self.renewal(idle) && is_open(idle);
        self.shared.as_ref().is_some_and(is_open) || self.http1.iter().any(is_fresh)
    }

    /// Returns the time at which a connection's successor is to be opened.
    fn renewal(&self, idle: &Idle) -> Instant {
        let usable = idle.until.saturating_duration_since(idle.since);
        idle.until - idle_limit::lead(usable, self.distance())
    }

    /// Returns the shortest time that a connection took to be made: none before the first.
    pub(super) fn distance(&self) -> Duration {
        self.distance.unwrap_or_default()
    }

    /// Counts the spares that ended before a request took them, since this was called last.
    pub(super) fn count_unused(&mut self) -> u8 {
        std::mem::take(&mut self.unused)
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
                self.unused += 1;
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
            self.apply_limits();
        }
        if spare {
            self.unused += 1;
        }
        true
    }

    /// Notes that a connection was found to be closed by the request that took it.
    pub(super) fn note_stale(&mut self, connection: &HttpConnection, wait: Wait) {
        if !connection.is_http2() {
            let spare = !connection.usage().served();
            let idle = wait.until.saturating_duration_since(wait.since);
            self.limit_of(spare).note_closed(idle);
            self.apply_limits();
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
                self.apply_limits();
            }
        }
        let (mut kept, mut proved) = (Vec::with_capacity(self.http1.len()), false);
        let mut next = None;
        let mut newer = self.http1.len();
        for idle in std::mem::take(&mut self.http1) {
            newer -= 1;
            let end = if now < idle.until {
                idle.until
            } else if idle.connection.announced().is_none() && !proved {
                proved = true;
                let spare = idle.is_spare();
                idle.since + self.limit_of(spare).doubted_after()
            } else {
                now
            };
            let end = end.min(idle.since + idle_limit::by_need(newer));
            if now < end && !idle.connection.is_closed() {
                next = Some(next.map_or(end, |next: Instant| next.min(end)));
                kept.push(idle);
            } else if idle.is_spare() {
                self.unused += 1;
            }
        }
        self.http1 = kept;
        let lives = |shared: &Idle| !shared.connection.is_closed() && shared.age(now) < LONGEST;
        self.shared = self.shared.take().filter(lives);
        let shared = self.shared.as_ref().map(|shared| shared.since + LONGEST);
        // The one that ends last is to have a successor; what ends before it needs none.
        let last = self.http1.iter().map(|idle| self.renewal(idle)).max();
        let renewal = last.filter(|renewal| now < *renewal);
        next.into_iter().chain(shared).chain(renewal).min()
    }

    /// Gives connections that are idle the time that they have by what was learnt.
    fn apply_limits(&mut self) {
        let mut idle = std::mem::take(&mut self.http1);
        for idle in &mut idle {
            idle.until = idle.since + self.usable(&idle.connection);
        }
        self.http1 = idle;
    }

    fn limit_of(&mut self, spare: bool) -> &mut IdleLimit {
        match spare {
            true => &mut self.unserved,
            false => &mut self.served,
        }
    }

    /// Returns the idle time up to which a connection can be used.
    fn usable(&self, connection: &HttpConnection) -> Duration {
        let learnt = match connection.usage().served() {
            true => self.served.get(),
            false => self.unserved.get(),
        };
        let announced = connection.announced().unwrap_or(LONGEST);
        idle_limit::usable(learnt.min(announced), self.distance())
    }
}
