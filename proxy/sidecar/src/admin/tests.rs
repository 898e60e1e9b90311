//! Over real connections.
use std::{
    io::{Read, Write},
    net::TcpStream,
};

use parking_lot::Mutex;

use super::*;

struct Fixed(Mutex<(bool, Phase)>);
impl Facts for Fixed {
    fn alive(&self) -> bool {
        self.0.lock().0
    }
    fn phase(&self) -> Phase {
        self.0.lock().1
    }
    fn generation(&self) -> Generation {
        Generation {
            number: 3,
            since_ms: 1,
            last_error: Some("pii-redact: <not> WebAssembly".into()),
            restart_needed: Vec::new(),
        }
    }
    fn policies(&self) -> Vec<PolicyFacts> {
        vec![PolicyFacts {
            name: "pii-redact".into(),
            version: Some("1.0.0".into()),
            sha256: Some("00ff".into()),
            signed_by: None,
            hooks: vec!["request", "reply"],
            reads: vec!["user"],
            rewrites: vec!["assistant"],
            grants: Vec::new(),
            on_error: "block",
            on_unseen: "block".into(),
            state: State::Serving,
            reason: None,
            loaded_ms: Some(1),
            calls: 5,
            faults: 0,
        }]
    }
}

fn served() -> (SocketAddr, Arc<Fixed>) {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let facts = Arc::new(Fixed(Mutex::new((true, Phase::Serving))));
    spawn(listener, Vec::new(), Arc::<Fixed>::clone(&facts)).unwrap();
    (address, facts)
}

/// Status and body over a real connection.
fn send(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    send_with(address, method, path, "", "")
}

/// The same with more lines in the head, and a body.
fn send_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    more: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[test]
fn ready_is_while_serving_and_tells_the_generation_and_its_last_error() {
    let (address, facts) = served();
    for (phase, status) in [(Phase::Serving, 200), (Phase::Draining, 503)] {
        facts.0.lock().1 = phase;
        assert_eq!(send(address, "GET", "/readyz").0, status, "{phase:?}");
    }
    let body: serde_json::Value = serde_json::from_str(&send(address, "GET", "/readyz").1).unwrap();
    assert_eq!(body["status"], "draining");
    assert_eq!(
        (
            &body["generation"]["number"],
            &body["generation"]["last_error"]
        ),
        (&3.into(), &"pii-redact: <not> WebAssembly".into())
    );
}

#[test]
fn alive_is_the_workers_affair_and_not_readiness() {
    let (address, facts) = served();
    assert_eq!(send(address, "GET", "/healthz").0, 200);
    facts.0.lock().0 = false;
    assert_eq!(send(address, "GET", "/healthz").0, 503);
}

#[test]
fn metrics_are_text_and_the_rest_is_json() {
    let (address, _) = served();
    let (status, text) = send(address, "GET", "/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("\noutrigger_build_info{version="), "{text}");
    let policies: serde_json::Value =
        serde_json::from_str(&send(address, "GET", "/policies").1).unwrap();
    assert_eq!(
        (
            &policies[0]["name"],
            &policies[0]["state"],
            &policies[0]["calls"]
        ),
        (&"pii-redact".into(), &"serving".into(), &5.into())
    );
    assert_eq!(policies[0].get("reason"), None);
    let generation: serde_json::Value =
        serde_json::from_str(&send(address, "GET", "/generation?x").1).unwrap();
    assert_eq!(generation["number"], 3);
}

#[test]
fn other_paths_are_404_and_other_methods_405() {
    let (address, _) = served();
    for path in [
        "/index.html",
        "/readyz/",
        "/metrics/x",
        "/Readyz",
        "/debug/pprof",
    ] {
        assert_eq!(send(address, "GET", path).0, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(send(address, method, "/policies").0, 405, "{method}");
    }
    assert_eq!(send(address, "HEAD", "/metrics"), (200, String::new()));
}

#[test]
fn the_page_shows_what_the_other_addresses_give_and_its_texts_are_escaped() {
    let (address, facts) = served();
    facts.0.lock().1 = Phase::Draining;
    let (status, page) = send(address, "GET", "/");
    assert_eq!(status, 200);
    for shown in [
        "<p>draining</p>",
        "<th>last_error<td>pii-redact: &lt;not&gt; WebAssembly",
        "<th>calls",
        "<td>pii-redact<td>",
        "<td>request, reply<td>",
        "<h2>Targets</h2>\n<p>none</p>",
        "<a href=\"/metrics\">",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    for never in ["<script", "<not>", "http://", "https://"] {
        assert!(!page.contains(never), "{never}: {page}");
    }
    for (path, _) in page::ADDRESSES {
        // A test's facts have no stores.
        let expected = if path == "/readyz" { 503 } else { 200 };
        let status = send(address, "GET", path).0;
        assert!(status == expected || path == "/state", "{path} {status}");
    }
    assert!(send(address, "GET", page::STYLE).1.starts_with("body{"));
}

#[test]
fn silent_clients_keep_nobody_out() {
    let (address, _) = served();
    let silent: Vec<_> = (0..5 * CONNECTIONS)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let begun = tokio::time::Instant::now();
    assert_eq!(send(address, "GET", "/healthz").0, 200);
    assert!(
        begun.elapsed() < HEADERS_WITHIN,
        "others' silence was waited for"
    );
    drop(silent);
}

#[test]
fn an_address_in_use_is_one_sentence_that_says_what_to_do() {
    let (address, _) = served();
    let said = bind(address).unwrap_err().to_string();
    assert_eq!(
        said,
        format!(
            "can't listen on {address}: it is in use; end what holds it, or write another address under `admin`"
        )
    );
}

/// A target, a canary that is rolled back, and what was changed.
#[derive(Default)]
struct Routed {
    takes_changes: AtomicBool,
    reset: Mutex<Vec<Option<String>>>,
}
impl Facts for Routed {
    fn phase(&self) -> Phase {
        Phase::Serving
    }
    fn generation(&self) -> Generation {
        Generation::default()
    }
    fn policies(&self) -> Vec<PolicyFacts> {
        Vec::new()
    }
    fn targets(&self) -> Vec<TargetFacts> {
        let targets = crate::state::targets::Targets::default();
        let place = crate::state::targets::Place {
            target: targets.target("a/m"),
            keys: vec![targets.key("a", Some("sk-secret"), "a", Some("m"))],
        };
        vec![TargetFacts {
            figures: place.figures(),
            aliases: vec!["fast".into(), "smart".into()],
        }]
    }
    fn reset_targets(&self, target: Option<&str>) -> usize {
        self.reset.lock().push(target.map(str::to_owned));
        usize::from(target.is_none_or(|target| target == "a/m"))
    }
    fn resume_canary(&self, model: &str) -> Option<bool> {
        (model == "fast").then_some(true)
    }
    fn takes_changes(&self) -> bool {
        self.takes_changes.load(Relaxed)
    }
}

fn routed() -> (SocketAddr, Arc<Routed>) {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let facts = Arc::new(Routed::default());
    spawn(listener, Vec::new(), Arc::<Routed>::clone(&facts)).unwrap();
    (address, facts)
}

#[test]
fn targets_are_a_list_with_states_figures_keys_and_aliases() {
    let (address, _) = routed();
    let (status, text) = send(address, "GET", "/targets");
    assert_eq!(status, 200);
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let row = &list[0];
    for (name, expected) in [
        ("target", serde_json::json!("a/m")),
        ("state", "closed".into()),
        ("attempts", 0.into()),
        ("failures", 0.into()),
        ("in_flight", 0.into()),
        ("aliases", serde_json::json!(["fast", "smart"])),
    ] {
        assert_eq!(row[name], expected, "{text}");
    }
    assert_eq!(row["keys"][0]["state"], "closed", "{text}");
    assert_eq!(row["keys"][0]["account"]["name"], "a", "{text}");
    assert!(!text.contains("sk-secret"), "{text}");
    assert_eq!(send(address, "HEAD", "/targets"), (200, String::new()));
    assert_eq!(send(address, "DELETE", "/targets").0, 405);
    for path in ["/targets/", "/targets/a", "/targetsx"] {
        assert_eq!(send(address, "GET", path).0, 404, "{path}");
    }
    assert!(send(address, "GET", "/x").1.contains("/targets"));
}

#[test]
fn breakers_are_closed_and_canaries_resumed_only_by_an_operator_who_means_to() {
    let (address, facts) = routed();
    let meant = "x-outrigger-admin: 1\r\n";
    let (reset, resume) = ("/targets/reset", "/targets/resume");
    let post = |path: &str, more: &str, body: &str| send_with(address, "POST", path, more, body);
    let (status, text) = post(reset, meant, "{}");
    assert_eq!(status, 403);
    assert!(text.contains("admin_changes"), "{text}");
    facts.takes_changes.store(true, Relaxed);
    let (status, text) = post(reset, "", "{}");
    assert_eq!(status, 403);
    assert!(text.contains("x-outrigger-admin"), "{text}");
    let foreign = "x-outrigger-admin: 1\r\norigin: http://evil.example\r\n";
    assert_eq!(post(reset, foreign, "{}").0, 403);
    assert_eq!(send_with(address, "GET", reset, meant, "").0, 405);
    for wrong in ["[", "{\"targets\": \"a/m\"}", "{\"target\": 1}", "\"a/m\""] {
        assert_eq!(post(reset, meant, wrong).0, 400, "{wrong}");
        assert_eq!(post(resume, meant, wrong).0, 400, "{wrong}");
    }
    let long = " ".repeat(5 << 10) + "{}";
    assert_eq!(post(reset, meant, &long).0, 400);
    assert!(facts.reset.lock().is_empty());
    for (body, expected) in [
        ("", 200),
        ("{}", 200),
        ("{\"target\": \"a/m\"}", 200),
        ("{\"target\": \"a/x\"}", 404),
    ] {
        assert_eq!(post(reset, meant, body).0, expected, "{body}");
    }
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        *facts.reset.lock(),
        [None, None, named("a/m"), named("a/x")]
    );
    assert_eq!(post(resume, meant, "{\"model\": \"smart\"}").0, 404);
    let (status, text) = post(resume, meant, "{\"model\": \"fast\"}");
    assert_eq!((status, text.trim_end()), (200, "{\"done\":true}"));
}
