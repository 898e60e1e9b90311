//! The parts of a message's content, and of a call's output.

use super::super::{
    super::{
        form::{Cache, Media, MediaKind, Part, Source},
        loss::Refused,
        read::{elements, members, text},
        text::Text,
    },
    path::Path,
};
use crate::json::{Kind, outlined::Cursor};

/// The media type of a file that says none and has no name that shows it.
const UNTYPED: &str = "application/octet-stream";

/// Media types by the endings of names, for files whose bytes come without one.
const ENDINGS: [(&str, &str); 8] = [
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
    (".md", "text/markdown"),
    (".csv", "text/csv"),
    (".html", "text/html"),
    (".json", "application/json"),
    (
        ".docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        ".xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
];

/// Content: a string, or a list of parts.
pub(super) fn content<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    path: Path<'_>,
) -> Result<Vec<Part<'a>>, Refused> {
    match cursor.kind()? {
        Kind::String => {
            let text = text(cursor, doc, path)?;
            Ok(vec![Part::Text { text, cache: None }])
        }
        Kind::Array => {
            let mut parts = Vec::new();
            elements(cursor, |index, cursor| {
                parts.push(part(cursor, doc, path.element(index))?);
                Ok(())
            })?;
            Ok(parts)
        }
        Kind::Object | Kind::Number | Kind::Boolean | Kind::Null => {
            Err(path.malformed("is neither a string nor a list of parts"))
        }
    }
}

/// The members of a part, in whatever order they came.
#[derive(Default)]
struct Members<'a> {
    kind: Option<Text<'a>>,
    text: Option<Text<'a>>,
    refusal: Option<Text<'a>>,
    image_url: Option<Text<'a>>,
    file_id: Option<Text<'a>>,
    file_data: Option<Text<'a>>,
    file_url: Option<Text<'a>>,
    filename: Option<Text<'a>>,
    detail: Option<Text<'a>>,
    cache: Option<Cache>,
}

fn part<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8], path: Path<'_>) -> Result<Part<'a>, Refused> {
    if cursor.kind()? != Kind::Object {
        return Err(path.malformed("is no object"));
    }
    let mut part = Members::default();
    // A part of a type that is not known is refused by that, and not by its members.
    let mut unknown = None;
    members(cursor, |key, cursor| {
        let (name, slot) = match &*key.bytes() {
            b"type" => ("type", &mut part.kind),
            b"text" => ("text", &mut part.text),
            b"refusal" => ("refusal", &mut part.refusal),
            b"image_url" => ("image_url", &mut part.image_url),
            b"file_id" => ("file_id", &mut part.file_id),
            b"file_data" => ("file_data", &mut part.file_data),
            b"file_url" => ("file_url", &mut part.file_url),
            b"filename" => ("filename", &mut part.filename),
            b"detail" => ("detail", &mut part.detail),
            b"prompt_cache_breakpoint" => {
                part.cache = Some(Cache { long: false });
                return Ok(());
            }
            // of the model's own text: nothing that it reads again
            b"annotations" | b"logprobs" => return Ok(()),
            other => {
                unknown.get_or_insert_with(|| path.unknown_member(other));
                return Ok(());
            }
        };
        *slot = Some(text(cursor, doc, path.member(name))?);
        Ok(())
    })?;
    let kind = path.member("type").required(part.kind.take())?;
    let part = match &*kind.decode() {
        "input_text" | "output_text" => Part::Text {
            text: path.member("text").required(part.text)?,
            cache: part.cache,
        },
        "refusal" => Part::Refusal(path.member("refusal").required(part.refusal)?),
        "input_image" => image(part, path)?,
        "input_file" => file(part, path)?,
        _ => return Err(path.member("type").unknown()),
    };
    unknown.map_or(Ok(part), Err)
}

fn image<'a>(part: Members<'a>, path: Path<'_>) -> Result<Part<'a>, Refused> {
    let source = match (part.image_url, part.file_id) {
        (Some(url), _) => Source::of_url(url),
        (None, Some(id)) => Source::File(id),
        (None, None) => return Err(path.member("image_url").malformed("is missing")),
    };
    Ok(Part::Media(Media {
        kind: MediaKind::Image,
        source,
        detail: part.detail,
        title: None,
        cache: part.cache,
    }))
}

fn file<'a>(part: Members<'a>, path: Path<'_>) -> Result<Part<'a>, Refused> {
    let source = match (part.file_data, part.file_url, part.file_id) {
        (Some(data), _, _) => match Source::of_url(data) {
            // the bytes alone, which the API takes as well
            Source::Url { url, .. } => bytes(url, part.filename.as_ref()),
            source @ (Source::Base64 { .. } | Source::File(_) | Source::Text(_)) => source,
        },
        (None, Some(url), _) => Source::of_url(url),
        (None, None, Some(id)) => Source::File(id),
        (None, None, None) => return Err(path.member("file_data").malformed("is missing")),
    };
    let kind = match &source {
        Source::Base64 { media_type, .. } if media_type.starts_with("image/") => MediaKind::Image,
        Source::Base64 { .. } | Source::Url { .. } | Source::File(_) | Source::Text(_) => {
            MediaKind::Document
        }
    };
    Ok(Part::Media(Media {
        kind,
        source,
        detail: part.detail,
        title: part.filename,
        cache: part.cache,
    }))
}

fn bytes<'a>(data: Text<'a>, name: Option<&Text<'a>>) -> Source<'a> {
    let name = name.map(Text::decode).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let mut endings = ENDINGS.into_iter();
    let known = endings.find(|(ending, _)| name.ends_with(ending));
    Source::Base64 {
        media_type: known.map_or(UNTYPED, |(_, kind)| kind).into(),
        data: data.decode().into_owned().into(),
    }
}
