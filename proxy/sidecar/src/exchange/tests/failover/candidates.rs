//! Tests of what policies see of the targets that a call may go to.

use dialect::{Dialect, request::Body as RequestBody};
use policy::{Call, Estimates as _};

use super::*;

fn body(words: &str) -> String {
    format!(
        r#"{{"model":"m","max_tokens":100,"messages":[{{"role":"user","content":"{words}"}}]}}"#
    )
}

/// The names of the candidates for a call that says this, as policies see them.
fn seen_by_policies(scene: &Scene, words: &str) -> Vec<String> {
    let generation = scene.shared.generation.load();
    let seen = generation.candidates(&call(body(words)));
    seen.into_iter().map(|candidate| candidate.name).collect()
}

fn call(body: String) -> Call {
    let (dialect, path) = (Dialect::OpenaiChat, "/v1/chat/completions");
    let mut read = RequestBody::wire(dialect, Bytes::from(body)).at(path);
    read.index().unwrap();
    let method = http::Method::POST;
    Call::new(
        "id".into(),
        dialect,
        method,
        path.into(),
        HeaderMap::new(),
        read,
    )
}

#[tokio::test(start_paused = true)]
async fn policies_see_targets_in_the_order_in_which_they_would_be_tried() {
    let scene = scene(
        "{ strategy: weighted, targets: [a/gpt-5, b/gpt-5, c/gpt-5] }",
        |_| good(),
    );
    let mut firsts = std::collections::BTreeSet::new();
    for n in 0..40 {
        let words: &'static str = format!("conversation {n}").leak();
        let seen = seen_by_policies(&scene, words);
        assert_eq!(seen.len(), 3);
        scene.ask(body(words).leak()).await;
        let reached = scene.reached();
        assert_eq!(seen[0], format!("{}/gpt-5", reached[0]), "{words}");
        firsts.insert(seen[0].clone());
    }
    assert_eq!(firsts.len(), 3, "each is the first of some");
}

#[tokio::test(start_paused = true)]
async fn policies_see_no_target_that_cannot_take_the_call() {
    let yaml = format!(
        "upstreams:\n{UPSTREAMS}models:\n  m: {{ targets: [{{ target: a/gpt-5, where: {{ plan: pro }} }}, b/tiny, c/gpt-5] }}\n\
         model_facts: {{ tiny: {{ window: 50 }} }}\n"
    );
    let scene = scene_of(&yaml, &[], |_| good());
    assert_eq!(seen_by_policies(&scene, "hi"), ["c/gpt-5"]);
}

#[tokio::test(start_paused = true)]
async fn policies_see_a_target_that_is_limited_behind_the_others() {
    let scene = scene(THREE, |seen| match &*seen.upstream {
        "a" => limited("40"),
        _ => good(),
    });
    assert_eq!(scene.ask(M).await.status, 200);
    let seen = seen_by_policies(&scene, "hi");
    assert_eq!(seen, ["b/gpt-5", "c/gpt-5", "a/gpt-5"]);
}

#[tokio::test(start_paused = true)]
async fn policies_see_targets_that_are_all_limited() {
    let scene = scene(TWO, |_| limited("40"));
    assert_eq!(scene.ask(M).await.status, 429);
    assert_eq!(seen_by_policies(&scene, "hi"), ["a/gpt-5", "b/gpt-5"]);
}
