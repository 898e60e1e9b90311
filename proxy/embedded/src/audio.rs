//! Speech and transcriptions, as the embedded model writes them: it neither speaks nor hears.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{body::Events, quote, request::Request};

/// Samples in a second, of 16 bits each.
const RATE: u32 = 8000;
/// Samples of silence in a piece: a hundredth of a second.
const SAMPLES: u32 = RATE / 100;

/// Silence as WAV, whatever the format that was requested: a piece for each of the text's.
pub(super) fn speech(request: &Request) -> Events {
    let pieces = request.pieces(&request.text).len().max(1);
    let bytes = SAMPLES * 2;
    let length = u32::try_from(pieces)
        .unwrap_or(u32::MAX)
        .saturating_mul(bytes);
    let (one, bits): (u16, u16) = (1, 16);
    let head = [
        b"RIFF",
        &(length.saturating_add(36)).to_le_bytes()[..],
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &one.to_le_bytes(), // samples as they are
        &one.to_le_bytes(), // one channel
        &RATE.to_le_bytes(),
        &(RATE * 2).to_le_bytes(),
        &2_u16.to_le_bytes(),
        &bits.to_le_bytes(),
        b"data",
        &length.to_le_bytes(),
    ];
    let mut events = Events::of("audio/wav");
    events.open_with(1);
    events.bytes(head.concat().into());
    for _ in 0..pieces {
        events.bytes(Bytes::from_static(&[0; SAMPLES as usize * 2]));
    }
    events
}

/// A form as a request that the embedded model reads: its size is all that it has to repeat.
pub(super) fn as_chat(form: &[u8]) -> Map<String, Value> {
    let text = String::from_utf8_lossy(form);
    let field = |name: &str| {
        let (_, rest) = text.split_once(&format!("name=\"{name}\""))?;
        let (_, value) = rest.split_once("\r\n\r\n")?;
        value.split("\r\n").next()
    };
    let mut chat = Map::new();
    if let Some(model) = field("model") {
        chat.insert("model".into(), model.into());
    }
    chat.insert("stream".into(), (field("stream") == Some("true")).into());
    let said = format!("an upload of {} bytes", form.len());
    chat.insert(
        "messages".into(),
        json!([{"role": "user", "content": said}]),
    );
    chat
}

/// The whole transcription.
pub(super) fn transcription(request: &Request) -> String {
    format!(r#"{{"text":{},{}}}"#, quote(&request.text), usage(request))
}

/// The same as events.
pub(super) fn transcription_stream(request: &Request) -> Events {
    let mut events = Events::default();
    for piece in request.pieces(&request.text) {
        let piece = quote(piece);
        events.data(format_args!(
            r#"{{"type":"transcript.text.delta","delta":{piece}}}"#
        ));
    }
    events.data(format_args!(
        r#"{{"type":"transcript.text.done","text":{},{}}}"#,
        quote(&request.text),
        usage(request)
    ));
    events
}

fn usage(request: &Request) -> String {
    let (input, output) = (request.input_tokens, request.output_tokens());
    format!(
        r#""usage":{{"type":"tokens","input_tokens":{input},"output_tokens":{output},"total_tokens":{}}}"#,
        input + output
    )
}
