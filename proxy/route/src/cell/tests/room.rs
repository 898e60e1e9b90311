//! Tests of the room that a provider reports.

use super::*;

fn room(requests: Option<(u64, u64)>, tokens: Option<(u64, u64)>) -> Room {
    let quantity = |(remaining, seconds)| crate::Quantity {
        remaining,
        limit: None,
        resets_in: Some(secs(seconds)),
        refills: false,
    };
    Room {
        requests: requests.map(quantity),
        tokens: tokens.map(quantity),
        output: None,
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

/// A token bucket of a provider's: what is left of how much, and the time until it is full.
fn bucket(remaining: u64, limit: u64, millis: u64) -> Option<crate::Quantity> {
    Some(crate::Quantity {
        remaining,
        limit: Some(limit),
        resets_in: Some(Duration::from_millis(millis)),
        refills: true,
    })
}

/// The time after which a cell admits a call of so many tokens, by its own word.
fn wait(bench: &Bench, tokens: u64) -> Duration {
    match bench.cell.admits(bench.now, tokens) {
        Admits::No { until } => until.expect("an end") - bench.now,
        Admits::Yes | Admits::Probe => Duration::ZERO,
    }
}

#[test]
fn a_limit_that_comes_back_evenly_has_room_long_before_it_is_full() {
    let millis = Duration::from_millis;
    for (requests, expected) in [
        (bucket(0, 60, 60_000), 1000),
        (bucket(0, 30_000, 60_000), 2),
        (bucket(1, 60, 59_000), 0),
    ] {
        let mut bench = Bench::new();
        let permit = bench.enter();
        let room = Room {
            requests,
            ..Room::default()
        };
        bench.cell.learn_room(permit, &room, bench.now);
        assert_eq!(wait(&bench, 10), millis(expected), "{requests:?}");
        bench.wait(millis(expected));
        assert_eq!(bench.cell.admits(bench.now, 10), Admits::Yes);
        bench.leave(permit, Outcome::Success);
    }
}

#[test]
fn of_a_token_bucket_a_large_call_waits_for_longer_and_at_most_until_a_quarter_is_there() {
    let mut bench = Bench::new();
    let permit = bench.enter();
    let room = Room {
        tokens: bucket(1000, 40_000, 39_000),
        ..Room::default()
    };
    bench.cell.learn_room(permit, &room, bench.now);
    // a thousand a second
    for (tokens, seconds) in [(1000, 0), (4000, 3), (10_000, 9), (40_000, 9), (90_000, 9)] {
        assert_eq!(wait(&bench, tokens).as_secs(), seconds, "{tokens}");
    }
    assert_eq!(bench.cell.room(bench.now), (None, Some(1000)));
    assert_eq!(bench.cell.fits(bench.now), Some(1000));
    bench.wait(secs(3));
    assert_eq!(bench.cell.room(bench.now), (None, Some(4000)));
    bench.wait(secs(6));
    assert_eq!(bench.cell.fits(bench.now), None, "a quarter of it");
    bench.wait(secs(60));
    assert_eq!(bench.cell.room(bench.now), (None, Some(40_000)));
    bench.leave(permit, Outcome::Success);
}

#[test]
fn calls_take_from_a_bucket_that_goes_on_filling() {
    let mut bench = Bench::new();
    let permit = bench.enter();
    let room = Room {
        requests: bucket(1, 60, 59_000),
        ..Room::default()
    };
    bench.cell.learn_room(permit, &room, bench.now);
    bench.leave(permit, Outcome::Success);
    let mut made = 0;
    for _ in 0..200 {
        if let Ok(permit) = bench.cell.enter(bench.now, 10, LEASE) {
            made += 1;
            bench.leave(permit, Outcome::Success);
        }
        bench.wait(Duration::from_millis(50));
    }
    assert_eq!(made, 10, "one a second for ten seconds, and what was left");
    bench.wait(secs(600));
    let many = (0..100).filter(|_| {
        let entered = bench.cell.enter(bench.now, 10, LEASE);
        entered
            .map(|permit| bench.leave(permit, Outcome::Success))
            .is_ok()
    });
    assert_eq!(many.count(), 60, "no more than there ever is");
}

#[test]
fn a_bucket_owes_what_was_sent_beyond_it_and_no_more_than_it_holds() {
    let mut bench = Bench::new();
    let permits: Vec<_> = (0..31).map(|_| bench.enter()).collect();
    let room = Room {
        requests: bucket(0, 60, 60_000),
        ..Room::default()
    };
    bench.cell.learn_room(permits[0], &room, bench.now);
    assert_eq!(wait(&bench, 0), secs(31), "thirty are unanswered");
    assert_eq!(bench.cell.room(bench.now).0, Some(0));
    let huge = Room {
        tokens: bucket(0, u64::MAX, 3_600_000),
        ..Room::default()
    };
    let permit = bench.cell.enter(bench.now + secs(40), u64::MAX, LEASE);
    bench
        .cell
        .learn_room(permit.expect("room"), &huge, bench.now);
    assert!(wait(&bench, u64::MAX) <= secs(2 * 60 * 60));
}

#[test]
fn a_bucket_of_unknown_size_or_speed_is_a_window() {
    for quantity in [
        crate::Quantity {
            limit: None,
            ..bucket(0, 60, 60_000).expect("some")
        },
        crate::Quantity {
            refills: false,
            ..bucket(0, 60, 60_000).expect("some")
        },
        bucket(0, 0, 60_000).expect("some"),
    ] {
        let mut bench = Bench::new();
        let permit = bench.enter();
        let room = Room {
            requests: Some(quantity),
            ..Room::default()
        };
        bench.cell.learn_room(permit, &room, bench.now);
        assert_eq!(wait(&bench, 0), secs(60), "{quantity:?}");
        bench.wait(secs(60));
        let next = quantity.limit.filter(|size| *size > 0);
        assert_eq!(bench.cell.room(bench.now), (next, None));
        bench.leave(permit, Outcome::Success);
    }
    let mut bench = Bench::new();
    let permit = bench.enter();
    let room = Room {
        requests: bucket(0, 60, 0),
        ..Room::default()
    };
    bench.cell.learn_room(permit, &room, bench.now);
    assert_eq!(bench.cell.admits(bench.now, 0), Admits::Yes);
    bench.leave(permit, Outcome::Success);
}

#[test]
fn after_a_windows_reset_no_more_are_sent_than_the_next_one_takes() {
    let mut bench = Bench::new();
    let permit = bench.enter();
    let window = crate::Quantity {
        remaining: 0,
        limit: Some(2),
        resets_in: Some(secs(5)),
        refills: false,
    };
    let room = Room {
        requests: Some(window),
        ..Room::default()
    };
    bench.cell.learn_room(permit, &room, bench.now);
    bench.leave(permit, Outcome::Success);
    bench.wait(secs(5));
    let sent: Vec<_> = (0..5)
        .filter_map(|_| bench.cell.enter(bench.now, 1, LEASE).ok())
        .collect();
    assert_eq!(sent.len(), 2);
    let until = Some(bench.now + secs(5));
    assert_eq!(bench.cell.admits(bench.now, 1), Admits::No { until });
    // Nobody answered: the window after that begins all the same.
    bench.wait(secs(5));
    assert_eq!(bench.cell.admits(bench.now, 1), Admits::Yes);
}

/// A window of tokens that lasts for a minute.
fn window(remaining: u64, limit: u64) -> Option<crate::Quantity> {
    Some(crate::Quantity {
        refills: false,
        ..bucket(remaining, limit, 60_000)?
    })
}

#[test]
fn a_call_that_is_estimated_larger_than_a_limit_keeps_no_others_out() {
    for refills in [false, true] {
        let mut bench = Bench::new();
        let permit = bench.enter();
        let tokens = window(40_000, 40_000).map(|quantity| crate::Quantity {
            remaining: 39_000,
            refills,
            ..quantity
        });
        let room = Room {
            tokens,
            ..Room::default()
        };
        bench.cell.learn_room(permit, &room, bench.now);
        bench.leave(permit, Outcome::Success);
        // a picture of some megabytes
        let large = bench.cell.enter(bench.now, 1_000_000, LEASE);
        let left = bench.cell.room(bench.now).1;
        assert_eq!(left, Some(29_000), "a quarter of the limit");
        assert_eq!(wait(&bench, 8000), Duration::ZERO);
        // Another's reply tells what is left without it.
        let small = bench.cell.enter(bench.now, 500, LEASE);
        bench
            .cell
            .learn_room(small.expect("room"), &room, bench.now);
        assert_eq!(bench.cell.room(bench.now).1, Some(29_000));
        bench.leave(large.expect("room"), Outcome::Success);
    }
}

#[test]
fn a_call_in_flight_from_before_the_limit_was_known_takes_no_more_than_a_quarter_of_it() {
    let mut bench = Bench::new();
    let _large = bench.cell.enter(bench.now, 1_000_000, LEASE);
    let small = bench.enter();
    let room = Room {
        tokens: window(40_000, 40_000),
        ..Room::default()
    };
    bench.cell.learn_room(small, &room, bench.now);
    assert_eq!(bench.cell.room(bench.now).1, Some(30_000));
}

#[test]
fn a_limit_of_replies_tokens_counts_only_once_none_are_left() {
    let mut bench = Bench::new();
    let permit = bench.enter();
    let room = |output| Room {
        tokens: window(400_000, 400_000),
        output,
        ..Room::default()
    };
    bench
        .cell
        .learn_room(permit, &room(window(100, 8000)), bench.now);
    assert_eq!(wait(&bench, 50_000), Duration::ZERO);
    let long = bench.cell.enter(bench.now, 50_000, LEASE);
    assert_eq!(wait(&bench, 50_000), Duration::ZERO, "prompts take none");
    bench.leave(long.expect("room"), Outcome::Success);
    bench
        .cell
        .learn_room(permit, &room(window(0, 8000)), bench.now);
    assert_eq!(wait(&bench, 1), secs(60));
    bench.wait(secs(60));
    assert_eq!(wait(&bench, 1), Duration::ZERO);
    // Where it comes back evenly, some of it is there long before all is.
    bench
        .cell
        .learn_room(permit, &room(bucket(0, 8000, 60_000)), bench.now);
    assert_eq!(wait(&bench, 1), Duration::from_millis(7500));
    bench.leave(permit, Outcome::Success);
}
