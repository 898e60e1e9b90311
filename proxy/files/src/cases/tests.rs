#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::*;

#[test]
fn cases_read_as_the_guide_shows_them() {
    let cases = Cases::parse(
        "config: { models: [gpt-5] }\ncases:\n- name: a\n  request: { model: gpt-5, messages: [] }\n  expect: forward\n\
         - name: b\n  request: { model: x, messages: [] }\n  expect: { refuse: { status: 403 } }\n\
         - name: c\n  request: { messages: [] }\n  expect: { reply: hello }\n",
    )
    .unwrap();
    assert_eq!(cases.config, serde_json::json!({ "models": ["gpt-5"] }));
    let expected = |at: usize| cases.cases[at].steps[0].expect.as_ref().unwrap();
    assert!(matches!(expected(0), Expect::Forward));
    assert!(matches!(expected(1), Expect::Refuse(r) if r.status == Some(403)));
    assert!(matches!(expected(2), Expect::Reply(text) if text == "hello"));
}

#[test]
fn a_case_says_what_its_targets_are_and_what_becomes_of_failures() {
    let cases = Cases::parse(
        "cases:\n- name: a\n  request: { messages: [] }\n  targets: [{ name: a/m, price: { input: 0.25, output: 2 }, breaker: open }, { name: m }]\n\
         \x20 expect_prefer: [a/m]\n  expect_exclude: []\n  expect_mirror: b/m\n\
         \x20 failures: [{ status: 503, class: overload, expect: { try_now: [b/m] } }, { status: 429, class: rate, retry_after_ms: 5 }]\n",
    )
    .unwrap();
    let case = &cases.cases[0].steps[0];
    let targets = case.targets.as_ref().unwrap();
    let target = targets[0].candidate(1000, 10).unwrap();
    assert_eq!((&*target.upstream, &*target.model), ("a", "m"));
    assert_eq!(
        (&*target.breaker, target.cost_microusd),
        ("open", Some(270))
    );
    let error = targets[1].candidate(1, 1).unwrap_err();
    assert_eq!(error, "targets: `m` is no target; write UPSTREAM/MODEL");
    let failures = case.failures.as_ref().unwrap();
    let [first, second] = &failures[..] else {
        panic!("{failures:?}")
    };
    assert!(matches!(&first.expect, ExpectRescue::TryNow(names) if *names == ["b/m"]));
    assert!(matches!(second.expect, ExpectRescue::Forward));
    let failure = second.failure("a/m");
    assert_eq!(failure.attempts[0].target, "a/m");
    assert_eq!(failure.attempts[0].retry_after_ms, Some(5));
}

#[test]
fn a_case_says_what_came_of_replies_that_are_held() {
    let cases = Cases::parse(
        "cases:\n- name: a\n  request: { messages: [] }\n  hold_reply:\n\
         \x20 - { streaming: true, ended: false, texts: [{ place: assistant, text: \" \" }], expect: wait }\n\
         \x20 - { target: b/m, finish: stop, expect: { reject: empty } }\n  - {}\n",
    )
    .unwrap();
    let parts = cases.cases[0].steps[0].hold_reply.as_ref().unwrap();
    let [begun, ended, usual] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert_eq!(
        (&begun.expect, begun.texts.len()),
        (&ExpectVerdict::Wait, 1)
    );
    assert!(begun.reply("a/m").streaming && !begun.reply("a/m").ended);
    assert_eq!(ended.expect, ExpectVerdict::Reject("empty".into()));
    let reply = ended.reply("a/m");
    assert_eq!(
        (&*reply.target, reply.finish.as_deref()),
        ("b/m", Some("stop"))
    );
    assert_eq!(
        (usual.reply("a/m").ended, &usual.expect),
        (true, &ExpectVerdict::Accept)
    );
}

#[test]
fn a_step_that_does_not_say_something_has_it_from_its_case_and_the_file() {
    let cases = Cases::parse(
        "clock: 2026-02-01\nfetch: [{ url: 'http://a/*', delay: 1m }]\ncases:\n\
         - name: several\n  request: { model: m, messages: [] }\n  headers: { x-team: a }\n  steps:\n\
         \x20 - expect: forward\n  - { advance: 2h, headers: { x-team: b }, fetch: [] }\n\
         - name: one\n  clock: 2026-02-01T01:00:00Z\n  request: { messages: [] }\n",
    )
    .unwrap();
    let [several, one] = &cases.cases[..] else {
        panic!("{cases:?}")
    };
    let [first, second] = &several.steps[..] else {
        panic!("{several:?}")
    };
    let team = |step: &Step| {
        step.headers
            .as_ref()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .0
            .clone()
    };
    assert_eq!((team(first), team(second)), ("a".into(), "b".into()));
    assert_eq!(second.request, first.request);
    assert_eq!(second.advance, Some(Period(Duration::from_secs(7200))));
    let answers = |step: &Step| step.fetch.as_ref().unwrap().len();
    assert_eq!((answers(first), answers(second)), (1, 0));
    assert_eq!(several.clock, Some(Moment(1_769_904_000_000)));
    assert_eq!(one.clock, Some(Moment(1_769_907_600_000)));
}

#[test]
fn calls_are_granted_for_the_hosts_that_the_cases_answer_for() {
    let cases = |grants: &str| {
        let text = format!(
            "grants: {grants}\nfetch: [{{ url: 'http://a:80/*' }}]\ncases:\n- {{ name: a, request: {{ messages: [] }} }}\n\
             - {{ name: b, request: {{ messages: [] }}, fetch: [{{ url: 'https://b?x' }}, {{ url: 'http://a:80' }}] }}"
        );
        Cases::parse(&text).unwrap().grants()
    };
    assert_eq!(
        cases("[fetch, limits]").words(),
        ["limits", "fetch a:80", "fetch b"]
    );
    assert_eq!(cases("[limits]").words(), ["limits"]);
}

#[test]
fn an_answer_fits_by_url_method_and_text() {
    let answer = |text: &str| serde_yaml::from_str::<CaseAnswer>(text).unwrap();
    let any = answer("url: http://a/v1/*");
    let one = answer("{ url: 'http://a', method: post, contains: bomb }");
    for (answer, call, fits) in [
        (&any, ("GET", "http://a/v1/x?y", ""), true),
        (&any, ("GET", "http://a/v2", ""), false),
        (&one, ("POST", "http://a/", "a bomb"), true),
        (&one, ("GET", "http://a/", "a bomb"), false),
        (&one, ("POST", "http://a/x", "a bomb"), false),
        (&one, ("POST", "http://a", "bom"), false),
    ] {
        let (method, url, body) = call;
        assert_eq!(answer.fits(method, url, body.as_bytes()), fits, "{call:?}");
    }
}

#[test]
fn every_error_names_line_and_key() {
    for (text, parts) in [
        (
            "cases:\n- name: a\n  request: { messages: [] }\n  expects: forward\n",
            &["cases[0]", "expects", "line 4"][..],
        ),
        (
            "cases:\n- name: a\n  request: { messages: [] }\n  dialect: openai\n",
            &["cases[0].dialect", "`openai`", "openai.chat", "line 4"],
        ),
        (
            "grants:\n- limit\ncases:\n- { name: a, request: { messages: [] } }\n",
            &["grants[0]", "`limit` is no capability", "limits", "line 2"],
        ),
        (
            "clock: soon\ncases:\n- { name: a, request: { messages: [] } }\n",
            &["clock", "`soon` is no time", "line 1"],
        ),
        (
            "cases:\n- name: a\n  clock: 2026-02-29\n  request: { messages: [] }\n",
            &["cases[0].clock", "no time", "line 3"],
        ),
        (
            "cases:\n- name: a\n  request: { messages: [] }\n  steps:\n  - advance: 5\n",
            &["cases[0].steps[0].advance", "line 5"],
        ),
        (
            "cases:\n- name: a\n  request: { messages: [] }\n  fetch:\n  - url: a.example/*\n",
            &["cases[0].fetch[0].url", "no URL", "line 5"],
        ),
        (
            "cases:\n- name: a\n  request: { messages: [] }\n  expect_metrics:\n    n: many\n",
            &["cases[0].expect_metrics.n", "a number", "line 5"],
        ),
        (
            "cases:\n- name: a\n  steps:\n  - expect: forward\n",
            &[
                "case `a`",
                "`request` is missing",
                "line 4",
                "`cases[0].steps[0]`",
            ],
        ),
        (
            "cases:\n- name: a\n  request: { messages: [] }\n- name: b\n\n  request: []\n",
            &[
                "case `b`",
                "no openai.chat request",
                "line 6",
                "`cases[1].request`",
            ],
        ),
        (
            "cases:\n- name: a\n  request: { messages: [] }\n  headers:\n    a b: c\n",
            &["cases[0].headers", "`a b`", "line 5"],
        ),
        (
            "cases:\n- name: a\n  request: { messages: [] }\n  vectors:\n    hi: [0, 0]\n",
            &["cases[0].vectors", "no direction", "line 5"],
        ),
        ("\ncases: []\n", &["cases: is empty", "line 2"]),
    ] {
        let error = Cases::parse(text).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}
