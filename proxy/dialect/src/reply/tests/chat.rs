//! Chat Completions: what is particular about them.

use super::{fixtures::*, *};

const CHAT: Dialect = Dialect::OpenaiChat;

fn stream(chunks: &[&str], edit: Edit<'_>) -> Ran {
    edited(CHAT, true, &chat(chunks), edit)
}

#[test]
fn usage_finish_and_places_are_read() {
    for (streaming, bytes, places) in [(true, chat_stream(), 5), (false, chat_whole(), 5)] {
        let ran = run(reply(CHAT, streaming), &[&bytes], None);
        let usage = Usage {
            input: 19,
            cached: 8,
            output: 30,
            reasoning: 6,
            ..Usage::default()
        };
        assert_eq!(ran.reply.usage(), Some(usage));
        let finish = if streaming { "tool_calls" } else { "stop" };
        assert_eq!(ran.reply.finish_reason(), Some(finish));
        let labels: Vec<_> = ran.reply.unseen().iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, ["logprobs"]);
        assert_eq!(ran.channels.len(), places);
    }
}

#[test]
fn a_role_or_a_comment_is_no_content_and_the_first_text_is() {
    let mut reply = reply(CHAT, true);
    let events = chat_stream();
    let text = String::from_utf8(events).unwrap();
    let mut seen = Vec::new();
    for event in text.split_inclusive("\n\n").take(3) {
        reply.push(event.as_bytes()).unwrap();
        seen.push(reply.content_seen());
    }
    assert_eq!(seen, [false, false, true]);
}

#[test]
fn late_text_goes_into_a_chunk_of_the_streams_own_making_before_the_end() {
    let ran = stream(
        &[
            r#"{"choices":[{"index":2,"delta":{"content":"early"}}]}"#,
            r#"{"choices":[{"index":2,"delta":{"tool_calls":[{"index":4,"id":"c","function":{"name":"f","arguments":"[1"}}]}}]}"#,
            r#"{"choices":[{"index":2,"delta":{},"finish_reason":"stop"}]}"#,
            "data: [DONE]",
        ],
        &mut |delta| {
            Some(match delta.last {
                true => format!("late {:?}", delta.place),
                false => String::new(),
            })
        },
    );
    let events = json_events(&ran.bytes);
    // the text's chunk had nothing else and is gone; the tool's names it
    assert_eq!(events.len(), 4);
    assert_eq!(
        events[0]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
        ""
    );
    for (event, pointer, text) in [
        (&events[1], "/choices/0/delta/content", "late Assistant"),
        (
            &events[2],
            "/choices/0/delta/tool_calls/0/function/arguments",
            "late ToolArguments",
        ),
    ] {
        assert_eq!(event.pointer(pointer).unwrap(), text);
        assert_eq!(event["choices"][0]["index"], 2);
        assert!(event["choices"][0]["finish_reason"].is_null());
        for member in ["id", "object", "created", "model", "system_fingerprint"] {
            assert_eq!(event[member], events[3][member]);
        }
    }
    assert_eq!(
        events[2]["choices"][0]["delta"]["tool_calls"][0]["index"],
        4
    );
    assert_eq!(events[3]["choices"][0]["finish_reason"], "stop");
}

#[test]
fn late_text_uses_the_finishing_chunks_own_text_where_it_has_one() {
    let ran = stream(
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":0,"finish_reason":"stop","delta":{"content":""}}]}"#,
        ],
        &mut |delta| Some(if delta.last { "all" } else { "" }.to_owned()),
    );
    let events = json_events(&ran.bytes);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["choices"][0]["delta"]["content"], "all");
    assert_eq!(events[0]["choices"][0]["finish_reason"], "stop");
}

#[test]
fn an_emptied_chunk_is_dropped_only_if_it_tells_nothing_else() {
    let silent = [
        r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":""}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"x"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"q"}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"x","reasoning":"y","tool_calls":null},"logprobs":{"content":[1]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"x"}}]}}]}"#,
    ];
    let telling = [
        r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":""}],"usage":{}}"#,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"x"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":1}}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"x","annotations":[{"type":"url_citation"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"arguments":"x"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"x"},"content_filter_results":{}}]}"#,
    ];
    let mut count = |chunk: &str| {
        let bytes = chat(&[chunk]);
        let mut reply = reply(CHAT, true);
        reply.push(&bytes).unwrap();
        let edits: Vec<_> = reply.deltas().iter().map(|_| Some(String::new())).collect();
        json_events(&reply.write(&edits).unwrap()).len()
    };
    assert_eq!(silent.map(&mut count), [0; 4]);
    assert_eq!(telling.map(&mut count), [1; 6]);
}

#[test]
fn an_emptied_chunk_stays_for_the_text_that_nobody_requested() {
    let chunk = r#"{"choices":[{"index":0,"delta":{"content":"keep","tool_calls":[{"index":0,"function":{"arguments":"x"}}]}}]}"#;
    let bytes = chat(&[chunk]);
    let places = Places::NONE.with(Place::ToolArguments);
    let ran = run(
        Reply::stream(CHAT, places, LIMITS),
        &[&bytes],
        Some(&mut |_| Some(String::new())),
    );
    assert_eq!(client(CHAT, true, &ran.bytes)["content 0"], "keep");
}

#[test]
fn log_probabilities_go_with_the_first_edit_and_stay_without() {
    let chunk = r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}}]}"#;
    let other = r#"{"choices":[{"index":1,"delta":{"content":"b"},"logprobs":{"content":[{"token":"b"}]}}]}"#;
    let mut number = 0;
    let ran = stream(&[chunk, other, chunk, chunk], &mut |delta| {
        number += 1;
        (number == 3).then(|| delta.text.to_uppercase())
    });
    let kept = json_events(&ran.bytes)
        .into_iter()
        .filter(|event| event["choices"].is_array())
        .map(|event| !event["choices"][0]["logprobs"].is_null())
        .collect::<Vec<_>>();
    assert_eq!(kept, [true, true, false, false]);
}

#[test]
fn text_behind_a_finish_reason_goes_on_with_its_channel() {
    let chunk = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    let ran = stream(&[chunk, chunk], &mut |_| None);
    assert_eq!(ran.channels[&0], "aa");
    assert_eq!(ran.lasts, [0]);
}

#[test]
fn open_channels_end_with_done_or_with_the_body() {
    let open = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    for (chunks, ended) in [(&[open, "data: [DONE]"][..], true), (&[open], false)] {
        let mut kept_back = |delta: &Delta| Some(if delta.last { "b" } else { "" }.to_owned());
        let ran = stream(chunks, &mut kept_back);
        assert_eq!(ran.reply.ended(), ended);
        assert_eq!(client(CHAT, true, &ran.bytes)["content 0"], "b");
        assert_eq!(ran.bytes.ends_with(b"data: [DONE]\n\n"), ended);
    }
}

#[test]
fn an_event_that_turns_out_to_be_no_json_ends_nothing() {
    let ran = stream(
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]} x"#,
            "data: [DONE]",
        ],
        &mut |delta| Some(if delta.last { "late" } else { "" }.to_owned()),
    );
    assert_eq!(ran.lasts, [0]);
    let text = String::from_utf8(ran.bytes).unwrap();
    let late = text.find("late").unwrap();
    assert!(text.find("} x\n\n").unwrap() < late && late < text.find("[DONE]").unwrap());
    assert_eq!(text.matches("data: ").count(), 3);
}

#[test]
fn a_terminator_without_its_blank_line_counts() {
    let mut bytes = chat(&[r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#]);
    bytes.extend_from_slice(b"data: [DONE]\n");
    let ran = run(reply(CHAT, true), &[&bytes], None);
    assert!(ran.reply.ended());
    assert_eq!(ran.bytes, bytes);
    assert_eq!(ran.lasts, [0]);
}

#[test]
fn content_in_parts_is_shown_part_by_part() {
    let ran = stream(
        &[
            r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"AAAA"}},{"type":"text","text":"b"}]}}]}"#,
        ],
        &mut |delta| Some(delta.text.to_uppercase()),
    );
    let event = &json_events(&ran.bytes)[0]["choices"][0]["delta"]["content"];
    assert_eq!(
        (&event[0]["text"], &event[2]["text"]),
        (&"A".into(), &"B".into())
    );
    assert_eq!(ran.reply.unseen()[0].0, "image");
}

#[test]
fn what_is_not_shown_is_counted() {
    let ran = stream(
        &[
            r#"{"choices":[{"index":0,"delta":{"audio":{"data":"AAAA","transcript":"hi"}}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"images":[{"image_url":{"url":"data:image/png;base64,AAAA"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"new_text":"hello"}}]}"#,
            "data: not json",
            ": ping",
            r#"{"choices":[{"index":0,"delta":{"content":"half"#,
        ],
        &mut |_| None,
    );
    let labels: Vec<_> = ran.reply.unseen().iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["audio", "image", "event"]);
    let shown: Vec<_> = ran.channels.values().collect();
    assert_eq!(
        shown,
        ["hi", "hello"],
        "what could not be read is forgotten"
    );
}

#[test]
fn what_an_error_quotes_is_shown() {
    let body = br#"{"error":{"message":"no [[NAME]]","type":"t","param":null,"code":null}}"#;
    for streaming in [true, false] {
        let bytes = match streaming {
            true => [&b"data: "[..], body, b"\n\n"].concat(),
            false => body.to_vec(),
        };
        let ran = edited(CHAT, streaming, &bytes, &mut |delta| {
            assert_eq!((delta.place, delta.last), (Place::Other, true));
            Some(delta.text.replace(MARKER, VALUE))
        });
        let text = String::from_utf8(ran.bytes).unwrap();
        assert!(text.contains(&format!("no {VALUE}")), "{text}");
    }
}

#[test]
fn what_is_no_reply_has_no_channels_and_passes() {
    for body in [&b"<html>502</html>"[..], b""] {
        let ran = run(reply(CHAT, false), &[body], None);
        assert_eq!(ran.bytes, body);
        assert!(ran.channels.is_empty());
    }
}

#[test]
fn a_body_over_the_limit_is_an_error() {
    let limits = ReplyLimits {
        event: 64,
        body: 64,
    };
    let mut whole = Reply::whole(CHAT, Places::ALL, limits);
    assert!(whole.push(&[b' '; 65]).is_err());
    let mut stream = Reply::stream(CHAT, Places::ALL, limits);
    stream.push(b"data: 1\n\n").unwrap();
    assert!(stream.push(&[b' '; 65]).is_err());
    // nor can anything slip out behind it
    assert!(stream.push(b"\n\n").is_err());
    assert!(stream.deltas().is_empty());
    assert!(stream.write(&[]).is_err());
    assert!(
        stream
            .break_off("api_error", "too large")
            .starts_with(b"event: error")
    );
}

#[test]
fn reasoning_in_parts_and_transcripts_grow() {
    for (before, after, place) in [
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":""#,
            r#""}]}]}"#,
            Place::Reasoning,
        ),
        (
            r#"{"content":[{"type":"thinking","thinking":""#,
            r#""}]}"#,
            Place::Reasoning,
        ),
        (r#"{"audio":{"transcript":""#, r#""}}"#, Place::Assistant),
    ] {
        let chunks: Vec<String> = ["to [[NA", "ME]]", " ["]
            .iter()
            .map(|text| format!(r#"{{"choices":[{{"index":0,"delta":{before}{text}{after}}}]}}"#))
            .collect();
        let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
        let mut chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        chunks.extend([end, "data: [DONE]"]);
        let mut policy = HoldBack::default();
        let ran = stream(&chunks, &mut |delta| {
            assert_eq!(delta.place, place);
            policy.edit(delta)
        });
        let said: String = json_events(&ran.bytes)
            .iter()
            .map(|event| {
                let delta = &event["choices"][0]["delta"];
                let part = &delta["content"][0]["thinking"];
                let texts = [part, &part[0]["text"], &delta["audio"]["transcript"]];
                let found = texts.iter().find_map(|text| text.as_str());
                found.unwrap_or_default().to_owned()
            })
            .collect();
        assert_eq!(said, format!("to {VALUE} ["));
    }
}

#[test]
fn azures_verdicts_on_content_are_neither_content_nor_unseen() {
    let filtered = r#""content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198}"#;
    let chunks = [
        r#"{"choices":[],"id":"","model":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"jailbreak":{"filtered":false,"detected":false}}}]}"#.to_owned(),
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null,"content_filter_results":{}}]}"#.to_owned(),
        format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"hello"}},"finish_reason":null,{filtered}}}]}}"#),
        format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop",{filtered}}}]}}"#),
        // an asynchronous filter's word comes late, and in a chunk without a delta
        format!(r#"{{"choices":[{{"index":0,"finish_reason":null,{filtered}}}]}}"#),
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#.to_owned(),
        "data: [DONE]".to_owned(),
    ];
    let bytes = chat(&chunks);
    let mut reply = reply(CHAT, true);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let (mut seen, mut texts) = (Vec::new(), Vec::new());
    for event in text.split_inclusive("\n\n") {
        reply.push(event.as_bytes()).unwrap();
        seen.push(reply.content_seen());
        texts.extend(reply.deltas().iter().map(|delta| delta.text.to_string()));
        reply.write(&[]).unwrap();
    }
    let ran = run(super::reply(CHAT, true), &[&bytes], None);
    assert_eq!(ran.bytes, bytes, "no byte is touched");
    assert_eq!(seen[..3], [false, false, true]);
    assert_eq!(texts.concat(), "hello");
    assert_eq!(reply.unseen(), []);
    assert_eq!(reply.finish_reason(), Some("stop"));
    assert_eq!(
        reply.usage().map(|usage| (usage.input, usage.output)),
        Some((3, 1))
    );
    assert!(reply.ended());
}
