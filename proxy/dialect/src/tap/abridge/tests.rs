//! An abridged reply gives the figures that the whole reply would.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Usage, arbitrary,
    describe::tests::{Marks, value},
};
use fuzz::Chance;

/// The figures that readers find in a reply.
type Said = (Option<Usage>, Option<String>, bool);

fn said(reader: &Reply) -> Said {
    // one that is as long as a text is cut like one
    let finish = (reader.finish_reason()).map(|reason| reason.chars().take(99).collect());
    // the members by which text is estimated without a report follow the description here, and the
    // reader there
    let reported = reader.usage().map(|usage| match usage.estimated {
        true => Usage {
            output: 0,
            estimated: false,
            ..usage
        },
        false => usage,
    });
    (reported, finish, reader.content_seen())
}

/// The one reader's figures of it, and its estimate.
fn read(dialect: Dialect, body: &[u8]) -> (Said, u64) {
    let limits = ReplyLimits {
        event: usize::MAX,
        body: usize::MAX,
    };
    let mut reader = Reply::whole(dialect, Places::NONE, limits);
    // what can't be read leaves what was read before it
    let _ = reader.push(body).and_then(|()| reader.finish());
    (said(&reader), reader.output_estimate())
}

fn abridger(dialect: Dialect) -> Abridger {
    Abridger::new(dialect, dialect.description().unwrap().reply)
}

fn abridged<'a>(dialect: Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Said, u64) {
    let mut abridger = abridger(dialect);
    for piece in pieces {
        abridger.push(piece);
        assert!(abridger.kept.len() <= MOST, "{}", abridger.kept.len());
    }
    abridger.finish();
    (said(abridger.reader()), abridger.tokens())
}

fn usage(dialect: Dialect, input: usize, output: usize) -> (&'static str, Value) {
    match dialect {
        Dialect::GeminiGenerate => (
            "usageMetadata",
            json!({"promptTokenCount": input, "candidatesTokenCount": output, "thoughtsTokenCount": 3}),
        ),
        Dialect::AnthropicMessages | Dialect::OpenaiResponses => (
            "usage",
            json!({"input_tokens": input, "output_tokens": output}),
        ),
        _ => (
            "usage",
            json!({"prompt_tokens": input, "completion_tokens": output, "prompt_tokens_details": {"cached_tokens": 2}}),
        ),
    }
}

/// Puts what looks like a usage and a reason wherever an object is.
fn salt(value: &mut Value, dialect: Dialect, chance: &mut Chance) {
    match value {
        Value::Object(map) => {
            map.values_mut()
                .for_each(|value| salt(value, dialect, chance));
            if chance.one_in(3) {
                let (name, decoy) = usage(dialect, chance.below(99), chance.below(99));
                map.insert(name.to_owned(), decoy);
            }
            for name in [
                "finish_reason",
                "stop_reason",
                "finishReason",
                "blockReason",
                "reason",
                "status",
            ] {
                if chance.one_in(9) {
                    map.insert(
                        name.to_owned(),
                        json!(["stop", "", "length"][chance.below(3)]),
                    );
                }
            }
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|value| salt(value, dialect, chance)),
        Value::String(text) if chance.one_in(9) => {
            *text = ["\u{1f600}é今\n\"", "x"][chance.below(2)].repeat(chance.below(900));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn an_abridged_reply_tells_what_the_one_reader_reads_of_all_of_it(seed: u64) {
        let mut chance = Chance(seed);
        for dialect in Dialect::ALL {
            let Some(row) = dialect.description() else { continue };
            let mut body = value(row.reply, None, &mut chance, &mut Marks::default(), 12);
            salt(&mut body, dialect, &mut chance);
            let bytes = match chance.one_in(2) {
                true => body.to_string().into_bytes(),
                false => arbitrary::ugly(&body, seed),
            };
            let (expected, _) = read(dialect, &bytes);
            let mut pieces = Vec::new();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let most = [1, 3, 40, rest.len()][chance.below(4)];
                let (piece, behind) = rest.split_at((chance.below(most) + 1).min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            let (found, tokens) = abridged(dialect, pieces);
            prop_assert_eq!(&found, &expected, "{} {}", dialect.name(), body);
            let (_, at_once) = abridged(dialect, [&bytes[..]]);
            prop_assert_eq!(tokens, at_once, "{} {}", dialect.name(), body);
        }
    }
}

/// Large replies, each with an end of its own.
fn large() -> Vec<(Dialect, String)> {
    let decoy = r#"{"usage":{"prompt_tokens":1,"input_tokens":1,"output_tokens":1},"usageMetadata":{"promptTokenCount":1},"finish_reason":"no","stop_reason":"no","finishReason":"no","status":"no"}"#;
    let text = "say \\u00e9\\n今".repeat(40_000);
    let vector = "0.25,".repeat(40_000);
    let call = |n: usize| {
        format!(
            r#"{{"type":"tool_use","id":"t","name":"f","input":{{"n":{n},"x":[{decoy},"]}}\""]}}}}"#
        )
    };
    let calls = (0..9_000).map(call).collect::<Vec<_>>().join(",");
    let chunks = (1..5_000).map(|n| format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"word {n} "}}],"role":"model"}}}}],"usageMetadata":{{"promptTokenCount":9,"candidatesTokenCount":{n}}}}}"#));
    let chunks = chunks.collect::<Vec<_>>().join(",\r\n");
    let end = r#""usage":{"prompt_tokens":3,"completion_tokens":4}"#;
    vec![
        (
            Dialect::OpenaiChat,
            format!(
                r#"{{"x":{decoy},"choices":[{{"index":0,"message":{{"content":"{text}","tool_calls":[{{"id":"c","function":{{"name":"f","arguments":{decoy}}}}}]}},"finish_reason":"length"}}],{end}}}"#
            ),
        ),
        (
            Dialect::OpenaiCompletions,
            format!(
                r#"{{"choices":[{{"text":"{text}","index":0,"finish_reason":"stop"}}],"us\u0061ge":{{"prompt_tokens":3}}}}"#
            ),
        ),
        (
            Dialect::OpenaiEmbeddings,
            format!(
                r#"{{"data":[{{"embedding":[{vector}1],"usage":{{"prompt_tokens":7}}}},{{"embedding":[{vector}1]}}],{end}}}"#
            ),
        ),
        (
            Dialect::OpenaiResponses,
            format!(
                r#"{{"instructions":"{text}","status":"completed","output":[{{"type":"image_generation_call","result":"{}"}},{{"type":"message","content":[{{"type":"output_text","text":"{text}"}}]}}],"usage":{{"input_tokens":5,"output_tokens":6}}}}"#,
                "QUJD".repeat(100_000)
            ),
        ),
        (
            Dialect::AnthropicMessages,
            format!(
                r#"{{"content":[{calls}],"stop_reason":"tool_use","usage":{{"input_tokens":5,"output_tokens":6}}}}"#
            ),
        ),
        (
            Dialect::GeminiGenerate,
            format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{}"}}}},{{"functionCall":{{"name":"f","args":{decoy}}}}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":9,"candidatesTokenCount":3}}}}"#,
                "QUJD".repeat(100_000)
            ),
        ),
        (
            Dialect::GeminiGenerate,
            format!(
                r#"[{chunks},{{"candidates":[{{"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":9,"candidatesTokenCount":7000}}}}]"#
            ),
        ),
    ]
}

#[test]
fn megabytes_are_read_without_being_kept() {
    for (dialect, body) in large() {
        assert!(body.len() > MOST, "{dialect:?}");
        let (expected, tokens) = read(dialect, body.as_bytes());
        assert!(expected.0.is_some(), "{dialect:?}");
        for size in [1, 7, 1000, body.len()] {
            let (found, estimate) = abridged(dialect, body.as_bytes().chunks(size));
            assert_eq!(found, expected, "{dialect:?} by {size}");
            let most = 3 + tokens / 50;
            assert!(
                estimate.abs_diff(tokens) <= most,
                "{dialect:?} {estimate} {tokens}"
            );
        }
    }
}

#[test]
fn a_usage_that_never_ends_is_given_up() {
    let mut abridger = abridger(Dialect::OpenaiChat);
    abridger.push(b"{\"usage\":{");
    for _ in 0..20_000 {
        abridger.push(b"\"prompt_tokens\":1,");
        assert!(abridger.kept.len() <= MOST);
    }
    abridger.finish();
    assert_eq!(abridger.reader().usage(), None);
}

#[test]
fn what_no_reply_is_made_of_takes_no_room() {
    let deep = "{\"choices\":".repeat(200_000);
    let lists = "[".repeat(400_000);
    let members = "\"new_member\":{},".repeat(100_000);
    for body in [
        deep,
        lists,
        format!("{{{members}\"usage\":{{\"prompt_tokens\":5}}}}"),
        format!("{{\"choices\":[{}]}}", ",".repeat(400_000)),
        format!("{{\"usage\":{}1}}", "1".repeat(400_000)),
        format!("{{\"{}", "\\u00e9é".repeat(90_000)),
    ] {
        for dialect in Dialect::ALL.into_iter().filter(|d| d.is_read()) {
            let (found, _) = abridged(dialect, body.as_bytes().chunks(1000));
            if dialect == Dialect::OpenaiChat && body.contains("prompt_tokens") {
                assert_eq!(found.0.map(|usage| usage.input), Some(5));
            }
        }
    }
}
