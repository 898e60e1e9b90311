//! The line of a key.
//!
//! serde gives no positions to what it reads, but errors have them: the text is read once more, by
//! a visitor that takes nothing, along the path of the key. Only where there is something to say.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One piece of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// A key of a map.
    Name(&'a str),
    /// An entry of a list.
    Index(usize),
}

/// Spells a path: `cases[1].steps[0].expect`.
pub(super) fn written(path: &[Key<'_>]) -> String {
    let mut text = String::new();
    for piece in path {
        match piece {
            Key::Name(name) if text.is_empty() => text.push_str(name),
            Key::Name(name) => text.push_str(&format!(".{name}")),
            Key::Index(at) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

/// Returns the line that a path leads to, from 1; `None` where the text has no such key.
pub(super) fn line_of(yaml: &str, path: &[Key<'_>]) -> Option<usize> {
    let sought = Along(path).deserialize(serde_yaml::Deserializer::from_str(yaml));
    Some(sought.err()?.location()?.line())
}

/// Follows a path; fails at its end.
struct Along<'a>(&'a [Key<'a>]);

impl<'de> DeserializeSeed<'de> for Along<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        match self.0 {
            [] => d.deserialize_any(Nothing).map(drop),
            [Key::Name(_), ..] => d.deserialize_map(self),
            [Key::Index(_), ..] => d.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Along<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map or a list")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((Key::Name(name), rest)) = self.0.split_first() else {
            return Ok(());
        };
        let last = rest.is_empty();
        while let Some(found) = entries.next_key_seed(Is { name, last })? {
            if found {
                entries.next_value_seed(Along(rest))?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((Key::Index(sought), rest)) = self.0.split_first() else {
            return Ok(());
        };
        for _ in 0..*sought {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        items.next_element_seed(Along(rest))?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Compares a key; fails at the right one, where it ends the path.
struct Is<'a> {
    name: &'a str,
    last: bool,
}

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<bool, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        match (key == self.name, self.last) {
            (true, true) => Err(E::custom("it is here")),
            (found, _) => Ok(found),
        }
    }
}

/// A visitor that takes nothing: every value is an error, with its place.
struct Nothing;

impl Visitor<'_> for Nothing {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}
