//! Completions and embeddings: inputs that are no conversation.

use super::*;

#[test]
fn prompts_and_inputs_are_shown_each_under_its_number() {
    for (dialect, key) in [
        (Dialect::OpenaiCompletions, "prompt"),
        (Dialect::OpenaiEmbeddings, "input"),
    ] {
        let one = indexed(
            dialect,
            format!(r#"{{"model":"m","{key}":"on\u0065","user":"u"}}"#),
        );
        assert_eq!(
            all(&one),
            [
                (User, 0, "one".to_owned()),
                (Metadata, NO_MESSAGE, "u".to_owned())
            ]
        );
        let mut many = indexed(dialect, format!(r#"{{"{key}":["one", "two" ,"three"]}}"#));
        let texts: Vec<_> = all(&many).into_iter().map(|(_, m, t)| (m, t)).collect();
        assert_eq!(
            texts,
            [
                (0, "one".to_owned()),
                (1, "two".to_owned()),
                (2, "three".to_owned())
            ]
        );
        assert_eq!((one.messages(), many.messages()), (1, 3));
        assert_eq!(
            many.drop_message(1),
            Err(EditError::NoMessage(1)),
            "replies would be counted differently"
        );
        many.set_passage(id(&many, "two"), "2".into()).unwrap();
        assert_eq!(
            rendered(&many),
            format!(r#"{{"{key}":["one", "2" ,"three"]}}"#)
        );
        assert!(many.unseen().is_empty());
    }
}

#[test]
fn token_ids_can_not_be_seen() {
    for (list, bytes) in [
        ("[1, 2,3]", 8),
        ("[[1,2],[3]]", 11),
        (r#"["a",[1,2]]"#, 5),
        (r#"["a",7]"#, 1),
    ] {
        let body = indexed(Dialect::OpenaiEmbeddings, format!(r#"{{"input":{list}}}"#));
        assert_eq!(body.unseen(), [("tokens", bytes)], "{list}");
        let body = indexed(
            Dialect::OpenaiCompletions,
            format!(r#"{{"prompt":{list}}}"#),
        );
        assert_eq!(body.unseen(), [("tokens", bytes)], "{list}");
    }
    let body = indexed(Dialect::OpenaiCompletions, r#"{"prompt_embeds":"AAAA"}"#);
    assert_eq!(body.unseen(), [("tokens", 4)]);
    let body = indexed(Dialect::OpenaiEmbeddings, r#"{"input":{"x":1}}"#);
    assert_eq!(all(&body), [(User, 0, r#"{"x":1}"#.to_owned())]);
}

#[test]
fn a_completion_has_a_suffix_a_limit_and_a_stream_and_an_embedding_has_none() {
    let mut body = indexed(
        Dialect::OpenaiCompletions,
        r#"{"model":"m","prompt":"a","suffix":"z","stream":true,"max_tokens":5}"#,
    );
    assert_eq!(all(&body)[1], (User, NO_MESSAGE, "z".to_owned()));
    assert_eq!(
        (body.max_output_tokens(), body.streaming()),
        (Some(5), true)
    );
    assert!(body.set_max_output_tokens(4) && rendered(&body).contains(r#""max_tokens":4"#));

    let mut body = indexed(
        Dialect::OpenaiEmbeddings,
        r#"{"model":"m","input":"a","stream":true}"#,
    );
    assert!(!body.streaming() && !body.set_max_output_tokens(4));
    assert!(!body.edited());
    assert!(
        wire(Dialect::OpenaiEmbeddings, r#"{"model":"m"}"#)
            .index()
            .is_err()
    );
    assert!(
        wire(Dialect::OpenaiCompletions, r#"{"model":"m"}"#)
            .index()
            .is_ok()
    );
}

#[test]
fn inputs_of_other_servers_are_seen_too() {
    let body = indexed(
        Dialect::OpenaiEmbeddings,
        r#"{"input":[{"text":"a"},{"image_url":"x"},{"what":1}]}"#,
    );
    assert_eq!(
        all(&body),
        [
            (User, 0, "a".to_owned()),
            (Other, 2, "what".to_owned()),
            (Other, 2, "1".to_owned())
        ]
    );
    assert_eq!(body.images(), 1);
    let body = indexed(
        Dialect::OpenaiEmbeddings,
        r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#,
    );
    assert_eq!(
        all(&body),
        [(System, 0, "s".to_owned()), (User, 1, "a".to_owned())]
    );
}

#[test]
fn the_estimate_of_a_text_is_the_texts_alone() {
    let text = "It was a bright cold day in April, and the clocks were striking.";
    let alone = crate::tokens::estimate(text);
    for (dialect, key) in [
        (Dialect::OpenaiCompletions, "prompt"),
        (Dialect::OpenaiEmbeddings, "input"),
    ] {
        let one = wire(dialect, format!(r#"{{"{key}":"{text}"}}"#));
        assert_eq!(one.input_tokens(), alone);
        let two = wire(dialect, format!(r#"{{"{key}":["{text}","{text}"]}}"#));
        assert_eq!(two.input_tokens(), 2 * alone);
    }
}
