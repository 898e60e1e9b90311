//! Slots of attempts, and what comes back late, twice or never.

use super::*;

#[test]
fn first_content_is_a_success_and_a_failure_after_it_counts_instead() {
    let mut bench = Bench::new();
    bench.fail(4);
    let [permit, others @ ..]: [_; 9] = std::array::from_fn(|_| bench.begin());
    assert_eq!(bench.cell.commit(permit, LEASE, bench.now), None);
    bench.fail(4);
    assert_eq!(
        bench.leave(permit, Outcome::Success),
        None,
        "counted at its first content"
    );
    assert!(
        bench.attempt(Outcome::Failure).is_some(),
        "it did not end the second run"
    );
    leave_all(&mut bench, &others, Outcome::Success);

    bench.wait_until_half_open();
    let probe = bench.enter();
    assert_eq!(
        bench.cell.commit(probe, secs(600), bench.now),
        Some(Change::Closed)
    );
    assert_eq!(
        bench.admits(),
        Admits::Yes,
        "while the probe's reply goes on"
    );
    bench.wait(secs(300));
    assert_eq!(bench.cell.in_flight(bench.now), 1);
    assert_eq!(bench.leave(probe, Outcome::Failure), None);
    assert_eq!(bench.cell.in_flight(bench.now), 0);
    bench.fail(3);
    assert!(
        bench.attempt(Outcome::Failure).is_some(),
        "the probe's is the first of the run"
    );
}

#[test]
fn a_permit_counts_once_however_often_it_is_left_with() {
    let mut bench = Bench::new();
    let permit = bench.enter();
    (0..10).for_each(|_| assert_eq!(bench.leave(permit, Outcome::Failure), None));
    let other = bench.enter();
    assert_eq!(bench.leave(permit, Outcome::Failure), None);
    assert_eq!(
        (bench.state(), bench.cell.in_flight(bench.now)),
        (State::Closed, 1)
    );
    bench.leave(other, Outcome::Success);
    assert_eq!(bench.cell.in_flight(bench.now), 0);
}

#[test]
fn slots_of_lost_attempts_are_used_again() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        (0..8).for_each(|_| _ = bench.enter());
        bench.wait(LEASE + secs(1));
    }
    assert!(
        bench.cell.slots.capacity() <= 16,
        "{}",
        bench.cell.slots.capacity()
    );
}

#[test]
fn memory_of_many_attempts_is_given_back() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..10_000).map(|_| bench.enter()).collect();
    leave_all(&mut bench, &permits, Outcome::Success);
    assert_eq!(bench.cell.slots.capacity(), 0);
    leave_all(&mut bench, &permits, Outcome::Failure);
    assert_eq!(
        (bench.state(), bench.cell.in_flight(bench.now)),
        (State::Closed, 0)
    );
}
