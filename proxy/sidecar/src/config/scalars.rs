//! The values that `file.rs` is made of: scalars as text, entries by name, grants, any JSON.
//!
//! Each is parsed inside a visitor, so that an error keeps its key path, line and column.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use sandbox::capabilities::{Access, Capability};

/// A target as written.
#[derive(Debug)]
pub enum WrittenTarget {
    /// `upstream/model`.
    Name(Text),
    /// A form of a later version.
    Weighted,
}

/// Grants of one kind, in the table's order.
fn grants(access: Access) -> impl Iterator<Item = &'static Capability> {
    Capability::granted().filter(move |known| known.access == access)
}

/// Names every grant, for a message: `` `limits`, … and `{ fetch: [host] }` ``.
pub(in crate::config) fn grants_there_are() -> String {
    let named = grants(Access::Named).map(|known| format!("`{}`", known.name));
    let hosts = grants(Access::Hosts).map(|known| format!("`{{ {}: [host] }}`", known.name));
    listed(&named.chain(hosts).collect::<Vec<_>>(), "and")
}

/// A list as a sentence has it: `a, b and c`.
pub(in crate::config) fn listed(words: &[impl AsRef<str>], last: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., end] => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// A text with a variable in it, which may become anything.
pub(in crate::config) const VARIABLE: &str = r"\$\{";

/// A capability as written.
#[derive(Debug)]
pub enum Grant {
    /// One of those that are granted by their name.
    Word(Text),
    /// `{ NAME: [host, …] }`, of one that is granted for hosts.
    Hosts(&'static Capability, Vec<Text>),
}

macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $name(pub(in crate::config) String);

        /// Leaves out the text: it may be a key.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(stringify!($name)) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> { d.deserialize_any(Scalar).map(Self) }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn inline_schema() -> bool { true }
            fn json_schema(_: &mut SchemaGenerator) -> Schema { json_schema!($schema) }
        }
    };
}
scalar!(
    /// Text. Numbers and booleans are read as they would be printed.
    Text, { "type": ["string", "number", "boolean"] });
scalar!(
    /// A duration.
    Span, { "type": "string", "examples": ["100us", "250ms", "30s", "5m", "1h"], "pattern": "^[0-9]+(us|ms|s|m|h)$|\\$\\{" });
scalar!(
    /// A size.
    Size, { "type": "string", "examples": ["64KiB", "16MiB"], "pattern": "^[0-9]+(B|KiB|MiB|GiB)$|\\$\\{" });
scalar!(
    /// A whole number.
    Count, { "type": ["integer", "string"], "minimum": 1, "pattern": "^\\+?[0-9]+$|\\$\\{" });
scalar!(
    /// An amount of US dollars.
    Dollars, { "type": ["number", "string"], "minimum": 0 });

struct Scalar;
impl Visitor<'_> for Scalar {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value; write it after the key, or leave the key out")
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<String, E> {
        Ok(v.to_owned())
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<String, E> {
        Ok(v.to_string())
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<String, E> {
        Ok(v.to_string())
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<String, E> {
        Ok(v.to_string())
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<String, E> {
        Ok(v.to_string())
    }
}

/// A key that this version knows of and doesn't have.
#[derive(Debug)]
pub struct NotYet;
impl<'de> Deserialize<'de> for NotYet {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(d).map(|_| Self)
    }
}

/// Entries by name. A name that stands twice is refused: the last would silently win.
#[derive(Debug)]
pub struct Named<T>(pub(super) BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = BTreeMap<String, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("entries by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut named = BTreeMap::new();
                while let Some(name) = entries.next_key::<String>()? {
                    if named.contains_key(&name) {
                        return Err(A::Error::custom(format_args!(
                            "`{name}` stands twice; remove one"
                        )));
                    }
                    named.insert(name, entries.next_value()?);
                }
                Ok(named)
            }
        }
        d.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, T>::json_schema(generator)
    }
}

/// Redis' address, as written.
#[derive(Debug)]
pub enum WrittenRedis {
    /// `redis://host:6379`.
    Url(Text),
    /// A map with a password, roots, several nodes, …
    Full(Box<super::file::Redis>),
}

impl<'de> Deserialize<'de> for WrittenRedis {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenRedis;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`redis://host:6379` or `{ url: …, password: … }`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenRedis, E> {
                Ok(WrittenRedis::Url(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenRedis, A::Error> {
                super::file::Redis::deserialize(MapAccessDeserializer::new(entries))
                    .map(|redis| WrittenRedis::Full(Box::new(redis)))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenRedis {
    fn schema_name() -> Cow<'static, str> {
        "WrittenRedis".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<super::file::Redis>();
        json_schema!({ "anyOf": [{ "type": "string", "examples": ["redis://redis:6379"] }, full] })
    }
}

/// One text, or a list of some.
#[derive(Debug, Default)]
pub struct OneOrMore(pub(super) Vec<Text>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMore;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list of them")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![Text(v.to_owned())]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMore, A::Error> {
                let mut several = Vec::new();
                while let Some(item) = items.next_element()? {
                    several.push(item);
                }
                Ok(OneOrMore(several))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for OneOrMore {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = Text::json_schema(generator);
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": text }] })
    }
}

impl<'de> Deserialize<'de> for WrittenTarget {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenTarget;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`upstream/model`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenTarget, E> {
                Ok(WrittenTarget::Name(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenTarget, A::Error> {
                IgnoredAny::deserialize(MapAccessDeserializer::new(entries))
                    .map(|_| WrittenTarget::Weighted)
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenTarget {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": format!("^[^/]+/.|{VARIABLE}"), "examples": ["openai/gpt-5-mini"] })
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Grant;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "one of {}", grants_there_are())
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Grant, E> {
                Ok(Grant::Word(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Grant, A::Error> {
                let expected = || {
                    let names = grants(Access::Hosts).map(|known| format!("`{}`", known.name));
                    listed(&names.collect::<Vec<_>>(), "or")
                };
                let Some(name) = entries.next_key::<String>()? else {
                    return Err(A::Error::custom(format_args!(
                        "names none of {}",
                        expected()
                    )));
                };
                let known = grants(Access::Hosts).find(|known| known.name == name);
                let known = known.ok_or_else(|| {
                    let expected = expected();
                    A::Error::custom(format_args!("unknown field `{name}`, expected {expected}"))
                })?;
                let hosts = entries.next_value()?;
                match entries.next_key::<String>()? {
                    None => Ok(Grant::Hosts(known, hosts)),
                    Some(more) => Err(A::Error::custom(format_args!(
                        "`{more}` is a grant of its own; write it as an entry of its own"
                    ))),
                }
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for Grant {
    fn schema_name() -> Cow<'static, str> {
        "Grant".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let host = Text::json_schema(generator);
        let words: Vec<_> = grants(Access::Named).map(|known| known.name).collect();
        let mut forms = vec![
            serde_json::json!({ "enum": words }),
            serde_json::json!({ "type": "string", "pattern": VARIABLE }),
        ];
        forms.extend(grants(Access::Hosts).map(|known| {
            serde_json::json!({ "type": "object", "required": [known.name], "additionalProperties": false,
              "properties": { known.name: { "type": "array", "items": host } } })
        }));
        let lines = Capability::granted().map(|known| format!("`{}` {}", known.name, known.about));
        json_schema!({ "description": lines.collect::<Vec<_>>().join("; "), "anyOf": forms })
    }
}

/// A policy's own configuration: any JSON. Keys that stand twice and numbers that JSON lacks are
/// refused.
pub struct Tree(pub(super) serde_json::Value);

/// Leaves out the content: it may hold a key.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tree")
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(AnyJson)
    }
}

struct AnyJson;
impl<'de> Visitor<'de> for AnyJson {
    type Value = Tree;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what JSON can say")
    }
    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree(serde_json::Value::Null))
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<Tree, E> {
        Ok(Tree(v.into()))
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Tree, E> {
        Ok(Tree(v.into()))
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Tree, E> {
        Ok(Tree(v.into()))
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Tree, E> {
        serde_json::Number::from_f64(v)
            .map(|n| Tree(n.into()))
            .ok_or_else(|| E::custom("is a number that JSON does not have"))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Tree, E> {
        Ok(Tree(v.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut array = Vec::new();
        while let Some(Tree(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Tree(array.into()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let Tree(value) = entries.next_value()?;
            if object.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format_args!(
                    "`{key}` stands twice; remove one"
                )));
            }
        }
        Ok(Tree(object.into()))
    }
}

impl JsonSchema for Tree {
    fn schema_name() -> Cow<'static, str> {
        "Tree".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}
