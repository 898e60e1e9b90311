//! Properties of limits in every store.

use std::time::Duration;

use futures_util::future::join_all;
use outrigger::state::{Ask, MOST, Window};
use sandbox::capabilities::limits::Limits as _;

use super::{NOON, Rig, SECOND, bucket, of, until, within};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

macro_rules! in_every_store {
    ($($test:ident)*) => {
        mod memory { $(#[tokio::test] async fn $test() { super::$test(super::Rig::memory().await).await })* }
        mod standalone { $(#[tokio::test] async fn $test() { super::$test(super::Rig::redis().await).await })* }
        mod cluster { $(#[tokio::test] async fn $test() { super::$test(super::Rig::cluster().await).await })* }
    };
}
pub(crate) use in_every_store;

in_every_store! {
    a_call_takes_from_all_buckets_or_from_none
    a_hundred_at_once_pass_exactly_the_limit
    a_hundred_at_once_over_three_buckets_never_pass_a_limit
    what_buckets_say_is_the_sum_of_what_was_settled
    a_reservation_that_is_dropped_gives_everything_back
    what_cannot_ever_be_granted_says_so
    a_soft_ask_is_counted_and_never_says_no
    a_stream_that_outgrows_its_reservation_takes_more_while_there_is_room
    a_bucket_refills_evenly
    a_sliding_window_forgets_slice_by_slice
    a_day_a_week_and_a_month_begin_anew
    what_is_settled_after_midnight_is_charged_to_the_day_it_began_in
    a_bucket_asked_twice_in_a_call_counts_twice
    one_key_with_two_windows_is_two_buckets
    a_changed_limit_goes_on_with_what_is_used
    looking_takes_nothing
    a_bucket_that_was_reset_begins_anew_and_owes_nothing_to_the_past
    names_of_any_shape_are_buckets_of_their_own
    the_largest_amounts_are_counted_exactly
    no_ask_is_granted_at_once
    the_figures_list_what_was_used
}

async fn a_call_takes_from_all_buckets_or_from_none(rig: Rig) {
    let (wide, narrow) = (bucket("wide", 100), bucket("narrow", 5));
    let asks = [of(&wide, 10), of(&narrow, 6)];
    let (standings, none) = rig.stores.reserve(asks.to_vec()).await.unwrap();
    assert!(none.is_none());
    assert!(standings[0].granted && !standings[1].granted);
    assert_eq!((standings[0].used, standings[1].used), (0, 0));
    assert_eq!((rig.used(&wide).await, rig.used(&narrow).await), (0, 0));

    let asks = [of(&wide, 10), of(&narrow, 5)];
    let (standings, all) = rig.stores.reserve(asks.to_vec()).await.unwrap();
    let all = all.unwrap();
    assert_eq!(all.amounts().collect::<Vec<_>>(), [10, 5]);
    assert_eq!((standings[0].used, standings[1].used), (10, 5));
    assert_eq!((standings[0].limit, standings[1].limit), (100, 5));
    assert_eq!(standings[0].wait, Some(Duration::ZERO));
    all.settle(&[3]);
    // What has no truth keeps what was reserved.
    assert_eq!((rig.used(&wide).await, rig.used(&narrow).await), (3, 5));
}

async fn a_hundred_at_once_pass_exactly_the_limit(rig: Rig) {
    let ask = bucket("crowd", 37 * 3);
    let replicas = [rig.replica().await, rig.replica().await];
    let asks = (0..100).map(|n| {
        let (stores, ask) = (replicas[n % 2].clone(), of(&ask, 3));
        tokio::spawn(async move { stores.reserve(vec![ask]).await.unwrap().1 })
    });
    let taken = join_all(asks).await;
    let taken: Vec<_> = taken.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken.len(), 37);
    for reservation in taken {
        reservation.settle(&[2]);
    }
    for replica in &replicas {
        assert_eq!(replica.flush(10 * SECOND).await, 0);
    }
    assert_eq!(rig.used(&ask).await, 74);
}

async fn a_hundred_at_once_over_three_buckets_never_pass_a_limit(rig: Rig) {
    let asks = ["x", "y", "z"].map(|key| of(&bucket(key, 20), 1));
    let tries = (0..100).map(|n: usize| {
        let (stores, mut asks) = (rig.stores.clone(), asks.clone());
        asks.rotate_left(n % 3);
        tokio::spawn(async move { stores.reserve(asks.to_vec()).await.unwrap().1 })
    });
    let taken = join_all(tries).await;
    let taken: Vec<_> = taken.into_iter().filter_map(Result::unwrap).collect();
    assert!(taken.len() <= 20);
    if rig.state.redis.as_ref().is_none_or(|redis| !redis.cluster) {
        assert_eq!(taken.len(), 20);
    }
    for ask in &asks {
        assert_eq!(rig.used(ask).await, taken.len() as u64, "{}", ask.key);
    }
}

async fn what_buckets_say_is_the_sum_of_what_was_settled(rig: Rig) {
    let asks = [
        bucket("sum", MOST),
        within(&bucket("sum", MOST), Window::Sliding(HOUR)),
        within(&bucket("sum", MOST), Window::Month { offset: -180 }),
    ];
    let mut sum = 0;
    for n in 0..60_u64 {
        let estimate = asks.clone().map(|ask| of(&ask, n * 7 % 50));
        let (_, taken) = rig.stores.reserve(estimate.to_vec()).await.unwrap();
        let truth = n * 13 % 60;
        if n % 5 != 0 {
            taken.unwrap().settle(&[truth; 3]);
            sum += truth;
        }
    }
    for ask in asks {
        assert_eq!(rig.used(&ask).await, sum, "{:?}", ask.window);
    }
}

async fn a_reservation_that_is_dropped_gives_everything_back(rig: Rig) {
    let ask = bucket("dropped", 10);
    let taken = rig.take(&of(&ask, 10)).await.unwrap();
    assert_eq!(rig.used(&ask).await, 10);
    drop(taken);
    assert_eq!(rig.used(&ask).await, 0);
    // The future of a request that goes away.
    let taken = rig.take(&of(&ask, 10)).await.unwrap();
    let task = tokio::spawn(async move {
        let _taken = taken;
        std::future::pending::<()>().await;
    });
    task.abort();
    let _ = task.await;
    assert_eq!(rig.used(&ask).await, 0);
}

async fn what_cannot_ever_be_granted_says_so(rig: Rig) {
    for window in [
        Window::Bucket(MINUTE),
        Window::Sliding(MINUTE),
        Window::Day { offset: 0 },
    ] {
        let ask = within(&bucket("never", 10), window);
        let (standings, none) = rig.stores.reserve(vec![of(&ask, 11)]).await.unwrap();
        assert!(none.is_none());
        assert_eq!(
            (standings[0].granted, standings[0].wait),
            (false, None),
            "{window:?}"
        );
    }
}

async fn a_soft_ask_is_counted_and_never_says_no(rig: Rig) {
    let soft = Ask {
        soft: true,
        ..bucket("soft", 10)
    };
    for sum in [8, 16, 24] {
        let (standings, taken) = rig.stores.reserve(vec![of(&soft, 8)]).await.unwrap();
        assert!(standings[0].granted);
        assert_eq!((standings[0].used, standings[0].limit), (sum, 10));
        taken.unwrap().settle(&[8]);
    }
    let hard = bucket("hard", 1);
    let (standings, none) = rig
        .stores
        .reserve(vec![of(&soft, 8), of(&hard, 2)])
        .await
        .unwrap();
    assert!(none.is_none() && standings[0].granted);
    assert_eq!(rig.used(&soft).await, 24);
}

async fn a_stream_that_outgrows_its_reservation_takes_more_while_there_is_room(rig: Rig) {
    let (ask, day) = (
        within(&bucket("stream", 100), Window::Sliding(MINUTE)),
        within(&bucket("stream", 100), Window::Day { offset: 0 }),
    );
    let asks = [of(&ask, 30), of(&day, 30)];
    let mut taken = rig.stores.reserve(asks.to_vec()).await.unwrap().1.unwrap();
    assert!(taken.extend(0, 30).await);
    rig.advance(10 * SECOND);
    assert!(taken.extend(0, 40).await);
    assert!(!taken.extend(0, 1).await);
    assert!(!taken.extend(7, 1).await);
    assert_eq!(taken.amounts().collect::<Vec<_>>(), [100, 30]);
    assert_eq!((rig.used(&ask).await, rig.used(&day).await), (100, 30));
    // Less than was taken: the last part goes back first.
    taken.settle(&[65, 31]);
    assert_eq!((rig.used(&ask).await, rig.used(&day).await), (65, 31));
    rig.advance(54 * SECOND);
    assert_eq!(rig.used(&ask).await, 5);
}

async fn a_bucket_refills_evenly(rig: Rig) {
    let ask = within(&bucket("even", 600), Window::Bucket(MINUTE));
    rig.take(&of(&ask, 600)).await.unwrap().settle(&[600]);
    assert_eq!(rig.used(&ask).await, 600);
    let (standings, none) = rig.stores.reserve(vec![of(&ask, 100)]).await.unwrap();
    assert!(none.is_none());
    assert_eq!(standings[0].wait, Some(10 * SECOND));
    assert_eq!(standings[0].reset, MINUTE);
    rig.advance(10 * SECOND);
    rig.take(&of(&ask, 100)).await.unwrap().settle(&[100]);
    rig.advance(MINUTE - Duration::from_millis(1));
    assert_eq!(rig.used(&ask).await, 1);
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.used(&ask).await, 0);
}

async fn a_sliding_window_forgets_slice_by_slice(rig: Rig) {
    let ask = within(&bucket("slices", 10), Window::Sliding(20 * SECOND));
    rig.take(&of(&ask, 4)).await.unwrap().settle(&[4]);
    rig.advance(5 * SECOND);
    rig.take(&of(&ask, 6)).await.unwrap().settle(&[6]);
    let standing = rig.look(&of(&ask, 5)).await;
    assert!(!standing.granted);
    // The first slice is a second long and leaves as a whole; five need the second one as well.
    assert_eq!(standing.wait, Some(21 * SECOND));
    assert_eq!(rig.look(&of(&ask, 4)).await.wait, Some(16 * SECOND));
    rig.advance(16 * SECOND - Duration::from_millis(1));
    assert_eq!(rig.used(&ask).await, 10);
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.used(&ask).await, 6);
    rig.advance(5 * SECOND);
    assert_eq!(rig.used(&ask).await, 0);
}

async fn a_day_a_week_and_a_month_begin_anew(rig: Rig) {
    let half_day = 12 * HOUR;
    for (window, ends) in [
        (Window::Day { offset: 0 }, half_day),
        (Window::Day { offset: 120 }, 10 * HOUR),
        (Window::Week { offset: 0 }, half_day + 4 * 24 * HOUR), // from Wednesday noon
        (Window::Month { offset: 0 }, half_day + 20 * 24 * HOUR), // from 11 March
    ] {
        rig.clock.store(NOON, std::sync::atomic::Ordering::Relaxed);
        let ask = within(&bucket("calendar", 10), window);
        rig.take(&of(&ask, 10)).await.unwrap().settle(&[10]);
        let standing = rig.look(&of(&ask, 1)).await;
        assert_eq!((standing.reset, standing.wait), (ends, Some(ends)));
        rig.advance(ends - Duration::from_millis(1));
        assert_eq!(rig.used(&ask).await, 10, "{window:?}");
        rig.advance(Duration::from_millis(1));
        assert_eq!(rig.used(&ask).await, 0, "{window:?}");
    }
}

async fn what_is_settled_after_midnight_is_charged_to_the_day_it_began_in(rig: Rig) {
    let ask = within(&bucket("midnight", 100), Window::Day { offset: 0 });
    let late = rig.take(&of(&ask, 40)).await.unwrap();
    let dropped = rig.take(&of(&ask, 10)).await.unwrap();
    rig.advance(13 * HOUR);
    let new = rig.take(&of(&ask, 20)).await.unwrap();
    late.settle(&[90]);
    drop(dropped);
    assert_eq!(rig.used(&ask).await, 20);
    new.settle(&[5]);
    assert_eq!(rig.used(&ask).await, 5);
}

async fn a_bucket_asked_twice_in_a_call_counts_twice(rig: Rig) {
    let ask = bucket("twice", 10);
    let both = [of(&ask, 6), of(&ask, 5)];
    let (standings, none) = rig.stores.reserve(both.to_vec()).await.unwrap();
    assert!(none.is_none() && standings[0].granted && !standings[1].granted);
    assert_eq!(rig.used(&ask).await, 0);
    let both = [of(&ask, 6), of(&ask, 4)];
    let taken = rig.stores.reserve(both.to_vec()).await.unwrap().1.unwrap();
    assert_eq!(rig.used(&ask).await, 10);
    taken.settle(&[1, 2]);
    assert_eq!(rig.used(&ask).await, 3);
}

async fn one_key_with_two_windows_is_two_buckets(rig: Rig) {
    let (minute, hour) = (
        within(&bucket("k", 10), Window::Bucket(MINUTE)),
        within(&bucket("k", 10), Window::Bucket(HOUR)),
    );
    rig.take(&of(&minute, 10)).await.unwrap().settle(&[10]);
    assert_eq!((rig.used(&minute).await, rig.used(&hour).await), (10, 0));
}

async fn a_changed_limit_goes_on_with_what_is_used(rig: Rig) {
    let ask = bucket("changed", 100);
    rig.take(&of(&ask, 60)).await.unwrap().settle(&[60]);
    let less = Ask {
        limit: 50,
        ..ask.clone()
    };
    let standing = rig.look(&of(&less, 0)).await;
    assert_eq!((standing.used, standing.granted), (60, false));
    let more = Ask { limit: 200, ..ask };
    assert!(rig.look(&of(&more, 140)).await.granted);
}

async fn looking_takes_nothing(rig: Rig) {
    let ask = bucket("look", 10);
    for _ in 0..20 {
        let standing = rig.look(&of(&ask, 10)).await;
        assert_eq!((standing.used, standing.granted), (0, true));
    }
    assert!(rig.take(&of(&ask, 10)).await.is_some());
}

async fn a_bucket_that_was_reset_begins_anew_and_owes_nothing_to_the_past(rig: Rig) {
    let ask = bucket("reset", 10);
    let past = rig.take(&of(&ask, 10)).await.unwrap();
    assert!(rig.stores.reset(&ask.name()).await.unwrap());
    assert_eq!(rig.used(&ask).await, 0);
    let present = rig.take(&of(&ask, 9)).await.unwrap();
    past.settle(&[4]);
    assert_eq!(rig.used(&ask).await, 9);
    present.settle(&[7]);
    assert_eq!(rig.used(&ask).await, 7);
    assert!(!rig.stores.reset("nobody's").await.unwrap());
}

async fn names_of_any_shape_are_buckets_of_their_own(rig: Rig) {
    let long = "l".repeat(512);
    let names = [
        "",
        "}",
        "{}",
        "{a}",
        "{a}b",
        "a}b{c",
        "%7D",
        "%",
        "tenant=São Paulo",
        "a b",
        "a\r\nb",
        "a\0b",
        "#",
        &long,
    ];
    let asks: Vec<Ask> = names.iter().map(|name| bucket(name, 100)).collect();
    for (n, ask) in asks.iter().enumerate() {
        let taken = rig.take(&of(ask, n as u64 + 1)).await;
        taken.unwrap().settle(&[n as u64 + 1]);
    }
    for (n, ask) in asks.iter().enumerate() {
        assert_eq!(rig.used(ask).await, n as u64 + 1, "{:?}", ask.key);
    }
    // All of them in one call.
    let all: Vec<Ask> = asks.iter().map(|ask| of(ask, 50)).collect();
    assert!(rig.stores.reserve(all.to_vec()).await.unwrap().1.is_some());
}

async fn the_largest_amounts_are_counted_exactly(rig: Rig) {
    let most = within(&bucket("most", u64::MAX), Window::Day { offset: 0 });
    let taken = rig.take(&of(&most, u64::MAX)).await.unwrap();
    assert_eq!(taken.amounts().collect::<Vec<_>>(), [MOST]);
    taken.settle(&[MOST - 1]);
    assert_eq!(rig.used(&most).await, MOST - 1);
    assert!(rig.take(&of(&most, 1)).await.is_some());
    // 10^15 in 999,983 ms: what a millisecond drains is no whole number, and the products need 80
    // bits.
    let odd = within(
        &bucket("odd", 1_000_000_000_000_000),
        Window::Bucket(Duration::from_millis(999_983)),
    );
    rig.take(&of(&odd, odd.limit))
        .await
        .unwrap()
        .settle(&[odd.limit]);
    for _ in 0..7 {
        rig.advance(Duration::from_millis(12_345));
        rig.take(&of(&odd, 0)).await.unwrap().settle(&[0]);
    }
    let drained = 7 * 12_345 * 1_000_000_000_000_000_u128 / 999_983;
    assert_eq!(
        u128::from(rig.used(&odd).await),
        1_000_000_000_000_000 - drained
    );
}

async fn no_ask_is_granted_at_once(rig: Rig) {
    let (standings, taken) = rig.stores.reserve(vec![]).await.unwrap();
    assert!(standings.is_empty());
    taken.unwrap().settle(&[]).done().await;
    assert!(rig.stores.peek(vec![]).await.unwrap().is_empty());
}

async fn the_figures_list_what_was_used(rig: Rig) {
    let ask = bucket("policy/tenant=a", 100);
    rig.take(&of(&ask, 9))
        .await
        .unwrap()
        .settle(&[7])
        .done()
        .await;
    until("unsettled falls", async || {
        rig.stores.snapshot().await.unsettled == 0
    })
    .await;
    let figures = rig.stores.snapshot().await;
    assert!(figures.reachable && figures.unsettled == 0);
    let one = figures
        .buckets
        .iter()
        .find(|b| b.name == ask.name())
        .unwrap();
    assert_eq!((one.used, one.limit), (7, 100));
    assert_eq!(one.reset_ms, 252_000);
    assert_eq!(figures.buckets_known, 1);
    assert!(
        serde_json::to_string(&figures)
            .unwrap()
            .contains("\"buckets_known\":1")
    );
}
