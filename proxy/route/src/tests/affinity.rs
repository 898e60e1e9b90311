use std::collections::HashMap;

use dialect::hash;

use super::{Fake, fast, order};
use crate::{Admits, Rank, State, Strategy, Table};

const BALANCING: [Strategy; 2] = [Strategy::Fastest, Strategy::LeastBusy];

fn first(table: &Table, fake: &Fake) -> String {
    order(table, fake).swap_remove(0)
}

/// The home of a conversation where nothing is in flight.
fn home(table: &Table, conversation: u64) -> String {
    let fake = Fake {
        conversation: Some(conversation),
        ..Fake::default()
    };
    first(table, &fake)
}

#[test]
fn a_conversation_keeps_to_its_home_whatever_is_a_little_faster_or_less_busy() {
    for strategy in BALANCING {
        let table = fast(&["a", "b", "c"], strategy);
        let mut homes = HashMap::new();
        for key in 0..300_u64 {
            let mut fake = Fake {
                conversation: Some(hash::of(&key.to_le_bytes())),
                random: key,
                ..Fake::default()
            };
            for (at, model) in ["up/a", "up/b", "up/c"].into_iter().enumerate() {
                fake.set_latency(&table, model, 100 + 10 * at as u64);
                fake.set(&table, model, |standing| {
                    standing.in_flight = 10 + at as u32
                });
            }
            let one = first(&table, &fake);
            fake.random += 1000;
            assert_eq!(first(&table, &fake), one);
            assert_eq!(home(&table, hash::of(&key.to_le_bytes())), one);
            *homes.entry(one).or_insert(0) += 1;
        }
        assert!(
            homes.len() == 3 && homes.values().all(|count| *count > 60),
            "{homes:?}"
        );
    }
}

#[test]
fn it_leaves_a_home_that_is_loaded_beyond_the_mean_for_one_that_stays_the_same_and_comes_back() {
    for strategy in BALANCING {
        let table = fast(&["a", "b", "c"], strategy);
        let name = |model: &str| format!("up/{model}");
        for key in 0..50_u64 {
            let conversation = hash::of(&key.to_le_bytes());
            let own = home(&table, conversation);
            let mut fake = Fake {
                conversation: Some(conversation),
                ..Fake::default()
            };
            for model in ["a", "b", "c"] {
                fake.set(&table, &name(model), |at| at.in_flight = 20);
            }
            // 27 is less than 1.25 × 22.3, and 30 more than 1.25 × 23.3
            fake.set(&table, &name(&own), |at| at.in_flight = 27);
            assert_eq!(first(&table, &fake), own);
            fake.set(&table, &name(&own), |at| at.in_flight = 30);
            let other = first(&table, &fake);
            assert_ne!(other, own);
            fake.random += 1;
            assert_eq!(first(&table, &fake), other);
            fake.set(&table, &name(&own), |at| at.in_flight = 20);
            assert_eq!(first(&table, &fake), own);
        }
    }
}

#[test]
fn two_calls_of_one_app_do_not_make_a_home_loaded() {
    for strategy in BALANCING {
        let table = fast(&["a", "b", "c"], strategy);
        let own = home(&table, 5);
        let mut fake = Fake {
            conversation: Some(5),
            ..Fake::default()
        };
        fake.set(&table, &format!("up/{own}"), |at| at.in_flight = 2);
        assert_eq!(first(&table, &fake), own);
        fake.set(&table, &format!("up/{own}"), |at| at.in_flight = 3);
        assert_ne!(first(&table, &fake), own);
    }
}

#[test]
fn it_leaves_a_home_that_fails_and_is_its_probe_when_that_may_be_back() {
    for strategy in BALANCING {
        let table = fast(&["a", "b", "c"], strategy);
        let own = home(&table, 9);
        let name = format!("up/{own}");
        let mut fake = Fake {
            conversation: Some(9),
            ..Fake::default()
        };
        fake.open(&table, &name, 5);
        let other = first(&table, &fake);
        assert_ne!(other, own);
        fake.set(&table, &name, |at| {
            (at.state, at.admits) = (State::HalfOpen, Admits::Probe);
        });
        assert_eq!(first(&table, &fake), own);
        // no other conversation probes in its place
        let theirs = (0..).find(|key| home(&table, *key) == other).unwrap();
        fake.conversation = Some(theirs);
        assert_eq!(first(&table, &fake), other);
    }
}

#[test]
fn the_fastest_leaves_a_home_that_is_slower_than_the_others_and_the_least_busy_does_not() {
    for (strategy, stays) in [(Strategy::Fastest, false), (Strategy::LeastBusy, true)] {
        let table = fast(&["a", "b", "c"], strategy);
        let own = home(&table, 3);
        let mut fake = Fake {
            conversation: Some(3),
            ..Fake::default()
        };
        for model in ["a", "b", "c"] {
            fake.set_latency(&table, &format!("up/{model}"), 100);
        }
        fake.set_latency(&table, &format!("up/{own}"), 130);
        assert_eq!(first(&table, &fake), own);
        fake.set_latency(&table, &format!("up/{own}"), 160);
        assert_eq!(first(&table, &fake) == own, stays, "{strategy:?}");
        // One that fails, and so counts as very slow, makes none of the others look fast.
        fake.set_latency(&table, &format!("up/{own}"), 400);
        let failing = ["a", "b", "c"].into_iter().find(|model| own != *model);
        if let Some(failing) = failing {
            fake.set_latency(&table, &format!("up/{failing}"), 5_000);
        }
        assert_eq!(first(&table, &fake) == own, stays, "{strategy:?}");
    }
}

#[test]
fn a_home_of_unknown_latency_is_found_out_by_one_call_at_a_time() {
    let table = fast(&["a", "b", "c"], Strategy::Fastest);
    let own = home(&table, 3);
    let mut fake = Fake {
        conversation: Some(3),
        ..Fake::default()
    };
    for model in ["a", "b", "c"].iter().filter(|model| **model != own) {
        fake.set_latency(&table, &format!("up/{model}"), 100);
    }
    assert_eq!(first(&table, &fake), own);
    fake.set(&table, &format!("up/{own}"), |at| at.in_flight = 1);
    assert_ne!(first(&table, &fake), own);
}

#[test]
fn the_others_follow_a_home_by_the_strategy() {
    let table = fast(&["a", "b", "c"], Strategy::LeastBusy);
    let mut fake = Fake {
        conversation: Some(3),
        ..Fake::default()
    };
    for (model, in_flight) in [("a", 11), ("b", 10), ("c", 12)] {
        fake.set(&table, &format!("up/{model}"), |at| {
            at.in_flight = in_flight
        });
    }
    let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
    assert_eq!(plan.first().rank, Rank::Affinity);
    let ranks: Vec<_> = plan.candidates().skip(1).map(|one| one.rank).collect();
    assert!(
        matches!(ranks[..], [Rank::Load(one), Rank::Load(other)] if one < other),
        "{ranks:?}"
    );
}

#[test]
fn a_target_that_leaves_or_comes_moves_its_own_conversations_alone() {
    for strategy in BALANCING {
        let (all, fewer) = (
            fast(&["a", "b", "c", "d"], strategy),
            fast(&["d", "c", "a"], strategy),
        );
        let mut moved = 0;
        for key in 0..1000_u64 {
            let key = hash::of(&key.to_le_bytes());
            match home(&all, key) {
                own if own == "b" => moved += 1,
                own => assert_eq!(home(&fewer, key), own),
            }
        }
        assert!((200..300).contains(&moved), "{moved}");
    }
}
