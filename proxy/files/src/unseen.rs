//! `on_unseen`: one word, or a word for each kind of content and each endpoint that no policy can
//! be shown.

use std::{borrow::Cow, fmt};

use dialect::unseen;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Named, Text};
use crate::scalars::VARIABLE;

/// The key of the map form for all that has no key of its own.
pub const DEFAULT: &str = "default";

/// Effect on content that a policy can't see, as written.
#[derive(Debug)]
pub enum WrittenUnseen {
    /// `block` or `skip`.
    Word(Text),
    /// `{ default: block, image: block, compact: skip, … }`.
    Named(Named<Text>),
}

impl<'de> Deserialize<'de> for WrittenUnseen {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenUnseen;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`block`, `skip`, or `{ NAME: block, … }`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenUnseen, E> {
                Ok(WrittenUnseen::Word(Text(v.to_owned())))
            }
            fn visit_bool<E: Error>(self, v: bool) -> Result<WrittenUnseen, E> {
                Ok(WrittenUnseen::Word(Text(v.to_string())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenUnseen, A::Error> {
                Named::deserialize(MapAccessDeserializer::new(entries)).map(WrittenUnseen::Named)
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenUnseen {
    fn schema_name() -> Cow<'static, str> {
        "WrittenUnseen".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let word = serde_json::json!({ "anyOf": [{ "enum": ["block", "skip"] }, { "type": "string", "pattern": VARIABLE }] });
        let keys = std::iter::once(DEFAULT).chain(unseen::names());
        let properties: serde_json::Map<String, serde_json::Value> =
            keys.map(|key| (key.to_owned(), word.clone())).collect();
        json_schema!({ "anyOf": [
            word,
            { "type": "object", "minProperties": 1, "additionalProperties": false, "properties": properties }
        ] })
    }
}
