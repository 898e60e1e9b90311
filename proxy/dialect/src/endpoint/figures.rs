//! The figures of a reply that no dialect describes, as they pass.

use super::{Report, lines::Lines, scan::Scanner};
use crate::Usage;

/// The figures that a reply reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Tokens.
    pub usage: Option<Usage>,
    /// Images that were made.
    pub images: u64,
    /// Seconds of sound, rounded up.
    pub audio_seconds: u64,
}

/// Finds the figures of one reply. Takes some KiB at most, however long the reply is; what is
/// malformed reports nothing more.
#[derive(Debug)]
pub struct Reader {
    scanner: Scanner,
    /// Of a reply that is a stream of events.
    lines: Option<Lines>,
}

impl Reader {
    pub(super) fn new(report: &'static Report, streaming: bool) -> Self {
        Self {
            scanner: Scanner::new(report),
            lines: streaming.then(Lines::default),
        }
    }

    /// Takes the bytes that pass.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.lines {
            Some(lines) => lines.push(bytes, &mut self.scanner),
            None => self.scanner.push(bytes),
        }
    }

    /// The figures so far.
    pub fn figures(&self) -> Figures {
        self.scanner.figures()
    }
}
