//! Whole, stream, whole: whatever the document says, it says it again.

use proptest::{collection::vec, option, prelude::*};

use super::{super::events::pieces, *};
use crate::arbitrary::{document, literal};

/// `,"name":value`, or nothing.
fn maybe(
    name: &'static str,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    option::of(value).prop_map(move |value| {
        value.map_or_else(String::new, |value| format!(",\"{name}\":{value}"))
    })
}

fn source() -> impl Strategy<Value = String> {
    document().prop_map(|json| String::from_utf8(json).unwrap())
}

fn list(element: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    vec(element, 0..most).prop_map(|elements| format!("[{}]", elements.join(", ")))
}

/// A string of some length, in many spellings.
fn text() -> impl Strategy<Value = String> {
    vec(literal(), 0..6).prop_map(|parts| {
        let insides = parts.iter().map(|part| &part[1..part.len() - 1]);
        format!("\"{}\"", insides.collect::<Vec<_>>().join(" "))
    })
}

fn or_null(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    option::of(value).prop_map(|value| value.unwrap_or_else(|| "null".to_owned()))
}

fn chat() -> impl Strategy<Value = String> {
    let call = (literal(), literal(), text()).prop_map(|(id, name, arguments)| {
        format!(r#"{{"id":{id},"type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#)
    });
    let members = [
        maybe("reasoning_content", or_null(text())).boxed(),
        maybe("refusal", or_null(text())).boxed(),
        maybe("tool_calls", list(call, 3)).boxed(),
        maybe("x_unknown", source()).boxed(),
    ];
    let logprobs =
        or_null(list(source(), 3).prop_map(|tokens| format!(r#"{{"content":{tokens}}}"#)));
    let choice = (
        or_null(text()),
        members,
        maybe("logprobs", logprobs),
        maybe("x_choice", source()),
    );
    let choice = choice.prop_map(|(content, members, logprobs, unknown)| {
        let members = members.concat();
        format!(r#""message": {{"role":"assistant","content":{content}{members}}}{logprobs}, "finish_reason":"stop"{unknown}"#)
    });
    let number = |(at, choice): (usize, String)| format!(r#"{{"index":{at},{choice}}}"#);
    (vec(choice, 1..4), maybe("x_top", source()), source()).prop_map(move |(choices, unknown, usage)| {
        let choices: Vec<_> = choices.into_iter().enumerate().map(number).collect();
        let choices = choices.join(",");
        format!(r#"{{"id":"c","object":"chat.completion","created":1,"model":"m"{unknown},"choices":[{choices}],"usage":{{"u":{usage}}}}}"#)
    })
}

fn message() -> impl Strategy<Value = String> {
    let cited = or_null(list(source(), 3));
    let block = prop_oneof![
        (text(), maybe("citations", cited))
            .prop_map(|(text, cited)| format!(r#"{{"type":"text","text":{text}{cited}}}"#)),
        (text(), literal()).prop_map(|(text, signed)| format!(
            r#"{{"type":"thinking","thinking":{text},"signature":{signed}}}"#
        )),
        (literal(), source()).prop_map(|(name, input)| format!(
            r#"{{"type":"tool_use","id":"t","name":{name},"input":{{"a":{input}}}}}"#
        )),
        Just(r#"{"type":"tool_use","id":"t","name":"n","input":{ }}"#.to_owned()),
        source().prop_map(|result| format!(
            r#"{{"type":"web_search_tool_result","content":{result}}}"#
        )),
        literal().prop_map(|data| format!(r#"{{"type":"redacted_thinking","data":{data}}}"#)),
    ];
    (list(block, 5), maybe("x_unknown", source()), 1_u32..99).prop_map(|(content, unknown, output)| {
        format!(r#"{{"id":"m","type":"message","role":"assistant","model":"c","content":{content},"stop_reason":"end_turn","stop_sequence":null{unknown},"usage":{{"input_tokens":7,"output_tokens":{output}}}}}"#)
    })
}

fn response() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        (text(), maybe("annotations", list(source(), 3))).prop_map(|(text, notes)| format!(
            r#"{{"type":"output_text","text":{text}{notes},"logprobs":[]}}"#
        )),
        text().prop_map(|text| format!(r#"{{"type":"refusal","refusal":{text}}}"#)),
    ];
    let summary = text().prop_map(|text| format!(r#"{{"type":"summary_text","text":{text}}}"#));
    let item = prop_oneof![
        list(part, 3).prop_map(|content| format!(r#"{{"type":"message","id":"m","status":"completed","role":"assistant","content":{content}}}"#)),
        (list(summary, 3), literal()).prop_map(|(summary, secret)| format!(r#"{{"type":"reasoning","id":"r","summary":{summary},"encrypted_content":{secret}}}"#)),
        text().prop_map(|text| format!(r#"{{"type":"function_call","id":"f","call_id":"c","name":"n","arguments":{text}}}"#)),
        text().prop_map(|text| format!(r#"{{"type":"custom_tool_call","id":"f","call_id":"c","name":"n","input":{text}}}"#)),
    ];
    (list(item, 5), maybe("x_unknown", source())).prop_map(|(output, unknown)| {
        format!(r#"{{"id":"r","object":"response","created_at":1,"status":"completed","output":{output}{unknown},"usage":{{"input_tokens":36,"output_tokens":87}}}}"#)
    })
}

/// Neighbouring plain texts come back as one, so there are none.
fn gemini() -> impl Strategy<Value = String> {
    let spaced = prop_oneof![
        source()
            .prop_map(|args| format!(r#"{{"functionCall":{{"name":"f","args":{{"a":{args}}}}}}}"#)),
        literal().prop_map(|signed| format!(r#"{{"text":"","thoughtSignature":{signed}}}"#)),
    ];
    let parts = (text(), maybe("thought", Just("true".to_owned())), spaced).prop_map(
        |(text, thought, spaced)| {
            let inside = &text[1..text.len() - 1];
            format!(r#"{{"text":"t{inside}"{thought}}},{spaced}"#)
        },
    );
    (vec(list(parts, 4), 1..3), source()).prop_map(|(candidates, usage)| {
        let candidates: Vec<_> = candidates
            .into_iter()
            .enumerate()
            .map(|(at, parts)| {
                let parts = if parts == "[]" {
                    String::new()
                } else {
                    format!(r#","parts":{parts}"#)
                };
                format!(
                    r#"{{"content":{{"role":"model"{parts}}},"finishReason":"STOP","index":{at}}}"#
                )
            })
            .collect();
        let candidates = candidates.join(",");
        format!(r#"{{"candidates":[{candidates}],"usageMetadata":{usage},"modelVersion":"g"}}"#)
    })
}

fn round(dialect: &str, document: &str) -> Vec<u8> {
    let stream = stream(dialect, document.as_bytes());
    let again = whole(dialect, &stream);
    assert_eq!(value(&again), value(document.as_bytes()), "{document}");
    stream
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_chat_comes_back(document in chat()) {
        let stream = round("openai.chat", &document);
        let (whole, streamed) = (decoded(Dialect::OpenaiChat, false, document.as_bytes()), decoded(Dialect::OpenaiChat, true, &stream));
        prop_assert_eq!(whole, streamed);
    }

    #[test]
    fn a_message_comes_back(document in message()) {
        let stream = round("anthropic.messages", &document);
        let dialect = Dialect::AnthropicMessages;
        let (mut whole, mut streamed) = (decoded(dialect, false, document.as_bytes()), decoded(dialect, true, &stream));
        // No input is `{}` in a whole reply and no text at all in a stream.
        for (channels, _) in [&mut whole, &mut streamed] {
            channels.retain(|(_, _, text)| text != "{ }" && text != "{}");
        }
        prop_assert_eq!(whole, streamed);
    }

    #[test]
    fn a_response_comes_back(document in response()) {
        let stream = round("openai.responses", &document);
        let dialect = Dialect::OpenaiResponses;
        prop_assert_eq!(decoded(dialect, false, document.as_bytes()), decoded(dialect, true, &stream));
    }

    #[test]
    fn a_gemini_reply_comes_back(document in gemini()) {
        round("gemini.generate", &document);
    }

    #[test]
    fn pieces_are_strings_of_their_own_and_together_what_was_cut(literal in text(), times in 1_usize..40) {
        let inside = literal[1..literal.len() - 1].repeat(times);
        let pieces = pieces(inside.as_bytes());
        prop_assert_eq!(pieces.concat(), inside.as_bytes());
        prop_assert!(pieces.len() <= 257);
        for piece in pieces {
            prop_assert!(!piece.is_empty());
            let quoted = format!("\"{}\"", str::from_utf8(piece).unwrap());
            prop_assert!(serde_json::from_str::<String>(&quoted).is_ok(), "{}", quoted);
        }
    }

    #[test]
    fn bytes_that_make_no_sense_are_an_error_and_never_a_panic(
        which in 0_usize..5,
        document in chat(),
        noise in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        streaming: bool,
    ) {
        let dialects = ["openai.chat", "openai.completions", "anthropic.messages", "openai.responses", "gemini.generate"];
        let replay = replay(dialects[which]);
        let mut bytes = match streaming {
            true => stream("openai.chat", document.as_bytes()),
            false => document.into_bytes(),
        };
        for (at, byte) in noise {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = replay.whole_of(&bytes);
        let _ = replay.stream_of(&bytes, streaming);
        let _ = super::super::storable::storable(replay, &bytes, streaming, true);
    }
}
