//! Tests of what attempts take: each is billed, and reservations see all of them.

use super::*;

const HALF: &str = r#"{"id":"c","object":"chat"#;

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_served_in_part_is_billed_beside_the_one_that_answered() {
    let broken = || reply("application/json", &[Text(HALF), Cut]);
    let scene = scene(TWO, failing_at_a(broken));
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
    let record = scene.settled();
    let [earlier] = &record.earlier[..] else {
        panic!("{:?}", record.earlier);
    };
    let taken = earlier.usage.unwrap();
    assert!(taken.estimated && taken.input > 0);
    let last = record.last_usage.unwrap();
    assert_eq!((last.input, last.output), (10, 5));
    let all = record.usage.unwrap();
    assert_eq!(all.input, taken.input + last.input);
    assert_eq!(all.output, taken.output + last.output);
    let costs = [earlier.cost, record.last_cost].map(|cost| cost.unwrap().0);
    assert_eq!(record.cost.unwrap().0, costs[0] + costs[1]);
    assert!(costs[0] > 0);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_refused_takes_nothing() {
    for turn in [
        refused,
        || limited("9"),
        || whole(503, BUSY),
        || whole(500, BUSY),
    ] {
        let scene = scene(TWO, failing_at_a(turn));
        assert_eq!(scene.ask(M).await.status, 200);
        let record = scene.settled();
        assert_eq!(tokens(&record), Some((10, 5, false)));
        assert_eq!(record.earlier[0].usage, None);
    }
}

#[tokio::test(start_paused = true)]
async fn reservations_see_all_attempts() {
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {TWO} }}\n");
    let used = async |scene: &Scene| {
        let standings = scene.stores.peek(vec![fakes::bucket(0)]).await.unwrap();
        standings[0].used
    };
    let broken = || reply("application/json", &[Text(HALF), Cut]);
    let scene = scene_of(&yaml, &[Policy::Reserves], failing_at_a(broken));
    assert_eq!(scene.ask(M).await.status, 200);
    let record = scene.settled();
    let all = record.usage.unwrap();
    assert!(all.input > 10);
    assert_eq!(used(&scene).await, all.input + all.output);
    let free = scene_of(
        &yaml,
        &[Policy::Reserves],
        failing_at_a(|| whole(503, BUSY)),
    );
    assert_eq!(free.ask(M).await.status, 200);
    assert_eq!(used(&free).await, 15);
}
