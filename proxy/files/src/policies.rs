//! `policies:` as written.

use std::{borrow::Cow, fmt};

use sandbox::capabilities::{Access, Capability};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::{Optional, Size, Span, Text, WrittenUnseen};
use crate::scalars::{VARIABLE, listed};

/// The policies in force and where their files are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// Directory of the `NAME.wasm` files; a changed one is reloaded while Outrigger runs.
    pub directory: Optional<Text>,
    /// Directory of compiled code. Default: `outrigger` in the user's cache directory.
    pub cache: Optional<Text>,
    /// Policies in order: requests go down the chain, replies come back up it.
    pub chain: Option<Vec<Use>>,
    /// Interval at which the directory is read, besides at events. Default `10s`.
    pub poll: Optional<Span>,
    /// Memory for all instances together. Default `256MiB`.
    pub memory: Optional<Size>,
    /// Public keys whose signatures are trusted: `ed25519:BASE64`, or `file:/path.pub` with a key a
    /// line.
    pub signers: Optional<Vec<Text>>,
    /// True if a policy without a signature is refused. Default: true where there are signers.
    pub require_signed: Optional<bool>,
    /// True if a signed version older than one that has served is refused. Default: as
    /// `require_signed`.
    pub rollback_guard: Optional<bool>,
}

/// One policy of the chain.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// `NAME` of `NAME.wasm`.
    #[serde(rename = "use")]
    pub name: Text,
    /// The policy's own configuration.
    #[serde(default)]
    pub config: Option<Tree>,
    /// Effect of its faults: `block` (the default) or `skip`.
    #[serde(default)]
    pub on_error: Optional<Text>,
    /// Effect on a prompt or reply, or a part of one, that it can't see: `block` (the default) or
    /// `skip`, or a map that has one of the two for `default` and for each kind of content and each
    /// endpoint that is to differ, as in `{ default: block, image: block, compact: skip }`. A kind
    /// that is blocked by name is refused in replies, too; `images: block` and `files: block` block
    /// the kinds `image` and `file` as well.
    #[serde(default)]
    pub on_unseen: Optional<WrittenUnseen>,
    /// Capabilities.
    #[serde(default)]
    #[schemars(description = format!("Capabilities: {}.", grants_there_are()))]
    pub grants: Vec<Grant>,
    /// Bounds.
    #[serde(default)]
    pub limits: Option<PolicyLimits>,
    /// The file's digest in hexadecimal, as `sha256sum` prints it: no other is loaded.
    #[serde(default)]
    pub sha256: Optional<Text>,
    /// True if an older signed version than one that has served may serve. Default false.
    #[serde(default)]
    pub allow_rollback: Optional<bool>,
}

/// Bounds of one policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyLimits {
    /// CPU time of a call, whatever it is given. Default `10ms`.
    pub cpu: Optional<Span>,
    /// CPU time of a call besides, for each KiB of text that it is given. Default `100us`.
    pub cpu_per_kib: Optional<Span>,
    /// Time that a call may wait for stores, `embeddings` and `fetch`. Default `50ms`;
    /// `embeddings.timeout` more with `embeddings`; `5s` with `fetch`.
    pub wall: Optional<Span>,
    /// Memory of an instance. Default `16MiB`.
    pub memory: Optional<Size>,
    /// Most text of one channel that the policy may hold back. Default `4KiB`.
    pub held_bytes: Optional<Size>,
    /// Longest time that it may hold text back: then it goes out as it is. Default `10s`.
    pub held_time: Optional<Span>,
}

/// A capability as written.
#[derive(Debug)]
pub enum Grant {
    /// One of those that are granted by their name.
    Word(Text),
    /// `{ NAME: [host, …] }`, of one that is granted for hosts.
    Hosts(&'static Capability, Vec<Text>),
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

/// Grants of one kind, in the table's order.
fn grants(access: Access) -> impl Iterator<Item = &'static Capability> {
    Capability::granted().filter(move |known| known.access == access)
}

/// Names every grant, for a message: `` `limits`, … and `{ fetch: [host] }` ``.
pub fn grants_there_are() -> String {
    let named = grants(Access::Named).map(|known| format!("`{}`", known.name));
    let hosts = grants(Access::Hosts).map(|known| format!("`{{ {}: [host] }}`", known.name));
    listed(&named.chain(hosts).collect::<Vec<_>>(), "and")
}

/// A policy's own configuration: any JSON. Keys that stand twice and numbers that JSON lacks are
/// refused.
pub struct Tree(pub serde_json::Value);

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
