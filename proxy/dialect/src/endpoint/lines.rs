//! The data of a stream's events, without their frames.
//!
//! Nothing is kept: an event of any length passes piece by piece.

use super::scan::Scanner;

const DATA: &[u8] = b"data:";

/// The place in a stream.
#[derive(Debug)]
pub(super) struct Lines {
    within: Within,
    /// True if the last byte was a `\r`: a `\n` now ends nothing.
    after_cr: bool,
}

#[derive(Debug, Clone, Copy)]
enum Within {
    /// The line's first bytes, so many, are those of [`DATA`].
    Name(usize),
    Data,
    /// Another field, or a comment.
    Other,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            within: Within::Name(0),
            after_cr: false,
        }
    }
}

impl Lines {
    /// Hands the data of events to `scanner`, for which each event is a document.
    pub(super) fn push(&mut self, bytes: &[u8], scanner: &mut Scanner) {
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            let was_cr = std::mem::replace(&mut self.after_cr, *first == b'\r');
            match (first, self.within) {
                (b'\n', _) if was_cr => rest = after,
                (b'\n' | b'\r', within) => {
                    match within {
                        Within::Name(0) => scanner.begin(),
                        // An event's lines are joined by line feeds.
                        Within::Data => scanner.push(b"\n"),
                        Within::Name(_) | Within::Other => {}
                    }
                    self.within = Within::Name(0);
                    rest = after;
                }
                (byte, Within::Name(count)) => {
                    self.within = match DATA.get(count) {
                        Some(next) if next == byte && count + 1 == DATA.len() => Within::Data,
                        Some(next) if next == byte => Within::Name(count + 1),
                        Some(_) | None => Within::Other,
                    };
                    rest = after;
                }
                (_, within) => {
                    let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                    let (line, after) = rest.split_at(end);
                    if matches!(within, Within::Data) {
                        scanner.push(line);
                    }
                    rest = after;
                }
            }
        }
    }
}
