//! Connections to an upstream that closes them after a short time without a request.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};

use super::config;

/// Time after which the upstream closes an idle connection. Node waits for 5 s.
const IDLE: Duration = Duration::from_millis(300);

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// Starts the upstream; returns its address and the number of connections so far.
fn start_upstream() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Relaxed);
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    (address, connections)
}

fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let reply = replies::json_body(&Api::Chat.whole("done"));
    let mut request = Vec::new();
    loop {
        stream.set_read_timeout(Some(IDLE)).unwrap();
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(n @ 1..) => request.extend_from_slice(&part[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return,
        }
        if request.ends_with(ASK.as_bytes()) {
            request.clear();
            if stream.write_all(&reply).is_err() {
                return;
            }
        }
    }
}

#[test]
fn no_request_is_lost_to_an_upstream_that_closes_idle_connections() {
    let (address, connections) = start_upstream();
    let sidecar = Sidecar::start(&format!(
        "workers: 2\nupstreams:\n  openai: {{ dialect: openai, url: \"http://{address}/v1\" }}\n"
    ));
    // Pauses around the limit: early, just before, as it closes, and after.
    let pauses = [250, 290, 299, 300, 301, 310, 330].map(Duration::from_millis);
    let apps: Vec<_> = (0..3)
        .map(|app| {
            let base = sidecar.base;
            std::thread::spawn(move || {
                for call in 0..21 {
                    let reply = wire::post(base, Api::Chat.path(), ASK);
                    assert_eq!(reply.status, 200, "call {call}: {}", reply.text());
                    std::thread::sleep(pauses[(call + app) % pauses.len()]);
                }
            })
        })
        .collect();
    for app in apps {
        app.join().unwrap();
    }
    let resent = sidecar.metric("outrigger_upstream_attempts_total", &["stale_connection"]);
    println!("{connections:?} connections, {resent} requests sent once more");
}

#[test]
fn a_connection_is_kept_whose_stream_an_app_left_after_its_last_event() {
    let upstream = Upstream::start(|_, _| {
        let mut steps = vec![Step::Send(replies::stream_head())];
        for event in Api::Chat.events(&["one", "two"]) {
            steps.push(Step::Send(replies::chunk(event.as_bytes())));
        }
        steps.push(Step::Pause(Duration::from_millis(100)));
        steps.push(Step::Send(replies::last_chunk()));
        steps
    });
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let body = Api::Chat.ask("m", "hi", true).to_string();
    let headers = ["content-type: application/json"];
    let request = wire::request("POST", Api::Chat.path(), &headers, body.as_bytes());
    const CALLS: usize = 8;
    for _ in 0..CALLS {
        let mut app = TcpStream::connect(sidecar.base).unwrap();
        app.write_all(&request).unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("[DONE]") {
            let mut part = [0; 4096];
            let read = app.read(&mut part).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&part[..read]);
        }
        drop(app);
        std::thread::sleep(Duration::from_millis(300));
    }
    let connections = upstream.connections();
    assert!(connections < CALLS / 2, "{connections}");
}

#[test]
fn a_quiet_pod_opens_no_connection() {
    let (address, connections) = start_upstream();
    let sidecar = Sidecar::start(&format!(
        "workers: 2\nupstreams:\n  openai: {{ dialect: openai, url: \"http://{address}/v1\" }}\n"
    ));
    for _ in 0..3 {
        let reply = wire::post(sidecar.base, Api::Chat.path(), ASK);
        assert_eq!(reply.status, 200, "{}", reply.text());
        std::thread::sleep(2 * IDLE);
    }
    // However long the calls took: once the usual pauses are over, no more come.
    eventually("nothing is opened any more", || {
        let before = connections.load(Relaxed);
        std::thread::sleep(8 * IDLE);
        connections.load(Relaxed) == before
    });
}
