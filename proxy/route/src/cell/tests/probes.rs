//! Tests of how an open cell closes, and of what changes nothing.

use super::*;

#[test]
fn one_request_is_the_probe_and_its_success_closes_the_cell() {
    let mut bench = Bench::new();
    bench.fail(5);
    bench.wait_until_half_open();
    assert_eq!(bench.admits(), Admits::Probe);
    let probe = bench.enter();
    assert_eq!(bench.admits(), Admits::No { until: None });
    assert_eq!(
        bench.cell.enter(bench.now, 0, LEASE),
        Err(Admits::No { until: None })
    );
    assert_eq!(bench.leave(probe, Outcome::Success), Some(Change::Closed));
    assert_eq!(
        (bench.state(), bench.admits()),
        (State::Closed, Admits::Yes)
    );
    bench.fail(4);
    bench.attempt(Outcome::Success);
    bench.fail(4);
    assert_eq!(
        bench.state(),
        State::Closed,
        "what came before it opened is forgotten"
    );
}

#[test]
fn a_probe_that_proves_nothing_makes_place_for_the_next() {
    let mut bench = Bench::new();
    bench.fail(5);
    bench.wait_until_half_open();
    for _ in 0..10 {
        assert_eq!(bench.attempt(Outcome::Nothing), None);
        assert_eq!(
            (bench.state(), bench.admits()),
            (State::HalfOpen, Admits::Probe)
        );
    }
    assert!(
        bench.attempt(Outcome::Limited).is_some(),
        "a 429 without an end proves something"
    );
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn a_lost_probe_makes_place_when_its_lease_ends_and_its_late_outcome_changes_nothing() {
    let mut bench = Bench::new();
    bench.fail(5);
    bench.wait_until_half_open();
    let lost = bench.enter();
    bench.wait(LEASE);
    assert_eq!(bench.admits(), Admits::Probe);
    bench.wait(secs(1));
    let second = bench.enter();
    assert_eq!(bench.cell.in_flight(bench.now), 1);
    assert_eq!(bench.leave(lost, Outcome::Success), None);
    assert_eq!(bench.admits(), Admits::No { until: None });
    assert_eq!(bench.leave(second, Outcome::Success), Some(Change::Closed));
    assert_eq!(bench.cell.in_flight(bench.now), 0);
}

#[test]
fn what_began_before_it_opened_or_closed_changes_nothing() {
    let mut bench = Bench::new();
    let old: Vec<_> = (0..20).map(|_| bench.enter()).collect();
    bench.fail(5);
    let until = bench.cell.open_until();
    assert_eq!(bench.leave(old[0], Outcome::Success), None);
    assert_eq!(bench.leave(old[1], Outcome::Failure), None);
    assert_eq!(
        (bench.state(), bench.cell.open_until()),
        (State::Open, until)
    );
    bench.wait_until_half_open();
    bench.attempt(Outcome::Success);
    for permit in &old[2..] {
        assert_eq!(bench.leave(*permit, Outcome::Failure), None);
    }
    assert_eq!(
        (bench.state(), bench.cell.in_flight(bench.now)),
        (State::Closed, 0)
    );
}

#[test]
fn an_end_that_a_provider_gives_late_keeps_an_open_cell_open_for_longer_and_never_for_less() {
    let mut bench = Bench::new();
    let (long, short) = (bench.enter(), bench.enter());
    bench.fail(5);
    assert!(bench.leave(long, bench.opens_in(secs(40))).is_some());
    assert_eq!(bench.open_for(), secs(40));
    assert_eq!(bench.leave(short, bench.opens_in(secs(3))), None);
    assert_eq!(bench.open_for(), secs(40));
}

#[test]
fn an_operators_reset_closes_it_and_what_is_in_flight_stays_counted() {
    let mut bench = Bench::new();
    let [old, limited, last] = std::array::from_fn(|_| bench.enter());
    bench.leave(limited, Outcome::Limited);
    bench.leave(last, bench.opens_in(secs(1800)));
    bench.cell.reset();
    assert_eq!(
        (bench.state(), bench.admits()),
        (State::Closed, Admits::Yes)
    );
    assert_eq!((bench.cell.limit(), bench.cell.open_until()), (None, None));
    assert_eq!(bench.cell.in_flight(bench.now), 1);
    bench.leave(old, Outcome::Failure);
    bench.fail(4);
    assert_eq!(bench.state(), State::Closed);
    bench.fail(1);
    assert!(within_jitter(bench.open_for(), secs(1)));
}
