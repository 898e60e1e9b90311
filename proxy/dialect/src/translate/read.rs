//! Reading documents member by member, with refusals that name the member.

use std::fmt;

use super::{loss::Refused, text::Text};
use crate::{
    Malformed,
    json::{Key, Kind, outlined::Cursor},
};

impl From<Malformed> for Refused {
    #[cold]
    #[inline(never)]
    fn from(malformed: Malformed) -> Self {
        Self::malformed("body", malformed.what)
    }
}

/// Takes a member's value.
type Member<'e, 'a> = &'e mut dyn for<'c> FnMut(Key<'a>, &'c mut Cursor<'a>) -> Result<(), Refused>;

/// Takes an element.
type Element<'e, 'a> = &'e mut dyn for<'c> FnMut(usize, &'c mut Cursor<'a>) -> Result<(), Refused>;

/// Takes an object. `each` is called at every member's value that is not `null`; what it leaves
/// untouched is skipped.
///
/// # Errors
/// No object begins here, it is malformed, or `each` refuses.
pub(crate) fn members<'a>(
    cursor: &mut Cursor<'a>,
    mut each: impl FnMut(Key<'a>, &mut Cursor<'a>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    walk_members(cursor, &mut each)
}

#[inline(never)]
fn walk_members<'a>(cursor: &mut Cursor<'a>, each: Member<'_, 'a>) -> Result<(), Refused> {
    let mut refused = None;
    let read = cursor.object(|key, cursor| {
        if cursor.kind()? == Kind::Null {
            return Ok(());
        }
        each(key, cursor).map_err(|why| stop(&mut refused, why, cursor))
    });
    read.map_err(|malformed| refused.unwrap_or_else(|| malformed.into()))
}

/// Takes an array. `each` is called at every element with its index; what it leaves untouched is
/// skipped.
///
/// # Errors
/// No array begins here, it is malformed, or `each` refuses.
pub(crate) fn elements<'a>(
    cursor: &mut Cursor<'a>,
    mut each: impl FnMut(usize, &mut Cursor<'a>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    walk_elements(cursor, &mut each)
}

#[inline(never)]
fn walk_elements<'a>(cursor: &mut Cursor<'a>, each: Element<'_, 'a>) -> Result<(), Refused> {
    let mut refused = None;
    let read = cursor
        .array(|index, cursor| each(index, cursor).map_err(|why| stop(&mut refused, why, cursor)));
    read.map_err(|malformed| refused.unwrap_or_else(|| malformed.into()))
}

#[cold]
#[inline(never)]
fn malformed(field: &dyn fmt::Display, why: &'static str) -> Refused {
    Refused::malformed(field.to_string(), why)
}

fn stop(refused: &mut Option<Refused>, why: Refused, cursor: &Cursor<'_>) -> Malformed {
    *refused = Some(why);
    Malformed::new("refused", cursor.at())
}

/// Takes a string.
///
/// # Errors
/// Another value stands here.
pub(crate) fn text<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    field: impl fmt::Display,
) -> Result<Text<'a>, Refused> {
    Text::read(cursor, doc).map_err(|_| malformed(&field, "is no string"))
}

/// Takes a number, as it is spelled.
///
/// # Errors
/// Another value stands here.
pub(crate) fn number<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    field: impl fmt::Display,
) -> Result<&'a [u8], Refused> {
    match cursor.kind()? {
        Kind::Number => source(cursor, doc),
        Kind::Object | Kind::Array | Kind::String | Kind::Boolean | Kind::Null => {
            Err(malformed(&field, "is no number"))
        }
    }
}

/// Takes `true` or `false`.
///
/// # Errors
/// Another value stands here.
pub(crate) fn boolean(cursor: &mut Cursor<'_>, field: impl fmt::Display) -> Result<bool, Refused> {
    let read = cursor.boolean()?;
    read.ok_or_else(|| malformed(&field, "is neither true nor false"))
}

/// Takes any value as its source.
///
/// # Errors
/// It is malformed.
#[inline(never)]
pub(crate) fn source<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<&'a [u8], Refused> {
    let range = cursor.skip()?;
    Ok(doc.get(range).unwrap_or_default())
}
