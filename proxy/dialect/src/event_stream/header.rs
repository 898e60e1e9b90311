//! A frame's headers: a name of 255 bytes at most, and a value of one of ten types.

use std::fmt;

/// The headers of one frame, which were checked when it was decoded.
#[derive(Clone, Copy)]
pub struct Headers<'a>(&'a [u8]);

/// The value of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Types 0 and 1.
    Bool(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Integer(i32),
    /// Type 5.
    Long(i64),
    /// Type 6.
    Bytes(&'a [u8]),
    /// Type 7.
    Text(&'a str),
    /// Type 8: milliseconds since the Unix epoch.
    Timestamp(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

impl<'a> Headers<'a> {
    /// Headers that [`check`] found well.
    pub(super) fn checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, value, after) = header(rest)?;
            rest = after;
            Some((name, value))
        })
    }

    /// The value of the first header of this name, where that is a string.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.iter().find(|(one, _)| *one == name)?;
        match value {
            Value::Text(text) => Some(text),
            Value::Bool(_)
            | Value::Byte(_)
            | Value::Short(_)
            | Value::Integer(_)
            | Value::Long(_)
            | Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Uuid(_) => None,
        }
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Checks that all headers can be read.
pub(super) fn check(mut rest: &[u8]) -> Result<(), &'static str> {
    while !rest.is_empty() {
        (_, _, rest) = header(rest).ok_or("a frame's headers are malformed")?;
    }
    Ok(())
}

/// Appends a header that is a string; `None` where a length does not fit.
pub(super) fn encode(name: &str, value: &str, out: &mut Vec<u8>) -> Option<()> {
    out.push(u8::try_from(name.len()).ok()?);
    out.extend_from_slice(name.as_bytes());
    out.push(7);
    out.extend_from_slice(&u16::try_from(value.len()).ok()?.to_be_bytes());
    out.extend_from_slice(value.as_bytes());
    Some(())
}

/// The header at the beginning, and what follows it; `None` where there is none or it is malformed.
fn header(bytes: &[u8]) -> Option<(&str, Value<'_>, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let name = str::from_utf8(name).ok()?;
    let (kind, rest) = rest.split_first()?;
    let (value, rest) = match kind {
        0 => (Value::Bool(true), rest),
        1 => (Value::Bool(false), rest),
        2 => number(rest, |bytes| Value::Byte(i8::from_be_bytes(bytes)))?,
        3 => number(rest, |bytes| Value::Short(i16::from_be_bytes(bytes)))?,
        4 => number(rest, |bytes| Value::Integer(i32::from_be_bytes(bytes)))?,
        5 => number(rest, |bytes| Value::Long(i64::from_be_bytes(bytes)))?,
        6 => {
            let (bytes, rest) = counted(rest)?;
            (Value::Bytes(bytes), rest)
        }
        7 => {
            let (text, rest) = counted(rest)?;
            (Value::Text(str::from_utf8(text).ok()?), rest)
        }
        8 => number(rest, |bytes| Value::Timestamp(i64::from_be_bytes(bytes)))?,
        9 => number(rest, Value::Uuid)?,
        _ => return None,
    };
    Some((name, value, rest))
}

fn number<'a, const N: usize>(
    bytes: &'a [u8],
    value: impl FnOnce([u8; N]) -> Value<'a>,
) -> Option<(Value<'a>, &'a [u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((value(*number), rest))
}

/// Bytes behind their u16 length.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
