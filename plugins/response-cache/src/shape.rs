//! Walks a body along what is known of it, and names the first thing that is not.
//!
//! A [`Shape`] is an allow-list: a member, a word or a form of value that it does not list makes a reply uncertain, whatever it may mean.
//! That is the point of it: providers add switches that look something up faster than anybody can deny them.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a value may be. `null` is nothing, and always may.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Anything: it can only change how the model says it.
    Any,
    /// Text, a number, true or false; lists of those.
    Plain,
    /// Bytes that stand in the request itself, as base64 or a `data:` URL: no address that the provider would have to look up.
    Inline,
    /// `false`.
    Off,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list, or one element without it.
    Each(&'static Shape),
    /// Text, or parts.
    Text(&'static Shape),
    /// An object of these members.
    Object(&'static [Member]),
    /// An object of the second's members that has at least one of the first.
    With(&'static [&'static str], &'static [Member]),
}

pub(crate) type Member = (&'static str, &'static Shape);

/// Where a body leaves its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// The member of the body in which it stands.
    pub(crate) top: String,
    /// The member that is not known, or the word.
    pub(crate) name: String,
}

/// The first thing in the body that `members` do not list, nor `further` at the top. `either` reads camel case and snake case alike.
/// What is no JSON object is unknown as a whole.
pub(crate) fn unknown(
    json: &str,
    members: &'static [Member],
    further: &[String],
    either: bool,
) -> Option<Unknown> {
    let walk = Walk {
        members,
        further,
        either,
        found: RefCell::new(None),
        top: RefCell::new(String::new()),
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let done = Top(&walk).deserialize(&mut deserializer);
    let done = done.and_then(|()| deserializer.end());
    let found = walk.found.into_inner();
    match (done, found) {
        (Ok(()), found) => found,
        (Err(_), Some(found)) => Some(found),
        (Err(_), None) => Some(Unknown {
            top: walk.top.into_inner(),
            name: String::new(),
        }),
    }
}

/// Whether a member's name is this one, in either case where that is allowed.
fn same(known: &str, given: &str, either: bool) -> bool {
    if known == given {
        return true;
    }
    if !either || !given.contains('_') {
        return false;
    }
    let mut upper = false;
    let camel = given.chars().filter_map(|c| {
        if c == '_' {
            upper = true;
            return None;
        }
        let up = std::mem::take(&mut upper);
        Some(if up { c.to_ascii_uppercase() } else { c })
    });
    known.chars().eq(camel)
}

struct Walk<'a> {
    members: &'static [Member],
    further: &'a [String],
    either: bool,
    found: RefCell<Option<Unknown>>,
    top: RefCell<String>,
}

impl Walk<'_> {
    /// Ends the walk.
    fn stop<E: Error>(&self, name: &str) -> E {
        let top = self.top.borrow().clone();
        *self.found.borrow_mut() = Some(Unknown {
            top,
            name: name.to_owned(),
        });
        E::custom("unknown")
    }

    fn find(&self, members: &'static [Member], name: &str) -> Option<&'static Shape> {
        let known = members
            .iter()
            .find(|(known, _)| same(known, name, self.either));
        known.map(|(_, shape)| *shape)
    }

    /// Reads a member's value; one that is not listed may still be `null`.
    fn member<'de, A: MapAccess<'de>>(
        &self,
        map: &mut A,
        shape: Option<&'static Shape>,
        name: &str,
    ) -> Result<(), A::Error> {
        match shape {
            Some(shape) => map.next_value_seed(At {
                walk: self,
                shape,
                name,
            }),
            None => match map.next_value::<Option<IgnoredAny>>()? {
                None => Ok(()),
                Some(_) => Err(self.stop(name)),
            },
        }
    }
}

/// The body.
struct Top<'a>(&'a Walk<'a>);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.0.top.borrow_mut().clone_from(&name);
            let further = self.0.further.contains(&name).then_some(&Shape::Any);
            let shape = further.or_else(|| self.0.find(self.0.members, &name));
            self.0.member(&mut map, shape, &name)?;
        }
        Ok(())
    }
}

/// One value below it, in the member `name`.
#[derive(Clone, Copy)]
struct At<'a> {
    walk: &'a Walk<'a>,
    shape: &'static Shape,
    name: &'a str,
}

impl At<'_> {
    fn plain<E: Error>(self) -> Result<(), E> {
        match self.shape {
            Shape::Any | Shape::Plain | Shape::Text(_) => Ok(()),
            Shape::Each(shape) => At { shape, ..self }.plain(),
            Shape::Inline | Shape::Off | Shape::Word(_) | Shape::Object(_) | Shape::With(..) => {
                Err(self.walk.stop(self.name))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            Shape::Any => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E: Error>(self, on: bool) -> Result<(), E> {
        match self.shape {
            Shape::Off if !on => Ok(()),
            _ => self.plain(),
        }
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.plain()
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.plain()
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.plain()
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let mut shape = self.shape;
        while let Shape::Each(element) = shape {
            shape = element;
        }
        match shape {
            Shape::Word(words) if words.contains(&text) => Ok(()),
            Shape::Inline if !text.contains("://") => Ok(()),
            Shape::Word(_) => Err(self.walk.stop(text)),
            _ => self.plain(),
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let shape = match self.shape {
            Shape::Each(shape) => shape,
            Shape::Any | Shape::Plain | Shape::Text(_) => self.shape,
            _ => return Err(self.walk.stop(self.name)),
        };
        while list.next_element_seed(At { shape, ..self })?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut shape = self.shape;
        while let Shape::Each(element) | Shape::Text(element) = shape {
            shape = element;
        }
        let (needed, members): (&[&str], &'static [Member]) = match shape {
            Shape::Object(members) => (&[], members),
            Shape::With(needed, members) => (needed, members),
            _ => return Err(self.walk.stop(self.name)),
        };
        let mut has = needed.is_empty();
        while let Some(name) = map.next_key::<String>()? {
            has |= needed
                .iter()
                .any(|need| same(need, &name, self.walk.either));
            self.walk
                .member(&mut map, self.walk.find(members, &name), &name)?;
        }
        match has {
            true => Ok(()),
            false => Err(self.walk.stop("item_reference")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[Member] = &[
        ("maxTokens", &Shape::Plain),
        ("schema", &Shape::Any),
        ("items", &Shape::Each(&Shape::With(&["type", "role"], ITEM))),
        ("content", &Shape::Text(&Shape::Object(ITEM))),
    ];
    const ITEM: &[Member] = &[
        ("type", &Shape::Word(&["text"])),
        ("role", &Shape::Plain),
        ("text", &Shape::Plain),
    ];

    fn name(json: &str) -> Option<String> {
        unknown(json, BODY, &["mine".into()], true).map(|unknown| unknown.name)
    }

    #[test]
    fn what_is_listed_is_known_in_either_case() {
        for json in [
            "{}",
            r#"{"maxTokens":1,"max_tokens":[1,"a",[true]],"schema":{"x":{"y":1e400}}}"#,
            r#"{"items":[{"type":"text","text":"a"},{"role":"user","text":null}],"content":"a"}"#,
            r#"{"items":{"type":"text"},"content":[{"text":"a"},"b"],"mine":{"a":[]}}"#,
            r#"{"other":null,"items":null,"content":[{"more":null}]}"#,
        ] {
            assert_eq!(name(json), None, "{json}");
        }
    }

    #[test]
    fn everything_else_is_named() {
        for (json, expected) in [
            (r#"{"search":true}"#, "search"),
            (r#"{"maxTokens":{"a":1}}"#, "maxTokens"),
            (r#"{"items":[{"type":"web"}]}"#, "web"),
            (r#"{"items":[{"type":"text","url":"u"}]}"#, "url"),
            (r#"{"items":[{"text":"a"}]}"#, "item_reference"),
            (r#"{"items":["a"]}"#, "items"),
            (r#"{"content":[{"type":["text"]}]}"#, "type"),
            (r#"{"ma_xTokens":1}"#, "ma_xTokens"),
            ("[]", ""),
            ("", ""),
            ("{} {}", ""),
        ] {
            assert_eq!(name(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn one_case_is_not_the_other_where_it_does_not_say_so() {
        assert!(unknown(r#"{"max_tokens":1}"#, BODY, &[], false).is_some());
    }
}
