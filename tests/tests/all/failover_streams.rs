//! The commit point of a stream: what comes before the first content can still be failed over, and
//! nothing is ever joined to what comes after.

use std::time::Duration;

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::failover::{
    Setup, answered, ask, assert_tokens, counted, exchange, open, state, tried,
};
use outrigger_tests::provider::error_event;
use outrigger_tests::replies::{self, Api};
use outrigger_tests::wire::{self, End};
use outrigger_tests::{Act, Fault, Provider, Step, eventually};

fn two() -> (Provider, Provider) {
    (Provider::start("from-a"), Provider::start("from-b"))
}

/// The SDK that speaks an API.
fn sdk(api: Api) -> Sdk {
    match api {
        Api::Chat | Api::Responses => Sdk::OpenaiPython,
        Api::Messages => Sdk::AnthropicPython,
        Api::Gemini => Sdk::GooglePython,
    }
}

#[test]
fn an_error_inside_a_200_before_content_is_failed_over_and_nothing_of_it_is_seen() {
    for api in Api::EVERY {
        for (fault, class) in [
            (Fault::Overload, "overload"),
            (Fault::Rate(None), "rate"),
            (Fault::Money, "money"),
            (Fault::MaybeDone, "maybe_done"),
        ] {
            let (a, b) = two();
            a.now(Act::FailsInside(fault));
            let sidecar = Setup::alias(api, &[&a, &b], "").start();
            let reply = ask(&sidecar, api, true);
            answered(&reply, "from-b");
            let expected = api.events(&["from-b"]).concat();
            assert_eq!(reply.text(), expected, "{api:?} {fault:?}: b's bytes alone");
            let first = format!("a/m {class} 200");
            tried(&sidecar, 0, &[&first, "b/m success 200"]);
            assert_eq!(counted(&sidecar, "a/m"), (1, 1), "{api:?} {fault:?}");
        }
    }
}

#[test]
fn a_stream_that_breaks_before_content_is_maybe_done_and_tried_once_more() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.now(Act::BreaksInside);
        let sidecar = Setup::alias(api, &[&a, &b], "").start();
        let reply = ask(&sidecar, api, true);
        assert_eq!(reply.text(), api.events(&["from-b"]).concat(), "{api:?}");
        tried(&sidecar, 0, &["a/m maybe_done 200", "b/m success 200"]);
    }
}

#[test]
fn what_an_opened_stream_reported_of_its_cost_is_billed_to_who_opened_it() {
    // Anthropic says in its first event what the input came to.
    let (a, b) = two();
    a.now(Act::FailsInside(Fault::Overload));
    let sidecar = Setup::alias(Api::Messages, &[&a, &b], "").start();
    answered(&ask(&sidecar, Api::Messages, true), "from-b");
    assert_tokens(&sidecar, "b", (10, 5));
    assert_tokens(&sidecar, "a", (10, 1));
    let line = exchange(&sidecar, 0);
    assert_eq!(line["input_tokens"], 20, "{line}");
}

#[test]
fn every_sdk_sees_one_good_stream_where_the_first_target_failed_before_content() {
    for api in Api::EVERY {
        for act in [Act::FailsInside(Fault::Overload), Act::BreaksInside] {
            let (a, b) = two();
            a.now(act.clone());
            let sidecar = Setup::alias(api, &[&a, &b], "").start();
            let job = Job {
                retries: Some(0),
                ..Job::new(api, sidecar.base, "fast", "hi")
            };
            let outcome = &clients::run(sdk(api), &[job])[0];
            assert_eq!(outcome.error, None, "{api:?} {act:?}");
            assert_eq!(outcome.text, "from-b", "{api:?} {act:?}");
        }
    }
}

#[test]
fn an_error_after_content_is_the_apps_in_its_own_dialect_and_nothing_is_joined_to_it() {
    for api in Api::EVERY {
        for act in [
            Act::FailsAfterContent(Fault::Overload),
            Act::BreaksAfterContent,
        ] {
            let (a, b) = two();
            a.now(act.clone());
            let sidecar = Setup::alias(api, &[&a, &b], "").start();
            let reply = ask(&sidecar, api, true);
            let text = reply.text();
            assert!(text.contains("from-a"), "{api:?} {act:?}: {text}");
            assert!(!text.contains("from-b"), "{api:?} {act:?}: {text}");
            assert!(text.contains("error"), "{api:?} {act:?}: {text}");
            assert!(!text.contains("[DONE]") && !text.contains("message_stop"));
            assert_eq!((a.count(), b.count()), (1, 0), "{api:?} {act:?}");
            if matches!(act, Act::BreaksAfterContent) {
                assert_ne!(reply.end, End::Complete, "{api:?}: no clean end");
            }
            assert_eq!(counted(&sidecar, "a/m").1, 1, "{api:?} {act:?}: a failure");
            let job = Job {
                retries: Some(0),
                ..Job::new(api, sidecar.base, "fast", "hi")
            };
            let outcome = &clients::run(sdk(api), &[job])[0];
            assert!(outcome.error.is_some(), "{api:?} {act:?}: {outcome:?}");
        }
    }
}

#[test]
fn what_is_held_before_content_comes_in_order_and_unchanged() {
    for api in Api::EVERY {
        let a = Provider::start("from-a");
        let sidecar = Setup::alias(api, &[&a], "").start();
        a.now(Act::Trickles(3, Duration::from_millis(60)));
        let reply = ask(&sidecar, api, true);
        assert_eq!(reply.end, End::Complete);
        let expected = api.events(&["from-a"; 3]).concat();
        assert_eq!(reply.text(), expected, "{api:?}");
    }
}

#[test]
fn the_first_content_is_sent_on_at_once() {
    for api in Api::EVERY {
        let a = Provider::start("from-a");
        let sidecar = Setup::alias(api, &[&a], "").start();
        let events = api.events(&["from-a", "never-comes"]);
        let sent = events.into_iter().take(api.opening_events() + 1);
        let mut steps = vec![Step::Send(replies::stream_head())];
        steps.extend(sent.map(|event| Step::Send(replies::chunk(event.as_bytes()))));
        steps.push(Step::Hold);
        a.now(Act::Plays(steps));
        let mut app = open(&sidecar, api, true);
        let (status, _) = app.head().expect("a head");
        assert_eq!(status, 200);
        let mut seen = String::new();
        while !seen.contains("from-a") {
            let piece = app.chunk().expect("a chunk").expect("no end");
            seen.push_str(&String::from_utf8_lossy(&piece));
        }
        drop(app);
        eventually("the provider is let go", || a.left_early() == [0]);
    }
}

#[test]
fn a_whole_reply_that_finishes_without_content_is_no_failure() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.now(Act::Says(Vec::new()));
        let sidecar = Setup::alias(api, &[&a, &b], "").start();
        for stream in [true, false] {
            let reply = ask(&sidecar, api, stream);
            assert_eq!((reply.status, reply.end), (200, End::Complete), "{api:?}");
        }
        assert_eq!((a.count(), b.count()), (2, 0), "{api:?}");
        assert_eq!(counted(&sidecar, "a/m"), (2, 0), "{api:?}");
    }
}

#[test]
fn more_lifecycle_than_is_held_goes_to_the_app_and_commits_the_stream() {
    // `response.created` repeats instructions and tools: 300 KiB of them pass the bound in bytes;
    // a hundred empty deltas that in events.
    let large = "x".repeat(300 * 1024);
    let opened = |count: usize, text: &str| {
        let role = format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"x\":\"{text}\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}]}}\n\n"
        );
        let mut steps = vec![Step::Send(replies::stream_head())];
        steps.extend((0..count).map(|_| Step::Send(replies::chunk(role.as_bytes()))));
        let error = error_event(Api::Chat, Fault::Overload);
        steps.push(Step::Pause(Duration::from_millis(300)));
        steps.push(Step::Send(replies::chunk(error.as_bytes())));
        steps.push(Step::Send(replies::last_chunk()));
        steps
    };
    for (steps, b_calls) in [
        (opened(1, &large), 0),
        (opened(100, ""), 0),
        (opened(10, ""), 1),
    ] {
        let (a, b) = two();
        a.now(Act::Plays(steps));
        let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
        let reply = ask(&sidecar, Api::Chat, true);
        assert_eq!(reply.status, 200);
        assert_eq!(b.count(), b_calls);
        assert_eq!(reply.text().contains("overloaded"), b_calls == 0);
    }
}

#[test]
fn a_caller_who_leaves_during_the_hold_is_noticed_and_counted_neither_way() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.now(Act::HangsInside);
        let sidecar = Setup::alias(api, &[&a, &b], "").start();
        for number in 1..=6 {
            let app = open(&sidecar, api, true);
            eventually("it is asked", || a.count() == number);
            std::thread::sleep(Duration::from_millis(50));
            drop(app);
            eventually("the provider is let go", || a.left_early().len() == number);
        }
        assert_eq!(b.count(), 0, "{api:?}");
        assert_eq!(counted(&sidecar, "a/m").1, 0, "{api:?}");
        assert_eq!(state(&sidecar, "a/m"), "closed", "{api:?}");
        assert_eq!(exchange(&sidecar, 0)["client_gone"], true, "{api:?}");
    }
}

#[test]
fn a_200_with_an_error_for_a_body_where_a_stream_was_wanted_is_failed_over() {
    for api in [Api::Chat, Api::Messages] {
        let (a, b) = two();
        let error = outrigger_tests::provider::error_body(api, Fault::Overload);
        a.now(Act::Plays(vec![Step::Send(replies::json_body(&error))]));
        let sidecar = Setup::alias(api, &[&a, &b], "").start();
        answered(&ask(&sidecar, api, true), "from-b");
    }
}

#[test]
fn a_stream_is_read_by_policies_once_whoever_of_the_targets_speaks() {
    let (a, b) = two();
    a.now(Act::FailsInside(Fault::Overload));
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "")
        .with("policies:\n  directory: \"{policies}\"\n  chain: [{ use: probe, config: { upper: true } }]")
        .start();
    let reply = ask(&sidecar, Api::Chat, true);
    answered(&reply, "FROM-B");
    assert!(!reply.text().contains("overloaded"));
    let plain = wire::get(sidecar.admin, "/targets");
    assert_eq!(plain.status, 200);
}
