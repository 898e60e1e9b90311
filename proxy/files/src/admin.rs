//! `admin:` as written: an address, or a section.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Optional, Text};

/// The admin address, and the names under which it answers.
#[derive(Debug, Default)]
pub struct WrittenAdmin {
    /// The address.
    pub listen: Option<Text>,
    /// Names besides IP addresses and `localhost`.
    pub hosts: Vec<Text>,
    /// True if it was written as a section, whose problems have keys of their own.
    pub section: bool,
}

/// The admin address, and the names under which it answers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Admin {
    /// The address. Default `127.0.0.1:4190`.
    listen: Optional<Text>,
    /// Names under which it answers, besides IP addresses and `localhost`:
    /// `[outrigger.search.svc]`.
    hosts: Optional<Vec<Text>>,
}

impl<'de> Deserialize<'de> for WrittenAdmin {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenAdmin;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`127.0.0.1:4190` or `{ listen: …, hosts: […] }`; or leave the key out")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenAdmin, E> {
                Ok(WrittenAdmin {
                    listen: Some(Text(v.to_owned())),
                    ..WrittenAdmin::default()
                })
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenAdmin, A::Error> {
                let Admin { listen, hosts } =
                    Admin::deserialize(MapAccessDeserializer::new(entries))?;
                Ok(WrittenAdmin {
                    listen: listen.0,
                    hosts: hosts.0.unwrap_or_default(),
                    section: true,
                })
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenAdmin {
    fn schema_name() -> Cow<'static, str> {
        "WrittenAdmin".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let section = generator.subschema_for::<Admin>();
        json_schema!({ "anyOf": [Text::json_schema(generator), section] })
    }
}
