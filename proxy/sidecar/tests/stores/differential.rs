//! Memory and Redis are two programs for one arithmetic: the same histories must leave the same
//! numbers.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use outrigger::{
    config::State,
    state::{Ask, Standing, Window},
};
use policy::Reservation;
use sandbox::capabilities::limits::Limits as _;

use super::{
    NOON, Rig, SECOND,
    servers::{self, Server},
};

type Taken = Box<dyn Reservation>;

/// A small generator, so that a history is named by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn window(dice: &mut Dice) -> Window {
    let span = |dice: &mut Dice| {
        let spans = [1, 19, 20, 999, 60_000, 3_600_007, 2_592_000_000];
        Duration::from_millis(spans[dice.below(7) as usize])
    };
    let offset = dice.below(2880) as i32 - 1440;
    match dice.below(5) {
        0 => Window::Bucket(span(dice)),
        1 => Window::Sliding(span(dice)),
        2 => Window::Day { offset },
        3 => Window::Week { offset },
        _ => Window::Month { offset },
    }
}

async fn the_same_histories_leave_the_same_numbers(other: Rig, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let (one, mut dice) = (Rig::memory().await, Dice(seed));
        other
            .clock
            .store(NOON, std::sync::atomic::Ordering::Relaxed);
        let scale = [1, 1_000, 1_000_000_000_000][dice.below(3) as usize];
        let kinds: Vec<Window> = (0..3).map(|_| window(&mut dice)).collect();
        let mut open: VecDeque<(Taken, Taken, usize)> = VecDeque::new();
        for step in 0..80 {
            let by = [
                0,
                1,
                37,
                1_000,
                61_000,
                3_601_000,
                86_400_123,
                1_000_000_000,
            ][dice.below(8) as usize];
            let by = Duration::from_millis(dice.below(by + 1));
            one.advance(by);
            other.advance(by);
            let count = 1 + dice.below(3) as usize;
            let asks: Vec<Ask> = (0..count)
                .map(|_| {
                    let which = dice.below(3) as usize;
                    Ask {
                        key: format!("{seed}.{which}"),
                        amount: dice.below(40) * scale + dice.below(3),
                        limit: (100 + which as u64 * 7) * scale,
                        window: kinds[which],
                        soft: dice.below(10) == 0,
                    }
                })
                .collect();
            let here = one.stores.reserve(asks.to_vec()).await.unwrap();
            let there = other.stores.reserve(asks.to_vec()).await.unwrap();
            let context = format!("seed {seed} step {step} {asks:?}");
            if here.1.is_none()
                && other
                    .state
                    .redis
                    .as_ref()
                    .is_some_and(|redis| redis.cluster)
            {
                // A slot does not know that another refuses: when it would be empty is reported as
                // if it had taken.
                let numbers = |standings: &[Standing]| -> Vec<(bool, u64)> {
                    standings.iter().map(|s| (s.granted, s.used)).collect()
                };
                assert_eq!(numbers(&here.0), numbers(&there.0), "{context}");
                assert_eq!(other.stores.flush(10 * SECOND).await, 0);
            } else {
                assert_eq!(here.0, there.0, "{context}");
            }
            assert_eq!(here.1.is_some(), there.1.is_some(), "{context}");
            if let (Some(a), Some(b)) = (here.1, there.1) {
                open.push_back((a, b, count));
            }
            if dice.below(4) == 0
                && let Some((a, b, count)) = open.back_mut()
            {
                let (which, by) = (dice.below(*count as u64) as usize, dice.below(20) * scale);
                assert_eq!(
                    a.extend(which, by).await,
                    b.extend(which, by).await,
                    "{context}"
                );
            }
            while open.len() > dice.below(4) as usize {
                let (a, b, count) = open.pop_front().unwrap();
                let truth: Vec<u64> = (0..count).map(|_| dice.below(60) * scale).collect();
                a.settle(&truth).done().await;
                b.settle(&truth).done().await;
            }
            assert_eq!(other.stores.flush(10 * SECOND).await, 0);
        }
    }
}

/// A server whose reservations do not lapse: memory's do not either, as they die with it.
async fn without_lapse(server: Arc<Server>) -> Rig {
    let state = State {
        reservation_lapse: Duration::from_secs(1 << 30),
        ..server.state()
    };
    Rig::of(state, Some(server)).await
}

#[tokio::test]
async fn in_redis() {
    let rig = without_lapse(servers::shared()).await;
    the_same_histories_leave_the_same_numbers(rig, 0..40).await;
}

#[tokio::test]
async fn in_a_cluster() {
    let rig = without_lapse(servers::shared_cluster()).await;
    the_same_histories_leave_the_same_numbers(rig, 40..50).await;
}
