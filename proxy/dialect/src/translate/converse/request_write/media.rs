//! Images, documents, sounds and videos: bytes, or objects of S3. Bedrock fetches no address.

use std::borrow::Cow;

use super::{
    super::super::{
        form::{Media, MediaKind, Source},
        json::Json,
        loss::Refused,
        text::Text,
    },
    Writer, open,
};

/// The formats of media types: `ImageBlock`, `DocumentBlock`, `VideoBlock` and `AudioBlock` of
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Types_Amazon_Bedrock_Runtime.html>.
const FORMATS: &[(MediaKind, &str, &str)] = &[
    (MediaKind::Image, "image/png", "png"),
    (MediaKind::Image, "image/jpeg", "jpeg"),
    (MediaKind::Image, "image/jpg", "jpeg"),
    (MediaKind::Image, "image/gif", "gif"),
    (MediaKind::Image, "image/webp", "webp"),
    (MediaKind::Document, "application/pdf", "pdf"),
    (MediaKind::Document, "text/csv", "csv"),
    (MediaKind::Document, "application/msword", "doc"),
    (
        MediaKind::Document,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
    ),
    (MediaKind::Document, "application/vnd.ms-excel", "xls"),
    (
        MediaKind::Document,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
    (MediaKind::Document, "text/html", "html"),
    (MediaKind::Document, "text/plain", "txt"),
    (MediaKind::Document, "text/markdown", "md"),
    (MediaKind::Video, "video/x-matroska", "mkv"),
    (MediaKind::Video, "video/quicktime", "mov"),
    (MediaKind::Video, "video/mp4", "mp4"),
    (MediaKind::Video, "video/webm", "webm"),
    (MediaKind::Video, "video/x-flv", "flv"),
    (MediaKind::Video, "video/mpeg", "mpeg"),
    (MediaKind::Video, "video/x-ms-wmv", "wmv"),
    (MediaKind::Video, "video/3gpp", "three_gp"),
    (MediaKind::Audio, "audio/mpeg", "mp3"),
    (MediaKind::Audio, "audio/mp3", "mp3"),
    (MediaKind::Audio, "audio/wav", "wav"),
    (MediaKind::Audio, "audio/x-wav", "wav"),
    (MediaKind::Audio, "audio/opus", "opus"),
    (MediaKind::Audio, "audio/aac", "aac"),
    (MediaKind::Audio, "audio/flac", "flac"),
    (MediaKind::Audio, "audio/ogg", "ogg"),
    (MediaKind::Audio, "audio/mp4", "m4a"),
    (MediaKind::Audio, "audio/webm", "webm"),
];

/// Characters of a document's name at most.
const MOST_NAME: usize = 200;

impl Writer<'_, '_> {
    pub(super) fn media(&mut self, media: &Media<'_>) -> Result<(), Refused> {
        if media.detail.as_ref().is_some_and(|text| !text.is("auto")) {
            self.dropped.add("detail");
        }
        let kind = match media.kind {
            MediaKind::Image => "image",
            MediaKind::Document => "document",
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        };
        let format = format_of(media)?;
        open(&mut self.json, "", b'{');
        open(&mut self.json, kind, b'{');
        self.json.key("format").str(format);
        if media.kind == MediaKind::Document {
            self.documents += 1;
            let name = name_of(media.title.as_ref(), self.documents);
            self.json.key("name").str(&name);
        }
        self.json
            .key("source")
            .object(|json| write_source(json, &media.source));
        self.json.0.extend_from_slice(b"}}");
        Ok(())
    }
}

/// The format of a medium, if its source is one that Bedrock takes.
fn format_of(media: &Media<'_>) -> Result<&'static str, Refused> {
    let field = match media.kind {
        MediaKind::Image => "image",
        MediaKind::Document => "file",
        MediaKind::Audio => "input_audio",
        MediaKind::Video => "video",
    };
    let media_type: Cow<'_, str> = match &media.source {
        Source::Base64 { media_type, .. } => Cow::Borrowed(media_type),
        Source::Url { media_type, url } => {
            let url = url.decode();
            if !url.starts_with("s3://") {
                let why = "is an address, which the target's provider does not fetch";
                return Err(Refused::new(field, why));
            }
            match media_type {
                Some(named) => named.decode(),
                None => return by_ending(media.kind, &url).ok_or_else(|| untaken(field)),
            }
        }
        Source::Text(_) if media.kind == MediaKind::Document => Cow::Borrowed("text/plain"),
        Source::Text(_) => return Err(untaken(field)),
        Source::File(_) => {
            let why = "is a file that another provider has";
            return Err(Refused::new("file_id", why));
        }
    };
    let mut formats = FORMATS.iter();
    let found = formats
        .find(|(kind, named, _)| *kind == media.kind && media_type.eq_ignore_ascii_case(named));
    found
        .map(|(.., format)| *format)
        .ok_or_else(|| untaken(field))
}

/// The format that the ending of an object's key names.
fn by_ending(kind: MediaKind, url: &str) -> Option<&'static str> {
    let (_, ending) = url.rsplit_once('.')?;
    let ending = match ending {
        "jpg" => "jpeg",
        "3gp" => "three_gp",
        ending => ending,
    };
    let mut formats = FORMATS.iter();
    let found = formats.find(|(one, _, format)| *one == kind && *format == ending);
    found.map(|(.., format)| *format)
}

fn untaken(field: &str) -> Refused {
    Refused::new(
        field,
        "is of a media type that the target's dialect does not take",
    )
}

fn write_source(json: &mut Json, source: &Source<'_>) {
    match source {
        Source::Base64 { data, .. } => _ = json.key("bytes").str(data),
        Source::Url { url, .. } => {
            json.key("s3Location")
                .object(|json| _ = json.key("uri").text(url));
        }
        Source::Text(text) => {
            let text = text.decode();
            json.key("bytes")
                .literal(|out| encode_base64(text.as_bytes(), out));
        }
        Source::File(_) => {}
    }
}

/// A document's name, which no two of a request may share, of the characters that are taken.
fn name_of(title: Option<&Text<'_>>, number: usize) -> String {
    let title = title.map(Text::decode).unwrap_or_default();
    let mut name = String::new();
    for letter in title.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => name.push(letter),
            _ if letter.is_whitespace() => {
                if !name.ends_with(' ') {
                    name.push(' ');
                }
            }
            _ => name.push('-'),
        }
    }
    name.truncate(MOST_NAME - 24); // all of it is ASCII; the rest is the number's
    let name = match name.trim() {
        "" => "document",
        name => name,
    };
    match number {
        1 => name.to_owned(),
        number => format!("{name} {number}"),
    }
}

/// Appends bytes in base64 (RFC 4648 §4).
fn encode_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = LETTERS.get((bits >> shift & 63) as usize);
            out.push(match at <= group.len() {
                true => letter.copied().unwrap_or(b'='),
                false => b'=',
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents_are_of_characters_that_are_taken_and_differ() {
        let title = |text: &str, number| name_of(Some(&Text::plain(text.to_owned())), number);
        assert_eq!(title("Q3 report (final).pdf", 1), "Q3 report (final)-pdf");
        assert_eq!(title("a  \t b", 2), "a b 2");
        assert_eq!(title("é/\u{1f600}", 1), "---");
        assert_eq!(name_of(None, 1), "document");
        assert_eq!(title("  ", 3), "document 3");
        assert!(title(&"x".repeat(500), 12).len() <= MOST_NAME);
    }

    #[test]
    fn bytes_are_written_in_base64() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            let mut out = Vec::new();
            encode_base64(text.as_bytes(), &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }
}
