//! Levels of memory pressure, and what is shed at each. Pure.

/// Level of memory pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Level {
    /// Everything is admitted.
    Calm,
    /// New exchanges are shed.
    Shed,
    /// New connections are shed, too.
    Refuse,
}

impl Level {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Shed => "shed",
            Self::Refuse => "refuse",
        }
    }
}

/// Hysteresis: a level ends this much below the mark at which it began. Without it, every exchange
/// that ends would let one in.
const BACK: f64 = 0.05;

/// Shares of the memory limit at which levels begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    shed: f64,
    refuse: f64,
}

impl Marks {
    /// Makes marks from per cents.
    pub(super) fn new(shed: u8, refuse: u8) -> Self {
        Self {
            shed: f64::from(shed) / 100.0,
            refuse: f64::from(refuse) / 100.0,
        }
    }

    /// Returns the share below which the level does not depend on memory.
    pub(super) fn lowest(&self) -> f64 {
        self.shed - BACK
    }

    /// Returns the level that follows `now` at this `pressure`.
    pub(super) fn next(&self, now: Level, pressure: f64) -> Level {
        let mark = |level: Level, mark: f64| {
            let mark = if now >= level { mark - BACK } else { mark };
            pressure >= mark
        };
        if mark(Level::Refuse, self.refuse) {
            Level::Refuse
        } else if mark(Level::Shed, self.shed) {
            Level::Shed
        } else {
            Level::Calm
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_at_their_marks_and_end_below_them() {
        let marks = Marks::new(80, 92);
        let mut level = Level::Calm;
        let steps = [
            (0.5, Level::Calm),
            (0.79, Level::Calm),
            (0.8, Level::Shed),
            (0.76, Level::Shed),
            (0.91, Level::Shed),
            (0.93, Level::Refuse),
            (0.88, Level::Refuse),
            (0.86, Level::Shed),
            (0.74, Level::Calm),
            (0.79, Level::Calm),
            (1.2, Level::Refuse),
            (0.1, Level::Calm),
        ];
        for (pressure, expected) in steps {
            level = marks.next(level, pressure);
            assert_eq!(level, expected, "at {pressure}");
        }
    }
}
