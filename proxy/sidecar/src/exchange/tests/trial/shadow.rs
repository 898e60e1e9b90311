//! Copies whose replies no app sees.

use super::*;
use crate::{cost::NanoDollars, exchange::generation::now, telemetry::metrics};

const SHADOWED: &str =
    "{ targets: [openai/gpt-5], shadow: { target: new/gpt-5, share: 100%, usd_per_day: 1 } }";
const OTHER: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"another"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}"#;

/// The cost of copies so far.
fn spent(field: &Field) -> u64 {
    let state = field.state();
    let left = state.shadows.as_ref().unwrap().lock().left(now());
    1_000_000_000 - left
}

fn cost(input: u64, output: u64) -> u64 {
    // gpt-5: 1.25 and 10 dollars a million
    input * 1250 + output * 10_000
}

#[tokio::test(start_paused = true)]
async fn the_app_gets_its_own_reply_and_the_copys_is_paid_apart() {
    let field = Field::new(SHADOWED, |name, _| match name {
        "new" => whole(200, OTHER),
        _ => whole(200, WHOLE),
    });
    let answered = field.say("hi").await;
    assert_eq!(answered.body, WHOLE);
    field.settle_down().await;
    assert_eq!(field.reached(), ["openai", "new"]);
    assert!(field.bodies("new")[0].contains(r#""model":"gpt-5""#));
    assert_eq!(field.bodies("new"), field.bodies("openai"));
    let records = field.records();
    let [record] = &records[..] else {
        panic!("a copy is no exchange")
    };
    assert_eq!(record.target, "openai/gpt-5");
    assert_eq!(record.cost, Some(NanoDollars(cost(10, 5))));
    assert_eq!(record.attempts().count(), 1);
    assert_eq!(spent(&field), cost(1000, 500));
    let text = metrics::render();
    for series in [
        r#"outrigger_shadows_total{model="m",result="compared"}"#,
        r#"outrigger_shadow_output_ratio_count{model="m"}"#,
        r#"outrigger_shadow_cost_ratio_count{model="m"}"#,
        r#"outrigger_shadow_finish_total{model="m",same="true"}"#,
        r#"outrigger_shadow_cost_nanousd_total{model="m"}"#,
    ] {
        assert!(text.contains(series), "{series}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_exchanges_with_the_tags_that_a_shadow_is_for_are_copied() {
    let alias = "{ targets: [openai/gpt-5], shadow: { target: new/gpt-5, share: 100%, usd_per_day: 1, where: { plan: pro } } }";
    let field = Field::new(alias, |_, _| whole(200, WHOLE));
    field.say("hi").await;
    field.say_as("free", "hi").await;
    field.settle_down().await;
    assert_eq!(field.reached(), ["openai", "openai"]);
    field.say_as("pro", "hi").await;
    field.settle_down().await;
    assert_eq!(field.reached(), ["openai", "openai", "openai", "new"]);
}

#[tokio::test(start_paused = true)]
async fn no_app_waits_for_a_copy_however_it_ends() {
    for end in ["silence", "error", "cut"] {
        let field = Field::new(SHADOWED, move |name, _| match (name, end) {
            ("new", "silence") => Turn::Silence,
            ("new", "error") => whole(500, OTHER),
            ("new", _) => stream(&[Text(HELLO), Cut]),
            _ => stream(&[Text(HELLO), Text(STOP), Text(USAGE), Text(DONE)]),
        });
        let begun = Instant::now();
        let ask = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
        let answered = field.send(ask).await;
        assert!(!answered.broken && answered.body.ends_with(DONE), "{end}");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(600)).await;
        assert_eq!(field.reached(), ["openai", "new"]);
        assert_eq!(spent(&field) > 0, end != "error", "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_keeps_is_not_copied_nor_what_nobody_pays_for() {
    let field = Field::new(SHADOWED, |_, _| whole(200, WHOLE));
    field
        .send(r#"{"model":"m","store":true,"messages":[]}"#)
        .await;
    field.settle_down().await;
    assert_eq!(field.reached(), ["openai"]);
    let poor = SHADOWED.replace("usd_per_day: 1", "usd_per_day: 0.000001");
    let field = Field::new(&poor, |_, _| whole(200, WHOLE));
    field.say("hi").await;
    field.settle_down().await;
    assert_eq!(field.reached(), ["openai"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_has_sixteen_copies_under_way_at_most() {
    let field = Field::new(SHADOWED, |name, _| match name {
        "new" => Turn::Silence,
        _ => whole(200, WHOLE),
    });
    for n in 0..20 {
        field.say(&format!("words {n}")).await;
    }
    field.settle_down().await;
    assert_eq!(field.bodies("new").len(), 16);
}

#[tokio::test(start_paused = true)]
async fn a_policys_mirror_gets_a_copy_whatever_the_alias_says() {
    let unshadowed = "{ targets: [openai/gpt-5] }";
    let field = Field::with(&[Policy::Mirrors], unshadowed, |_, _| whole(200, WHOLE));
    field.say("hi").await;
    field.send(ASK).await; // a wire
    field.settle_down().await;
    assert_eq!(field.bodies("new").len(), 2);
    let generation = field.shared.generation.load();
    let left = generation.targets.mirrors().lock().left(now());
    assert_eq!(left, 1_000_000_000 - 2 * cost(10, 5));
    // One copy where policy and alias want the same.
    let both = Field::with(&[Policy::Mirrors], SHADOWED, |_, _| whole(200, WHOLE));
    both.say("hi").await;
    both.settle_down().await;
    assert_eq!(both.bodies("new").len(), 1);
}
