//! A policy's limits of CPU, time and text that it holds back: long prompts, many callers and
//! pauses are nobody's fault, and one caller's fault shuts out no other.

use std::collections::BTreeMap;
use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

const GUARDS: [&str; 2] = ["pii-redact", "prompt-guard"];

fn provider() -> Upstream {
    Upstream::start(|_, _| vec![Step::Send(replies::json_body(&Api::Chat.whole("done")))])
}

fn one_worker(upstream: &Upstream, chain: &str) -> Sidecar {
    Sidecar::start(&config(upstream, chain).replace("workers: 2", "workers: 1"))
}

fn ask_as(caller: &str, model: &str, prompt: &str) -> Vec<u8> {
    let credential = format!("authorization: Bearer {caller}");
    wire::request(
        "POST",
        Api::Chat.path(),
        &["content-type: application/json", &credential],
        Api::Chat.ask(model, prompt, false).to_string().as_bytes(),
    )
}

fn call(sidecar: &Sidecar, request: &[u8]) -> wire::Reply {
    wire::call(sidecar.base, request)
}

fn quarantined(sidecar: &Sidecar) -> f64 {
    sidecar.metric("outrigger_plugin_quarantined", &[])
}

#[test]
fn a_worker_with_more_to_do_than_it_can_blames_no_policy() {
    let upstream = provider();
    let chain = "[{ use: pii-redact }, { use: prompt-guard }, { use: context-window, config: { budget: 900000 } }]";
    let sidecar = one_worker(&upstream, chain);
    let prompt = "The harbour master counted the boats again, all 17 of them. ".repeat(850);
    let request = ask_as("ana", "m", &prompt);
    for connections in [64, 128] {
        let mut statuses = BTreeMap::new();
        std::thread::scope(|scope| {
            let (sidecar, request) = (&sidecar, &request);
            let callers: Vec<_> = (0..connections)
                .map(|_| {
                    scope.spawn(move || {
                        let mut connection = wire::Connection::open(sidecar.base);
                        let mut ask = || {
                            connection.send(request);
                            connection.reply().status
                        };
                        [ask(), ask()]
                    })
                })
                .collect();
            for caller in callers {
                for status in caller.join().unwrap() {
                    *statuses.entry(status).or_insert(0) += 1;
                }
            }
        });
        // Work beyond the limit is turned away as overload, which says when to try again.
        let only = statuses.keys().all(|status| matches!(status, 200 | 503));
        assert!(only && statuses.contains_key(&200), "{statuses:?}");
        assert_eq!(quarantined(&sidecar), 0.0, "at {connections} connections");
    }
}

#[test]
fn a_million_tokens_of_one_caller_pass_and_the_next_caller_is_served() {
    let upstream = provider();
    let large = ask_as("ana", "m", &"word ".repeat(800_000));
    for guard in GUARDS {
        let sidecar = one_worker(&upstream, &format!("[{{ use: {guard} }}]"));
        for _ in 0..3 {
            let reply = call(&sidecar, &large);
            assert_eq!(reply.status, 200, "{guard}: {}", reply.text());
        }
        assert_eq!(call(&sidecar, &ask_as("bob", "m", "hi")).status, 200);
    }
}

#[test]
fn a_text_beyond_the_policys_time_for_it_is_413_for_its_own_exchange_only() {
    let upstream = provider();
    let chain = "[{ use: prompt-guard, limits: { cpu: 1ms, cpu_per_kib: 1us } }]";
    let sidecar = one_worker(&upstream, chain);
    let large = ask_as("ana", "m", &"word ".repeat(800_000));
    for _ in 0..8 {
        let reply = call(&sidecar, &large);
        assert_eq!(reply.status, 413, "{}", reply.text());
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        assert_eq!(reply.json()["error"]["code"], "policy_input_too_large");
        assert!(reply.text().contains("cpu_per_kib"), "{}", reply.text());
        assert_eq!(call(&sidecar, &ask_as("bob", "m", "hi")).status, 200);
    }
    assert_eq!(upstream.count(), 8, "what is refused goes nowhere");
    assert_eq!(quarantined(&sidecar), 0.0);
}

#[test]
fn a_call_that_runs_out_of_time_in_a_stream_ends_it_in_band() {
    let upstream = Upstream::start(|_, _| replies::stream(&Api::Chat.events(&["Hel", "lo"])));
    let chain = "[{ use: hostile, config: { hook: reply, act: loop } }]";
    let sidecar = one_worker(&upstream, chain);
    for _ in 0..8 {
        let body = Api::Chat.ask("harm", "hi", true).to_string();
        let reply = sidecar.post(Api::Chat.path(), body);
        assert!(
            reply.text().contains("the policy `hostile` may take on"),
            "{}",
            reply.text()
        );
        assert_ne!(reply.end, wire::End::Complete);
    }
    assert_eq!(quarantined(&sidecar), 0.0);
}

#[test]
fn one_callers_faults_close_a_policy_for_nobody_and_two_callers_do() {
    let upstream = provider();
    let chain = "[{ use: hostile, config: { hook: request, act: trap } }]";
    let sidecar = one_worker(&upstream, chain);
    for _ in 0..20 {
        assert_eq!(call(&sidecar, &ask_as("ana", "harm", "hi")).status, 500);
        assert_eq!(call(&sidecar, &ask_as("bob", "calm", "hi")).status, 200);
    }
    assert_eq!(quarantined(&sidecar), 0.0);
    for _ in 0..3 {
        call(&sidecar, &ask_as("bob", "harm", "hi"));
    }
    assert_eq!(quarantined(&sidecar), 1.0, "{}", sidecar.metrics());
    assert_eq!(call(&sidecar, &ask_as("eve", "calm", "hi")).status, 500);
}

#[test]
fn a_pause_of_the_provider_in_mid_placeholder_leaves_the_stream_whole() {
    let upstream = Upstream::start(|_, _| {
        let events = Api::Chat.events(&["A <pro", "mise> of <project> ", "end"]);
        let mut steps = vec![Step::Send(replies::stream_head())];
        for event in &events {
            steps.push(Step::Send(replies::chunk(event.as_bytes())));
            if event.contains("<pro\"") {
                steps.push(Step::Pause(Duration::from_millis(600)));
            }
        }
        steps.push(Step::Send(replies::last_chunk()));
        steps
    });
    let chain = "[{ use: hide-word, limits: { held_time: 200ms }, config: { hide: Apollo, show: \"<project>\" } }]";
    let sidecar = one_worker(&upstream, chain);
    for _ in 0..6 {
        let body = Api::Chat.ask("m", "of Apollo", true).to_string();
        let reply = sidecar.post(Api::Chat.path(), body);
        assert_eq!(reply.end, wire::End::Complete, "{}", reply.text());
        let text: String = reply
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("data: {"))
            .map(|rest| serde_json::from_str::<serde_json::Value>(&format!("{{{rest}")).unwrap())
            .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
            .collect();
        assert_eq!(text, "A <promise> of Apollo end");
    }
    let calls = |outcome| sidecar.metric("outrigger_plugin_calls_total", &["hide-word", outcome]);
    assert_eq!(calls("outcome=\"held_released\""), 6.0);
    assert_eq!(calls("outcome=\"held_too_much\""), 0.0);
    assert_eq!(quarantined(&sidecar), 0.0);
}
