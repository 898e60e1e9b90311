//! The fair queue: turns, priorities, bounds, deadlines.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(
    clippy::disallowed_methods,
    reason = "a queue has no clock; any instant will do"
)]

use std::time::{Duration, Instant};

use super::{Bound, Bounds, Entry, FairQueue, Full, Priority, Waiting};

pub(super) const WIDE: Bounds = Bounds {
    exchanges: 1_000_000,
    bytes: u64::MAX,
    tokens: u64::MAX,
};

pub(super) const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn entry(tenant: &str, tokens: u64, deadline: Instant) -> Entry<'_> {
    Entry {
        tenant,
        priority: Priority::Normal,
        tokens,
        bytes: 0,
        deadline,
    }
}

#[test]
fn small_calls_of_one_tenant_pass_huge_ones_of_another() {
    let now = Instant::now();
    let mut queue = FairQueue::new(WIDE);
    for _ in 0..5 {
        queue
            .push("huge", entry("a", 1_000_000, now + HOUR), now)
            .unwrap();
    }
    for _ in 0..100 {
        queue
            .push("small", entry("b", 100, now + HOUR), now)
            .unwrap();
    }
    let order = std::iter::from_fn(|| queue.pop(now, None)).map(|popped| popped.value);
    let order = order.collect::<Vec<_>>();
    assert!(order[..100].iter().all(|value| *value == "small"));
    assert_eq!(order.len(), 105);
}

#[test]
fn priorities_are_strict_among_what_came_at_once() {
    let now = Instant::now();
    let mut queue = FairQueue::new(WIDE);
    for priority in [Priority::Low, Priority::High, Priority::Normal] {
        for tenant in ["a", "b"] {
            let entry = entry(tenant, 100, now + HOUR);
            queue
                .push(priority, Entry { priority, ..entry }, now)
                .unwrap();
        }
    }
    let order = std::iter::from_fn(|| queue.pop(now, None)).map(|popped| popped.value);
    let names = order.map(Priority::name).collect::<Vec<_>>();
    assert_eq!(names, ["high", "high", "normal", "normal", "low", "low"]);
    assert_eq!(Priority::named("low"), Some(Priority::Low));
    assert_eq!(Priority::named("urgent"), None);
}

#[test]
fn a_low_priority_gets_a_ninth_while_a_high_one_never_ends() {
    let now = Instant::now();
    let mut queue = FairQueue::new(WIDE);
    let push = |queue: &mut FairQueue<Priority>, priority| {
        let entry = entry("a", 1_000, now + HOUR);
        queue
            .push(priority, Entry { priority, ..entry }, now)
            .unwrap();
    };
    for priority in Priority::ALL {
        push(&mut queue, priority);
    }
    let mut given = [0_u32; 3];
    for _ in 0..9_000 {
        let priority = queue.pop(now, None).unwrap().value;
        given[priority as usize] += 1;
        push(&mut queue, priority);
    }
    let [high, normal, low] = given;
    assert!((6_900..7_300).contains(&high), "{given:?}");
    assert!(normal >= 800 && low >= 900, "{given:?}");
}

#[test]
fn what_does_not_fit_is_passed_for_its_own_size_and_then_waited_for() {
    let now = Instant::now();
    let mut queue = FairQueue::new(WIDE);
    queue
        .push("large", entry("a", 8_000, now + HOUR), now)
        .unwrap();
    for _ in 0..20 {
        queue
            .push("small", entry("b", 1_000, now + HOUR), now)
            .unwrap();
    }
    let low = Entry {
        priority: Priority::Low,
        ..entry("c", 1_000, now + HOUR)
    };
    queue.push("low", low, now).unwrap();

    for _ in 0..8 {
        assert_eq!(queue.pop(now, Some(2_000)).unwrap().value, "small");
    }
    assert_eq!(queue.pop(now, Some(2_000)), None);
    assert_eq!(queue.pop(now, Some(8_000)).unwrap().value, "large");
    // It has waited while 16,000 tokens of a higher priority left.
    assert_eq!(queue.pop(now, Some(2_000)).unwrap().value, "low");
    assert_eq!(queue.pop(now, Some(999)), None);
}

#[test]
fn only_lower_priorities_go_past_one_that_waits_for_room() {
    let now = Instant::now();
    let mut queue = FairQueue::new(WIDE);
    let mut push = |priority, tokens| {
        let entry = entry("a", tokens, now + HOUR);
        let entry = Entry { priority, ..entry };
        queue.push(priority, entry, now).unwrap();
    };
    push(Priority::Normal, 5_000);
    (0..20).for_each(|_| push(Priority::High, 1_000));
    (0..20).for_each(|_| push(Priority::Low, 1_000));

    let mut popped = [0; 3];
    while let Some(next) = queue.pop(now, Some(1_000)) {
        popped[next.value as usize] += 1;
    }
    // Five of as many tokens, and one that goes first because it has waited.
    assert_eq!(popped, [20, 0, 6]);
    assert_eq!(queue.pop(now, None).unwrap().value, Priority::Normal);
}

#[test]
fn a_caller_who_leaves_frees_its_place_its_bytes_and_its_tokens() {
    let now = Instant::now();
    let mut queue = FairQueue::new(Bounds {
        exchanges: 1,
        bytes: 10,
        tokens: 10,
    });
    let full = Entry {
        bytes: 10,
        ..entry("a", 10, now + HOUR)
    };
    let ticket = queue.push(1, full, now).unwrap();
    assert_eq!(
        queue.push(2, full, now).unwrap_err().bound,
        Bound::Exchanges
    );
    assert_eq!(queue.remove(ticket).map(|left| left.value), Some(1));
    let next = queue.push(2, full, now).unwrap();
    assert_eq!(queue.remove(ticket), None);
    assert_eq!((queue.len(), queue.bytes(), queue.tokens()), (1, 10, 10));
    assert!(queue.remove(next).is_some());
}

#[test]
fn each_bound_refuses_in_its_own_name() {
    let now = Instant::now();
    let mut queue = FairQueue::new(Bounds {
        exchanges: 2,
        bytes: 100,
        tokens: 100,
    });
    queue.push((), entry("a", 60, now + HOUR), now).unwrap();
    let mut bound = |tokens, bytes, wait| {
        let entry = Entry {
            bytes,
            ..entry("a", tokens, now + wait)
        };
        queue.push((), entry, now).map_err(|full| full.bound)
    };
    assert_eq!(bound(41, 0, HOUR), Err(Bound::Tokens));
    assert_eq!(bound(u64::MAX, 0, HOUR), Err(Bound::Tokens));
    assert_eq!(bound(1, 101, HOUR), Err(Bound::Bytes));
    assert_eq!(bound(1, 1, Duration::ZERO), Err(Bound::Deadline));
    assert!(bound(40, 100, HOUR).is_ok());
    assert_eq!(bound(0, 0, HOUR), Err(Bound::Exchanges));
}

#[test]
fn an_exchange_whose_deadline_has_passed_is_drained_and_never_popped() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let mut queue = FairQueue::new(WIDE);
    queue.push(1, entry("a", 1, now + second), now).unwrap();
    queue.push(2, entry("a", 1, now + 3 * second), now).unwrap();
    let third = queue.push(3, entry("a", 1, now + second), now).unwrap();

    assert_eq!(queue.next_deadline(), Some(now + second));
    assert_eq!(queue.pop(now + second, None).unwrap().value, 2);
    assert_eq!(
        (queue.len(), queue.next_deadline()),
        (2, Some(now + second))
    );
    assert_eq!(queue.remove(third).unwrap().value, 3);
    let expired = queue.expired(now + second);
    assert_eq!(
        expired
            .iter()
            .map(|expired| expired.value)
            .collect::<Vec<_>>(),
        [1]
    );
    assert_eq!((queue.len(), queue.next_deadline()), (0, None));
}

#[test]
fn what_is_put_back_is_next_and_pays_once() {
    let now = Instant::now();
    let mut queue = FairQueue::new(WIDE);
    for id in [1, 2] {
        queue.push(id, entry("a", 8_000, now + HOUR), now).unwrap();
        queue
            .push(id + 10, entry("b", 8_000, now + HOUR), now)
            .unwrap();
    }
    let later = now + Duration::from_secs(1);
    let popped = queue.pop(later, None).unwrap();
    assert_eq!((popped.value, popped.entered), (1, now));
    let again = entry("a", 8_000, now + HOUR);
    queue
        .put_back(popped.value, again, popped.entered, later)
        .unwrap();
    let order = std::iter::from_fn(|| queue.pop(later, None)).map(|popped| popped.value);
    assert_eq!(order.collect::<Vec<_>>(), [1, 11, 2, 12]);
}

/// Pops one exchange of 1,000 tokens each tenth of a second, for five seconds.
fn drained(now: Instant) -> (FairQueue<()>, Instant) {
    let mut queue = FairQueue::new(WIDE);
    for _ in 0..100 {
        queue.push((), entry("a", 1_000, now + HOUR), now).unwrap();
    }
    let mut at = now;
    for _ in 0..50 {
        at += Duration::from_millis(100);
        queue.pop(at, None).unwrap();
    }
    (queue, at)
}

#[test]
fn a_wait_that_would_outlast_the_deadline_is_refused_at_once() {
    let (mut queue, now) = drained(Instant::now());
    let own = entry("a", 1_000, now + Duration::from_secs(2));
    let wait = queue.estimate_wait(&own, now).unwrap().as_secs_f64();
    assert!((4.5..5.5).contains(&wait), "{wait}");
    let Full { bound, retry_after } = queue.push((), own, now).unwrap_err();
    assert_eq!(bound, Bound::Deadline);
    let retry_after = retry_after.unwrap().as_secs_f64();
    assert!((2.5..3.5).contains(&retry_after), "{retry_after}");

    // Another tenant's turn comes soon, and a higher priority's at once.
    let other = entry("b", 1_000, now + Duration::from_secs(2));
    let wait = queue.estimate_wait(&other, now).unwrap();
    assert!(wait < Duration::from_millis(120), "{wait:?}");
    assert!(queue.push((), other, now).is_ok());
    let high = Entry {
        priority: Priority::High,
        ..own
    };
    assert_eq!(queue.estimate_wait(&high, now), Some(Duration::ZERO));
}

#[test]
fn an_empty_queue_takes_an_exchange_however_slowly_it_drained() {
    let (mut queue, now) = drained(Instant::now());
    let later = now + Duration::from_secs(60);
    while queue.pop(later, None).is_some() {}
    let large = entry("a", 900_000, later + Duration::from_secs(1));
    assert!(queue.push((), large, later).is_ok());
}

#[test]
fn what_never_fits_has_no_time_after_which_it_would() {
    let now = Instant::now();
    let (mut queue, now) = {
        let (mut queue, now) = drained(now);
        queue.set_bounds(Bounds {
            tokens: 60_000,
            ..WIDE
        });
        (queue, now)
    };
    let fits = queue
        .push((), entry("a", 60_000, now + HOUR), now)
        .unwrap_err();
    assert_eq!(
        (fits.bound, fits.retry_after),
        (Bound::Tokens, Some(Duration::from_secs(1)))
    );
    let never = queue
        .push((), entry("a", 60_001, now + HOUR), now)
        .unwrap_err();
    assert_eq!((never.bound, never.retry_after), (Bound::Tokens, None));
}

#[test]
fn tenants_beyond_the_bound_share_a_turn_and_are_served_all_the_same() {
    let now = Instant::now();
    let mut queue = FairQueue::new(WIDE);
    let long = "n".repeat(300);
    for tenant in 0..3_000 {
        queue
            .push(tenant, entry(&tenant.to_string(), 5_000, now + HOUR), now)
            .unwrap();
    }
    queue
        .push(3_000, entry(&long, 5_000, now + HOUR), now)
        .unwrap();
    let order = std::iter::from_fn(|| queue.pop(now, None)).map(|popped| popped.value);
    let order = order.collect::<Vec<_>>();
    assert_eq!(order.len(), 3_001);
    assert!(order[..1_024].iter().all(|tenant| *tenant < 1_024));
    assert!(order[1_024..].is_sorted());
}

#[test]
fn an_exchange_that_waits_takes_less_than_three_hundred_bytes() {
    // A slot with its links, twice for a vector that has just grown; the deadline's key in a tree
    // that is half full.
    let slot = size_of::<Waiting<[u64; 3]>>() + 2 * size_of::<u32>();
    let key = size_of::<(Instant, u32)>();
    assert!(2 * slot + 2 * key < 300, "{slot} {key}");
}
