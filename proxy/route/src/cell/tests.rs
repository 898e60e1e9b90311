use super::*;

const LEASE: Duration = Duration::from_secs(10);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cell and a clock of its own.
struct Bench {
    cell: Cell,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            cell: Cell::new(now, 7),
            now,
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn enter(&mut self) -> Permit {
        self.cell
            .enter(self.now, 0, LEASE)
            .expect("an attempt may be made")
    }

    fn leave(&mut self, permit: Permit, outcome: Outcome) -> Option<Change> {
        self.cell.leave(permit, outcome, self.now)
    }

    /// Makes one attempt.
    fn attempt(&mut self, outcome: Outcome) -> Option<Change> {
        let permit = self.enter();
        self.leave(permit, outcome)
    }

    fn fail(&mut self, times: usize) {
        for _ in 0..times {
            self.attempt(Outcome::Failure);
        }
    }

    fn state(&self) -> State {
        self.cell.state(self.now)
    }

    fn admits(&self) -> Admits {
        self.cell.admits(self.now, 0)
    }

    /// The time for which it is open yet.
    fn open_for(&self) -> Duration {
        self.cell.open_until().expect("an open cell") - self.now
    }

    fn wait_until_half_open(&mut self) {
        self.wait(self.open_for());
        assert_eq!(self.state(), State::HalfOpen);
    }

    fn opens_in(&self, time: Duration) -> Outcome {
        Outcome::Opens {
            until: self.now + time,
            cause: Class::Rate,
        }
    }
}

fn leave_all(bench: &mut Bench, permits: &[Permit], outcome: Outcome) {
    for permit in permits {
        bench.leave(*permit, outcome);
    }
}

fn within_jitter(time: Duration, floor: Duration) -> bool {
    time >= floor && time <= floor.mul_f64(1.15)
}

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
    assert_eq!(
        bench.attempt(Outcome::Failure).is_some(),
        true,
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

fn room(requests: Option<(u64, u64)>, tokens: Option<(u64, u64)>) -> Room {
    let quantity = |(remaining, seconds)| crate::Quantity {
        remaining,
        limit: None,
        resets_in: Some(secs(seconds)),
    };
    Room {
        requests: requests.map(quantity),
        tokens: tokens.map(quantity),
    }
}

#[test]
fn a_call_for_which_a_providers_limit_has_no_room_waits_for_its_reset() {
    let mut bench = Bench::new();
    let permit = bench.enter();
    bench
        .cell
        .learn_room(permit, &room(Some((2, 5)), Some((1000, 30))), bench.now);
    bench.leave(permit, Outcome::Success);
    let (requests, tokens) = (bench.now + secs(5), bench.now + secs(30));
    assert_eq!(bench.cell.admits(bench.now, 1000), Admits::Yes);
    assert_eq!(
        bench.cell.admits(bench.now, 1001),
        Admits::No {
            until: Some(tokens)
        }
    );
    let first = bench.cell.enter(bench.now, 600, LEASE);
    assert_eq!(bench.cell.room(bench.now), (Some(1), Some(400)));
    assert_eq!(
        bench.cell.admits(bench.now, 401),
        Admits::No {
            until: Some(tokens)
        }
    );
    let second = bench.cell.enter(bench.now, 400, LEASE);
    assert_eq!(
        bench.cell.admits(bench.now, 0),
        Admits::No {
            until: Some(requests)
        }
    );
    assert_eq!(
        bench.cell.admits(bench.now, 1),
        Admits::No {
            until: Some(tokens)
        }
    );
    for permit in [first, second] {
        bench.leave(permit.expect("room"), Outcome::Success);
    }
    assert_eq!(
        bench.cell.admits(bench.now, 0),
        Admits::No {
            until: Some(requests)
        }
    );
    bench.wait(secs(5));
    assert_eq!(bench.cell.admits(bench.now, 0), Admits::Yes);
    bench.wait(secs(25));
    assert_eq!(
        bench.cell.admits(bench.now, 1_000_000),
        Admits::Yes,
        "as far as is known"
    );
    assert_eq!(bench.cell.room(bench.now), (None, None));
}

#[test]
fn attempts_in_flight_without_an_answer_are_subtracted_from_the_room() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..4)
        .map(|_| bench.cell.enter(bench.now, 100, LEASE).expect("room"))
        .collect();
    bench.cell.learn_room(
        permits[0],
        &room(Some((10, 60)), Some((1000, 60))),
        bench.now,
    );
    assert_eq!(
        bench.cell.room(bench.now),
        (Some(7), Some(700)),
        "three are unanswered"
    );
    bench.cell.commit(permits[1], LEASE, bench.now);
    bench.leave(permits[2], Outcome::Failure);
    bench.cell.learn_room(
        permits[0],
        &room(Some((10, 60)), Some((1000, 60))),
        bench.now,
    );
    assert_eq!(bench.cell.room(bench.now), (Some(9), Some(900)), "one is");
}

#[test]
fn a_quantity_without_a_reset_in_sight_is_unknown() {
    let mut bench = Bench::new();
    let permit = bench.enter();
    let mut none = room(Some((0, 60)), Some((0, 2 * 60 * 60)));
    none.requests.as_mut().expect("requests").resets_in = None;
    bench.cell.learn_room(permit, &none, bench.now);
    assert_eq!(bench.cell.admits(bench.now, 10), Admits::Yes);
}

#[test]
fn first_content_is_a_success_and_a_failure_after_it_counts_too() {
    let mut bench = Bench::new();
    bench.fail(4);
    let permit = bench.enter();
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
    let permit = bench.enter();
    bench.cell.commit(permit, LEASE, bench.now);
    assert_eq!(bench.cell.commit(permit, LEASE, bench.now), None);
    bench.leave(permit, Outcome::Failure);
    bench.fail(3);
    assert!(
        bench.attempt(Outcome::Failure).is_some(),
        "it is the first of the run"
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
