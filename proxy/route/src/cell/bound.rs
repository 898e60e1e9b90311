//! A bound of what may be in flight, halved by a 429 without an end and grown by successes (AIMD).

/// Exists from the first such 429 until it has grown well beyond what is in use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    limit: u32,
    /// The attempts in flight when it was cut.
    level: u32,
    /// The most that was in flight since it grew last.
    peak: u32,
    /// Successes since it grew last.
    successes: u32,
}

impl Bound {
    /// Halves what may be in flight. `before` is the bound so far.
    pub(super) fn halved(before: Option<Self>, in_flight: u32) -> Self {
        let in_flight = in_flight.max(1);
        let level = before.map_or(in_flight, |before| before.limit.min(in_flight));
        Self {
            limit: (level / 2).max(1),
            level,
            peak: in_flight,
            successes: 0,
        }
    }

    pub(super) const fn limit(self) -> u32 {
        self.limit
    }

    /// Grows by one once as many succeeded as it lets through. Returns `None` where it is twice of
    /// what was in flight of late and no lower than where it was cut: there is nothing to bound.
    pub(super) fn grown(mut self, in_flight: u32) -> Option<Self> {
        self.peak = self.peak.max(in_flight);
        self.successes += 1;
        if self.successes < self.limit {
            return Some(self);
        }
        self.successes = 0;
        self.limit = self.limit.saturating_add(1);
        let spare = self.limit >= self.level && self.limit >= self.peak.saturating_mul(2);
        self.peak = in_flight;
        (!spare).then_some(self)
    }
}
