//! Properties of the fair queue under any sequence of what happens to it.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(
    clippy::disallowed_methods,
    reason = "a queue has no clock; any instant will do"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::level::QUANTUM;
use super::tests::{HOUR, WIDE, entry};
use super::{Bound, Bounds, Entry, FairQueue, Priority, Ticket};

/// Whatever can happen to a queue.
#[derive(Debug, Clone)]
enum Step {
    Push {
        tenant: u8,
        priority: usize,
        tokens: u64,
        bytes: u64,
        wait_ms: u64,
    },
    Pop {
        room: Option<u64>,
        put_back: bool,
    },
    Remove(prop::sample::Index),
    Expired,
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tokens = prop_oneof![0..200_u64, 0..40_000_u64];
    let push = (0..6_u8, 0..3_usize, tokens, 0..5_000_u64, 0..3_000_u64).prop_map(
        |(tenant, priority, tokens, bytes, wait_ms)| Step::Push {
            tenant,
            priority,
            tokens,
            bytes,
            wait_ms,
        },
    );
    let pop = (prop::option::of(0..30_000_u64), any::<bool>())
        .prop_map(|(room, put_back)| Step::Pop { room, put_back });
    vec(
        prop_oneof![
            6 => push,
            4 => pop,
            2 => any::<prop::sample::Index>().prop_map(Step::Remove),
            1 => Just(Step::Expired),
            2 => (0..500_u64).prop_map(Step::Advance),
        ],
        1..200,
    )
}

/// A naive queue's knowledge of an exchange.
#[derive(Debug, Clone)]
struct Present {
    ticket: Ticket,
    tenant: String,
    priority: Priority,
    tokens: u64,
    bytes: u64,
    deadline: Instant,
}

fn check(queue: &FairQueue<u32>, model: &BTreeMap<u32, Present>, bounds: Bounds) {
    assert_eq!(queue.len(), model.len());
    assert_eq!(queue.is_empty(), model.is_empty());
    let bytes = model.values().map(|present| present.bytes).sum::<u64>();
    let tokens = model.values().map(|present| present.tokens).sum::<u64>();
    assert_eq!((queue.bytes(), queue.tokens()), (bytes, tokens));
    assert!(queue.len() <= bounds.exchanges && bytes <= bounds.bytes && tokens <= bounds.tokens);
    let first = model.values().map(|present| present.deadline).min();
    assert_eq!(queue.next_deadline(), first);
    let waiting = queue.levels.iter().map(|level| level.tokens).sum::<u64>();
    assert!(waiting <= tokens);
}

proptest! {
    #[test]
    fn no_sequence_of_steps_loses_an_exchange_or_serves_it_twice(steps in steps()) {
        let bounds = Bounds { exchanges: 40, bytes: 80_000, tokens: 300_000 };
        let mut queue = FairQueue::new(bounds);
        let mut model = BTreeMap::<u32, Present>::new();
        let mut stale = Vec::new();
        let mut now = Instant::now();
        for (id, step) in (0_u32..).zip(steps) {
            match step {
                Step::Push { tenant, priority, tokens, bytes, wait_ms } => {
                    let deadline = now + Duration::from_millis(wait_ms);
                    let (tenant, priority) = (tenant.to_string(), Priority::ALL[priority]);
                    let entry = Entry { tenant: &tenant, priority, tokens, bytes, deadline };
                    let full = queue.len() == bounds.exchanges
                        || queue.bytes() + bytes > bounds.bytes
                        || queue.tokens() + tokens.max(1) > bounds.tokens;
                    match queue.push(id, entry, now) {
                        Ok(ticket) => {
                            prop_assert!(!full && wait_ms > 0);
                            let tokens = tokens.max(1);
                            model.insert(id, Present { ticket, tenant, priority, tokens, bytes, deadline });
                        }
                        Err(refused) => prop_assert!(full || refused.bound == Bound::Deadline),
                    }
                }
                Step::Pop { room, put_back } => {
                    if let Some(popped) = queue.pop(now, room) {
                        let present = model.remove(&popped.value).unwrap();
                        prop_assert!(present.deadline > now && popped.entered <= now);
                        prop_assert_eq!(present.tokens, popped.tokens);
                        prop_assert!(room.is_none_or(|room| popped.tokens <= room));
                        stale.push(present.ticket);
                        if put_back {
                            let Present { tenant, priority, tokens, bytes, deadline, .. } = present;
                            let entry = Entry { tenant: &tenant, priority, tokens, bytes, deadline };
                            let ticket = queue.put_back(popped.value, entry, popped.entered, now).unwrap();
                            model.insert(popped.value, Present { ticket, tenant, priority, tokens, bytes, deadline });
                        }
                    } else if room.is_none() {
                        prop_assert!(model.values().all(|present| present.deadline <= now));
                    }
                }
                Step::Remove(index) => {
                    if !model.is_empty() {
                        let id = *model.keys().nth(index.index(model.len())).unwrap();
                        let present = model.remove(&id).unwrap();
                        prop_assert_eq!(queue.remove(present.ticket).unwrap().value, id);
                        stale.push(present.ticket);
                    }
                }
                Step::Expired => {
                    for expired in queue.expired(now) {
                        let present = model.remove(&expired.value).unwrap();
                        prop_assert!(present.deadline <= now);
                        stale.push(present.ticket);
                    }
                    prop_assert!(model.values().all(|present| present.deadline > now));
                }
                Step::Advance(ms) => now += Duration::from_millis(ms),
            }
            for ticket in &stale {
                prop_assert!(queue.remove(*ticket).is_none());
            }
            check(&queue, &model, bounds);
        }
        while let Some(popped) = queue.pop(now, None) {
            prop_assert!(model.remove(&popped.value).is_some());
        }
        for expired in queue.expired(now) {
            prop_assert!(model.remove(&expired.value).is_some());
        }
        check(&queue, &BTreeMap::new(), bounds);
        prop_assert!(model.is_empty());
        prop_assert!(queue.levels.iter().all(|level| level.is_empty() && level.tokens == 0));
    }

    #[test]
    fn busy_tenants_get_the_same_but_for_a_quantum_and_the_largest_exchange(
        sizes in vec((vec(1..60_000_u64, 1..5), 1..4_u64), 2..5),
        rooms in vec(prop::option::weighted(0.3, 1..60_000_u64), 1..5),
    ) {
        let now = Instant::now();
        let mut queue = FairQueue::new(WIDE);
        let mut given = vec![0_u64; sizes.len()];
        let mut next = vec![0_usize; sizes.len()];
        let has_rooms = rooms.iter().any(Option::is_some);
        let largest = sizes.iter().flat_map(|(sizes, _)| sizes).max().copied().unwrap();
        let push = |queue: &mut FairQueue<usize>, next: &mut [usize], tenant: usize| {
            let (tokens, hurry) = &sizes[tenant];
            let tokens = tokens[next[tenant] % tokens.len()];
            next[tenant] += 1;
            // More hurried ones come first in nobody's turn but their tenant's.
            let deadline = now + HOUR / u32::try_from(*hurry).unwrap();
            queue.push(tenant, entry(&tenant.to_string(), tokens, deadline), now).unwrap();
        };
        for tenant in 0..sizes.len() {
            push(&mut queue, &mut next, tenant);
            push(&mut queue, &mut next, tenant);
        }
        for turn in 0..300 {
            let room = rooms[turn % rooms.len()];
            let Some(popped) = queue.pop(now, room).or_else(|| queue.pop(now, None)) else {
                prop_assert!(false, "nothing to pop");
                return Ok(());
            };
            given[popped.value] += popped.tokens;
            push(&mut queue, &mut next, popped.value);
            let difference = given.iter().max().unwrap() - given.iter().min().unwrap();
            // One that waits for room is passed for its own size, and then gets what it missed.
            let passed = if has_rooms { 2 * QUANTUM + 2 * largest } else { 0 };
            prop_assert!(difference <= QUANTUM + largest + passed, "{given:?}");
        }
    }
}
