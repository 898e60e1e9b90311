//! A target on trial.

use route::canary::Metric;

use super::*;

const TRIAL: &str =
    "{ targets: [openai/gpt-5, b/gpt-5], canary: { target: new/gpt-5, share: 50% } }";
const LONG: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"length"}],"usage":{"prompt_tokens":10,"completion_tokens":500,"total_tokens":510}}"#;
const OVERLOADED: &str = r#"{"error":{"message":"busy","type":"server_error"}}"#;

#[tokio::test(start_paused = true)]
async fn a_conversation_keeps_its_arm_and_each_arm_its_share() {
    let field = Field::new(TRIAL, |_, _| whole(200, WHOLE));
    for n in 0..40 {
        for _ in 0..2 {
            assert_eq!(field.say(&format!("conversation {n}")).await.status, 200);
        }
    }
    let reached = field.reached();
    for twice in reached.chunks(2) {
        assert_eq!(twice[0], twice[1]);
    }
    let canaries = reached.iter().filter(|name| *name == "new").count() / 2;
    assert!((10..30).contains(&canaries), "{canaries}");
    assert!(!reached.contains(&"b".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn only_exchanges_with_the_tags_that_a_canary_is_for_go_there() {
    let alias = "{ targets: [{ target: openai/gpt-5, where: { plan: pro } }, b/gpt-5], canary: { target: new/gpt-5, share: 50%, where: { plan: pro } } }";
    let field = Field::new(alias, |_, _| whole(200, WHOLE));
    for n in 0..20 {
        field.say_as("free", &format!("conversation {n}")).await;
    }
    assert_eq!(field.reached(), ["b"; 20]);
    for n in 0..20 {
        field.say_as("pro", &format!("conversation {n}")).await;
    }
    let reached = &field.reached()[20..];
    let canaries = reached.iter().filter(|name| *name == "new").count();
    assert!((3..18).contains(&canaries), "{canaries}");
    assert!(!reached.contains(&"b".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn where_the_canary_fails_the_alias_serves() {
    let field = Field::new(TRIAL, |name, _| match name {
        "new" => whole(503, OVERLOADED),
        _ => whole(200, WHOLE),
    });
    for n in 0..10 {
        assert_eq!(field.say(&format!("conversation {n}")).await.status, 200);
    }
    assert!(field.reached().contains(&"new".to_owned()));
    for record in field.records() {
        assert_eq!(record.target, "openai/gpt-5");
    }
    let [canary, control] = field.state().canary.as_ref().unwrap().lock().samples();
    assert!(canary > 0 && control > 0, "{canary} {control}");
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_is_worse_gets_nothing_more_until_it_is_resumed() {
    let field = Field::new(TRIAL, |name, _| match name {
        "new" => whole(200, LONG),
        _ => whole(200, WHOLE),
    });
    let state = field.state();
    let mut conversations = 0;
    while !state.canary_rolled_back() {
        conversations += 1;
        assert!(conversations < 400, "it costs a hundred times as much");
        field.say(&format!("conversation {conversations}")).await;
    }
    field.seen.lock().clear();
    for n in 0..20 {
        field.say(&format!("later {n}")).await;
    }
    assert!(!field.reached().contains(&"new".to_owned()));
    // The same terms in a later generation: the same state.
    let again = field.shared.generation.load().targets.clone();
    let terms = field.shared.generation.load().config.models["m"].clone();
    assert!(again.alias("m", &terms).canary_rolled_back());
    assert!(state.resume_canary() && !state.canary_rolled_back());
    for n in 0..20 {
        field.say(&format!("later {n}")).await;
    }
    assert!(field.reached().contains(&"new".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn limits_and_apps_that_leave_are_no_samples() {
    let limited = Field::new(TRIAL, |name, _| match name {
        "new" => with(whole(429, OVERLOADED), "retry-after", "1"),
        _ => whole(200, WHOLE),
    });
    for n in 0..10 {
        limited.say(&format!("conversation {n}")).await;
    }
    let state = limited.state();
    let [canary, control] = state.canary.as_ref().unwrap().lock().samples();
    assert!(canary == 0 && control > 0, "{canary} {control}");
    let silent = Field::new(TRIAL, |_, _| Turn::Silence);
    for n in 0..10 {
        let text = format!("conversation {n}");
        let patience = Duration::from_secs(1);
        let left = tokio::time::timeout(patience, silent.say(&text)).await;
        assert!(left.is_err());
    }
    let state = silent.state();
    assert_eq!(state.canary.as_ref().unwrap().lock().samples(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_off_after_its_beginning_is_a_failure_of_its_target() {
    let field = Field::new(TRIAL, |name, _| match name {
        "new" => stream(&[Text(HELLO), Cut]),
        _ => stream(&[Text(HELLO), Text(STOP), Text(DONE)]),
    });
    for n in 0..10 {
        let ask = ASK_STREAM
            .replace("gpt-5", "m")
            .replace("hi", &format!("words {n}"));
        field.send(&ask).await;
    }
    let state = field.state();
    let canary = state.canary.as_ref().unwrap().lock();
    let figures = canary.figures(Metric::Failures);
    assert!(figures.pairs > 0);
    assert_eq!((figures.canary, figures.control), (1.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn another_replicas_rollback_counts_here_too() {
    let field = Field::new(TRIAL, |_, _| whole(200, WHOLE));
    field.state().roll_back_canary("another replica");
    for n in 0..20 {
        field.say(&format!("conversation {n}")).await;
    }
    assert!(field.state().canary_rolled_back());
    assert_eq!(field.reached(), ["openai"; 20]);
}
