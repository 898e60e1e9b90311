//! Time for which an origin lets a connection be idle, as learnt from what it closes.
//!
//! Servers close an idle connection after 5 s (Node, uvicorn), 60 s (AWS's load balancers), 75 s
//! (nginx), minutes, or never, and few announce it. A connection is therefore kept until its peer
//! closes it; from then on the time at which that happened is the limit of others. What was learnt
//! is doubted: a connection that outlives the limit by far ends it, as a restart looks the same.

use std::time::Duration;

/// Longest time without a request for which a connection is kept, whatever its peer allows, so that
/// a quiet pod becomes quiet.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);
/// A peer that closes sooner than this has another reason: its reply was the last, say.
const SHORTEST: Duration = Duration::from_millis(100);
/// Lateness of the timers at both ends.
const SLACK: Duration = Duration::from_millis(100);
/// Connections that are kept for as long as their peer keeps them. As the one that was used last is
/// used next, those beyond served only when several requests were in progress at once.
const FEW: usize = 2;
/// Connections that are kept for [`MINUTE`]; those beyond for [`BRIEFLY`]. Each costs 8 to 16 KiB.
const SOME: usize = 8;
const MINUTE: Duration = Duration::from_secs(60);
const BRIEFLY: Duration = Duration::from_secs(1);

/// Limit of idle time that an origin was seen to have.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct IdleLimit {
    observed: Option<Duration>,
}

impl IdleLimit {
    /// Returns the time after which a connection is taken to be closed by its peer.
    pub(super) fn get(self) -> Duration {
        self.observed.unwrap_or(LONGEST)
    }

    /// Notes that the peer closed a connection after `idle`.
    pub(super) fn note_closed(&mut self, idle: Duration) {
        if idle >= SHORTEST {
            self.observed = Some(self.get().min(idle));
        }
    }

    /// Returns the idle time at which a connection that is still open shows the limit to be wrong.
    pub(super) fn doubted_after(self) -> Duration {
        let limit = self.get();
        (limit + limit / 4 + Duration::from_secs(1)).min(LONGEST)
    }

    /// Forgets what was observed.
    pub(super) fn forget(&mut self) {
        self.observed = None;
    }
}

/// Returns the idle time up to which a request can go over a connection whose peer closes it after
/// `limit`, and still come before that: the peer's clock began a round trip's half earlier, and the
/// request takes the other half. `distance` is a round trip or more.
pub(super) fn usable(limit: Duration, distance: Duration) -> Duration {
    if limit >= LONGEST {
        return LONGEST; // ours, not the peer's
    }
    limit - (distance + SLACK).min(limit / 2)
}

/// Returns the time before the end of a connection, which can be used for `usable`, at which its
/// successor is opened so that it is there by then. `distance` is the shortest time that opening
/// one took: the next may take longer. None is opened ahead where that were more than a quarter of
/// the time: connections to such an origin would mostly be thrown away.
pub(super) fn lead(usable: Duration, distance: Duration) -> Duration {
    let lead = 2 * distance + SLACK;
    if lead > usable / 4 {
        return Duration::ZERO;
    }
    lead
}

/// Returns the time for which a connection is kept that `newer` others were used after.
pub(super) fn by_need(newer: usize) -> Duration {
    if newer < FEW {
        LONGEST
    } else if newer < SOME {
        MINUTE
    } else {
        BRIEFLY
    }
}

/// Returns the limit in the value of a `keep-alive` header: `timeout=5, max=100` is 5 s. Node sends
/// it, and Apache.
pub(super) fn announced(header: &[u8]) -> Option<Duration> {
    let parameters = str::from_utf8(header).ok()?.split(',');
    let mut timeouts = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let seconds: u32 = value.trim().parse().ok()?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout.then(|| Duration::from_secs(seconds.into()))
    });
    timeouts.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_limit_is_the_shortest_time_after_which_the_peer_closed() {
        let mut limit = IdleLimit::default();
        assert_eq!(limit.get(), LONGEST);
        for (closed, expected) in [(75, 75), (60, 60), (61, 60)] {
            limit.note_closed(closed * SECOND);
            assert_eq!(limit.get(), expected * SECOND);
        }
        assert_eq!(limit.doubted_after(), 76 * SECOND);
        limit.note_closed(SECOND / 1000); // its reply was the last
        assert_eq!(limit.get(), 60 * SECOND);
        limit.forget();
        assert_eq!(limit.get(), LONGEST);
    }

    #[test]
    fn a_request_is_to_come_before_the_peer_closes() {
        let far = Duration::from_millis(300);
        assert_eq!(usable(5 * SECOND, far), Duration::from_millis(4600));
        assert_eq!(usable(SECOND / 2, far), SECOND / 4);
        assert_eq!(usable(LONGEST, far), LONGEST);
    }

    #[test]
    fn a_successor_is_opened_early_enough_but_not_before_three_quarters_of_the_time() {
        let far = Duration::from_millis(300);
        assert_eq!(lead(5 * SECOND, far), Duration::from_millis(700));
        assert_eq!(lead(2 * SECOND, far), Duration::ZERO);
    }

    #[test]
    fn connections_that_were_needed_at_once_only_are_kept_for_less_time() {
        let times = [0, 1, 2, 7, 8, 255].map(|newer| by_need(newer).as_secs());
        assert_eq!(times, [600, 600, 60, 60, 1, 1]);
    }

    #[test]
    fn a_keep_alive_header_is_read_where_it_has_a_timeout() {
        for (header, expected) in [
            ("timeout=5", Some(5)),
            ("max=100, Timeout = 72", Some(72)),
            ("max=100", None),
            ("timeout=soon", None),
            ("timeout=-1", None),
            ("", None),
        ] {
            let seconds = announced(header.as_bytes()).map(|limit| limit.as_secs());
            assert_eq!(seconds, expected, "{header}");
        }
        assert_eq!(announced(b"\xff"), None);
    }
}
