//! Tests of merging what other replicas have learnt.

use super::*;

#[test]
fn another_replicas_opening_is_taken_over_once_and_shortens_nothing() {
    let mut bench = Bench::new();
    let old = bench.enter();
    let opened = |until| Remote::Opened {
        until,
        cause: Some(Class::Money),
    };
    let until = bench.now + secs(20);
    assert!(bench.cell.merge(opened(until), bench.now));
    assert!(!bench.cell.merge(opened(until), bench.now));
    assert!(within_jitter(bench.open_for(), secs(20)));
    assert_eq!(bench.cell.cause(), Some(Class::Money));
    let own = bench.cell.open_until();
    assert!(!bench.cell.merge(opened(until - secs(10)), bench.now));
    assert_eq!(bench.cell.open_until(), own);
    bench.leave(old, Outcome::Failure);
    assert!(bench.cell.merge(opened(until + secs(40)), bench.now));
    assert!(within_jitter(bench.open_for(), secs(60)));

    bench.wait_until_half_open();
    assert!(
        !bench.cell.merge(opened(bench.now), bench.now),
        "it has ended"
    );
    assert_eq!(bench.attempt(Outcome::Success), Some(Change::Closed));
}

#[test]
fn a_probe_under_way_when_another_replicas_opening_arrives_still_closes_the_cell() {
    let mut bench = Bench::new();
    bench.fail(5);
    bench.wait_until_half_open();
    let probe = bench.enter();
    bench.cell.merge(
        Remote::Opened {
            until: bench.now + secs(20),
            cause: None,
        },
        bench.now,
    );
    assert_eq!(bench.state(), State::Open);
    assert_eq!(bench.leave(probe, Outcome::Success), Some(Change::Closed));
}

#[test]
fn a_failed_probe_does_not_shorten_what_another_replica_has_learnt() {
    let mut bench = Bench::new();
    bench.fail(5);
    bench.wait_until_half_open();
    let probe = bench.enter();
    let until = bench.now + secs(600);
    bench
        .cell
        .merge(Remote::Opened { until, cause: None }, bench.now);
    bench.leave(probe, Outcome::Failure);
    assert!(bench.cell.open_until().is_some_and(|own| own >= until));
}

#[test]
fn another_replicas_halving_halves_once_and_not_beside_ones_own() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..16).map(|_| bench.enter()).collect();
    let first = Remote::Halved { at: bench.now };
    assert!(bench.cell.merge(first, bench.now));
    assert_eq!(bench.cell.limit(), Some(8));
    bench.wait(secs(5));
    assert!(!bench.cell.merge(first, bench.now));
    bench.leave(permits[0], Outcome::Limited);
    assert_eq!(bench.cell.limit(), Some(8), "it began before");
    let late = bench.now + Duration::from_millis(900);
    leave_all(&mut bench, &permits, Outcome::Nothing);
    bench.attempt(Outcome::Limited);
    assert_eq!(bench.cell.limit(), Some(1));
    assert!(
        !bench.cell.merge(Remote::Halved { at: late }, bench.now),
        "the same shortage"
    );
}

#[test]
fn a_halving_by_a_clock_that_is_ahead_is_taken_over_once() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..16).map(|_| bench.enter()).collect();
    let ahead = Remote::Halved {
        at: bench.now + secs(5),
    };
    assert!(bench.cell.merge(ahead, bench.now));
    assert!(!bench.cell.merge(ahead, bench.now));
    assert_eq!(bench.cell.limit(), Some(8));
    leave_all(&mut bench, &permits, Outcome::Nothing);
}

#[test]
fn a_success_of_another_replica_lets_one_request_find_out_at_once() {
    let mut bench = Bench::new();
    assert!(!bench.cell.merge(Remote::Closed, bench.now));
    bench.fail(5);
    assert_eq!(bench.state(), State::Open);
    assert!(bench.cell.merge(Remote::Closed, bench.now));
    assert!(!bench.cell.merge(Remote::Closed, bench.now));
    assert_eq!(bench.state(), State::HalfOpen);
    let probe = bench.enter();
    assert_eq!(bench.cell.admits(bench.now, 0), Admits::No { until: None });
    assert!(!bench.cell.merge(Remote::Closed, bench.now));
    assert_eq!(bench.leave(probe, Outcome::Success), Some(Change::Closed));
}
