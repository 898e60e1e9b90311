//! Text added to the system prompt.

use super::*;

fn added(dialect: Dialect, body: &str, text: &str) -> Result<String, String> {
    let mut both = Vec::new();
    // with an index and without one: the same bytes
    for indexed in [false, true] {
        let mut body = Body::wire(dialect, Bytes::copy_from_slice(body.as_bytes()));
        if indexed {
            body.index().unwrap();
        }
        let done = body.add_system(text);
        both.push(done.map(|()| String::from_utf8(body.render().to_vec()).unwrap()));
    }
    assert_eq!(both[0], both[1]);
    both.remove(0)
}

#[test]
fn each_dialect_has_a_place_for_it_and_nothing_before_it_changes() {
    use Dialect::*;
    for (dialect, before, after) in [
        (
            OpenaiChat,
            r#"{ "messages" : [{"role":"user","content":"u"}]}"#,
            r#"{ "messages" : [{"role":"system","content":"a\"b"},{"role":"user","content":"u"}]}"#,
        ),
        (
            OpenaiChat,
            r#"{"messages":[ ]}"#,
            r#"{"messages":[{"role":"system","content":"a\"b"} ]}"#,
        ),
        (
            OpenaiChat,
            r#"{"messages":[{"role":"system","content":"s\u0041"},{"content":"d","role":"developer"},{"role":"user","content":"u"},{"role":"system","content":"late"}]}"#,
            r#"{"messages":[{"role":"system","content":"s\u0041"},{"content":"d\n\na\"b","role":"developer"},{"role":"user","content":"u"},{"role":"system","content":"late"}]}"#,
        ),
        (
            OpenaiChat,
            r#"{"messages":[{"role":"developer","content":[{"type":"text","text":"s"}]},{"role":"user","content":"u"}]}"#,
            r#"{"messages":[{"role":"developer","content":[{"type":"text","text":"s"},{"type":"text","text":"a\"b"}]},{"role":"user","content":"u"}]}"#,
        ),
        (
            OpenaiChat,
            r#"{"messages":[{"role":"user","content":"u"},{"role":"system","content":"s"}]}"#,
            r#"{"messages":[{"role":"system","content":"a\"b"},{"role":"user","content":"u"},{"role":"system","content":"s"}]}"#,
        ),
        (
            OpenaiResponses,
            r#"{"input":"u","instructions":null}"#,
            r#"{"input":"u","instructions":"a\"b"}"#,
        ),
        (
            OpenaiResponses,
            r#"{"instructions":"","input":"u"}"#,
            r#"{"instructions":"a\"b","input":"u"}"#,
        ),
        (
            OpenaiResponses,
            r#"{"input":"u"}"#,
            r#"{"instructions":"a\"b","input":"u"}"#,
        ),
        (
            AnthropicMessages,
            r#"{"messages":[{"role":"user","content":"u"}]}"#,
            r#"{"system":"a\"b","messages":[{"role":"user","content":"u"}]}"#,
        ),
        (
            AnthropicMessages,
            r#"{"system":"é","messages":[{"role":"user","content":"u"}]}"#,
            r#"{"system":"é\n\na\"b","messages":[{"role":"user","content":"u"}]}"#,
        ),
        // Claude Code's first block stays the first, and as it is.
        (
            AnthropicMessages,
            r#"{"system":[ {"type":"text", "text":"x-anthropic-billing-header: cc_version=2"},{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"u"}]}"#,
            r#"{"system":[ {"type":"text", "text":"x-anthropic-billing-header: cc_version=2"},{"type":"text","text":"s","cache_control":{"type":"ephemeral"}},{"type":"text","text":"a\"b"}],"messages":[{"role":"user","content":"u"}]}"#,
        ),
        (
            AnthropicBatches,
            r#"{"requests":[{"custom_id":"1","params":{"model":"m","system":"s","messages":[{"role":"user","content":"u"}]}},{"custom_id":"2","params":{"model":"m","messages":[{"role":"user","content":"v"}]}}]}"#,
            r#"{"requests":[{"custom_id":"1","params":{"model":"m","system":"s\n\na\"b","messages":[{"role":"user","content":"u"}]}},{"custom_id":"2","params":{"system":"a\"b","model":"m","messages":[{"role":"user","content":"v"}]}}]}"#,
        ),
        (
            GeminiGenerate,
            r#"{"contents":[{"parts":[{"text":"u"}]}]}"#,
            r#"{"systemInstruction":{"parts":[{"text":"a\"b"}]},"contents":[{"parts":[{"text":"u"}]}]}"#,
        ),
        (
            GeminiGenerate,
            r#"{"contents":[{"parts":[{"text":"u"}]}],"system_instruction":{"parts":[{"text":"s"}],"role":"user"}}"#,
            r#"{"contents":[{"parts":[{"text":"u"}]}],"system_instruction":{"parts":[{"text":"s"},{"text":"a\"b"}],"role":"user"}}"#,
        ),
        (
            GeminiGenerate,
            r#"{"generateContentRequest":{"contents":[{"parts":[{"text":"u"}]}]}}"#,
            r#"{"generateContentRequest":{"systemInstruction":{"parts":[{"text":"a\"b"}]},"contents":[{"parts":[{"text":"u"}]}]}}"#,
        ),
        (
            GeminiInteractions,
            r#"{"input":"u","system_instruction":"s"}"#,
            r#"{"input":"u","system_instruction":"s\n\na\"b"}"#,
        ),
    ] {
        assert_eq!(
            added(dialect, before, "a\"b").as_deref(),
            Ok(after),
            "{before}"
        );
        assert_eq!(added(dialect, before, "").as_deref(), Ok(before));
    }
}

#[test]
fn a_request_without_a_place_for_it_is_left_as_it_is_with_a_reason() {
    use Dialect::*;
    for (dialect, body, why) in [
        (
            OpenaiCompletions,
            r#"{"prompt":"p"}"#,
            "a request of `openai.completions` has no system prompt",
        ),
        (
            AnthropicMessages,
            r#"{"system":7,"messages":[{"role":"user","content":"u"}]}"#,
            "`/system` is neither text nor a list: nothing can be added to it",
        ),
    ] {
        assert_eq!(added(dialect, body, "x").unwrap_err(), why);
    }
}

#[test]
fn edits_before_it_stay_and_the_prompts_passage_keeps_its_id() {
    let json = r#"{"system":"s","messages":[{"role":"user","content":"u"},{"role":"user","content":"v"}]}"#;
    let mut body = Body::wire(
        Dialect::AnthropicMessages,
        Bytes::from_static(json.as_bytes()),
    );
    body.index().unwrap();
    let system = body
        .passages(Places::NONE.with(Place::System), 0, 9)
        .remove(0);
    body.set_passage(system.id, "S".into()).unwrap();
    body.drop_message(0).unwrap();
    body.add_system("x").unwrap();
    body.add_system("y").unwrap();
    let same = body
        .passages(Places::NONE.with(Place::System), 0, 9)
        .remove(0);
    assert_eq!((same.id, same.text.as_str()), (system.id, "S\n\nx\n\ny"));
    assert_eq!(
        body.render(),
        r#"{"system":"S\n\nx\n\ny","messages":[{"role":"user","content":"v"}]}"#
    );
}

#[test]
fn a_dropped_message_stays_dropped_where_one_is_put_before_it() {
    let json = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"user","content":"v"}]}"#;
    let mut body = Body::wire(Dialect::OpenaiChat, Bytes::from_static(json.as_bytes()));
    body.index().unwrap();
    let user = body
        .passages(Places::NONE.with(Place::User), 0, 9)
        .remove(1);
    body.drop_message(0).unwrap();
    body.drop_message(1).unwrap();
    body.add_system("x").unwrap();
    body.set_passage(user.id, "V".into()).unwrap();
    assert_eq!(
        body.render(),
        r#"{"messages":[{"role":"system","content":"x"},{"role":"user","content":"V"}]}"#
    );
}

#[test]
fn the_last_message_of_a_place_is_listed_alone() {
    let json = r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"user","content":[{"type":"text","text":"v"},{"type":"text","text":"w"}]},{"role":"assistant","content":"b"}],"user":"me"}"#;
    let mut body = Body::wire(Dialect::OpenaiChat, Bytes::from_static(json.as_bytes()));
    body.index().unwrap();
    let last = |body: &Body, place| {
        let all = body.last_passages(place, 0, 9).into_iter();
        all.map(|p| (p.message, p.text)).collect::<Vec<_>>()
    };
    assert_eq!(last(&body, Place::User), [(2, "v".into()), (2, "w".into())]);
    assert_eq!(body.last_passages(Place::User, 1, 9).len(), 1);
    assert_eq!(last(&body, Place::Metadata), [(NO_MESSAGE, "me".into())]);
    assert_eq!(last(&body, Place::System), []);
    body.drop_message(2).unwrap();
    assert_eq!(last(&body, Place::User), [(0, "u".into())]);
}
