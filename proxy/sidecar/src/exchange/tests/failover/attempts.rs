//! The next step after each class of failure.

use super::*;

/// Asks once where `a` fails so and `b` serves.
async fn once(alias: &str, turn: impl Fn() -> Turn + Send + Sync + 'static) -> (Scene, Answered) {
    let scene = scene(alias, failing_at_a(turn));
    let answered = scene.ask(M).await;
    (scene, answered)
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_once_more_and_then_elsewhere() {
    let (scene, answered) = once(TWO, refused).await;
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    assert_eq!(scene.reached(), ["a", "a", "b"]);
    let expected = [
        ("a/gpt-5".into(), "refused", 0),
        ("a/gpt-5".into(), "refused", 0),
        ("b/gpt-5".into(), "success", 200),
    ];
    let record = scene.settled();
    assert_eq!(attempts(&record), expected);
    assert_eq!(record.target, "b/gpt-5");
    // The attempts before it took nothing.
    assert_eq!(tokens(&record), Some((10, 5, false)));
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn credentials_that_can_not_be_had_send_a_request_elsewhere_and_shut_nothing() {
    use crate::upstream::identity::{Cause, IdentityFailure};
    let none = || {
        Turn::Fail(SendError::Credentials(IdentityFailure {
            identity: "gcp/metadata",
            step: "asking",
            cause: Cause::Expired,
        }))
    };
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {TWO} }}\n");
    let yaml = yaml.replace("key: ka", "identity: gcp");
    let scene = scene_of(&yaml, &[], move |arrival| {
        match (&*arrival.upstream, arrival.nth) {
            ("a", 0) => none(),
            _ => good(),
        }
    });
    let theirs = "Bearer theirs";
    let answered = scene.ask_with(M, "authorization", theirs).await;
    assert_eq!(answered.status, 200);
    let expected = [
        ("a/gpt-5".into(), "credentials", 0),
        ("b/gpt-5".into(), "success", 200),
    ];
    assert_eq!(attempts(&scene.settled()), expected);
    assert_eq!(
        scene.keys(),
        ["", "kb"],
        "the caller's own key goes nowhere"
    );
    scene.assert_free();
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_refused_late_goes_elsewhere_at_once() {
    let late = || Turn::FailAfter(2, SendError::ConnectTimeout(Duration::from_secs(2)));
    let (scene, answered) = once(TWO, late).await;
    assert_eq!(answered.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_with_an_end_keeps_the_key_and_model_out_until_then() {
    let scene = scene(TWO, |arrival| match (&*arrival.upstream, arrival.nth) {
        ("a", 0) => limited("7"),
        _ => good(),
    });
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["b"]);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a"]);
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_limit_without_an_end_opens_nothing_and_bounds_what_is_in_flight() {
    let scene = scene(TWO, |arrival| match (&*arrival.upstream, arrival.nth) {
        ("a", 0) => whole(429, LIMITED),
        _ => good(),
    });
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
    assert_eq!(scene.state("a/gpt-5"), State::Closed);
    let place = scene.place("a/gpt-5");
    let key_model = place.keys[0].key_model.as_ref().unwrap();
    assert!(key_model.read(|cell| cell.limit()).is_some());
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_target_is_left_and_opens_after_a_run() {
    let (scene, answered) = once(TWO, || whole(503, BUSY)).await;
    assert_eq!(answered.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
    for _ in 0..4 {
        assert_eq!(scene.ask(M).await.status, 200);
    }
    assert_eq!(scene.state("a/gpt-5"), State::Open);
    scene.reached();
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn an_account_without_money_is_left_with_all_its_targets() {
    let yaml = format!(
        "upstreams:\n{}models: {{ m: {THREE} }}\n",
        UPSTREAMS.replace("of-b", "of-a")
    );
    let scene = scene_of(&yaml, &[], |arrival| match &*arrival.upstream {
        "c" => good(),
        _ => whole(429, NO_MONEY),
    });
    for expected in [["a", "c"].as_slice(), &["c"]] {
        assert_eq!(scene.ask(M).await.status, 200);
        assert_eq!(scene.reached(), expected);
    }
    let records = scene.records();
    assert_eq!(attempts(&records[0])[0].1, "money");
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_done_again_once_and_within_its_own_budget() {
    let (scene, answered) = once(TWO, || whole(500, BUSY)).await;
    assert_eq!(answered.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
    // One in a minute; the exchanges of this test bring in a fiftieth each.
    let answered = scene.ask(M).await;
    assert_eq!((answered.status, &*answered.body), (500, BUSY));
    assert_eq!(answered.headers["x-should-retry"], "false");
    assert_eq!(scene.reached(), ["a"]);
    sleep(Duration::from_secs(61)).await;
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_not_done_again_where_that_is_off() {
    let alias = "{ targets: [a/gpt-5, b/gpt-5], retry: { maybe_done: 0% } }";
    for turn in [
        || whole(500, BUSY),
        || Turn::Fail(SendError::Closed("reset".into())),
    ] {
        let (scene, answered) = once(alias, turn).await;
        assert!(answered.status >= 500);
        assert_eq!(scene.reached(), ["a"]);
        assert_eq!(attempts(&scene.settled())[0].1, "maybe_done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_request_is_the_apps_to_mend() {
    for status in [400, 404, 422] {
        let (scene, answered) = once(TWO, move || whole(status, BAD)).await;
        assert_eq!((answered.status, &*answered.body), (status, BAD));
        assert!(!answered.headers.contains_key("x-should-retry"));
        assert_eq!(scene.reached(), ["a"]);
        scene.assert_free();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_long_goes_to_a_larger_window() {
    const TOO_LONG: &str = r#"{"error":{"message":"long","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    let facts = "model_facts: { a/gpt-5: { window: 9000 }, b/gpt-5: { window: 9000 }, c/gpt-5: { window: 90000 } }\n";
    for (alias, expected, status) in [(THREE, ["a", "c"].as_slice(), 200), (TWO, &["a"], 400)] {
        let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {alias} }}\n{facts}");
        let scene = scene_of(&yaml, &[], failing_at_a(|| whole(400, TOO_LONG)));
        assert_eq!(scene.ask(M).await.status, status);
        assert_eq!(scene.reached(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn filtered_content_goes_elsewhere_only_where_the_operator_allows_that() {
    const FILTERED: &str = r#"{"error":{"message":"no","type":"invalid_request_error","code":"content_policy_violation"}}"#;
    let (scene, answered) = once(TWO, || whole(400, FILTERED)).await;
    assert_eq!((answered.status, &*answered.body), (400, FILTERED));
    assert_eq!(scene.reached(), ["a"]);
    let alias = "{ targets: [a/gpt-5, b/gpt-5], retry: { content_filter: true } }";
    let (scene, answered) = once(alias, || whole(400, FILTERED)).await;
    assert_eq!(answered.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_model_has_signed_is_left_out_once() {
    const SIGNED: &str = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2lnbmVk"},{"type":"text","text":"yes"}]},{"role":"user","content":"so?"}]}"#;
    const FOREIGN: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#;
    const REPLY: &str = r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5}}"#;
    let upstreams = UPSTREAMS.replace("openai", "anthropic");
    let yaml = format!("upstreams:\n{upstreams}models: {{ m: {{ targets: [a/x, b/x] }} }}\n");
    for (takes, status) in [(true, 200), (false, 400)] {
        let scene = scene_of(&yaml, &[], move |arrival| match arrival.nth {
            1 if takes => whole(200, REPLY),
            _ => whole(400, FOREIGN),
        });
        assert_eq!(scene.post("/v1/messages", SIGNED).await.status, status);
        let arrivals = scene.arrivals();
        let signed = arrivals.iter().map(|arrival| {
            let body = String::from_utf8_lossy(&arrival.body);
            (arrival.upstream.clone(), body.contains("c2lnbmVk"))
        });
        let expected = [("a".to_owned(), true), ("a".to_owned(), false)];
        assert_eq!(signed.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn where_all_attempts_are_used_up_sdks_are_not_to_make_more() {
    let scene = scene(THREE, |_| whole(503, BUSY));
    let answered = scene.ask(M).await;
    assert_eq!((answered.status, &*answered.body), (503, BUSY));
    assert_eq!(answered.headers["x-should-retry"], "false");
    assert_eq!(scene.reached(), ["a", "b", "c"]);
    let classes = attempts(&scene.settled());
    assert!(
        classes
            .iter()
            .all(|made| (made.1, made.2) == ("overload", 503))
    );
    assert_eq!(classes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn where_all_targets_are_limited_the_soonest_end_is_the_wait() {
    let scene = scene(THREE, |arrival| match &*arrival.upstream {
        "a" => limited("30"),
        "b" => limited("12"),
        _ => limited("20"),
    });
    // As long as none of them is tried again, and by the exchange after it, which tries none.
    for expected in [["a", "b", "c"].as_slice(), &[]] {
        let answered = scene.ask(M).await;
        assert_eq!(answered.status, 429);
        let wait = answered.headers["retry-after"].to_str().unwrap();
        assert_within(wait.parse().unwrap(), 12..=14);
        assert_eq!(answered.headers["x-should-retry"], "true");
        assert_eq!(scene.reached(), expected);
    }
    let refused = scene.ask(M).await;
    assert_eq!(refused.code(), "targets_limited");
    assert!(refused.body.contains("b/gpt-5"), "{}", refused.body);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_starts_from_the_callers_bytes() {
    let alias = "{ targets: [a/gpt-5-mini, b/gpt-5] }";
    let scene = scene(alias, failing_at_a(|| whole(503, BUSY)));
    assert_eq!(scene.ask(M).await.status, 200);
    let seen = scene.seen.lock();
    let as_model = |model: &str| M.replace("\"m\"", &format!("{model:?}"));
    assert_eq!(seen[0].body, as_model("gpt-5-mini"));
    assert_eq!(seen[1].body, as_model("gpt-5"));
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_kept_for_the_next_target_and_a_wires_is_not() {
    let scene = scene(TWO, |arrival| match (&*arrival.upstream, arrival.nth) {
        ("a", 0) => whole(503, BUSY),
        ("a", _) => Turn::Fail(SendError::Stale("closed".into())),
        _ => good(),
    });
    // few tokens: it has to fit the window
    let text = " ".repeat(3 << 20);
    let ask = |model: &str| {
        format!(r#"{{"model":{model:?},"messages":[{{"role":"user","content":"{text}"}}]}}"#)
    };
    let answered = scene.post("/v1/chat/completions", &ask("m")).await;
    assert_eq!(answered.status, 200);
    let bodies: Vec<_> = scene
        .seen
        .lock()
        .iter()
        .map(|seen| seen.body.clone())
        .collect();
    assert_eq!(scene.reached(), ["a", "b"]);
    assert!(bodies.iter().all(|body| *body == ask("gpt-5")));
    let answered = scene.post("/v1/chat/completions", &ask("a/gpt-5")).await;
    assert_eq!(answered.status, 502);
    assert_eq!(scene.reached(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_limited_alias_degrades_to_another() {
    let yaml = format!(
        "upstreams:\n{UPSTREAMS}models: {{ m: {{ targets: [a/gpt-5], limited: {{ degrade: n }} }}, n: {{ targets: [b/gpt-5-mini] }} }}\n"
    );
    let scene = scene_of(&yaml, &[], failing_at_a(|| limited("600")));
    for expected in [["a", "b"].as_slice(), &["b"]] {
        assert_eq!(scene.ask(M).await.status, 200);
        assert_eq!(scene.reached(), expected);
    }
    let first = &scene.records()[0];
    assert_eq!(attempts(first)[0].1, "rate");
    assert_eq!(first.target, "b/gpt-5-mini");
}

#[tokio::test(start_paused = true)]
async fn where_no_target_fits_the_app_reads_why() {
    const TOOLS: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#;
    let facts = "model_facts: { a/gpt-5: { tools: false }, b/gpt-5: { tools: false } }\n";
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {TWO} }}\n{facts}");
    let scene = scene_of(&yaml, &[], |_| good());
    let answered = scene.ask(TOOLS).await;
    assert_eq!(
        (answered.status, &*answered.code()),
        (400, "no_target_fits")
    );
    for name in ["`a/gpt-5` takes no tools", "`b/gpt-5` takes no tools"] {
        assert!(answered.body.contains(name), "{}", answered.body);
    }
    assert!(scene.reached().is_empty());
    assert_eq!(scene.ask(M).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_have_others_tried_once() {
    let alias = "{ targets: [a/gpt-5], attempts: 1 }";
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {alias} }}\n");
    let scene = scene_of(
        &yaml,
        &[Policy::TriesNow],
        failing_at_a(|| whole(503, BUSY)),
    );
    assert_eq!(scene.ask(M).await.status, 200);
    assert_eq!(scene.reached(), ["a", "b"]);
    assert_eq!(attempts(&scene.settled()).len(), 2);
    let in_vain = scene_of(&yaml, &[Policy::TriesNow], |_| whole(503, BUSY));
    let answered = in_vain.ask(M).await;
    assert_eq!((answered.status, &*answered.body), (503, BUSY));
    assert_eq!(in_vain.reached(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_policies_prefer_comes_first_and_what_they_exclude_not_at_all() {
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {THREE} }}\n");
    for (policy, expected) in [
        (Policy::Prefers, ["b", "a", "c"].as_slice()),
        (Policy::Excludes, &["b", "c"]),
    ] {
        let scene = scene_of(&yaml, &[policy], |_| whole(503, BUSY));
        assert_eq!(scene.ask(M).await.status, 503);
        let mut reached = scene.reached();
        reached.dedup();
        assert_eq!(reached, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_may_have_been_begun_is_not_begun_again() {
    for (body, reached) in [
        (
            r#"{"model":"m","input":"hi","background":true}"#,
            ["a"].as_slice(),
        ),
        (r#"{"model":"m","input":"hi"}"#, &["a", "b"]),
    ] {
        let scene = scene(TWO, failing_at_a(|| whole(500, BUSY)));
        let answered = scene.post("/v1/responses", body).await;
        assert_eq!(answered.status == 200, reached.len() == 2, "{body}");
        assert_eq!(scene.reached(), reached);
    }
}
