#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Everything is judged that may be, and neither JSON nor a tool is demanded.
fn all() -> Judge {
    Judge {
        empty: true,
        refusal: true,
        ..Judge::default()
    }
}

fn forced() -> Judge {
    Judge {
        tool: true,
        ..all()
    }
}

fn schema() -> Judge {
    let source = r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#;
    Judge {
        form: Some(Form::Schema(source.into())),
        ..all()
    }
}

fn said(text: &str) -> Delta {
    Delta::new(0, Place::Assistant, text, false)
}

fn ended<'a>(finish: &'a str) -> Seen<'a> {
    Seen {
        ended: true,
        finish: Some(finish),
    }
}

/// Judges a reply of one text, whole.
fn whole(judge: &Judge, text: &str, finish: &str) -> Fit {
    Reading::default().judge(judge, ended(finish), &[said(text)])
}

/// Judges it as it arrives, character by character; returns the bytes that were waited for, too.
fn streamed(judge: &Judge, text: &str, finish: &str) -> (Fit, usize) {
    let mut reading = Reading::default();
    let mut read = 0;
    for c in text.chars() {
        read += c.len_utf8();
        let fit = reading.judge(judge, Seen::default(), &[said(&c.to_string())]);
        if fit != Fit::Wait {
            return (fit, read);
        }
    }
    (reading.judge(judge, ended(finish), &[]), read)
}

#[test]
fn whole_and_streamed_replies_are_judged_alike() {
    let refusal = "I'm sorry, but I can't assist with that request.";
    let long = format!("{refusal} {}", "But here is what you can do. ".repeat(30));
    let (open, refused) = (Fit::Accept, Fit::Reject(Why::Refusal));
    let (empty, tool, broken) = (
        Fit::Reject(Why::Empty),
        Fit::Reject(Why::Tool),
        Fit::Reject(Why::Schema),
    );
    for (judge, text, finish, expected) in [
        (all(), "Paris.", "stop", open),
        (all(), "", "stop", empty),
        (all(), " \n", "end_turn", empty),
        (all(), "", "length", open),
        (all(), refusal, "stop", refused),
        (all(), &long, "stop", open),
        (all(), "I'm sorry", "stop", open),
        (all(), "", "content_filter", refused),
        (all(), "", "SAFETY", refused),
        (all(), "", "refusal", refused),
        (forced(), "I would call it.", "stop", tool),
        (forced(), "", "stop", empty),
        (forced(), refusal, "stop", refused),
        (forced(), "I would", "max_tokens", open),
        (schema(), r#"{"n": 1}"#, "stop", open),
        (schema(), r#" {"n": 1} "#, "stop", open),
        (schema(), r#"{"n": "1"}"#, "stop", broken),
        (schema(), r#"{"n": 1"#, "stop", broken),
        (schema(), r#"{"n": 1"#, "length", open),
        (schema(), "```json\n{\"n\": 1}\n```", "stop", broken),
        (schema(), refusal, "stop", refused),
        (schema(), "", "stop", empty),
    ] {
        assert_eq!(whole(&judge, text, finish), expected, "{judge:?} {text:?}");
        assert_eq!(
            streamed(&judge, text, finish).0,
            expected,
            "{judge:?} {text:?}"
        );
    }
}

#[test]
fn a_stream_waits_no_longer_than_it_takes_to_know() {
    for (judge, text, bytes) in [
        (all(), "The capital of France is Paris.", 2),
        (all(), "I am glad to help.", 6),
        (all(), "Sorry to hear that, here is more.", 8),
    ] {
        assert_eq!(
            streamed(&judge, text, "stop"),
            (Fit::Accept, bytes),
            "{text}"
        );
    }
    let only_empty = Judge {
        empty: true,
        ..Judge::default()
    };
    assert_eq!(
        streamed(&only_empty, "\n I'm sorry", "stop"),
        (Fit::Accept, 3)
    );
    let refusal = "I'm sorry, but I can't assist with that request. ".to_owned();
    let (fit, read) = streamed(&all(), &(refusal + &"More. ".repeat(200)), "stop");
    assert_eq!((fit, read), (Fit::Accept, SHORT + 1));
}

#[test]
fn a_tool_call_is_fit_at_once_and_reasoning_alone_is_empty() {
    let arguments = Delta::new(1, Place::ToolArguments, "{", false);
    for judge in [all(), forced(), schema()] {
        let mut reading = Reading::default();
        let fit = reading.judge(&judge, Seen::default(), std::slice::from_ref(&arguments));
        assert_eq!(fit, Fit::Accept);
        let called = Reading::default().judge(&judge, ended("tool_use"), &[]);
        assert_eq!(called, Fit::Accept, "one without arguments");
    }
    let thought = Delta::new(0, Place::Reasoning, "Let me see", true);
    let mut reading = Reading::default();
    assert_eq!(
        reading.judge(&all(), ended("stop"), &[thought]),
        Fit::Reject(Why::Empty)
    );
}

#[test]
fn a_refusal_of_the_dialects_own_is_one_and_is_no_empty_reply() {
    let refusal = Delta::new(0, Place::Refusal, "No.", true);
    let judged = |judge: &Judge| {
        let refusal = std::slice::from_ref(&refusal);
        Reading::default().judge(judge, Seen::default(), refusal)
    };
    assert_eq!(judged(&all()), Fit::Reject(Why::Refusal));
    let only_empty = Judge {
        refusal: false,
        ..schema()
    };
    assert_eq!(judged(&only_empty), Fit::Accept);
}

#[test]
fn the_first_choice_counts_and_any_of_its_texts_may_be_the_json() {
    let second = |text: &str| {
        let mut reading = Reading::default();
        let deltas = [
            Delta::new(0, Place::Assistant, "Here it is:", true),
            Delta::new(1, Place::Assistant, text, true),
        ];
        reading.judge(&schema(), ended("stop"), &deltas)
    };
    assert_eq!(second(r#"{"n": 1}"#), Fit::Accept);
    assert_eq!(second("{}"), Fit::Reject(Why::Schema));
    let halves = [
        Delta::new(0, Place::Assistant, r#"{"n":"#, true),
        Delta::new(1, Place::Assistant, "1}", true),
    ];
    let fit = Reading::default().judge(&schema(), ended("stop"), &halves);
    assert_eq!(fit, Fit::Accept);
}

#[test]
fn deep_json_and_schemas_that_are_none_break_nothing() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let any = Form::Schema("{}".into());
    for levels in [1, 40, 41, 5_000] {
        assert!(is_of(&Form::Json, &nested(levels)), "{levels}");
        assert!(is_of(&any, &nested(levels)), "{levels}");
    }
    assert!(!is_of(&any, &"[".repeat(5_000)));
    for source in ["", "{", "3", &nested(200)] {
        assert!(is_of(&Form::Schema((*source).into()), "1"), "{source}");
    }
    assert_eq!(Why::ALL.map(Why::name).len(), 4);
    assert_eq!(serde_json::from_str::<Why>(r#""tool""#).unwrap(), Why::Tool);
}
