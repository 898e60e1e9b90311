//! Parts of a content, as a caller sends them.

use std::borrow::Cow;

use super::{
    request_read::Reader,
    walk::{At, array, boolean, decoded, kind, object, object_source, skip, text},
};
use crate::{
    json::{Kind, outlined::Cursor},
    translate::{
        form::{Arguments, Call, Media, MediaKind, Part, Source, ToolResult},
        loss::Refused,
        opaque::{Opaque, OpaqueKind},
        text::Text,
    },
};

/// The parts of one turn.
#[derive(Default)]
pub(super) struct Parts<'a>(pub(super) Vec<Part<'a>>);

impl<'a> Parts<'a> {
    /// Adds a part. Thoughts that came in pieces are one, and what seals them belongs to them.
    pub(super) fn push(&mut self, part: Part<'a>) {
        let open = match self.0.last_mut() {
            Some(Part::Reasoning {
                text: Some(text),
                opaque: opaque @ None,
            }) => Some((text, opaque)),
            _ => None,
        };
        match (open, part) {
            (Some((known, seal)), Part::Reasoning { text, opaque }) => {
                if let Some(text) = text {
                    *known = joined(known, &text);
                }
                *seal = opaque;
            }
            (_, part) => self.0.push(part),
        }
    }
}

/// Two texts as one.
fn joined(first: &Text<'_>, second: &Text<'_>) -> Text<'static> {
    Text::plain([first.decode(), second.decode()].concat())
}

/// The members of one part.
#[derive(Default)]
struct Members<'a> {
    text: Option<Text<'a>>,
    thought: bool,
    signature: Option<Text<'a>>,
    data: Option<Part<'a>>,
}

/// Reads one part, which may be a bare string.
pub(super) fn read<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
    parts: &mut Parts<'a>,
) -> Result<(), Refused> {
    let mut members = Members::default();
    match kind(cursor, at)? == Kind::String {
        true => members.text = Some(text(cursor, reader.doc, at)?),
        false => object(cursor, at, |key, cursor, at| {
            member(reader, key, cursor, at, &mut members)
        })?,
    }
    let opaque = members
        .signature
        .filter(|signature| !signature.is_empty())
        .map(|signature| Opaque::read(OpaqueKind::Thought, signature));
    let said = members.text.filter(|text| !text.is_empty());
    if members.thought && members.data.is_none() {
        if said.is_some() || opaque.is_some() {
            parts.push(Part::Reasoning { text: said, opaque });
        }
        return Ok(());
    }
    if opaque.is_some() {
        parts.push(Part::Reasoning { text: None, opaque });
    }
    match (said, members.data) {
        (Some(_), Some(_)) => return Err(at.malformed("may have one kind of data only")),
        (Some(text), None) => parts.push(Part::Text { text, cache: None }),
        (None, Some(part)) => parts.push(part),
        (None, None) => {}
    }
    Ok(())
}

fn member<'a>(
    reader: &mut Reader<'a, '_>,
    key: &str,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
    members: &mut Members<'a>,
) -> Result<(), Refused> {
    let doc = reader.doc;
    match key {
        "text" => members.text = Some(text(cursor, doc, at)?),
        "thought" => members.thought = boolean(cursor, at)?,
        "thoughtSignature" => members.signature = Some(text(cursor, doc, at)?),
        "inlineData" | "fileData" => {
            members.data = Some(Part::Media(media(doc, cursor, at)?));
        }
        "functionCall" => members.data = Some(Part::Call(call(doc, cursor, at)?)),
        "functionResponse" => members.data = Some(Part::Result(result(doc, cursor, at)?)),
        "executableCode" | "codeExecutionResult" | "toolCall" | "toolResponse" => {
            return Err(at.refused("is of a tool that Google runs, which no other target has"));
        }
        "videoMetadata" => return Err(at.refused("can't be carried to this target")),
        "mediaResolution" => return reader.drop_member("mediaResolution", cursor, at),
        "partMetadata" => return reader.drop_member("partMetadata", cursor, at),
        _ => return Err(at.unknown()),
    }
    Ok(())
}

fn call<'a>(doc: &'a [u8], cursor: &mut Cursor<'a>, at: &At<'_>) -> Result<Call<'a>, Refused> {
    let (mut id, mut name, mut args) = (None, None, &b"{}"[..]);
    object(cursor, at, |key, cursor, at| {
        match key {
            "id" => id = Some(text(cursor, doc, at)?).filter(|id| !id.is_empty()),
            "name" => name = Some(text(cursor, doc, at)?),
            "args" => args = object_source(cursor, doc, at)?,
            "willContinue" if !boolean(cursor, at)? => {}
            "willContinue" | "partialArgs" => {
                return Err(at.refused("is half a call, which no target can be sent"));
            }
            _ => return Err(at.unknown()),
        }
        Ok(())
    })?;
    Ok(Call {
        id,
        name: name.ok_or_else(|| At::Member(at, "name").malformed("is missing"))?,
        arguments: Arguments::Value(args),
        cache: None,
    })
}

fn result<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<ToolResult<'a>, Refused> {
    let mut result = ToolResult {
        id: None,
        name: None,
        content: Vec::new(),
        value: Some(b"{}"),
        is_error: false,
        cache: None,
    };
    object(cursor, at, |key, cursor, at| {
        match key {
            "id" => result.id = Some(text(cursor, doc, at)?).filter(|id| !id.is_empty()),
            "name" => result.name = Some(text(cursor, doc, at)?),
            "response" => {
                result.is_error = is_error(&mut { *cursor }, at)?;
                result.value = Some(object_source(cursor, doc, at)?);
            }
            "parts" => {
                result.content.clear();
                array(cursor, at, |cursor, at| {
                    object(cursor, at, |key, cursor, at| {
                        if !matches!(key, "inlineData" | "fileData") {
                            return Err(at.unknown());
                        }
                        result.content.push(Part::Media(media(doc, cursor, at)?));
                        Ok(())
                    })
                })?;
            }
            "scheduling" => skip(cursor, at)?,
            "willContinue" if !boolean(cursor, at)? => {}
            "willContinue" => {
                return Err(at.refused("is half a result, which no target can be sent"));
            }
            _ => return Err(at.unknown()),
        }
        Ok(())
    })?;
    match result.name {
        Some(_) => Ok(result),
        None => Err(At::Member(at, "name").malformed("is missing")),
    }
}

/// Reports whether a response is an error: the API's description says that it is then in `error`.
fn is_error(cursor: &mut Cursor<'_>, at: &At<'_>) -> Result<bool, Refused> {
    let (mut error, mut other) = (false, false);
    object(cursor, at, |key, cursor, at| {
        match key {
            "error" => error = true,
            _ => other = true,
        }
        skip(cursor, at)
    })?;
    Ok(error && !other)
}

fn media<'a>(doc: &'a [u8], cursor: &mut Cursor<'a>, at: &At<'_>) -> Result<Media<'a>, Refused> {
    let (mut media_type, mut data, mut uri, mut title) = (None, None, None, None);
    object(cursor, at, |key, cursor, at| {
        match key {
            "mimeType" => media_type = Some(text(cursor, doc, at)?),
            "data" => data = Some(decoded(cursor, doc, at)?),
            "fileUri" => uri = Some(text(cursor, doc, at)?),
            "displayName" => title = Some(text(cursor, doc, at)?),
            _ => return Err(at.unknown()),
        }
        Ok(())
    })?;
    let kind = media_type
        .as_ref()
        .map_or(MediaKind::Document, |name| kind_of(&name.decode()));
    let source = match (data, uri) {
        (Some(data), _) => Source::Base64 {
            media_type: match media_type {
                Some(name) => Cow::Owned(name.decode().into_owned()),
                None => return Err(At::Member(at, "mimeType").malformed("is missing")),
            },
            data: standard(data),
        },
        (None, Some(uri)) if super::is_file(&uri.decode()) => Source::File(uri),
        (None, Some(url)) => Source::Url { media_type, url },
        (None, None) => return Err(at.malformed("has neither `data` nor `fileUri`")),
    };
    Ok(Media {
        kind,
        source,
        detail: None,
        title,
        cache: None,
    })
}

/// The kind of a media type.
fn kind_of(media_type: &str) -> MediaKind {
    let is = |family: &str| {
        let start = media_type.get(..family.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(family))
    };
    match () {
        () if is("image/") => MediaKind::Image,
        () if is("audio/") => MediaKind::Audio,
        () if is("video/") => MediaKind::Video,
        () => MediaKind::Document,
    }
}

/// Base64 in the standard alphabet: Google's SDKs write the other one, too.
fn standard(data: Cow<'_, str>) -> Cow<'_, str> {
    match memchr::memchr2(b'-', b'_', data.as_bytes()) {
        None => data,
        Some(_) => Cow::Owned(data.replace('-', "+").replace('_', "/")),
    }
}
