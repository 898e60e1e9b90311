//! Cells under a simulated clock.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "tests make their own instants"
)]

mod bound;
mod merge;
mod opening;
mod permits;
mod probes;
mod properties;
mod replies;
mod room;

use super::*;
const LEASE: Duration = Duration::from_secs(10);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cell and a clock of its own.
struct Bench {
    cell: Cell,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            cell: Cell::new(now, 7),
            now,
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn enter(&mut self) -> Permit {
        self.cell
            .enter(self.now, 0, LEASE)
            .expect("an attempt may be made")
    }

    fn leave(&mut self, permit: Permit, outcome: Outcome) -> Option<Change> {
        self.cell.leave(permit, outcome, self.now)
    }

    /// Makes one attempt.
    fn attempt(&mut self, outcome: Outcome) -> Option<Change> {
        let permit = self.enter();
        self.leave(permit, outcome)
    }

    /// Lets a reply begin, whose attempt goes on.
    fn begin(&mut self) -> Permit {
        let permit = self.enter();
        assert_eq!(self.cell.commit(permit, secs(600), self.now), None);
        permit
    }

    /// Makes one attempt whose reply ends so after its first content.
    fn reply(&mut self, outcome: Outcome) -> Option<Change> {
        let permit = self.begin();
        self.leave(permit, outcome)
    }

    fn fail(&mut self, times: usize) {
        for _ in 0..times {
            self.attempt(Outcome::Failure);
        }
    }

    fn state(&self) -> State {
        self.cell.state(self.now)
    }

    fn admits(&self) -> Admits {
        self.cell.admits(self.now, 0)
    }

    /// The time for which it is open yet.
    fn open_for(&self) -> Duration {
        self.cell.open_until().expect("an open cell") - self.now
    }

    fn wait_until_half_open(&mut self) {
        self.wait(self.open_for());
        assert_eq!(self.state(), State::HalfOpen);
    }

    fn opens_in(&self, time: Duration) -> Outcome {
        Outcome::Opens {
            until: self.now + time,
            cause: Class::Rate,
        }
    }
}

fn leave_all(bench: &mut Bench, permits: &[Permit], outcome: Outcome) {
    for permit in permits {
        bench.leave(*permit, outcome);
    }
}

fn within_jitter(time: Duration, floor: Duration) -> bool {
    time >= floor && time <= floor.mul_f64(1.15)
}
