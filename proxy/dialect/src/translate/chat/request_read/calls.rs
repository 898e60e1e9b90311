//! Calls of tools in an earlier reply.

use super::{
    super::super::{
        form::{Arguments, Call},
        loss::Refused,
        read::{members, source, text},
        text::Text,
    },
    UNKNOWN,
};
use crate::json::{Kind, outlined::Cursor};

pub(super) fn call<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &str,
) -> Result<Call<'a>, Refused> {
    let (mut id, mut found, mut is_custom) = (None, None, false);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"id" => id = Text::read_or_skip(cursor, doc)?,
            b"function" => found = Some(called(cursor, doc, &format!("{at}.function"))?),
            b"custom" => is_custom = true,
            _ => {}
        }
        Ok(())
    })?;
    if is_custom {
        return Err(Refused::new(format!("{at}.custom"), UNKNOWN));
    }
    let found = found.ok_or_else(|| Refused::malformed(format!("{at}.function"), "is missing"))?;
    Ok(Call { id, ..found })
}

/// A function's name and arguments; these are a string of JSON, and some clients send the value.
pub(super) fn called<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &str,
) -> Result<Call<'a>, Refused> {
    let (mut name, mut arguments) = (None, Arguments::Source(Text::plain("")));
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"name" => name = Some(text(cursor, doc, format_args!("{at}.name"))?),
            b"arguments" => {
                arguments = match cursor.kind()? {
                    Kind::String => Arguments::Source(Text::read(cursor, doc)?),
                    Kind::Object | Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
                        Arguments::Value(source(cursor, doc)?)
                    }
                };
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(Call {
        id: None,
        name: name.ok_or_else(|| Refused::malformed(format!("{at}.name"), "is missing"))?,
        arguments,
        cache: None,
    })
}
