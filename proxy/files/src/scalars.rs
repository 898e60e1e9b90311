//! The values that `file.rs` is made of: scalars as text, entries by name, one or more of a value.
//!
//! Each is parsed inside a visitor, so that an error keeps its key path, line and column.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData, ops::Deref};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// A list as a sentence has it: `a, b and c`.
pub fn listed(words: &[impl AsRef<str>], last: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., end] => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// A text with a variable in it, which may become anything.
pub const VARIABLE: &str = r"\$\{";

macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $name(pub String);

        /// Leaves out the text: it may be a key.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(stringify!($name)) }
        }
        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str { &self.0 }
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
    /// A whole number that may be nothing.
    Weight, { "type": ["integer", "string"], "minimum": 0, "pattern": "^\\+?[0-9]+$|\\$\\{" });
scalar!(
    /// A number.
    Number, { "type": ["number", "string"], "minimum": 0, "pattern": "^[0-9]+(\\.[0-9]+)?$|\\$\\{" });
scalar!(
    /// A part of a whole.
    Share, { "type": ["number", "string"], "minimum": 0, "maximum": 1, "examples": ["20%", 0.2], "pattern": "^[0-9]+(\\.[0-9]+)?%?$|\\$\\{" });
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

/// A value that may be left out and, once its key stands there, may not be empty: `key:` alone
/// would otherwise be silently the default.
#[derive(Debug)]
pub struct Optional<T>(pub Option<T>);

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> From<T> for Optional<T> {
    fn from(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Deref for Optional<T> {
    type Target = Option<T>;
    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        T::deserialize(d).map(Self::from)
    }
}

impl<T: JsonSchema> JsonSchema for Optional<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Entries by name. A name that stands twice is refused: the last would silently win.
#[derive(Debug)]
pub struct Named<T>(pub BTreeMap<String, T>);

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

/// `on` or `off`, or a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub bool);

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Switch;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`on` or `off`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Switch, E> {
                match v {
                    "on" => Ok(Switch(true)),
                    "off" => Ok(Switch(false)),
                    _ => Err(E::custom(format_args!("`{v}` is neither `on` nor `off`"))),
                }
            }
            fn visit_bool<E: Error>(self, v: bool) -> Result<Switch, E> {
                Ok(Switch(v))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for Switch {
    fn schema_name() -> Cow<'static, str> {
        "Switch".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["on", "off", true, false] })
    }
}

/// One text, or a list of some.
#[derive(Debug, Default)]
pub struct OneOrMore(pub Vec<Text>);

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
            fn visit_bool<E: Error>(self, v: bool) -> Result<OneOrMore, E> {
                self.visit_str(&v.to_string())
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<OneOrMore, E> {
                self.visit_str(&v.to_string())
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<OneOrMore, E> {
                self.visit_str(&v.to_string())
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<OneOrMore, E> {
                self.visit_str(&v.to_string())
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
        json_schema!({ "anyOf": [text.clone(), { "type": "array", "minItems": 1, "items": text }] })
    }
}
