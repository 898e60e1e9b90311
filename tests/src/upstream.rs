//! A scripted provider: records each request byte for byte and plays what the test wrote, pauses,
//! resets and floods included.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::wire;

/// The upstream's next step on a connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends bytes in one write.
    Send(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Waits, and ends the script where the peer closes meanwhile; see [`Upstream::left_early`].
    Linger(Duration),
    /// Closes in order (FIN).
    Close,
    /// Resets (RST).
    Reset,
    /// Does nothing until the peer closes; [`Upstream::left`] then has the time of that.
    Hold,
    /// Sends `piece` until `pieces` are out or the peer closes; [`Upstream::flooded`] counts the
    /// bytes that were taken.
    Flood {
        /// The bytes that are sent again and again.
        piece: Vec<u8>,
        /// The most times that they are sent.
        pieces: u64,
    },
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Request line and headers, the blank line included.
    pub head: String,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The time at which it was complete.
    pub at: Instant,
}

impl Seen {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::header(&self.head, name)
    }
    /// The request line's second word.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("")
    }
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
    /// The body's `model`, or the path's.
    pub fn model(&self) -> String {
        let in_path = || {
            self.path()
                .rsplit_once("/models/")?
                .1
                .split([':', '?'])
                .next()
        };
        let body = self.json();
        let named = body["model"].as_str().or_else(in_path);
        named.unwrap_or("").to_owned()
    }
    /// True if it asks for a stream.
    pub fn streams(&self) -> bool {
        self.json()["stream"] == true || self.path().contains(":streamGenerateContent")
    }
    /// The key that it came with, in whichever header.
    pub fn key(&self) -> &str {
        let bearer = || self.header("authorization")?.strip_prefix("Bearer ");
        self.header("x-api-key")
            .or_else(|| self.header("x-goog-api-key"))
            .or_else(bearer)
            .unwrap_or("")
    }
}

type Script = dyn Fn(&Seen, usize) -> Vec<Step> + Send + Sync;

#[derive(Default)]
struct Record {
    seen: Mutex<Vec<Seen>>,
    left: Mutex<Vec<Instant>>,
    left_early: Mutex<Vec<usize>>,
    flooded: AtomicU64,
    connections: AtomicUsize,
    open: AtomicUsize,
    stop: AtomicBool,
}

/// A provider that follows a script.
pub struct Upstream {
    /// The address that it listens on.
    pub address: SocketAddr,
    record: Arc<Record>,
}

impl Upstream {
    /// Starts one. `script` gets the request and how many came before it.
    pub fn start(script: impl Fn(&Seen, usize) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Record::default());
        let script: Arc<Script> = Arc::new(script);
        let shared = Arc::clone(&record);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (record, script) = (Arc::clone(&shared), Arc::clone(&script));
                std::thread::spawn(move || {
                    record.open.fetch_add(1, Ordering::Relaxed);
                    let _ = serve(stream, &record, &*script);
                    record.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, record }
    }

    /// Starts one that answers everything with `reply`.
    pub fn always(reply: Vec<u8>) -> Self {
        Self::start(move |_, _| vec![Step::Send(reply.clone())])
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.record.seen.lock().unwrap().clone()
    }
    /// The latest request.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a request came")
    }
    /// Number of requests that came.
    pub fn count(&self) -> usize {
        self.record.seen.lock().unwrap().len()
    }
    /// Times at which peers closed on a [`Step::Hold`] or in a [`Step::Flood`].
    pub fn left(&self) -> Vec<Instant> {
        self.record.left.lock().unwrap().clone()
    }
    /// Numbers of the requests, from 0, whose peer closed before their script was over.
    pub fn left_early(&self) -> Vec<usize> {
        self.record.left_early.lock().unwrap().clone()
    }
    /// Bytes that floods got rid of.
    pub fn flooded(&self) -> u64 {
        self.record.flooded.load(Ordering::Relaxed)
    }
    /// Number of connections that were made.
    pub fn connections(&self) -> usize {
        self.record.connections.load(Ordering::Relaxed)
    }
    /// Number of connections that are open.
    pub fn open(&self) -> usize {
        self.record.open.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.record.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // wakes the accepting thread
    }
}

fn serve(mut stream: TcpStream, record: &Record, script: &Script) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer)? {
        let before = {
            let mut all = record.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        for step in script(&seen, before) {
            let played = play(&mut stream, record, step);
            if !matches!(played, Ok(Played::On | Played::Over)) {
                record.left_early.lock().unwrap().push(before);
            }
            if !matches!(played?, Played::On) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The state of a script after a step.
enum Played {
    On,
    Over,
    PeerLeft,
}

fn play(stream: &mut TcpStream, record: &Record, step: Step) -> std::io::Result<Played> {
    match step {
        Step::Send(bytes) => stream.write_all(&bytes)?,
        Step::Pause(time) => std::thread::sleep(time),
        Step::Linger(time) => {
            let until = Instant::now() + time;
            stream.set_read_timeout(Some(time.max(Duration::from_millis(1))))?;
            let peeked = stream.peek(&mut [0]);
            stream.set_read_timeout(None)?;
            match peeked {
                Ok(0) => return Ok(Played::PeerLeft),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Ok(Played::PeerLeft);
                }
                // Silence, or the next request: neither ends this one.
                _ => std::thread::sleep(until.saturating_duration_since(Instant::now())),
            }
        }
        Step::Close => {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return Ok(Played::Over);
        }
        Step::Reset => {
            socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
            return Ok(Played::Over);
        }
        Step::Hold => {
            while stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
            record.left.lock().unwrap().push(Instant::now());
            return Ok(Played::PeerLeft);
        }
        Step::Flood { piece, pieces } => {
            for _ in 0..pieces {
                if let Err(error) = stream.write_all(&piece) {
                    record.left.lock().unwrap().push(Instant::now());
                    return Err(error);
                }
                record
                    .flooded
                    .fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }
    }
    Ok(Played::On)
}

/// Reads a request; `None` where the peer closed between two.
fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Seen>> {
    let mut piece = [0; 64 * 1024];
    let mut more = |buffer: &mut Vec<u8>, stream: &mut TcpStream| -> std::io::Result<bool> {
        let n = stream.read(&mut piece)?;
        buffer.extend_from_slice(&piece[..n]);
        Ok(n > 0)
    };
    let head_end = loop {
        if let Some(at) = wire::find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        if !more(buffer, stream)? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    buffer.drain(..head_end);
    let mut body = Vec::new();
    if let Some(length) = wire::header(&head, "content-length") {
        let length: usize = length.parse().unwrap_or(0);
        while buffer.len() < length {
            if !more(buffer, stream)? {
                return Ok(None);
            }
        }
        body.extend(buffer.drain(..length));
    } else if wire::header(&head, "transfer-encoding").is_some() {
        loop {
            let line_end = loop {
                if let Some(at) = wire::find(buffer, b"\r\n") {
                    break at;
                }
                if !more(buffer, stream)? {
                    return Ok(None);
                }
            };
            let size =
                usize::from_str_radix(String::from_utf8_lossy(&buffer[..line_end]).trim(), 16)
                    .unwrap_or(0);
            while buffer.len() < line_end + 2 + size + 2 {
                if !more(buffer, stream)? {
                    return Ok(None);
                }
            }
            body.extend_from_slice(&buffer[line_end + 2..line_end + 2 + size]);
            buffer.drain(..line_end + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    }
    let at = Instant::now();
    Ok(Some(Seen { head, body, at }))
}
