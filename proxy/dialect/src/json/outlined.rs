//! The same cursor for what is read outside of most exchanges: its walks are compiled once, and not
//! into each of their callers.
//!
//! [`super::Cursor`] is inlined where every exchange passes, which costs a kilobyte of code a walk.
//! A translation has some two hundred of them, and can spare the call that a member costs here.

use std::ops::Range;

use super::{Key, Kind, Text};
use crate::Malformed;

/// A place in a JSON document. A copy remembers the place.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a>(super::Cursor<'a>);

/// Takes a member's value.
type Member<'e, 'a> =
    &'e mut dyn for<'c> FnMut(Key<'a>, &'c mut Cursor<'a>) -> Result<(), Malformed>;

/// Takes an element.
type Element<'e, 'a> =
    &'e mut dyn for<'c> FnMut(usize, &'c mut Cursor<'a>) -> Result<(), Malformed>;

/// The methods are those of [`super::Cursor`], with the same errors.
#[allow(missing_docs, reason = "they are documented there")]
impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(super::Cursor::new(bytes))
    }

    pub(crate) fn lenient(bytes: &'a [u8], at: usize) -> Self {
        Self(super::Cursor::lenient(bytes, at))
    }

    /// The inlined cursor at this place.
    pub(crate) fn inlined(&mut self) -> &mut super::Cursor<'a> {
        &mut self.0
    }

    pub(crate) fn at(&self) -> usize {
        self.0.at()
    }

    #[inline(never)]
    pub(crate) fn kind(&mut self) -> Result<Kind, Malformed> {
        self.0.kind()
    }

    #[inline]
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(Key<'a>, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.walk_object(&mut each)
    }

    #[inline]
    pub(crate) fn array(
        &mut self,
        mut each: impl FnMut(usize, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.walk_array(&mut each)
    }

    #[inline]
    pub(crate) fn object_or_skip(
        &mut self,
        mut each: impl FnMut(Key<'a>, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.walk_object_or_skip(&mut each)
    }

    #[inline]
    pub(crate) fn array_or_skip(
        &mut self,
        mut each: impl FnMut(usize, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.walk_array_or_skip(&mut each)
    }

    #[inline(never)]
    fn walk_object(&mut self, each: Member<'_, 'a>) -> Result<(), Malformed> {
        self.0.object(|key, inlined| {
            let mut cursor = Self(*inlined);
            let read = each(key, &mut cursor);
            *inlined = cursor.0;
            read
        })
    }

    #[inline(never)]
    fn walk_array(&mut self, each: Element<'_, 'a>) -> Result<(), Malformed> {
        self.0.array(|index, inlined| {
            let mut cursor = Self(*inlined);
            let read = each(index, &mut cursor);
            *inlined = cursor.0;
            read
        })
    }

    #[inline(never)]
    fn walk_object_or_skip(&mut self, each: Member<'_, 'a>) -> Result<(), Malformed> {
        match self.kind()? {
            Kind::Object => self.walk_object(each),
            Kind::Array | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                self.skip().map(drop)
            }
        }
    }

    #[inline(never)]
    fn walk_array_or_skip(&mut self, each: Element<'_, 'a>) -> Result<(), Malformed> {
        match self.kind()? {
            Kind::Array => self.walk_array(each),
            Kind::Object | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                self.skip().map(drop)
            }
        }
    }

    #[inline(never)]
    pub(crate) fn text(&mut self) -> Result<Text, Malformed> {
        self.0.text()
    }

    #[inline(never)]
    pub(crate) fn text_or_skip(&mut self) -> Result<Option<Text>, Malformed> {
        self.0.text_or_skip()
    }

    #[inline(never)]
    pub(crate) fn skip(&mut self) -> Result<Range<usize>, Malformed> {
        self.0.skip()
    }

    #[inline(never)]
    pub(crate) fn pass(&mut self) -> Result<(), Malformed> {
        self.0.pass()
    }

    #[inline(never)]
    pub(crate) fn integer(&mut self) -> Result<Option<u64>, Malformed> {
        self.0.integer()
    }

    #[inline(never)]
    pub(crate) fn count(&mut self) -> Result<Option<u64>, Malformed> {
        self.0.count()
    }

    #[inline(never)]
    pub(crate) fn boolean(&mut self) -> Result<Option<bool>, Malformed> {
        self.0.boolean()
    }

    #[inline(never)]
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        self.0.end()
    }
}
