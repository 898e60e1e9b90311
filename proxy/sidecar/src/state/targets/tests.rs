//! Places and passes: what an attempt enters, and what it leaves behind.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use route::{Admits, Class, Failure, Quantity, Room, State};

use super::*;

const LEASE: Duration = Duration::from_secs(60);

/// A target with these keys, each with the account of its name.
fn place(targets: &Targets, name: &str, keys: &[&str]) -> Place {
    let key = |key: &&str| targets.key("u", Some(key), key, Some(name));
    Place {
        target: targets.target(name),
        keys: keys.iter().map(key).collect(),
    }
}

fn enter(place: &Place, key: usize) -> Result<Pass, Admits> {
    Pass::enter(place, &place.keys[key], 10, LEASE, now())
}

/// So many tokens, for five seconds.
fn room(remaining: u64) -> Room {
    Room {
        tokens: Some(Quantity {
            remaining,
            resets_in: Some(Duration::from_secs(5)),
            limit: None,
            refills: false,
        }),
        ..Room::default()
    }
}

fn failure(class: Class, seconds: u64) -> Failure {
    Failure {
        retry_after: Some(Duration::from_secs(seconds)).filter(|end| !end.is_zero()),
        ..Failure::of(class)
    }
}

/// All breakers that a pass enters there.
fn in_flight(place: &Place) -> Vec<u32> {
    let keys = place.keys.iter().flat_map(KeyPlace::breakers);
    let all = [place.target.breaker()].into_iter().chain(keys);
    all.map(|breaker| breaker.read(|cell| cell.in_flight(now())))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_dropped_gives_everything_back_and_shows_nothing() {
    let place = place(&Targets::default(), "u/m", &["k"]);
    let pass = enter(&place, 0).unwrap();
    assert_eq!(in_flight(&place), [1, 1, 1, 1]);
    assert_eq!(place.target.in_flight(), 1);
    drop(pass);
    assert_eq!(in_flight(&place), [0, 0, 0, 0]);
    assert_eq!(place.target.in_flight(), 0);
    assert_eq!(place.state(now()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_refused_half_way_gives_back_what_it_had_entered() {
    let targets = Targets::default();
    let place = place(&targets, "u/m", &["k"]);
    enter(&place, 0)
        .unwrap()
        .fail(&failure(Class::Money, 30), None, now());
    for _ in 0..3 {
        assert!(matches!(
            enter(&place, 0),
            Err(Admits::No { until: Some(_) })
        ));
    }
    assert_eq!(in_flight(&place), [0, 0, 0, 0]);
    assert_eq!(place.target.in_flight(), 0);
    assert_eq!(place.target.breaker().state(now()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_the_account_refuses_has_taken_no_room() {
    let place = place(&Targets::default(), "u/m", &["k"]);
    let pass = enter(&place, 0).unwrap();
    pass.learn_room(&room(50), now());
    pass.fail(&failure(Class::Money, 30), None, now());
    for _ in 0..3 {
        assert!(enter(&place, 0).is_err());
    }
    assert_eq!(place.room(now()).1, Some(50));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_refused_half_way_is_free_for_the_next() {
    let place = place(&Targets::default(), "u/m", &["k", "l"]);
    enter(&place, 0)
        .unwrap()
        .fail(&failure(Class::Key, 600), None, now());
    enter(&place, 1)
        .unwrap()
        .fail(&failure(Class::Overload, 2), None, now());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(place.target.breaker().state(now()), State::HalfOpen);
    assert!(enter(&place, 0).is_err());
    let mut probe = enter(&place, 1).unwrap();
    assert!(enter(&place, 1).is_err(), "one at a time");
    probe.commit(Duration::from_secs(1), now());
    drop(probe);
    assert_eq!(place.state(now()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_failure_cools_the_part_that_it_is_of_and_no_other() {
    for (class, cools) in [
        (Class::Overload, [true, false, false, false]),
        (Class::Key, [false, true, false, false]),
        (Class::Money, [false, false, true, false]),
        (Class::Rate, [false, false, false, true]),
        (Class::Request, [false; 4]),
        (Class::Caller, [false; 4]),
    ] {
        let place = place(&Targets::default(), "u/m", &["k"]);
        enter(&place, 0)
            .unwrap()
            .fail(&failure(class, 30), None, now());
        let breakers = [place.target.breaker()]
            .into_iter()
            .chain(place.keys[0].breakers());
        let open: Vec<_> = breakers
            .map(|breaker| breaker.state(now()) == State::Open)
            .collect();
        assert_eq!(open, cools, "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_admits_what_its_best_key_admits() {
    let place = place(&Targets::default(), "u/m", &["k", "l"]);
    enter(&place, 0)
        .unwrap()
        .fail(&failure(Class::Rate, 30), None, now());
    assert_eq!(place.admits(now(), 10), Admits::Yes);
    enter(&place, 1)
        .unwrap()
        .fail(&failure(Class::Rate, 10), None, now());
    let Admits::No { until: Some(until) } = place.admits(now(), 10) else {
        panic!("both are limited");
    };
    let left = until - now();
    assert!(
        (10..12).contains(&left.as_secs()),
        "the sooner end: {left:?}"
    );
    // What is limited does not fail.
    assert_eq!(place.state_beside_limits(now()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_success_counts_once_and_a_reply_that_fails_later_as_a_failure() {
    let place = place(&Targets::default(), "u/m", &["k"]);
    for _ in 0..5 {
        let mut pass = enter(&place, 0).unwrap();
        pass.commit(Duration::from_secs(1), now());
        assert_eq!(place.target.in_flight(), 1, "its reply goes on");
        pass.fail(&failure(Class::MaybeDone, 0), None, now());
        assert_eq!(in_flight(&place), [0, 0, 0, 0]);
    }
    let figures = place.target.figures();
    assert_eq!((figures.attempts, figures.failures), (5, 5));
    assert_eq!(place.target.breaker().state(now()), State::Open);
    for breaker in place.keys[0].breakers() {
        assert_eq!(breaker.state(now()), State::Closed, "they work");
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_callers_leave_after_first_content_are_successes() {
    let place = place(&Targets::default(), "u/m", &["k"]);
    for fails in [false, true].repeat(20) {
        let mut pass = enter(&place, 0).unwrap();
        pass.commit(Duration::from_secs(1), now());
        if fails {
            pass.fail(&failure(Class::MaybeDone, 0), None, now());
        }
    }
    assert_eq!(place.state(now()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_lost_pass_comes_back_with_its_lease() {
    let place = place(&Targets::default(), "u/m", &["k"]);
    std::mem::forget(enter(&place, 0).unwrap());
    assert_eq!(in_flight(&place)[0], 1);
    tokio::time::sleep(LEASE + Duration::from_secs(1)).await;
    assert_eq!(in_flight(&place), [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn room_is_the_keys_with_the_model_and_ends_with_its_reset() {
    let place = place(&Targets::default(), "u/m", &["k"]);
    let pass = enter(&place, 0).unwrap();
    pass.learn_room(&room(50), now());
    drop(pass);
    assert_eq!(place.room(now()).1, Some(50));
    assert_eq!(place.admits(now(), 50), Admits::Yes);
    assert!(matches!(
        place.admits(now(), 51),
        Admits::No { until: Some(_) }
    ));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(place.admits(now(), 51), Admits::Yes);
}

#[tokio::test(start_paused = true)]
async fn the_registry_knows_what_somebody_refers_to() {
    let targets = Targets::default();
    let kept = targets.target("u/kept");
    let _ = targets.target("u/left");
    targets.forget_unused();
    targets.forget_unused();
    assert!(Arc::ptr_eq(&kept, &targets.target("u/kept")));
    assert!(targets.find_breaker("target:u/kept").is_some());
    assert!(targets.find_breaker("target:u/left").is_none());
}

/// An alias of one target, with a canary and a shadow.
fn terms() -> crate::config::Alias {
    let target = |model: &str| crate::config::Target {
        upstream: "u".into(),
        model: model.into(),
    };
    crate::config::Alias {
        canary: Some(crate::config::Canary {
            target: target("new"),
            share: 0.5,
            conditions: Vec::new(),
        }),
        shadow: Some(crate::config::Shadow {
            target: target("copied"),
            share: 1.0,
            usd_per_day: 1.0,
            conditions: Vec::new(),
        }),
        ..crate::config::Alias::of(Vec::new())
    }
}

/// The dollars' billionths that copies may still cost today.
fn left(state: &AliasState) -> u64 {
    state.shadows.as_ref().unwrap().lock().left(0)
}

#[tokio::test(start_paused = true)]
async fn terms_that_stay_keep_what_was_learnt_and_spent_under_them() {
    let targets = Targets::default();
    let terms = terms();
    let first = targets.alias("kept", &terms);
    let sample = route::canary::Sample {
        failed: false,
        cut_short: None,
        first_content: None,
        output_tokens: None,
        cost: None,
    };
    let hash = 1;
    first.observe_canary(route::Arm::Canary, hash, &sample);
    while first.with_budgets(|budgets| budgets.retries.withdraw(now())) {}
    let mut other = terms.clone();
    other.attempts += 1;
    let second = targets.alias("kept", &other);
    assert!(!Arc::ptr_eq(&first, &second));
    let samples = second.canary.as_ref().unwrap().lock().samples();
    assert_eq!(samples, [1, 0]);
    assert!(!second.with_budgets(|budgets| budgets.retries.allows(now())));
    // An exchange of before is still in flight.
    let money = Some(400_000_000);
    let copy = first
        .shadows
        .as_ref()
        .unwrap()
        .lock()
        .begin_chosen(money, false, 0);
    assert!(copy.is_ok());
    assert_eq!(left(&second), 600_000_000);
    first.roll_back_canary("a test");
    assert!(second.canary_rolled_back());
    other.attempts += 1;
    assert!(targets.alias("kept", &other).canary_rolled_back());
    // What changes itself is begun anew.
    other.canary.as_mut().unwrap().share = 0.25;
    other.shadow.as_mut().unwrap().usd_per_day = 2.0;
    other.retry.per_second += 1.0;
    let third = targets.alias("kept", &other);
    assert!(!third.canary_rolled_back());
    assert_eq!(third.canary.as_ref().unwrap().lock().samples(), [0, 0]);
    assert_eq!(left(&third), 2_000_000_000);
    assert!(third.with_budgets(|budgets| budgets.retries.allows(now())));
}
