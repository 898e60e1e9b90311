//! Properties of buckets in memory alone; those of every store are in `tests/stores`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::thread;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn ask(key: &str, amount: u64, limit: u64) -> Ask {
    Ask {
        key: key.to_owned(),
        amount,
        limit,
        window: Window::Bucket(HOUR),
        soft: false,
    }
}

fn nothing(_: &str) -> u64 {
    0
}

/// Reserves what is settled to `truth` at once.
fn spend(buckets: &Buckets, ask: Ask, now: u64, truth: u64) -> Standing {
    let (mut standings, holds) = buckets.reserve(&[ask], now, &nothing);
    holds
        .unwrap()
        .iter()
        .for_each(|hold| hold.settle(now, truth));
    standings.remove(0)
}

fn used(buckets: &Buckets, key: &str) -> u64 {
    buckets.peek(&[ask(key, 0, 1)], 0, &nothing)[0].used
}

#[test]
fn a_full_store_drops_what_has_come_back_and_keeps_what_is_owed() {
    let buckets = Buckets::new(100 * (OVERHEAD + 20));
    let hour = 3_600_000;
    spend(&buckets, ask("debt", 5, 10), hour, 5);
    let mut free = 0;
    for n in 0..1000 {
        spend(&buckets, ask(&format!("{n}"), 1, 10), hour + n * 1000, 0);
        free = buckets.bytes();
    }
    assert!(free <= 100 * (OVERHEAD + 20), "{free}");
    assert!(buckets.map.get("overflow 10#bucket3600000").is_none());
    // The debt is paid by half after a quarter of an hour only.
    let standing = &buckets.peek(&[ask("debt", 0, 10)], hour + 900_000, &nothing)[0];
    assert_eq!(standing.used, 3);
}

#[test]
fn newcomers_to_a_store_full_of_debts_share_one_bucket() {
    let buckets = Buckets::new(10 * (OVERHEAD + 20));
    for n in 0..30 {
        let ask = ask(&format!("tenant {n}"), 1, 25);
        assert!(spend(&buckets, ask, 1000, 1).granted, "{n}");
    }
    assert!(buckets.bytes() <= 10 * (OVERHEAD + 20));
    let (_, holds) = buckets.reserve(&[ask("another", 10, 25)], 1000, &nothing);
    assert!(
        holds.is_none(),
        "newcomers together have used up their limit"
    );
    let (_, holds) = buckets.reserve(&[ask("tenant 0", 24, 25)], 1000, &nothing);
    assert!(holds.is_some());
}

#[test]
fn ten_thousand_tenants_take_less_than_ten_mebibytes() {
    let buckets = Buckets::new(16 << 20);
    for n in 0..10_000 {
        let sliding = Ask {
            window: Window::Sliding(HOUR),
            ..ask(&format!("token-rate-limit/tenant=customer-{n:08}"), 1, 25)
        };
        buckets.reserve(&[sliding], 1000, &nothing).1.unwrap();
    }
    assert_eq!(buckets.map.len(), 10_000);
    assert!(buckets.bytes() <= 10 << 20, "{}", buckets.bytes());
}

#[test]
fn opposite_orders_of_the_same_buckets_do_not_wait_for_each_other_for_ever() {
    let buckets = Arc::new(Buckets::new(1 << 20));
    let threads = [["a", "b", "c"], ["c", "b", "a"], ["b", "b", "a"]].map(|keys| {
        let buckets = Arc::clone(&buckets);
        thread::spawn(move || {
            let asks = keys.map(|key| ask(key, 1, u64::MAX));
            for _ in 0..3000 {
                let holds = buckets.reserve(&asks, 0, &nothing).1.unwrap();
                holds.iter().for_each(|hold| hold.settle(0, 1));
            }
        })
    });
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(
        ["a", "b", "c"].map(|key| used(&buckets, key)),
        [9000, 12_000, 6000]
    );
}

#[test]
fn a_bucket_that_was_reset_owes_nothing_to_those_who_reserved_before() {
    let buckets = Buckets::new(1 << 20);
    let before = buckets.reserve(&[ask("a", 8, 10)], 0, &nothing).1.unwrap();
    assert!(buckets.reset("a#bucket3600000"));
    assert_eq!(buckets.bytes(), 0);
    let after = buckets.reserve(&[ask("a", 9, 10)], 0, &nothing).1.unwrap();
    before[0].settle(0, 0);
    assert_eq!(used(&buckets, "a"), 9);
    after[0].settle(0, 4);
    assert_eq!(used(&buckets, "a"), 4);
    assert!(!buckets.reset("a"));
}
