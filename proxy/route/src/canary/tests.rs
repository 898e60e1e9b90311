//! Canaries: arms, verdicts, and simulations of thousands of them by a seeded generator.

use std::f64::consts::TAU;
use std::time::Duration;

use super::{Arm, Canary, Metric, Sample, Verdict};

/// Makes numbers that are as good as random, and the same in each run (splitmix64).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In 0..1.
    fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of mean 0 and deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }
}

/// A target as it is: rates, and medians of lognormal quantities.
#[derive(Clone, Copy)]
struct Quality {
    failures: f64,
    cut_short: f64,
    first_content: f64,
    output_tokens: f64,
    cost: f64,
}

const ORDINARY: Quality = Quality {
    failures: 0.02,
    cut_short: 0.03,
    first_content: 0.6,
    output_tokens: 300.0,
    cost: 3e6,
};

impl Quality {
    fn sample(&self, random: &mut Random) -> Sample {
        if random.uniform() < self.failures {
            return Sample {
                failed: true,
                ..Sample::default()
            };
        }
        let length = random.normal().exp();
        let first_content = self.first_content * (0.6 * random.normal()).exp();
        Sample {
            failed: false,
            first_content: Some(Duration::from_secs_f64(first_content)),
            output_tokens: Some((self.output_tokens * length) as u64 + 1),
            cost: Some((self.cost * length) as u64),
            cut_short: Some(random.uniform() < self.cut_short),
        }
    }
}

/// Runs a canary until its verdict or until each arm had so many exchanges, each of a conversation
/// of its own, and looks after each.
fn run(random: &mut Random, qualities: [&Quality; 2], exchanges: u32) -> Verdict {
    let mut canary = Canary::new(0.05);
    let mut left = [exchanges; 2];
    while left != [0, 0] && canary.verdict() == Verdict::Undecided {
        let bits = random.bits();
        let arm = if left[(bits & 1) as usize] > 0 {
            (bits & 1) as usize
        } else {
            1 - (bits & 1) as usize
        };
        left[arm] -= 1;
        let sample = qualities[arm].sample(random);
        canary.observe([Arm::Canary, Arm::Control][arm], bits, &sample);
    }
    canary.verdict()
}

/// Returns the share of so many canaries that are rolled back, and checks by which metrics.
fn rolled_back(
    runs: u32,
    qualities: [&Quality; 2],
    exchanges: u32,
    by: impl Fn(Metric) -> bool,
) -> f64 {
    let mut random = Random(u64::from(runs) + u64::from(exchanges));
    let verdicts = (0..runs).map(|_| run(&mut random, qualities, exchanges));
    let count = verdicts
        .filter(|verdict| matches!(verdict, Verdict::RolledBack(rollback) if by(rollback.metric)))
        .count();
    count as f64 / f64::from(runs)
}

fn failed() -> Sample {
    Sample {
        failed: true,
        ..Sample::default()
    }
}

#[test]
fn arms_stick_and_the_control_is_as_large_as_the_canary() {
    let canary = Canary::new(0.05);
    let mut random = Random(1);
    let mut counts = [0_i32; 3];
    for _ in 0..100_000 {
        let hash = random.bits();
        let arm = canary.arm(hash);
        assert_eq!(arm, Canary::new(0.05).arm(hash));
        counts[arm as usize] += 1;
    }
    let [canary, control, rest] = counts;
    assert!((4_800..5_200).contains(&canary), "{canary}");
    assert!((4_800..5_200).contains(&control), "{control}");
    assert!(rest > 89_000, "{rest}");
}

#[test]
fn a_share_beyond_a_half_leaves_room_for_the_control() {
    let canary = Canary::new(0.9);
    let mut random = Random(2);
    let hashes = (0..1_000).map(|_| random.bits());
    let arms = hashes.map(|hash| canary.arm(hash)).collect::<Vec<_>>();
    assert!(!arms.contains(&Arm::Rest));
    assert!(arms.iter().filter(|arm| **arm == Arm::Control).count() > 400);
    assert_eq!(Canary::new(f64::NAN).arm(0), Arm::Rest);
}

#[test]
fn nothing_is_decided_before_each_arm_has_fifty_samples() {
    let mut canary = Canary::new(0.05);
    for hash in 0..1_000 {
        canary.observe(Arm::Canary, hash, &failed());
    }
    for hash in 1_000..1_049 {
        canary.observe(Arm::Control, hash, &Sample::default());
        assert_eq!(canary.verdict(), Verdict::Undecided);
    }
    canary.observe(Arm::Control, 2_000, &Sample::default());
    let Verdict::RolledBack(rollback) = canary.verdict() else {
        panic!("a canary that fails always is kept");
    };
    assert_eq!((rollback.metric, rollback.pairs), (Metric::Failures, 50));
    assert_eq!((rollback.canary, rollback.control), (1.0, 0.0));
}

#[test]
fn a_rollback_sticks_until_it_is_resumed() {
    let mut canary = Canary::new(0.5);
    for hash in 0..100 {
        canary.observe(Arm::Canary, hash, &failed());
        canary.observe(Arm::Control, 1_000 + hash, &Sample::default());
    }
    let verdict = canary.verdict();
    assert!(matches!(verdict, Verdict::RolledBack(_)));
    for hash in 2_000..9_000 {
        canary.observe(Arm::Canary, hash, &Sample::default());
        canary.observe(Arm::Control, 10_000 + hash, &failed());
        assert_eq!(canary.arm(hash), Arm::Rest);
    }
    assert_eq!(canary.verdict(), verdict);

    canary.resume();
    assert_eq!(canary.verdict(), Verdict::Undecided);
    assert_eq!(canary.samples(), [0, 0]);
    assert!((0..9).any(|hash| canary.arm(hash) == Arm::Canary));
}

#[test]
fn numbers_carry_the_evidence_and_the_rollback_over() {
    let mut random = Random(3);
    let worse = Quality {
        failures: 0.1,
        first_content: 0.8,
        ..ORDINARY
    };
    let mut canary = Canary::new(0.05);
    loop {
        let copy = Canary::with_numbers(0.05, &canary.numbers()).map(|copy| copy.numbers());
        assert_eq!(copy, Some(canary.numbers()));
        if let Verdict::RolledBack(_) = canary.verdict() {
            break;
        }
        canary.observe(Arm::Canary, random.bits(), &worse.sample(&mut random));
        canary.observe(Arm::Control, random.bits(), &ORDINARY.sample(&mut random));
    }
    let copy = Canary::with_numbers(0.05, &canary.numbers());
    assert_eq!(copy.map(|copy| copy.verdict()), Some(canary.verdict()));
    for numbers in [&[1.0][..], &[f64::NAN; 50], &[1.0; 500]] {
        assert!(Canary::with_numbers(0.05, numbers).is_none());
    }
}

/// Three of these are 2,010 canaries; each is a test, so that they run at the same time.
fn check_false_rollbacks(failures: f64) {
    let same = Quality {
        failures,
        ..ORDINARY
    };
    let share = rolled_back(670, [&same, &same], 1_000, |_| true);
    assert!(share <= 0.05, "{share}");
}

#[test]
fn one_in_twenty_at_most_of_equal_canaries_is_rolled_back_where_failures_are_rare() {
    check_false_rollbacks(0.005);
}

#[test]
fn one_in_twenty_at_most_of_equal_canaries_is_rolled_back_at_ordinary_failures() {
    check_false_rollbacks(0.02);
}

#[test]
fn one_in_twenty_at_most_of_equal_canaries_is_rolled_back_at_many_failures() {
    check_false_rollbacks(0.1);
}

#[test]
fn canaries_that_are_slower_and_dearer_by_a_quarter_are_kept() {
    let at_the_margin = Quality {
        first_content: 1.25 * ORDINARY.first_content,
        output_tokens: 1.25 * ORDINARY.output_tokens,
        cost: 1.25 * ORDINARY.cost,
        ..ORDINARY
    };
    let share = rolled_back(300, [&at_the_margin, &ORDINARY], 500, |_| true);
    assert!(share <= 0.05, "{share}");
    let better = Quality {
        failures: 0.01,
        first_content: 0.3,
        cost: 1e6,
        ..ORDINARY
    };
    let share = rolled_back(100, [&better, &ORDINARY], 500, |metric| {
        metric != Metric::Finishes
    });
    assert_eq!(share, 0.0);
}

#[test]
fn twice_the_failures_are_found_within_five_hundred_exchanges() {
    let [many, twice] = [0.1, 0.2].map(|failures| Quality {
        failures,
        ..ORDINARY
    });
    let power = rolled_back(300, [&twice, &many], 500, |metric| {
        metric == Metric::Failures
    });
    assert!(power >= 0.9, "{power}");
}

#[test]
fn rarer_failures_take_more_exchanges() {
    let twice = Quality {
        failures: 2.0 * ORDINARY.failures,
        ..ORDINARY
    };
    let power = rolled_back(100, [&twice, &ORDINARY], 2_500, |metric| {
        metric == Metric::Failures
    });
    assert!(power >= 0.85, "{power}");
}

#[test]
fn slower_dearer_and_shorter_replies_are_found() {
    let slower = Quality {
        first_content: 1.5 * ORDINARY.first_content,
        ..ORDINARY
    };
    let power = rolled_back(100, [&slower, &ORDINARY], 700, |metric| {
        metric == Metric::FirstContent
    });
    assert!(power >= 0.9, "slower: {power}");
    let dearer = Quality {
        cost: 1.5 * ORDINARY.cost,
        ..ORDINARY
    };
    let power = rolled_back(100, [&dearer, &ORDINARY], 2_000, |metric| {
        metric == Metric::Cost
    });
    assert!(power >= 0.9, "dearer: {power}");
    let shorter = Quality {
        output_tokens: 0.25 * ORDINARY.output_tokens,
        ..ORDINARY
    };
    let power = rolled_back(100, [&shorter, &ORDINARY], 500, |metric| {
        metric == Metric::OutputTokens
    });
    assert!(power >= 0.9, "shorter: {power}");
    let cut = Quality {
        cut_short: 0.3,
        ..ORDINARY
    };
    let power = rolled_back(100, [&cut, &ORDINARY], 500, |metric| {
        metric == Metric::Finishes
    });
    assert!(power >= 0.9, "cut short: {power}");
}

#[test]
fn a_later_bad_hour_is_found_after_a_long_good_time() {
    let mut random = Random(4);
    let mut canary = Canary::new(0.05);
    let mut observe = |quality: &Quality, exchanges: u32| {
        for _ in 0..exchanges {
            canary.observe(Arm::Canary, random.bits(), &quality.sample(&mut random));
            canary.observe(Arm::Control, random.bits(), &ORDINARY.sample(&mut random));
        }
        canary.verdict()
    };
    assert_eq!(observe(&ORDINARY, 20_000), Verdict::Undecided);
    let dying = Quality {
        failures: 0.5,
        ..ORDINARY
    };
    assert!(matches!(observe(&dying, 200), Verdict::RolledBack(_)));
}

/// Conversations of 10 calls each on average, of which one in 25 fails half of its calls, and the
/// costs of which are alike: nothing that the arms are to blame for.
#[test]
fn what_conversations_have_in_common_rolls_nothing_back() {
    let mut random = Random(5);
    let mut rollbacks = 0;
    for _ in 0..100 {
        let mut canary = Canary::new(0.05);
        let mut conversations = [(0, ORDINARY); 20];
        for _ in 0..3_000 {
            let place = (random.bits() % 20) as usize;
            if random.uniform() < 0.1 || conversations[place].0 == 0 {
                let quality = Quality {
                    failures: if random.uniform() < 0.04 { 0.5 } else { 0.0 },
                    cost: ORDINARY.cost * random.normal().exp(),
                    ..ORDINARY
                };
                conversations[place] = (random.bits(), quality);
            }
            let (hash, quality) = conversations[place];
            let arm = [Arm::Canary, Arm::Control][place % 2];
            canary.observe(arm, hash, &quality.sample(&mut random));
        }
        rollbacks += u32::from(canary.verdict() != Verdict::Undecided);
    }
    assert!(rollbacks <= 5, "{rollbacks} of 100");
}

#[test]
fn an_arm_with_fewer_samples_than_the_other_is_no_evidence() {
    let mut random = Random(6);
    let mut rollbacks = 0;
    for _ in 0..100 {
        let mut canary = Canary::new(0.05);
        for _ in 0..1_000 {
            let arm = if random.uniform() < 0.3 {
                Arm::Canary
            } else {
                Arm::Control
            };
            canary.observe(arm, random.bits(), &ORDINARY.sample(&mut random));
        }
        rollbacks += u32::from(canary.verdict() != Verdict::Undecided);
    }
    assert!(rollbacks <= 5, "{rollbacks} of 100");
}
