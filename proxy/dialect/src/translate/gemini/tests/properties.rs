//! Properties of any bytes and any events.
#![expect(clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::{
    super::{reply_read::Reader, reply_write::Writer, request_read, request_write, schema},
    Events, context, google,
};
use crate::{
    Usage, arbitrary,
    translate::{
        event::{Event, Finish, Sink},
        format::{ReadReply, ReplyContext, WriteReply},
        loss::Dropped,
        opaque::{Opaque, OpaqueKind, Origin},
        text::Text,
    },
};

const REQUEST: &str = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"q\u0041"},{"inline_data":{"mimeType":"image/png","data":"AA=="}}]},{"role":"model","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{"n":1.5}},"thoughtSignature":"s"}]},{"role":"function","parts":[{"functionResponse":{"name":"f","response":{"error":"no"}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}}}}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"generationConfig":{"temperature":0.1,"stopSequences":["x"],"thinkingConfig":{"thinkingBudget":5}}}"#;

const STREAM: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"h\",\"thought\":true},{\"text\":\"a\\u00e9\"}]}}],\"responseId\":\"r\"}\n\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"s\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":2}}\n\n";

/// Reads and writes any request.
fn request(doc: &[u8]) {
    let body = schema::with_json_schemas(doc);
    let mut dropped = Dropped::default();
    if let Ok(read) = request_read::read(&body, &mut dropped)
        && let Ok(written) = request_write::write(&read, &google("gemini-3-pro"), &mut dropped)
    {
        let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(&written.body);
        assert!(parsed.is_ok(), "{}", String::from_utf8_lossy(&written.body));
    }
}

#[test]
fn a_request_that_is_cut_anywhere_is_refused() {
    for at in 0..REQUEST.len() {
        let cut = &REQUEST.as_bytes()[..at];
        let body = schema::with_json_schemas(cut);
        assert!(request_read::read(&body, &mut Dropped::default()).is_err());
    }
    request(REQUEST.as_bytes());
}

#[test]
fn a_stream_that_is_cut_anywhere_has_no_end() {
    use crate::{
        Dialect,
        translate::{Reply, Wire},
    };
    for at in 0..=STREAM.len() {
        let reply = |caller| Reply::new(caller, Wire::Gemini, true, context(true)).unwrap();
        let mut cut = reply(Dialect::GeminiGenerate);
        let out = cut
            .push(&STREAM.as_bytes()[..at])
            .and_then(|_| cut.finish());
        assert!(out.is_ok());
        let whole = at == STREAM.len();
        assert_eq!(cut.is_whole(), whole, "{at} of {}", STREAM.len());
    }
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let text = || "[a\"\\\\\n{}é]{0,4}".prop_map(Text::plain);
    let (choice, call) = (0..2_u32, 0..3_u32);
    prop_oneof![
        Just(()).prop_map(|()| Event::Begin {
            id: None,
            model: None
        }),
        (choice.clone(), text()).prop_map(|(choice, text)| Event::Text { choice, text }),
        (choice.clone(), text()).prop_map(|(choice, text)| Event::Reasoning { choice, text }),
        (choice.clone(), text()).prop_map(|(choice, text)| Event::Refusal { choice, text }),
        (choice.clone(), text()).prop_map(|(choice, data)| Event::Opaque {
            choice,
            opaque: Opaque::of(Origin(1), OpaqueKind::Redacted, data),
        }),
        (choice.clone(), call.clone(), text()).prop_map(|(choice, call, name)| Event::Call {
            choice,
            call,
            id: None,
            name
        }),
        (
            choice.clone(),
            call.clone(),
            prop_oneof![
                text(),
                prop::sample::select(vec!["{", "}", "\"a\":1", "{\"a\":\n1}"])
                    .prop_map(Text::plain)
            ]
        )
            .prop_map(|(choice, call, text)| Event::Arguments { choice, call, text }),
        (choice.clone(), call).prop_map(|(choice, call)| Event::CallEnd { choice, call }),
        (0..9_u64, 0..9_u64).prop_map(|(input, output)| Event::Usage(Usage {
            input,
            output,
            ..Usage::default()
        })),
        (choice, prop::sample::select(Finish::ALL.to_vec())).prop_map(|(choice, reason)| {
            Event::Finish {
                choice,
                reason,
                stop: None,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn any_document_is_a_request_or_refused(doc in arbitrary::mutated(), at in 0..REQUEST.len()) {
        request(&doc);
        let mut inside = REQUEST.as_bytes()[..at].to_vec();
        inside.extend_from_slice(&doc);
        inside.extend_from_slice(&REQUEST.as_bytes()[at..]);
        request(&inside);
    }

    #[test]
    fn any_value_of_any_member_is_taken_or_refused(doc in arbitrary::document(), which in 0..40_usize) {
        let colons: Vec<_> = REQUEST.match_indices(':').map(|(at, _)| at + 1).collect();
        let at = colons[which % colons.len()];
        let mut cursor = crate::json::Cursor::starting(REQUEST.as_bytes(), at);
        let end = cursor.skip().unwrap().end;
        let mut body = REQUEST.as_bytes()[..at].to_vec();
        body.extend_from_slice(&doc);
        body.extend_from_slice(&REQUEST.as_bytes()[end..]);
        request(&body);
    }

    #[test]
    fn any_document_is_a_reply_or_malformed(doc in arbitrary::mutated()) {
        let mut reader = Reader::new(context(false));
        let _ = reader.read_whole(&doc, &mut Events::default());
        let inside = [&br#"{"candidates":[{"content":{"parts":["#[..], &doc, br#"]},"finishReason":"STOP"}],"promptFeedback":"#, &doc, b"}"].concat();
        let mut reader = Reader::new(context(false));
        let _ = reader.read_whole(&inside, &mut Events::default());
    }

    #[test]
    fn any_events_are_written_as_json_of_every_form(
        events in prop::collection::vec(event(), 0..20),
        form in 0..3_u8,
    ) {
        let mut writer = Writer::new(ReplyContext { listed: form == 2, ..context(form > 0) });
        for event in events {
            writer.take(event);
        }
        writer.take(Event::End);
        let out = String::from_utf8(writer.take_written()).unwrap();
        let documents: Vec<&str> = match form {
            1 => out.trim_end().split("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect(),
            _ => vec![&out],
        };
        for document in documents {
            prop_assert!(!document.contains('\n') || form == 2);
            let mut events = Events::default();
            Reader::new(context(false)).read_whole(document.as_bytes(), &mut events).unwrap();
        }
    }
}
