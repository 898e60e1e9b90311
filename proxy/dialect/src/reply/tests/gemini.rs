//! Gemini: what is particular about it.

use super::{fixtures::*, *};

const GEMINI: Dialect = Dialect::GeminiGenerate;

fn stream(chunks: &[&str], edit: Edit<'_>) -> Ran {
    edited(GEMINI, true, &bare(chunks), edit)
}

#[test]
fn usage_finish_and_places_are_read() {
    for (streaming, bytes, finish, channels) in [
        (true, gemini_stream(), "MAX_TOKENS", 5),
        (false, gemini_listed(), "MAX_TOKENS", 5),
        (false, gemini_whole(), "STOP", 4),
    ] {
        let ran = run(reply(GEMINI, streaming), &[&bytes], None);
        let usage = Usage {
            input: 19,
            cached: 8,
            output: 30,
            reasoning: 6,
            ..Usage::default()
        };
        assert_eq!(ran.reply.usage(), Some(usage));
        assert_eq!(ran.reply.finish_reason(), Some(finish));
        assert_eq!(ran.channels.len(), channels);
        assert_eq!(ran.lasts.len(), channels, "every channel ends");
        let unseen: Vec<_> = ran.reply.unseen().iter().map(|(label, _)| *label).collect();
        let signed: &[&str] = if channels == 5 {
            &["signed_reasoning"]
        } else {
            &[]
        };
        assert_eq!(unseen, signed);
    }
}

#[test]
fn a_stream_has_ended_when_every_candidate_has() {
    let text = String::from_utf8(gemini_stream()).unwrap();
    let mut reply = reply(GEMINI, true);
    let ended: Vec<_> = text
        .split_inclusive("\n\n")
        .map(|event| {
            reply.push(event.as_bytes()).unwrap();
            reply.ended()
        })
        .collect();
    assert_eq!(ended.iter().position(|ended| *ended), Some(ended.len() - 1));
}

#[test]
fn a_prompt_that_is_blocked_ends_the_stream_with_its_reason() {
    let ran = stream(
        &[r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#],
        &mut |_| None,
    );
    assert!(ran.reply.ended());
    assert_eq!(ran.reply.finish_reason(), Some("SAFETY"));
    assert_eq!(ran.reply.usage().map(|usage| usage.input), Some(4));
}

#[test]
fn late_text_is_a_chunk_of_the_streams_own_making_before_the_end() {
    let ran = stream(
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"early"}],"role":"model"},"index":2}],"modelVersion":"g","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"early","thought":true}],"role":"model"},"index":2}],"usageMetadata":{"promptTokenCount":1}}"#,
            r#"{"candidates":[{"finishReason":"STOP","index":2}],"modelVersion":"g","responseId":"r"}"#,
        ],
        &mut |delta| {
            Some(match delta.last {
                true => format!("late {:?}", delta.place),
                false => String::new(),
            })
        },
    );
    let events = json_events(&ran.bytes);
    // chunks without anything else are gone
    assert_eq!(events.len(), 3);
    for (event, text, thought) in [
        (&events[0], "late Assistant", Value::Null),
        (&events[1], "late Reasoning", true.into()),
    ] {
        let candidate = &event["candidates"][0];
        assert_eq!(candidate["content"]["parts"][0]["text"], text);
        assert_eq!(candidate["content"]["parts"][0]["thought"], thought);
        assert_eq!(candidate["content"]["role"], "model");
        assert_eq!(candidate["index"], 2);
        assert!(candidate.get("finishReason").is_none());
        assert_eq!(
            (&event["modelVersion"], &event["responseId"]),
            (&"g".into(), &"r".into())
        );
    }
    assert_eq!(events[2]["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn late_text_uses_the_finishing_chunks_own_text_where_it_has_one() {
    let ran = stream(
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#,
        ],
        &mut |delta| Some(if delta.last { "all" } else { "" }.to_owned()),
    );
    let events = json_events(&ran.bytes);
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0]["candidates"][0]["content"]["parts"][0]["text"],
        "all"
    );
}

#[test]
fn the_texts_of_one_array_end_in_their_last_places() {
    let ran = edited(GEMINI, false, &gemini_listed(), &mut |delta| {
        (delta.place != Place::ToolArguments)
            .then(|| if delta.last { "late" } else { "" }.to_owned())
    });
    let texts = client(GEMINI, false, &ran.bytes);
    for name in ["text 0", "text 1", "thought 0"] {
        assert_eq!(texts[name], "late");
    }
    assert_eq!(ran.lasts.len(), 5);
}

#[test]
fn arguments_are_source_that_must_stay_json() {
    for (bad, fine) in [("{", false), ("", false), ("{\"who\":\n1}", true)] {
        let mut reply = reply(GEMINI, true);
        reply.push(&gemini_stream()).unwrap();
        let deltas = reply.deltas();
        let edits: Vec<_> = deltas
            .iter()
            .map(|delta| (delta.place == Place::ToolArguments).then(|| bad.to_owned()))
            .collect();
        let written = reply.write(&edits);
        assert_eq!(written.is_ok(), fine, "{bad}");
        if let Ok(bytes) = written {
            let texts = client(GEMINI, true, &bytes);
            assert_eq!(texts["call 0 \"find\""], r#"{"who":1}"#);
        }
    }
}

#[test]
fn code_its_result_and_what_nobody_knows_are_shown() {
    let mut seen = Vec::new();
    let ran = stream(
        &[
            r#"{"candidates":[{"content":{"parts":[{"executableCode":{"language":"PYTHON","code":"print(1)"}},{"codeExecutionResult":{"output":"1"}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"new":{"x":"1"}}]},"citationMetadata":{"citationSources":[{"title":"1"}]},"newThing":{"a":"1"},"finishReason":"STOP"}]}"#,
        ],
        &mut |delta| {
            assert!(delta.last);
            seen.push(delta.place);
            Some(delta.text.replace('1', "2"))
        },
    );
    let candidate = &json_events(&ran.bytes)[0]["candidates"][0];
    let parts = &candidate["content"]["parts"];
    assert_eq!(parts[0]["executableCode"]["code"], "print(2)");
    assert_eq!(parts[1]["codeExecutionResult"]["output"], "2");
    assert_eq!(parts[3]["new"]["x"], "2");
    assert_eq!(
        candidate["citationMetadata"]["citationSources"][0]["title"],
        "2"
    );
    assert_eq!(candidate["newThing"]["a"], "2");
    assert_eq!(seen.len(), 5);
    let labels: Vec<_> = ran.reply.unseen().iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["image"]);
}

#[test]
fn what_quotes_an_edited_text_goes_with_the_edit_and_stays_without() {
    let chunk = r#"{"candidates":[{"content":{"parts":[{"text":"secret"}]},"groundingMetadata":{"webSearchQueries":["q"],"groundingSupports":[{"segment":{"text":"secret"}}]},"logprobsResult":{"chosenCandidates":[{"token":"secret"}]},"finishReason":"STOP"}]}"#;
    let ran = stream(&[chunk], &mut |delta| {
        Some(delta.text.replace("secret", "xxx"))
    });
    let text = String::from_utf8(ran.bytes).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("webSearchQueries"));
    let ran = stream(&[chunk], &mut |_| None);
    assert_eq!(ran.bytes, bare(&[chunk]));
    assert_eq!(ran.reply.unseen()[0].0, "logprobs");
}

#[test]
fn a_refused_stream_ends_every_open_candidate_as_the_providers_filter_would() {
    let text = String::from_utf8(gemini_stream()).unwrap();
    let first: String = text.split_inclusive("\n\n").take(4).collect();
    let mut reply = reply(GEMINI, true);
    reply.push(first.as_bytes()).unwrap();
    reply.deltas();
    reply.write(&[]).unwrap();
    let out = reply.refuse(&Refused {
        code: "policy_denied",
        message: "not that",
    });
    // the SDKs take any other line for JSON
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(
        text.lines()
            .all(|line| line.is_empty() || line.starts_with("data: {"))
    );
    let events = json_events(&out);
    let ends: Vec<_> = events
        .iter()
        .map(|event| {
            let candidate = &event["candidates"][0];
            (
                candidate["index"].as_u64().unwrap(),
                candidate["finishReason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(ends, [(0, "SAFETY"), (1, "SAFETY")]);
    assert_eq!(events[0]["usageMetadata"]["promptTokenCount"], 19);
    assert_eq!(events[0]["responseId"], "r-7");
    let mut again = super::reply(GEMINI, true);
    again.push(first.as_bytes()).unwrap();
    again.push(&out).unwrap();
    assert!(again.ended());
}

#[test]
fn a_count_of_tokens_has_no_channels() {
    let body = br#"{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}"#;
    let ran = run(reply(GEMINI, false), &[body], None);
    assert_eq!(ran.bytes, body);
    assert!(ran.channels.is_empty());
    assert_eq!(ran.reply.unseen(), []);
}
