//! What a provider says is left.

use super::*;

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
