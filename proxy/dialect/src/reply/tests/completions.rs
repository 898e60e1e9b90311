//! Completions and embeddings: what is particular about them.

use super::{fixtures::*, *};

const COMPLETIONS: Dialect = Dialect::OpenaiCompletions;

#[test]
fn usage_finish_and_choices_are_read() {
    for (streaming, bytes) in [(true, completions_stream()), (false, completions_whole())] {
        let ran = run(reply(COMPLETIONS, streaming), &[&bytes], None);
        let usage = Usage {
            input: 19,
            cached: 8,
            output: 30,
            ..Usage::default()
        };
        assert_eq!(ran.reply.usage(), Some(usage));
        let finish = if streaming { "stop" } else { "length" };
        assert_eq!(ran.reply.finish_reason(), Some(finish));
        let labels: Vec<_> = ran.reply.unseen().iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, ["logprobs"]);
        assert_eq!(ran.channels.len(), 2);
        assert!(ran.reply.content_seen());
    }
}

#[test]
fn late_text_is_a_chunk_of_its_own_and_the_end_takes_it_where_it_has_a_place() {
    let mut kept_back = |delta: &Delta| Some(if delta.last { "late" } else { "" }.to_owned());
    let ran = edited(COMPLETIONS, true, &completions_stream(), &mut kept_back);
    let texts = client(COMPLETIONS, true, &ran.bytes);
    assert!(texts.values().all(|text| text == "late"), "{texts:?}");

    let bytes = chat(&[
        r#"{"choices":[{"index":1,"text":"a"}]}"#,
        r#"{"choices":[{"index":1,"finish_reason":"stop"}]}"#,
    ]);
    let events = json_events(&edited(COMPLETIONS, true, &bytes, &mut kept_back).bytes);
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["choices"][0]["text"], "late");
    assert_eq!(events[0]["choices"][0]["index"], 1);
    assert!(events[0]["choices"][0]["finish_reason"].is_null());
    assert_eq!(events[0]["id"], events[1]["id"]);
}

#[test]
fn log_probabilities_go_with_the_first_edit() {
    let ran = edited(COMPLETIONS, false, &completions_whole(), &mut |delta| {
        (delta.choice == 0).then(|| delta.text.to_uppercase())
    });
    let body: Value = serde_json::from_slice(&ran.bytes).unwrap();
    assert!(body["choices"][0]["logprobs"].is_null());
    assert!(
        body["choices"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("DEAR")
    );
}

#[test]
fn a_refused_stream_finishes_its_open_choices() {
    let bytes = String::from_utf8(completions_stream()).unwrap();
    let first: String = bytes.split_inclusive("\n\n").take(3).collect();
    let mut reply = reply(COMPLETIONS, true);
    reply.push(first.as_bytes()).unwrap();
    reply.deltas();
    reply.write(&[]).unwrap();
    let refused = Refused {
        code: "x",
        message: "y",
    };
    let out = reply.refuse(&refused);
    let events = json_events(&out);
    assert_eq!(events[0]["choices"][0]["index"], 0);
    assert_eq!(events[0]["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(events[0]["choices"][0]["text"], "");
    // the second choice's last chunk waited for what follows it, and was not sent
    assert_eq!(events[1]["choices"][0]["index"], 1);
    assert_eq!(events.len(), 3, "and usage, as its chunks mentioned it");
    assert!(out.ends_with(b"data: [DONE]\n\n"));
}

#[test]
fn embeddings_tell_their_usage_and_hold_nothing_to_show() {
    let body = br#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2.5e-3]},{"embedding":"AAAA"}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let ran = run(reply(Dialect::OpenaiEmbeddings, false), &[body], None);
    assert_eq!(ran.bytes, body);
    assert!(ran.channels.is_empty() && ran.reply.ended());
    assert_eq!(ran.reply.usage().map(|usage| usage.input), Some(8));
    assert_eq!(ran.reply.unseen(), []);
    assert_eq!(ran.reply.output_estimate(), 0);
    let ran = run(reply(Dialect::OpenaiEmbeddings, false), &[b"<html>"], None);
    assert_eq!(ran.reply.unseen(), [("body", 6)]);
}
