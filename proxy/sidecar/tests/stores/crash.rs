//! Replicas and servers that are killed in the middle of their work.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use outrigger::{
    config::{Degrade, Redis, State},
    state::{Ask, Clock, Window},
};
use sandbox::capabilities::limits::Limits as _;

use super::{
    Rig, SECOND, bucket, of, ready,
    servers::{self, Server},
    until, within,
};

/// The variable that names the child's store.
const STORE: &str = "OUTRIGGER_TEST_STORE";
const LAPSE: Duration = Duration::from_secs(2);

fn ask() -> Ask {
    within(&bucket("crash", 1 << 40), Window::Month { offset: 0 })
}

/// Not a test of its own: what `a_replica_that_is_killed…` runs as another process, and kills.
#[tokio::test]
async fn replica() {
    let Ok(store) = std::env::var(STORE) else {
        return;
    };
    let (port, prefix) = store.split_once(' ').unwrap();
    let state = State {
        redis: Some(Redis {
            nodes: vec![("127.0.0.1".to_owned(), port.parse().unwrap())],
            cluster: false,
            tls: false,
            database: 0,
            user: None,
            password: None,
            roots: None,
            prefix: prefix.to_owned(),
        }),
        timeout: SECOND,
        reservation_lapse: LAPSE,
        ..State::default()
    };
    let stores = ready(&state, Clock::Wall).await;
    for n in 0.. {
        let take = async || {
            stores
                .reserve(vec![of(&ask(), 100)])
                .await
                .unwrap()
                .1
                .unwrap()
        };
        // Some are open when it dies.
        std::mem::forget(take().await);
        let truth = n % 17 + 1;
        take().await.settle(&[truth]).done().await;
        println!("settled {truth}");
    }
}

#[tokio::test]
async fn a_replica_that_is_killed_loses_nothing_it_settled_and_its_reservations_lapse() {
    let server = servers::shared();
    let state = State {
        reservation_lapse: LAPSE,
        ..server.state()
    };
    let prefix = &state.redis.as_ref().unwrap().prefix;
    let mut sums = (0, 0);
    for kill_after in [3, 40] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "crash::replica",
                "--nocapture",
                "--test-threads",
                "1",
            ])
            .env(STORE, format!("{} {prefix}", server.port()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (lines, _) = tokio::task::spawn_blocking(move || servers::lines(child, kill_after))
            .await
            .unwrap();
        let reported: u64 = lines
            .iter()
            .map(|line| line["settled ".len()..].trim().parse::<u64>().unwrap())
            .sum();
        // One more may have been settled before it could be reported.
        sums = (
            sums.0 + reported,
            sums.1 + reported + (lines.len() as u64 % 17 + 1),
        );
    }
    let stores = ready(&state, Clock::Wall).await;
    let used = async || stores.peek(vec![ask()]).await.unwrap()[0].used;
    assert!(
        used().await > sums.1,
        "its open reservations count while they are open"
    );
    until("they lapse", async || used().await <= sums.1).await;
    let used = used().await;
    assert!(used >= sums.0, "{used} of {sums:?}");
}

#[tokio::test]
async fn a_reservation_that_lapsed_under_a_long_stream_is_still_charged_when_it_settles() {
    let server = servers::shared();
    for window in [
        Window::Bucket(100_000 * SECOND),
        Window::Sliding(3600 * SECOND),
        Window::Day { offset: 0 },
    ] {
        let rig = Rig::of(server.state(), Some(Arc::clone(&server))).await;
        let ask = within(&bucket("lapse", 1000), window);
        let [long, longer, extended] = [
            rig.take(&of(&ask, 100)).await.unwrap(),
            rig.take(&of(&ask, 100)).await.unwrap(),
            rig.take(&of(&ask, 100)).await.unwrap(),
        ];
        assert_eq!(rig.used(&ask).await, 300, "{window:?}");
        rig.advance(rig.state.reservation_lapse + SECOND);
        assert_eq!(rig.used(&ask).await, 0, "{window:?}");
        let mut extended = extended;
        assert!(extended.extend(0, 20).await);
        extended.settle(&[120]);
        long.settle(&[70]);
        assert_eq!(rig.used(&ask).await, 190, "{window:?}");
        drop(longer);
        assert_eq!(rig.used(&ask).await, 190, "{window:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_has_every_settlement_once() {
    let mut server = Server::alone(&["--appendonly", "yes", "--appendfsync", "always"]);
    let mut replicas = Vec::new();
    let state = server.state();
    for _ in 0..2 {
        let state = State {
            timeout: Duration::from_millis(200),
            degrade: Degrade::Share,
            ..state.clone()
        };
        replicas.push(ready(&state, Clock::Wall).await);
    }
    let (stop, sum) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let work: Vec<_> = (0..8)
        .map(|n: usize| {
            let (stores, stop, sum) = (replicas[n % 2].clone(), stop.clone(), sum.clone());
            tokio::spawn(async move {
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let taken = stores
                        .reserve(vec![of(&ask(), 50)])
                        .await
                        .unwrap()
                        .1
                        .unwrap();
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    count += 1;
                    let truth = count % 90;
                    sum.fetch_add(truth, Ordering::Relaxed);
                    taken.settle(&[truth]);
                }
                count
            })
        })
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let crash = move || {
            server.kill();
            std::thread::sleep(Duration::from_millis(100));
            server.restart();
            server
        };
        server = tokio::task::spawn_blocking(crash).await.unwrap();
        for stores in &replicas {
            assert!(stores.ready(30 * SECOND).await);
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut exchanges = 0;
    for task in work {
        exchanges += task.await.unwrap();
    }
    for stores in &replicas {
        assert_eq!(stores.flush(30 * SECOND).await, 0);
    }
    let used = replicas[0].peek(vec![ask()]).await.unwrap()[0].used;
    let settled = sum.load(Ordering::Relaxed);
    println!("{exchanges} exchanges over three crashes: {settled} settled, {used} in the store");
    assert_eq!(used, settled);
}

#[tokio::test]
async fn four_replicas_hold_one_limit_without_passing_it() {
    let server = servers::shared();
    let state = server.state();
    let mut replicas = Vec::new();
    for _ in 0..4 {
        replicas.push(ready(&state, Clock::Wall).await);
    }
    let ask = within(&bucket("four", 10_000), Window::Day { offset: 0 });
    let tasks: Vec<_> = (0..4 * 25)
        .map(|n: usize| {
            let (stores, ask) = (replicas[n % 4].clone(), of(&ask, 30));
            tokio::spawn(async move {
                let (mut settled, mut refused) = (0, 0);
                for truth in 0..10 {
                    match stores.reserve(vec![ask.clone()]).await.unwrap().1 {
                        Some(taken) => {
                            taken.settle(&[20 + truth]).done().await;
                            settled += 20 + truth;
                        }
                        None => refused += 1,
                    }
                }
                (settled, refused)
            })
        })
        .collect();
    let (mut settled, mut refused) = (0, 0);
    for task in tasks {
        let (s, r) = task.await.unwrap();
        (settled, refused) = (settled + s, refused + r);
    }
    let used = replicas[0].peek(vec![ask]).await.unwrap()[0].used;
    println!("four replicas: {settled} settled of 10000, {used} in the store, {refused} refused");
    assert_eq!(used, settled);
    assert!((9_900..=10_000).contains(&settled) && refused > 0);
}
