//! Asking a stream for its usage.

use serde_json::{Value, json};

use super::*;

const ASKING: [Dialect; 2] = [Dialect::OpenaiChat, Dialect::OpenaiCompletions];

#[test]
fn usage_of_a_stream_is_requested_once_and_only_where_the_caller_did_not() {
    for (before, after) in [
        (
            r#"{"stream": true ,"model":"m"}"#,
            r#"{"stream": true,"stream_options":{"include_usage":true} ,"model":"m"}"#,
        ),
        (
            r#"{"model":"m","stream":true}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null,"model":"m"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"m"}"#,
        ),
        (
            r#"{"stream_options":{},"stream":true,"model":"m"}"#,
            r#"{"stream_options":{"include_usage":true},"stream":true,"model":"m"}"#,
        ),
        (
            r#"{"stream_options":{ "include_obfuscation":false},"stream":true,"model":"m"}"#,
            r#"{"stream_options":{"include_usage":true, "include_obfuscation":false},"stream":true,"model":"m"}"#,
        ),
        (
            r#"{"stream_options":{"a":1,"include_usage" : false},"stream":true,"model":"m"}"#,
            r#"{"stream_options":{"a":1,"include_usage" : true},"stream":true,"model":"m"}"#,
        ),
    ] {
        for dialect in ASKING {
            let mut body = wire(dialect, before);
            let mark = body.mark();
            assert!(body.ask_for_usage(), "{before}");
            assert_eq!(rendered(&body), after);
            assert!(!body.ask_for_usage(), "once is enough");
            assert_eq!((body.model(), body.streaming()), (Some("m"), true));
            assert!(body.set_model("another"));
            let expected = after.replace(r#""m""#, r#""another""#);
            assert_eq!(rendered(&body), expected);
            body.roll_back(mark);
            assert_eq!(rendered(&body), before);
            assert!(body.set_model("another") && body.ask_for_usage());
            assert_eq!(rendered(&body), expected, "in either order");
        }
    }
}

#[test]
fn who_requested_it_does_not_stream_or_can_not_report_is_left_alone() {
    for json in [
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        r#"{"stream":false}"#,
        r#"{"model":"m"}"#,
        r#"{"stream":"true"}"#,
        r#"{"stream":true,"stream_options":7}"#,
        r#"{"stream":true,"stream_options":null,"stream_options":{}}"#,
        r#"{"stream":true,"stream":true}"#,
        r#"{"stream":true"#,
        "",
    ] {
        for dialect in ASKING {
            let mut body = wire(dialect, json);
            assert!(!body.ask_for_usage(), "{json}");
            assert!(!body.edited());
        }
    }
    for dialect in DIALECTS.into_iter().filter(|d| !ASKING.contains(d)) {
        assert!(!wire(dialect, r#"{"stream":true,"input":"a"}"#).ask_for_usage());
    }
}

#[test]
fn passages_are_where_they_were_after_it() {
    let json = r#"{"stream":true,"messages":[{"role":"user","content":"one"},{"role":"user","content":"two"}]}"#;
    let mut body = chat(json);
    body.set_passage(id(&body, "two"), "2".into()).unwrap();
    assert!(body.ask_for_usage());
    body.set_passage(id(&body, "one"), "1".into()).unwrap();
    let value: Value = serde_json::from_str(&rendered(&body)).unwrap();
    assert_eq!(
        value,
        json!({"stream":true,"stream_options":{"include_usage":true},
            "messages":[{"role":"user","content":"1"},{"role":"user","content":"2"}]})
    );
}
