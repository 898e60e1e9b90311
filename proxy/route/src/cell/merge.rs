//! Merging of what other replicas learn.

use std::time::{Duration, Instant};

use super::{Cell, FURTHEST, Phase};
use crate::class::Class;

/// Halvings that are closer together are one: replicas meet the same shortage at the same time.
const ONE_HALVING: Duration = Duration::from_secs(1);

/// The findings of another replica, its times put on this one's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// [`Change::Opened`].
    Opened {
        /// Its end.
        until: Instant,
        /// The class of the failure.
        cause: Option<Class>,
    },
    /// [`Change::Halved`].
    Halved {
        /// The time of the 429.
        at: Instant,
    },
    /// [`Change::Closed`], or an operator has closed it there.
    ///
    /// [`Change::Closed`]: super::Change::Closed
    Closed,
}

impl Cell {
    /// Takes over what another replica has learnt. Never shortens what this one knows, but that one
    /// request may find out at once what a success there has shown: it is the probe here. Makes no
    /// difference the second time. Returns whether it made one.
    pub fn merge(&mut self, remote: Remote, now: Instant) -> bool {
        match remote {
            Remote::Opened { until, cause } => {
                let until = until.min(now + FURTHEST);
                if until <= now || self.open_until().is_some_and(|own| own >= until) {
                    return false;
                }
                // Later than the others by its own share, so that they do not probe together.
                let until = until + self.jitter(until - now);
                match &mut self.phase {
                    Phase::Open {
                        until: own,
                        cause: own_cause,
                        ..
                    } => {
                        (*own, *own_cause) = (until, cause);
                    }
                    Phase::Closed => self.set_open(until, cause),
                }
                true
            }
            Remote::Closed => match &mut self.phase {
                Phase::Open { until, .. } if *until > now => {
                    *until = now;
                    true
                }
                Phase::Open { .. } | Phase::Closed => false,
            },
            Remote::Halved { at } => {
                let known = self.remote_halving.is_some_and(|last| at <= last);
                let own = self.halved_at.is_some_and(|own| at <= own + ONE_HALVING);
                if !known {
                    self.remote_halving = Some(at);
                }
                if known || own {
                    return false;
                }
                self.halve(now);
                true
            }
        }
    }
}
