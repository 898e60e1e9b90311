//! The content of each dialect's requests, and bodies that are no request.

use super::*;

fn expect(body: &Body, expected: &[(Place, u32, &str)]) {
    let found = all(body);
    let found: Vec<_> = found.iter().map(|(p, m, t)| (*p, *m, t.as_str())).collect();
    assert_eq!(found, expected);
}

const NO: u32 = NO_MESSAGE;

#[test]
fn a_chat_request_shows_every_passage_in_its_place() {
    let body = chat(
        r#"{"model":"m","user":"u@x","metadata":{"k":"v","n":1},
        "messages":[
          {"role":"system","content":"sys"},
          {"content":[{"type":"text","text":"a\u0040b"},{"type":"image_url","image_url":{"url":"data:x"}},
                      {"type":"input_audio","input_audio":{"data":"zz"}}],"name":"Ann","role":"user"},
          {"role":"assistant","content":null,"refusal":"no","reasoning_content":"hm",
           "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"q\":\"x\"}"}},
                         {"type":"custom","custom":{"name":"g","input":"raw"}}]},
          {"role":"assistant","function_call":{"name":"f","arguments":"{}"},"content":[{"type":"refusal","refusal":"never"}]},
          {"role":"tool","tool_call_id":"1","content":"result"},
          {"role":"developer","content":"dev"}],
        "tools":[{"type":"function","function":{"name":"f","description":"does f","parameters":
          {"type":"object","properties":{"description":{"type":"string","description":"deep"}}}}}],
        "prediction":{"type":"content","content":"guess"}}"#,
    );
    expect(
        &body,
        &[
            (Metadata, NO, "u@x"),
            (Metadata, NO, r#"{"k":"v","n":1}"#),
            (System, 0, "sys"),
            (User, 1, "a@b"),
            (Other, 1, "data:x"),
            (Metadata, 1, "Ann"),
            (Refusal, 2, "no"),
            (Reasoning, 2, "hm"),
            (ToolArguments, 2, r#"{"q":"x"}"#),
            (ToolArguments, 2, "raw"),
            (ToolArguments, 3, "{}"),
            (Refusal, 3, "never"),
            (ToolResult, 4, "result"),
            (System, 5, "dev"),
            (ToolDefinition, NO, "does f"),
            (ToolDefinition, NO, "deep"),
            (Assistant, NO, "guess"),
        ],
    );
    assert_eq!((body.messages(), body.images(), body.tools()), (6, 1, 1));
    assert_eq!(body.unseen(), [("image", 6), ("audio", 2)]);
}

#[test]
fn a_responses_request_shows_every_passage_in_its_place() {
    let body = indexed(
        Dialect::OpenaiResponses,
        r#"{"instructions":"be kind","input":[
          {"role":"user","content":"hi"},
          {"type":"message","content":[{"type":"input_text","text":"look"},
             {"type":"input_image","image_url":"data:abc"},{"type":"input_file","file_data":"12345"}],"role":"user"},
          {"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"sum"}],
             "content":[{"type":"reasoning_text","text":"thought"}],"encrypted_content":"xyz"},
          {"arguments":"{\"a\":1}","name":"f","type":"function_call"},
          {"type":"function_call_output","call_id":"c","output":"42"},
          {"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"43"}]},
          {"role":"assistant","content":[{"type":"output_text","text":"said"},{"type":"refusal","refusal":"no"}]},
          {"type":"custom_tool_call","input":"raw"},
          {"type":"item_reference","id":"i"},
          {"type":"mystery","payload":"?"}],
        "tools":[{"type":"function","name":"f","description":"fn"}],
        "prompt":{"id":"p","variables":{"city":"Rome","n":{"type":"input_text","text":"var"}}},
        "metadata":{"a":"b"},"stream":true,"model":"m"}"#,
    );
    expect(
        &body,
        &[
            (System, NO, "be kind"),
            (User, 0, "hi"),
            (User, 1, "look"),
            (Other, 1, "data:abc"),
            (Reasoning, 2, "sum"),
            (Reasoning, 2, "thought"),
            (ToolArguments, 3, r#"{"a":1}"#),
            (ToolResult, 4, "42"),
            (ToolResult, 5, "43"),
            (Assistant, 6, "said"),
            (Refusal, 6, "no"),
            (ToolArguments, 7, "raw"),
            (Other, 9, "payload"),
            (Other, 9, "?"),
            (ToolDefinition, NO, "fn"),
            (User, NO, "Rome"),
            (User, NO, "var"),
            (Metadata, NO, r#"{"a":"b"}"#),
        ],
    );
    assert_eq!((body.messages(), body.images(), body.tools()), (10, 1, 1));
    assert_eq!(
        body.unseen(),
        [("image", 8), ("file", 5), ("signed_reasoning", 3)]
    );
    assert!(body.streaming());
}

#[test]
fn a_responses_input_of_one_string_is_one_message_that_cannot_be_dropped() {
    let mut body = indexed(Dialect::OpenaiResponses, r#"{"input":"hello","model":"m"}"#);
    expect(&body, &[(User, 0, "hello")]);
    assert_eq!(body.messages(), 1);
    assert_eq!(body.drop_message(0), Err(EditError::NoMessage(0)));
}

#[test]
fn an_anthropic_request_shows_every_passage_in_its_place() {
    let body = indexed(
        Dialect::AnthropicMessages,
        r#"{"system":[{"type":"text","text":"sys","cache_control":{"type":"ephemeral"}}],"max_tokens":9,
        "metadata":{"user_id":"u1"},
        "messages":[
          {"role":"user","content":"hi"},
          {"role":"assistant","content":[
             {"type":"thinking","thinking":"deep","signature":"sig"},
             {"type":"redacted_thinking","data":"xx"},
             {"type":"text","text":"ok","citations":[{"type":"char_location","cited_text":"quoted"}]},
             {"type":"tool_use","id":"t","name":"f","input":{"to":"a@b","n":[1,{"deep":"leaf"}]}}]},
          {"content":[
             {"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"r1"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},
             {"type":"tool_result","tool_use_id":"t","content":"r2"},
             {"type":"document","source":{"data":"plain text","type":"text"},"title":"T"},
             {"type":"document","source":{"type":"base64","data":"BBBBBB"}},
             {"type":"hologram","beam":1}],"role":"user"}],
        "tools":[{"name":"f","description":"fn","input_schema":{"properties":{"to":{"description":"who"}}}}]}"#,
    );
    expect(
        &body,
        &[
            (System, NO, "sys"),
            (Metadata, NO, r#"{"user_id":"u1"}"#),
            (User, 0, "hi"),
            (Assistant, 1, "ok"),
            (Assistant, 1, "quoted"),
            (ToolArguments, 1, r#"{"to":"a@b","n":[1,{"deep":"leaf"}]}"#),
            (ToolResult, 2, "r1"),
            (ToolResult, 2, "r2"),
            (User, 2, "plain text"),
            (User, 2, "T"),
            (Other, 2, "beam"),
            (Other, 2, "1"),
            (ToolDefinition, NO, "fn"),
            (ToolDefinition, NO, "who"),
        ],
    );
    assert_eq!((body.messages(), body.images(), body.tools()), (3, 1, 1));
    assert_eq!(
        body.unseen(),
        [("signed_reasoning", 9), ("image", 4), ("file", 6)]
    );
    let plain = indexed(
        Dialect::AnthropicMessages,
        r#"{"system":"s","messages":[]}"#,
    );
    expect(&plain, &[(System, NO, "s")]);
}

#[test]
fn passages_are_listed_by_place_and_page() {
    let body = chat(
        r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},
        {"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#,
    );
    let users = Places::NONE.with(User);
    let texts = |places, start, max| {
        let passages = body.passages(places, start, max);
        passages.into_iter().map(|p| p.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(users, 0, 9), ["a", "c"]);
    assert_eq!(texts(users, 1, 9), ["c"]);
    assert_eq!(texts(Places::ALL, 1, 2), ["a", "b"]);
    assert_eq!(texts(Places::ALL, 4, 2), [""; 0]);
    assert_eq!(body.passage_bytes(users), 2);
}

#[test]
fn what_is_no_request_of_its_dialect_is_refused_by_the_index_and_passes_the_wire() {
    use Dialect::{AnthropicMessages, OpenaiChat, OpenaiResponses};
    let deep = format!(
        r#"{{"messages":[],"x":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for (dialect, json) in [
        (OpenaiChat, ""),
        (OpenaiChat, "[]"),
        (OpenaiChat, "{}"),
        (OpenaiChat, r#"{"messages":{}}"#),
        (OpenaiChat, r#"{"messages":null}"#),
        (OpenaiChat, r#"{"messages":["hi"]}"#),
        (OpenaiChat, r#"{"messages":[]"#),
        (OpenaiChat, r#"{"messages":[]} x"#),
        (OpenaiChat, r#"{"messages":[],"messages":[]}"#),
        (OpenaiChat, r#"{"messages":[],"\u006dessages":[]}"#),
        (OpenaiChat, r#"{"messages":[],"model":"a","model":"b"}"#),
        (
            OpenaiChat,
            r#"{"messages":[{"content":"a","content":"b"}]}"#,
        ),
        (
            OpenaiChat,
            r#"{"messages":[{"role":"user","role":"system"}]}"#,
        ),
        (
            OpenaiChat,
            r#"{"messages":[{"content":[{"text":"a","te\u0078t":"b"}]}]}"#,
        ),
        (
            OpenaiChat,
            r#"{"messages":[{"tool_calls":[{"function":{"arguments":"","arguments":""}}]}]}"#,
        ),
        (OpenaiChat, &deep),
        (OpenaiResponses, r#"{"input":{}}"#),
        (OpenaiResponses, r#"{"input":"a","input":"b"}"#),
        (OpenaiResponses, r#"{"input":[1]}"#),
        (
            OpenaiResponses,
            r#"{"instructions":"a","instructions":"b"}"#,
        ),
        (AnthropicMessages, r#"{"system":"x"}"#),
        (
            AnthropicMessages,
            r#"{"system":"x","system":"y","messages":[]}"#,
        ),
        (
            AnthropicMessages,
            r#"{"messages":[{"content":[{"type":"text","text":1e}]}]}"#,
        ),
        (Dialect::Other, r#"{"messages":[]}"#),
    ] {
        let mut body = wire(dialect, json);
        assert!(body.index().is_err(), "{json}");
        assert_eq!(body.render(), json.as_bytes());
        assert!(!body.edited());
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_wherever_it_stands() {
    let mut shown = wire(
        Dialect::OpenaiChat,
        *b"{\"messages\":[{\"content\":\"\xff\"}]}",
    );
    assert!(shown.index().is_err());
    let mut unknown = wire(Dialect::OpenaiChat, *b"{\"messages\":[],\"x\":\"\xff\"}");
    assert!(unknown.index().is_err());
    let inside = *b"{\"messages\":[],\"x\":{\"y\":[\"\xff\"]}}";
    assert!(wire(Dialect::OpenaiChat, inside).index().is_err());
}

#[test]
fn the_wire_finds_model_and_stream_wherever_they_stand() {
    let body = |json: &str| wire(Dialect::OpenaiChat, json);
    assert_eq!(body(r#"{"model":"gpt"}"#).model(), Some("gpt"));
    assert_eq!(
        body(r#"{"x":{"model":"no"},"\u006dodel":"g\u0070t"}"#).model(),
        Some("gpt")
    );
    assert_eq!(body(r#"{"model":7}"#).model(), None);
    assert_eq!(
        body(r#"{"model":"cut off","messages":["#).model(),
        Some("cut off")
    );
    assert_eq!(body("not json").model(), None);
    assert!(body(r#"{"messages":[{"stream":false}], "stream" : true }"#).streaming());
    assert!(!body(r#"{"stream":"true"}"#).streaming());

    let twice = body(r#"{"model":"a","stream":true,"model":"b","stream":false}"#);
    assert_eq!(
        (twice.model(), twice.streaming(), twice.ambiguous()),
        (Some("b"), false, true)
    );
    assert!(!body(r#"{"model":"a","stream":true}"#).ambiguous());
}

#[test]
fn tokens_are_estimated_with_and_without_an_index_alike() {
    let json = r#"{"model":"m","messages":[{"role":"user","content":"How many tokens has this sentence?"},
        {"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}],"tools":[{"description":"a tool"}]}"#;
    let bare = wire(Dialect::OpenaiChat, json);
    let mut body = chat(json);
    assert_eq!(bare.input_tokens(), body.input_tokens());
    // 7 of text, 4 for each message, 765 for the image, the tool's JSON
    assert!(
        (780..795).contains(&body.input_tokens()),
        "{}",
        body.input_tokens()
    );
    body.drop_message(1).unwrap();
    assert!(body.input_tokens() < 795, "counted anew");
    assert!(wire(Dialect::OpenaiChat, "no JSON at all").input_tokens() > 0);
}

#[test]
fn debugging_a_body_shows_no_word_of_it() {
    let mut body = chat(r#"{"model":"m","messages":[{"role":"user","content":"secret"}]}"#);
    body.set_passage(0, "hidden".into()).unwrap();
    let shown = format!("{body:?} {:?}", body.mark());
    assert!(
        !shown.contains("secret") && !shown.contains("hidden"),
        "{shown}"
    );
}

#[test]
fn the_deepest_request_is_walked_on_a_small_stack() {
    let inside = |open: &str, close: &str, count: usize| {
        format!("{}\"x\"{}", open.repeat(count), close.repeat(count))
    };
    // each kind of recursion to the very limit: 128 levels
    let documents = [
        format!(
            r#"{{"messages":[{{"content":{}}}]}}"#,
            inside(r#"[{"content":"#, "}]", 62)
        ),
        format!(
            r#"{{"messages":[{{"content":[{{"input":{}}}]}}]}}"#,
            inside("[", "]", 123)
        ),
        format!(
            r#"{{"messages":[],"tools":{}}}"#,
            inside(r#"{"description":"#, "}", 127)
        ),
    ];
    let walked = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            for json in documents {
                assert_eq!(
                    indexed(Dialect::AnthropicMessages, json)
                        .passages(Places::ALL, 0, 9)
                        .len(),
                    1
                );
            }
        });
    walked.unwrap().join().unwrap();
}

#[test]
fn a_body_may_move_between_threads_and_be_read_from_several() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&wire(Dialect::OpenaiChat, "{}"));
}
