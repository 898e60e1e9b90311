use std::{collections::HashMap, time::Duration};

use dialect::hash;

use super::{Fake, fast, fast_with, order};
use crate::{Admits, Rank, State, Sticky, Strategy, Table};

/// Counts how often each target comes first, over calls that differ in what is random.
fn firsts(table: &Table, fake: &mut Fake, calls: u64) -> HashMap<String, u64> {
    let mut firsts = HashMap::new();
    for call in 0..calls {
        fake.random = hash::of(&call.to_le_bytes());
        *firsts.entry(order(table, fake).swap_remove(0)).or_default() += 1;
    }
    firsts
}

#[test]
fn fallback_is_the_alias_order_and_asks_for_nothing_else() {
    let table = fast(&["c", "a", "b"], Strategy::Fallback);
    let fake = Fake::default();
    assert_eq!(order(&table, &fake), ["c", "a", "b"]);
    assert_eq!(fake.call_reads.get(), 0);
}

#[test]
fn weights_are_shares_of_keys_and_one_key_stays_where_it_is() {
    let table = fast_with(&["a", "b", "c"], Strategy::Weighted, |alias| {
        for (of, weight) in alias.targets.iter_mut().zip([70, 20, 10]) {
            of.weight = weight;
        }
    });
    let mut fake = Fake::default();
    let mut shares = HashMap::new();
    for key in 0..20_000_u64 {
        fake.conversation = Some(hash::of(&key.to_le_bytes()));
        fake.random = key;
        let first = order(&table, &fake).swap_remove(0);
        fake.random = key + 1;
        assert_eq!(order(&table, &fake)[0], first);
        *shares.entry(first).or_insert(0) += 1;
    }
    for (model, share) in [("a", 14_000_i64), ("b", 4000), ("c", 2000)] {
        let off: i64 = shares[model] - share;
        assert!(off.abs() < 300, "{shares:?}");
    }
}

#[test]
fn a_target_that_leaves_moves_its_own_share_alone() {
    let weights = HashMap::from([("a", 5), ("b", 3), ("c", 2)]);
    let table = |models: &[&str]| {
        fast_with(models, Strategy::Weighted, |alias| {
            for of in &mut alias.targets {
                of.weight = weights[&*of.target.model];
            }
        })
    };
    let (all, fewer) = (table(&["a", "b", "c"]), table(&["c", "a"]));
    let mut fake = Fake::default();
    for key in 0..2000_u64 {
        fake.conversation = Some(hash::of(&key.to_le_bytes()));
        let before = order(&all, &fake);
        let after = order(&fewer, &fake);
        let kept: Vec<_> = before.into_iter().filter(|model| model != "b").collect();
        assert_eq!(after, kept);
    }
}

#[test]
fn a_target_without_weight_is_tried_where_all_others_fail() {
    let table = fast_with(&["none", "some", "nothing"], Strategy::Weighted, |alias| {
        alias.targets[0].weight = 0;
        alias.targets[2].weight = 0;
    });
    let mut fake = Fake::default();
    assert_eq!(
        firsts(&table, &mut fake, 200),
        HashMap::from([("some".to_owned(), 200)])
    );
    fake.open(&table, "up/some", 1);
    assert_eq!(order(&table, &fake), ["none", "nothing"]);
}

#[test]
fn the_key_is_the_conversation_the_caller_or_a_tag_and_without_one_each_call_draws_anew() {
    let table = |sticky| {
        fast_with(&["a", "b"], Strategy::Weighted, |alias| {
            alias.sticky = sticky
        })
    };
    let moves = |table: &Table, change: fn(&mut Fake, u64)| {
        let mut fake = Fake::default();
        let mut seen = HashMap::new();
        for key in 0..200 {
            change(&mut fake, key);
            *seen.entry(order(table, &fake).swap_remove(0)).or_insert(0) += 1;
        }
        seen.len() == 2
    };
    let conversation = |fake: &mut Fake, key| fake.conversation = Some(key);
    let caller = |fake: &mut Fake, key| fake.caller = Some(key);
    let tag = |fake: &mut Fake, key: u64| {
        fake.tags.insert("user".to_owned(), key.to_string());
    };
    let by_conversation = table(Sticky::Conversation);
    assert!(moves(&by_conversation, conversation));
    assert!(!moves(&by_conversation, caller));
    let by_caller = table(Sticky::Caller);
    assert!(moves(&by_caller, caller));
    assert!(!moves(&by_caller, conversation));
    let by_tag = table(Sticky::Tag("user".into()));
    assert!(moves(&by_tag, tag));
    assert!(!moves(&by_tag, caller));
    assert!(moves(&by_tag, |fake, key| fake.random = key));
}

#[test]
fn the_cheapest_is_first_equals_keep_their_order_and_what_has_no_price_is_last() {
    let table = fast(&["unpriced", "b", "dear", "a"], Strategy::Cheapest);
    let mut fake = Fake::default();
    for (name, cost) in [("up/a", 10), ("up/b", 10), ("up/dear", 11)] {
        fake.set_cost(&table, name, cost);
    }
    assert_eq!(order(&table, &fake), ["b", "a", "dear", "unpriced"]);
    // of equals a conversation keeps to one
    let mut homes = HashMap::new();
    for key in 0..200_u64 {
        fake.conversation = Some(hash::of(&key.to_le_bytes()));
        let order = order(&table, &fake);
        assert_eq!(order[2..], ["dear", "unpriced"]);
        *homes.entry(order[0].clone()).or_insert(0) += 1;
    }
    assert_eq!(homes.len(), 2, "{homes:?}");
}

#[test]
fn the_least_busy_is_first_and_equals_take_turns() {
    let table = fast(&["a", "b", "c"], Strategy::LeastBusy);
    let mut fake = Fake::default();
    fake.set(&table, "up/a", |at| at.in_flight = 3);
    fake.set(&table, "up/b", |at| at.in_flight = 1);
    assert_eq!(order(&table, &fake), ["c", "b", "a"]);
    fake.set(&table, "up/c", |at| at.in_flight = 1);
    let firsts = firsts(&table, &mut fake, 400);
    assert!(
        firsts["b"] > 120 && firsts["c"] > 120 && firsts.len() == 2,
        "{firsts:?}"
    );
}

#[test]
fn the_fastest_is_first_by_latency_and_by_what_is_in_flight() {
    let table = fast(&["slow", "busy", "quick"], Strategy::Fastest);
    let mut fake = Fake::default();
    fake.set_latency(&table, "up/slow", 900);
    fake.set_latency(&table, "up/busy", 300);
    fake.set_latency(&table, "up/quick", 400);
    assert_eq!(order(&table, &fake), ["busy", "quick", "slow"]);
    fake.set(&table, "up/busy", |at| at.in_flight = 1);
    assert_eq!(order(&table, &fake), ["quick", "busy", "slow"]);
    fake.set(&table, "up/busy", |at| at.in_flight = 2);
    fake.set_latency(&table, "up/slow", 700);
    assert_eq!(order(&table, &fake), ["quick", "slow", "busy"]);
}

#[test]
fn targets_within_a_tenth_of_the_fastest_take_turns() {
    let table = fast(&["a", "b", "c"], Strategy::Fastest);
    let mut fake = Fake::default();
    fake.set_latency(&table, "up/a", 100);
    fake.set_latency(&table, "up/b", 109);
    fake.set_latency(&table, "up/c", 112);
    let firsts = firsts(&table, &mut fake, 400);
    assert!(
        firsts["a"] > 120 && firsts["b"] > 120 && firsts.len() == 2,
        "{firsts:?}"
    );
}

#[test]
fn an_unknown_latency_is_explored_by_one_call_in_eight_and_one_at_a_time() {
    let table = fast(&["cold", "warm", "slow"], Strategy::Fastest);
    let mut fake = Fake::default();
    fake.set_latency(&table, "up/warm", 100);
    fake.set_latency(&table, "up/slow", 5000);
    let seen = firsts(&table, &mut fake, 4000);
    assert!((400..600).contains(&seen["cold"]), "{seen:?}");
    assert_eq!(seen["cold"] + seen["warm"], 4000);
    fake.set(&table, "up/cold", |at| at.in_flight = 1);
    assert_eq!(firsts(&table, &mut fake, 400)["warm"], 400);
    assert_eq!(order(&table, &fake), ["warm", "slow", "cold"]);
}

#[test]
fn where_no_latency_is_known_all_take_turns() {
    let table = fast(&["a", "b", "c"], Strategy::Fastest);
    let firsts = firsts(&table, &mut Fake::default(), 600);
    assert!(
        firsts.len() == 3 && firsts.values().all(|count| *count > 130),
        "{firsts:?}"
    );
}

#[test]
fn a_target_that_may_be_back_is_probed_before_a_fast_one() {
    let table = fast(&["quick", "back"], Strategy::Fastest);
    let mut fake = Fake::default();
    fake.set_latency(&table, "up/quick", 100);
    fake.set_latency(&table, "up/back", 5000);
    assert_eq!(order(&table, &fake), ["quick", "back"]);
    fake.set(&table, "up/back", |at| {
        (at.state, at.admits) = (State::HalfOpen, Admits::Probe);
    });
    let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
    assert_eq!(plan.first().model.as_deref(), Some("back"));
    assert_eq!(plan.first().rank, Rank::Probe);
    // while somebody probes
    fake.set(&table, "up/back", |at| {
        at.admits = Admits::No { until: None }
    });
    assert_eq!(order(&table, &fake), ["quick"]);
}

#[test]
fn a_plan_says_why_each_target_is_where_it_is() {
    let table = fast(&["a", "b", "c"], Strategy::Fastest);
    let mut fake = Fake {
        random: 1,
        ..Fake::default()
    };
    fake.set_latency(&table, "up/a", 250);
    fake.set(&table, "up/a", |at| at.in_flight = 2);
    fake.set(&table, "up/b", |at| at.in_flight = 4);
    fake.open(&table, "up/c", 3);
    let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
    let rows: Vec<_> = plan.explain(fake.now + Duration::from_secs(1));
    let rows: Vec<_> = (rows.iter())
        .map(|row| (row.place, row.target.as_str(), row.reason.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            (Some(1), "up/a", "answers in 0.250 s, with 2 in flight"),
            (Some(2), "up/b", "has no latency yet, and 4 in flight"),
            (None, "up/c", "fails and is left alone for another 2 s"),
        ]
    );
}

#[test]
fn every_strategy_has_a_name_of_its_own() {
    let names: std::collections::HashSet<_> = Strategy::ALL.iter().map(|one| one.name()).collect();
    assert_eq!(names.len(), Strategy::ALL.len());
}
