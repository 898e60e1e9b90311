//! Content: a string, or blocks whose type says what their other members mean.

use super::{
    super::super::{
        form::{Arguments, Cache, Call, Part, ToolResult},
        loss::Refused,
        opaque::{Opaque, OpaqueKind},
        read::{boolean, elements, members, source},
        text::Text,
    },
    HOSTED, NO_OBJECT, Place, Reader, UNKNOWN, text_at,
};
use crate::json::{Key, Kind, outlined::Cursor};

/// The place of content: not every block may stand everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    System,
    User,
    Assistant,
    Result,
}

/// Blocks of tools that the provider runs.
const HOSTED_BLOCKS: [&str; 13] = [
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "advisor_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
    "tool_reference",
    "browser_state",
];

/// A block, before its type is looked at.
pub(super) struct Block<'a> {
    kind: Text<'a>,
    pub(super) cache: Option<Cache>,
    members: Vec<(Key<'a>, Cursor<'a>)>,
}

impl<'a> Block<'a> {
    pub(super) fn read(
        cursor: &mut Cursor<'a>,
        doc: &'a [u8],
        place: Place<'_>,
    ) -> Result<Self, Refused> {
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let (mut kind, mut cache, mut rest) = (None, None, Vec::with_capacity(4));
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => kind = Some(text_at(cursor, doc, place.member("type"))?),
                b"cache_control" => {
                    cache = Some(cache_mark(cursor, doc, place.member("cache_control"))?);
                }
                _ => rest.push((key, *cursor)),
            }
            Ok(())
        })?;
        Ok(Self {
            kind: kind.ok_or_else(|| place.member("type").malformed("is missing"))?,
            cache,
            members: rest,
        })
    }

    /// Calls `each` at every other member's value.
    pub(super) fn each(
        &self,
        mut each: impl FnMut(&[u8], &mut Cursor<'a>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut members = self.members.iter();
        members.try_for_each(|(key, cursor)| each(&key.bytes(), &mut { *cursor }))
    }

    /// The only member that is a string, by this name; `citations` may be beside it.
    fn text(
        &self,
        name: &'static str,
        doc: &'a [u8],
        place: Place<'_>,
    ) -> Result<Text<'a>, Refused> {
        let mut found = None;
        self.each(|key, cursor| {
            if key == name.as_bytes() {
                found = Some(text_at(cursor, doc, place.member(name))?);
                return Ok(());
            }
            Err(place.unknown(key))
        })?;
        found.ok_or_else(|| place.member(name).malformed("is missing"))
    }
}

/// Takes a mark for the prompt cache.
pub(super) fn cache_mark<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    place: Place<'_>,
) -> Result<Cache, Refused> {
    place.expect(cursor, Kind::Object, NO_OBJECT)?;
    let mut long = false;
    members(cursor, |key, cursor| {
        if key.is("ttl") {
            long = text_at(cursor, doc, place.member("ttl"))?.is("1h");
        }
        Ok(())
    })?;
    Ok(Cache { long })
}

impl<'a> Reader<'a, '_> {
    /// Takes content: a string, or a list of blocks.
    pub(super) fn content(
        &mut self,
        cursor: &mut Cursor<'a>,
        place: Place<'_>,
        within: Within,
    ) -> Result<Vec<Part<'a>>, Refused> {
        let mut parts = Vec::new();
        match cursor.kind()? {
            Kind::String => parts.push(Part::Text {
                text: text_at(cursor, self.doc, place)?,
                cache: None,
            }),
            Kind::Array => elements(cursor, |index, cursor| {
                let place = place.element(index);
                let block = Block::read(cursor, self.doc, place)?;
                self.block(&block, place, within, &mut parts)
            })?,
            Kind::Object | Kind::Number | Kind::Boolean | Kind::Null => {
                return Err(place.malformed("is neither a string nor a list of blocks"));
            }
        }
        Ok(parts)
    }

    fn block(
        &mut self,
        block: &Block<'a>,
        place: Place<'_>,
        within: Within,
        parts: &mut Vec<Part<'a>>,
    ) -> Result<(), Refused> {
        let kind = block.kind.decode();
        let places: &[Within] = match &*kind {
            "text" => &[
                Within::System,
                Within::User,
                Within::Assistant,
                Within::Result,
            ],
            "image" | "document" => &[Within::User, Within::Result],
            "thinking" | "redacted_thinking" | "tool_use" => &[Within::Assistant],
            "tool_result" => &[Within::User],
            hosted if HOSTED_BLOCKS.contains(&hosted) => {
                return Err(place.member("type").refused(HOSTED));
            }
            _ => return Err(place.member("type").refused(UNKNOWN)),
        };
        if !places.contains(&within) {
            let why = "is a block that can't stand there";
            return Err(place.member("type").malformed(why));
        }
        let doc = self.doc;
        match &*kind {
            "text" => self.text_block(block, place, parts)?,
            "image" => parts.push(Part::Media(self.image(block, place)?)),
            "document" => self.document(block, place, parts)?,
            "thinking" => parts.extend(thinking(block, doc, place)?),
            "redacted_thinking" => parts.push(Part::Reasoning {
                text: None,
                opaque: Some(Opaque::read(
                    OpaqueKind::Redacted,
                    block.text("data", doc, place)?,
                )),
            }),
            "tool_use" => parts.push(Part::Call(call(block, doc, place)?)),
            _ => parts.push(Part::Result(self.result(block, place)?)),
        }
        Ok(())
    }

    fn text_block(
        &mut self,
        block: &Block<'a>,
        place: Place<'_>,
        parts: &mut Vec<Part<'a>>,
    ) -> Result<(), Refused> {
        let mut found = None;
        block.each(|name, cursor| {
            match name {
                b"text" => found = Some(text_at(cursor, self.doc, place.member("text"))?),
                b"citations" => self.dropped.add("citations"),
                _ => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        parts.push(Part::Text {
            text: found.ok_or_else(|| place.member("text").malformed("is missing"))?,
            cache: block.cache,
        });
        Ok(())
    }

    fn result(&mut self, block: &Block<'a>, place: Place<'_>) -> Result<ToolResult<'a>, Refused> {
        let (mut id, mut content, mut is_error) = (None, Vec::new(), false);
        block.each(|name, cursor| {
            match name {
                b"tool_use_id" => {
                    id = Some(text_at(cursor, self.doc, place.member("tool_use_id"))?);
                }
                b"content" => {
                    content = self.content(cursor, place.member("content"), Within::Result)?;
                }
                b"is_error" => is_error = boolean(cursor, place.member("is_error"))?,
                _ => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        Ok(ToolResult {
            id: Some(id.ok_or_else(|| place.member("tool_use_id").malformed("is missing"))?),
            name: None,
            content,
            value: None,
            is_error,
            cache: block.cache,
        })
    }
}

/// Takes a block of thinking; `None` where nothing is in it.
fn thinking<'a>(
    block: &Block<'a>,
    doc: &'a [u8],
    place: Place<'_>,
) -> Result<Option<Part<'a>>, Refused> {
    let (mut text, mut signature) = (None, None);
    block.each(|name, cursor| {
        match name {
            b"thinking" => text = Some(text_at(cursor, doc, place.member("thinking"))?),
            b"signature" => signature = Some(text_at(cursor, doc, place.member("signature"))?),
            _ => return Err(place.unknown(name)),
        }
        Ok(())
    })?;
    let is_there = |text: &Text<'_>| !text.is_empty();
    let text = text.filter(is_there);
    let opaque = signature
        .filter(is_there)
        .map(|signature| Opaque::read(OpaqueKind::Signature, signature));
    let is_empty = text.is_none() && opaque.is_none();
    Ok((!is_empty).then_some(Part::Reasoning { text, opaque }))
}

fn call<'a>(block: &Block<'a>, doc: &'a [u8], place: Place<'_>) -> Result<Call<'a>, Refused> {
    let (mut id, mut called, mut arguments) = (None, None, Arguments::Value(b"{}"));
    block.each(|name, cursor| {
        match name {
            b"id" => id = Some(text_at(cursor, doc, place.member("id"))?),
            b"name" => called = Some(text_at(cursor, doc, place.member("name"))?),
            b"input" => {
                arguments = match cursor.kind()? {
                    Kind::Object => Arguments::Value(source(cursor, doc)?),
                    // as we hand out arguments that are no JSON
                    Kind::String => Arguments::Source(text_at(cursor, doc, place)?),
                    Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
                        return Err(place.member("input").malformed(NO_OBJECT));
                    }
                };
            }
            b"caller" => {
                let place = place.member("caller");
                place.expect(cursor, Kind::Object, NO_OBJECT)?;
                members(cursor, |key, cursor| {
                    if key.is("type") && !text_at(cursor, doc, place.member("type"))?.is("direct") {
                        return Err(place.member("type").refused(HOSTED));
                    }
                    Ok(())
                })?;
            }
            _ => return Err(place.unknown(name)),
        }
        Ok(())
    })?;
    Ok(Call {
        id: Some(id.ok_or_else(|| place.member("id").malformed("is missing"))?),
        name: called.ok_or_else(|| place.member("name").malformed("is missing"))?,
        arguments,
        cache: block.cache,
    })
}
