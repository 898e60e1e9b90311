//! Media, as a target is sent them: this API fetches no address but of its own files and storage.

use super::{is_file, request_write::Draft};
use crate::translate::{
    form::{Media, MediaKind, Source},
    json::Json,
    loss::Refused,
    text::Text,
};

/// Writes a medium as a part. Its bytes go with it; of addresses only those that Google itself
/// reads.
pub(super) fn write_media(
    draft: &mut Draft<'_, '_, '_>,
    media: &Media<'_>,
    out: &mut Json,
) -> Result<(), Refused> {
    if media.cache.is_some() {
        draft.dropped.add("cache_control");
    }
    if media
        .detail
        .as_ref()
        .is_some_and(|detail| !detail.is("auto"))
    {
        draft.dropped.add("detail");
    }
    if media.title.is_some() {
        draft.dropped.add("title");
    }
    match &media.source {
        Source::Base64 { media_type, data } => inline(media_type, data, out),
        Source::Text(text) => {
            out.object(|out| {
                out.key("text").text(text);
            });
        }
        Source::File(file) => {
            let uri = file.decode();
            if !is_file(&uri) {
                return Err(Refused::new("file_id", "names a file of another provider"));
            }
            return by_address(None, &uri, media.kind, out);
        }
        Source::Url { media_type, url } => {
            let url = url.decode();
            if is_file(&url) || is_youtube(&url) {
                let media_type = media_type.as_ref().map(Text::decode);
                return by_address(media_type.as_deref(), &url, media.kind, out);
            } else {
                return Err(Refused::new(
                    "image_url",
                    "is an address, which this target does not fetch; send the bytes",
                ));
            }
        }
    }
    Ok(())
}

fn inline(media_type: &str, data: &str, out: &mut Json) {
    out.object(|out| {
        out.key("inlineData").object(|out| {
            out.key("mimeType").str(media_type);
            out.key("data").str(data);
        });
    });
}

fn by_address(
    media_type: Option<&str>,
    uri: &str,
    kind: MediaKind,
    out: &mut Json,
) -> Result<(), Refused> {
    let known = media_type.or_else(|| media_type_of(uri));
    let media_type = known.or_else(|| is_youtube(uri).then_some("video/mp4"));
    let Some(media_type) = media_type else {
        return Err(Refused::new(
            match kind {
                MediaKind::Image => "image_url",
                MediaKind::Document | MediaKind::Audio | MediaKind::Video => "file",
            },
            "has no media type, which this target wants",
        ));
    };
    out.object(|out| {
        out.key("fileData").object(|out| {
            out.key("mimeType").str(media_type);
            out.key("fileUri").str(uri);
        });
    });
    Ok(())
}

fn is_youtube(url: &str) -> bool {
    [
        "https://www.youtube.com/watch?",
        "https://youtube.com/watch?",
        "https://youtu.be/",
    ]
    .iter()
    .any(|start| url.starts_with(start))
}

/// The media type that an address's ending stands for.
fn media_type_of(uri: &str) -> Option<&'static str> {
    let (_, ending) = uri.rsplit_once('.')?;
    Some(match &*ending.to_ascii_lowercase() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "html" => "text/html",
        "csv" => "text/csv",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "mov" => "video/mov",
        "webm" => "video/webm",
        _ => return None,
    })
}
