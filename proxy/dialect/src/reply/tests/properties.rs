//! Properties of every dialect, however the bytes are split.

use proptest::prelude::*;

use super::{fixtures::all, *};

/// The texts that a client must have after the tests' policy.
fn expected(dialect: Dialect, streaming: bool, bytes: &[u8]) -> Texts {
    let mut texts = client(dialect, streaming, bytes);
    for (name, text) in &mut texts {
        if !name.starts_with("thinking") {
            *text = text.replace(MARKER, VALUE);
        }
    }
    texts
}

fn hold_back(dialect: Dialect, streaming: bool, pieces: &[&[u8]]) -> Ran {
    let mut policy = HoldBack::default();
    run(
        reply(dialect, streaming),
        pieces,
        Some(&mut |delta| policy.edit(delta)),
    )
}

#[test]
fn without_edits_every_byte_leaves_as_it_came_at_every_split() {
    for (dialect, streaming, bytes) in all() {
        let once = run(reply(dialect, streaming), &[&bytes], None);
        assert!(once.reply.ended());
        assert_eq!(once.channels.len(), once.lasts.len(), "every channel ends");
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            let ran = run(reply(dialect, streaming), &[a, b], None);
            assert!(ran.bytes == bytes, "{dialect:?} at {at}");
            assert_eq!(ran.channels, once.channels);
        }
    }
}

#[test]
fn a_policy_that_holds_back_is_obeyed_at_every_split() {
    for (dialect, streaming, bytes) in all() {
        let expected = expected(dialect, streaming, &bytes);
        assert!(expected.values().any(|text| text.contains(VALUE)));
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            let ran = hold_back(dialect, streaming, &[a, b]);
            assert_eq!(client(dialect, streaming, &ran.bytes), expected, "{at}");
        }
    }
}

#[test]
fn what_policies_see_is_what_the_client_would_have_read() {
    for (dialect, streaming, bytes) in all() {
        let mut shown: Vec<_> = run(reply(dialect, streaming), &[&bytes], None)
            .channels
            .into_values()
            // quoted from the request
            .filter(|text| text != "Say [[NAME]].")
            .collect();
        let mut read: Vec<_> = client(dialect, streaming, &bytes)
            .into_iter()
            .filter(|(name, _)| !name.starts_with("thinking"))
            .filter(|(name, _)| {
                dialect != Dialect::OpenaiResponses || !streaming || name.starts_with("delta")
            })
            .map(|(_, text)| text)
            .collect();
        let source = dialect == Dialect::AnthropicMessages && !streaming;
        let google = [Dialect::GeminiGenerate, Dialect::GeminiInteractions];
        if source || google.contains(&dialect) {
            // the other parser spells the tool's input differently
            read.retain(|text| !text.contains("who"));
            shown.retain(|text| !text.contains("who"));
        }
        shown.sort();
        read.sort();
        assert_eq!(shown, read, "{dialect:?}");
    }
}

#[test]
fn other_line_ends_are_kept_and_edited_alike() {
    for (dialect, streaming, bytes) in all().into_iter().filter(|(_, streaming, _)| *streaming) {
        let expected = expected(dialect, streaming, &bytes);
        for end in ["\r\n", "\r"] {
            let bytes = String::from_utf8(bytes.clone()).unwrap().replace('\n', end);
            let bytes = format!("\u{feff}: hello{end}{end}{bytes}").into_bytes();
            assert!(run(reply(dialect, true), &[&bytes], None).bytes == bytes);
            let ran = hold_back(dialect, streaming, &[&bytes]);
            assert_eq!(client(dialect, streaming, &ran.bytes), expected);
        }
    }
}

#[test]
fn data_on_several_lines_is_kept_and_comes_out_on_one_when_edited() {
    for (dialect, streaming, bytes) in all().into_iter().filter(|(_, streaming, _)| *streaming) {
        let expected = expected(dialect, streaming, &bytes);
        let text = String::from_utf8(bytes).unwrap();
        let bytes = text.replace(r#","index""#, ",\ndata: \"index\"");
        let bytes = bytes.replace(
            r#""choices":["#,
            "\"choices\":\ndata:[\n: note\nid: 4\ndata:",
        );
        let bytes = bytes.replace(r#","output_index""#, "\ndata: ,\"output_index\"");
        assert_ne!(text, bytes);
        let bytes = bytes.into_bytes();
        assert!(run(reply(dialect, true), &[&bytes], None).bytes == bytes);
        let ran = hold_back(dialect, streaming, &[&bytes]);
        assert_eq!(client(dialect, streaming, &ran.bytes), expected);
    }
}

#[test]
fn places_that_nobody_wants_are_neither_shown_nor_changed() {
    for (dialect, streaming, bytes) in all() {
        let places = Places::NONE.with(Place::ToolArguments);
        let reply = match streaming {
            true => Reply::stream(dialect, places, LIMITS),
            false => Reply::whole(dialect, places, LIMITS),
        };
        let ran = run(
            reply,
            &[&bytes],
            Some(&mut |delta| {
                assert_eq!(delta.place, Place::ToolArguments);
                Some(delta.text.replace("who", "why"))
            }),
        );
        let mut expected = client(dialect, streaming, &bytes);
        for text in expected.values_mut() {
            *text = text.replace("who\"", "why\"");
        }
        assert_eq!(client(dialect, streaming, &ran.bytes), expected);
    }
}

#[test]
fn text_that_arrives_while_a_batch_is_out_waits_for_the_next() {
    for (dialect, streaming, bytes) in all().into_iter().filter(|(_, streaming, _)| *streaming) {
        let (a, b) = bytes.split_at(bytes.len() / 2);
        let mut reply = reply(dialect, streaming);
        reply.push(a).unwrap();
        assert_eq!(reply.write(&[]).unwrap(), "", "nothing was shown yet");
        let first = reply.deltas();
        reply.push(b).unwrap();
        reply.finish().unwrap();
        let mut out = reply.write(&vec![None; first.len()]).unwrap().to_vec();
        assert!(out.len() <= a.len());
        let second = reply.deltas();
        assert!(!second.is_empty());
        out.extend_from_slice(&reply.write(&[]).unwrap());
        assert!(out == bytes);
    }
}

/// Puts a marker for each string value of a document by turns, and beside each value, under a key
/// that nobody knows.
fn marked(value: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::Value;
    let mut all = Vec::new();
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if ["type", "object", "role", "event_type"].contains(&key.as_str()) {
                    continue;
                }
                for marked in marked(member) {
                    let mut copy = members.clone();
                    copy.insert(key.clone(), marked);
                    all.push(Value::Object(copy));
                }
            }
            for unknown in [
                serde_json::json!("a secret@mark.er b"),
                serde_json::json!({"deep": ["secret@mark.er"]}),
            ] {
                let mut copy = members.clone();
                copy.insert("tomorrow".to_owned(), unknown);
                all.push(Value::Object(copy));
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                for marked in marked(element) {
                    let mut copy = elements.clone();
                    copy[at] = marked;
                    all.push(Value::Array(copy));
                }
            }
            let more = [elements.clone(), vec!["a secret@mark.er b".into()]].concat();
            all.push(Value::Array(more));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            all.push("a secret@mark.er b".into());
        }
    }
    all
}

#[test]
fn a_marker_anywhere_is_shown_or_counted() {
    for (dialect, streaming, bytes) in all() {
        let documents: Vec<_> = match streaming {
            true => json_events(&bytes),
            false => vec![serde_json::from_slice(&bytes).unwrap()],
        };
        for document in documents {
            let name = document["type"]
                .as_str()
                .or(document["event_type"].as_str());
            let name = name.unwrap_or_default();
            for marked in marked(&document) {
                let source = marked.to_string();
                let bytes = match streaming {
                    true => format!("event: {name}\ndata: {source}\n\n"),
                    false => source.clone(),
                };
                let ran = run(reply(dialect, streaming), &[bytes.as_bytes()], None);
                let shown = ran
                    .channels
                    .values()
                    .any(|text| text.contains("secret@mark.er"));
                let counted = !ran.reply.unseen().is_empty();
                assert!(shown || counted, "{dialect:?}: {source}");
                assert!(ran.bytes == bytes.as_bytes());
            }
        }
    }
}

#[test]
fn the_number_of_edits_must_fit() {
    let (dialect, streaming, bytes) = all().remove(0);
    let mut reply = reply(dialect, streaming);
    reply.push(&bytes).unwrap();
    let deltas = reply.deltas();
    assert!(reply.write(&vec![None; deltas.len() - 1]).is_err());
}

/// Cuts bytes into pieces of the given sizes, over and over.
fn pieces<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sizes_of_pieces_give_the_same(
        which in 0_usize..14,
        sizes in prop::collection::vec(1_usize..300, 1..6),
    ) {
        let (dialect, streaming, bytes) = all().remove(which);
        let pieces = pieces(&bytes, &sizes);
        let ran = run(reply(dialect, streaming), &pieces, None);
        prop_assert!(ran.bytes == bytes);
        let ran = hold_back(dialect, streaming, &pieces);
        let expected = expected(dialect, streaming, &bytes);
        prop_assert_eq!(client(dialect, streaming, &ran.bytes), expected);
    }

    #[test]
    fn a_chat_in_random_chunks_is_replaced_as_a_whole(
        texts in prop::collection::vec(
            prop::sample::select(vec!["[", "[[NA", "ME]]", "[[NAME]]", "é😀", "\"\\\n", "NAME", "]]", " "]),
            1..20,
        ),
        choices in prop::collection::vec(0_u32..3, 20),
        sizes in prop::collection::vec(1_usize..400, 1..4),
        with_end: bool,
    ) {
        let mut chunks: Vec<String> = texts.iter().zip(&choices).map(|(text, choice)| {
            let text = serde_json::to_string(text).unwrap();
            format!(r#"{{"choices":[{{"index":{choice},"delta":{{"content":{text}}},"finish_reason":null}}]}}"#)
        }).collect();
        if with_end {
            for choice in 0..3 {
                chunks.push(format!(r#"{{"choices":[{{"finish_reason":"stop","index":{choice},"delta":{{}}}}]}}"#));
            }
        }
        chunks.push("data: [DONE]".to_owned());
        let bytes = fixtures::chat(&chunks);
        let ran = hold_back(Dialect::OpenaiChat, true, &pieces(&bytes, &sizes));
        let expected = expected(Dialect::OpenaiChat, true, &bytes);
        prop_assert_eq!(client(Dialect::OpenaiChat, true, &ran.bytes), expected);
        prop_assert!(ran.bytes.ends_with(b"data: [DONE]\n\n"));
    }

    #[test]
    fn bytes_that_make_no_sense_pass_and_never_panic(
        which in 0_usize..14,
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        sizes in prop::collection::vec(1_usize..500, 1..4),
        edit: bool,
    ) {
        let (dialect, streaming, mut bytes) = all().remove(which);
        for (at, byte) in noise {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let pieces = pieces(&bytes, &sizes);
        let ran = run(reply(dialect, streaming), &pieces, None);
        prop_assert!(ran.bytes == bytes);
        if edit {
            let mut reply = ran.reply;
            reply.break_off("api_error", "cut");
            let mut policy = HoldBack::default();
            let mut reply = super::reply(dialect, streaming);
            for piece in pieces {
                reply.push(piece).unwrap();
                let deltas = reply.deltas();
                let edits: Vec<_> = deltas.iter().map(|delta| policy.edit(delta)).collect();
                // Arguments that are no JSON are read as they stand, and can't be rewritten.
                if reply.write(&edits).is_err() {
                    break;
                }
            }
            reply.refuse(&Refused { code: "x", message: "y" });
        }
    }
}
