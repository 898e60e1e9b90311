//! Kept and shared replies, as apps and providers see them.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::redis::Redis;
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};
use serde_json::json;

use super::config;

/// Bounded for a busy machine with a thousand connections, not for a policy that takes
/// microseconds.
const CACHE: &str = "{ use: response-cache, grants: [replies], limits: { cpu: 1s, wall: 10s }, config: { without_temperature: true, tool_calls: true } }";

fn cache() -> String {
    format!("[{CACHE}]")
}

/// Answers with a text that says which of its calls this was.
fn counting() -> Upstream {
    Upstream::start(|seen, number| {
        let api = Api::of(seen.path());
        let text = format!("answer {number}");
        if seen.json()["stream"] == true {
            replies::stream(&api.events(&["answer ", &number.to_string()]))
        } else {
            vec![Step::Send(replies::json_body(&api.whole(&text)))]
        }
    })
}

fn ask(sidecar: &Sidecar, api: Api, prompt: &str, stream: bool) -> wire::Reply {
    sidecar.post(api.path(), api.ask("m", prompt, stream).to_string())
}

/// Calls until the reply comes from the store: nobody waits for it to be kept.
fn hit(sidecar: &Sidecar, api: Api, prompt: &str, stream: bool) -> wire::Reply {
    let mut found = None;
    eventually("the reply is kept", || {
        let reply = ask(sidecar, api, prompt, stream);
        let hit = reply.header("x-outrigger-cache") == Some("hit");
        found = hit.then_some(reply);
        hit
    });
    found.unwrap()
}

#[test]
fn a_kept_reply_is_byte_exact_in_its_own_form_and_reads_the_same_in_the_other_in_every_sdk() {
    for streamed_first in [true, false] {
        let upstream = counting();
        let sidecar = Sidecar::start(&config(&upstream, &cache()));
        for api in Api::ALL {
            let first = ask(&sidecar, api, "hi", streamed_first);
            assert_eq!(first.header("x-outrigger-cache"), Some("miss"), "{api:?}");
            let calls = upstream.count();
            let again = hit(&sidecar, api, "hi", streamed_first);
            assert_eq!(again.text(), first.text(), "{api:?}");
            assert!(
                again.header("age").is_some() && again.header("x-outrigger-cache-entry").is_some()
            );
            let before = upstream.count();
            for sdk in [Sdk::OpenaiPython, Sdk::AnthropicPython] {
                if !sdk.apis().contains(&api) {
                    continue;
                }
                for stream in [true, false] {
                    let job = Job {
                        stream,
                        ..Job::new(api, sidecar.base, "m", "hi")
                    };
                    let outcome = &clients::run(sdk, &[job])[0];
                    assert_eq!(outcome.error, None, "{sdk:?} {api:?}");
                    assert!(
                        outcome.text.starts_with("answer "),
                        "{sdk:?} {api:?}: {}",
                        outcome.text
                    );
                }
            }
            // An SDK's body may differ from ours by its own defaults, but its two forms differ by
            // `stream` alone: one more call at the most.
            assert!(upstream.count() <= before.max(calls) + 1, "{api:?}");
        }
    }
}

#[test]
fn nothing_is_served_to_another_tenant_key_or_question_and_nothing_bad_is_kept() {
    let upstream = Upstream::start(|seen, number| match seen.model().as_str() {
        "broken" => vec![Step::Send(replies::whole(
            "500 Internal Server Error",
            &["content-type: application/json"],
            "{}",
        ))],
        "short" => {
            let text = Api::Chat
                .whole(&format!("answer {number}"))
                .replace("\"stop\"", "\"length\"");
            vec![Step::Send(replies::json_body(&text))]
        }
        _ => vec![Step::Send(replies::json_body(
            &Api::Chat.whole(&format!("answer {number}")),
        ))],
    });
    let sidecar = Sidecar::start(&config(&upstream, &cache()));
    let send = |headers: &[&str], body: &str| {
        let mut all = vec!["content-type: application/json"];
        all.extend(headers);
        wire::call(
            sidecar.base,
            &wire::request("POST", Api::Chat.path(), &all, body.as_bytes()),
        )
        .text()
    };
    let body = |model: &str, more: &str| {
        format!(r#"{{"model":"{model}"{more},"messages":[{{"role":"user","content":"hi"}}]}}"#)
    };
    let same = body("m", "");
    let mut answers = BTreeSet::new();
    for (headers, body) in [
        (&[][..], same.clone()),
        (&["x-outrigger-tenant: a"][..], same.clone()),
        (&["x-outrigger-tenant: b"][..], same.clone()),
        (&["authorization: Bearer sk-1"][..], same.clone()),
        (&["authorization: Bearer sk-2"][..], same.clone()),
        (&[][..], body("n", "")),
        (&[][..], body("m", r#","seed":1"#)),
        (&[][..], body("m", r#","seed":2"#)),
        (&[][..], same.replace("\"hi\"", "\"hi \"")),
        (&[][..], same.replace("user", "system")),
    ] {
        let first = send(headers, &body);
        eventually("it is kept", || send(headers, &body) == first);
        assert!(answers.insert(first), "{headers:?} {body}");
    }
    for model in ["broken", "short"] {
        let calls = upstream.count();
        for _ in 0..3 {
            send(&[], &body(model, ""));
        }
        assert_eq!(upstream.count(), calls + 3, "{model} is not kept");
    }
    let calls = upstream.count();
    send(&["cache-control: no-store"], &same);
    assert_eq!(upstream.count(), calls + 1, "the app may do without");
}

/// Streams slowly, so that others come while it is under way.
fn slow(pieces: usize) -> Upstream {
    Upstream::start(move |seen, _| {
        let events = Api::of(seen.path()).events(&vec!["word "; pieces]);
        let mut steps = vec![Step::Send(replies::stream_head())];
        for event in events {
            steps.push(Step::Send(replies::chunk(event.as_bytes())));
            steps.push(Step::Pause(Duration::from_millis(10)));
        }
        steps.push(Step::Send(replies::last_chunk()));
        steps
    })
}

#[test]
fn identical_streams_at_once_share_one_call_and_all_read_the_same_bytes() {
    let upstream = slow(300);
    let sidecar = Sidecar::start(&config(&upstream, &cache()));
    let (many, joined) = (1000, AtomicUsize::new(0));
    let start = Barrier::new(many);
    let texts: BTreeSet<String> = std::thread::scope(|scope| {
        let exchanges: Vec<_> = (0..many)
            .map(|n| {
                let (start, sidecar, joined) = (&start, &sidecar, &joined);
                scope.spawn(move || {
                    start.wait();
                    std::thread::sleep(Duration::from_millis(n as u64));
                    let reply = ask(sidecar, Api::Chat, "hi", true);
                    assert_eq!((reply.status, reply.end), (200, wire::End::Complete));
                    let how = reply.header("x-outrigger-cache").map(str::to_owned);
                    joined.fetch_add(
                        usize::from(how.as_deref() == Some("joined")),
                        Ordering::Relaxed,
                    );
                    reply.text()
                })
            })
            .collect();
        exchanges
            .into_iter()
            .map(|exchange| exchange.join().unwrap())
            .collect()
    });
    assert_eq!(upstream.count(), 1, "one call for all");
    assert_eq!(texts.len(), 1, "the same bytes for all");
    assert!(joined.into_inner() > many / 2);
}

#[test]
fn a_leader_that_leaves_or_fails_does_not_fail_those_who_joined() {
    let upstream = slow(60);
    let sidecar = Sidecar::start(&config(&upstream, &cache()));
    let body = Api::Chat.ask("m", "hi", true).to_string();
    let open = || {
        let mut app = wire::Connection::open(sidecar.base);
        app.send(&wire::request(
            "POST",
            Api::Chat.path(),
            &["content-type: application/json"],
            body.as_bytes(),
        ));
        let head = app.head().expect("a head").1;
        (app, head)
    };
    let (leader, _) = open();
    let (mut follower, head) = open();
    assert_eq!(wire::header(&head, "x-outrigger-cache"), Some("joined"));
    drop(leader);
    let (text, end) = follower.body(&head);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(end, wire::End::Complete);
    assert_eq!(text.matches("word ").count(), 60, "{text}");
    assert_eq!(upstream.count(), 1);

    // All have left: nobody reads, so the provider is let go.
    let other = Api::Chat.ask("m", "another", true).to_string();
    let mut app = wire::Connection::open(sidecar.base);
    app.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &["content-type: application/json"],
        other.as_bytes(),
    ));
    assert!(app.head().is_some());
    drop(app);
    eventually("the provider is let go", || {
        upstream.open() == 0 || upstream.left().len() >= 2
    });

    // A provider that refuses the leader: each of the others calls for itself, or follows one who
    // does.
    let fails = Upstream::start(|_, number| match number {
        0 => vec![
            Step::Pause(Duration::from_millis(300)),
            Step::Send(replies::whole(
                "429 Too Many Requests",
                &["content-type: application/json"],
                "{}",
            )),
        ],
        _ => vec![Step::Send(replies::json_body(&Api::Chat.whole("fine")))],
    });
    let sidecar = Sidecar::start(&config(&fails, &cache()));
    let answers: Vec<(u16, Option<String>)> = std::thread::scope(|scope| {
        let exchanges: Vec<_> = (0..10)
            .map(|n| {
                let sidecar = &sidecar;
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(10 * n));
                    let reply = ask(sidecar, Api::Chat, "hi", false);
                    let cache = reply.header("x-outrigger-cache").map(str::to_owned);
                    (reply.status, cache)
                })
            })
            .collect();
        exchanges
            .into_iter()
            .map(|exchange| exchange.join().unwrap())
            .collect()
    });
    let with = |status: u16| answers.iter().filter(|(got, _)| *got == status).count();
    assert_eq!((with(429), with(200)), (1, 9), "{answers:?}");
    let own = |(status, cache): &&(u16, Option<String>)| *status == 200 && cache.is_none();
    let own = answers.iter().filter(own).count();
    assert!(
        own >= 1,
        "who asks for itself after all says nothing of a joined reply: {answers:?}"
    );
}

#[test]
fn what_a_policy_above_hides_is_not_kept_and_is_restored_for_each_caller_from_the_same_entry() {
    let upstream = Upstream::start(|seen, _| {
        let prompt = seen.json()["messages"][0]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        vec![Step::Send(replies::json_body(&Api::Chat.whole(&prompt)))]
    });
    let chain =
        format!("[{{ use: pii-redact, config: {{ detect: [email], mode: tokenize }} }}, {CACHE}]");
    let mut redis = Redis::start();
    let state = format!("state: {{ redis: \"{}\", timeout: 500ms }}\n", redis.url());
    let sidecar = Sidecar::start(&(config(&upstream, &chain) + &state));
    let prompt = "Write to ana@example.com";
    assert!(
        ask(&sidecar, Api::Chat, prompt, false)
            .text()
            .contains(prompt)
    );
    assert!(
        hit(&sidecar, Api::Chat, prompt, false)
            .text()
            .contains(prompt)
    );
    assert!(!upstream.last().json().to_string().contains("ana@"));
    redis.crash_and_restart();
    assert!(
        !redis.dump().contains("ana@example.com"),
        "nor is it in the store"
    );

    // In the other order the cache would keep what the other policy has yet to change: it keeps
    // nothing.
    let chain =
        format!("[{CACHE}, {{ use: pii-redact, config: {{ detect: [email], mode: tokenize }} }}]");
    let sidecar = Sidecar::start(&config(&upstream, &chain));
    let calls = upstream.count();
    for _ in 0..3 {
        assert!(
            ask(&sidecar, Api::Chat, prompt, false)
                .text()
                .contains(prompt)
        );
    }
    assert_eq!(upstream.count(), calls + 3);
}

#[test]
fn an_operator_evicts_a_kept_reply() {
    let upstream = counting();
    let sidecar =
        Sidecar::start(&(config(&upstream, &cache()) + "state: { admin_changes: true }\n"));
    ask(&sidecar, Api::Chat, "hi", false);
    let kept = hit(&sidecar, Api::Chat, "hi", false);
    let id = kept
        .header("x-outrigger-cache-entry")
        .expect("an id")
        .to_owned();
    let path = format!("/state/replies/{id}");
    let change = |headers: &[&str]| {
        let request = wire::request("DELETE", &path, headers, b"");
        wire::call(sidecar.admin, &request)
    };
    let refused = change(&[]);
    assert_eq!(refused.status, 403, "a form could send it");
    assert!(refused.text().contains("x-outrigger-admin: 1"));
    let page = change(&["x-outrigger-admin: 1", "origin: http://evil.example"]);
    assert_eq!(page.status, 403, "another site's page");
    let figures = wire::get(sidecar.admin, "/state").json();
    assert_eq!(figures["replies"]["entries"], json!(1), "{figures}");
    let with = |query: &str| {
        let path = format!("{path}?{query}");
        let delete = wire::request("DELETE", &path, &["x-outrigger-admin: 1"], b"");
        wire::call(sidecar.admin, &delete)
    };
    for wrong in [
        "kin=",
        "kin=1.5",
        "kin=0",
        "kin=NaN",
        "kim=0.9",
        "kin=0.9&kin=0.9",
    ] {
        assert_eq!(with(wrong).status, 400, "{wrong}");
    }
    let evicted = with("kin=0.9").json();
    assert_eq!(evicted, json!({ "done": true, "evicted": 1 }));
    ask(&sidecar, Api::Chat, "hi", false);
    hit(&sidecar, Api::Chat, "hi", false);
    let delete = wire::request("DELETE", &path, &["x-outrigger-admin: 1"], b"");
    assert_eq!(wire::call(sidecar.admin, &delete).status, 200);
    assert_eq!(wire::call(sidecar.admin, &delete).status, 404);
    let figures = wire::get(sidecar.admin, "/state").json();
    assert_eq!(figures["replies"]["entries"], json!(0), "{figures}");
    let next = ask(&sidecar, Api::Chat, "hi", false);
    assert_eq!(next.header("x-outrigger-cache"), Some("miss"));
}
