//! Images and documents.

use std::borrow::Cow;

use super::{
    super::super::{
        form::{Media, MediaKind, Part, Source},
        loss::Refused,
        read::members,
        text::Text,
    },
    NO_OBJECT, Place, Reader, UNKNOWN,
    blocks::{Block, Within},
    text_at,
};
use crate::json::{Kind, outlined::Cursor};

/// The source of a document: one place, or blocks of its own.
enum Content<'a> {
    Source(Source<'a>),
    Parts(Vec<Part<'a>>),
}

impl<'a> Reader<'a, '_> {
    pub(super) fn image(
        &mut self,
        block: &Block<'a>,
        place: Place<'_>,
    ) -> Result<Media<'a>, Refused> {
        let mut found = None;
        block.each(|name, cursor| {
            match name {
                b"source" => found = Some(self.source(cursor, place.member("source"))?),
                b"transformations" => self.dropped.add("transformations"),
                _ => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        let place = place.member("source");
        match found.ok_or_else(|| place.malformed("is missing"))? {
            Content::Source(Source::Text(_)) | Content::Parts(_) => {
                Err(place.member("type").malformed("is no image's"))
            }
            Content::Source(source) => Ok(Media {
                kind: MediaKind::Image,
                source,
                detail: None,
                title: None,
                cache: block.cache,
            }),
        }
    }

    pub(super) fn document(
        &mut self,
        block: &Block<'a>,
        place: Place<'_>,
        parts: &mut Vec<Part<'a>>,
    ) -> Result<(), Refused> {
        let (mut found, mut title, mut context) = (None, None, None);
        block.each(|name, cursor| {
            match name {
                b"source" => found = Some(self.source(cursor, place.member("source"))?),
                b"title" => title = Some(text_at(cursor, self.doc, place.member("title"))?),
                b"context" => context = Some(text_at(cursor, self.doc, place.member("context"))?),
                b"citations" => {
                    let mut wanted = false;
                    cursor.object_or_skip(|key, cursor| {
                        if key.is("enabled") {
                            wanted = cursor.boolean()? == Some(true);
                        }
                        Ok(())
                    })?;
                    if wanted {
                        self.dropped.add("citations");
                    }
                }
                _ => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        // What is said about a document is read by the model, too.
        let about = |text| Part::Text { text, cache: None };
        parts.extend(context.map(about));
        let missing = || place.member("source").malformed("is missing");
        match found.ok_or_else(missing)? {
            Content::Source(source) => parts.push(Part::Media(Media {
                kind: MediaKind::Document,
                source,
                detail: None,
                title,
                cache: block.cache,
            })),
            Content::Parts(blocks) => {
                parts.extend(title.map(about));
                parts.extend(blocks);
            }
        }
        Ok(())
    }

    fn source(
        &mut self,
        cursor: &mut Cursor<'a>,
        place: Place<'_>,
    ) -> Result<Content<'a>, Refused> {
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let doc = self.doc;
        let (mut kind, mut media_type, mut content) = (None, None, None);
        let (mut data, mut url, mut file) = (None, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => kind = Some(text_at(cursor, doc, place.member("type"))?),
                b"media_type" => {
                    media_type = Some(text_at(cursor, doc, place.member("media_type"))?);
                }
                b"data" => data = Some(text_at(cursor, doc, place.member("data"))?),
                b"url" => url = Some(text_at(cursor, doc, place.member("url"))?),
                b"file_id" => file = Some(text_at(cursor, doc, place.member("file_id"))?),
                b"content" => content = Some(*cursor),
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        let kind = kind.ok_or_else(|| place.member("type").malformed("is missing"))?;
        let given = |text: Option<Text<'a>>, name| {
            text.ok_or_else(|| place.member(name).malformed("is missing"))
        };
        Ok(Content::Source(match &*kind.decode() {
            "base64" => Source::Base64 {
                media_type: borrowed(given(media_type, "media_type")?),
                data: borrowed(given(data, "data")?),
            },
            "url" => Source::Url {
                media_type,
                url: given(url, "url")?,
            },
            "file" => Source::File(given(file, "file_id")?),
            "text" => Source::Text(given(data, "data")?),
            "content" => {
                let place = place.member("content");
                let mut content = content.ok_or_else(|| place.malformed("is missing"))?;
                return match content.kind()? {
                    Kind::String => Ok(Content::Source(Source::Text(text_at(
                        &mut content,
                        doc,
                        place,
                    )?))),
                    Kind::Object | Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
                        let parts = self.content(&mut content, place, Within::Result)?;
                        Ok(Content::Parts(parts))
                    }
                };
            }
            _ => return Err(place.member("type").refused(UNKNOWN)),
        }))
    }
}

/// The text, borrowed from its document where nothing in it is escaped.
fn borrowed(text: Text<'_>) -> Cow<'_, str> {
    match &text {
        Text::Literal(literal) if memchr::memchr(b'\\', literal).is_none() => {
            let inside = literal.get(1..literal.len().saturating_sub(1));
            String::from_utf8_lossy(inside.unwrap_or_default())
        }
        Text::Literal(_) | Text::Plain(_) => Cow::Owned(text.decode().into_owned()),
    }
}
