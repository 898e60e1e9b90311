//! Walks a body along what is known of it, and names the first thing that is not.
//!
//! A [`Shape`] is an allow-list: a member, a word or a form of value that it does not list makes a
//! reply uncertain, whatever it may mean. It lists what is allowed, not what is denied, since
//! providers add switches that look something up faster than anybody can deny them.

use std::ops::Range;

use outrigger_sdk::json::{self, Walk};

/// Lists and objects, one inside the other, that are followed.
const NESTED: u8 = 127;

/// The values that may stand at a place. `null` is nothing, and always may.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Anything: it can only change how the model says it.
    Any,
    /// Text, a number, true or false; lists of those.
    Plain,
    /// Bytes that stand in the request itself, as base64 or a `data:` URL: no address that the
    /// provider would have to look up.
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

/// The place where a body leaves its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// The member of the body in which it stands.
    pub(crate) top: String,
    /// The member that is not known, or the word.
    pub(crate) name: String,
}

/// The first thing in the body that `members` do not list, nor `further` at the top. `either` reads
/// camel case and snake case alike. A body that is no JSON object is unknown as a whole.
pub(crate) fn unknown(
    json: &str,
    members: &'static [Member],
    further: &[String],
    either: bool,
) -> Option<Unknown> {
    let mut top = String::new();
    let read = Reader { json, either }.body(members, further, &mut top);
    read.err().map(|name| Unknown { top, name })
}

/// True if a member's name is this one, in either case where that is allowed.
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

struct Reader<'a> {
    json: &'a str,
    either: bool,
}

impl Reader<'_> {
    fn body(
        &self,
        members: &'static [Member],
        further: &[String],
        top: &mut String,
    ) -> Result<(), String> {
        let start = self.json.len() - self.json.trim_ascii_start().len();
        let end = json::end(self.json.as_bytes(), start);
        let behind = self.json.get(end..).unwrap_or_default();
        if json::first(self.json, start) != b'{' || !behind.trim_ascii().is_empty() {
            return Err(String::new());
        }
        let mut object = Walk::new(self.json, &(start..end));
        while let Some((key, value)) = object.member() {
            let name = json::decode_inside(key).into_owned();
            let further = further.contains(&name).then_some(&Shape::Any);
            let shape = further.or_else(|| self.find(members, &name));
            top.clone_from(&name);
            self.member(shape, &name, &value, NESTED)?;
        }
        Ok(())
    }

    fn find(&self, members: &'static [Member], name: &str) -> Option<&'static Shape> {
        let known = members
            .iter()
            .find(|(known, _)| same(known, name, self.either));
        known.map(|(_, shape)| *shape)
    }

    /// Reads a member's value; one that is not listed may still be `null`.
    fn member(
        &self,
        shape: Option<&'static Shape>,
        name: &str,
        value: &Range<usize>,
        room: u8,
    ) -> Result<(), String> {
        match shape {
            Some(shape) => self.value(shape, name, value, room),
            None if json::first(self.json, value.start) == b'n' => Ok(()),
            None => Err(name.to_owned()),
        }
    }

    /// Reads a value in the member `name`.
    fn value(
        &self,
        shape: &'static Shape,
        name: &str,
        value: &Range<usize>,
        room: u8,
    ) -> Result<(), String> {
        match (shape, json::first(self.json, value.start)) {
            (Shape::Any, _) | (_, b'n') | (Shape::Off, b'f') => Ok(()),
            (_, b'"') => {
                let literal = self.json.get(value.clone()).unwrap_or_default();
                text(shape, name, &json::decode(literal))
            }
            (_, b'[') => {
                let shape = match shape {
                    Shape::Each(shape) => shape,
                    Shape::Plain | Shape::Text(_) => shape,
                    _ => return Err(name.to_owned()),
                };
                let room = room.checked_sub(1).ok_or_else(String::new)?;
                let mut list = Walk::new(self.json, value);
                while let Some(element) = list.element() {
                    self.value(shape, name, &element, room)?;
                }
                Ok(())
            }
            (_, b'{') => self.object(shape, name, value, room),
            _ => plain(shape, name),
        }
    }

    fn object(
        &self,
        mut shape: &'static Shape,
        name: &str,
        value: &Range<usize>,
        room: u8,
    ) -> Result<(), String> {
        while let Shape::Each(element) | Shape::Text(element) = shape {
            shape = element;
        }
        let (needed, members): (&[&str], &'static [Member]) = match shape {
            Shape::Object(members) => (&[], members),
            Shape::With(needed, members) => (needed, members),
            _ => return Err(name.to_owned()),
        };
        let room = room.checked_sub(1).ok_or_else(String::new)?;
        let mut has = needed.is_empty();
        let mut object = Walk::new(self.json, value);
        while let Some((key, value)) = object.member() {
            let name = json::decode_inside(key);
            has |= needed.iter().any(|need| same(need, &name, self.either));
            self.member(self.find(members, &name), &name, &value, room)?;
        }
        match has {
            true => Ok(()),
            false => Err("item_reference".to_owned()),
        }
    }
}

fn text(shape: &'static Shape, name: &str, text: &str) -> Result<(), String> {
    let mut each = shape;
    while let Shape::Each(element) = each {
        each = element;
    }
    match each {
        Shape::Word(words) if words.contains(&text) => Ok(()),
        Shape::Inline if !text.contains("://") => Ok(()),
        Shape::Word(_) => Err(text.to_owned()),
        _ => plain(shape, name),
    }
}

fn plain(shape: &'static Shape, name: &str) -> Result<(), String> {
    match shape {
        Shape::Any | Shape::Plain | Shape::Text(_) => Ok(()),
        Shape::Each(shape) => plain(shape, name),
        Shape::Inline | Shape::Off | Shape::Word(_) | Shape::Object(_) | Shape::With(..) => {
            Err(name.to_owned())
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
