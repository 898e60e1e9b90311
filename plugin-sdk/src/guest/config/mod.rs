//! A policy's configuration: JSON into its struct, with errors that name the key.
//!
//! A parser of its own, for two reasons. The operator wrote YAML and wants to read which *key* is
//! wrong, whoever found it so, a `try_from` included; serde_json reports a line, and loses it for
//! those. And it is part of every policy: this one is a few kilobytes, for it neither prints
//! numbers nor keeps tables for them.

use std::borrow::Cow;

use serde::de::{
    self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor,
    value::MapAccessDeserializer,
};

mod error;
mod text;

pub(super) use error::Error;

/// Deepest nesting of lists and maps.
const DEPTH: u8 = 64;

/// Builds a value from JSON source text.
pub(super) fn from_json<T: de::DeserializeOwned>(json: &str) -> Result<T, Error> {
    let mut parser = Parser {
        json,
        at: 0,
        depth: 0,
    };
    let value = T::deserialize(&mut parser)?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.malformed()),
    }
}

struct Parser<'de> {
    json: &'de str,
    at: usize,
    depth: u8,
}

// Configuration is read once, at load: what several callers share is kept out of line, for small
// matters and fast does not.
impl<'de> Parser<'de> {
    /// The next byte that is not white space.
    #[inline(never)]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.json.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline(never)]
    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    #[inline(never)]
    fn require(&mut self, wanted: u8) -> Result<(), Error> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    fn malformed(&self) -> Error {
        Error::malformed(self.at)
    }

    #[inline(never)]
    fn word(&mut self, word: &str) -> Result<(), Error> {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.malformed());
        }
        self.at += word.len();
        Ok(())
    }

    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let start = self.at;
        match text::string(self.json, &mut self.at) {
            Some(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Some(Cow::Owned(text)) => visitor.visit_string(text),
            None => Err(Error::malformed(start)),
        }
    }

    /// Goes through a list's or map's members.
    fn within<T>(
        &mut self,
        close: u8,
        visit: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth == DEPTH {
            return Err(de::Error::custom("nested too deeply"));
        }
        self.at += 1;
        self.depth += 1;
        let value = visit(self)?;
        self.depth -= 1;
        self.require(close)?;
        Ok(value)
    }
}

impl<'de> de::Deserializer<'de> for &mut Parser<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => self.string(visitor),
            Some(b'{') => self.within(b'}', |parser| visitor.visit_map(Members::of(parser))),
            Some(b'[') => self.within(b']', |parser| visitor.visit_seq(Members::of(parser))),
            Some(b't') => self.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.word("false").and_then(|()| visitor.visit_bool(false)),
            Some(b'n') => self.word("null").and_then(|()| visitor.visit_unit()),
            _ => match text::number(self.json, &mut self.at) {
                Some(text::Number::Unsigned(number)) => visitor.visit_u64(number),
                Some(text::Number::Signed(number)) => visitor.visit_i64(number),
                Some(text::Number::Float(spelling)) => visitor.visit_f64(text::near(spelling)),
                None => Err(self.malformed()),
            },
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.peek();
        let start = self.at;
        match text::number(self.json, &mut self.at)
            .and_then(|_| self.json.get(start..self.at)?.parse().ok())
        {
            Some(number) => visitor.visit_f64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'n') => self.word("null").and_then(|()| visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.peek() {
            // A map of one key, that names a variant.
            Some(b'{') => self.within(b'}', |parser| {
                visitor.visit_enum(MapAccessDeserializer::new(Members::of(parser)))
            }),
            Some(b'"') => visitor.visit_enum(plain(self)?.into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// A plain string, whatever the visitor would make of it.
#[inline(never)]
fn plain(parser: &mut Parser<'_>) -> Result<String, Error> {
    de::Deserialize::deserialize(parser)
}

/// The members of a list or map.
struct Members<'a, 'de> {
    parser: &'a mut Parser<'de>,
    first: bool,
    index: usize,
    key: Option<String>,
}

impl<'a, 'de> Members<'a, 'de> {
    fn of(parser: &'a mut Parser<'de>) -> Self {
        Self {
            parser,
            first: true,
            index: 0,
            key: None,
        }
    }

    #[inline(never)]
    fn next(&mut self, close: u8) -> Result<bool, Error> {
        if self.parser.peek() == Some(close) {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.first, false) {
            self.parser.require(b',')?;
        }
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Members<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !self.next(b']')? {
            return Ok(None);
        }
        let value = seed
            .deserialize(&mut *self.parser)
            .map_err(|error| error.in_element(self.index))?;
        self.index += 1;
        Ok(Some(value))
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if !self.next(b'}')? {
            return Ok(None);
        }
        let key = plain(self.parser)?;
        let value = seed
            .deserialize(Key(&key))
            .map_err(|error| error.in_key(&key))?;
        self.key = Some(key);
        self.parser.require(b':')?;
        Ok(Some(value))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let key = self.key.take().unwrap_or_default();
        seed.deserialize(&mut *self.parser)
            .map_err(|error| error.in_key(&key))
    }
}

/// A map's key. Keys of numbers and truths are written as strings.
struct Key<'a>(&'a str);

impl<'de> de::Deserializer<'de> for Key<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => visitor.visit_str(self.0),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
