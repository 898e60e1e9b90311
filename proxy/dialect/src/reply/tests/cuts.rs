//! The ends of channels, and letters that are cut by the border of two deltas.

use super::{fixtures::chat, *};

fn chunk(content: &str, finish: &str) -> String {
    format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"{content}"}},"finish_reason":{finish}}}]}}"#
    )
}

fn stream(chunks: &[String]) -> Vec<u8> {
    [chat(chunks), chat(&["data: [DONE]"])].concat()
}

fn gemini(text: &str) -> String {
    format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}},\"finishReason\":\"STOP\",\"index\":0}}]}}\n\n"
    )
}

/// Sends the events one by one through the tests' policy.
fn one_by_one(dialect: Dialect, bytes: &[u8]) -> Ran {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let events: Vec<&[u8]> = text.split_inclusive("\n\n").map(str::as_bytes).collect();
    let mut policy = HoldBack::default();
    run(
        reply(dialect, true),
        &events,
        Some(&mut |delta| policy.edit(delta)),
    )
}

#[test]
fn a_finish_reason_in_every_chunk_ends_no_channel() {
    let pieces = ["Dear [[", "NA", "ME]] an", "d [[NAME]", "]"];
    let chunks: Vec<_> = pieces.iter().map(|text| chunk(text, "\"stop\"")).collect();
    for bytes in [stream(&chunks), chat(&chunks)] {
        let ran = one_by_one(Dialect::OpenaiChat, &bytes);
        let texts = client(Dialect::OpenaiChat, true, &ran.bytes);
        assert_eq!(texts["content 0"], format!("Dear {VALUE} and {VALUE}"));
        assert_eq!(ran.lasts, [0], "one channel, and it ends once");
    }
    let bytes: String = pieces.iter().map(|text| gemini(text)).collect();
    let ran = one_by_one(Dialect::GeminiGenerate, bytes.as_bytes());
    let texts = client(Dialect::GeminiGenerate, true, &ran.bytes);
    assert_eq!(texts["text 0"], format!("Dear {VALUE} and {VALUE}"));
    assert_eq!(ran.lasts, [0]);
    assert!(ran.reply.ended());
}

#[test]
fn choices_that_finish_in_every_chunk_by_turns_stay_open() {
    let chunk = |choice: u32, text: &str| {
        chunk(text, "\"stop\"").replace(r#""index":0"#, &format!(r#""index":{choice}"#))
    };
    let chunks = [
        chunk(0, "a ["),
        chunk(1, "b [[N"),
        chunk(0, "[NAME"),
        chunk(1, "AME]]"),
        chunk(0, "]]"),
    ];
    let ran = one_by_one(Dialect::OpenaiChat, &stream(&chunks));
    let texts = client(Dialect::OpenaiChat, true, &ran.bytes);
    assert_eq!(texts["content 0"], format!("a {VALUE}"));
    assert_eq!(texts["content 1"], format!("b {VALUE}"));
}

#[test]
fn a_reason_between_every_two_chunks_ends_no_channel() {
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let pieces = ["Dear [[", "NA", "ME]] an", "d [[NAME]", "]"];
    let chunks: Vec<_> = pieces
        .iter()
        .flat_map(|text| [chunk(text, "null"), end.to_owned()])
        .collect();
    let ran = one_by_one(Dialect::OpenaiChat, &stream(&chunks));
    let texts = client(Dialect::OpenaiChat, true, &ran.bytes);
    assert_eq!(texts["content 0"], format!("Dear {VALUE} and {VALUE}"));
    assert_eq!(ran.lasts, [0]);
}

#[test]
fn a_chunk_with_a_finish_waits_only_for_the_next_event() {
    for last in [
        chunk("a", "\"stop\""),
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned(),
    ] {
        let mut reply = reply(Dialect::OpenaiChat, true);
        reply.push(&chat(&[&chunk("b", "null"), &last])).unwrap();
        assert_eq!(reply.deltas().len(), 1);
        reply.write(&[]).unwrap();
        reply
            .push(&chat(&[r#"{"choices":[],"usage":null}"#]))
            .unwrap();
        let deltas = reply.deltas();
        assert_eq!((deltas.len(), deltas[0].last), (1, true));
        reply.write(&[]).unwrap();
    }
}

#[test]
fn half_a_letter_waits_for_its_other_half() {
    let chunks = [
        chunk(r"Hi \ud83d", "null"),
        chunk(r"\ude00 [[NAME]] \ud83d", "null"),
        chunk(r"\ude01", "null"),
        chunk("!", "null"),
    ];
    let bytes = stream(&chunks);
    let unchanged = run(reply(Dialect::OpenaiChat, true), &[&bytes], None);
    assert!(unchanged.bytes == bytes);
    assert_eq!(unchanged.channels[&0], "Hi \u{1f600} [[NAME]] \u{1f601}!");
    for at in 0..=bytes.len() {
        let (a, b) = bytes.split_at(at);
        let mut policy = HoldBack::default();
        let ran = run(
            reply(Dialect::OpenaiChat, true),
            &[a, b],
            Some(&mut |delta| policy.edit(delta)),
        );
        // the halves that were written as they came are joined by the client, as JavaScript's do
        let text = joined(&ran.bytes);
        assert_eq!(text, format!("Hi \u{1f600} {VALUE} \u{1f601}!"), "{at}");
    }
    let upper = run(
        reply(Dialect::OpenaiChat, true),
        &[&bytes],
        Some(&mut |delta| Some(delta.text.to_uppercase())),
    );
    assert_eq!(joined(&upper.bytes), "HI \u{1f600} [[NAME]] \u{1f601}!");
}

/// The content as a client joins it that keeps UTF-16.
fn joined(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let contents: String = text
        .lines()
        .filter_map(|line| line.split_once(r#""content":""#))
        .map(|(_, rest)| rest.split_once(r#""}"#).unwrap().0.to_owned())
        .collect();
    serde_json::from_str(&format!("\"{contents}\"")).unwrap()
}

#[test]
fn half_a_letter_that_nothing_completes_is_shown_as_unknown() {
    for rest in [vec![], vec![chunk("x", "null")]] {
        let chunks = [vec![chunk(r"Hi \ud83d", "null")], rest].concat();
        let bytes = stream(&chunks);
        let ran = run(reply(Dialect::OpenaiChat, true), &[&bytes], None);
        assert!(ran.bytes == bytes);
        assert!(ran.channels[&0].starts_with("Hi \u{fffd}"));
    }
}

#[test]
fn calls_without_a_number_are_distinguished() {
    let call = |rest: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"type":"function",{rest}}}]}},"finish_reason":null}}]}}"#
        )
    };
    let argument = |name: &str, text: &str| {
        let text = serde_json::to_string(text).unwrap();
        call(&format!(
            r#""function":{{"name":"{name}","arguments":{text}}}"#
        ))
    };
    let chunks = [
        argument("f", r#"{"a":"[[NAME]]"}"#),
        argument("f", r#"{"b":1}"#),
        argument("g", r#"{"c":"#),
        argument("", "2}"),
        call(r#""id":"x","function":{"name":"h","arguments":"{}"}"#),
        call(r#""id":"y","function":{"name":"h","arguments":"{}"}"#),
    ];
    let ran = run(reply(Dialect::OpenaiChat, true), &[&stream(&chunks)], None);
    let shown: Vec<_> = ran.channels.into_values().collect();
    let expected = [
        r#"{"a":"[[NAME]]"}"#,
        r#"{"b":1}"#,
        r#"{"c":2}"#,
        "{}",
        "{}",
    ];
    assert_eq!(shown, expected);
    assert_eq!(ran.lasts.len(), 5);
}

#[test]
fn calls_of_a_broken_chunk_shift_no_later_number() {
    let call = |rest: &str| {
        format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{{rest}}}]}}}}]}}"#)
    };
    let begun = call(r#""function":{"name":"f","arguments":"{\"a\":"}"#);
    let ended = call(r#""function":{"arguments":"1}"}"#);
    let next = call(r#""function":{"name":"g","arguments":"[[N"}"#);
    for broken in [&begun, &ended] {
        let broken = format!("{broken} x");
        let chunks = [&broken, &begun, &broken, &ended, &next];
        let ran = edited(Dialect::OpenaiChat, true, &chat(&chunks), &mut |delta| {
            Some(if delta.last { "{}" } else { "" }.to_owned())
        });
        let text = String::from_utf8(ran.bytes).unwrap();
        let written = json_events(text.replace(" x\n", "\n").as_bytes());
        let late = written.last().unwrap();
        let at = "/choices/0/delta/tool_calls/0/index";
        assert_eq!(late.pointer(at), Some(&1.into()), "{text}");
    }
}

#[test]
fn a_call_whose_first_chunk_alone_has_a_number_is_one() {
    let call = |rest: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{{rest}}}]}},"finish_reason":null}}]}}"#
        )
    };
    let chunks = [
        call(r#""index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}"#),
        call(r#""function":{"arguments":"{\"a\":\"[[NA"}"#),
        call(r#""index":1,"id":"y","type":"function","function":{"name":"g","arguments":"{"}"#),
        call(r#""function":{"arguments":"}"}"#),
        call(r#""index":0,"function":{"arguments":"ME]]\"}"}"#),
    ];
    let ran = run(reply(Dialect::OpenaiChat, true), &[&stream(&chunks)], None);
    let shown: Vec<_> = ran.channels.into_values().collect();
    assert_eq!(shown, [r#"{"a":"[[NAME]]"}"#, "{}"]);
}

#[test]
fn nothing_follows_the_end() {
    let bytes = stream(&[chunk("a", "null")]);
    let behind = [&bytes[..], &chat(&[&chunk("[[NAME]]", "null")])].concat();
    for at in 0..=behind.len() {
        let (a, b) = behind.split_at(at);
        let ran = run(reply(Dialect::OpenaiChat, true), &[a, b], None);
        assert!(ran.bytes == bytes, "{at}");
    }
}

#[test]
fn line_ends_of_every_kind_survive_an_edit() {
    let data = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
    let (first, second) = data.split_at(12);
    for one in ["\n", "\r\n", "\r"] {
        for two in ["\n", "\r\n", "\r"] {
            for blank in ["\n", "\r\n", "\r"] {
                let event = format!("data: {first}{one}data: {second}{two}{blank}");
                if two == "\r" && blank == "\n" {
                    continue; // one line end
                }
                let bytes = format!("{event}{event}data: [DONE]\n\n");
                let ran = edited(Dialect::OpenaiChat, true, bytes.as_bytes(), &mut |delta| {
                    Some(delta.text.replace('a', "b"))
                });
                let texts = client(Dialect::OpenaiChat, true, &ran.bytes);
                assert_eq!(texts["content 0"], "bb", "{event:?}");
            }
        }
    }
}
