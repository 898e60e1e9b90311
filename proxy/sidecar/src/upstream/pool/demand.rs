//! Use that is made of an origin by all workers, which says whether another connection will be
//! wanted soon.
//!
//! A [`Demand`] is a value: it reads no clock, callers pass `now`.

use std::time::Duration;

use tokio::time::Instant;

/// Requests that follow each other faster belong together: a pause is longer.
pub(super) const BURST: Duration = Duration::from_millis(100);
/// Time after the latest request at which an origin counts as quiet: nothing is opened for it.
const QUIET: Duration = Duration::from_secs(60);
/// Spares in a row that no request took, after which none is opened for [`REST`]. Calls 30 s apart
/// to a server that closes after 5 s use every seventh.
const MOST_UNUSED: u8 = 10;
/// Pause after that, or after a connection that could not be made: the origin may count them.
const REST: Duration = Duration::from_secs(600);

/// Recent use of an origin.
#[derive(Debug, Default)]
pub(super) struct Demand {
    latest: Option<Instant>,
    /// Longest pause between two requests of late: each shorter one takes an eighth off it.
    pause: Option<Duration>,
    /// The latest request that found no connection, though the origin was not quiet.
    missed: Option<Instant>,
    /// Spares in a row that no request took.
    unused: u8,
    /// Time until which no spare is opened.
    rests: Option<Instant>,
}

impl Demand {
    /// Notes a request, and whether it found a connection.
    pub(super) fn note_request(&mut self, now: Instant, found: bool) {
        let Some(latest) = self.latest.replace(now) else {
            return;
        };
        if now >= latest + BURST {
            let pause = now.saturating_duration_since(latest);
            if pause >= QUIET {
                (self.pause, self.missed) = (None, None);
                return;
            }
            let longest = self.pause.unwrap_or_default();
            self.pause = Some(pause.max(longest - longest / 8));
        }
        if !found {
            self.missed = Some(now);
        }
    }

    /// Notes that a spare was taken by a request.
    pub(super) fn note_used(&mut self) {
        self.unused = 0;
    }

    /// Notes that `spares` ended before a request took them.
    pub(super) fn note_unused(&mut self, spares: u8, now: Instant) {
        self.unused = self.unused.saturating_add(spares);
        if self.unused >= MOST_UNUSED {
            self.unused = 0;
            self.rests = Some(now + REST);
        }
    }

    /// Notes that a connection could not be made.
    pub(super) fn note_failure(&mut self, now: Instant) {
        self.rests = Some(now + REST);
    }

    /// True if requests lacked a connection of late, so that one more than is in use is wanted.
    pub(super) fn lacks_connections(&self, now: Instant) -> bool {
        !self.rests(now) && self.missed.is_some_and(|missed| now < missed + QUIET)
    }

    /// True if the next request is due: fewer than two of the usual pauses are over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let (Some(latest), Some(pause)) = (self.latest, self.pause) else {
            return false;
        };
        !self.rests(now) && now < latest + (2 * pause).min(QUIET)
    }

    fn rests(&self, now: Instant) -> bool {
        self.rests.is_some_and(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Requests at these times, in seconds, that all find a connection.
    fn requests(start: Instant, at: &[u32]) -> Demand {
        let mut demand = Demand::default();
        for at in at {
            demand.note_request(start + *at * SECOND, true);
        }
        demand
    }

    #[test]
    fn a_request_is_due_until_twice_the_usual_pause_is_over() {
        let start = Instant::now();
        let demand = requests(start, &[0, 6, 12]);
        assert!(demand.is_due(start + 23 * SECOND));
        assert!(!demand.is_due(start + 25 * SECOND));
        let bursts = requests(start, &[0, 0, 0, 0, 30, 30, 30, 30]);
        assert!(bursts.is_due(start + 65 * SECOND));
        assert!(!bursts.is_due(start + 91 * SECOND), "quiet");
    }

    #[test]
    fn nothing_is_due_after_a_first_request_or_a_quiet_minute() {
        let start = Instant::now();
        for at in [&[][..], &[0], &[0, 61]] {
            let demand = requests(start, at);
            assert!(!demand.is_due(start + 62 * SECOND), "{at:?}");
        }
    }

    #[test]
    fn a_request_without_a_connection_counts_for_a_minute_unless_it_is_the_first() {
        let start = Instant::now();
        let mut demand = Demand::default();
        demand.note_request(start, false);
        assert!(!demand.lacks_connections(start));
        demand.note_request(start + SECOND, false);
        assert!(demand.lacks_connections(start + 60 * SECOND));
        assert!(!demand.lacks_connections(start + 61 * SECOND));
    }

    #[test]
    fn spares_that_nobody_uses_are_given_up_and_so_is_an_origin_that_refuses() {
        let start = Instant::now();
        let mut demand = requests(start, &[0, 6]);
        let now = start + 7 * SECOND;
        for _ in 1..MOST_UNUSED {
            demand.note_unused(1, now);
        }
        demand.note_used();
        for _ in 1..MOST_UNUSED {
            demand.note_unused(1, now);
            assert!(demand.is_due(now));
        }
        demand.note_unused(1, now);
        assert!(!demand.is_due(now));

        let mut refused = requests(start, &[0, 6]);
        refused.note_failure(now);
        assert!(!refused.is_due(now));
        let later = now + REST;
        for ago in [6, 0] {
            refused.note_request(later - ago * SECOND, false);
        }
        assert!(refused.is_due(later) && refused.lacks_connections(later));
    }
}
