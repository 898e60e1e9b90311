#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use sandbox::capabilities::{
    clock::Clock as _,
    embeddings::{self, Embeddings as _},
    fetch::{Call, Error, Fetch as _},
    limits::{Ask, Limits as _, Window},
    log::{Level, Log as _},
    metrics::Meter as _,
    values::Values as _,
};

use policy::Vector;

use super::*;
use crate::{config::cases::Step, telemetry::metrics};

fn steps(yaml: &str) -> Vec<Step> {
    let text = format!("cases:\n- name: a\n  request: {{ messages: [] }}\n  steps:\n{yaml}");
    Cases::parse(&text).unwrap().cases.remove(0).steps
}

fn call(body: &str, timeout: Duration) -> Call {
    Call {
        method: http::Method::POST,
        url: "http://judge/".to_owned(),
        headers: http::HeaderMap::new(),
        body: body.to_owned().into(),
        timeout,
    }
}

#[tokio::test]
async fn answers_take_their_time_on_the_clock_of_the_case() {
    let stage = Stage::new();
    stage.begin(Some("2026-01-01".parse().unwrap()));
    let begun = stage.now_ms();
    let steps = steps(
        "  - advance: 1h\n    fetch:\n    - { url: http://judge/*, contains: bomb, body: { flagged: true } }\n\
         \x20   - { url: http://judge, status: 503, times: 1 }\n    - { url: http://judge, delay: 300ms }\n",
    );
    stage.step(&steps[0]);
    assert_eq!(stage.now_ms() - begun, 3_600_000);
    let second = Duration::from_secs(1);
    let answer = stage.send(call("a bomb", second), &[]).await.unwrap();
    assert_eq!(
        (answer.status, &*answer.body),
        (200, &b"{\"flagged\":true}"[..])
    );
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(stage.send(call("", second), &[]).await.unwrap().status, 503);
    assert_eq!(stage.send(call("", second), &[]).await.unwrap().status, 200);
    let hasty = stage.send(call("", Duration::from_millis(100)), &[]).await;
    assert!(matches!(hasty, Err(Error::Timeout)));
    assert_eq!(stage.now_ms() - begun, 3_600_400);
    assert_eq!(stage.done().calls.len(), 4);
}

#[tokio::test]
async fn each_case_begins_with_nothing_that_another_left() {
    let ask = |limit| Ask {
        key: "b".into(),
        amount: 1,
        limit,
        window: Window::Bucket(Duration::from_secs(60)),
        soft: false,
    };
    let stage = Stage::new();
    for _ in 0..2 {
        stage.begin(None);
        let (standings, taken) = stage.reserve(vec![ask(1)]).await.unwrap();
        assert!(standings[0].granted);
        assert_eq!(stage.get("p", "k").await, Ok(None));
        let minute = Duration::from_secs(60);
        stage.set("p", "k", "v".into(), minute).await.unwrap();
        assert!(stage.count("seen", 1));
        stage.write("p", Level::Warn, 0, "careful");
        assert_eq!(stage.done().lines, ["warn: careful"]);
        assert_eq!(stage.figures().len(), 1);
        drop(taken);
        stage.step(&steps("  - advance: 2m\n")[0]);
        assert_eq!(stage.get("p", "k").await, Ok(None), "its time is over");
    }
    stage.step(&steps("  - stores_fail: true\n")[0]);
    assert!(stage.reserve(vec![ask(1)]).await.is_err());
    assert!(stage.get("p", "k").await.is_err());
    assert!(!metrics::render().contains("_seen_total"));
}

#[tokio::test]
async fn texts_have_the_vectors_of_the_case_or_such_as_share_words() {
    let embed = async |stage: &Stage, texts: &[&str]| {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        stage.embed("p", texts).await
    };
    let cosine = |one: &Vector, other: &Vector| -> f32 {
        let pairs = one.numbers().iter().zip(other.numbers());
        pairs.map(|(one, other)| one * other).sum()
    };
    let stage = Stage::new();
    stage.begin(None);
    let steps = steps("  - vectors: { hi: [3, 4] }\n  - embedder_fails: true\n");
    stage.step(&steps[0]);
    let texts = [
        "hi",
        "reset my password",
        "Reset the password!",
        "weather in Lisbon",
        "?!",
    ];
    let made = embed(&stage, &texts).await.unwrap();
    assert_eq!(made[0].numbers(), [0.6, 0.8]);
    assert!(cosine(&made[1], &made[2]) > 0.6 && cosine(&made[1], &made[3]) < 0.2);
    assert!((cosine(&made[4], &made[4]) - 1.0).abs() < 1e-5);
    assert!(made.iter().all(|vector| vector.embedder() == "cases/words"));
    stage.step(&steps[1]);
    let failed = embed(&stage, &["hi"]).await;
    assert_eq!(failed, Err(embeddings::Error::Unavailable));
}
