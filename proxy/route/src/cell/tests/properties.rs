//! Any sequence of what can happen to a cell.

use proptest::prelude::*;

use super::*;
use crate::Quantity;

/// Something that happens to a cell. Times are tenths of a second.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Enter {
        tokens: u64,
        lease: u64,
    },
    Commit {
        permit: usize,
        lease: u64,
    },
    Leave {
        permit: usize,
        outcome: Kind,
    },
    LeaveAgain {
        permit: usize,
        outcome: Kind,
    },
    Learn {
        permit: usize,
        requests: u64,
        tokens: u64,
        reset: u64,
        refills: bool,
    },
    Opened {
        time: u64,
    },
    /// By a clock that may be ahead.
    Halved {
        ahead: u64,
        ago: u64,
    },
    Reset,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Success,
    Failure,
    Opens(u64),
    Limited,
    Nothing,
}

/// An attempt that began and was not left with: perhaps it is lost.
#[derive(Debug)]
struct Attempt {
    permit: Permit,
    ends: u64,
}

fn tenths(number: u64) -> Duration {
    Duration::from_millis(number * 100)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::Success),
        6 => Just(Kind::Failure),
        1 => (0_u64..3000).prop_map(Kind::Opens),
        2 => Just(Kind::Limited),
        2 => Just(Kind::Nothing),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let permit = any::<prop::sample::Index>().prop_map(|index| index.index(usize::MAX));
    prop_oneof![
        6 => (0_u64..100).prop_map(Step::Wait),
        12 => (0_u64..2000, 0_u64..600).prop_map(|(tokens, lease)| Step::Enter { tokens, lease }),
        2 => (permit.clone(), 0_u64..6000)
            .prop_map(|(permit, lease)| Step::Commit { permit, lease }),
        10 => (permit.clone(), kind())
            .prop_map(|(permit, outcome)| Step::Leave { permit, outcome }),
        1 => (permit.clone(), kind())
            .prop_map(|(permit, outcome)| Step::LeaveAgain { permit, outcome }),
        1 => (permit, 0_u64..20, 0_u64..9000, 0_u64..900, any::<bool>()).prop_map(
            |(permit, requests, tokens, reset, refills)| {
                Step::Learn { permit, requests, tokens, reset, refills }
            },
        ),
        1 => (0_u64..900).prop_map(|time| Step::Opened { time }),
        1 => (0_u64..30, 0_u64..30).prop_map(|(ahead, ago)| Step::Halved { ahead, ago }),
        1 => Just(Step::Reset),
    ]
}

/// A cell, its clock, and what is known of it from outside.
struct Run {
    cell: Cell,
    began: Instant,
    age: u64,
    attempts: Vec<Attempt>,
    left: Vec<Permit>,
}

impl Run {
    fn new() -> Self {
        let began = Instant::now();
        let cell = Cell::new(began, 11);
        Self {
            cell,
            began,
            age: 100,
            attempts: Vec::new(),
            left: Vec::new(),
        }
    }

    fn now(&self) -> Instant {
        self.began + tenths(self.age)
    }

    fn outcome(&self, kind: Kind) -> Outcome {
        match kind {
            Kind::Success => Outcome::Success,
            Kind::Failure => Outcome::Failure,
            Kind::Opens(time) => Outcome::Opens {
                until: self.now() + tenths(time),
                cause: Class::Rate,
            },
            Kind::Limited => Outcome::Limited,
            Kind::Nothing => Outcome::Nothing,
        }
    }

    fn pick(&self, permit: usize) -> Option<usize> {
        (!self.attempts.is_empty()).then(|| permit % self.attempts.len())
    }

    fn take(&mut self, step: Step) {
        let now = self.now();
        match step {
            Step::Wait(time) => self.age += time,
            Step::Enter { tokens, lease } => {
                let admits = self.cell.admits(now, tokens);
                match self.cell.enter(now, tokens, tenths(lease)) {
                    Ok(permit) => {
                        assert!(!matches!(admits, Admits::No { .. }));
                        self.attempts.push(Attempt {
                            permit,
                            ends: self.age + lease,
                        });
                        if admits == Admits::Probe && lease > 0 {
                            assert!(matches!(self.cell.admits(now, 0), Admits::No { .. }));
                        }
                    }
                    Err(refused) => assert_eq!(refused, admits),
                }
            }
            Step::Commit { permit, lease } => {
                if let Some(index) = self.pick(permit) {
                    let age = self.age;
                    let attempt = &mut self.attempts[index];
                    // A slot whose lease has ended is the next one's.
                    if attempt.ends >= age {
                        attempt.ends = age + lease;
                    }
                    let permit = attempt.permit;
                    self.cell.commit(permit, tenths(lease), now);
                }
            }
            Step::Leave { permit, outcome } => {
                if let Some(index) = self.pick(permit) {
                    let attempt = self.attempts.swap_remove(index);
                    let outcome = self.outcome(outcome);
                    self.cell.leave(attempt.permit, outcome, now);
                    self.left.push(attempt.permit);
                }
            }
            Step::LeaveAgain { permit, outcome } => {
                if !self.left.is_empty() {
                    let permit = self.left[permit % self.left.len()];
                    let outcome = self.outcome(outcome);
                    assert_eq!(self.cell.leave(permit, outcome, now), None);
                }
            }
            Step::Learn {
                permit,
                requests,
                tokens,
                reset,
                refills,
            } => {
                if let Some(index) = self.pick(permit) {
                    let resets_in = Some(tenths(reset));
                    let quantity = |remaining| {
                        // it fills in 270 s at most, and owes no more than that
                        let limit = Some(remaining + remaining / 2 + 1);
                        Some(Quantity {
                            remaining,
                            limit,
                            resets_in,
                            refills,
                        })
                    };
                    let room = Room {
                        requests: quantity(requests),
                        tokens: quantity(tokens),
                        output: quantity(tokens / 2),
                    };
                    self.cell
                        .learn_room(self.attempts[index].permit, &room, now);
                }
            }
            Step::Opened { time } => {
                let until = now + tenths(time);
                let remote = Remote::Opened { until, cause: None };
                self.cell.merge(remote, now);
                let known = self.cell.open_until();
                assert!(!self.cell.merge(remote, now));
                assert_eq!(self.cell.open_until(), known);
                assert!(time == 0 || known.is_some_and(|known| known >= until));
            }
            Step::Halved { ahead, ago } => {
                let remote = Remote::Halved {
                    at: now + tenths(ahead) - tenths(ago),
                };
                self.cell.merge(remote, now);
                let known = self.cell.limit();
                assert!(!self.cell.merge(remote, now));
                assert_eq!(self.cell.limit(), known);
            }
            Step::Reset => self.cell.reset(),
        }
        self.attempts.retain(|attempt| attempt.ends >= self.age);
    }
}

proptest! {
    #[test]
    fn no_sequence_wedges_a_cell_or_leaks_a_slot(steps in prop::collection::vec(step(), 1..200)) {
        let mut run = Run::new();
        for step in steps {
            let open = run.cell.open_until();
            let resets = matches!(step, Step::Reset);
            run.take(step);
            prop_assert_eq!(run.cell.in_flight(run.now()) as usize, run.attempts.len());
            prop_assert!(run.cell.limit().is_none_or(|limit| limit >= 1));
            if let (Some(before), Some(after), false) = (open, run.cell.open_until(), resets) {
                prop_assert!(after >= before, "an open cell was opened for less");
            }
        }
        // None of those in flight ever comes back. The longest that keeps a cell open here is 300 s
        // and their jitter, the longest lease 600 s.
        run.age += 6_001;
        let now = run.now();
        prop_assert_eq!(run.cell.in_flight(now), 0);
        let refused = matches!(run.cell.admits(now, 1 << 40), Admits::No { .. });
        prop_assert!(!refused);
        let permit = run.cell.enter(now, 1, tenths(10)).expect("an attempt may be made");
        run.cell.leave(permit, Outcome::Success, now);
        prop_assert_eq!(run.cell.state(now), State::Closed);
        prop_assert_eq!(run.cell.in_flight(now), 0);
    }

    #[test]
    fn attempts_that_all_come_back_leave_nothing_in_flight(
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut run = Run::new();
        for step in steps {
            run.take(step);
        }
        let now = run.now();
        for Attempt { permit, .. } in std::mem::take(&mut run.attempts) {
            run.cell.leave(permit, Outcome::Nothing, now);
        }
        prop_assert_eq!(run.cell.in_flight(now), 0);
    }
}
