//! Tags of an exchange: from headers, from the environment, from the configuration.
//!
//! Besides `x-outrigger-tenant` and its like, headers that users of other gateways send are read,
//! so that nobody has to change code. Headers that only a gateway reads are removed before the
//! request goes to a provider. A request without such headers costs one pass over the names of
//! those that it has, and no allocation. A tag that is too long or unprintable is left out and
//! counted, not cut: two tenants must not become one.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use policy::{Tags, tags::is_name};
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::config;

mod strip;

pub use strip::{Reads, is_stripped};

/// Longer metadata is not looked into, in bytes.
const METADATA: usize = 8 << 10;

/// Rank of a source of a tag; less is better. The operator's own headers have the ranks below, in
/// their order.
mod rank {
    pub(super) const OWN_NAME: u8 = 100;
    pub(super) const SYNONYM: u8 = 101; // and the numbers after it
    pub(super) const PROPERTY: u8 = 110;
    pub(super) const METADATA: u8 = 120;
    pub(super) const LIST: u8 = 130;
    pub(super) const USER: u8 = 140;
}

/// Headers of other gateways for these tags.
const SYNONYMS: [(&str, &str, u8); 3] = [
    ("tenant", "x-litellm-customer-id", rank::SYNONYM),
    ("tenant", "x-litellm-end-user-id", rank::SYNONYM + 1),
    ("tenant", "helicone-user-id", rank::SYNONYM + 2),
];
/// Prefixes before a tag's name.
const PROPERTIES: [&str; 2] = ["helicone-property-", "x-bf-dim-"];
/// A JSON object of tags by name.
const METADATAS: [&str; 3] = [
    "x-portkey-metadata",
    "cf-aig-metadata",
    "x-litellm-spend-logs-metadata",
];
/// `name:value` between commas.
const LIST: &str = "x-litellm-tags";
/// Headers that an operator may read a tag from and that upstreams need all the same.
const NEEDED: [&str; 15] = [
    "openai-",
    "anthropic-",
    "x-goog-",
    "x-amz",
    "x-stainless-",
    "accept",
    "content-",
    "host",
    "origin",
    "referer",
    "user-agent",
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
];

/// Sources of tags, prepared.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    tags: Vec<Rule>,
    /// Headers that are a tag: the tag's number and rank.
    exact: Vec<(HeaderName, u8, u8)>,
    /// Headers of the operator's that are removed before the request goes upstream.
    strip: Vec<HeaderName>,
    /// Lengths of the operator's headers, a bit each: most names need no comparison.
    lengths: u64,
}

#[derive(Debug, Clone)]
struct Rule {
    name: Arc<str>,
    fixed: Option<Arc<str>>,
    /// True if properties and metadata of this name count.
    usual: bool,
}

impl Rules {
    /// Prepares what the configuration says.
    pub fn of(written: &config::Tags) -> Self {
        let mut rules = Self::default();
        for (number, tag) in (0..=u8::MAX).zip(&written.rules) {
            let mut add = |header: HeaderName, rank: u8| rules.exact.push((header, number, rank));
            if let Some(headers) = &tag.headers {
                for (rank, header) in (0..rank::OWN_NAME).zip(headers) {
                    add(header.clone(), rank);
                    rules.lengths |= bit(header.as_str());
                    let needed = NEEDED
                        .iter()
                        .any(|start| header.as_str().starts_with(start));
                    if tag.strip.unwrap_or(!needed) {
                        rules.strip.push(header.clone());
                    }
                }
            } else {
                let own = HeaderName::try_from(format!("x-outrigger-{}", tag.name));
                own.into_iter()
                    .for_each(|header| add(header, rank::OWN_NAME));
                for (_, header, rank) in SYNONYMS.iter().filter(|(name, ..)| *name == tag.name) {
                    add(HeaderName::from_static(header), *rank);
                }
            }
            rules.tags.push(Rule {
                name: tag.name.as_str().into(),
                fixed: tag.fixed.as_deref().map(Into::into),
                usual: tag.headers.is_none(),
            });
        }
        rules
    }

    fn offer(&self, tags: &mut Tags, number: u8, value: &[u8], rank: u8) {
        if let Some(rule) = self.tags.get(usize::from(number)) {
            tags.offer(&rule.name, value, rank);
        }
    }

    /// Takes a tag that a caller named: one of ours, or one of its own.
    fn named(&self, tags: &mut Tags, name: &str, value: &[u8], rank: u8) {
        let lower = name.to_ascii_lowercase();
        match self.tags.iter().find(|rule| *rule.name == *lower) {
            Some(rule) if rule.usual => tags.offer(&rule.name, value, rank),
            Some(_) => {}
            None if is_name(&lower) => tags.offer(&lower.into(), value, rank),
            None => tags.ignore(),
        }
    }

    fn metadata(&self, tags: &mut Tags, json: &[u8]) {
        struct Members<'a>(&'a Rules, &'a mut Tags);
        impl<'de> Visitor<'de> for Members<'_> {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
                while let Some(name) = members.next_key::<String>()? {
                    let value: serde_json::Value = members.next_value()?;
                    let text = match &value {
                        serde_json::Value::String(text) => text.clone(),
                        serde_json::Value::Number(number) => number.to_string(),
                        serde_json::Value::Bool(is) => is.to_string(),
                        _ => continue,
                    };
                    match name.as_str() {
                        "_user" | "user_id" | "user" => {
                            self.0.named(self.1, "tenant", text.as_bytes(), rank::USER)
                        }
                        name => self.0.named(self.1, name, text.as_bytes(), rank::METADATA),
                    }
                }
                Ok(())
            }
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        if json.len() > METADATA || reader.deserialize_map(Members(self, tags)).is_err() {
            tags.ignore();
        }
    }
}

const fn bit(name: &str) -> u64 {
    1 << (name.len() & 63)
}

/// The tags of a request.
pub fn read(rules: &Rules, headers: &HeaderMap) -> Tags {
    let mut tags = Tags::default();
    for (header, value) in headers {
        let name = header.as_str();
        let foreign = matches!(
            name.as_bytes(),
            [b'x', b'-', b'o' | b'l' | b'p' | b'b', ..]
                | [b'h', b'e', b'l', ..]
                | [b'c', b'f', b'-', ..]
        );
        if foreign || rules.lengths & bit(name) != 0 {
            let known = rules.exact.iter().filter(|(known, ..)| known == header);
            for (_, number, rank) in known {
                rules.offer(&mut tags, *number, value.as_bytes(), *rank);
            }
        }
        if !foreign {
            continue;
        }
        if let Some(tag) = PROPERTIES.iter().find_map(|start| name.strip_prefix(start)) {
            rules.named(&mut tags, tag, value.as_bytes(), rank::PROPERTY);
        } else if METADATAS.contains(&name) {
            rules.metadata(&mut tags, value.as_bytes());
        } else if name == LIST {
            for entry in value.as_bytes().split(|b| *b == b',') {
                let mut parts = entry.splitn(2, |b| matches!(b, b':' | b'='));
                if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                    let name = std::str::from_utf8(name).unwrap_or_default().trim();
                    rules.named(&mut tags, name, value, rank::LIST);
                }
            }
        }
    }
    for rule in &rules.tags {
        if let Some(fixed) = &rule.fixed {
            tags.fall_back(&rule.name, fixed);
        }
    }
    tags
}

#[cfg(test)]
#[path = "tags_tests.rs"]
mod tests;
