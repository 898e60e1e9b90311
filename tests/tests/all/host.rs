//! The sandbox's promises, against policies that mean harm.

use std::time::{Duration, Instant};

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, sidecar, wire};

use super::config;

fn provider() -> Upstream {
    Upstream::start(|seen, _| {
        if seen.json()["stream"] == true {
            replies::stream(&Api::Chat.events(&["Hel", "lo"]))
        } else {
            vec![Step::Send(replies::json_body(&Api::Chat.whole("Hello")))]
        }
    })
}

fn ask(sidecar: &Sidecar, model: &str, stream: bool) -> wire::Reply {
    sidecar.post(
        Api::Chat.path(),
        Api::Chat.ask(model, "hi", stream).to_string(),
    )
}

const HARMS: [&str; 5] = ["loop", "trap", "grow", "recurse", "huge"];

#[test]
fn harm_in_a_request_costs_its_own_exchange_only_and_ends_in_time() {
    let upstream = provider();
    for act in HARMS {
        let sidecar = Sidecar::start(&config(
            &upstream,
            &format!("[{{ use: hostile, config: {{ hook: request, act: {act} }} }}]"),
        ));
        assert_eq!(ask(&sidecar, "calm", false).status, 200, "{act}: before");
        let (before, rss) = (upstream.count(), sidecar.rss());
        let started = Instant::now();
        let refused = ask(&sidecar, "harm", false);
        let took = started.elapsed();
        assert!(
            refused.status >= 400,
            "{act}: {} {}",
            refused.status,
            refused.text()
        );
        assert!(
            refused.text().len() < 64 << 10,
            "{act}: the answer is bounded"
        );
        assert_eq!(upstream.count(), before, "{act}: blocked by default");
        // 10 ms of CPU and 50 ms by the clock, however busy with other tests the machine is.
        assert!(took < Duration::from_secs(10), "{act}: took {took:?}");
        assert_eq!(ask(&sidecar, "calm", false).status, 200, "{act}: after");
        assert!(
            sidecar.rss() < rss + (48 << 20),
            "{act}: {} MiB more",
            (sidecar.rss() - rss) >> 20
        );
        if act != "huge" {
            assert!(sidecar.metric("outrigger_plugin_calls_total", &["hostile"]) >= 3.0);
        }
    }
}

#[test]
fn on_error_skip_goes_on_without_the_policy_and_counts_it() {
    let upstream = provider();
    for act in ["loop", "trap", "grow", "recurse"] {
        let sidecar = Sidecar::start(&config(
            &upstream,
            &format!(
                "[{{ use: hostile, on_error: skip, config: {{ hook: request, act: {act} }} }}]"
            ),
        ));
        let reply = ask(&sidecar, "harm", false);
        assert_eq!(
            (reply.status, reply.text()),
            (200, Api::Chat.whole("Hello")),
            "{act}"
        );
        let faults = sidecar.metric("outrigger_plugin_calls_total", &["hostile"])
            - sidecar.metric(
                "outrigger_plugin_calls_total",
                &["hostile", "outcome=\"ok\""],
            );
        assert!(
            faults >= 1.0,
            "{act}: the fault is counted:\n{}",
            sidecar.metrics()
        );
    }
}

#[test]
fn harm_in_a_reply_never_looks_like_a_finished_reply() {
    let upstream = provider();
    for act in HARMS {
        let sidecar = Sidecar::start(&config(
            &upstream,
            &format!("[{{ use: hostile, config: {{ hook: reply, act: {act} }} }}]"),
        ));
        let streamed = ask(&sidecar, "harm", true);
        let clean = streamed.status == 200
            && streamed.end == wire::End::Complete
            && streamed.text().contains("\"stop\"")
            && act != "huge";
        assert!(!clean, "{act}: {}", streamed.text());
        let whole = ask(&sidecar, "harm", false);
        assert!(
            whole.status >= 400 || act == "huge",
            "{act}: {}",
            whole.text()
        );
        assert!(
            !streamed.text().contains("Hello") && !whole.text().contains("Hello"),
            "{act}: nothing passes a policy that blocks"
        );
        assert_eq!(
            ask(&sidecar, "calm", true).text(),
            Api::Chat.events(&["Hel", "lo"]).concat(),
            "{act}: after"
        );
    }
}

#[test]
fn harm_at_the_end_comes_after_the_answer() {
    let upstream = provider();
    for act in ["loop", "trap", "grow", "recurse"] {
        let sidecar = Sidecar::start(&config(
            &upstream,
            &format!("[{{ use: hostile, config: {{ hook: end, act: {act} }} }}]"),
        ));
        let reply = ask(&sidecar, "harm", true);
        assert_eq!(
            (reply.status, reply.end),
            (200, wire::End::Complete),
            "{act}"
        );
        assert_eq!(
            reply.text(),
            Api::Chat.events(&["Hel", "lo"]).concat(),
            "{act}"
        );
        assert_eq!(ask(&sidecar, "calm", false).status, 200, "{act}");
    }
}

#[test]
fn sixty_four_loops_at_once_hold_up_nobody() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: hostile, on_error: skip, config: { hook: request, act: loop } }]",
    ));
    ask(&sidecar, "calm", false);
    let worst = std::thread::scope(|scope| {
        let loops: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| ask(&sidecar, "harm", false).status))
            .collect();
        let mut worst = Duration::ZERO;
        for _ in 0..50 {
            let started = Instant::now();
            // Quarantine may refuse it meanwhile under `block`; under `skip` a calm exchange is
            // always served.
            assert_eq!(ask(&sidecar, "calm", false).status, 200);
            worst = worst.max(started.elapsed());
        }
        for each in loops {
            assert_eq!(each.join().unwrap(), 200);
        }
        worst
    });
    // 64 × 10 ms of CPU on two workers is 320 ms in all, were they served strictly in turn.
    assert!(
        worst < Duration::from_secs(10),
        "a calm exchange took {worst:?}"
    );
}

#[test]
fn repeated_faults_quarantine_the_policy() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: hostile, config: { hook: request, act: trap } }]",
    ));
    let harm = Api::Chat.ask("harm", "hi", false).to_string();
    for n in 0..8 {
        let caller = format!("authorization: Bearer caller-{}", n % 2);
        let headers = ["content-type: application/json", &caller];
        let request = wire::request("POST", Api::Chat.path(), &headers, harm.as_bytes());
        assert!(wire::call(sidecar.base, &request).status >= 400);
    }
    assert!(
        sidecar.metric("outrigger_plugin_quarantined", &["hostile"]) >= 1.0,
        "{}",
        sidecar.metrics()
    );
    let refused = ask(&sidecar, "calm", false);
    assert!(
        refused.status >= 400,
        "a quarantined policy blocks by default"
    );
    assert!(
        wire::get(sidecar.admin, "/policies")
            .text()
            .contains("quarantine"),
        "{}",
        wire::get(sidecar.admin, "/policies").text()
    );
}

#[test]
fn a_header_that_would_split_the_request_traps() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: hostile, config: { hook: request, act: split_header } }]",
    ));
    assert!(ask(&sidecar, "harm", false).status >= 400);
    assert!(
        upstream
            .seen()
            .iter()
            .all(|seen| !seen.head.contains("smuggled"))
    );
}

#[test]
fn credentials_are_hidden_unless_granted() {
    let upstream = provider();
    let probe = |grants: &str| {
        let sidecar = Sidecar::start(&config(
            &upstream,
            &format!("[{{ use: probe, config: {{ headers: true }}{grants} }}]"),
        ));
        assert_eq!(ask(&sidecar, "m", false).status, 200);
        upstream.last()
    };
    let hidden = probe("");
    let names = hidden.header("x-headers").unwrap().to_owned();
    assert!(
        names.contains("content-type")
            && !names.contains("authorization")
            && !names.contains("x-api-key"),
        "{names}"
    );
    assert_eq!(
        hidden.header("authorization"),
        Some("Bearer test-key"),
        "hidden, not removed"
    );
    let shown = probe(", grants: [credentials]");
    assert!(shown.header("x-headers").unwrap().contains("authorization"));
}

/// LEB128 for small numbers, and a core module with one import.
fn module_that_imports(module: &str, name: &str) -> Vec<u8> {
    let mut import = vec![1, u8::try_from(module.len()).unwrap()];
    import.extend_from_slice(module.as_bytes());
    import.push(u8::try_from(name.len()).unwrap());
    import.extend_from_slice(name.as_bytes());
    import.extend_from_slice(&[0, 0]); // a function of type 0
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02".to_vec();
    bytes.push(u8::try_from(import.len()).unwrap());
    bytes.extend(import);
    bytes
}

/// Runs the binary with one policy file; it must not start.
fn refused_at_start(file: &[u8], chain: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/bad.wasm"), file).unwrap();
    let config = format!(
        "listen: {{ base_url: \"{}\" }}\nadmin: \"{}\"\nupstreams: {{ model: {{ kind: embedded }} }}\npolicies: {{ directory: \"{}\", chain: [{chain}] }}\n",
        sidecar::free_address(),
        sidecar::free_address(),
        folder.path().join("policies").display()
    );
    std::fs::write(folder.path().join("outrigger.yaml"), config).unwrap();
    let (code, said) =
        sidecar::run_to_end(&["run", "--config", "outrigger.yaml"], folder.path(), &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{said}"
    );
    assert!(said.contains("bad"), "it names the policy: {said}");
    said
}

#[test]
fn what_is_no_policy_or_asks_for_too_much_is_refused_at_start_with_the_reason() {
    let good = std::fs::read(sidecar::policy("probe")).unwrap();
    refused_at_start(b"", "{ use: bad }");
    refused_at_start(b"this is no wasm", "{ use: bad }");
    refused_at_start(&good[..good.len() / 2], "{ use: bad }");
    let said = refused_at_start(
        &module_that_imports("wasi:sockets/tcp@0.2.0", "connect"),
        "{ use: bad }",
    );
    assert!(
        said.contains("wasi:sockets") || said.contains("import"),
        "it names the import: {said}"
    );
    let said = refused_at_start(&good, "{ use: bad, config: { stampp: x } }");
    assert!(
        said.contains("stampp"),
        "the policy's own words about its configuration: {said}"
    );
    let hostile = std::fs::read(sidecar::policy("hostile")).unwrap();
    for act in ["loop", "trap", "grow", "recurse"] {
        refused_at_start(
            &hostile,
            &format!("{{ use: bad, config: {{ hook: configure, act: {act} }} }}"),
        );
    }
    let mut later = good.clone();
    // The contract's version is part of the names that the module exports: another minor one is
    // another contract before 1.0.
    for at in 0..later.len() - 5 {
        if &later[at..at + 5] == b"0.4.0" {
            later[at + 2] = b'9';
        }
    }
    let said = refused_at_start(&later, "{ use: bad }");
    assert!(
        said.contains("0.9") && said.contains("0.4"),
        "it says which contract it takes: {said}"
    );
}

#[test]
fn nothing_passes_from_one_exchange_to_the_next_but_memory_stays_flat() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: noop }, { use: probe, config: { upper: true } }]",
    ));
    let run = |count: usize| {
        let mut connection = wire::Connection::open(sidecar.base);
        let request = wire::request(
            "POST",
            Api::Chat.path(),
            &["content-type: application/json"],
            Api::Chat.ask("m", "hi", true).to_string().as_bytes(),
        );
        for _ in 0..count {
            connection.send(&request);
            assert_eq!(connection.reply().end, wire::End::Complete);
        }
    };
    run(200);
    let rss = sidecar.rss();
    run(1000);
    eventually("instances are given back", || {
        sidecar.rss() < rss + (8 << 20)
    });
}

/// A provider that sends the beginning of what `hide-word` holds back, and then nothing more.
fn silent_after_a_beginning() -> Upstream {
    Upstream::start(|_, _| {
        let events = Api::Chat.events(&["A <pro"]);
        let mut steps = vec![Step::Send(replies::stream_head())];
        let begun = events.iter().take(2);
        steps.extend(begun.map(|event| Step::Send(replies::chunk(event.as_bytes()))));
        steps.push(Step::Hold);
        steps
    })
}

fn hide_word(on_error: &str) -> String {
    format!(
        "[{{ use: hide-word, on_error: {on_error}, limits: {{ held_time: 200ms }}, config: {{ hide: Apollo, show: \"<project>\" }} }}]"
    )
}

fn open_stream(sidecar: &Sidecar) -> wire::Connection {
    let mut connection = wire::Connection::open(sidecar.base);
    let body = Api::Chat.ask("m", "hi", true).to_string();
    let json = ["content-type: application/json"];
    connection.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &json,
        body.as_bytes(),
    ));
    assert_eq!(connection.head().map(|(status, _)| status), Some(200));
    connection
}

#[test]
fn text_held_while_the_upstream_is_silent_comes_out_when_its_time_is_over() {
    for on_error in ["skip", "block"] {
        let upstream = silent_after_a_beginning();
        let sidecar = Sidecar::start(&config(&upstream, &hide_word(on_error)));
        let mut connection = open_stream(&sidecar);
        let mut text = String::new();
        while !text.contains("\"<pro\"") {
            let chunk = connection.chunk().expect("the stream goes on");
            text += &String::from_utf8(chunk.expect("it has not ended")).unwrap();
        }
        assert!(text.contains("\"A \""), "in its order: {text}");
        let outcome = |label| sidecar.metric("outrigger_plugin_calls_total", &["hide-word", label]);
        assert_eq!(outcome("outcome=\"held_released\""), 1.0, "{on_error}");
        assert_eq!(outcome("outcome=\"held_too_much\""), 0.0, "{on_error}");
    }
}

#[test]
fn coverage_tells_for_each_policy_what_it_was_shown_and_what_not() {
    let upstream = provider();
    let chain = "[{ use: noop }, { use: hostile, on_error: skip, config: { hook: request, act: trap } }, { use: probe, config: { reads: true } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    assert_eq!(ask(&sidecar, "harm", true).status, 200);
    let bytes = |labels: &[&str]| sidecar.metric("outrigger_inspection_bytes_total", labels);
    let (shown, missed) = ("inspected=\"true\"", "inspected=\"false\"");
    let prompt = "hi".len() as f64;
    let reply = "Hello".len() as f64;
    eventually("the exchange is settled", || bytes(&[shown]) > 0.0);
    assert_eq!(bytes(&["plugin=\"probe\"", shown]), prompt + reply);
    assert_eq!(bytes(&["plugin=\"probe\"", missed]), 0.0);
    let skipped = ["plugin=\"hostile\"", missed, "reason=\"policy_failed\""];
    assert_eq!(bytes(&skipped), reply, "it failed before the reply came");
    assert_eq!(
        bytes(&["plugin=\"noop\""]),
        reply,
        "of the request it reads nothing"
    );
}
