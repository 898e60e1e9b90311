//! The effects of edits on the bytes, on each other and on later reads.

use super::*;

const JSON: &str = r#"{ "model" : "m", "messages": [ {"role":"user","content":"one"} , {"role":"user","content":"two"},
  {"role":"user","content":"three"} ] , "n":1.50 }"#;

#[test]
fn an_edit_changes_its_own_bytes_only() {
    let mut body = chat(JSON);
    body.set_passage(id(&body, "two"), "a \"quoted\"\nline".into())
        .unwrap();
    assert!(body.edited());
    assert_eq!(
        rendered(&body),
        JSON.replace(r#""two""#, r#""a \"quoted\"\nline""#)
    );
    assert_eq!(body.size(), body.render().len());
    body.set_passage(1, "again".into()).unwrap();
    assert_eq!(rendered(&body), JSON.replace("two", "again"));
    assert_eq!(all(&body)[1].2, "again");
}

#[test]
fn setting_what_is_there_already_is_no_edit() {
    let json = r#"{"model":"m","messages":[{"role":"user","content":"a\u0040b"}],"max_tokens":5}"#;
    let mut body = chat(json);
    let before = body.render();
    body.set_passage(0, "a@b".into()).unwrap();
    assert!(body.set_model("m"));
    assert!(!body.edited());
    assert_eq!(body.render().as_ptr(), before.as_ptr());
}

#[test]
fn messages_are_dropped_with_the_right_comma() {
    let one = r#"{"role":"user","content":"one"}"#;
    let two = r#"{"role":"user","content":"two"}"#;
    let three = "\n  {\"role\":\"user\",\"content\":\"three\"}";
    let rest =
        |inner: &str| format!("{{ \"model\" : \"m\", \"messages\": [ {inner} ] , \"n\":1.50 }}");
    for (dropped, left) in [
        (&[0][..], format!("{two},{three}")),
        (&[1], format!("{one},{three}")),
        (&[2], format!("{one} , {two}")),
        (&[0, 1], three.trim_start().to_owned()),
        (&[1, 2], one.to_owned()),
        (&[2, 0], two.to_owned()),
        (&[0, 1, 2, 1], String::new()),
    ] {
        let mut body = chat(JSON);
        body.set_passage(id(&body, "two"), "2".into()).unwrap();
        for message in dropped {
            body.drop_message(*message).unwrap();
        }
        assert_eq!(
            rendered(&body),
            rest(&left.replace("two", "2")),
            "{dropped:?}"
        );
        assert_eq!(body.size(), body.render().len());
        assert_eq!(body.messages() as usize, all(&body).len());
        serde_json::from_slice::<serde_json::Value>(&body.render()).unwrap();
    }
}

#[test]
fn what_is_gone_or_never_was_cannot_be_edited() {
    let mut body = chat(JSON);
    assert_eq!(
        body.set_passage(9, String::new()),
        Err(EditError::NoPassage(9))
    );
    assert_eq!(body.drop_message(3), Err(EditError::NoMessage(3)));
    body.drop_message(0).unwrap();
    assert_eq!(
        body.set_passage(0, String::new()),
        Err(EditError::NoPassage(0))
    );
    let mut bare = wire(Dialect::OpenaiChat, JSON);
    assert_eq!(
        bare.set_passage(0, String::new()),
        Err(EditError::NoPassage(0))
    );
    assert_eq!(bare.drop_message(0), Err(EditError::NoMessage(0)));
}

#[test]
fn the_model_and_parameters_change_without_an_index() {
    let mut body = wire(Dialect::OpenaiChat, JSON);
    assert!(body.set_model("up/\"x\""));
    assert_eq!(body.model(), Some("up/\"x\""));
    body.set_parameter("/stream", " true ").unwrap();
    assert!(body.streaming());
    body.set_parameter("/stream_options", "{}").unwrap();
    body.set_parameter("/stream_options/include_usage", "true")
        .unwrap();
    body.set_parameter("/n", "2").unwrap();
    let expected = JSON
        .replace("\"m\"", r#""up/\"x\"""#)
        .replace("1.50", "2")
        .replacen(
            '{',
            r#"{"stream_options":{"include_usage":true},"stream":true,"#,
            1,
        );
    assert_eq!(rendered(&body), expected);
    assert_eq!(
        body.parameter("/stream_options").as_deref(),
        Some(r#"{"include_usage":true}"#)
    );
    assert_eq!(body.parameter("/nothing"), None);
    assert_eq!(body.size(), expected.len());
}

#[test]
fn a_model_that_was_absent_is_added_and_one_that_occurs_twice_is_set_twice() {
    let mut body = wire(Dialect::OpenaiChat, "{}");
    assert!(body.set_model("x"));
    assert_eq!(rendered(&body), r#"{"model":"x"}"#);
    let mut body = wire(
        Dialect::OpenaiChat,
        r#"{"model":"a","messages":[],"mo\u0064el":"b"}"#,
    );
    assert!(body.set_model("x"));
    assert_eq!(
        rendered(&body),
        r#"{"model":"x","messages":[],"mo\u0064el":"x"}"#
    );
    for json in [
        "",
        "[]",
        "{\"model\":\"a\"",
        "{\"model\":\"a\",}",
        "nonsense",
    ] {
        let mut body = wire(Dialect::OpenaiChat, json);
        assert!(!body.set_model("x"), "{json}");
        assert_eq!(body.render(), json.as_bytes());
    }
}

#[test]
fn a_parameter_that_cannot_be_set_says_why_and_changes_nothing() {
    let mut body = chat(JSON);
    for (pointer, json, why) in [
        ("/n", "{", "no JSON"),
        ("/n", "1 2", "no JSON"),
        ("/n", "", "no JSON"),
        ("n", "1", "begins with `/`"),
        ("/a/b", "1", "does not exist"),
        ("/model/b", "1", "neither object nor array"),
        ("/messages/7", "{}", "no element"),
        ("/messages/x", "{}", "no element"),
        ("/messages", "7", "no longer be valid"),
        ("/messages/0", "\"text\"", "no longer be valid"),
        ("", "[]", "no longer be valid"),
    ] {
        let error = body.set_parameter(pointer, json).unwrap_err();
        assert!(error.contains(why), "{pointer}: {error}");
    }
    assert!(!body.edited());
    assert_eq!(rendered(&body), JSON);
}

#[test]
fn limits_keep_the_name_that_the_caller_used() {
    use Dialect::{AnthropicMessages, OpenaiChat, OpenaiResponses};
    for (dialect, before, found, after) in [
        (
            OpenaiChat,
            r#"{"max_tokens":5}"#,
            Some(5),
            r#"{"max_tokens":7}"#,
        ),
        (
            OpenaiChat,
            r#"{"max_completion_tokens":5}"#,
            Some(5),
            r#"{"max_completion_tokens":7}"#,
        ),
        (
            OpenaiChat,
            r#"{"max_tokens":5,"max_completion_tokens":6}"#,
            Some(6),
            r#"{"max_tokens":7,"max_completion_tokens":7}"#,
        ),
        (OpenaiChat, "{ }", None, r#"{"max_completion_tokens":7 }"#),
        (
            OpenaiChat,
            r#"{"max_tokens":null}"#,
            None,
            r#"{"max_tokens":7}"#,
        ),
        (
            OpenaiChat,
            r#"{"max_tokens":5,"max_completion_tokens":null}"#,
            Some(5),
            r#"{"max_tokens":7,"max_completion_tokens":null}"#,
        ),
        (
            OpenaiResponses,
            r#"{"max_output_tokens":1e3}"#,
            Some(1000),
            r#"{"max_output_tokens":7}"#,
        ),
        (
            OpenaiResponses,
            r#"{"a":1}"#,
            None,
            r#"{"max_output_tokens":7,"a":1}"#,
        ),
        (
            AnthropicMessages,
            r#"{"max_tokens":99}"#,
            Some(99),
            r#"{"max_tokens":7}"#,
        ),
    ] {
        let mut body = wire(dialect, before);
        assert_eq!(body.max_output_tokens(), found, "{before}");
        assert!(body.set_max_output_tokens(7));
        assert_eq!(rendered(&body), after);
        assert_eq!(body.max_output_tokens(), Some(7));
    }
}

#[test]
fn passages_keep_their_ids_and_edits_when_parameters_around_them_change() {
    let mut body = chat(JSON);
    let three = id(&body, "three");
    body.set_passage(0, "ONE".into()).unwrap();
    body.set_passage(three, "THREE".into()).unwrap();
    body.set_parameter("/long_enough_to_move_everything", "[1,2,3]")
        .unwrap();
    body.set_parameter(
        "/messages/1",
        r#"{"role":"user","content":[{"text":"x"},{"text":"y"}]}"#,
    )
    .unwrap();
    body.set_parameter("/messages/-", r#"{"role":"assistant","content":"four"}"#)
        .unwrap();
    let texts: Vec<_> = all(&body).into_iter().map(|(_, _, text)| text).collect();
    let added = ["long_enough_to_move_everything", "[1,2,3]"];
    assert_eq!(texts[..2], added, "nobody knows what it is, so it is shown");
    assert_eq!(texts[2..], ["ONE", "x", "y", "THREE", "four"]);
    assert_eq!(id(&body, "THREE"), three);
    // the replaced passage's id is void rather than another's
    assert_eq!(
        body.set_passage(1, String::new()),
        Err(EditError::NoPassage(1))
    );
    body.set_passage(id(&body, "x"), "X".into()).unwrap();
    body.set_passage(id(&body, "four"), "FOUR".into()).unwrap();
    let again = chat(body.render());
    let ours = all(&body);
    assert_eq!(all(&again), ours);
    assert_eq!(
        ours.iter()
            .skip(2)
            .map(|p| p.2.as_str())
            .collect::<Vec<_>>(),
        ["ONE", "X", "y", "THREE", "FOUR"]
    );
}

#[test]
fn a_conversation_that_is_set_anew_is_not_thinned_by_earlier_drops() {
    let mut body = chat(JSON);
    body.drop_message(0).unwrap();
    body.set_parameter("/messages", r#"[{"role":"user","content":"new"}]"#)
        .unwrap();
    assert_eq!(all(&body), [(User, 0, "new".to_owned())]);
    assert_eq!(body.messages(), 1);
}

#[test]
fn parameters_read_with_the_edits_so_far() {
    let mut body = chat(JSON);
    body.set_passage(1, "zwei".into()).unwrap();
    body.drop_message(0).unwrap();
    assert_eq!(
        body.parameter("/messages/1/content").as_deref(),
        Some("\"zwei\"")
    );
    assert_eq!(body.parameter("/messages/0"), None);
    assert_eq!(body.parameter("/messages/0/role"), None);
    let messages = body.parameter("/messages").unwrap();
    assert!(
        messages.contains("zwei") && !messages.contains("one"),
        "{messages}"
    );
}

#[test]
fn a_faulted_policys_edits_are_undone_and_earlier_ones_stay() {
    let mut body = chat(JSON);
    body.set_passage(0, "kept".into()).unwrap();
    let before = body.render();
    let mark = body.mark();
    body.set_passage(0, "lost".into()).unwrap();
    body.set_passage(1, "lost".into()).unwrap();
    body.drop_message(2).unwrap();
    body.set_parameter("/messages/1/content", "\"lost\"")
        .unwrap();
    assert!(body.set_model("lost"));
    body.replace(r#"{"messages":[]}"#.into()).unwrap();
    assert_eq!((body.model(), body.messages()), (None, 0));
    body.roll_back(mark);
    assert_eq!(body.render(), before);
    assert_eq!((body.model(), body.messages()), (Some("m"), 3));
    assert_eq!(id(&body, "kept"), 0);
}

#[test]
fn rolling_back_to_the_beginning_gives_the_very_bytes_that_came() {
    let mut body = wire(Dialect::OpenaiChat, JSON);
    let (before, mark) = (body.render(), body.mark());
    body.index().unwrap();
    body.set_passage(0, "x".into()).unwrap();
    body.set_parameter("/n", "7").unwrap();
    body.roll_back(mark);
    assert!(!body.edited());
    assert_eq!(body.render().as_ptr(), before.as_ptr());
    body.index().unwrap();
    assert_eq!(all(&body).len(), 3);
}

#[test]
fn a_replaced_body_is_read_anew_or_refused_whole() {
    let mut body = chat(JSON);
    body.set_passage(0, "x".into()).unwrap();
    assert!(body.replace("{}".into()).is_err());
    assert_eq!(all(&body)[0].2, "x");
    body.replace(r#"{"messages":[{"role":"user","content":"new"}],"stream":true}"#.into())
        .unwrap();
    assert!(body.edited() && body.streaming());
    assert_eq!(all(&body), [(User, 0, "new".to_owned())]);
    assert_eq!(
        body.set_passage(0, String::new()),
        Err(EditError::NoPassage(0))
    );
}

#[test]
fn a_value_that_is_one_passage_is_edited_as_json_and_stays_json() {
    let mut body = indexed(
        Dialect::AnthropicMessages,
        r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"to":"\u0061na@x.com","n":4111111111111111}}]}]}"#,
    );
    let shown = r#"{"to":"ana@x.com","n":4111111111111111}"#;
    let input = id(&body, shown);
    assert_eq!(
        body.set_passage(input, r#"{"to":[EMAIL_1]}"#.to_owned()),
        Err(EditError::NotJson(input))
    );
    body.set_passage(input, shown.to_owned()).unwrap();
    assert!(!body.edited(), "it says what was shown");
    body.set_passage(input, r#"{"to":"[EMAIL_1]","n":"[CARD_1]"}"#.to_owned())
        .unwrap();
    let at = "/messages/0/content/0/input";
    let read = body.parameter(&format!("{at}/to"));
    assert_eq!(read.as_deref(), Some(r#""[EMAIL_1]""#));
    // a parameter in there is set in what the policies left, not in what came
    body.set_parameter(&format!("{at}/n"), "7").unwrap();
    let out = rendered(&body);
    assert!(out.contains(r#""input":{"to":"[EMAIL_1]","n":7}"#), "{out}");
}

#[test]
fn a_number_that_becomes_no_number_becomes_a_string() {
    let mut body = chat(
        r#"{"messages":[{"role":"user","content":"x","new_member":4111111111111111}],"user":4111111111111111}"#,
    );
    for (_, _, shown) in all(&body) {
        if shown.starts_with('4') {
            let id = id(&body, &shown);
            body.set_passage(id, "[[CARD_1]]".to_owned()).unwrap();
        }
    }
    assert_eq!(
        rendered(&body),
        r#"{"messages":[{"role":"user","content":"x","new_member":"[[CARD_1]]"}],"user":"[[CARD_1]]"}"#
    );
    let id = id(&body, "[[CARD_1]]");
    body.set_passage(id, "7".to_owned()).unwrap();
    assert!(rendered(&body).contains(r#""new_member":7}"#));
}
