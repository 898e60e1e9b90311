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
    /// The body's `model`.
    pub fn model(&self) -> String {
        self.json()["model"].as_str().unwrap_or("").to_owned()
    }
}

type Script = dyn Fn(&Seen, usize) -> Vec<Step> + Send + Sync;

#[derive(Default)]
struct Book {
    seen: Mutex<Vec<Seen>>,
    left: Mutex<Vec<Instant>>,
    flooded: AtomicU64,
    connections: AtomicUsize,
    open: AtomicUsize,
    stop: AtomicBool,
}

/// A provider that follows a script.
pub struct Upstream {
    /// The address that it listens on.
    pub address: SocketAddr,
    book: Arc<Book>,
}

impl Upstream {
    /// Starts one. `script` gets the request and how many came before it.
    pub fn start(script: impl Fn(&Seen, usize) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book::default());
        let script: Arc<Script> = Arc::new(script);
        let shared = Arc::clone(&book);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (book, script) = (Arc::clone(&shared), Arc::clone(&script));
                std::thread::spawn(move || {
                    book.open.fetch_add(1, Ordering::Relaxed);
                    let _ = serve(stream, &book, &*script);
                    book.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, book }
    }

    /// Starts one that answers everything with `reply`.
    pub fn always(reply: Vec<u8>) -> Self {
        Self::start(move |_, _| vec![Step::Send(reply.clone())])
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.book.seen.lock().unwrap().clone()
    }
    /// The latest request.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a request came")
    }
    /// Number of requests that came.
    pub fn count(&self) -> usize {
        self.book.seen.lock().unwrap().len()
    }
    /// Times at which peers closed on a [`Step::Hold`] or in a [`Step::Flood`].
    pub fn left(&self) -> Vec<Instant> {
        self.book.left.lock().unwrap().clone()
    }
    /// Bytes that floods got rid of.
    pub fn flooded(&self) -> u64 {
        self.book.flooded.load(Ordering::Relaxed)
    }
    /// Number of connections that were made.
    pub fn connections(&self) -> usize {
        self.book.connections.load(Ordering::Relaxed)
    }
    /// Number of connections that are open.
    pub fn open(&self) -> usize {
        self.book.open.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.book.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // wakes the accepting thread
    }
}

fn serve(mut stream: TcpStream, book: &Book, script: &Script) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer)? {
        let before = {
            let mut all = book.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        for step in script(&seen, before) {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes)?,
                Step::Pause(time) => std::thread::sleep(time),
                Step::Close => return stream.shutdown(std::net::Shutdown::Both),
                Step::Reset => {
                    return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                }
                Step::Hold => {
                    while stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
                    book.left.lock().unwrap().push(Instant::now());
                    return Ok(());
                }
                Step::Flood { piece, pieces } => {
                    for _ in 0..pieces {
                        if let Err(error) = stream.write_all(&piece) {
                            book.left.lock().unwrap().push(Instant::now());
                            return Err(error);
                        }
                        book.flooded
                            .fetch_add(piece.len() as u64, Ordering::Relaxed);
                    }
                }
            }
        }
    }
    Ok(())
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
    Ok(Some(Seen { head, body }))
}
