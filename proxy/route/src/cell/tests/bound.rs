//! Tests of a 429 without an end.

use super::*;

#[test]
fn a_429_without_an_end_halves_what_may_be_in_flight_once_for_all_that_met_it() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..16).map(|_| bench.enter()).collect();
    assert_eq!(bench.cell.limit(), None);
    assert_eq!(
        bench.leave(permits[0], Outcome::Limited),
        Some(Change::Halved { at: bench.now })
    );
    assert_eq!(bench.leave(permits[1], Outcome::Limited), None);
    assert_eq!(
        (bench.cell.limit(), bench.state()),
        (Some(8), State::Closed)
    );
    assert_eq!(bench.admits(), Admits::No { until: None });
    leave_all(&mut bench, &permits[2..], Outcome::Nothing);
    let eight: Vec<_> = (0..8).map(|_| bench.enter()).collect();
    assert_eq!(bench.admits(), Admits::No { until: None });
    bench.leave(eight[0], Outcome::Limited);
    assert_eq!(bench.cell.limit(), Some(4));
}

#[test]
fn one_attempt_may_be_in_flight_whatever_was_limited() {
    let mut bench = Bench::new();
    for _ in 0..20 {
        bench.attempt(Outcome::Limited);
    }
    assert_eq!((bench.cell.limit(), bench.admits()), (Some(1), Admits::Yes));
}

#[test]
fn successes_raise_the_bound_by_one_a_round_until_it_is_twice_what_is_used() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..4).map(|_| bench.enter()).collect();
    leave_all(&mut bench, &permits, Outcome::Limited);
    let mut limits = Vec::new();
    while let Some(limit) = bench.cell.limit() {
        limits.push(limit);
        bench.attempt(Outcome::Success);
    }
    assert_eq!(
        limits,
        [2, 2, 3, 3, 3],
        "at 4 it is where it was cut, and only one is in use"
    );
}

#[test]
fn a_bound_that_is_used_stays() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..4).map(|_| bench.enter()).collect();
    leave_all(&mut bench, &permits, Outcome::Limited);
    for _ in 0..50 {
        let mut round = Vec::new();
        while let (Ok(permit), Some(_)) =
            (bench.cell.enter(bench.now, 0, LEASE), bench.cell.limit())
        {
            round.push(permit);
        }
        leave_all(&mut bench, &round, Outcome::Success);
    }
    assert!(
        bench.cell.limit().is_some_and(|limit| limit > 20),
        "{:?}",
        bench.cell.limit()
    );
}

#[test]
fn a_bound_is_forgotten_a_minute_after_the_last_429_where_nothing_is_in_flight() {
    let mut bench = Bench::new();
    bench.attempt(Outcome::Limited);
    bench.wait(secs(59));
    bench.attempt(Outcome::Nothing);
    assert_eq!(bench.cell.limit(), Some(1));
    bench.wait(secs(1));
    bench.attempt(Outcome::Nothing);
    assert_eq!(bench.cell.limit(), None);
}
