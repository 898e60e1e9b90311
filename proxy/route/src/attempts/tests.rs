//! Tests of the attempts that may follow each class of failure.
#![expect(clippy::disallowed_methods, reason = "tests make their own instants")]

use proptest::prelude::*;

use super::*;
use crate::Outcome;

const LIMITS: TrailLimits = TrailLimits {
    attempts: 3,
    wait: Duration::from_secs(5),
    maybe_done: true,
    content_filter: false,
};
const ELSEWHERE: fn(Scope) -> Next = |outside| Next::Other { outside };

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One exchange, 60 s before its deadline, with budgets of an alias that has just begun.
struct Bench {
    trail: Trail,
    at: Circumstances,
    retries: RetryBudget,
    maybe_done: RetryBudget,
}

impl Bench {
    fn new() -> Self {
        Self::with(LIMITS)
    }

    fn with(limits: TrailLimits) -> Self {
        let now = Instant::now();
        let at = Circumstances {
            now,
            took: Duration::from_millis(20),
            other_targets: true,
            other_keys: true,
            other_accounts: true,
            larger_window: true,
            cache_is_warm: false,
            random: 0.5,
        };
        Self {
            trail: Trail::new(limits, now + secs(60)),
            at,
            retries: RetryBudget::new(0.2, 3.0, now),
            maybe_done: RetryBudget::maybe_done(0.02, now),
        }
    }

    /// An exchange that has one target with one key.
    fn alone() -> Self {
        let mut bench = Self::new();
        bench.at.other_targets = false;
        bench.at.other_keys = false;
        bench.at.other_accounts = false;
        bench.at.larger_window = false;
        bench
    }

    fn after(&mut self, failure: Failure) -> Next {
        let (retries, maybe_done) = (&mut self.retries, &mut self.maybe_done);
        self.trail.after(
            &failure,
            &self.at,
            &mut Budgets {
                retries,
                maybe_done,
            },
        )
    }

    fn after_class(&mut self, class: Class) -> Next {
        self.after(Failure::of(class))
    }
}

fn ending(class: Class, retry_after: Duration) -> Failure {
    Failure {
        retry_after: Some(retry_after),
        ..Failure::of(class)
    }
}

fn fault(fault: RequestFault) -> Failure {
    Failure {
        fault: Some(fault),
        ..Failure::of(Class::Request)
    }
}

fn same(millis: u64) -> Next {
    Next::Same {
        after: Duration::from_millis(millis),
    }
}

#[test]
fn a_refused_request_is_sent_to_the_same_target_once_and_then_to_another() {
    let mut bench = Bench::new();
    assert_eq!(bench.after_class(Class::Refused), same(0));
    assert_eq!(bench.after_class(Class::Refused), ELSEWHERE(Scope::Target));
    let mut bench = Bench::alone();
    assert_eq!(bench.after_class(Class::Refused), same(125));
    assert_eq!(bench.after_class(Class::Refused), Next::Stop);
}

#[test]
fn a_black_hole_is_not_tried_twice_where_there_are_others() {
    let mut bench = Bench::new();
    bench.at.took = secs(10);
    assert_eq!(bench.after_class(Class::Refused), ELSEWHERE(Scope::Target));
}

#[test]
fn a_rate_limit_with_a_cold_cache_is_followed_by_another_key_or_target_at_once() {
    let mut bench = Bench::new();
    bench.at.other_targets = false;
    assert_eq!(
        bench.after(ending(Class::Rate, secs(1))),
        ELSEWHERE(Scope::KeyModel)
    );
    bench.at.other_targets = true;
    bench.at.other_keys = false;
    assert_eq!(bench.after_class(Class::Rate), ELSEWHERE(Scope::KeyModel));
}

#[test]
fn a_rate_limit_with_a_warm_cache_is_waited_for_once_and_then_left() {
    let mut bench = Bench::new();
    bench.at.cache_is_warm = true;
    assert_eq!(bench.after(ending(Class::Rate, secs(2))), same(2100));
    assert_eq!(
        bench.after(ending(Class::Rate, secs(2))),
        ELSEWHERE(Scope::KeyModel)
    );
    let mut bench = Bench::new();
    bench.at.cache_is_warm = true;
    assert_eq!(
        bench.after_class(Class::Rate),
        ELSEWHERE(Scope::KeyModel),
        "for how long?"
    );
    let mut bench = Bench::new();
    bench.at.cache_is_warm = true;
    assert_eq!(
        bench.after(ending(Class::Rate, secs(6))),
        ELSEWHERE(Scope::KeyModel)
    );
    let mut bench = Bench::new();
    bench.at.cache_is_warm = true;
    bench.at.now += secs(58);
    assert_eq!(
        bench.after(ending(Class::Rate, secs(3))),
        ELSEWHERE(Scope::KeyModel)
    );
}

#[test]
fn a_rate_limit_is_waited_for_where_nobody_else_can_and_it_ends_soon() {
    let mut bench = Bench::alone();
    assert_eq!(bench.after(ending(Class::Rate, secs(2))), same(2100));
    assert_eq!(
        bench.after_class(Class::Rate),
        same(250),
        "with backoff where no end is given"
    );
    assert_eq!(
        Bench::alone().after(ending(Class::Rate, secs(5))),
        same(5250)
    );
    assert_eq!(
        Bench::alone().after(ending(Class::Rate, secs(6))),
        Next::Stop
    );
    let mut late = Bench::alone();
    late.at.now += secs(57);
    assert_eq!(
        late.after(ending(Class::Rate, secs(4))),
        Next::Stop,
        "beyond the deadline"
    );
}

#[test]
fn a_rate_limit_of_a_whole_account_is_followed_by_another_account_alone() {
    let mut bench = Bench::new();
    let failure = Failure {
        scope: Scope::Account,
        ..ending(Class::Rate, secs(9))
    };
    assert_eq!(bench.after(failure), ELSEWHERE(Scope::Account));
    bench.at.other_accounts = false;
    assert_eq!(bench.after(failure), Next::Stop);
}

#[test]
fn an_overload_is_followed_by_another_target_or_by_the_same_after_a_pause() {
    assert_eq!(
        Bench::new().after_class(Class::Overload),
        ELSEWHERE(Scope::Target)
    );
    let mut bench = Bench::alone();
    assert_eq!(bench.after_class(Class::Overload), same(125));
    assert_eq!(bench.after_class(Class::Overload), same(250));
    assert_eq!(
        bench.after_class(Class::Overload),
        Next::Stop,
        "three attempts"
    );
    assert_eq!(
        Bench::alone().after(ending(Class::Overload, secs(3))),
        same(3150)
    );
    assert_eq!(
        Bench::alone().after(ending(Class::Overload, secs(30))),
        Next::Stop
    );
}

#[test]
fn no_money_is_followed_by_another_account_alone() {
    let mut bench = Bench::new();
    assert_eq!(bench.after_class(Class::Money), ELSEWHERE(Scope::Account));
    bench.at.other_accounts = false;
    assert_eq!(bench.after_class(Class::Money), Next::Stop);
}

#[test]
fn a_key_that_is_refused_is_followed_by_another_key_alone() {
    let mut bench = Bench::new();
    assert_eq!(bench.after_class(Class::Key), ELSEWHERE(Scope::Key));
    bench.at.other_keys = false;
    assert_eq!(bench.after_class(Class::Key), Next::Stop);
}

#[test]
fn credentials_that_can_not_be_had_are_followed_by_another_target_alone() {
    let mut bench = Bench::new();
    let next = bench.after_class(Class::Credentials);
    assert_eq!(next, ELSEWHERE(Scope::Target));
    assert_eq!(Bench::alone().after_class(Class::Credentials), Next::Stop);
}

#[test]
fn what_may_have_been_done_is_tried_once_more_from_a_budget_of_its_own() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.after_class(Class::MaybeDone),
        ELSEWHERE(Scope::Target)
    );
    assert_eq!(
        bench.after_class(Class::MaybeDone),
        Next::Stop,
        "once per exchange"
    );
    bench.trail = Trail::new(LIMITS, bench.at.now + secs(60));
    assert_eq!(
        bench.after_class(Class::MaybeDone),
        Next::Stop,
        "its budget is spent"
    );
    assert_eq!(bench.after_class(Class::Overload), ELSEWHERE(Scope::Target));

    assert_eq!(Bench::alone().after_class(Class::MaybeDone), same(125));
    let mut off = Bench::with(TrailLimits {
        maybe_done: false,
        ..LIMITS
    });
    assert_eq!(off.after_class(Class::MaybeDone), Next::Stop);
}

#[test]
fn a_spent_budget_of_retries_leaves_that_of_what_may_have_been_done_alone() {
    let mut bench = Bench::new();
    while bench.retries.withdraw(bench.at.now) {}
    assert_eq!(bench.after_class(Class::MaybeDone), Next::Stop);
    assert!(bench.maybe_done.allows(bench.at.now));
}

#[test]
fn a_request_at_fault_is_followed_only_by_what_cures_it() {
    for (kind, next) in [
        (RequestFault::ContextLength, Next::LargerWindow),
        (RequestFault::ForeignSignature, Next::Stripped),
        (RequestFault::ContentFilter, Next::Stop),
        (RequestFault::Model, Next::Stop),
        (RequestFault::Other, Next::Stop),
    ] {
        assert_eq!(Bench::new().after(fault(kind)), next, "{kind:?}");
    }
    let mut bench = Bench::new();
    bench.after(fault(RequestFault::ForeignSignature));
    assert_eq!(
        bench.after(fault(RequestFault::ForeignSignature)),
        Next::Stop,
        "once"
    );
    assert_eq!(
        Bench::alone().after(fault(RequestFault::ContextLength)),
        Next::Stop
    );
    let mut allowed = Bench::with(TrailLimits {
        content_filter: true,
        ..LIMITS
    });
    assert_eq!(
        allowed.after(fault(RequestFault::ContentFilter)),
        ELSEWHERE(Scope::Target)
    );
}

#[test]
fn nothing_follows_a_caller_who_left_or_a_fault_of_our_own() {
    for class in [Class::Caller, Class::Own] {
        assert_eq!(Bench::new().after_class(class), Next::Stop);
    }
}

#[test]
fn nothing_follows_at_the_deadline_or_from_a_spent_budget_or_after_the_last_attempt() {
    let mut late = Bench::new();
    late.at.now += secs(60);
    assert_eq!(late.after_class(Class::Overload), Next::Stop);

    let mut spent = Bench::new();
    while spent.retries.withdraw(spent.at.now) {}
    assert_eq!(spent.after_class(Class::Overload), Next::Stop);
    assert_eq!(spent.trail.attempts(), 1);

    let mut bench = Bench::with(TrailLimits {
        attempts: 1,
        ..LIMITS
    });
    assert!(bench.trail.is_last());
    let before = bench.retries.balance(bench.at.now);
    assert_eq!(bench.after_class(Class::Overload), Next::Stop);
    assert_eq!(
        bench.retries.balance(bench.at.now),
        before,
        "what does not follow costs nothing"
    );
}

#[test]
fn a_request_that_nobody_took_goes_to_the_next_target_without_the_budget() {
    let mut spent = Bench::new();
    while spent.retries.withdraw(spent.at.now) {}
    assert_eq!(spent.after_class(Class::Refused), ELSEWHERE(Scope::Target));
    assert_eq!(spent.after_class(Class::Refused), ELSEWHERE(Scope::Target));
    assert!(spent.trail.is_last());
    assert_eq!(spent.after_class(Class::Refused), Next::Stop);

    let mut alone = Bench::alone();
    while alone.retries.withdraw(alone.at.now) {}
    assert_eq!(alone.after_class(Class::Refused), Next::Stop);

    let mut late = Bench::new();
    late.at.now += secs(60);
    assert_eq!(late.after_class(Class::Refused), Next::Stop);
}

#[test]
fn a_policys_own_targets_are_tried_within_the_same_budgets() {
    let mut bench = Bench::new();
    let mut try_now = |class| {
        let (retries, maybe_done) = (&mut bench.retries, &mut bench.maybe_done);
        let mut budgets = Budgets {
            retries,
            maybe_done,
        };
        bench
            .trail
            .try_now(&Failure::of(class), bench.at.now, &mut budgets)
    };
    assert!(!try_now(Class::Caller));
    assert!(try_now(Class::MaybeDone));
    assert!(!try_now(Class::MaybeDone));
    assert!(try_now(Class::Request));
    assert!(try_now(Class::Overload), "one more than three attempts");
    assert!((0..100).any(|_| !try_now(Class::Overload)), "the budget");
}

#[test]
fn a_failure_says_something_of_its_own_scope_and_nothing_of_the_others() {
    let now = Instant::now();
    let opens = |class, seconds| Outcome::Opens {
        until: now + secs(seconds),
        cause: class,
    };
    let half_an_hour = 30 * 60;
    for (failure, outcome) in [
        (Failure::of(Class::Refused), Outcome::Failure),
        (Failure::of(Class::Rate), Outcome::Limited),
        (ending(Class::Rate, Duration::ZERO), Outcome::Limited),
        (ending(Class::Rate, secs(7)), opens(Class::Rate, 7)),
        (Failure::of(Class::Overload), Outcome::Failure),
        (ending(Class::Overload, secs(7)), opens(Class::Overload, 7)),
        (Failure::of(Class::Money), opens(Class::Money, half_an_hour)),
        (ending(Class::Money, secs(7)), opens(Class::Money, 7)),
        (Failure::of(Class::Key), opens(Class::Key, half_an_hour)),
        (Failure::of(Class::Credentials), Outcome::Nothing),
        (Failure::of(Class::MaybeDone), Outcome::Failure),
        (ending(Class::MaybeDone, secs(7)), Outcome::Failure),
        (Failure::of(Class::Request), Outcome::Nothing),
        (Failure::of(Class::Caller), Outcome::Nothing),
        (Failure::of(Class::Own), Outcome::Nothing),
    ] {
        for scope in [
            Scope::Nothing,
            Scope::Target,
            Scope::KeyModel,
            Scope::Key,
            Scope::Account,
        ] {
            let expected = if scope == failure.scope {
                outcome
            } else {
                Outcome::Nothing
            };
            assert_eq!(
                failure.outcome_in(scope, now),
                expected,
                "{failure:?} in {scope:?}"
            );
        }
    }
}

fn failure() -> impl Strategy<Value = Failure> {
    let class = prop::sample::select(Class::ALL.to_vec());
    let fault = prop::sample::select(vec![
        RequestFault::ContextLength,
        RequestFault::ForeignSignature,
        RequestFault::ContentFilter,
        RequestFault::Other,
    ]);
    let retry_after = prop::option::of((0_u64..20_000).prop_map(Duration::from_millis));
    (class, fault, retry_after).prop_map(|(class, fault, retry_after)| Failure {
        fault: (class == Class::Request).then_some(fault),
        retry_after,
        ..Failure::of(class)
    })
}

proptest! {
    #[test]
    fn a_trail_ends_within_its_attempts_and_its_deadline(
        failures in prop::collection::vec((failure(), any::<[bool; 5]>(), 0_u64..5000), 1..30),
        attempts in 1_u8..=10,
        deadline in 1_u64..30,
        maybe_done in any::<bool>(),
        random in 0.0..1.0,
    ) {
        let limits = TrailLimits { attempts, maybe_done, content_filter: true, ..LIMITS };
        let mut bench = Bench::with(limits);
        bench.at.random = random;
        let deadline = bench.at.now + secs(deadline);
        bench.trail = Trail::new(limits, deadline);
        let (mut made, mut after_maybe_done) = (1, 0);
        for (failure, [targets, keys, accounts, larger, warm], took) in failures {
            bench.at.now += Duration::from_millis(took);
            bench.at.took = Duration::from_millis(took);
            bench.at.other_targets = targets;
            bench.at.other_keys = keys;
            bench.at.other_accounts = accounts;
            bench.at.larger_window = larger;
            bench.at.cache_is_warm = warm;
            match bench.after(failure) {
                Next::Stop => break,
                Next::Same { after } => {
                    if let (Some(end), false) = (failure.retry_after, failure.class == Class::Refused) {
                        prop_assert!(after >= end, "the end that is given is a floor");
                    }
                    bench.at.now += after;
                }
                Next::Other { outside } => prop_assert_eq!(true, match outside {
                    Scope::Target => targets,
                    Scope::KeyModel => targets || keys,
                    Scope::Key => keys,
                    Scope::Account => accounts,
                    Scope::Nothing => false,
                }),
                Next::LargerWindow => prop_assert!(larger),
                Next::Stripped => {}
            }
            made += 1;
            after_maybe_done += u8::from(failure.class == Class::MaybeDone);
            prop_assert!(bench.at.now < deadline);
            prop_assert_eq!(bench.trail.attempts(), made);
        }
        prop_assert!(made <= attempts);
        prop_assert!(after_maybe_done <= u8::from(maybe_done));
    }

    #[test]
    fn many_exchanges_that_all_fail_are_retried_no_more_than_the_budget_lets(
        gaps in prop::collection::vec(0_u64..200, 100..400),
    ) {
        let mut bench = Bench::new();
        let began = bench.at.now;
        let mut followed = 0;
        let exchanges = gaps.len() as f64;
        for gap in gaps {
            bench.at.now += Duration::from_millis(gap);
            bench.retries.deposit(bench.at.now);
            bench.trail = Trail::new(LIMITS, bench.at.now + secs(60));
            while bench.after_class(Class::Overload) != Next::Stop {
                followed += 1;
            }
        }
        let seconds = (bench.at.now - began).as_secs_f64();
        prop_assert!(f64::from(followed) <= 0.2 * exchanges + 3.0 * (seconds + 11.0));
    }
}
