//! Texts on their way from one dialect to another.
//!
//! All dialects are JSON, so most texts never have to be decoded: a literal is copied as it stands,
//! escapes, halves of surrogate pairs and all.

use std::borrow::Cow;

use crate::{
    Malformed,
    json::{outlined::Cursor, quote, unescape_literal},
};

/// A text of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// A JSON string as it stands in its document, quotes included.
    Literal(&'a [u8]),
    /// Decoded text.
    Plain(Cow<'a, str>),
}

impl<'a> Text<'a> {
    /// Decoded text.
    pub(crate) fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Plain(text.into())
    }

    /// Takes the string at the cursor; `doc` is what the cursor walks.
    ///
    /// # Errors
    /// No string begins here, it is malformed, or it is not UTF-8.
    #[inline(never)]
    pub(crate) fn read(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Self, Malformed> {
        let text = cursor.text()?;
        Ok(Self::literal(doc.get(text.range).unwrap_or_default()))
    }

    /// A literal. One with bare control characters, which a lenient reader lets pass, is decoded: as
    /// it stands it would make the document that it is copied into no JSON.
    #[inline(never)]
    fn literal(literal: &'a [u8]) -> Self {
        // without a branch per byte, so that it is vectorised
        let has_control = literal.iter().fold(false, |has, byte| has | (*byte < 0x20));
        match has_control {
            false => Self::Literal(literal),
            true => Self::Plain(Cow::Owned(Self::Literal(literal).decode().into_owned())),
        }
    }

    /// Takes the string at the cursor, or skips another value.
    ///
    /// # Errors
    /// The value is malformed.
    #[inline(never)]
    pub(crate) fn read_or_skip(
        cursor: &mut Cursor<'a>,
        doc: &'a [u8],
    ) -> Result<Option<Self>, Malformed> {
        let text = cursor.text_or_skip()?;
        Ok(text.map(|text| Self::literal(doc.get(text.range).unwrap_or_default())))
    }

    /// The source between the quotes of a literal; `None` of decoded text.
    fn inside(&self) -> Option<&'a [u8]> {
        match self {
            Self::Literal(literal) => literal.get(1..literal.len().saturating_sub(1)),
            Self::Plain(_) => None,
        }
    }

    /// The text, its escapes resolved.
    #[inline(never)]
    pub(crate) fn decode(&self) -> Cow<'_, str> {
        match (self, self.inside()) {
            (Self::Plain(text), _) => Cow::Borrowed(text),
            (Self::Literal(_), Some(inside)) if memchr::memchr(b'\\', inside).is_some() => {
                Cow::Owned(unescape_literal(inside))
            }
            (Self::Literal(_), inside) => String::from_utf8_lossy(inside.unwrap_or_default()),
        }
    }

    /// Reports whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Literal(literal) => literal.len() <= 2,
            Self::Plain(text) => text.is_empty(),
        }
    }

    /// Reports whether it is `word`.
    #[inline(never)]
    pub(crate) fn is(&self, word: &str) -> bool {
        match self.inside() {
            Some(inside) if memchr::memchr(b'\\', inside).is_none() => inside == word.as_bytes(),
            _ => self.decode() == word,
        }
    }

    /// Appends it as a JSON string, quotes included.
    #[inline(never)]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Literal(literal) => out.extend_from_slice(literal),
            Self::Plain(text) => quote(text, out),
        }
    }

    /// Appends the inside of it as a JSON string, without quotes: part of a longer one.
    #[inline(never)]
    pub(crate) fn write_inside(&self, out: &mut Vec<u8>) {
        match (self, self.inside()) {
            (_, Some(inside)) => out.extend_from_slice(inside),
            (Self::Plain(text), None) => {
                let start = out.len();
                quote(text, out);
                out.pop();
                out.remove(start);
            }
            (Self::Literal(_), None) => {}
        }
    }

    /// Bytes of the text, its escapes resolved.
    #[inline(never)]
    pub(crate) fn bytes(&self) -> usize {
        match self.inside() {
            Some(inside) if memchr::memchr(b'\\', inside).is_none() => inside.len(),
            _ => self.decode().len(),
        }
    }

    /// The same text, of which nothing is borrowed.
    #[inline(never)]
    pub(crate) fn into_owned(self) -> Text<'static> {
        Text::Plain(Cow::Owned(self.decode().into_owned()))
    }
}
