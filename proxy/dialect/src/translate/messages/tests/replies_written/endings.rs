//! The ends of replies: reasons, usage, errors.

use serde_json::{Value, json};

use super::{
    super::super::super::{
        event::{Event, Finish},
        text::Text,
    },
    call, call_end,
    client::put_together,
    data, finish, stream, text, whole,
};
use crate::{Dialect, Usage, failure::ErrorFacts, json::Cursor, usage};

#[test]
fn every_reason_is_one_of_the_apis_whole_and_streamed() {
    // Anthropic's `StopReason`, as its SDKs have it
    let known = [
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    ];
    for reason in Finish::ALL {
        for has_call in [false, true] {
            let events = || {
                let calls = [call(0, "a"), call_end(0)]
                    .into_iter()
                    .filter(move |_| has_call);
                calls.chain([finish(reason), Event::End])
            };
            let (one, other) = (whole(events()), put_together(&stream(events())));
            assert_eq!(one["stop_reason"], other["stop_reason"]);
            assert!(
                known.contains(&one["stop_reason"].as_str().unwrap()),
                "{reason:?}"
            );
        }
    }
    let reason = |events: [Event<'static>; 3]| whole(events)["stop_reason"].clone();
    assert_eq!(
        reason([call(0, "a"), finish(Finish::Stop), Event::End]),
        "tool_use"
    );
    assert_eq!(
        reason([text("a"), finish(Finish::Calls), Event::End]),
        "end_turn"
    );
}

#[test]
fn the_text_at_which_the_model_stopped_is_named() {
    let events = || {
        let stopped = Event::Finish {
            choice: 0,
            reason: Finish::StopSequence,
            stop: Some(Text::plain("X")),
        };
        [text("a"), stopped, Event::End]
    };
    assert_eq!(whole(events())["stop_sequence"], "X");
    assert_eq!(put_together(&stream(events()))["stop_sequence"], "X");
}

#[test]
fn a_refusal_is_a_text_and_a_reason() {
    let events = || {
        let refusal = Event::Refusal {
            choice: 0,
            text: Text::plain("I can't"),
        };
        [refusal, finish(Finish::Stop), Event::End]
    };
    for reply in [whole(events()), put_together(&stream(events()))] {
        assert_eq!(reply["content"][0]["text"], "I can't");
        assert_eq!(reply["stop_reason"], "refusal");
        assert_eq!(reply["stop_details"]["type"], "refusal");
    }
}

#[test]
fn usage_is_read_back_as_it_was_written() {
    for usage in [
        Usage {
            input: 100,
            cached: 60,
            written: 30,
            output: 12,
            reasoning: 5,
            estimated: false,
            details: Default::default(),
        },
        Usage {
            input: 90,
            cached: 60,
            written: 30,
            output: 1,
            ..Usage::default()
        },
        Usage {
            input: 1,
            output: 1,
            ..Usage::default()
        },
    ] {
        let read = |counts: &Value, into: &mut Usage| {
            let doc = counts.to_string();
            let mut cursor = Cursor::new(doc.as_bytes());
            usage::read(&mut cursor, Dialect::AnthropicMessages, into).unwrap();
        };
        let events = || {
            [
                text("a"),
                Event::Usage(usage),
                finish(Finish::Stop),
                Event::End,
            ]
        };
        let mut back = Usage::default();
        read(&whole(events())["usage"], &mut back);
        assert_eq!(back, usage);
        let mut back = Usage::default();
        for event in data(&stream(events())) {
            read(&event["message"]["usage"], &mut back);
            read(&event["usage"], &mut back);
        }
        assert_eq!(back, usage, "of a stream");
    }
}

#[test]
fn the_estimate_of_the_prompt_stands_where_no_count_came() {
    let events = || [text("a"), finish(Finish::Stop), Event::End];
    for reply in [whole(events()), put_together(&stream(events()))] {
        assert_eq!(reply["usage"]["input_tokens"], 77);
        assert_eq!(reply["usage"]["output_tokens"], 0);
    }
}

#[test]
fn an_error_ends_a_reply_and_is_one_of_the_apis() {
    let error = |kind: Option<&str>, status| {
        Event::Error(Box::new(ErrorFacts {
            kind: kind.map(str::to_owned),
            status,
            message: "m".to_owned(),
            ..ErrorFacts::default()
        }))
    };
    for (kind, status, expected) in [
        (Some("overloaded_error"), None, "overloaded_error"),
        (Some("RESOURCE_EXHAUSTED"), Some(429), "rate_limit_error"),
        (Some("server_error"), None, "api_error"),
        (None, Some(503), "overloaded_error"),
        (None, Some(422), "invalid_request_error"),
    ] {
        let written = data(&stream([text("a"), error(kind, status)]));
        let last = written.last().unwrap();
        assert_eq!(
            (&last["type"], &last["error"]["type"]),
            (&json!("error"), &json!(expected))
        );
        let written = whole([text("a"), error(kind, status)]);
        assert_eq!(written["type"], "error");
        assert_eq!(written["error"]["message"], "m");
    }
}
