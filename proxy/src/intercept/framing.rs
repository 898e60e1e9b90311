//! The framing check: what two parsers could read differently never gets in.
//!
//! hyper takes a missing or second `Host`, `Content-Length` beside `Transfer-Encoding`, `chunked, chunked` and bare line feeds (it
//! was measured: threats, row 9). [`Checked`] follows the bytes that a client sends, message by message, and where one is ambiguous (RFC
//! 9112 §2.2, §3.2, §5.2, §6.3, §11.2) it hands hyper [`POISON`] in that message's place, and nothing more: hyper answers 400 and closes, and
//! nothing of the message reaches an upstream. Bodies are skipped by their length, so the check costs one look at each head.
//!
//! It also holds the clock of a head that does not come to its end; an idle connection between two messages has none.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use memchr::{memchr, memchr_iter, memmem};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Bytes of a chunked body's trailer section that are read.
const TRAILERS: usize = 8 << 10;

/// No parser takes a NUL; the end of a head makes hyper look at it (it reads on for one before it parses a second time).
const POISON: &[u8] = b"\0\r\n\r\n";

/// Where in the client's bytes we are.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// In a head; what came of it so far.
    Head(Vec<u8>),
    /// So many bytes of a body to go.
    Body(u64),
    /// In a chunk's size line: its value, its digits.
    Size(u64, u8),
    /// After the size's CR.
    SizeEnd(u64),
    /// So many bytes of a chunk to go, its CR LF included.
    Chunk(u64),
    /// In the trailer section, or at the end that stands for an empty one.
    Trailers(Vec<u8>),
    /// HTTP/2, a tunnel's bytes after a CONNECT, or after a message that was refused: nothing is looked at any more.
    Opaque,
}

/// Follows one connection's messages.
#[derive(Debug)]
struct Follower {
    state: State,
    largest_head: usize,
}

/// A message that is refused: where in the bytes just read it is to be stopped.
#[derive(Debug, PartialEq, Eq)]
struct Ambiguous(usize);

impl Follower {
    fn follow(&mut self, bytes: &[u8]) -> Result<(), Ambiguous> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.step(rest) {
                Some(used) => at += used,
                None => {
                    self.state = State::Opaque;
                    return Err(Ambiguous(at));
                }
            }
        }
        Ok(())
    }

    /// Takes some of `bytes`, which are not empty; `None` where the message is ambiguous.
    fn step(&mut self, bytes: &[u8]) -> Option<usize> {
        match &mut self.state {
            State::Opaque => Some(bytes.len()),
            State::Head(so_far) => {
                if so_far.is_empty() && bytes.starts_with(b"\r\n") {
                    return Some(2); // RFC 9112 §2.2: an empty line before a request line is skipped
                }
                if so_far == b"\r" && bytes.starts_with(b"\n") {
                    so_far.clear();
                    return Some(1);
                }
                if so_far.is_empty()
                    && let Some(end) = memmem::find(bytes, b"\r\n\r\n")
                {
                    self.state = body_after(bytes.get(..end + 4)?)?;
                    return Some(end + 4);
                }
                // A head in several pieces: rare, so it may cost a copy.
                let before = so_far.len();
                so_far.extend_from_slice(bytes);
                if let Some(end) =
                    memmem::find(so_far.get(before.saturating_sub(3)..)?, b"\r\n\r\n")
                {
                    let end = before.saturating_sub(3) + end + 4;
                    let next = body_after(so_far.get(..end)?)?;
                    self.state = next;
                    return Some(end - before);
                }
                if lines_are_broken(so_far) {
                    return None;
                }
                if so_far.len() > self.largest_head {
                    self.state = State::Opaque; // hyper's own limit answers 431
                }
                Some(bytes.len())
            }
            State::Body(left) | State::Chunk(left) => {
                let used = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= used as u64;
                if *left == 0 {
                    self.state = match self.state {
                        State::Chunk(_) => State::Size(0, 0),
                        _ => State::Head(Vec::new()),
                    };
                }
                Some(used)
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
                    size => State::Chunk(size.checked_add(2)?),
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

    /// Whether a message has begun whose head is not whole.
    fn in_head(&self) -> bool {
        matches!(&self.state, State::Head(so_far) if !so_far.is_empty())
    }
}

/// Whether a LF stands without a CR before it. (A CR without a LF is hyper's to refuse.)
fn lines_are_broken(bytes: &[u8]) -> bool {
    memchr_iter(b'\n', bytes).any(|at| at == 0 || bytes.get(at - 1) != Some(&b'\r'))
}

/// What follows a whole head (its empty line included); `None` where that is ambiguous.
fn body_after(head: &[u8]) -> Option<State> {
    if head.starts_with(b"PRI * HTTP/2") {
        return Some(State::Opaque);
    }
    if lines_are_broken(head) {
        return None;
    }
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let request = lines.next()?;
    let (http_1_0, connect) = (
        request.ends_with(b"HTTP/1.0"),
        request.starts_with(b"CONNECT "),
    );
    let (mut hosts, mut length, mut chunked) = (0, None, false);
    for line in lines.filter(|line| !line.is_empty()) {
        if matches!(line.first(), Some(b' ' | b'\t')) || memchr(b'\r', line).is_some() {
            return None; // a folded line, a bare CR
        }
        let colon = memchr(b':', line)?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => hosts += 1,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if length.is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                length = Some(str::from_utf8(value).ok()?.parse().ok()?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if chunked || http_1_0 || !value.eq_ignore_ascii_case(b"chunked") {
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
    if connect {
        // Its bytes belong to the tunnel (RFC 9110 §9.3.6). Where it is refused, the connection must close: see `forward.rs`.
        return (!chunked && length.is_none()).then_some(State::Opaque);
    }
    Some(match (chunked, length) {
        (true, _) => State::Size(0, 0),
        (false, None | Some(0)) => State::Head(Vec::new()),
        (false, Some(length)) => State::Body(length),
    })
}

/// A connection whose incoming messages are checked.
pub(super) struct Checked<S> {
    stream: S,
    follower: Follower,
    patience: Duration,
    /// Until when the head under way must be whole.
    deadline: Option<Pin<Box<Sleep>>>,
    /// After a message that was refused: what hyper has yet to read in its place, before the end.
    poison: Option<&'static [u8]>,
}

impl<S> Checked<S> {
    /// Checks what `stream` brings. The first head must begin, and every head end, within `patience`.
    pub(super) fn new(stream: S, largest_head: usize, patience: Duration) -> Self {
        Self {
            stream,
            follower: Follower {
                state: State::Head(Vec::new()),
                largest_head,
            },
            patience,
            deadline: Some(Box::pin(sleep_until(Instant::now() + patience))),
            poison: None,
        }
    }

    /// Gives the stream back, for what is no HTTP any more.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Checked<S> {
    /// Whether all messages that came are whole, but for a head that may have begun.
    pub(super) fn between_messages(&self) -> bool {
        matches!(self.follower.state, State::Head(_))
    }

    /// What came of a head that is not whole: for a reader that begins anew.
    pub(super) fn begun(&self) -> Vec<u8> {
        match &self.follower.state {
            State::Head(so_far) => so_far.clone(),
            _ => Vec::new(),
        }
    }
}

/// Moves as much of `bytes` as there is room for.
fn give(bytes: &mut &'static [u8], buffer: &mut ReadBuf<'_>) {
    let (piece, rest) = bytes.split_at(bytes.len().min(buffer.remaining()));
    buffer.put_slice(piece);
    *bytes = rest;
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(poison) = &mut this.poison {
            give(poison, buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending => {
                if let Some(deadline) = &mut this.deadline
                    && deadline.as_mut().poll(context).is_ready()
                {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().get(before..).unwrap_or_default();
                if let Err(Ambiguous(at)) = this.follower.follow(read) {
                    buffer.set_filled(before + at);
                    give(this.poison.insert(POISON), buffer);
                }
                if !this.follower.in_head() {
                    this.deadline = None;
                } else if this.deadline.is_none() {
                    this.deadline = Some(Box::pin(sleep_until(Instant::now() + this.patience)));
                }
                Poll::Ready(Ok(()))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn follower() -> Follower {
        Follower {
            state: State::Head(Vec::new()),
            largest_head: 1 << 16,
        }
    }

    /// Feeds `bytes` in pieces of `size`; the offset at which they were refused.
    fn refused_at(bytes: &[u8], size: usize) -> Option<usize> {
        let mut follower = follower();
        for (n, piece) in bytes.chunks(size).enumerate() {
            if let Err(Ambiguous(at)) = follower.follow(piece) {
                return Some(n * size + at);
            }
        }
        None
    }

    const GOOD: [&str; 9] = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost:a\r\ntransfer-encoding:CHUNKED\r\n\r\n0\r\nx: y\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\n\n\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01\n\n",
        "CONNECT a:443 HTTP/1.0\r\n\r\n\n\n",
    ];

    const BAD: [&str; 19] = [
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\nhello",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx: y\n\r\n",
    ];

    #[test]
    fn plain_messages_pass_however_they_are_split() {
        for good in GOOD {
            for size in 1..=good.len() {
                assert_eq!(
                    refused_at(good.as_bytes(), size),
                    None,
                    "{good:?} by {size}"
                );
            }
        }
    }

    #[test]
    fn ambiguous_messages_are_stopped_however_they_are_split() {
        for bad in BAD {
            for size in 1..=bad.len() {
                assert!(
                    refused_at(bad.as_bytes(), size).is_some(),
                    "{bad:?} by {size}"
                );
            }
        }
    }

    #[test]
    fn the_message_before_an_ambiguous_one_is_untouched() {
        let first = GOOD[2];
        for bad in BAD {
            let both = format!("{first}{bad}");
            let at = refused_at(both.as_bytes(), both.len());
            assert!(at.is_some_and(|at| at >= first.len()), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, size in 1_usize..64) {
            let _ = refused_at(&bytes, size);
        }
    }
}
