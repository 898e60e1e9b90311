//! Turns, under paused time.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::AtomicUsize;

use route::{Class, Failure, Priority};

use super::*;
use crate::state::targets::{Pass, Targets};

const SECOND: Duration = Duration::from_secs(1);

/// A queue before one place, which is limited for so many seconds.
struct Waits {
    queue: Queue,
    places: Vec<Arc<Place>>,
}

fn limited_for(seconds: u64) -> Waits {
    named("m", seconds)
}

fn named(alias: &str, seconds: u64) -> Waits {
    let targets = Targets::default();
    let place = Arc::new(Place {
        target: targets.target("u/m"),
        keys: vec![targets.key("u", Some("k"), "of-u", Some("m"))],
    });
    if seconds > 0 {
        let failure = Failure {
            retry_after: Some(SECOND * u32::try_from(seconds).unwrap()),
            ..Failure::of(Class::Rate)
        };
        pass(&place).unwrap().fail(&failure, None, now());
    }
    let bounds = config::Queue {
        exchanges: 20,
        bytes: 1 << 20,
        tokens: 1 << 20,
        wait: SECOND * 30,
        tenant: "tenant".into(),
        priority: "priority".into(),
    };
    Waits {
        queue: Queue::new(alias, &bounds),
        places: vec![place],
    }
}

/// The value of a series, as it is scraped.
fn series(name: &str) -> Option<String> {
    let text = crate::telemetry::metrics::render();
    let mut lines = text.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

fn pass(place: &Place) -> Result<Pass, Admits> {
    Pass::enter(place, &place.keys[0], 0, SECOND * 60, now())
}

fn entry(wait: Duration) -> Entry<'static> {
    Entry {
        tenant: "",
        priority: Priority::Normal,
        tokens: 1,
        bytes: 1,
        deadline: now() + wait,
    }
}

impl Waits {
    async fn turn(&self, wait: Duration) -> Result<Turn, NoTurn> {
        self.queue.wait(entry(wait), None, &self.places, None).await
    }

    fn spawned(&self, wait: Duration) -> tokio::task::JoinHandle<Result<Turn, NoTurn>> {
        let (queue, places) = (self.queue.clone(), self.places.clone());
        tokio::spawn(async move { queue.wait(entry(wait), None, &places, None).await })
    }
}

#[tokio::test(start_paused = true)]
async fn one_after_another_has_its_turn() {
    let waits = limited_for(0);
    let mut all: Vec<_> = (0..3).map(|_| waits.spawned(SECOND * 30)).collect();
    let begun = now();
    for left in (0..3).rev() {
        // As the first has its turn, the others wait for its end.
        let turn = all.remove(0).await.unwrap().unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(waits.queue.len(), left);
        assert!(all.iter().all(|one| !one.is_finished()));
        turn.entered();
    }
    assert_eq!(now(), begun);
    assert!(waits.queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_through_while_another_is_on_its_way_in() {
    let waits = limited_for(1);
    let most = Arc::new(AtomicUsize::new(0));
    let at_once = Arc::new(AtomicUsize::new(0));
    let mut all = Vec::new();
    for _ in 0..10 {
        let (queue, places) = (waits.queue.clone(), waits.places.clone());
        let (most, at_once) = (Arc::clone(&most), Arc::clone(&at_once));
        all.push(tokio::spawn(async move {
            let turn = queue
                .wait(entry(SECOND * 30), None, &places, None)
                .await
                .unwrap();
            let number = at_once.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(number, Ordering::SeqCst);
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            at_once.fetch_sub(1, Ordering::SeqCst);
            turn.entered();
        }));
    }
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_turn_comes_with_the_end_of_the_limit() {
    let waits = limited_for(7);
    let begun = now();
    waits.turn(SECOND * 30).await.unwrap().entered();
    let waited = now() - begun;
    assert!((7..9).contains(&waited.as_secs()), "{waited:?}");
    assert!(waits.queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_too_long_hears_so_at_its_deadline() {
    let waits = limited_for(60);
    let begun = now();
    let late = waits.turn(SECOND * 4).await;
    assert_eq!(late.err(), Some(NoTurn::TooLong));
    assert_eq!((now() - begun).as_secs(), 4);
    assert!(waits.queue.is_empty());
    let none = waits.turn(Duration::ZERO).await;
    assert!(matches!(none.err(), Some(NoTurn::Full(_))));
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_frees_its_place_and_holds_up_nobody() {
    let waits = limited_for(5);
    let leaves = waits.spawned(SECOND * 30);
    tokio::task::yield_now().await;
    let stays = waits.spawned(SECOND * 30);
    tokio::task::yield_now().await;
    assert_eq!(waits.queue.len(), 2);
    leaves.abort();
    assert!(leaves.await.is_err());
    assert_eq!(waits.queue.len(), 1);
    let begun = now();
    stays.await.unwrap().unwrap().entered();
    assert!((5..7).contains(&(now() - begun).as_secs()));
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_with_its_turn_gives_it_to_the_next() {
    let waits = limited_for(0);
    let turn = waits.turn(SECOND * 30).await.unwrap();
    let next = waits.spawned(SECOND * 30);
    tokio::task::yield_now().await;
    assert!(!next.is_finished());
    drop(turn);
    let begun = now();
    next.await.unwrap().unwrap().entered();
    assert!(now() - begun <= LOOK);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_freed_wakes_the_first() {
    let waits = limited_for(0);
    let place = &waits.places[0];
    // Two in flight, of which one is limited: one may be.
    let (mut first, second) = (pass(place).unwrap(), pass(place).unwrap());
    second.fail(&Failure::of(Class::Rate), None, now());
    assert_eq!(place.admits(now(), 0), Admits::No { until: None });
    first.frees_for(&waits.queue);
    let next = waits.spawned(SECOND * 30);
    tokio::time::sleep(SECOND * 5 + LOOK / 3).await;
    assert!(!next.is_finished());
    let begun = now();
    drop(first);
    next.await.unwrap().unwrap().entered();
    assert_eq!(now(), begun, "nothing was slept through");
}

#[tokio::test(start_paused = true)]
async fn the_dispatcher_ends_with_the_last_and_begins_with_the_next() {
    let waits = limited_for(0);
    for _ in 0..50 {
        waits.turn(SECOND).await.unwrap().entered();
        // As it is about to end, or has ended.
        for _ in 0..3 {
            let turn = tokio::time::timeout(LOOK * 2, waits.turn(SECOND)).await;
            turn.unwrap().unwrap().entered();
            tokio::task::yield_now().await;
        }
    }
    tokio::time::sleep(SECOND).await;
    assert!(!waits.queue.0.is_dispatched.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn one_that_no_place_takes_is_called_now_and_then_and_others_go_past_it() {
    let waits = limited_for(0);
    let calls = Arc::new(AtomicUsize::new(0));
    let (queue, places, counted) = (
        waits.queue.clone(),
        waits.places.clone(),
        Arc::clone(&calls),
    );
    let stuck = tokio::spawn(async move {
        let (since, deadline) = (now(), now() + SECOND * 10);
        let mut before = None;
        loop {
            let entry = Entry {
                deadline,
                ..entry(SECOND)
            };
            match queue
                .wait(
                    entry,
                    before.is_some().then_some(since),
                    &places,
                    before.take(),
                )
                .await
            {
                Ok(turn) => before = Some(turn), // and could not enter
                Err(none) => return none,
            }
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    tokio::time::sleep(SECOND).await;
    for _ in 0..20 {
        let begun = now();
        waits.turn(SECOND).await.unwrap().entered();
        assert!(now() - begun <= LOOK);
    }
    let none = stuck.await.unwrap();
    assert!(matches!(none, NoTurn::TooLong | NoTurn::Full(_)));
    let calls = calls.load(Ordering::SeqCst);
    assert!((50..=200).contains(&calls), "{calls}");
    assert!(waits.queue.is_empty());
}

/// Leaves so many tokens of a place's limit for five seconds.
fn leave_room(place: &Place, remaining: u64) {
    let tokens = route::Quantity {
        remaining,
        limit: None,
        resets_in: Some(SECOND * 5),
        refills: false,
    };
    let room = route::Room {
        tokens: Some(tokens),
        ..route::Room::default()
    };
    pass(place).unwrap().learn_room(&room, now());
}

#[tokio::test(start_paused = true)]
async fn one_for_which_there_is_no_room_has_no_turn_before_there_is() {
    let waits = limited_for(0);
    leave_room(&waits.places[0], 100);
    let begun = now();
    let large = Entry {
        tenant: "another",
        tokens: 500,
        ..entry(SECOND * 30)
    };
    let large = waits.queue.wait(large, None, &waits.places, None);
    let small = async {
        tokio::time::sleep(SECOND).await;
        waits.turn(SECOND).await.unwrap().entered();
        now()
    };
    let large = async {
        large.await.unwrap().entered();
        now()
    };
    let (large, small) = tokio::join!(large, small);
    assert!(small - begun <= SECOND + LOOK, "it goes past the large one");
    let waited = large - begun;
    assert!(
        (SECOND * 5..SECOND * 5 + LOOK * 2).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_let_through_to_the_places_of_the_newest_who_came() {
    let (old, new) = (limited_for(20), limited_for(0));
    let begun = now();
    let first = old.spawned(SECOND * 30);
    tokio::time::sleep(SECOND).await;
    assert!(!first.is_finished());
    let places = new.places.clone();
    let queue = old.queue.clone();
    let second =
        tokio::spawn(async move { queue.wait(entry(SECOND * 30), None, &places, None).await });
    first.await.unwrap().unwrap().entered();
    second.await.unwrap().unwrap().entered();
    assert_eq!(now() - begun, SECOND, "at once");
    tokio::time::sleep(SECOND).await;
    assert!(old.queue.0.places.lock().is_empty(), "nobody waits");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_is_counted_once_by_the_time_since_it_came() {
    let waits = named("counted", 2);
    let since = now();
    let mut turn = waits.turn(SECOND * 30).await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(SECOND / 2).await;
        let again = (waits.queue).wait(entry(SECOND * 30), Some(since), &waits.places, Some(turn));
        turn = again.await.unwrap();
    }
    let served = r#"outrigger_queue_results_total{model="counted",result="served"}"#;
    assert_eq!(series(served), None, "in vain so far");
    turn.entered();
    assert_eq!(series(served).as_deref(), Some("1"));
    let sum = series(r#"outrigger_queue_wait_seconds_sum{model="counted"}"#);
    let sum: f64 = sum.unwrap().parse().unwrap();
    assert!((3.5..5.0).contains(&sum), "{sum}");
}
