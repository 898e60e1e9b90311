//! The elements of a list that arrives, one by one.

use super::{BYTES, Verdict};

/// Finds where the objects in a list begin and end. It checks nothing: an element is read by whoever
/// knows the dialect.
#[derive(Default)]
pub(super) struct Elements {
    /// The element at hand, as far as it came.
    kept: Vec<u8>,
    /// The containers that are open.
    depth: usize,
    in_string: bool,
    /// True if the last byte was a backslash.
    escape: bool,
}

impl Elements {
    /// Takes the bytes that arrived, in any split, and has `read` decide about each element that is
    /// complete, up to the first verdict. The list's end is one, too.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        count: &mut u32,
        read: impl Fn(&[u8]) -> Option<Verdict>,
    ) -> Option<Verdict> {
        for byte in bytes {
            if self.depth > 1 || matches!(byte, b'{' | b'[') && self.depth == 1 {
                self.kept.push(*byte);
            }
            if self.kept.len() > BYTES {
                return Some(Verdict::Content);
            }
            if self.in_string {
                self.in_string = self.escape || *byte != b'"';
                self.escape = !self.escape && *byte == b'\\';
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => match self.depth {
                    0 | 1 => return Some(Verdict::Content),
                    2 => {
                        self.depth = 1;
                        *count += 1;
                        let verdict = read(&self.kept);
                        if verdict.is_some() {
                            return verdict;
                        }
                        self.kept.clear();
                    }
                    _ => self.depth -= 1,
                },
                _ => {}
            }
        }
        None
    }
}
