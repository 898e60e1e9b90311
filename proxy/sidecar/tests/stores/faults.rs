//! The server is slow, gone, full, locked, back.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use outrigger::{
    config::{Degrade, Secret, State},
    state::{Clock, Stores, Unavailable, Window},
};
use sandbox::capabilities::{limits::Limits as _, values};
use tokio::time::Instant;

use super::{Rig, SECOND, bucket, lossy::Wire, of, servers::Server, until, with, within};

/// A time-out that is short, and that a healthy server on a busy machine still keeps to.
const SHORT: Duration = Duration::from_millis(200);

fn short(state: State) -> State {
    State {
        timeout: SHORT,
        ..state
    }
}

/// The value of a metric, all its labels together as they stand in the text.
fn metric(name: &str) -> u64 {
    let text = outrigger::telemetry::metrics::render();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or(0)
}

#[tokio::test]
async fn a_store_that_stands_still_costs_its_timeout_then_nothing_and_heals_by_itself() {
    let server = Arc::new(Server::alone(&[]));
    let state = with(short(server.state()), Degrade::Block);
    let rig = Rig::of(state, Some(Arc::clone(&server))).await;
    let ask = of(&bucket("paused", 1000), 10);
    let counted = metric("outrigger_store_degraded_total{store=\"limits\",action=\"block\"}");
    let reserved = rig.take(&ask).await.unwrap();

    server.pause();
    for _ in 0..3 {
        let began = Instant::now();
        let answer = rig.stores.reserve(vec![ask.clone()]).await;
        assert_eq!(answer.err(), Some(Unavailable));
        let took = began.elapsed();
        assert!(took >= SHORT / 2 && took < 5 * SHORT, "{took:?}");
    }
    let began = Instant::now();
    for _ in 0..200 {
        assert!(rig.stores.reserve(vec![ask.clone()]).await.is_err());
        assert!(rig.stores.peek(vec![ask.clone()]).await.is_err());
    }
    assert!(began.elapsed() < SHORT, "{:?}", began.elapsed());
    assert!(!rig.stores.snapshot().await.reachable);
    let counted =
        metric("outrigger_store_degraded_total{store=\"limits\",action=\"block\"}") - counted;
    assert!(counted >= 403, "{counted}");
    assert!(metric("outrigger_store_faults_total{store=\"limits\",reason=\"slow\"}") >= 3);
    // Settling never waits.
    let began = Instant::now();
    reserved.settle(&[7]);
    assert!(began.elapsed() < SHORT / 10);

    server.go_on();
    assert!(rig.stores.ready(30 * SECOND).await);
    until("a reservation", async || {
        let answer = rig.stores.reserve(vec![ask.clone()]).await;
        answer.is_ok_and(|(_, taken)| taken.is_some())
    })
    .await;
    // The three that the server executed when it woke up were taken back.
    assert_eq!(rig.used(&ask).await, 7);
}

#[tokio::test]
async fn replicas_keep_to_their_share_while_the_store_is_gone_and_it_learns_what_they_used() {
    let mut server = Server::alone(&["--appendonly", "yes", "--appendfsync", "always"]);
    let state = State {
        replicas: 4,
        degrade: Degrade::Share,
        ..short(server.state())
    };
    let rig = Rig::of(state, None).await;
    let ask = within(&bucket("share", 100), Window::Day { offset: 0 });
    rig.take(&of(&ask, 20))
        .await
        .unwrap()
        .settle(&[20])
        .done()
        .await;

    server.kill();
    let mut granted = 0;
    loop {
        let (standings, taken) = rig.stores.reserve(vec![of(&ask, 1)]).await.unwrap();
        let Some(taken) = taken else {
            assert!(standings[0].wait.is_some());
            break;
        };
        taken.settle(&[1]);
        granted += 1;
        assert!(granted < 100);
    }
    // A quarter of the limit, of which a quarter of what was used is gone.
    assert_eq!(granted, 20);
    let (standings, none) = rig.stores.reserve(vec![of(&ask, 40)]).await.unwrap();
    assert!(none.is_none());
    assert_eq!((standings[0].limit, standings[0].wait), (25, Some(SECOND)));
    assert!(rig.stores.snapshot().await.unsettled >= 20);

    server.restart();
    assert!(rig.stores.ready(30 * SECOND).await);
    assert_eq!(rig.used(&ask).await, 40);
    // The share is forgotten: the whole limit is there again.
    assert!(rig.take(&of(&ask, 60)).await.is_some());
}

#[tokio::test]
async fn skip_lets_everything_through_and_still_counts_it() {
    let mut server = Server::alone(&["--appendonly", "yes", "--appendfsync", "always"]);
    let rig = Rig::of(with(short(server.state()), Degrade::Skip), None).await;
    let ask = bucket("skip", 10);
    let before = rig.take(&of(&ask, 10)).await.unwrap();
    server.kill();
    for _ in 0..5 {
        let mut taken = rig.take(&of(&ask, 10)).await.unwrap();
        assert!(taken.extend(0, 100).await);
        taken.settle(&[9]);
    }
    assert!(rig.stores.peek(vec![of(&ask, 10)]).await.unwrap()[0].granted);
    before.settle(&[8]);
    server.restart();
    assert!(rig.stores.ready(30 * SECOND).await);
    assert_eq!(rig.used(&ask).await, 8 + 5 * 9);
}

#[tokio::test]
async fn a_full_store_still_takes_settlements_and_says_so_for_the_rest() {
    let server = Arc::new(Server::alone(&["--maxmemory-policy", "noeviction"]));
    let state = with(short(server.state()), Degrade::Block);
    let rig = Rig::of(state, Some(Arc::clone(&server))).await;
    let ask = bucket("full", 100);
    let reserved = rig.take(&of(&ask, 50)).await.unwrap();
    let mut redis = server.connection();
    let mut memory = |bytes: &str| {
        let _: () = redis::cmd("CONFIG")
            .arg(&["SET", "maxmemory", bytes])
            .query(&mut redis)
            .unwrap();
    };
    memory("1");
    let full = metric("outrigger_store_faults_total{store=\"limits\",reason=\"full\"}");
    assert!(rig.stores.reserve(vec![of(&ask, 1)]).await.is_err());
    assert!(metric("outrigger_store_faults_total{store=\"limits\",reason=\"full\"}") > full);
    let values = rig.values();
    let set = values.set("p", "k", Bytes::from_static(b"v"), Duration::ZERO);
    assert_eq!(set.await, Err(values::Error::Full));
    let put = rig
        .stores
        .replies()
        .put("p", "k", Bytes::from_static(b"v"), Duration::ZERO);
    assert!(put.await.is_err());
    reserved.settle(&[30]).done().await;
    assert_eq!(rig.used(&ask).await, 30);
    assert!(rig.stores.snapshot().await.reachable);

    memory("0");
    assert!(rig.take(&of(&ask, 70)).await.is_some());
}

#[tokio::test]
async fn a_wrong_password_degrades_until_it_is_right() {
    let server = Arc::new(Server::alone(&["--requirepass", "right"]));
    let mut state = short(server.state());
    state.redis.as_mut().unwrap().password = Some(Secret::new("wrong".into()));
    let state = with(state, Degrade::Block);
    let stores = Stores::new(&state, Clock::Wall).unwrap();
    assert!(!stores.ready(SECOND).await);
    let ask = of(&bucket("locked", 10), 1);
    let asks = vec![ask];
    assert_eq!(stores.reserve(asks.clone()).await.err(), Some(Unavailable));
    assert_eq!(
        super::values(&stores).get("p", "k").await,
        Err(values::Error::Unavailable)
    );

    let client =
        redis::Client::open(format!("redis://:right@127.0.0.1:{}", server.port())).unwrap();
    let mut connection = client.get_connection().unwrap();
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "wrong"])
        .query(&mut connection)
        .unwrap();
    assert!(stores.ready(30 * SECOND).await);
    assert!(stores.reserve(asks.clone()).await.unwrap().1.is_some());
}

#[tokio::test]
async fn a_user_of_an_access_list_needs_no_more_than_its_keys_and_scripts() {
    let server = Arc::new(Server::alone(&[]));
    let mut state = server.state();
    let redis = state.redis.as_mut().unwrap();
    (redis.user, redis.password) = (Some("app".into()), Some(Secret::new("secret".into())));
    let rule = format!(
        "SETUSER app on >secret ~{}:* +@read +@write +@scripting +@connection -@dangerous +time",
        redis.prefix
    );
    let _: () = redis::cmd("ACL")
        .arg(rule.split(' ').collect::<Vec<_>>())
        .query(&mut server.connection())
        .unwrap();
    let rig = Rig::of(state, Some(server)).await;
    let ask = bucket("acl", 10);
    rig.take(&of(&ask, 4)).await.unwrap().settle(&[3]);
    assert_eq!(rig.used(&ask).await, 3);
    assert_eq!(rig.values().increment("p", "n", 1, SECOND).await, Ok(1));
}

#[tokio::test]
async fn a_store_that_is_always_slow_is_used_no_more_until_it_is_quick() {
    let server = Arc::new(Server::alone(&[]));
    let wire = Wire::to(server.port()).await;
    let rig = Rig::of(
        with(short(wire.state(&server)), Degrade::Skip),
        Some(server),
    )
    .await;
    let ask = of(&bucket("slow", 10), 1);
    wire.delay
        .store(3 * SHORT.as_millis() as u64, Ordering::Relaxed);
    until("it is given up", async || {
        let _ = rig.take(&ask).await;
        !rig.stores.snapshot().await.reachable
    })
    .await;
    let began = Instant::now();
    for _ in 0..100 {
        assert!(rig.take(&ask).await.is_some());
    }
    assert!(began.elapsed() < SHORT, "{:?}", began.elapsed());
    wire.delay.store(0, Ordering::Relaxed);
    assert!(rig.stores.ready(30 * SECOND).await);
    assert_eq!(rig.used(&ask).await, 0);
}

#[tokio::test]
async fn a_cluster_with_a_node_that_stands_still_costs_the_timeout_at_most_and_loses_nothing() {
    let server = Arc::new(Server::cluster());
    let state = with(short(server.state()), Degrade::Share);
    let rig = Rig::of(state, Some(Arc::clone(&server))).await;
    let asks: Vec<_> = (0..30)
        .map(|n| {
            within(
                &bucket(&format!("tenant {n}"), 100),
                Window::Day { offset: 0 },
            )
        })
        .collect();
    for ask in &asks {
        rig.take(&of(ask, 10)).await.unwrap().settle(&[1]);
    }
    assert_eq!(rig.used(&asks[0]).await, 1);
    server.pause_one();
    for pair in asks.chunks(2) {
        let began = Instant::now();
        let pair: Vec<_> = pair.iter().map(|ask| of(ask, 10)).collect();
        let (_, taken) = rig.stores.reserve(pair.to_vec()).await.unwrap();
        assert!(began.elapsed() < 5 * SHORT, "{:?}", began.elapsed());
        taken.unwrap().settle(&[2, 2]);
    }
    server.go_on();
    for ask in &asks {
        until("the node serves", async || {
            rig.stores.ready(SECOND).await && rig.used(ask).await == 3
        })
        .await;
    }
}

#[tokio::test]
async fn scripts_that_the_server_has_forgotten_are_sent_again() {
    let rig = Rig::redis().await;
    let ask = bucket("scripts", 10);
    rig.take(&of(&ask, 1)).await.unwrap().settle(&[1]);
    assert_eq!(rig.used(&ask).await, 1);
    let mut redis = rig.server.as_ref().unwrap().connection();
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query(&mut redis).unwrap();
    rig.take(&of(&ask, 1)).await.unwrap().settle(&[1]);
    assert_eq!(rig.used(&ask).await, 2);
    assert_eq!(rig.values().increment("p", "n", 1, SECOND).await, Ok(1));
}

#[tokio::test]
async fn a_key_that_somebody_else_has_written_to_stops_neither_exchanges_nor_settlements() {
    let server = super::servers::shared();
    let rig = Rig::of(with(server.state(), Degrade::Share), Some(server)).await;
    let ask = bucket("foreign", 10);
    let reserved = rig.take(&of(&ask, 1)).await.unwrap();
    let other = rig.take(&of(&bucket("other", 10), 1)).await.unwrap();
    let key = format!(
        "{}:b:{{{}}}",
        rig.state.redis.as_ref().unwrap().prefix,
        ask.name()
    );
    let mut redis = rig.server.as_ref().unwrap().connection();
    let _: () = redis::cmd("SET")
        .arg(&[&key, "mine"])
        .query(&mut redis)
        .unwrap();
    // `share` with one replica: the whole limit, in memory.
    assert!(rig.take(&of(&ask, 1)).await.is_some());
    let refused = metric("outrigger_store_dropped_total{store=\"limits\",reason=\"refused\"}");
    reserved.settle(&[1]).done().await;
    other.settle(&[1]).done().await;
    assert!(metric("outrigger_store_dropped_total{store=\"limits\",reason=\"refused\"}") > refused);
    assert_eq!(rig.used(&bucket("other", 10)).await, 1);
}

#[tokio::test]
async fn tls_with_its_own_roots_and_a_password_works_and_other_roots_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (
        directory.path().join("c.pem"),
        directory.path().join("k.pem"),
    );
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let port = super::servers::free_port();
    let (c, k) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let port_text = port.to_string();
    let server = Arc::new(Server::alone(&[
        "--tls-port",
        &port_text,
        "--tls-cert-file",
        c,
        "--tls-key-file",
        k,
        "--tls-auth-clients",
        "no",
        "--requirepass",
        "secret",
    ]));
    let mut state = server.state();
    let redis = state.redis.as_mut().unwrap();
    redis.nodes = vec![("localhost".to_owned(), port)];
    (redis.tls, redis.password) = (true, Some(Secret::new("secret".into())));
    let distrustful = Stores::new(&state, Clock::Wall).unwrap();
    assert!(
        !distrustful.ready(SECOND).await,
        "the built-in roots know nothing of it"
    );
    state.redis.as_mut().unwrap().roots = Some(made.cert.pem().into_bytes());
    let rig = Rig::of(state, Some(server)).await;
    let ask = bucket("tls", 10);
    rig.take(&of(&ask, 4)).await.unwrap().settle(&[3]);
    assert_eq!(rig.used(&ask).await, 3);
    assert_eq!(rig.values().increment("p", "n", 2, SECOND).await, Ok(2));
}
