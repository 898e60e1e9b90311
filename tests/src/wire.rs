//! HTTP/1.1 with nothing hidden: what is sent is the caller's bytes, and what comes back keeps its
//! head, its framing and how it ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The longest that anything may be silent before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The end of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is complete by its own framing.
    Complete,
    /// The connection closed before the framing said so.
    Cut,
    /// The connection was reset.
    Reset,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The head as it came, its blank line included.
    pub head: String,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Its end.
    pub end: End,
}

impl Reply {
    /// The first value of a header, `name` in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text()))
    }
}

/// The first value of a header in a head, `name` in any case.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A connection that is read as the test likes.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The received part of a chunk that never ended.
    partial: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&address, PATIENCE).unwrap())
    }

    /// Connects with a small receive buffer, so that what this side does not read soon stops the
    /// other.
    pub fn open_narrow(address: SocketAddr) -> Self {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            None,
        )
        .unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
            partial: Vec::new(),
        }
    }

    /// Sends bytes; a peer that closed already is no error, since its answer is still to be read.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Reads some bytes into the buffer.
    fn fill(&mut self) -> Result<(), End> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(End::Cut),
            Ok(n) => {
                self.buffer.extend_from_slice(&piece[..n]);
                Ok(())
            }
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                Err(End::Reset)
            }
            Err(e) => panic!(
                "reading a reply: {e}; so far: {:?}",
                String::from_utf8_lossy(&self.buffer)
            ),
        }
    }

    /// Reads up to and with `end`, or tells how the connection ended before.
    /// Reads a line, its end included; `None` where there is none.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        self.until(b"\r\n").ok()
    }

    fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, End> {
        let mut looked = 0;
        loop {
            if let Some(at) = find(&self.buffer[looked..], end) {
                return Ok(self.buffer.drain(..looked + at + end.len()).collect());
            }
            looked = self.buffer.len().saturating_sub(end.len());
            self.fill()?;
        }
    }

    fn exactly(&mut self, length: usize, into: &mut Vec<u8>) -> Result<(), End> {
        while self.buffer.len() < length {
            if let Err(end) = self.fill() {
                into.append(&mut self.buffer);
                return Err(end);
            }
        }
        into.extend(self.buffer.drain(..length));
        Ok(())
    }

    /// Reads a head, skipping `100 Continue`; `None` where the connection ended without one.
    pub fn head(&mut self) -> Option<(u16, String)> {
        loop {
            let head = String::from_utf8(self.until(b"\r\n\r\n").ok()?).unwrap();
            let status = head
                .split(' ')
                .nth(1)
                .and_then(|s| s.parse().ok())
                .unwrap_or_else(|| panic!("no status: {head}"));
            if status != 100 {
                return Some((status, head));
            }
        }
    }

    /// Reads one piece of a chunked body; `None` is the last one.
    pub fn chunk(&mut self) -> Result<Option<Vec<u8>>, End> {
        let line = self.until(b"\r\n")?;
        let size = std::str::from_utf8(&line)
            .unwrap()
            .trim()
            .split(';')
            .next()
            .unwrap();
        let size =
            usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        let mut piece = Vec::with_capacity(size);
        if let Err(end) = self.exactly(size, &mut piece) {
            self.partial = piece;
            return Err(end);
        }
        let mut end = Vec::new();
        self.exactly(2, &mut end)?;
        assert_eq!(end, b"\r\n", "a chunk ends with CRLF");
        Ok((size > 0).then_some(piece))
    }

    /// Reads the rest of a reply whose head is `head`.
    pub fn body(&mut self, head: &str) -> (Vec<u8>, End) {
        let mut body = Vec::new();
        let end = self.body_into(head, &mut body);
        (body, end)
    }

    fn body_into(&mut self, head: &str, body: &mut Vec<u8>) -> End {
        if header(head, "transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            loop {
                match self.chunk() {
                    Ok(Some(piece)) => body.extend(piece),
                    Ok(None) => return End::Complete,
                    Err(end) => {
                        body.append(&mut self.partial);
                        return end;
                    }
                }
            }
        }
        if let Some(length) = header(head, "content-length") {
            return match self.exactly(length.parse().unwrap(), body) {
                Ok(()) => End::Complete,
                Err(end) => end,
            };
        }
        loop {
            match self.fill() {
                Ok(()) => body.append(&mut self.buffer),
                Err(End::Cut) => return End::Complete, // framed by the close
                Err(end) => return end,
            }
        }
    }

    /// Reads one reply.
    pub fn reply(&mut self) -> Reply {
        let (status, head) = self.head().expect("a reply, not a closed connection");
        let (body, end) = self.body(&head);
        Reply {
            status,
            head,
            body,
            end,
        }
    }

    /// Reads all that comes until the peer closes, or nothing does for `wait`.
    pub fn rest(&mut self, wait: Duration) -> Vec<u8> {
        self.stream.set_read_timeout(Some(wait)).unwrap();
        let mut rest = std::mem::take(&mut self.buffer);
        let _ = self.stream.read_to_end(&mut rest); // a reset or silence: what came is there
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        rest
    }

    /// Reports whether the peer closes within `wait`; unread bytes are thrown away.
    pub fn closes_within(&mut self, wait: Duration) -> bool {
        let started = Instant::now();
        self.stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let mut piece = [0; 4096];
        let closed = loop {
            match self.stream.read(&mut piece) {
                Ok(0) => break true,
                Err(e) if e.kind() == ErrorKind::ConnectionReset => break true,
                _ if started.elapsed() > wait => break false,
                _ => {}
            }
        };
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        closed
    }
}

/// Position of `needle` in `hay`.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

/// The bytes of a request with a body; `headers` are whole lines without their ends.
pub fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n").into_bytes();
    for line in headers {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() || method == "POST" {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Sends one request over a connection of its own.
pub fn call(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut connection = Connection::open(address);
    connection.send(bytes);
    connection.reply()
}

/// Posts JSON text as it stands.
pub fn post(address: SocketAddr, path: &str, json: impl AsRef<[u8]>) -> Reply {
    let headers = [
        "content-type: application/json",
        "authorization: Bearer test-key",
        "x-api-key: test-key",
        "anthropic-version: 2023-06-01",
    ];
    call(address, &request("POST", path, &headers, json.as_ref()))
}

/// Gets a path.
pub fn get(address: SocketAddr, path: &str) -> Reply {
    call(address, &request("GET", path, &[], b""))
}

/// Opens HTTP/2 by prior knowledge and returns the first frame's head (RFC 9113 §4.1): three bytes
/// of length, type, flags, stream.
pub fn http2_preface(address: SocketAddr) -> [u8; 9] {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    frame
}
