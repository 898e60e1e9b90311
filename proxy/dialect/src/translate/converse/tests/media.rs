use serde_json::json;

use super::{
    CLAUDE, NOVA,
    forms::{field, media, say, turn},
    written,
};
use crate::translate::{
    form::{Media, MediaKind, Part, Request, Role, Source},
    takes::ModelTakes,
    text::Text,
};

#[test]
fn media_are_bytes_or_objects_of_s3_and_never_addresses() {
    let named = |title: &'static str, media: Media<'static>| {
        Part::Media(Media {
            title: Some(Text::plain(title)),
            ..media
        })
    };
    let form = Request {
        turns: vec![turn(
            Role::User,
            vec![
                say("see"),
                named(
                    "a.pdf",
                    media(MediaKind::Document, "application/pdf", "JVBE"),
                ),
                Part::Media(Media {
                    source: Source::Text(Text::plain("plain")),
                    ..media(MediaKind::Document, "", "")
                }),
                Part::Media(media(MediaKind::Video, "video/mp4", "AAAA")),
                Part::Media(media(MediaKind::Audio, "audio/mpeg", "AAAA")),
                Part::Media(Media {
                    source: Source::Url {
                        media_type: None,
                        url: Text::plain("s3://bucket/a.jpg"),
                    },
                    detail: Some(Text::plain("high")),
                    ..media(MediaKind::Image, "", "")
                }),
            ],
        )],
        ..Request::default()
    };
    let (body, dropped) = written(&form, NOVA, &ModelTakes::default()).unwrap();
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"text": "see"},
            {"document": {"format": "pdf", "name": "a-pdf", "source": {"bytes": "JVBE"}}},
            {"document": {"format": "txt", "name": "document 2", "source": {"bytes": "cGxhaW4="}}},
            {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
            {"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}}])
    );
    assert_eq!(dropped, ["detail"]);
}

#[test]
fn media_that_bedrock_can_t_have_are_refused_by_name() {
    let url = |url: &'static str| Media {
        source: Source::Url {
            media_type: None,
            url: Text::plain(url),
        },
        ..media(MediaKind::Image, "", "")
    };
    for (media, expected) in [
        (url("https://host/a.png"), "image"),
        (url("s3://bucket/a"), "image"),
        (media(MediaKind::Image, "image/tiff", "AAAA"), "image"),
        (
            media(MediaKind::Document, "application/zip", "AAAA"),
            "file",
        ),
        (media(MediaKind::Audio, "audio/midi", "AAAA"), "input_audio"),
        (
            Media {
                source: Source::File(Text::plain("file-1")),
                ..media(MediaKind::Document, "", "")
            },
            "file_id",
        ),
        // alone: a document wants a text beside it
        (
            media(MediaKind::Document, "application/pdf", "AAAA"),
            "messages",
        ),
    ] {
        let mut parts = vec![Part::Media(media)];
        if expected != "messages" {
            parts.push(say("see"));
        }
        let form = Request {
            turns: vec![turn(Role::User, parts)],
            ..Request::default()
        };
        assert_eq!(
            field(written(&form, CLAUDE, &ModelTakes::default())),
            expected
        );
    }
}
