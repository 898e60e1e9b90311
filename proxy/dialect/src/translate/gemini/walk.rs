//! Values of a request, read with the path of what is wrong with them.
//!
//! The API reads every key in two spellings, `systemInstruction` and `system_instruction`; here a
//! key is always the first. `null` counts as absent.

use std::borrow::Cow;

use crate::{
    Malformed,
    json::{Kind, outlined::Cursor},
    translate::{form::Number, loss::Refused, text::Text},
};

/// A place in a document, which becomes text where something is wrong there.
#[derive(Clone, Copy)]
pub(super) enum At<'p> {
    Root,
    Member(&'p At<'p>, &'p str),
    Element(&'p At<'p>, usize),
}

impl At<'_> {
    /// `contents[3].parts[0].text`.
    #[cold]
    #[inline(never)]
    pub(super) fn path(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Member(Self::Root, name) => (*name).to_owned(),
            Self::Member(parent, name) => format!("{}.{name}", parent.path()),
            Self::Element(parent, index) => format!("{}[{index}]", parent.path()),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn malformed(&self, why: &'static str) -> Refused {
        match self {
            Self::Root => Refused::malformed("body", why),
            Self::Member(..) | Self::Element(..) => Refused::malformed(self.path(), why),
        }
    }

    /// A member that no description of the dialect names.
    #[cold]
    #[inline(never)]
    pub(super) fn unknown(&self) -> Refused {
        Refused::new(self.path(), "is not known, so its meaning can't be carried")
    }

    /// A member that the dialect has and no other.
    #[cold]
    #[inline(never)]
    pub(super) fn refused(&self, why: &'static str) -> Refused {
        Refused::new(self.path(), why)
    }
}

const NO_JSON: &str = "is no JSON";

/// Takes a member's value.
type Member<'e, 'a> =
    &'e mut dyn for<'c> FnMut(&'c str, &'c mut Cursor<'a>, &'c At<'c>) -> Result<(), Refused>;

/// Takes an element.
type Element<'e, 'a> =
    &'e mut dyn for<'c> FnMut(&'c mut Cursor<'a>, &'c At<'c>) -> Result<(), Refused>;

/// Takes an object, or `null`. `each` is called with every member's name, in camel case, that is
/// not `null`.
pub(super) fn object<'a>(
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
    mut each: impl FnMut(&str, &mut Cursor<'a>, &At<'_>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    walk_object(cursor, at, &mut each)
}

fn walk_object<'a>(
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
    each: Member<'_, 'a>,
) -> Result<(), Refused> {
    match cursor.kind().map_err(|_| at.malformed(NO_JSON))? {
        Kind::Object => {}
        Kind::Null => return skip(cursor, at).map(drop),
        Kind::Array | Kind::String | Kind::Number | Kind::Boolean => {
            return Err(at.malformed("must be an object"));
        }
    }
    let mut fault = None;
    let read = cursor.object(|key, cursor| {
        if cursor.kind()? == Kind::Null {
            return cursor.skip().map(drop);
        }
        let key = key.decode();
        each(&camel(&key), cursor, &At::Member(at, &key)).map_err(|refused| {
            fault = Some(refused);
            Malformed::new(NO_JSON, 0)
        })
    });
    read.map_err(|_| fault.unwrap_or_else(|| At::Root.malformed(NO_JSON)))
}

/// Takes an array, or `null`.
pub(super) fn array<'a>(
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
    mut each: impl FnMut(&mut Cursor<'a>, &At<'_>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    walk_array(cursor, at, &mut each)
}

fn walk_array<'a>(
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
    each: Element<'_, 'a>,
) -> Result<(), Refused> {
    match cursor.kind().map_err(|_| at.malformed(NO_JSON))? {
        Kind::Array => {}
        Kind::Null => return skip(cursor, at).map(drop),
        Kind::Object | Kind::String | Kind::Number | Kind::Boolean => {
            return Err(at.malformed("must be a list"));
        }
    }
    let mut fault = None;
    let read = cursor.array(|index, cursor| {
        each(cursor, &At::Element(at, index)).map_err(|refused| {
            fault = Some(refused);
            Malformed::new(NO_JSON, 0)
        })
    });
    read.map_err(|_| fault.unwrap_or_else(|| At::Root.malformed(NO_JSON)))
}

/// Takes any value and leaves it.
pub(super) fn skip(cursor: &mut Cursor<'_>, at: &At<'_>) -> Result<(), Refused> {
    cursor.skip().map(drop).map_err(|_| at.malformed(NO_JSON))
}

/// Looks at the next value.
pub(super) fn kind(cursor: &mut Cursor<'_>, at: &At<'_>) -> Result<Kind, Refused> {
    cursor.kind().map_err(|_| at.malformed(NO_JSON))
}

/// Takes any value; `doc` is what the cursor walks.
pub(super) fn source<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &At<'_>,
) -> Result<&'a [u8], Refused> {
    let range = cursor.skip().map_err(|_| at.malformed(NO_JSON))?;
    Ok(doc.get(range).unwrap_or_default())
}

/// Takes an object as it stands.
pub(super) fn object_source<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &At<'_>,
) -> Result<&'a [u8], Refused> {
    match kind(cursor, at)? {
        Kind::Object => source(cursor, doc, at),
        Kind::Array | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
            Err(at.malformed("must be an object"))
        }
    }
}

/// Takes a string.
pub(super) fn text<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &At<'_>,
) -> Result<Text<'a>, Refused> {
    Text::read(cursor, doc).map_err(|_| at.malformed("must be a string"))
}

/// Takes a string, decoded.
pub(super) fn decoded<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &At<'_>,
) -> Result<Cow<'a, str>, Refused> {
    let text = cursor.text();
    Ok(text
        .map_err(|_| at.malformed("must be a string"))?
        .decode(doc))
}

/// Takes a number as its document spells it.
pub(super) fn number<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &At<'_>,
) -> Result<Number<'a>, Refused> {
    match kind(cursor, at)? {
        Kind::Number => source(cursor, doc, at),
        Kind::Object | Kind::Array | Kind::String | Kind::Boolean | Kind::Null => {
            Err(at.malformed("must be a number"))
        }
    }
}

/// Takes `true` or `false`.
pub(super) fn boolean(cursor: &mut Cursor<'_>, at: &At<'_>) -> Result<bool, Refused> {
    let value = cursor.boolean().map_err(|_| at.malformed(NO_JSON))?;
    value.ok_or_else(|| at.malformed("must be true or false"))
}

/// A key in camel case.
pub(super) fn camel(key: &str) -> Cow<'_, str> {
    let inside = key.get(1..).unwrap_or_default();
    if !inside.contains('_') {
        return Cow::Borrowed(key);
    }
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for (at, letter) in key.char_indices() {
        match letter {
            '_' if at > 0 => upper = true,
            _ if std::mem::take(&mut upper) => out.push(letter.to_ascii_uppercase()),
            _ => out.push(letter),
        }
    }
    Cow::Owned(out)
}
