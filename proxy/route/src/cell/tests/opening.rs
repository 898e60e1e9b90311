//! When a cell opens, and for how long.

use super::*;

#[test]
fn a_run_of_five_failures_opens_it_and_a_success_ends_the_run() {
    let mut bench = Bench::new();
    bench.fail(4);
    bench.attempt(Outcome::Success);
    bench.fail(4);
    assert_eq!(
        (bench.state(), bench.admits()),
        (State::Closed, Admits::Yes)
    );
    let change = bench.attempt(Outcome::Failure);
    let until = bench.cell.open_until();
    assert_eq!(
        change,
        until.map(|until| Change::Opened { until, cause: None })
    );
    assert_eq!(
        (bench.state(), bench.admits()),
        (State::Open, Admits::No { until })
    );
    assert!(bench.cell.enter(bench.now, 0, LEASE).is_err());
}

#[test]
fn ten_outcomes_of_which_fewer_than_half_are_successes_open_it() {
    let mut bench = Bench::new();
    for outcome in [Outcome::Success, Outcome::Failure].repeat(50) {
        assert_eq!(bench.attempt(outcome), None, "half of them are enough");
    }
    assert!(
        bench.attempt(Outcome::Failure).is_some(),
        "50 of 101 are not"
    );

    let mut bench = Bench::new();
    for outcome in [Outcome::Failure, Outcome::Failure, Outcome::Success].repeat(3) {
        assert_eq!(bench.attempt(outcome), None, "nine outcomes are too few");
    }
    assert!(bench.attempt(Outcome::Failure).is_some());
}

#[test]
fn outcomes_of_thirty_seconds_ago_do_not_count() {
    let mut bench = Bench::new();
    for outcome in [Outcome::Failure, Outcome::Failure, Outcome::Success].repeat(3) {
        bench.attempt(outcome);
    }
    bench.wait(secs(30));
    assert_eq!(bench.attempt(Outcome::Failure), None);
    bench.wait(secs(26));
    for outcome in [
        Outcome::Success,
        Outcome::Failure,
        Outcome::Failure,
        Outcome::Failure,
    ]
    .repeat(2)
    {
        assert_eq!(bench.attempt(outcome), None);
    }
    assert!(
        bench.attempt(Outcome::Failure).is_some(),
        "with the one of 26 s ago they are ten"
    );
}

#[test]
fn failures_open_it_for_twice_as_long_each_time_and_a_minute_at_most() {
    let mut bench = Bench::new();
    bench.fail(5);
    for floor in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        assert!(
            within_jitter(bench.open_for(), secs(floor)),
            "{:?}",
            bench.open_for()
        );
        bench.wait_until_half_open();
        assert!(
            bench.attempt(Outcome::Failure).is_some(),
            "a probe that fails opens it again"
        );
    }
}

#[test]
fn an_opening_soon_after_it_closed_is_longer_and_one_after_a_minute_is_short() {
    let mut bench = Bench::new();
    for (rest, floor) in [(0, 1), (59, 2), (59, 4), (60, 1)] {
        bench.wait(secs(rest));
        bench.fail(5);
        assert!(
            within_jitter(bench.open_for(), secs(floor)),
            "{:?}",
            bench.open_for()
        );
        bench.wait_until_half_open();
        assert_eq!(bench.attempt(Outcome::Success), Some(Change::Closed));
    }
}

#[test]
fn the_end_that_a_provider_gives_is_a_floor_and_a_day_is_the_most() {
    let mut bench = Bench::new();
    let change = bench.attempt(bench.opens_in(secs(20)));
    assert!(matches!(
        change,
        Some(Change::Opened {
            cause: Some(Class::Rate),
            ..
        })
    ));
    assert_eq!(bench.cell.cause(), Some(Class::Rate));
    assert!(within_jitter(bench.open_for(), secs(20)));

    let mut bench = Bench::new();
    bench.attempt(bench.opens_in(secs(u64::from(u32::MAX))));
    assert!(bench.open_for() >= FURTHEST && bench.open_for() <= FURTHEST + LONGEST_JITTER);
}

#[test]
fn cells_of_different_seeds_end_at_different_times_and_of_one_seed_at_the_same() {
    let now = Instant::now();
    let end = |seed| {
        let mut bench = Bench {
            cell: Cell::new(now, seed),
            now,
        };
        bench.attempt(bench.opens_in(secs(30)));
        bench.open_for()
    };
    assert_eq!(end(1), end(1));
    assert!((0..100).all(|seed| within_jitter(end(seed), secs(30))));
    let early = (0..100).filter(|seed| end(*seed) < secs(32)).count();
    assert!(
        (20..70).contains(&early),
        "{early} of 100 in the first 2 of 4.5 s"
    );
}
