//! Items that the provider is to keep: they are read as those of a response's input are.

use super::*;
use crate::Kind;

const CONVERSATIONS: Dialect = Dialect::OpenaiConversations;

#[test]
fn every_item_is_shown_in_the_place_that_it_has_in_a_responses_input() {
    let items = r#"[
      {"role":"user","content":"a\u0040b"},
      {"type":"message","role":"developer","content":[{"type":"input_text","text":"be kind"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},
      {"type":"message","role":"assistant","content":[{"type":"output_text","text":"said","annotations":[]},{"type":"refusal","refusal":"no"}]},
      {"type":"function_call","call_id":"1","name":"f","arguments":"{\"q\":1}"},
      {"type":"function_call_output","call_id":"1","output":"42"},
      {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"c2ln"},
      {"mystery":"?"}]"#;
    let body = indexed(
        CONVERSATIONS,
        format!(r#"{{"items":{items},"metadata":{{"team":"a"}}}}"#),
    );
    let found = all(&body);
    let found: Vec<_> = found.iter().map(|(p, m, t)| (*p, *m, t.as_str())).collect();
    let of_items = [
        (User, 0, "a@b"),
        (System, 1, "be kind"),
        (Assistant, 2, "said"),
        (Refusal, 2, "no"),
        (ToolArguments, 3, r#"{"q":1}"#),
        (ToolResult, 4, "42"),
        (Reasoning, 5, "hm"),
        (Other, 6, "mystery"),
        (Other, 6, "?"),
    ];
    let metadata = (Metadata, NO_MESSAGE, r#"{"team":"a"}"#);
    assert_eq!(found, [&of_items[..], &[metadata]].concat());
    let response = indexed(
        Dialect::OpenaiResponses,
        format!(r#"{{"input":{items},"model":"m"}}"#),
    );
    let input = all(&response);
    let input: Vec<_> = input.iter().map(|(p, m, t)| (*p, *m, t.as_str())).collect();
    assert_eq!(input, of_items, "one description reads both");
    assert_eq!(body.unseen(), response.unseen());
    assert_eq!((body.messages(), body.images(), body.model()), (7, 1, None));
}

#[test]
fn an_edit_is_a_splice_and_the_rest_stays_as_it_came() {
    let json = r#"{"items": [{"role":"user","content":"one"}, {"role":"user","content":[{"text":"two","type":"input_text"}],"odd":2.50e1}], "metadata":null}"#;
    let mut body = indexed(CONVERSATIONS, json);
    body.set_passage(id(&body, "two"), "2\n".into()).unwrap();
    assert_eq!(rendered(&body), json.replace("\"two\"", "\"2\\n\""));
    body.drop_message(0).unwrap();
    let left: serde_json::Value = serde_json::from_str(&rendered(&body)).unwrap();
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_conversation_may_begin_empty_and_generates_nothing() {
    for json in ["{}", r#"{"metadata":{"a":"b"}}"#, r#"{"items":null}"#] {
        let mut body = indexed(CONVERSATIONS, json).at("/v1/conversations/c_1");
        assert_eq!((body.kind(), body.messages()), (Kind::Store, 0), "{json}");
        assert!(!body.is_repeatable() && !body.streaming());
        assert!(body.set_max_output_tokens(5), "it is within every limit");
        assert_eq!(rendered(&body), json);
    }
    let twice = r#"{"items":[],"items":[]}"#;
    for json in [twice, r#"{"items":7}"#, r#"{"items":[7]}"#, "[]"] {
        assert!(wire(CONVERSATIONS, json).index().is_err(), "{json}");
    }
}

#[test]
fn what_mistral_is_sent_at_the_same_path_is_read_too() {
    let body = indexed(
        CONVERSATIONS,
        r#"{"model":"mistral-medium-latest","instructions":"be kind","inputs":[{"role":"user","content":"hi","object":"entry","type":"message.input"}],"stream":false}"#,
    );
    let found = all(&body);
    assert_eq!(found[0], (System, NO_MESSAGE, "be kind".into()));
    assert_eq!(found[1], (User, 0, "hi".into()));
    assert_eq!(body.model(), Some("mistral-medium-latest"));
    let bare = all(&indexed(CONVERSATIONS, r#"{"inputs":"hi"}"#));
    assert_eq!(bare, [(User, 0, "hi".into())]);
}
