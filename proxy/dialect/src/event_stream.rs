//! `application/vnd.amazon.eventstream`, the binary frames in which Bedrock streams: bytes in at any
//! split, complete frames out.
//!
//! A frame is its length (u32), that of its headers (u32), a CRC-32 of these eight bytes, headers,
//! payload, and a CRC-32 of all before; numbers are big-endian. Both sums are checked, and the
//! lengths are trusted only once the first one fits. After a mistake nothing more is read: where
//! the next frame would begin is not known any more. The format:
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>.

mod exception;
#[cfg(test)]
mod fuzz;
mod header;
mod invoke;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Buf as _, BytesMut};

use super::Malformed;
pub(crate) use exception::Exception;
pub use header::{Headers, Value};
pub use invoke::InvokeStream;
#[cfg(test)]
pub(crate) use invoke::decode_base64;

/// The media type of a stream of frames.
pub const MEDIA_TYPE: &str = "application/vnd.amazon.eventstream";

/// The largest frame in bytes. AWS allows 16 MiB of payload alone; Bedrock's are a few KiB.
pub const LARGEST: usize = 16 << 20;
/// The most bytes of a frame's headers, as AWS bounds them.
const MOST_HEADERS: usize = 128 << 10;
/// Bytes of the two lengths and their sum.
const PRELUDE: usize = 12;
/// Bytes of a frame without headers and payload.
const SMALLEST: usize = PRELUDE + 4;

/// The frames of one stream. It keeps the bytes of one frame, and of those that were pushed behind
/// it.
pub struct Decoder {
    buffer: BytesMut,
    /// Bytes of the frame that was given out last, still in the buffer.
    given: usize,
    /// The lengths of the frame at the buffer's beginning, once they are known and checked.
    lengths: Option<Lengths>,
    /// Bytes of the stream before the buffer.
    before: usize,
    failed: Option<Malformed>,
}

#[derive(Debug, Clone, Copy)]
struct Lengths {
    total: usize,
    headers: usize,
}

/// One frame, in its decoder's buffer.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    headers: Headers<'a>,
    payload: &'a [u8],
}

/// The message that a frame is, by its `:message-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// An event of this `:event-type`.
    Event(&'a str),
    /// A modelled failure of this `:exception-type`; the payload is its document.
    Exception(&'a str),
    /// A failure that is not modelled, all of it in headers.
    Error {
        /// `:error-code`.
        code: &'a str,
        /// `:error-message`.
        message: &'a str,
    },
    /// None of these, or a type without its name.
    Unknown,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            given: 0,
            lengths: None,
            before: 0,
            failed: None,
        }
    }

    /// Adds what arrived; drops it after a mistake. The frames in it are to be taken with
    /// [`Self::next`] before more is added, so that no more than one frame is kept.
    pub fn push(&mut self, bytes: &[u8]) {
        self.forget_given();
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns the next complete frame; `None` until more is pushed.
    ///
    /// # Errors
    /// A sum does not fit, the frame is larger than [`LARGEST`], or its headers are malformed. From
    /// then on every call fails.
    #[allow(clippy::should_implement_trait, reason = "it is fallible and lends")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Malformed> {
        self.forget_given();
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        match self.complete() {
            Ok(None) => Ok(None),
            Ok(Some(lengths)) => {
                self.given = lengths.total;
                let frame = self.buffer.get(..lengths.total).unwrap_or_default();
                Ok(Some(lengths.split(frame)))
            }
            Err(what) => {
                let failed = Malformed::new(what, self.before);
                self.failed = Some(failed.clone());
                self.buffer = BytesMut::new();
                Err(failed)
            }
        }
    }

    /// Checks that the stream may end here: between two frames.
    ///
    /// # Errors
    /// It was cut off inside a frame, or a mistake was found before.
    pub fn finish(&mut self) -> Result<(), Malformed> {
        self.forget_given();
        match &self.failed {
            Some(failed) => Err(failed.clone()),
            None if self.buffer.is_empty() => Ok(()),
            None => Err(Malformed::new(
                "the stream was cut off inside a frame",
                self.before + self.buffer.len(),
            )),
        }
    }

    /// Drops the bytes of the frame that was given out.
    fn forget_given(&mut self) {
        let given = std::mem::take(&mut self.given).min(self.buffer.len());
        if given > 0 {
            self.buffer.advance(given);
            self.before += given;
            self.lengths = None;
        }
    }

    /// The lengths of the frame at the buffer's beginning, where all of it is there and checked.
    fn complete(&mut self) -> Result<Option<Lengths>, &'static str> {
        let lengths = match self.lengths {
            Some(lengths) => lengths,
            None => match self.buffer.first_chunk() {
                Some(prelude) => *self.lengths.insert(Lengths::read(prelude)?),
                None => return Ok(None),
            },
        };
        let Some(frame) = self.buffer.get(..lengths.total) else {
            return Ok(None);
        };
        lengths.check(frame)?;
        Ok(Some(lengths))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Lengths {
    fn read(prelude: &[u8; PRELUDE]) -> Result<Self, &'static str> {
        let [t0, t1, t2, t3, h0, h1, h2, h3, sum @ ..] = *prelude;
        let lengths = [t0, t1, t2, t3, h0, h1, h2, h3];
        if crc32fast::hash(&lengths) != u32::from_be_bytes(sum) {
            return Err("the checksum of a frame's lengths does not fit");
        }
        let number = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        let (total, headers) = (number([t0, t1, t2, t3]), number([h0, h1, h2, h3]));
        if total > LARGEST || headers > MOST_HEADERS {
            return Err("a frame is larger than AWS documents");
        }
        match total.checked_sub(SMALLEST) {
            Some(rest) if headers <= rest => Ok(Self { total, headers }),
            _ => Err("a frame is shorter than its headers"),
        }
    }

    /// Checks all of a frame.
    fn check(self, frame: &[u8]) -> Result<(), &'static str> {
        let Some((checked, sum)) = frame.split_last_chunk() else {
            return Err("a frame is shorter than its headers");
        };
        if crc32fast::hash(checked) != u32::from_be_bytes(*sum) {
            return Err("the checksum of a frame does not fit");
        }
        header::check(
            frame
                .get(PRELUDE..PRELUDE + self.headers)
                .unwrap_or_default(),
        )
    }

    fn split(self, frame: &[u8]) -> Frame<'_> {
        let part = |range: std::ops::Range<usize>| frame.get(range).unwrap_or_default();
        let payload = PRELUDE + self.headers;
        Frame {
            headers: Headers::checked(part(PRELUDE..payload)),
            payload: part(payload..self.total.saturating_sub(4)),
        }
    }
}

impl<'a> Frame<'a> {
    /// Its headers.
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// Its payload.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The payload's media type.
    pub fn content_type(&self) -> Option<&'a str> {
        self.headers.text(":content-type")
    }

    /// The message that it is.
    pub fn message(&self) -> Message<'a> {
        let text = |name| self.headers.text(name);
        let named = match text(":message-type") {
            Some("event") => text(":event-type").map(Message::Event),
            Some("exception") => text(":exception-type").map(Message::Exception),
            Some("error") => Some(Message::Error {
                code: text(":error-code").unwrap_or_default(),
                message: text(":error-message").unwrap_or_default(),
            }),
            _ => None,
        };
        named.unwrap_or(Message::Unknown)
    }
}

/// Appends a frame whose headers are strings, for whoever speaks as Bedrock does.
///
/// # Errors
/// A name or a value is longer than its length can say, or all of it than [`LARGEST`]: nothing is
/// appended.
pub fn encode(
    headers: &[(&str, &str)],
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let mut written = Vec::new();
    let fit =
        (headers.iter()).all(|(name, value)| header::encode(name, value, &mut written).is_some());
    let frame = fit.then(|| frame(&written, payload)).flatten();
    let frame = frame.ok_or(Malformed::new(
        "a frame is larger than its lengths can say",
        0,
    ))?;
    out.extend_from_slice(&frame);
    Ok(())
}

/// A frame of these headers, well or not; `None` where a length does not fit.
fn frame(headers: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let total = SMALLEST + headers.len() + payload.len();
    if total > LARGEST || headers.len() > MOST_HEADERS {
        return None;
    }
    let lengths = [total, headers.len()].map(u32::try_from);
    let [Ok(total), Ok(count)] = lengths else {
        return None;
    };
    let mut frame = [total.to_be_bytes(), count.to_be_bytes()].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    Some(frame)
}

impl fmt::Debug for Decoder {
    /// Shows sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("bytes", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Frame<'_> {
    /// Shows no payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("message", &self.message())
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}
