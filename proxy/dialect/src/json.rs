//! JSON as bytes: a pull [`Cursor`] that walks a document once and remembers places in it, string
//! literals, RFC 6901 pointers.
//!
//! It is no parser: nothing becomes a tree, nothing is allocated, and containers that nobody reads
//! are skipped without recursion. What is walked is checked against RFC 8259, with two deliberate
//! differences: strings that nobody decodes are not checked for UTF-8 (50 KB prompts pass at the
//! speed of `memchr`; [`Cursor::text`] does check), and a lone surrogate such as `\ud83d` is
//! accepted and decodes to U+FFFD, because models and apps cut strings in the middle of an emoji.
//! Numbers are checked as grammar only, however large. Containers nest 128 deep at most. Only
//! [`Cursor::pass`] checks nothing.

use std::{borrow::Cow, ops::Range};

use super::Malformed;

mod number;
pub(crate) mod outlined;
mod pointer;
mod skip;

#[cfg(test)]
mod tests;
mod text;

use number::{count, plain_count};
pub(crate) use pointer::{find, pointer, unescape_token};
pub(crate) use text::{Text, quote, unescape as unescape_literal};
use text::{plain, short, unescape};

/// The greatest depth to which containers may nest.
pub(crate) const DEPTH: u8 = 128;

/// The kind of a value, seen from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are RFC 8259's")]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// A place in a JSON document. A copy remembers the place.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u8,
    lenient: bool,
}

/// A member's name.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    raw: &'a [u8],
    start: usize,
    escaped: bool,
}

impl<'a> Cursor<'a> {
    /// The document's beginning.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self::starting(bytes, 0)
    }

    /// The value that begins at byte `at`, or at the first byte after it that is not whitespace.
    pub(crate) fn starting(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            depth: 0,
            lenient: false,
        }
    }

    /// A cursor at the value that begins at byte `at`, which reads as leniently as clients in
    /// Python and JavaScript read replies: `NaN`, `Infinity` and `-Infinity` are numbers, and a
    /// string may hold bare control characters.
    pub(crate) fn lenient(bytes: &'a [u8], at: usize) -> Self {
        Self {
            lenient: true,
            ..Self::starting(bytes, at)
        }
    }

    /// Byte offset.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Looks at the next value without taking it.
    ///
    /// # Errors
    /// No value begins here.
    #[inline]
    pub(crate) fn kind(&mut self) -> Result<Kind, Malformed> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            Some(b'N' | b'I') if self.lenient => Ok(Kind::Number),
            Some(_) => Err(self.malformed("a value is expected")),
            None => Err(self.malformed("the document ends too early")),
        }
    }

    /// Takes an object. `each` is called at every member's value; what it leaves untouched is
    /// skipped.
    ///
    /// # Errors
    /// No object begins here, it is malformed or nested too deeply, or `each` says so.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(Key<'a>, &mut Cursor<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let outside = self.enter(b'{', "an object is expected")?;
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let key = self.key()?;
                self.value(|cursor| each(key, cursor))?;
                match self.next() {
                    Some(b',') => {}
                    Some(b'}') => break,
                    _ => return Err(self.malformed_before("`,` or `}` is expected")),
                }
            }
        }
        self.depth = outside;
        Ok(())
    }

    /// Takes an array. `each` is called at every element with its index; what it leaves untouched
    /// is skipped.
    ///
    /// # Errors
    /// No array begins here, it is malformed or nested too deeply, or `each` says so.
    pub(crate) fn array(
        &mut self,
        mut each: impl FnMut(usize, &mut Cursor<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let outside = self.enter(b'[', "an array is expected")?;
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            for index in 0.. {
                self.value(|cursor| each(index, cursor))?;
                match self.next() {
                    Some(b',') => {}
                    Some(b']') => break,
                    _ => return Err(self.malformed_before("`,` or `]` is expected")),
                }
            }
        }
        self.depth = outside;
        Ok(())
    }

    /// Takes an object as [`Self::object`] does, or skips another value.
    ///
    /// # Errors
    /// The value is malformed, or `each` says so.
    pub(crate) fn object_or_skip(
        &mut self,
        each: impl FnMut(Key<'a>, &mut Cursor<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        match self.kind()? {
            Kind::Object => self.object(each),
            Kind::Array | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                self.skip().map(drop)
            }
        }
    }

    /// Takes an array as [`Self::array`] does, or skips another value.
    ///
    /// # Errors
    /// The value is malformed, or `each` says so.
    pub(crate) fn array_or_skip(
        &mut self,
        each: impl FnMut(usize, &mut Cursor<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        match self.kind()? {
            Kind::Array => self.array(each),
            Kind::Object | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                self.skip().map(drop)
            }
        }
    }

    /// Takes a string that is going to be decoded.
    ///
    /// # Errors
    /// No string begins here, it is malformed, or it is not UTF-8.
    pub(crate) fn text(&mut self) -> Result<Text, Malformed> {
        let text = self.literal("a string is expected")?;
        let inner = self.bytes.get(text.range.start + 1..text.range.end - 1);
        match inner.map(str::from_utf8) {
            Some(Ok(_)) => Ok(text),
            _ => Err(Malformed::new("a string is not UTF-8", text.range.start)),
        }
    }

    /// Takes a string, or skips another value.
    ///
    /// # Errors
    /// The value is malformed.
    pub(crate) fn text_or_skip(&mut self) -> Result<Option<Text>, Malformed> {
        if self.kind()? == Kind::String {
            return self.text().map(Some);
        }
        self.skip()?;
        Ok(None)
    }

    /// Takes any value and returns its range.
    ///
    /// # Errors
    /// It is malformed or nested too deeply.
    #[inline]
    pub(crate) fn skip(&mut self) -> Result<Range<usize>, Malformed> {
        if self.peek() == Some(b'"')
            && let Some(length) = short(self.bytes.get(self.at + 1..).unwrap_or_default())
        {
            let start = self.at;
            self.at += length + 2;
            return Ok(start..self.at);
        }
        self.skip_any()
    }

    /// The same of any value.
    #[inline(never)]
    fn skip_any(&mut self) -> Result<Range<usize>, Malformed> {
        let kind = self.kind()?;
        let start = self.at;
        match kind {
            Kind::Object | Kind::Array => self.skip_container()?,
            Kind::String | Kind::Number | Kind::Boolean | Kind::Null => self.skip_scalar(kind)?,
        }
        Ok(start..self.at)
    }

    /// Takes a number without sign, fraction and exponent that fits; `None` for every other value,
    /// which is skipped.
    ///
    /// # Errors
    /// The value is malformed.
    pub(crate) fn integer(&mut self) -> Result<Option<u64>, Malformed> {
        let range = self.skip()?;
        let digits = self.bytes.get(range).unwrap_or_default();
        Ok(digits.iter().try_fold(0_u64, |sum, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            sum.checked_mul(10)?.checked_add(u64::from(digit))
        }))
    }

    /// Takes a number that counts something, in any spelling that JSON has for it: `900`, `900.0`,
    /// `9e2`. A fraction is rounded up, what is too large becomes the largest. `None` for negative
    /// numbers and for every other value, which is skipped.
    ///
    /// # Errors
    /// The value is malformed.
    pub(crate) fn count(&mut self) -> Result<Option<u64>, Malformed> {
        self.peek();
        if let Some((count, length)) = plain_count(self.bytes.get(self.at..).unwrap_or_default()) {
            self.at += length;
            return Ok(Some(count));
        }
        let range = self.skip()?;
        Ok(count(self.bytes.get(range).unwrap_or_default()))
    }

    /// Skips a value, and returns its source.
    ///
    /// # Errors
    /// The value is malformed.
    pub(crate) fn source(&mut self) -> Result<&'a [u8], Malformed> {
        let range = self.skip()?;
        Ok(self.bytes.get(range).unwrap_or_default())
    }

    /// Takes `true` or `false`; `None` for every other value, which is skipped.
    ///
    /// # Errors
    /// The value is malformed.
    pub(crate) fn boolean(&mut self) -> Result<Option<bool>, Malformed> {
        let range = self.skip()?;
        Ok(match self.bytes.get(range) {
            Some(b"true") => Some(true),
            Some(b"false") => Some(false),
            _ => None,
        })
    }

    /// Checks that the document ends here.
    ///
    /// # Errors
    /// Something other than whitespace follows.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed("something follows the document")),
        }
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed::new(what, self.at)
    }

    fn malformed_before(&self, what: &'static str) -> Malformed {
        let at = self.at.saturating_sub(1);
        Malformed::new(what, at)
    }

    /// The next byte that is no whitespace, which becomes the place.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    /// The same, taken.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    /// Steps into a container; returns the depth outside.
    fn enter(&mut self, bracket: u8, what: &'static str) -> Result<u8, Malformed> {
        if self.peek() != Some(bracket) {
            return Err(self.malformed(what));
        }
        if self.depth >= DEPTH {
            return Err(self.malformed("the document is nested too deeply"));
        }
        self.at += 1;
        self.depth += 1;
        Ok(self.depth - 1)
    }

    /// Takes `"key" :`.
    #[inline]
    fn key(&mut self) -> Result<Key<'a>, Malformed> {
        // Nearly all are plain, short, and have their colon next.
        if self.peek() == Some(b'"')
            && let Some(rest) = self.bytes.get(self.at + 1..)
            && let Some(length) = short(rest)
            && let (Some(raw), Some(b':')) = (rest.get(..length), rest.get(length + 1))
        {
            let start = self.at;
            self.at += length + 3;
            return Ok(Key {
                raw,
                start,
                escaped: false,
            });
        }
        self.any_key()
    }

    /// The same of any key.
    #[inline(never)]
    fn any_key(&mut self) -> Result<Key<'a>, Malformed> {
        let text = self.literal("a key is expected")?;
        if self.next() != Some(b':') {
            return Err(self.malformed_before("`:` is expected"));
        }
        let start = text.range.start;
        let raw = self.bytes.get(start + 1..text.range.end - 1);
        Ok(Key {
            raw: raw.unwrap_or_default(),
            start,
            escaped: text.escaped,
        })
    }

    /// Has `each` take a value, or skips it.
    #[inline]
    fn value(
        &mut self,
        each: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.peek();
        let (before, depth) = (self.at, self.depth);
        each(self)?;
        self.depth = depth;
        if self.at == before {
            self.skip()?;
        }
        Ok(())
    }

    /// Takes a string literal; UTF-8 is not checked.
    #[inline]
    fn literal(&mut self, what: &'static str) -> Result<Text, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.malformed(what));
        }
        let start = self.at;
        self.at += 1;
        if let Some(length) = short(self.bytes.get(self.at..).unwrap_or_default()) {
            self.at += length + 1;
            let range = start..self.at;
            return Ok(Text {
                range,
                escaped: false,
            });
        }
        self.long_literal(start)
    }

    /// The same of one whose first bytes do not end it. Apart, so that the others need few registers.
    #[inline(never)]
    fn long_literal(&mut self, start: usize) -> Result<Text, Malformed> {
        let mut escaped = false;
        loop {
            self.at += plain(self.bytes.get(self.at..).unwrap_or_default());
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    let range = start..self.at;
                    return Ok(Text { range, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += match self.bytes.get(self.at + 1..) {
                        Some([b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..]) => 2,
                        Some([b'u', a, b, c, d, ..])
                            if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) =>
                        {
                            6
                        }
                        _ => return Err(self.malformed("an escape is malformed")),
                    };
                }
                Some(_) if self.lenient => self.at += 1,
                Some(_) => return Err(self.malformed("a string holds a bare control character")),
                None => return Err(self.malformed("a string does not end")),
            }
        }
    }
}

impl<'a> Key<'a> {
    /// Reports whether the key, decoded, is `name`.
    #[inline]
    pub(crate) fn is(&self, name: &str) -> bool {
        if self.escaped {
            self.decode() == name
        } else {
            self.raw == name.as_bytes()
        }
    }

    /// The decoded name's bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> Cow<'a, [u8]> {
        match self.escaped {
            true => Cow::Owned(unescape(self.raw).into_bytes()),
            false => Cow::Borrowed(self.raw),
        }
    }

    /// Reports whether there is a backslash in it.
    pub(crate) fn is_escaped(&self) -> bool {
        self.escaped
    }

    /// Its range, quotes included.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.start + self.raw.len() + 2
    }

    /// Resolves its escapes; bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn decode(&self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(unescape(self.raw))
        } else {
            String::from_utf8_lossy(self.raw)
        }
    }
}
