//! The bench's provider: as fast as it can be, so that what is measured is the proxy.
//!
//! `bench-upstream LISTEN [SCRIPT]`. Reads a request by its `Content-Length`, never parses it, and answers
//! by what its head asks for: a chat completion of about 400 bytes; with `x-stream:
//! EVENTS,MICROSECONDS` a stream of that many events, evenly spaced by the clock, each a write and
//! a chunk of its own; 0 sends them as fast as the peer takes them. Each event's text carries the
//! time when it was sent, in ns of the system's monotonic clock, which the load generator on the
//! same machine subtracts from its own.
//!
//! A SCRIPT makes it fail: `fails STATUS EVERY` answers with STATUS, but each EVERY-th call well (0:
//! none); `limited CALLS MS` takes so many calls in a time, says in its rate-limit headers how many
//! are left, and answers others with a 429 and its end. `GET /counts` says how many calls came, and
//! how many of them were failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench stops at the first thing that is not as it should be"
)]

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog, and then it does so again.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":16,"total_tokens":216}}"#;

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let head = std::str::from_utf8(head).ok()?;
    head.split("\r\n").find_map(|line| {
        line.split_once(':')
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    })
}

/// Nanoseconds of the clock that all processes of this machine share.
fn now() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    u64::try_from(t.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap()
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Its answers to calls.
#[derive(Clone, Copy)]
enum Script {
    Answers,
    Fails { status: u16, every: u64 },
    Limited { calls: u64, nanos: u64 },
}

impl Script {
    fn read(words: &[String]) -> Self {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            [] => Self::Answers,
            ["fails", status, every] => Self::Fails {
                status: status.parse().unwrap(),
                every: every.parse().unwrap(),
            },
            ["limited", calls, ms] => Self::Limited {
                calls: calls.parse().unwrap(),
                nanos: ms.parse::<u64>().unwrap() * 1_000_000,
            },
            _ => panic!("fails or limited; the file's head tells"),
        }
    }
}

/// The calls so far.
#[derive(Default)]
struct Counts {
    calls: u64,
    failed: u64,
    /// Those within the present time of a limit, and its end.
    within: u64,
    ends: u64,
}

impl Counts {
    /// The reply to the next call: what goes before a good one's length, or a whole failure.
    fn next(&mut self, script: Script) -> Result<String, String> {
        self.calls += 1;
        let answered = match script {
            Script::Answers => Ok(String::new()),
            Script::Fails { every, .. } if every > 0 && self.calls.is_multiple_of(every) => {
                Ok(String::new())
            }
            Script::Fails { status, .. } => Err(reply(
                &format!("{status} Failed"),
                "",
                r#"{"error":{"message":"not now","type":"server_error","code":null}}"#,
            )),
            Script::Limited { calls, nanos } => {
                let at = now();
                if at >= self.ends {
                    (self.within, self.ends) = (0, at + nanos);
                }
                let ms = (self.ends - at).div_ceil(1_000_000);
                if self.within < calls {
                    self.within += 1;
                    let left = calls - self.within;
                    Ok(format!(
                        "x-ratelimit-limit-requests: {calls}\r\nx-ratelimit-remaining-requests: {left}\r\nx-ratelimit-reset-requests: {ms}ms\r\n"
                    ))
                } else {
                    Err(reply(
                        "429 Too Many Requests",
                        &format!(
                            "retry-after: {}\r\nretry-after-ms: {ms}\r\n",
                            ms.div_ceil(1000)
                        ),
                        r#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#,
                    ))
                }
            }
        };
        self.failed += u64::from(answered.is_err());
        answered
    }
}

type Shared = Arc<(Script, Mutex<Counts>)>;

async fn serve(mut stream: TcpStream, shared: Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let whole = reply("200 OK", "", BODY);
    let mut buffer = Vec::with_capacity(128 * 1024);
    loop {
        let head_end = loop {
            if let Some(at) = find(&buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        if buffer.starts_with(b"GET /counts") {
            buffer.drain(..head_end);
            let text = {
                let counts = shared.1.lock().await;
                format!(r#"{{"calls":{},"failed":{}}}"#, counts.calls, counts.failed)
            };
            stream
                .write_all(reply("200 OK", "", &text).as_bytes())
                .await?;
            continue;
        }
        let streamed: Option<(u32, u64)> = header(&buffer[..head_end], "x-stream")
            .and_then(|v| v.split_once(','))
            .map(|(events, gap)| (events.parse().unwrap(), gap.parse().unwrap()));
        if let Some(length) = header(&buffer[..head_end], "content-length") {
            let end = head_end + length.parse::<usize>().unwrap();
            while buffer.len() < end {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
            buffer.drain(..end);
        } else {
            assert!(
                header(&buffer[..head_end], "transfer-encoding").is_some(),
                "a request has a body"
            );
            let end = loop {
                if let Some(at) = find(&buffer[head_end..], b"0\r\n\r\n") {
                    break head_end + at + 5;
                }
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            };
            buffer.drain(..end);
        }
        if !matches!(shared.0, Script::Answers) {
            let answered = shared.1.lock().await.next(shared.0);
            let text = match answered {
                Ok(headers) if streamed.is_none() => reply("200 OK", &headers, BODY),
                Ok(_) => String::new(),
                Err(failure) => failure,
            };
            if !text.is_empty() {
                stream.write_all(text.as_bytes()).await?;
                continue;
            }
        }
        match streamed {
            None => stream.write_all(whole.as_bytes()).await?,
            Some((events, gap)) => stream_events(&mut stream, events, gap).await?,
        }
    }
}

async fn stream_events(stream: &mut TcpStream, events: u32, gap: u64) -> std::io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut next = tokio::time::Instant::now();
    for number in 0..events {
        let at = now();
        let event = format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" at {at:020} fox\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
        );
        let chunk = format!(
            "{}{:x}\r\n{event}\r\n",
            if number == 0 { head } else { "" },
            event.len()
        );
        stream.write_all(chunk.as_bytes()).await?;
        if gap > 0 {
            next += Duration::from_micros(gap);
            tokio::time::sleep_until(next).await;
        }
    }
    let end = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n";
    let done = "data: [DONE]\n\n";
    stream
        .write_all(
            format!(
                "{:x}\r\n{end}\r\n{:x}\r\n{done}\r\n0\r\n\r\n",
                end.len(),
                done.len()
            )
            .as_bytes(),
        )
        .await
}

async fn run(listen: String, script: Script) {
    let shared: Shared = Arc::new((script, Mutex::default()));
    let listener = tokio::net::TcpSocket::new_v4().unwrap();
    listener.set_reuseaddr(true).unwrap();
    listener.bind(listen.parse().unwrap()).unwrap();
    let listener = listener.listen(4096).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { serve(stream, shared).await });
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let listen = words.first().expect("LISTEN").clone();
    let script = Script::read(&words[1..]);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(listen, script));
}
