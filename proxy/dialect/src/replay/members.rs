//! JSON as members in their order, each value its source.

use std::borrow::Cow;

use super::{UNKNOWN, malformed};
use crate::{
    Malformed,
    json::{Kind, outlined::Cursor, quote},
};

/// Puts source together.
macro_rules! source {
    ($($part:expr),* $(,)?) => {
        $crate::replay::members::joined(&[$(AsRef::<[u8]>::as_ref(&$part)),*])
    };
}
pub(super) use source;

#[inline(never)]
pub(super) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The most members, or elements that are merged by index, which is more than any API writes.
pub(super) const MOST: usize = 1024;

/// An object. Of members with one name the last counts, and all of them stay.
#[derive(Debug, Clone, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Cow<'a, [u8]>)>);

impl<'a> Members<'a> {
    #[inline(never)]
    pub(super) fn read(doc: &'a [u8]) -> Result<Self, Malformed> {
        let mut members = Vec::new();
        let mut cursor = Cursor::new(doc);
        cursor.object(|key, cursor| {
            if members.len() >= MOST {
                return Err(malformed(UNKNOWN));
            }
            let value = doc.get(cursor.skip()?).unwrap_or_default();
            members.push((key.decode(), Cow::Borrowed(value)));
            Ok(())
        })?;
        cursor.end()?;
        Ok(Self(members))
    }

    /// The same for a member that may be missing, `null` or something else.
    pub(super) fn read_or_empty(doc: Option<&'a [u8]>) -> Result<Self, Malformed> {
        match doc {
            Some(doc) if kind(doc)? == Kind::Object => Self::read(doc),
            _ => Ok(Self::default()),
        }
    }

    pub(super) fn into_owned(self) -> Members<'static> {
        let own = |(name, value): (Cow<'a, str>, Cow<'a, [u8]>)| {
            let name: Cow<'static, str> = Cow::Owned(name.into_owned());
            let value: Cow<'static, [u8]> = Cow::Owned(value.into_owned());
            (name, value)
        };
        Members(self.0.into_iter().map(own).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    #[inline(never)]
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let mut last = self.0.iter().rev();
        last.find(|(known, _)| known == name)
            .map(|(_, value)| &**value)
    }

    /// The member's value if it says something.
    #[inline(never)]
    pub(super) fn said(&self, name: &str) -> Option<&[u8]> {
        self.get(name).filter(|value| says(value))
    }

    /// The inside of a string.
    #[inline(never)]
    pub(super) fn text(&self, name: &str) -> Option<&[u8]> {
        self.get(name).and_then(inside)
    }

    /// Replaces the value where it stands, or adds it at the end.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.set_value(name, value.into());
    }

    #[inline(never)]
    fn set_value(&mut self, name: &str, value: Vec<u8>) {
        let value = Cow::Owned(value);
        let mut last = self.0.iter_mut().rev();
        match last.find(|(known, _)| known == name) {
            Some(member) => member.1 = value,
            None => self.0.push((Cow::Owned(name.to_owned()), value)),
        }
    }

    /// The same for a member that is there.
    pub(super) fn replace(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        if self.get(name).is_some() {
            self.set(name, value);
        }
    }

    #[inline(never)]
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// `"a":1,"b":2`.
    pub(super) fn inner(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in &self.0 {
            if !out.is_empty() {
                out.push(b',');
            }
            quote(name, &mut out);
            out.push(b':');
            out.extend_from_slice(value);
        }
        out
    }

    /// `{"a":1,"b":2}`.
    pub(super) fn source(&self) -> Vec<u8> {
        source!["{", self.inner(), "}"]
    }
}

pub(super) fn kind(doc: &[u8]) -> Result<Kind, Malformed> {
    Cursor::new(doc).kind()
}

/// The elements of an array; none of anything else.
pub(super) fn elements(doc: Option<&[u8]>) -> Result<Vec<&[u8]>, Malformed> {
    let mut elements = Vec::new();
    let Some(doc) = doc else { return Ok(elements) };
    let mut cursor = Cursor::new(doc);
    if cursor.kind()? == Kind::Array {
        cursor.array(|_, cursor| {
            elements.push(doc.get(cursor.skip()?).unwrap_or_default());
            Ok(())
        })?;
    }
    Ok(elements)
}

/// The same as copies.
pub(super) fn owned_elements(doc: Option<&[u8]>) -> Result<Vec<Vec<u8>>, Malformed> {
    Ok(elements(doc)?.into_iter().map(<[u8]>::to_vec).collect())
}

/// `[a,b]`.
pub(super) fn array<T: AsRef<[u8]>>(elements: &[T]) -> Vec<u8> {
    let parts: Vec<&[u8]> = elements.iter().map(AsRef::as_ref).collect();
    source!["[", parts.join(&b","[..]), "]"]
}

/// The source between the quotes of a string, not its text.
pub(super) fn inside(doc: &[u8]) -> Option<&[u8]> {
    doc.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A string's source from its inside.
pub(super) fn quoted(inside: &[u8]) -> Vec<u8> {
    source!["\"", inside, "\""]
}

pub(super) fn integer(doc: Option<&[u8]>) -> Option<u64> {
    Cursor::new(doc?).integer().ok()?
}

/// Reports whether a value is more than `null` and emptiness.
pub(super) fn says(doc: &[u8]) -> bool {
    match doc {
        b"null" | b"\"\"" => false,
        [b'[', rest @ .., b']'] | [b'{', rest @ .., b'}'] => !rest.trim_ascii().is_empty(),
        _ => true,
    }
}
