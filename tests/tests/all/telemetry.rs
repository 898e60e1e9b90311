//! Telemetry for operators, and the end of a process.

use std::time::{Duration, Instant};

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, sidecar, wire};
use rustix::process::Signal;

use super::config;

fn provider() -> Upstream {
    Upstream::start(|seen, _| {
        let api = Api::of(seen.path());
        if seen.json()["stream"] == true {
            replies::stream(&api.events(&["Hel", "lo"]))
        } else {
            vec![Step::Send(replies::json_body(&api.whole("Hello")))]
        }
    })
}

#[test]
fn each_exchange_is_counted_once_and_logged_without_content() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { upper: true } }]",
    ));
    for api in Api::ALL {
        for stream in [false, true] {
            assert_eq!(
                sidecar
                    .post(
                        api.path(),
                        api.ask("m", "the-secret-prompt", stream).to_string()
                    )
                    .status,
                200
            );
        }
    }
    eventually("all are settled", || {
        sidecar.metric("outrigger_requests_total", &[]) == 6.0
    });
    for dialect in ["openai.chat", "openai.responses", "anthropic.messages"] {
        assert_eq!(
            sidecar.metric("outrigger_requests_total", &[dialect]),
            2.0,
            "{dialect}:\n{}",
            sidecar.metrics()
        );
        sidecar.log_line(&[dialect]);
    }
    assert_eq!(sidecar.metric("outrigger_inflight_requests", &[]), 0.0);
    let tokens = sidecar.metric("gen_ai_client_token_usage_sum", &["input"]);
    assert!(
        (51.0..100.0).contains(&tokens),
        "50 were reported, and one reply without usage is estimated: {tokens}"
    );
    let estimated = sidecar.metric("outrigger_tokens_estimated_total", &[]);
    assert!(estimated >= 1.0 && estimated < tokens, "{estimated}");
    for name in [
        "outrigger_overhead_seconds_count",
        "gen_ai_server_time_to_first_token_count",
        "gen_ai_server_request_duration_count",
        "outrigger_plugin_calls_total",
        "outrigger_plugin_duration_seconds_count",
    ] {
        assert!(
            sidecar.metric(name, &[]) > 0.0,
            "{name}:\n{}",
            sidecar.metrics()
        );
    }
    let line = sidecar.log_line(&["openai.chat", "\"status\":200"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(
        line.to_string().contains("probe"),
        "policies and verdicts: {line}"
    );
    for secret in ["the-secret-prompt", "test-key", "HELLO", "Hello"] {
        assert!(!sidecar.log().contains(secret), "`{secret}` is in the log");
        assert!(
            !sidecar.metrics().contains(secret),
            "`{secret}` is in the metrics"
        );
    }
}

#[test]
fn request_ids_are_accepted_made_and_returned_and_traces_forwarded() {
    let upstream = Upstream::start(|_, _| {
        vec![Step::Send(replies::whole(
            "200 OK",
            &["content-type: application/json"],
            "{}",
        ))]
    });
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let send = |headers: &[&str]| {
        wire::call(
            sidecar.base,
            &wire::request("POST", Api::Chat.path(), headers, body.as_bytes()),
        )
    };
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let given = send(&[
        "x-request-id: mine-1",
        &format!("traceparent: {trace}"),
        "tracestate: a=b",
    ]);
    assert_eq!(
        given.header("x-request-id"),
        Some("mine-1"),
        "{}",
        given.head
    );
    let seen = upstream.last();
    assert_eq!(seen.header("x-request-id"), Some("mine-1"));
    assert_eq!(
        &seen.header("traceparent").unwrap()[3..35],
        &trace[3..35],
        "the same trace"
    );
    assert_eq!(seen.header("tracestate"), Some("a=b"));
    sidecar.log_line(&["mine-1"]);
    let made = [send(&[]), send(&[])].map(|reply| reply.header("x-request-id").unwrap().to_owned());
    assert!(made[0] != made[1] && made[0].len() >= 16, "{made:?}");
}

#[test]
fn many_model_names_are_few_series() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut connection = wire::Connection::open(sidecar.base);
    let mut ask = |model: &str| {
        connection.send(&wire::request(
            "POST",
            Api::Chat.path(),
            &["content-type: application/json"],
            Api::Chat.ask(model, "hi", false).to_string().as_bytes(),
        ));
        assert_eq!(connection.reply().status, 200);
    };
    ask("first");
    let before = sidecar.metrics().lines().count();
    (0..500).for_each(|n| ask(&format!("model-{n}")));
    let after = sidecar.metrics().lines().count();
    assert!(after < before + 30, "{before} lines became {after}");
}

#[test]
fn the_admin_address_tells_health_readiness_generation_and_policies() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, "[{ use: noop }]"));
    for path in [
        "/healthz",
        "/readyz",
        "/generation",
        "/policies",
        "/metrics",
    ] {
        assert_eq!(wire::get(sidecar.admin, path).status, 200, "{path}");
    }
    let policies = wire::get(sidecar.admin, "/policies").text();
    assert!(policies.contains("noop"), "{policies}");
    assert_eq!(wire::get(sidecar.admin, "/nothing").status, 404);
    sidecar.post(
        Api::Chat.path(),
        Api::Chat.ask("m", "hi", false).to_string(),
    );
    eventually("it is settled", || {
        sidecar.metric("outrigger_requests_total", &[]) == 1.0
    });
    let metrics = wire::get(sidecar.admin, "/metrics");
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain"),
        "{}",
        metrics.head
    );
    assert!(
        metrics.text().contains("# HELP outrigger_requests_total"),
        "each metric has its help"
    );
    // The admin address is not on the apps' side.
    assert_ne!(wire::get(sidecar.base, "/metrics").text(), metrics.text());
}

#[test]
fn the_admin_address_answers_to_addresses_localhost_and_configured_names_alone() {
    let upstream = provider();
    let written =
        config(&upstream, "[]") + "admin: { listen: \"{admin}\", hosts: [outrigger.search.svc] }\n";
    let sidecar = Sidecar::start(&written);
    let status = |head: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\n{head}\r\n\r\n");
        wire::call(sidecar.admin, request.as_bytes()).status
    };
    let own = format!("host: {}", sidecar.admin);
    for (head, expected) in [
        (own.as_str(), 200),
        ("host: localhost:4190", 200),
        ("host: outrigger.search.svc:4190", 200),
        ("host: evil.example", 421),
        ("host: localhost\r\nsec-fetch-site: cross-site", 403),
        ("host: localhost\r\norigin: https://evil.example", 403),
    ] {
        assert_eq!(status(head), expected, "{head}");
    }
}

#[test]
fn sigterm_drains_not_ready_no_new_exchanges_streams_finish() {
    let upstream = Upstream::start(|_, _| {
        let events = Api::Chat.events(&["tick "; 20]);
        let mut steps = vec![Step::Send(replies::stream_head())];
        for event in events {
            steps.push(Step::Send(replies::chunk(event.as_bytes())));
            steps.push(Step::Pause(Duration::from_millis(100)));
        }
        steps.push(Step::Send(replies::last_chunk()));
        steps
    });
    let mut sidecar = Sidecar::start(&format!("drain: 20s\n{}", config(&upstream, "")));
    let request = wire::request(
        "POST",
        Api::Chat.path(),
        &["content-type: application/json"],
        Api::Chat.ask("m", "hi", true).to_string().as_bytes(),
    );
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(&request);
    let (_, head) = connection.head().unwrap();
    let mut idle = wire::Connection::open(sidecar.base);
    sidecar.signal(Signal::TERM);
    // Without a connection nothing would be said of readiness: the address stays until the end.
    eventually("not ready", || {
        wire::get(sidecar.admin, "/readyz").status == 503
    });
    idle.send(&request);
    let refused = idle.head().is_none_or(|(status, _)| status == 503);
    assert!(
        refused || !idle.closes_within(Duration::from_millis(1)),
        "no new exchange begins"
    );
    assert!(upstream.count() == 1, "none reached the upstream");
    let (body, end) = connection.body(&head);
    let text = String::from_utf8(body).unwrap();
    assert_eq!(
        (text.matches("tick ").count(), end),
        (20, wire::End::Complete)
    );
    assert!(text.contains("[DONE]"));
    assert_eq!(sidecar.wait().code(), Some(0));
}

#[test]
fn after_the_drain_window_a_stream_ends_with_an_error_in_its_dialect() {
    // While a start waits for a store that says nothing, exchanges are served, and drained.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let state = format!("redis://{}", silent.local_addr().unwrap());
    for api in Api::ALL {
        let upstream = Upstream::start(move |_, _| {
            let events = api.events(&["Hello"]);
            let begun = events[..events.len() - api.closing_events()].concat();
            vec![
                Step::Send(replies::stream_head()),
                Step::Send(replies::chunk(begun.as_bytes())),
                Step::Hold,
            ]
        });
        let mut sidecar = Sidecar::start(&format!(
            "drain: 1s\nstate: {{ redis: \"{state}\" }}\n{}",
            config(&upstream, "")
        ));
        let mut connection = wire::Connection::open(sidecar.base);
        connection.send(&wire::request(
            "POST",
            api.path(),
            &["content-type: application/json"],
            api.ask("m", "hi", true).to_string().as_bytes(),
        ));
        let (_, head) = connection.head().unwrap();
        let mut text = connection.chunk().unwrap().unwrap();
        let began = Instant::now();
        sidecar.signal(Signal::TERM);
        let (rest, _) = connection.body(&head);
        text.extend(rest);
        let text = String::from_utf8(text).unwrap();
        assert!(
            began.elapsed() >= Duration::from_millis(900),
            "the window is kept"
        );
        assert!(
            text.contains("event: error") || text.contains("response.failed"),
            "{api:?}: {text}"
        );
        assert!(
            !text.contains("[DONE]") && !text.contains("message_stop"),
            "{api:?}: {text}"
        );
        assert_eq!(sidecar.wait().code(), Some(0));
    }
}

#[test]
fn bad_starts_are_one_sentence_and_an_exit_code() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap();
    let free = sidecar::free_address();
    let rows: &[(&str, String, &[&str])] = &[
        ("port in use", format!("listen: {{ base_url: \"{busy}\" }}\nadmin: \"{free}\"\nupstreams: {{ m: {{ kind: embedded }} }}\n"), &["in use"]),
        ("unknown key", "upstreems: {}\n".into(), &["upstreems", "outrigger.yaml:1:"]),
        ("unknown kind", "upstreams:\n  m: { kind: embeded }\n".into(), &["upstreams.m.kind", "embedded"]),
        ("missing key", "upstreams:\n  o: { dialect: openai, url: \"https://api.openai.com/v1\", key: \"${OUTRIGGER_NO_SUCH}\" }\n".into(), &["OUTRIGGER_NO_SUCH"]),
        ("no such directory", "upstreams: { m: { kind: embedded } }\npolicies: { directory: /no/such/place, chain: [{ use: noop }] }\n".into(), &["policies.directory", "does not exist"]),
        ("no such policy", "upstreams: { m: { kind: embedded } }\npolicies: { directory: \".\", chain: [{ use: nothing }] }\n".into(), &["nothing"]),
        ("unknown strategy", "upstreams: { m: { kind: embedded } }\nmodels: { fast: { targets: [m/x], strategy: round_robin } }\n".into(), &["models.fast.strategy", "is none of"]),
        ("not YAML", "listen: [\n".into(), &["outrigger.yaml:", "listen"]),
    ];
    for (name, config, words) in rows {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outrigger.yaml"), config).unwrap();
        let (code, said) = sidecar::run_to_end(
            &["run", "--config", "outrigger.yaml"],
            folder.path(),
            &[("RUST_BACKTRACE", "1")],
        );
        // 2: somebody must change what they wrote; 1: the cause is the machine.
        let expected = if *name == "port in use" { 1 } else { 2 };
        assert_eq!(code, Some(expected), "{name}: {said}");
        for word in *words {
            assert!(said.contains(word), "{name}: no `{word}` in: {said}");
        }
        assert!(
            !said.contains("stack backtrace") && !said.contains("panicked"),
            "{name}: {said}"
        );
    }
    let (code, said) = sidecar::run_to_end(
        &["run", "--config", "/no/such.yaml"],
        std::path::Path::new("/"),
        &[],
    );
    assert!(code == Some(2) && said.contains("/no/such.yaml"), "{said}");
}
