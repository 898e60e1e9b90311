//! Ten times too much: what a proxy still serves while it is offered ten times what it can. Prints
//! one JSON object of numbers.
//!
//! `bench-overload TARGET BODY_FILE [CONNECTIONS [TIMES]]`. First so many connections (default 64),
//! each with one request after the other, for three seconds: the peak. Then `TIMES` (default 10) as
//! many, twice for six seconds: *patient* clients, which wait out a `retry-after` as the SDKs do, and *rude* ones,
//! which call again at once. Goodput is what was answered 200, as a share of the peak. Then one
//! client alone: how long until twenty requests in a row are served. Start the proxy on one CPU
//! (`taskset -c 0`, `workers: 1`), this and the upstream on others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench stops at the first thing that is not as it should be"
)]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Default)]
struct Seen {
    served: Vec<u64>,
    shed: Vec<u64>,
    broken: u64,
}

/// Sends a request and reads the reply to it; its status, none where the connection broke.
async fn ask(stream: &mut TcpStream, bytes: &[u8], buffer: &mut Vec<u8>) -> Option<u16> {
    buffer.clear();
    stream.write_all(bytes).await.ok()?;
    loop {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
        let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end])
            .unwrap()
            .to_ascii_lowercase();
        let length = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.expect("a length").trim().parse().unwrap();
        if buffer.len() >= end + 4 + length {
            return head.split(' ').nth(1)?.parse().ok();
        }
    }
}

async fn load(
    target: &str,
    bytes: &Rc<[u8]>,
    connections: usize,
    time: Duration,
    wait: Duration,
) -> Seen {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let until = Instant::now() + time;
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (target, bytes, seen) = (target.to_owned(), Rc::clone(bytes), Rc::clone(&seen));
            tokio::task::spawn_local(async move {
                let mut buffer = Vec::with_capacity(4096);
                let mut stream = TcpStream::connect(&target).await.unwrap();
                while Instant::now() < until {
                    let sent = Instant::now();
                    let status = ask(&mut stream, &bytes, &mut buffer).await;
                    let took = u64::try_from(sent.elapsed().as_micros()).unwrap();
                    match status {
                        Some(200) => seen.borrow_mut().served.push(took),
                        Some(503) => {
                            seen.borrow_mut().shed.push(took);
                            tokio::time::sleep(wait).await;
                        }
                        Some(status) => panic!("{status}: {}", String::from_utf8_lossy(&buffer)),
                        None => {
                            seen.borrow_mut().broken += 1;
                            stream = TcpStream::connect(&target).await.unwrap();
                        }
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let mut seen = seen.take();
    seen.served.sort_unstable();
    seen.shed.sort_unstable();
    seen
}

fn at(sorted: &[u64], hundredth: usize) -> u64 {
    sorted
        .get(sorted.len().saturating_sub(1) * hundredth / 100)
        .copied()
        .unwrap_or(0)
}

async fn run(target: String, body: Vec<u8>, connections: usize, times: usize) {
    let mut bytes = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {target}\r\ncontent-type: application/json\r\nauthorization: Bearer sk-bench\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&body);
    let bytes: Rc<[u8]> = bytes.into();
    load(
        &target,
        &bytes,
        connections,
        Duration::from_secs(1),
        Duration::ZERO,
    )
    .await;
    let rate = |seen: &Seen, seconds: f64| {
        #[allow(clippy::cast_precision_loss, reason = "counts")]
        let rate = seen.served.len() as f64 / seconds;
        rate
    };
    let peak = rate(
        &load(
            &target,
            &bytes,
            connections,
            Duration::from_secs(3),
            Duration::ZERO,
        )
        .await,
        3.0,
    );
    let mut line = format!(r#""peak_rps":{peak:.0}"#);
    for (name, wait) in [
        ("patient", Duration::from_secs(1)),
        ("rude", Duration::ZERO),
    ] {
        let seen = load(
            &target,
            &bytes,
            times * connections,
            Duration::from_secs(6),
            wait,
        )
        .await;
        line.push_str(&format!(
            r#","{name}_goodput":{:.3},"{name}_p99_us":{},"{name}_shed":{},"{name}_shed_p99_us":{},"{name}_broken":{}"#,
            rate(&seen, 6.0) / peak,
            at(&seen.served, 99),
            seen.shed.len(),
            at(&seen.shed, 99),
            seen.broken
        ));
        let (begun, mut row, mut buffer) = (Instant::now(), 0, Vec::new());
        let mut stream = TcpStream::connect(&target).await.unwrap();
        while row < 20 && begun.elapsed() < Duration::from_secs(30) {
            match ask(&mut stream, &bytes, &mut buffer).await {
                Some(200) => row += 1,
                _ => row = 0,
            }
        }
        line.push_str(&format!(
            r#","{name}_recovery_ms":{}"#,
            begun.elapsed().as_millis()
        ));
    }
    println!("{{{line}}}");
}

fn main() {
    let all: Vec<String> = std::env::args().skip(1).collect();
    let body = std::fs::read(all.get(1).expect("TARGET BODY_FILE [CONNECTIONS]")).unwrap();
    let connections = all.get(2).map_or(64, |n| n.parse().unwrap());
    let times = all.get(3).map_or(10, |n| n.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, run(all[0].clone(), body, connections, times));
}
