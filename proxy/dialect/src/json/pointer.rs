//! RFC 6901 pointers.

use std::ops::Range;

use super::{Cursor, Kind};

/// The range of the value at an RFC 6901 pointer. Of members with one name the last counts, as
/// nearly every parser has it.
pub(crate) fn pointer(bytes: &[u8], pointer: &str) -> Option<Range<usize>> {
    find(bytes, pointer)?.skip().ok()
}

/// A cursor at the value that an RFC 6901 pointer names; the value itself is not looked at.
pub(crate) fn find<'a>(bytes: &'a [u8], pointer: &str) -> Option<Cursor<'a>> {
    let mut cursor = Cursor::new(bytes);
    if !pointer.is_empty() {
        for token in pointer.strip_prefix('/')?.split('/') {
            cursor = step(cursor, token)?;
        }
    }
    Some(cursor)
}

/// A pointer's token, decoded.
pub(crate) fn unescape_token(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The child that a pointer's token names.
fn step<'a>(mut cursor: Cursor<'a>, token: &str) -> Option<Cursor<'a>> {
    let mut found = None;
    match cursor.kind().ok()? {
        Kind::Object => {
            let name = unescape_token(token);
            cursor.object(|key, value| {
                if key.is(&name) {
                    found = Some(*value);
                }
                Ok(())
            })
        }
        Kind::Array => {
            let canonical = token == "0" || !token.starts_with('0');
            let wanted = token.bytes().all(|b| b.is_ascii_digit()) && canonical;
            let wanted = wanted.then(|| token.parse::<usize>().ok()).flatten()?;
            cursor.array(|index, value| {
                if index == wanted {
                    found = Some(*value);
                }
                Ok(())
            })
        }
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => return None,
    }
    .ok()?;
    found
}
