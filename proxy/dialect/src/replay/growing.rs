//! A value that comes in deltas, merged as the official SDKs do it: strings are appended to,
//! objects are merged, elements of lists are merged by their `index` where they have one and
//! appended where not.

use std::mem;

use super::{
    UNKNOWN, malformed,
    members::{MOST, Members, array, elements, inside, integer, kind, quoted, source},
};
use crate::{
    Malformed,
    json::{Kind, outlined::Cursor, quote},
    reply::calls::Source,
};

/// Strings that are complete at once, though some servers repeat them in every chunk.
const FIXED: [&str; 8] = [
    "role",
    "id",
    "type",
    "name",
    "format",
    "signature",
    "tool_call_id",
    "call_id",
];

/// A value under construction.
#[derive(Default)]
pub(super) enum Growing {
    /// No value but `null` yet.
    #[default]
    Null,
    /// The inside of a string.
    Text(Vec<u8>),
    /// Source that does not grow.
    Source(Vec<u8>),
    Object(Vec<(String, Growing)>),
    List(Vec<Growing>),
}

impl Growing {
    /// Adds what a delta says of the member `name`.
    pub(super) fn add(&mut self, name: &str, delta: &[u8]) -> Result<(), Malformed> {
        match kind(delta)? {
            Kind::Null => Ok(()),
            Kind::Number | Kind::Boolean => {
                *self = Self::Source(delta.to_vec());
                Ok(())
            }
            Kind::String if FIXED.contains(&name) => {
                if self.is_empty() {
                    *self = Self::Source(delta.to_vec());
                }
                Ok(())
            }
            Kind::String => {
                let more = inside(delta).unwrap_or_default();
                self.begin(Self::Text(Vec::new()))?;
                if let Self::Text(text) = self {
                    text.extend_from_slice(more);
                }
                Ok(())
            }
            Kind::Object => {
                self.begin(Self::Object(Vec::new()))?;
                for (name, delta) in Members::read(delta)?.iter() {
                    self.member(name, delta)?;
                }
                Ok(())
            }
            Kind::Array => {
                self.begin(Self::List(Vec::new()))?;
                for (position, delta) in elements(Some(delta))?.into_iter().enumerate() {
                    self.element(name, position, delta)?;
                }
                Ok(())
            }
        }
    }

    /// Adds what a delta says of a member; `null` is noted, too.
    pub(super) fn member(&mut self, name: &str, delta: &[u8]) -> Result<(), Malformed> {
        self.begin(Self::Object(Vec::new()))?;
        let Self::Object(members) = self else {
            return Ok(());
        };
        if let Some((_, value)) = members.iter_mut().find(|(known, _)| known == name) {
            return value.add(name, delta);
        }
        if members.len() >= MOST {
            return Err(malformed(UNKNOWN));
        }
        let mut value = Self::Null;
        value.add(name, delta)?;
        members.push((name.to_owned(), value));
        Ok(())
    }

    /// Makes sure of the kind. What is there and is of another would be lost.
    fn begin(&mut self, fresh: Self) -> Result<(), Malformed> {
        if mem::discriminant(self) == mem::discriminant(&fresh) {
            return Ok(());
        }
        if !self.is_empty() {
            return Err(malformed("a value changes its kind in mid-stream"));
        }
        *self = fresh;
        Ok(())
    }

    fn element(&mut self, name: &str, position: usize, delta: &[u8]) -> Result<(), Malformed> {
        let Self::List(list) = self else {
            return Ok(());
        };
        if kind(delta)? != Kind::Object {
            list.push(Self::Source(delta.to_vec()));
            return Ok(());
        }
        let members = Members::read(delta)?;
        let mut index = integer(members.get("index"));
        let numbered = index.is_some();
        if name == "tool_calls" {
            // Some servers number none: they send every call in one piece, or in the same place.
            index = index.or_else(|| u64::try_from(position).ok());
        }
        let Some(index) = index else {
            list.push(Self::Source(delta.to_vec()));
            return Ok(());
        };
        let id = members.said("id");
        let full = list.len() >= MOST;
        let mut known = list.iter_mut().rev();
        let known = known.find(|element| element.is(index, id));
        match known.filter(|element| numbered || !element.is_complete_call()) {
            Some(element) => element.add(name, delta),
            None if full => Err(malformed(UNKNOWN)),
            None => {
                let mut element = Self::Null;
                element.member("index", index.to_string().as_bytes())?;
                element.add(name, delta)?;
                list.push(element);
                Ok(())
            }
        }
    }

    /// Reports whether an element has this index, and no other id.
    fn is(&self, index: u64, id: Option<&[u8]>) -> bool {
        let Self::Object(members) = self else {
            return false;
        };
        let of = |name: &str| {
            members.iter().find_map(|(known, value)| match value {
                Self::Source(source) if known == name => Some(source.as_slice()),
                Self::Null | Self::Text(_) | Self::Source(_) | Self::Object(_) | Self::List(_) => {
                    None
                }
            })
        };
        let same_id = match (of("id").filter(|id| *id != b"\"\""), id) {
            (Some(known), Some(id)) => known == id,
            _ => true,
        };
        integer(of("index")) == Some(index) && same_id
    }

    /// Reports whether it is a call whose arguments are a complete document: what follows without a
    /// number is another.
    fn is_complete_call(&self) -> bool {
        let function = self.grown("function").and_then(|f| f.grown("arguments"));
        let Some(Self::Text(inside)) = function else {
            return false;
        };
        let literal = quoted(inside);
        let mut source = Source::default();
        if let Ok(text) = Cursor::new(&literal).text() {
            source.feed(&text.decode(&literal));
        }
        source.complete()
    }

    fn grown(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut members = members.iter();
        members.find_map(|(known, value)| (known == name).then_some(value))
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Source(source) => source == b"\"\"",
            Self::Object(members) => members.is_empty(),
            Self::List(list) => list.is_empty(),
        }
    }

    /// The value's source. Tool calls of a whole reply have no index.
    pub(super) fn source(&self, name: &str) -> Vec<u8> {
        match self {
            Self::Null => b"null".to_vec(),
            Self::Text(text) => quoted(text),
            Self::Source(source) => source.clone(),
            Self::List(list) => {
                let elements: Vec<_> = list.iter().map(|value| value.source(name)).collect();
                array(&elements)
            }
            Self::Object(members) => {
                let mut inner = Vec::new();
                for (key, value) in members {
                    if name == "tool_calls" && key == "index" {
                        continue;
                    }
                    if !inner.is_empty() {
                        inner.push(b',');
                    }
                    quote(key, &mut inner);
                    inner.push(b':');
                    inner.extend_from_slice(&value.source(key));
                }
                source!["{", inner, "}"]
            }
        }
    }
}
