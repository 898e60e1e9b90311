//! The bytes of one connection, message by message: which of them is ambiguous, and what stands in
//! its place. Pure: it reads no socket and no clock.

use dialect::recognise::names_websocket;
use memchr::{memchr, memchr_iter, memchr2, memmem};

/// Bytes of a chunked body's trailer section that are read.
const TRAILERS: usize = 8 << 10;

/// No parser accepts a NUL; the end of a head makes hyper parse it (it waits for one before it
/// parses a second time).
const POISON: &[u8] = b"\0\r\n\r\n";

/// First bytes of every HTTP/2 connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Method that is reserved for the preface; no request has it.
pub(in crate::intercept) const PREFACE_METHOD: &[u8] = b"PRI ";

/// DATA on stream 0: a connection error of type PROTOCOL_ERROR (RFC 9113 §6.1).
const IMPOSSIBLE_FRAME: &[u8] = &[0; 9];

/// Most header lines that hyper is set to accept, for the largest head.
const MOST_LINES: usize = 1024;

/// Header lines, and lines of trailers, that hyper takes unless it is set to take more: its
/// default. They have their place on its stack; room for more is allocated and filled for each
/// request, whatever it has.
const FEW_LINES: usize = 100;

/// Returns the header lines that a head of `largest` bytes may have: one for each 128 bytes.
/// hyper's default fits no limit that counts bytes.
pub(in crate::intercept) const fn header_lines(largest: usize) -> usize {
    match largest / 128 {
        few if few < FEW_LINES => FEW_LINES,
        many if many > MOST_LINES => MOST_LINES,
        lines => lines,
    }
}

/// Position in the client's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In a head; its bytes so far.
    Head(Vec<u8>),
    /// In a body; the bytes still to come.
    Body(u64),
    /// In a chunk's size line; its value and number of digits.
    Size(u64, u8),
    /// After the size's CR.
    SizeEnd(u64),
    /// In a chunk; the bytes still to come.
    Chunk(u64),
    /// After a chunk's bytes; the byte expected next, CR or LF.
    ChunkEnd(u8),
    /// In the trailer section, or at the empty line that ends it; its bytes so far.
    Trailers(Vec<u8>),
    /// In the preface of HTTP/2; the number of its bytes that came.
    Preface(usize),
    /// HTTP/2, a tunnel's bytes after a CONNECT, or after a message that was refused: not checked
    /// any more.
    Opaque,
}

/// Follows one connection's messages.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) state: State,
    largest_head: usize,
    /// True before any message: only here may HTTP/2 begin.
    first: bool,
    /// Position of the first head with more than [`FEW_LINES`] lines, or of a piece of it, in the
    /// bytes that came with it.
    pub(super) many_lines_from: Option<usize>,
}

/// A message that is refused: its position in the bytes just read, and the bytes that hyper gets
/// instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stopped {
    pub(super) at: usize,
    pub(super) instead: Vec<u8>,
    /// True if the head's end is yet to come: it is read first, so that the client has sent all and
    /// reads the answer, not a reset.
    pub(super) open: bool,
}

impl Follower {
    pub(super) fn new(state: State, largest_head: usize) -> Self {
        Self {
            state,
            largest_head,
            first: true,
            many_lines_from: None,
        }
    }

    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let few = self.many_lines_from.is_none();
            match self.step(rest) {
                Ok(used) => {
                    if few && let Some(from) = &mut self.many_lines_from {
                        *from = at;
                    }
                    at += used;
                }
                Err(stopped) => {
                    self.state = State::Opaque;
                    let at = at + stopped.at;
                    return Err(Stopped { at, ..stopped });
                }
            }
        }
        Ok(())
    }

    /// Consumes some of `bytes`, which are not empty.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Stopped> {
        match &self.state {
            State::Head(so_far) if self.first && begins_preface(so_far, bytes) => {
                let came = so_far.len();
                self.preface(came, bytes)
            }
            State::Head(_) => self.head(bytes),
            State::Preface(came) => self.preface(*came, bytes),
            _ => self.body(bytes).ok_or_else(ambiguous),
        }
    }

    fn preface(&mut self, came: usize, bytes: &[u8]) -> Result<usize, Stopped> {
        let expected = PREFACE.get(came..).unwrap_or_default();
        let pairs = expected.iter().zip(bytes);
        let same = pairs.take_while(|(want, got)| want == got).count();
        let rest = expected.get(same..).unwrap_or_default();
        if same < bytes.len() && !rest.is_empty() {
            return Err(Stopped {
                at: same,
                instead: [rest, IMPOSSIBLE_FRAME].concat(),
                open: false,
            });
        }
        self.state = match rest {
            [] => State::Opaque,
            _ => State::Preface(came + same),
        };
        Ok(same)
    }

    fn head(&mut self, bytes: &[u8]) -> Result<usize, Stopped> {
        let State::Head(so_far) = &mut self.state else {
            return Ok(0);
        };
        if so_far.is_empty() && bytes.starts_with(b"\r\n") {
            return Ok(2); // RFC 9112 §2.2: an empty line before a request line is skipped
        }
        if so_far == b"\r" && bytes.starts_with(b"\n") {
            so_far.clear();
            return Ok(1);
        }
        let (used, head) = if so_far.is_empty()
            && let Some(head) = Head::read(bytes)
        {
            if head.length > self.largest_head {
                return Err(too_large(&[], false));
            }
            (head.length, head)
        } else {
            // A head in several pieces is rare, as is an ambiguous one, so it may cost a copy.
            let before = so_far.len();
            so_far.extend_from_slice(bytes);
            let near = before.saturating_sub(3);
            let end = memmem::find(so_far.get(near..).unwrap_or_default(), b"\r\n\r\n");
            let end = end.map(|end| near + end + 4);
            if end.unwrap_or(so_far.len()) > self.largest_head {
                let before = so_far.get(..before).unwrap_or_default();
                return Err(too_large(before, end.is_none()));
            }
            let Some(end) = end else {
                if lines_are_broken(so_far) {
                    return Err(ambiguous());
                }
                // The request line is one of these, and the next line is a header's, or the last.
                if memchr_iter(b'\n', so_far).count() > FEW_LINES {
                    self.many_lines_from.get_or_insert(0);
                }
                return Ok(bytes.len());
            };
            let head = Head::read(so_far.get(..end).unwrap_or_default());
            (end - before, head.ok_or_else(ambiguous)?)
        };
        if head.lines > FEW_LINES {
            self.many_lines_from.get_or_insert(0);
        }
        self.first = false;
        self.state = head.next;
        Ok(used)
    }

    /// Consumes some of what follows a head; `None` where it is ambiguous.
    fn body(&mut self, bytes: &[u8]) -> Option<usize> {
        match &mut self.state {
            State::Opaque | State::Head(_) | State::Preface(_) => Some(bytes.len()),
            State::Body(left) | State::Chunk(left) => {
                let used = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= used as u64;
                if *left == 0 {
                    self.state = match self.state {
                        State::Chunk(_) => State::ChunkEnd(b'\r'),
                        _ => State::Head(Vec::new()),
                    };
                }
                Some(used)
            }
            State::ChunkEnd(expected) => {
                if bytes.first() != Some(expected) {
                    return None;
                }
                self.state = match *expected {
                    b'\r' => State::ChunkEnd(b'\n'),
                    _ => State::Size(0, 0),
                };
                Some(1)
            }
            State::Size(size, digits) => {
                match (bytes.first()?, *digits) {
                    (b'\r', 1..) => self.state = State::SizeEnd(*size),
                    (byte, 0..=15) => {
                        *size = *size << 4 | u64::from(char::from(*byte).to_digit(16)?);
                        *digits += 1;
                    }
                    _ => return None, // also chunk extensions: no client of an LLM API sends any
                }
                Some(1)
            }
            State::SizeEnd(size) => {
                if *bytes.first()? != b'\n' {
                    return None;
                }
                self.state = match *size {
                    0 => State::Trailers(Vec::new()),
                    size => State::Chunk(size),
                };
                Some(1)
            }
            State::Trailers(so_far) => {
                let byte = *bytes.first()?;
                so_far.push(byte);
                if lines_are_broken(so_far) || so_far.len() > TRAILERS {
                    return None;
                }
                if so_far == b"\r\n" || so_far.ends_with(b"\r\n\r\n") {
                    self.state = State::Head(Vec::new());
                }
                Some(1)
            }
        }
    }

    /// True if a message has begun whose head is not complete.
    pub(super) fn in_head(&self) -> bool {
        match &self.state {
            State::Head(so_far) => !so_far.is_empty(),
            State::Preface(_) => true,
            _ => false,
        }
    }
}

/// True if a connection's first bytes, of which `so_far` came before, are an HTTP/2 preface's.
fn begins_preface(so_far: &[u8], bytes: &[u8]) -> bool {
    let mut all = so_far.iter().chain(bytes);
    PREFACE_METHOD.iter().all(|byte| all.next() == Some(byte))
}

fn ambiguous() -> Stopped {
    Stopped {
        at: 0,
        instead: POISON.to_vec(),
        open: false,
    }
}

/// Stops a head that is too large: continues after `so_far`, which hyper has, with more lines than
/// it accepts.
fn too_large(so_far: &[u8], open: bool) -> Stopped {
    let start: &[u8] = match so_far {
        [] => b"GET / HTTP/1.1\r\n",
        line if memchr(b'\n', line).is_none() => b" HTTP/1.1\r\n",
        _ => b"",
    };
    Stopped {
        at: 0,
        // The end of the head makes hyper parse it, as with `POISON`.
        instead: [start, &b"a:b\r\n".repeat(MOST_LINES + 2), b"\r\n"].concat(),
        open,
    }
}

/// True if a LF stands without a CR before it. (hyper refuses a CR without a LF.)
fn lines_are_broken(bytes: &[u8]) -> bool {
    memchr_iter(b'\n', bytes).any(|at| at == 0 || bytes.get(at - 1) != Some(&b'\r'))
}

/// The lines of a head without their ends; `None` for one with a CR or a LF that is not its end.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, end) = self.0.split_at_checked(memchr2(b'\r', b'\n', self.0)?)?;
        Some(end.strip_prefix(b"\r\n").map(|rest| {
            self.0 = rest;
            line
        }))
    }
}

/// A complete head.
struct Head {
    /// Its bytes, the empty line included.
    length: usize,
    /// Number of its header lines.
    lines: usize,
    /// The state after it.
    next: State,
}

impl Head {
    /// Reads the head at the start of `bytes`, in one pass; `None` where it is ambiguous, or where
    /// its end is yet to come.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = Lines(bytes);
        let request = rest.next()??;
        let (http_1_0, connect) = (
            request.ends_with(b"HTTP/1.0"),
            request.starts_with(b"CONNECT "),
        );
        let (mut hosts, mut length, mut chunked) = (0, None, false);
        let (mut socket, mut lines) = (false, 0);
        loop {
            let line = rest.next()??;
            match line.first() {
                Some(b' ' | b'\t') => return None, // a folded line
                Some(_) => lines += 1,
                None => break,
            }
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => hosts += 1,
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    let value = value.trim_ascii();
                    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                    if length.is_some() || !digits {
                        return None;
                    }
                    // Lengths that no body has are some parsers' marks for other things.
                    let bytes: u64 = str::from_utf8(value).ok()?.parse().ok()?;
                    length = Some(i64::try_from(bytes).is_ok().then_some(bytes)?);
                }
                7 if name.eq_ignore_ascii_case(b"upgrade") => {
                    socket |= names_websocket(value.trim_ascii());
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    let only_chunked = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
                    if chunked || http_1_0 || !only_chunked {
                        return None;
                    }
                    chunked = true;
                }
                _ => {}
            }
        }
        if hosts > 1 || hosts == 0 && !http_1_0 || chunked && length.is_some() {
            return None;
        }
        let next = match (chunked, length) {
            // Its bytes belong to the tunnel (RFC 9110 §9.3.6). Where it is refused, the connection
            // must close: see `forward.rs`.
            (false, None) if connect => State::Opaque,
            _ if connect => return None,
            // A WebSocket's bytes follow. Where it is refused, the connection must close: see
            // `http.rs`.
            (false, None | Some(0)) if socket && request.starts_with(b"GET ") => State::Opaque,
            (true, _) => State::Size(0, 0),
            (false, None | Some(0)) => State::Head(Vec::new()),
            (false, Some(length)) => State::Body(length),
        };
        Some(Self {
            length: bytes.len() - rest.0.len(),
            lines,
            next,
        })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
