//! Traces, as a collector gets them that decodes with OpenTelemetry's own messages: slow, gone and
//! back, too.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, sidecar, wire};
use rustix::process::Signal;
use serde_json::Value;

use super::config;

/// The collector: a process that a test tells what to do.
struct Collector {
    child: Child,
    input: ChildStdin,
    endpoint: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    fn start() -> Self {
        let mut child = Command::new("python3")
            .arg(outrigger_tests::root().join("tests/clients/collector.py"))
            .env("PYTHONPATH", outrigger_tests::target().join("python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = out.next().expect("run tests/setup.sh").unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in out.map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        Self {
            input: child.stdin.take().unwrap(),
            endpoint: format!("http://127.0.0.1:{port}"),
            child,
            lines,
        }
    }

    /// Has it do something from now on.
    fn does(&mut self, what: &str) {
        writeln!(self.input, "{what}").unwrap();
        let did = format!("did {what}");
        eventually(what, || self.lines.lock().unwrap().contains(&did));
    }

    /// The batches that came so far.
    fn batches(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let json = lines.iter().filter(|line| line.starts_with('{'));
        json.map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The spans that it took.
    fn spans(&self) -> Vec<Value> {
        let batches = self.batches().into_iter();
        let taken = batches.filter(|batch| batch["status"] == 200);
        taken
            .flat_map(|batch| batch["spans"].as_array().unwrap().clone())
            .collect()
    }

    /// Waits for the spans of an exchange, its own first. They come in one batch.
    fn exchange(&self, id: &str) -> Vec<Value> {
        let mut found = Vec::new();
        eventually(&format!("the spans of {id}"), || {
            let spans = self.spans();
            let own = spans
                .iter()
                .find(|span| span["attributes"]["outrigger.request_id"] == id);
            let Some(own) = own else { return false };
            found = vec![own.clone()];
            let children = spans.iter().filter(|span| span["parent"] == own["id"]);
            found.extend(children.cloned());
            true
        });
        found
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sidecar that traces; `more` of its environment comes last, and counts.
fn traced(config: &str, collector: &Collector, more: &[(&str, &str)]) -> Sidecar {
    let mut environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=the%20tests"),
        ("OTEL_SERVICE_NAME", "app-llm"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    environment.extend(more);
    Sidecar::start_with(config, &environment)
}

fn provider() -> Upstream {
    Upstream::start(|seen, _| {
        let api = Api::of(seen.path());
        match seen.model().as_str() {
            "cut" => vec![
                Step::Send(replies::stream_head()),
                Step::Send(replies::chunk(api.events(&["Hel"])[0].as_bytes())),
                Step::Reset,
            ],
            "slow" => vec![Step::Pause(Duration::from_secs(20))],
            _ if seen.streams() => replies::stream(&api.events(&["Hel", "lo"])),
            _ => vec![Step::Send(replies::json_body(&api.whole("Hello")))],
        }
    })
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn ask(sidecar: &Sidecar, path: &str, id: &str, sampled: bool, body: &str) -> wire::Reply {
    let flags = if sampled { "01" } else { "00" };
    let headers = [
        format!("x-request-id: {id}"),
        format!("traceparent: 00-{TRACE}-{CALLER}-{flags}"),
        "tracestate: a=b".to_owned(),
    ];
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let request = wire::request("POST", path, &headers, body.as_bytes());
    wire::call(sidecar.base, &request)
}

fn chat(model: &str, stream: bool) -> String {
    Api::Chat
        .ask(model, "the-secret-prompt", stream)
        .to_string()
}

#[test]
fn exchanges_attempts_and_policies_are_spans_of_the_callers_trace() {
    let (upstream, collector) = (provider(), Collector::start());
    let chain = "[{ use: probe, config: { upper: true } }]";
    let config = config(&upstream, chain) + "limits: { request_body: 2KiB }\n";
    let sidecar = traced(&config, &collector, &[]);
    let path = Api::Chat.path();

    assert_eq!(
        ask(&sidecar, path, "good", true, &chat("m", true)).status,
        200
    );
    let sent = upstream.last();
    let spans = collector.exchange("good");
    assert_eq!(spans.len(), 4, "{spans:#?}");
    let (own, attempt) = (&spans[0], &spans[1]);
    assert_eq!((&own["name"], &own["kind"]), (&"chat m".into(), &3.into()));
    assert_eq!(own["trace"], TRACE);
    assert_eq!(
        (&own["parent"], &own["state"]),
        (&CALLER.into(), &"a=b".into())
    );
    let attributes = &own["attributes"];
    assert_eq!(attributes["gen_ai.request.model"], "m");
    assert_eq!(attributes["gen_ai.response.finish_reasons"][0], "stop");
    assert!(
        attributes["gen_ai.usage.input_tokens"].as_u64() > Some(0),
        "{own}"
    );
    assert!(attributes["gen_ai.response.time_to_first_chunk"].as_f64() > Some(0.0));
    assert_eq!(attributes["outrigger.attempts"], 1);
    let traceparent = format!("00-{TRACE}-{}-01", attempt["id"].as_str().unwrap());
    assert_eq!(sent.header("traceparent"), Some(&*traceparent));
    assert_eq!(sent.header("tracestate"), Some("a=b"));
    assert_eq!(
        (&attempt["name"], &attempt["kind"]),
        (&"POST".into(), &3.into())
    );
    assert_eq!(attempt["attributes"]["server.address"], "127.0.0.1");
    assert_eq!(attempt["attributes"]["http.response.status_code"], 200);
    let hooks: Vec<_> = spans[2..].iter().map(|span| &span["name"]).collect();
    assert_eq!(hooks, ["policy probe request", "policy probe reply"]);
    assert_eq!(spans[3]["attributes"]["outrigger.policy.verdict"], "edited");
    assert!(
        spans
            .iter()
            .all(|span| span["begin"].as_u64() <= span["end"].as_u64())
    );
    let batch = &collector.batches()[0];
    assert_eq!(batch["path"], "/v1/traces");
    assert_eq!(batch["headers"]["content-type"], "application/x-protobuf");
    assert_eq!(batch["headers"]["x-tenant"], "the tests");
    assert_eq!(batch["resource"]["service.name"], "app-llm");

    // Cut, left and refused, and one that no dialect reads.
    ask(&sidecar, path, "cut", true, &chat("cut", true));
    let cut = &collector.exchange("cut")[0];
    assert_eq!(
        (&cut["status"], &cut["attributes"]["error.type"]),
        (&2.into(), &"upstream_failed".into())
    );
    let left = wire::request(
        "POST",
        path,
        &["x-request-id: left"],
        chat("slow", false).as_bytes(),
    );
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(&left);
    eventually("it is there", || upstream.last().model() == "slow");
    drop(connection);
    let left = collector.exchange("left");
    assert_eq!(left[0]["attributes"]["error.type"], "client_gone");
    assert_ne!(left[0]["trace"], TRACE);
    let large = " ".repeat(4096);
    assert_eq!(ask(&sidecar, path, "refused", true, &large).status, 413);
    let refused = &collector.exchange("refused")[0];
    assert_eq!(refused["attributes"]["error.type"], "body_too_large");
    ask(
        &sidecar,
        "/v1/audio/speech",
        "unread",
        true,
        r#"{"model":"tts","input":"the-secret-prompt"}"#,
    );
    let unread = &collector.exchange("unread")[0];
    assert_eq!(
        unread["name"].as_str().unwrap().split(' ').next(),
        Some("audio.speech")
    );

    // What the caller does not record passes as it came.
    ask(&sidecar, path, "unsampled", false, &chat("m", false));
    let sent = upstream.last();
    assert_eq!(
        sent.header("traceparent"),
        Some(&*format!("00-{TRACE}-{CALLER}-00"))
    );
    ask(&sidecar, path, "after", true, &chat("m", false));
    collector.exchange("after");
    let all = collector.lines.lock().unwrap().concat();
    for word in ["unsampled", "the-secret-prompt", "Hel", "HEL", "test-key"] {
        assert!(!all.contains(word), "`{word}` is in the spans");
    }
    assert!(sidecar.metric("outrigger_trace_spans_total", &["exported"]) >= 15.0);
}

#[test]
fn a_link_begins_a_trace_and_names_are_those_that_were_chosen_for_metrics_too() {
    let (upstream, collector) = (provider(), Collector::start());
    let config = format!(
        "{}telemetry: {{ names: genai-0.1, remote_parent: link }}\n",
        config(&upstream, "")
    );
    let mut sidecar = traced(&config, &collector, &[("OTEL_BSP_SCHEDULE_DELAY", "60000")]);
    ask(
        &sidecar,
        Api::Chat.path(),
        "linked",
        true,
        &chat("m", false),
    );
    let sent = upstream.last();
    assert_eq!(sent.header("tracestate"), None);
    eventually("it is counted", || {
        sidecar.metric("gen_ai_client_inference_usage_input_tokens_total", &[]) > 0.0
    });
    assert!(!sidecar.metrics().contains("gen_ai_client_token_usage"));
    assert_eq!(
        collector.batches(),
        [] as [Value; 0],
        "a minute has not gone"
    );
    // What waits is exported before the process ends.
    sidecar.signal(Signal::TERM);
    sidecar.wait();
    let spans = collector.exchange("linked");
    let link = &spans[0]["links"][0];
    assert_eq!(
        (&link["trace"], &link["id"]),
        (&TRACE.into(), &CALLER.into())
    );
    let own = spans[0]["trace"].as_str().unwrap();
    assert!(own != TRACE && spans[0]["parent"] == "");
    assert_eq!(&sent.header("traceparent").unwrap()[3..35], own);
}

#[test]
fn a_collector_that_is_slow_or_gone_costs_spans_and_no_exchange_and_is_used_when_it_is_back() {
    let (upstream, mut collector) = (provider(), Collector::start());
    let small = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1500"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
    ];
    let sidecar = traced(&config(&upstream, ""), &collector, &small);
    let ask = |id: &str| {
        let reply = ask(&sidecar, Api::Chat.path(), id, true, &chat("m", false));
        assert_eq!(reply.status, 200);
    };
    let spans = |result: &str| sidecar.metric("outrigger_trace_spans_total", &[result]);
    collector.does("answer 503 1");
    ask("limited");
    eventually("it has to wait", || !collector.batches().is_empty());
    collector.does("answer 200");
    collector.exchange("limited");
    collector.does("wait 5");
    (0..20).for_each(|_| ask("slow"));
    eventually("there is no room", || spans("queue") > 0.0);
    eventually("a batch is given up", || spans("failed") > 0.0);
    sidecar.log_line(&["traces are not exported", "in time"]);
    collector.does("gone");
    (0..8).for_each(|_| ask("gone"));
    let before = spans("failed");
    eventually("another is given up", || spans("failed") > before);
    collector.does("wait 0");
    collector.does("back");
    eventually("it is used again", || {
        ask("back");
        let spans = collector.spans();
        let mut ids = spans
            .iter()
            .map(|span| &span["attributes"]["outrigger.request_id"]);
        ids.any(|id| id == "back")
    });
    sidecar.log_line(&["traces are exported again"]);
    assert!(!sidecar.log().contains("127.0.0.1:4318") && !sidecar.log().contains("the tests"));
}

#[test]
fn a_variable_that_means_nothing_is_refused_and_without_an_endpoint_there_is_no_thread() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("outrigger.yaml"), "").unwrap();
    let wrong = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    let arguments = ["check", "--config", "outrigger.yaml"];
    let (code, said) = sidecar::run_to_end(&arguments, folder.path(), &wrong);
    assert_ne!(code, Some(0), "{said}");
    assert!(
        said.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && said.contains("http/protobuf"),
        "{said}"
    );
}
