//! Budgets under a simulated clock.
#![expect(clippy::disallowed_methods, reason = "tests make their own instants")]

use proptest::prelude::*;

use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn drain(budget: &mut RetryBudget, now: Instant) -> u32 {
    (0..).take_while(|_| budget.withdraw(now)).count() as u32
}

#[test]
fn a_fifth_of_the_exchanges_and_three_a_second_may_be_retried() {
    let now = Instant::now();
    let mut budget = RetryBudget::new(0.2, 3.0, now);
    assert_eq!(
        drain(&mut budget, now),
        30,
        "ten seconds of the floor at once"
    );
    (0..100).for_each(|_| budget.deposit(now));
    assert_eq!(budget.balance(now), 20.0);
    assert_eq!(drain(&mut budget, now), 20);
    assert!(!budget.allows(now));
    assert_eq!(drain(&mut budget, now + secs(1)), 3);
}

#[test]
fn what_is_not_spent_within_ten_seconds_is_lost() {
    let now = Instant::now();
    let mut budget = RetryBudget::new(0.2, 0.0, now);
    (0..1000).for_each(|_| budget.deposit(now));
    assert_eq!(budget.balance(now + secs(9)), 200.0);
    assert_eq!(budget.balance(now + secs(10)), 0.0);
    let mut budget = RetryBudget::new(0.2, 3.0, now);
    assert_eq!(
        drain(&mut budget, now + secs(3600)),
        30,
        "a quiet hour is no more than that"
    );
}

#[test]
fn what_is_lost_first_is_spent_first() {
    let now = Instant::now();
    let mut budget = RetryBudget::new(1.0, 0.0, now);
    (0..5).for_each(|_| budget.deposit(now));
    (0..5).for_each(|_| budget.deposit(now + secs(9)));
    (0..5).for_each(|_| assert!(budget.withdraw(now + secs(9))));
    assert_eq!(budget.balance(now + secs(10)), 5.0);
}

#[test]
fn shares_add_up_exactly() {
    let now = Instant::now();
    let mut budget = RetryBudget::new(0.1, 0.0, now);
    (0..9).for_each(|_| budget.deposit(now));
    assert!(!budget.withdraw(now));
    budget.deposit(now);
    assert!(budget.withdraw(now));
}

#[test]
fn a_quiet_alias_has_one_retry_a_minute_of_what_may_have_been_done_and_none_when_off() {
    let mut now = Instant::now();
    let mut budget = RetryBudget::maybe_done(0.02, now);
    assert_eq!(drain(&mut budget, now), 1);
    now += secs(53);
    assert_eq!(drain(&mut budget, now), 0);
    now += secs(7);
    assert_eq!(drain(&mut budget, now), 1);
    (0..500).for_each(|_| budget.deposit(now));
    assert_eq!(drain(&mut budget, now), 10, "a fiftieth of the exchanges");

    let mut off = RetryBudget::maybe_done(0.0, now);
    (0..500).for_each(|_| off.deposit(now));
    assert_eq!(drain(&mut off, now + secs(30)), 0);
}

#[test]
fn a_share_of_the_money_that_exchanges_cost_may_be_spent_beside_them() {
    let now = Instant::now();
    let mut budget = MoneyBudget::share(0.02, now);
    assert!(!budget.withdraw(1, now));
    budget.deposit(1_000_000, now);
    assert!(!budget.withdraw(20_001, now));
    assert!(budget.withdraw(20_000, now));
    assert!(!budget.withdraw(1, now));
    budget.settle(20_000, 5_000, now);
    assert_eq!(
        budget.balance(now),
        15_000,
        "what it did not cost comes back"
    );
    assert_eq!(budget.balance(now + secs(600)), 0);
}

#[test]
fn what_cost_more_than_its_estimate_is_paid_back_first() {
    let now = Instant::now();
    let mut budget = MoneyBudget::share(0.5, now);
    budget.deposit(200, now);
    assert!(budget.withdraw(100, now));
    budget.settle(100, 150, now);
    budget.deposit(80, now);
    assert_eq!(budget.balance(now), 0, "40 of 50 are paid");
    budget.deposit(40, now);
    assert_eq!(budget.balance(now), 10);
}

#[test]
fn an_amount_per_day_is_spent_once_in_any_24_hours() {
    let mut now = Instant::now();
    let mut budget = MoneyBudget::per_day(1000);
    for _ in 0..10 {
        assert!(budget.withdraw(100, now));
        now += secs(3600);
    }
    assert!(!budget.withdraw(1, now));
    now += secs(14 * 3600 - 1);
    assert!(
        !budget.withdraw(1, now),
        "24 h after the first, but for a second"
    );
    now += secs(15 * 60 + 1);
    assert!(budget.withdraw(100, now));
    assert!(!budget.withdraw(1, now));
    budget.settle(100, 40, now);
    assert_eq!(budget.balance(now), 60);
    budget.settle(0, 1000, now);
    assert_eq!(budget.balance(now), 0);
}

/// Something at a time, in milliseconds after what was before.
#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(u64),
    Deposit(u64),
    Withdraw(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u64..4000).prop_map(Step::Wait),
        (1_u64..40).prop_map(Step::Deposit),
        (1_u64..40).prop_map(Step::Withdraw),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    #[test]
    fn no_window_has_more_retries_than_its_exchanges_and_its_time_allow(
        steps in steps(), share in 0_u64..100, per_second in 0_u64..5,
    ) {
        let began = Instant::now();
        let mut budget = RetryBudget::new(share as f64 / 100.0, per_second as f64, began);
        let (mut age, mut deposits, mut retries) = (0, Vec::new(), Vec::new());
        for step in steps {
            let now = began + Duration::from_millis(age);
            match step {
                Step::Wait(time) => age += time,
                Step::Deposit(times) => {
                    (0..times).for_each(|_| budget.deposit(now));
                    deposits.push((age, times));
                }
                Step::Withdraw(times) => {
                    let taken = (0..times).filter(|_| budget.withdraw(now)).count() as u64;
                    retries.push((age, taken));
                }
            }
        }
        for (index, (from, _)) in retries.iter().enumerate() {
            for (to, _) in &retries[index..] {
                let within = |list: &[(u64, u64)], from: u64| {
                    let inside = |(at, _): &&(u64, u64)| (from..=*to).contains(at);
                    list.iter().filter(inside).map(|(_, number)| number).sum::<u64>()
                };
                let seconds = (to - from) / 1000 + 12;
                let allowed = share * within(&deposits, from.saturating_sub(10_000))
                    + 100 * per_second * seconds;
                prop_assert!(100 * within(&retries, *from) <= allowed);
            }
        }
    }

    #[test]
    fn money_of_a_share_is_never_more_than_the_share_of_what_came_in(steps in steps()) {
        let began = Instant::now();
        let mut budget = MoneyBudget::share(0.1, began);
        let (mut age, mut deposited, mut spent) = (0, 0, 0);
        for step in steps {
            let now = began + Duration::from_millis(age * 100);
            match step {
                Step::Wait(time) => age += time,
                Step::Deposit(amount) => {
                    budget.deposit(amount * 10, now);
                    deposited += amount;
                }
                Step::Withdraw(amount) => {
                    if budget.withdraw(amount, now) {
                        spent += amount;
                    }
                }
            }
            prop_assert!(spent <= deposited);
        }
    }
}
