//! The bench's client: keep-alive connections, one thread, exact times. Prints one JSON object of
//! numbers.
//!
//! `bench-load whole TARGET CONNECTIONS SECONDS BODY_FILE` sends as many requests as the
//! connections take, after a short warm-up; `any` does not insist on 200, and counts them as `ok`.
//! `bench-load streams TARGET CONNECTIONS STREAMS GAP_US
//! BODY_FILE` reads that many streams of 100 events, `GAP_US` apart. `bench-load hold TARGET
//! STREAMS SECONDS BODY_FILE` opens streams at once that last `SECONDS`, reads them all, and prints
//! `open` on a line when all have begun.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench stops at the first thing that is not as it should be"
)]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

fn now() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    u64::try_from(t.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap()
}

fn request(target: &str, body: &[u8], more: &str) -> Vec<u8> {
    let mut bytes = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {target}\r\ncontent-type: application/json\r\nauthorization: Bearer sk-bench\r\naccept: application/json\r\nuser-agent: bench\r\n{more}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads one whole reply, and reports whether it is a 200; the buffer is empty again afterwards.
async fn read_whole(stream: &mut TcpStream, buffer: &mut Vec<u8>, insists: bool) -> bool {
    let (mut end, mut good) = (None, false);
    loop {
        if end.is_none()
            && let Some(at) = find(buffer, b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&buffer[..at])
                .unwrap()
                .to_ascii_lowercase();
            good = head.starts_with("http/1.1 200");
            assert!(
                good || !insists,
                "not 200: {head} {}",
                String::from_utf8_lossy(&buffer[at..])
            );
            end = head
                .split("\r\n")
                .find_map(|l| l.strip_prefix("content-length:"))
                .map(|n| at + 4 + n.trim().parse::<usize>().unwrap());
        }
        let chunked_done = end.is_none() && buffer.ends_with(b"0\r\n\r\n");
        if chunked_done || end.is_some_and(|e| buffer.len() >= e) {
            buffer.clear();
            return good;
        }
        assert!(
            stream.read_buf(buffer).await.unwrap() > 0,
            "closed in mid-reply"
        );
    }
}

fn percentile(sorted: &[u64], p: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = ((sorted.len() - 1) as f64 * p).round() as usize;
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    let us = sorted[at] as f64 / 1000.0;
    us
}

async fn whole(target: String, connections: usize, seconds: f64, body: Vec<u8>, insists: bool) {
    let bytes: Rc<[u8]> = request(&target, &body, "").into();
    let times = Rc::new(RefCell::new(Vec::<u64>::new()));
    let good = Rc::new(Cell::new(0_u64));
    let begin = Instant::now();
    let until = begin + Duration::from_secs_f64(seconds);
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (target, bytes, times) = (target.clone(), Rc::clone(&bytes), Rc::clone(&times));
            let good = Rc::clone(&good);
            tokio::task::spawn_local(async move {
                let mut stream = TcpStream::connect(&target).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut buffer = Vec::with_capacity(64 * 1024);
                while Instant::now() < until {
                    let sent = Instant::now();
                    stream.write_all(&bytes).await.unwrap();
                    let is_good = read_whole(&mut stream, &mut buffer, insists).await;
                    good.set(good.get() + u64::from(is_good));
                    times
                        .borrow_mut()
                        .push(u64::try_from(sent.elapsed().as_nanos()).unwrap());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let took = begin.elapsed().as_secs_f64();
    let mut times = times.take();
    times.sort_unstable();
    println!(
        r#"{{"requests":{},"ok":{},"seconds":{took},"p50_us":{},"p99_us":{}}}"#,
        times.len(),
        good.get(),
        percentile(&times, 0.5),
        percentile(&times, 0.99)
    );
}

/// Delays of one stream, in ns: its first event, from our request on, and each later one, from the
/// upstream's write to our read.
struct Delays {
    first: u64,
    later: Vec<u64>,
}

/// Takes the framing off a chunked reply: proxies chunk anew, and a border may fall into a time
/// stamp.
#[derive(Default)]
struct Chunks {
    head: bool,
    line: Vec<u8>,
    left: usize,
    last: bool,
    ended: bool,
}

impl Chunks {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            if self.left > 0 {
                let taken = self.left.min(rest.len());
                out.extend_from_slice(&rest[..taken]);
                self.left -= taken;
                rest = &rest[taken..];
                continue;
            }
            rest = after;
            self.line.push(*byte);
            if !self.head {
                self.head = self.line.ends_with(b"\r\n\r\n");
                if self.head {
                    self.line.clear();
                }
            } else if self.line.ends_with(b"\r\n") {
                let line = std::str::from_utf8(&self.line).unwrap().trim();
                if line.is_empty() {
                    self.ended = self.last;
                } else {
                    self.left = usize::from_str_radix(line, 16).unwrap();
                    self.last = self.left == 0;
                }
                self.line.clear();
            }
        }
    }
}

async fn one_stream(
    stream: &mut TcpStream,
    bytes: &[u8],
    events: usize,
    begun: impl FnOnce(),
) -> Delays {
    let began = now();
    stream.write_all(bytes).await.unwrap();
    let mut wire = Vec::with_capacity(64 * 1024);
    let (mut chunks, mut text) = (Chunks::default(), Vec::with_capacity(64 * 1024));
    let (mut looked, mut seen) = (0, Vec::with_capacity(events));
    let mut begun = Some(begun);
    loop {
        wire.clear();
        assert!(
            stream.read_buf(&mut wire).await.unwrap() > 0,
            "closed in mid-stream: {}",
            String::from_utf8_lossy(&text)
        );
        let at = now();
        chunks.feed(&wire, &mut text);
        // " at " and 20 digits: when the upstream wrote it.
        while let Some(found) = find(&text[looked..], b"\" at ") {
            let from = looked + found + 5;
            if text.len() < from + 20 {
                break;
            }
            let sent: u64 = std::str::from_utf8(&text[from..from + 20])
                .unwrap()
                .parse()
                .unwrap();
            let since = if seen.is_empty() { began } else { sent };
            seen.push(at.saturating_sub(since));
            looked = from + 20;
            if let Some(begun) = begun.take() {
                begun();
            }
        }
        if chunks.ended {
            break;
        }
    }
    assert!(find(&text, b"[DONE]").is_some(), "no terminator");
    assert_eq!(seen.len(), events, "every event arrives");
    Delays {
        first: seen[0],
        later: seen.split_off(1),
    }
}

async fn streams(target: String, connections: usize, count: usize, gap: u64, body: Vec<u8>) {
    let bytes: Rc<[u8]> = request(&target, &body, &format!("x-stream: 100,{gap}\r\n")).into();
    let (left, firsts, laters) = (
        Rc::new(Cell::new(count)),
        Rc::new(RefCell::new(Vec::new())),
        Rc::new(RefCell::new(Vec::new())),
    );
    let begin = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|number| {
            // Evenly spaced, so that a stream's beginning is not measured behind seven others.
            let turn = Duration::from_micros(gap * 100) * u32::try_from(number).unwrap()
                / u32::try_from(connections).unwrap();
            let (target, bytes, left, firsts, laters) = (
                target.clone(),
                Rc::clone(&bytes),
                Rc::clone(&left),
                Rc::clone(&firsts),
                Rc::clone(&laters),
            );
            tokio::task::spawn_local(async move {
                let mut stream = TcpStream::connect(&target).await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::time::sleep(turn).await;
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    let delays = one_stream(&mut stream, &bytes, 100, || ()).await;
                    firsts.borrow_mut().push(delays.first);
                    laters.borrow_mut().extend(delays.later);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let took = begin.elapsed().as_secs_f64();
    let (mut firsts, mut laters) = (firsts.take(), laters.take());
    firsts.sort_unstable();
    laters.sort_unstable();
    println!(
        r#"{{"streams":{},"seconds":{took},"first_p50_us":{},"first_p99_us":{},"event_p50_us":{},"event_p99_us":{}}}"#,
        firsts.len(),
        percentile(&firsts, 0.5),
        percentile(&firsts, 0.99),
        percentile(&laters, 0.5),
        percentile(&laters, 0.99)
    );
}

async fn hold(target: String, count: usize, seconds: u64, body: Vec<u8>) {
    // Ten events, evenly over the time.
    let bytes: Rc<[u8]> = request(
        &target,
        &body,
        &format!("x-stream: 10,{}\r\n", seconds * 100_000),
    )
    .into();
    let begun = Rc::new(Cell::new(0));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (target, bytes, begun) = (target.clone(), Rc::clone(&bytes), Rc::clone(&begun));
            tokio::task::spawn_local(async move {
                let mut stream = TcpStream::connect(&target).await.unwrap();
                one_stream(&mut stream, &bytes, 10, || {
                    begun.set(begun.get() + 1);
                    if begun.get() == count {
                        println!("open");
                    }
                })
                .await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!(r#"{{"streams":{count}}}"#);
}

fn main() {
    let all: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    let body = std::fs::read(words.last().expect("arguments")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    match words[..] {
        [how @ ("whole" | "any"), target, connections, seconds, _] => {
            local.block_on(
                &runtime,
                whole(
                    target.into(),
                    connections.parse().unwrap(),
                    seconds.parse().unwrap(),
                    body,
                    how == "whole",
                ),
            );
        }
        ["streams", target, connections, count, gap, _] => {
            local.block_on(
                &runtime,
                streams(
                    target.into(),
                    connections.parse().unwrap(),
                    count.parse().unwrap(),
                    gap.parse().unwrap(),
                    body,
                ),
            );
        }
        ["hold", target, count, seconds, _] => {
            local.block_on(
                &runtime,
                hold(
                    target.into(),
                    count.parse().unwrap(),
                    seconds.parse().unwrap(),
                    body,
                ),
            );
        }
        _ => panic!("whole, any, streams or hold; the file's head tells"),
    }
}
