#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;

use super::*;
use crate::Usage;

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        ..Usage::default()
    }
}

/// The same usage with this much sound in its prompt.
fn heard(mut usage: Usage, audio: u64) -> Usage {
    usage.details.audio_input = audio;
    usage
}

/// The figures of a reply that comes in these pieces.
fn read<'a>(path: &str, streaming: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Figures {
    let mut reader = Endpoint::at(path).reader(streaming).unwrap();
    pieces.into_iter().for_each(|piece| reader.push(piece));
    reader.figures()
}

#[test]
fn an_endpoint_has_one_of_a_closed_set_of_names() {
    for (path, name) in [
        ("/v1/audio/speech", "audio.speech"),
        ("/openai/v1/audio/transcriptions/", "audio.transcriptions"),
        (
            "/openai/deployments/files/audio/transcriptions?api-version=1",
            "audio.transcriptions",
        ),
        ("/v1/audio/translations", "audio.translations"),
        ("/v1/audio/voices", "audio"),
        ("/V1/Images/Edits", "images.edits"),
        ("/v1/images/variations", "images.variations"),
        ("/v1/images/secret-name", "images"),
        ("/v1/videos/video_1/content", "videos"),
        ("/v1/files", "files"),
        ("/v1/files/file-1/content", "files"),
        ("/v1/containers/c_1/files", "files"),
        ("/v1/uploads/upload_1/parts", "uploads"),
        ("/upload/v1beta/files?uploadType=resumable", "files"),
        ("/v1/models", "models"),
        ("/v1/models/a-secret-model", "models"),
        ("/v1beta/models/m:embedContent", "gemini.embedContent"),
        (
            "/v1beta/models/m:batchEmbedContents?key=secret",
            "gemini.batchEmbedContents",
        ),
        (
            "/v1/projects/p/locations/l/publishers/google/models/m:predict",
            "gemini.predict",
        ),
        ("/v1beta/models/m:somethingNew", "gemini"),
        ("/v1/realtime", "realtime"),
        ("/v1/batches/b", "batches"),
        ("/v1/chat/completions", "completions"),
        ("/v1/a-secret-word", "other"),
        ("/v1/%61udio/speech", "other"),
        ("/", "other"),
    ] {
        assert_eq!(Endpoint::at(path).name(), name, "{path}");
    }
    let names: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ROWS.len(), "a name is one endpoint");
}

#[test]
fn a_whole_reply_is_read_alike_however_it_is_cut() {
    let images = br#"{"created":1,"background":"opaque","data":[{"b64_json":"AAAA\"usage\":{}"},{"url":"https://x.test/,[{"}],"output_format":"png","usage":{"total_tokens":90,"input_tokens":30,"output_tokens":60,"input_tokens_details":{"text_tokens":10,"image_tokens":20}}}"#;
    let tokens = br#" {"text":"he said \\\"usage\\\": {\"input_tokens\":9}","usage":{"type":"tokens","total_tokens":115,"input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":101}}"#;
    let seconds = br#"{"text":"hi","usage":{"type":"duration","seconds":9.2}}"#;
    let verbose = br#"{"task":"transcribe","language":"english","duration":8.47,"segments":[{"id":0,"seek":0,"duration":99,"tokens":[50364,[1]],"text":"a"}],"text":"a"}"#;
    let vectors = br#"{"embedding":{"values":[0.1,-0.2e-3]},"usageMetadata":{"promptTokenCount":7,"promptTokenDetails":[{"modality":"TEXT","tokenCount":7}]}}"#;
    let predictions = br#"{"predictions":[{"embeddings":{"statistics":{"truncated":false,"token_count":6},"values":[0.5]}},{"embeddings":{"values":[0.5],"statistics":{"token_count": 5.0 }}}],"metadata":{"billableCharacterCount":40,"token_count":99}}"#;
    let none = Figures::default();
    for (path, reply, expected) in [
        (
            "/v1/images/edits",
            &images[..],
            Figures {
                usage: Some(usage(30, 60)),
                images: 2,
                ..none
            },
        ),
        (
            "/v1/audio/transcriptions",
            tokens,
            Figures {
                usage: Some(heard(usage(14, 101), 14)),
                ..none
            },
        ),
        (
            "/v1/audio/transcriptions",
            seconds,
            Figures {
                audio_seconds: 10,
                ..none
            },
        ),
        (
            "/v1/audio/translations",
            verbose,
            Figures {
                audio_seconds: 9,
                ..none
            },
        ),
        (
            "/v1beta/models/m:embedContent",
            vectors,
            Figures {
                usage: Some(usage(7, 0)),
                ..none
            },
        ),
        (
            "/v1/models/m:predict",
            predictions,
            Figures {
                usage: Some(usage(11, 0)),
                ..none
            },
        ),
    ] {
        for at in 0..=reply.len() {
            let (one, other) = reply.split_at(at);
            assert_eq!(read(path, false, [one, other]), expected, "{path} at {at}");
        }
        assert_eq!(read(path, false, reply.chunks(1)), expected, "{path}");
    }
}

#[test]
fn a_stream_is_read_by_its_last_events_alone_however_it_is_cut() {
    let speech = b": hello\r\nevent: speech.audio.delta\r\ndata: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\r\n\r\ndata: {\"type\":\"speech.audio.done\",\r\ndata: \"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\r\n\r\n";
    let transcript = b"data: {\"type\":\"transcript.text.delta\",\"delta\":\"hi\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"usage\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":3,\"output_tokens\":4}}\n\ndata: [DONE]\n\n";
    let image = b"event: image_edit.partial_image\ndata: {\"type\":\"image_edit.partial_image\",\"b64_json\":\"AAAA\"}\n\ndata:{\"type\":\"image_edit.completed\",\"b64_json\":\"AAAA\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}\n\n";
    for (path, reply, expected, images) in [
        ("/v1/audio/speech", &speech[..], usage(14, 101), 0),
        ("/v1/audio/transcriptions", transcript, usage(3, 4), 0),
        ("/v1/images/edits", image, usage(5, 6), 1),
    ] {
        let expected = Figures {
            usage: Some(expected),
            images,
            ..Figures::default()
        };
        for at in 0..=reply.len() {
            let (one, other) = reply.split_at(at);
            assert_eq!(read(path, true, [one, other]), expected, "{path} at {at}");
        }
        assert_eq!(read(path, true, reply.chunks(1)), expected, "{path}");
    }
}

#[test]
fn what_is_malformed_or_too_large_reports_nothing() {
    let large = format!(
        r#"{{"usage":{{"x":"{}","input_tokens":5}}}}"#,
        "y".repeat(10_000)
    );
    for reply in [
        "",
        "no JSON {\"usage\":{\"input_tokens\":5}}",
        r#"[{"usage":{"input_tokens":5}}]"#,
        r#"{"usage":null}"#,
        r#"{"usage":{"input_tokens":0,"output_tokens":0}}"#,
        r#"{"usage":{"input_tokens":-5}}"#,
        r#"{"usage":{"input_tokens":5"#,
        r#"{"usage":{"seconds":1e300}}"#,
        r#"{"x":{"usage":{"input_tokens":5}}}"#,
        r#"{}{"usage":{"input_tokens":5}}"#,
        "}}}}{\"usage\":{\"input_tokens\":5}}",
        &large,
    ] {
        let figures = read("/v1/audio/transcriptions", false, [reply.as_bytes()]);
        assert_eq!(figures, Figures::default(), "{reply:.60}");
    }
}

#[test]
fn what_reports_nothing_is_not_read() {
    for path in ["/v1/files", "/v1/videos", "/v1/models", "/v1/x"] {
        assert!(Endpoint::at(path).reader(false).is_none(), "{path}");
    }
    assert!(Endpoint::at("/v1/videos").is_charged());
    assert!(!Endpoint::at("/v1/files").is_charged());
}

fn requested(kind: &'static str) -> Option<Requested> {
    let kind = HeaderValue::from_static(kind);
    Requested::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]))
}

/// The model that is found in a body of these pieces.
fn model<'a>(kind: &'static str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Progress {
    let mut requested = requested(kind).unwrap();
    for piece in pieces {
        match requested.push(piece) {
            Progress::Open => {}
            done => return done,
        }
    }
    Progress::Open
}

const FORM: &str = "multipart/form-data; boundary=b";

#[test]
fn the_model_is_found_in_json_and_in_forms_however_they_are_cut() {
    let json =
        br#"{"input":"{\"model\":\"no\"}","voice":{"model":"no"},"model":"openai\/tts-1","x":1}"#;
    let fields = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n\r\n--b-\r\nname=\"model\"\r\n--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
    for (kind, body, name) in [
        ("application/json; charset=utf-8", &json[..], "openai/tts-1"),
        (FORM, fields, "whisper-1"),
    ] {
        let found = Progress::Found(name.to_owned());
        for at in 0..=body.len() {
            let (one, other) = body.split_at(at);
            assert_eq!(model(kind, [one, other]), found, "{kind} at {at}");
        }
        assert_eq!(model(kind, body.chunks(1)), found, "{kind}");
    }
}

#[test]
fn a_model_that_comes_late_or_never_is_not_looked_for_without_end() {
    let late = format!(r#"{{"input":"{}","model":"m"}}"#, "x".repeat(70_000));
    let file = [
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n".as_slice(),
        &[b'x'; 20_000],
    ]
    .concat();
    for (kind, body) in [
        ("application/json", late.as_bytes()),
        ("application/json", br#"{"input":"x"}"#),
        ("application/json", br#"{"model":""}"#),
        ("application/json", b"[1]"),
        (FORM, &file),
        (FORM, b"no form\r\n"),
        (FORM, &[b'-'; 200]),
    ] {
        assert_eq!(model(kind, body.chunks(999)), Progress::Over);
    }
    assert!(requested("audio/wav").is_none());
    let encoded = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_ENCODING, "gzip"),
    ];
    let encoded = encoded.map(|(name, value)| (name, HeaderValue::from_static(value)));
    assert!(Requested::of(&HeaderMap::from_iter(encoded)).is_none());
}

#[test]
fn the_model_of_geminis_methods_is_the_paths() {
    let model = |path: &str| Endpoint::at(path).model_in(path);
    assert_eq!(
        model("/v1beta/models/gemini-embedding-001:embedContent?key=k").as_deref(),
        Some("gemini-embedding-001")
    );
    assert_eq!(model("/v1beta/models/:embedContent"), None);
    assert_eq!(model("/v1/audio/speech"), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        bytes in prop::collection::vec(prop::sample::select(&b"{}[]:,\"\\ \r\nusagedtinp_k0159.:x"[..]), 0..200),
        size in 1..40_usize,
        streaming: bool,
    ) {
        let path = "/v1/images/edits";
        let whole = read(path, streaming, [&bytes[..]]);
        prop_assert_eq!(read(path, streaming, bytes.chunks(size)), whole);
        for kind in ["application/json", FORM] {
            prop_assert_eq!(model(kind, bytes.chunks(size)), model(kind, [&bytes[..]]));
        }
    }
}
