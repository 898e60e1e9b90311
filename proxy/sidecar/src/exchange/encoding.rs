//! Content codings: what `content-encoding` names, undone within bounds, piece by piece.
//!
//! Whoever counts, reads or keeps a body works on what is inside; a body that nobody looks into
//! leaves as it came. What a few bytes may become is bounded twice: by the limit of the body at
//! hand, and by a ratio to what came (a bomb costs its sender nothing).

use bytes::Bytes;
use http::{HeaderMap, header};

mod stage;
#[cfg(test)]
mod tests;

use stage::Stage;

/// Any body may become this large, in bytes: few bytes of a repetitive text are no attack, and this
/// much is inflated in milliseconds.
const FLOOR: u64 = 4 << 20;
/// The most that a larger body may have inside, as a multiple of its own size. Prompts and streams
/// of small events were seen at 3 to 40; deflate alone reaches 1000.
const RATIO: u64 = 100;
/// Codings of one body. Two are rare, more are nobody's.
const MOST: usize = 3;
/// Bytes that are taken at once of a whole body, so that room is asked for before it is used.
const TAKEN: usize = 8 << 10;
/// Bytes that are written between two turns of others.
const TURN: usize = 256 << 10;

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// All codings that can be undone, by every name that they have (RFC 9110 §8.4.1, RFC 7932, RFC
/// 8878).
const CODINGS: [(&str, Coding); 5] = [
    ("gzip", Coding::Gzip),
    ("x-gzip", Coding::Gzip),
    ("deflate", Coding::Deflate),
    ("br", Coding::Brotli),
    ("zstd", Coding::Zstd),
];

/// The codings of a body, in the order in which they were applied. Empty: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Codings {
    all: [Option<Coding>; MOST],
}

/// A coding that nobody here can undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

impl Codings {
    /// Reads what a head says of its body.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Unknown> {
        let mut codings = Self::default();
        let mut free = codings.all.iter_mut();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            for name in value.as_bytes().split(|byte| *byte == b',') {
                let name = name.trim_ascii();
                if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                    continue;
                }
                let known =
                    |(known, _): &&(&str, Coding)| name.eq_ignore_ascii_case(known.as_bytes());
                let (_, coding) = CODINGS.iter().find(known).ok_or(Unknown)?;
                *free.next().ok_or(Unknown)? = Some(*coding);
            }
        }
        Ok(codings)
    }

    /// Returns whether nothing was done to the body.
    pub(super) fn is_empty(self) -> bool {
        self.all.iter().all(Option::is_none)
    }

    /// A decoder of one body, `most` bytes inside at most; none where there is nothing to undo.
    pub(super) fn decoder(self, most: usize) -> Option<Decoder> {
        if self.is_empty() {
            return None;
        }
        let last_first = self.all.into_iter().flatten().rev();
        Some(Decoder {
            stages: last_first.map(Stage::new).collect(),
            most: most as u64,
            came: 0,
            made: 0,
        })
    }
}

/// A reason for which a body can't be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undecodable {
    /// It is not what its head says, or is cut.
    Corrupt,
    /// There is more inside than there may be.
    TooLarge,
    /// Other bodies take all the memory that bodies may.
    NoRoom,
}

impl std::fmt::Display for Undecodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "the body is not what its `content-encoding` says",
            Self::TooLarge => "the encoded body holds more than it may",
            Self::NoRoom => "there is no room for what the encoded body holds",
        })
    }
}

impl std::error::Error for Undecodable {}

/// Decodes one body in the pieces in which it comes: all that a piece tells is out before the next
/// is asked for, so a stream stays one.
pub(super) struct Decoder {
    stages: Vec<Stage>,
    most: u64,
    came: u64,
    made: u64,
}

impl Decoder {
    /// Decodes the next piece; empty where it tells nothing yet.
    ///
    /// # Errors
    /// The body can't be decoded. Nothing more must be asked of the decoder then.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Bytes, Undecodable> {
        self.came = self.came.saturating_add(piece.len() as u64);
        let earned = self.came.saturating_mul(RATIO).max(FLOOR).min(self.most);
        let mut bytes = Bytes::new();
        let last = self.stages.len().saturating_sub(1);
        for (at, stage) in self.stages.iter_mut().enumerate() {
            let mut out = Vec::new();
            let left = earned.saturating_sub(self.made);
            stage.run(if at == 0 { piece } else { &bytes }, left, &mut out)?;
            // What lies between two stages is bounded alike, and forgotten.
            if at == last {
                self.made += out.len() as u64;
            }
            bytes = out.into();
        }
        Ok(bytes)
    }

    /// Sees that the body is whole. A body without a byte is, whatever its head says.
    ///
    /// # Errors
    /// It is cut.
    pub(super) fn finish(&self) -> Result<(), Undecodable> {
        let whole = self.came == 0 || self.stages.iter().all(Stage::is_whole);
        whole.then_some(()).ok_or(Undecodable::Corrupt)
    }
}

impl std::fmt::Debug for Decoder {
    /// Never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("came", &self.came)
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

/// Decodes a whole body, each piece where `room` is for it. Others have their turn in between.
pub(super) async fn inflate(
    body: &Bytes,
    mut decoder: Decoder,
    mut room: impl FnMut(usize) -> bool,
) -> Result<Bytes, Undecodable> {
    let mut whole = Vec::new();
    let mut since = 0;
    for piece in body.chunks(TAKEN) {
        let bytes = decoder.push(piece)?;
        if !room(bytes.len()) {
            return Err(Undecodable::NoRoom);
        }
        whole.extend_from_slice(&bytes);
        since += bytes.len();
        if since >= TURN {
            since = 0;
            tokio::task::yield_now().await;
        }
    }
    decoder.finish()?;
    Ok(whole.into())
}
