//! JSON under construction, for documents of any size: appended once, from front to back.

use super::text::Text;
use crate::json::quote;

/// A document under construction. Commas are written where they are due: a value or a key that
/// follows another is separated from it.
#[derive(Debug, Default)]
pub(crate) struct Json(pub(crate) Vec<u8>);

impl Json {
    /// An empty document with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    #[inline(never)]
    fn separate(&mut self) {
        // No value ends in one of these, and a space stands only behind an event's `data:`.
        if !matches!(
            self.0.last(),
            None | Some(b'{' | b'[' | b':' | b',' | b' ' | b'\n')
        ) {
            self.0.push(b',');
        }
    }

    #[inline(never)]
    fn open(&mut self, bracket: u8) {
        self.separate();
        self.0.push(bracket);
    }

    #[inline(never)]
    fn close(&mut self, bracket: u8) -> &mut Self {
        self.0.push(bracket);
        self
    }

    /// Appends an object, whose members `members` writes.
    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(b'{');
        members(self);
        self.close(b'}')
    }

    /// Appends an array, whose elements `elements` writes.
    pub(crate) fn array(&mut self, elements: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(b'[');
        elements(self);
        self.close(b']')
    }

    /// Appends a member's name, which has nothing to escape; its value is to follow.
    #[inline(never)]
    pub(crate) fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        self
    }

    /// Appends a string.
    #[inline(never)]
    pub(crate) fn text(&mut self, text: &Text<'_>) -> &mut Self {
        self.separate();
        text.write(&mut self.0);
        self
    }

    /// Appends a string of decoded text.
    #[inline(never)]
    pub(crate) fn str(&mut self, text: &str) -> &mut Self {
        self.separate();
        quote(text, &mut self.0);
        self
    }

    /// Appends a value that is JSON already, without whitespace around it.
    pub(crate) fn source(&mut self, json: impl AsRef<[u8]>) -> &mut Self {
        self.value(json.as_ref())
    }

    #[inline(never)]
    fn value(&mut self, json: &[u8]) -> &mut Self {
        self.separate();
        self.0.extend_from_slice(json);
        self
    }

    /// Appends a count.
    #[inline(never)]
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0_u8; 20];
        let (mut at, mut left) = (digits.len(), number);
        loop {
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + (left % 10) as u8;
            }
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.source(digits.get(at..).unwrap_or_default())
    }

    /// Appends `true` or `false`.
    #[inline(never)]
    pub(crate) fn boolean(&mut self, value: bool) -> &mut Self {
        self.source(if value { "true" } else { "false" })
    }

    /// Appends `null`.
    #[inline(never)]
    pub(crate) fn null(&mut self) -> &mut Self {
        self.source("null")
    }

    /// Appends the literal of a string whose inside `inside` writes, escaped already.
    pub(crate) fn literal(&mut self, inside: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.open(b'"');
        inside(&mut self.0);
        self.close(b'"')
    }

    /// Begins an event of a stream; without a name its data alone.
    #[inline(never)]
    pub(crate) fn event(&mut self, name: &str) -> &mut Self {
        if !name.is_empty() {
            self.0.extend_from_slice(b"event: ");
            self.0.extend_from_slice(name.as_bytes());
            self.0.push(b'\n');
        }
        self.0.extend_from_slice(b"data: ");
        self
    }

    /// Ends an event of a stream.
    #[inline(never)]
    pub(crate) fn end_event(&mut self) -> &mut Self {
        self.0.extend_from_slice(b"\n\n");
        self
    }
}
