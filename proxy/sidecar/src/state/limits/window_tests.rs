//! The arithmetic against slow and obvious oracles.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use proptest::prelude::*;

use super::{super::MOST, *};

const SECOND: u64 = 1000;

fn bucket(seconds: u64) -> Meter {
    Meter::new(Window::Bucket(Duration::from_secs(seconds)), 0)
}

/// Reserves as a policy does: units are taken only where there is room.
fn ask(meter: &mut Meter, now: u64, limit: u64, amount: u64) -> Option<Part> {
    meter.roll(now, limit);
    (meter.used() + amount <= limit).then(|| meter.take(now, amount))
}

#[test]
fn a_bucket_refills_evenly_and_tells_when_there_is_room() {
    let mut meter = bucket(60);
    assert!(ask(&mut meter, 0, 600, 600).is_some());
    assert!(ask(&mut meter, 0, 600, 1).is_none());
    assert_eq!(meter.wait(0, 600, 1), Some(100));
    assert_eq!(meter.wait(0, 600, 600), Some(60 * SECOND));
    assert_eq!(meter.wait(0, 600, 601), None);
    assert!(ask(&mut meter, 99, 600, 1).is_none());
    assert!(ask(&mut meter, 100, 600, 1).is_some());
    assert_eq!(meter.reset(100, 600), 60 * SECOND);
}

#[test]
fn a_bucket_of_nothing_never_has_room_and_divides_by_nothing() {
    let mut meter = bucket(60);
    meter.roll(0, 0);
    meter.take(0, 5);
    meter.roll(1_000_000_000, 0);
    assert_eq!(meter.used(), 5);
    assert_eq!(meter.wait(0, 0, 0), None);
    assert_eq!(meter.reset(0, 0), u64::MAX);
}

#[test]
fn months_weeks_and_days_end_where_the_calendar_says() {
    let at = |window, now: u64| period(window, now).1;
    // 2024-02-28T23:30:00Z, a Wednesday in a leap year.
    let now = 1_709_163_000_000;
    assert_eq!(at(Window::Day { offset: 0 }, now), 1_709_164_800_000);
    assert_eq!(at(Window::Month { offset: 0 }, now), 1_709_251_200_000); // 2024-03-01
    assert_eq!(at(Window::Week { offset: 0 }, now), 1_709_510_400_000); // Monday 2024-03-04
    // In Berlin it is the 29th already, in São Paulo still the 28th in the evening.
    assert_eq!(
        at(Window::Day { offset: 60 }, now),
        1_709_164_800_000 + 23 * 3_600_000
    );
    assert_eq!(
        at(Window::Day { offset: -180 }, now),
        1_709_164_800_000 + 3 * 3_600_000
    );
    // Every month of 400 years begins on the day after the last one's end, and has 28 to 31 days.
    for month in 1970 * 12..2370 * 12 {
        let (first, next) = (first_day(month), first_day(month + 1));
        assert!((28..=31).contains(&(next - first)), "{month}");
        assert_eq!(
            (month_of(first), month_of(next - 1), month_of(next)),
            (month, month, month + 1)
        );
    }
    assert_eq!((first_day(1970 * 12), first_day(2000 * 12)), (0, 10_957));
}

#[test]
fn what_is_settled_after_midnight_is_charged_to_the_day_it_began_in() {
    let (day, limit) = (86_400_000, 100);
    let mut meter = Meter::new(Window::Day { offset: 0 }, day - 1);
    let began = ask(&mut meter, day - 1, limit, 40).unwrap();
    assert_eq!(meter.used(), 40);
    let other = ask(&mut meter, day + 1, limit, 10).unwrap();
    meter.settle(day + 2, &[began], 90);
    assert_eq!(
        meter.used(),
        10,
        "the new day knows nothing of the old one's exchange"
    );
    meter.settle(day + 3, &[other], 25);
    assert_eq!(meter.used(), 25);
}

#[test]
fn a_clock_that_goes_back_gives_nothing_back() {
    for window in [
        Window::Bucket(Duration::from_secs(10)),
        Window::Sliding(Duration::from_secs(10)),
        Window::Day { offset: 0 },
    ] {
        let mut meter = Meter::new(window, 500_000_000);
        assert!(ask(&mut meter, 500_000_000, 10, 10).is_some());
        assert!(ask(&mut meter, 100_000_000, 10, 1).is_none(), "{window:?}");
        assert!(ask(&mut meter, 500_000_001, 10, 10).is_none(), "{window:?}");
    }
}

/// Steps of time and the amount requested at each.
fn history() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0_u64..400, 0_u64..40), 1..200)
}

proptest! {
    #[test]
    fn no_sliding_window_ever_holds_more_than_the_limit(steps in history(), span in 1_u64..3000, limit in 1_u64..120) {
        let mut meter = Meter::new(Window::Sliding(Duration::from_millis(span)), 0);
        let (mut now, mut let_through) = (1_000_000, Vec::new());
        for (step, amount) in steps {
            now += step;
            let room: u64 = let_through.iter().filter(|(at, _)| at + span > now).map(|(_, a)| a).sum();
            if ask(&mut meter, now, limit, amount).is_some() {
                let_through.push((now, amount));
            } else {
                // Late by a twentieth of the window at the most, and by rounding to whole slices.
                let slack = span.div_ceil(SLICES) + 1;
                let generous: u64 = let_through.iter().filter(|(at, _)| at + span + slack > now).map(|(_, a)| a).sum();
                prop_assert!(generous + amount > limit, "refused {amount} at {now} with {room} used");
                if let Some(wait) = meter.wait(now, limit, amount) {
                    meter.roll(now + wait - 1, limit);
                    prop_assert!(meter.used() + amount > limit);
                    meter.roll(now + wait, limit);
                    prop_assert!(meter.used() + amount <= limit);
                    now += wait;
                }
            }
            let in_window: u64 = let_through.iter().filter(|(at, _)| at + span > now && *at <= now).map(|(_, a)| a).sum();
            prop_assert!(in_window <= limit);
        }
    }

    #[test]
    fn a_bucket_drains_exactly_however_often_it_is_looked_at(steps in history(), span in 1_u64..100_000, limit in 1_u64..MOST) {
        // One observation at the end drains in one division; observed on every step, the remainders
        // must add up to the same.
        let total: u64 = steps.iter().map(|(step, _)| step).sum();
        let (mut often, mut once) = (
            Meter::new(Window::Bucket(Duration::from_millis(span)), 0),
            Meter::new(Window::Bucket(Duration::from_millis(span)), 0),
        );
        let level = MOST - 1;
        often.take(0, level);
        once.take(0, level);
        let mut now = 0;
        for (step, _) in steps {
            now += step;
            often.roll(now, limit);
        }
        once.roll(total, limit);
        prop_assert_eq!(often.used(), once.used());
        if once.used() > 0 {
            let wait = once.reset(total, limit);
            once.roll(total + wait - 1, limit);
            prop_assert!(once.used() > 0);
            once.roll(total + wait, limit);
            prop_assert_eq!(once.used(), 0);
        }
    }

    #[test]
    fn a_bucket_never_lets_more_through_than_its_limit_and_what_came_back(steps in history(), span in 1_u64..5000, limit in 1_u64..200, truths in prop::collection::vec(0_u64..60, 200)) {
        let mut meter = Meter::new(Window::Bucket(Duration::from_millis(span)), 0);
        let (mut now, mut spent, mut open) = (0_u64, 0_u64, VecDeque::new());
        for ((step, amount), truth) in steps.into_iter().zip(truths) {
            now += step;
            if let Some(part) = ask(&mut meter, now, limit, amount) {
                open.push_back((part, truth.min(amount)));
            }
            if open.len() > 3 {
                let (part, truth) = open.pop_front().unwrap();
                meter.roll(now, limit);
                meter.settle(now, &[part], truth);
                spent += truth;
            }
            let reserved: u64 = open.iter().map(|(part, _)| part.amount).sum();
            let came_back = u128::from(now) * u128::from(limit) / u128::from(span);
            prop_assert!(u128::from(spent + reserved) <= u128::from(limit) + came_back);
        }
    }

    #[test]
    fn what_a_calendar_period_says_is_the_sum_of_what_was_settled(amounts in prop::collection::vec((0_u64..50, 0_u64..50), 1..60)) {
        let mut meter = Meter::new(Window::Month { offset: 60 }, 0);
        let parts: Vec<_> = amounts.iter().map(|(estimate, _)| meter.take(5, *estimate)).collect();
        for (part, (_, truth)) in parts.iter().zip(&amounts) {
            meter.settle(6, &[*part], *truth);
        }
        prop_assert_eq!(meter.used(), amounts.iter().map(|(_, truth)| truth).sum::<u64>());
    }
}
