//! The keys of an upstream: in turn, by room, and without those that were refused.

use super::*;

/// Two keys, the accounts of which may differ.
fn with_keys(
    accounts: [&str; 2],
    models: &str,
    answers: impl Fn(&Arrival) -> Turn + Send + Sync + 'static,
) -> Scene {
    let [one, other] = accounts;
    let yaml = format!(
        "upstreams:\n  openai: {{ dialect: openai, url: 'http://a.test/v1', keys: [{{ key: k1, account: {one} }}, {{ key: k2, account: {other} }}] }}\nmodels: {models}\n"
    );
    scene_of(&yaml, &[], answers)
}

const ALIAS: &str = "{ m: { targets: [openai/gpt-5] } }";
const PLAIN: &str = r#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test(start_paused = true)]
async fn keys_take_turns_with_and_without_an_alias() {
    for (models, ask) in [(ALIAS, M), ("{}", PLAIN)] {
        let scene = with_keys(["x", "y"], models, |_| good());
        for _ in 0..4 {
            assert_eq!(scene.ask(ask).await.status, 200);
        }
        let mut keys = scene.keys();
        assert_ne!(keys[0], keys[1]);
        assert_eq!(keys[..2], keys[2..]);
        keys.sort();
        assert_eq!(keys, ["k1", "k1", "k2", "k2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_with_more_room_comes_first() {
    let scene = with_keys(["x", "y"], ALIAS, |arrival| {
        let left = if arrival.key == "k1" {
            "9000"
        } else {
            "100000"
        };
        let turn = with(good(), "x-ratelimit-remaining-tokens", left);
        with(turn, "x-ratelimit-reset-tokens", "60s")
    });
    for _ in 0..6 {
        assert_eq!(scene.ask(M).await.status, 200);
    }
    let keys = scene.keys();
    assert_eq!(keys[2..], ["k2"; 4], "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_followed_by_the_other_and_left_out() {
    let scene = with_keys(["x", "y"], ALIAS, |arrival| match &*arrival.key {
        "k1" => whole(401, NO_KEY),
        _ => good(),
    });
    for _ in 0..6 {
        assert_eq!(scene.ask(M).await.status, 200);
    }
    let keys = scene.keys();
    let refused = keys.iter().filter(|key| *key == "k1").count();
    assert_eq!((refused, keys.len()), (1, 7), "{keys:?}");
    let records = scene.records();
    let failed = records.iter().find(|record| !record.earlier.is_empty());
    assert_eq!(attempts(failed.unwrap())[0].1, "key");
}

#[tokio::test(start_paused = true)]
async fn the_other_key_of_an_account_without_money_is_not_tried() {
    for (accounts, expected) in [(["x", "y"], 200), (["x", "x"], 429)] {
        let scene = with_keys(accounts, ALIAS, |arrival| match arrival.nth {
            0 => whole(429, NO_MONEY),
            _ => good(),
        });
        let answered = scene.ask(M).await;
        assert_eq!(answered.status, expected);
        assert_eq!(scene.keys().len(), if expected == 200 { 2 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_key_is_followed_by_the_other() {
    let scene = with_keys(["x", "y"], ALIAS, |arrival| match arrival.nth {
        0 => limited("30"),
        _ => good(),
    });
    assert_eq!(scene.ask(M).await.status, 200);
    let first = scene.keys();
    assert_eq!(first.len(), 2);
    assert_ne!(first[0], first[1]);
    for _ in 0..3 {
        assert_eq!(scene.ask(M).await.status, 200);
    }
    assert_eq!(scene.keys(), [&*first[1]; 3]);
}

#[tokio::test(start_paused = true)]
async fn where_every_key_is_refused_the_app_reads_so_and_nothing_loops() {
    let scene = with_keys(["x", "y"], ALIAS, |_| whole(401, NO_KEY));
    assert_eq!(scene.ask(M).await.status, 401);
    assert_eq!(scene.keys().len(), 2);
    let answered = scene.ask(M).await;
    assert_eq!((answered.status, &*answered.code()), (503, "targets_open"));
    assert!(scene.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_one_callers_own_key_is_nothing_against_the_next_one() {
    let yaml = "upstreams:\n  openai: { dialect: openai, url: 'http://a.test/v1' }\nmodels: { m: { targets: [openai/gpt-5], attempts: 1 } }\n";
    for (status, body) in [(402, NO_MONEY), (401, NO_KEY)] {
        let scene = scene_of(yaml, &[], move |arrival| match arrival.nth {
            0 => whole(status, body),
            _ => good(),
        });
        let one = scene.ask_with(M, "authorization", "Bearer one").await;
        assert_eq!(one.status, status);
        let other = scene.ask_with(M, "authorization", "Bearer other").await;
        assert_eq!(other.status, 200, "after {status}");
    }
    // A limit is perhaps the account's: it is kept, and not for long.
    let scene = scene_of(yaml, &[], |arrival| match arrival.nth {
        0 => limited("3600"),
        _ => good(),
    });
    assert_eq!(scene.ask(M).await.status, 429);
    assert_eq!(scene.ask(M).await.status, 429);
    sleep(Duration::from_secs(70)).await;
    assert_eq!(scene.ask(M).await.status, 200);
}
