//! Parts of a message's content.

use super::{
    super::super::{
        form::{Cache, Media, MediaKind, Part, Source},
        loss::Refused,
        read::{elements, members, text},
        text::Text,
    },
    UNKNOWN, unknown,
};
use crate::json::{Kind, outlined::Cursor};

/// A mark for the provider's prompt cache, in Anthropic's spelling.
pub(super) fn cache_mark<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Cache, Refused> {
    let mut cache = Cache { long: false };
    members(cursor, |key, cursor| {
        if key.is("ttl") {
            cache.long = Text::read_or_skip(cursor, doc)?.is_some_and(|ttl| ttl.is("1h"));
        }
        Ok(())
    })?;
    Ok(cache)
}

pub(super) fn part<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &dyn Fn() -> String,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Refused> {
    if cursor.kind()? == Kind::String {
        let text = Text::read(cursor, doc)?;
        parts.push(Part::Text { text, cache: None });
        return Ok(());
    }
    let (mut kind, mut said, mut refusal, mut cache) = (None, None, None, None);
    let (mut image, mut audio, mut file, mut video, mut thinking) = (None, None, None, None, None);
    members(cursor, |key, cursor| {
        let here = *cursor;
        match &*key.bytes() {
            b"type" => kind = Some(text(cursor, doc, format_args!("{}.type", at()))?),
            b"text" => said = Some(text(cursor, doc, format_args!("{}.text", at()))?),
            b"refusal" => refusal = Some(text(cursor, doc, format_args!("{}.refusal", at()))?),
            b"cache_control" => cache = Some(cache_mark(cursor, doc)?),
            b"image_url" => image = Some(here),
            b"input_audio" => audio = Some(here),
            b"file" => file = Some(here),
            b"video_url" => video = Some(here),
            b"thinking" => thinking = Some(here),
            name => return Err(unknown(&at(), name)),
        }
        Ok(())
    })?;
    let Some(kind) = kind else {
        return Err(Refused::malformed(format!("{}.type", at()), "is missing"));
    };
    let missing = |field: &str| Refused::malformed(format!("{}.{field}", at()), "is missing");
    let media = |kind, (source, detail, title)| {
        Part::Media(Media {
            kind,
            source,
            detail,
            title,
            cache,
        })
    };
    parts.push(match &*kind.decode() {
        "text" => Part::Text {
            text: said.ok_or_else(|| missing("text"))?,
            cache,
        },
        "refusal" => Part::Refusal(refusal.ok_or_else(|| missing("refusal"))?),
        "image_url" => {
            let url = url(
                image.ok_or_else(|| missing("image_url"))?,
                doc,
                at,
                "image_url",
            )?;
            media(MediaKind::Image, url)
        }
        "video_url" => {
            let url = url(
                video.ok_or_else(|| missing("video_url"))?,
                doc,
                at,
                "video_url",
            )?;
            media(MediaKind::Video, url)
        }
        "input_audio" => {
            let source = sound(audio.ok_or_else(|| missing("input_audio"))?, doc, at)?;
            media(MediaKind::Audio, (source, None, None))
        }
        "file" => {
            let (source, title) = document(file.ok_or_else(|| missing("file"))?, doc, at)?;
            media(MediaKind::Document, (source, None, title))
        }
        "thinking" => {
            let text = thought(thinking.ok_or_else(|| missing("thinking"))?, doc)?;
            Part::Reasoning {
                text: Some(text),
                opaque: None,
            }
        }
        _ => return Err(Refused::new(format!("{}.type", at()), UNKNOWN)),
    });
    Ok(())
}

type Url<'a> = (Source<'a>, Option<Text<'a>>, Option<Text<'a>>);

/// `image_url`: a string, or an object with it and its detail.
fn url<'a>(
    mut cursor: Cursor<'a>,
    doc: &'a [u8],
    at: &dyn Fn() -> String,
    field: &str,
) -> Result<Url<'a>, Refused> {
    let (mut url, mut detail) = (None, None);
    match cursor.kind()? {
        Kind::String => url = Some(Text::read(&mut cursor, doc)?),
        Kind::Object | Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
            members(&mut cursor, |key, cursor| {
                match &*key.bytes() {
                    b"url" => url = Some(text(cursor, doc, format_args!("{}.{field}.url", at()))?),
                    b"detail" => detail = Text::read_or_skip(cursor, doc)?,
                    name => return Err(unknown(&format!("{}.{field}", at()), name)),
                }
                Ok(())
            })?
        }
    }
    let missing = || Refused::malformed(format!("{}.{field}.url", at()), "is missing");
    Ok((Source::of_url(url.ok_or_else(missing)?), detail, None))
}

fn sound<'a>(
    mut cursor: Cursor<'a>,
    doc: &'a [u8],
    at: &dyn Fn() -> String,
) -> Result<Source<'a>, Refused> {
    let (mut data, mut format) = (None, None);
    members(&mut cursor, |key, cursor| {
        match &*key.bytes() {
            b"data" => {
                data = Some(text(
                    cursor,
                    doc,
                    format_args!("{}.input_audio.data", at()),
                )?)
            }
            b"format" => format = Text::read_or_skip(cursor, doc)?,
            _ => {}
        }
        Ok(())
    })?;
    let missing = || Refused::malformed(format!("{}.input_audio.data", at()), "is missing");
    let format = format.map_or_else(|| "wav".to_owned(), |format| format.decode().into_owned());
    Ok(Source::Base64 {
        media_type: format!("audio/{format}").into(),
        data: data.ok_or_else(missing)?.decode().into_owned().into(),
    })
}

fn document<'a>(
    mut cursor: Cursor<'a>,
    doc: &'a [u8],
    at: &dyn Fn() -> String,
) -> Result<(Source<'a>, Option<Text<'a>>), Refused> {
    let (mut source, mut title) = (None, None);
    members(&mut cursor, |key, cursor| {
        match &*key.bytes() {
            b"file_data" => {
                let data = text(cursor, doc, format_args!("{}.file.file_data", at()))?;
                source = Some(match Source::of_url(data) {
                    // some clients send the bytes alone
                    Source::Url { url, .. } if !url.decode().contains(':') => Source::Base64 {
                        media_type: "application/pdf".into(),
                        data: url.decode().into_owned().into(),
                    },
                    of_url @ (Source::Base64 { .. }
                    | Source::Url { .. }
                    | Source::File(_)
                    | Source::Text(_)) => of_url,
                });
            }
            b"file_id" => {
                source = Some(Source::File(text(
                    cursor,
                    doc,
                    format_args!("{}.file.file_id", at()),
                )?));
            }
            b"filename" => title = Text::read_or_skip(cursor, doc)?,
            _ => {}
        }
        Ok(())
    })?;
    let missing = || Refused::malformed(format!("{}.file", at()), "has neither data nor an id");
    Ok((source.ok_or_else(missing)?, title))
}

/// Mistral's reasoning: a string, or parts of text.
fn thought<'a>(mut cursor: Cursor<'a>, doc: &'a [u8]) -> Result<Text<'a>, Refused> {
    if cursor.kind()? == Kind::String {
        return Ok(Text::read(&mut cursor, doc)?);
    }
    let mut all = String::new();
    elements(&mut cursor, |_, cursor| {
        members(cursor, |key, cursor| {
            if key.is("text")
                && let Some(text) = Text::read_or_skip(cursor, doc)?
            {
                all.push_str(&text.decode());
            }
            Ok(())
        })
    })?;
    Ok(Text::plain(all))
}
