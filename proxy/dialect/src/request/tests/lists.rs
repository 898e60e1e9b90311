//! Requests for images, verdicts and orders: what is shown of them.

use super::*;
use crate::Kind;

#[test]
fn prompts_inputs_and_documents_are_shown() {
    let no = NO_MESSAGE;
    for (dialect, path, json, expected, kind) in [
        (
            Dialect::OpenaiImages,
            "/v1/images/generations",
            r#"{"model":"m","prompt":"a dog","n":2,"size":"1024x1024","user":"u"}"#,
            vec![(User, 0, "a dog"), (Metadata, no, "u")],
            Kind::Generate,
        ),
        (
            Dialect::OpenaiModerations,
            "/v1/moderations",
            r#"{"model":"m","input":["a",{"type":"text","text":"b"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}"#,
            vec![(User, 0, "a"), (User, 1, "b")],
            Kind::Embed,
        ),
        (
            Dialect::Rerank,
            "/v2/rerank",
            r#"{"model":"m","query":"who","documents":["a",{"text":"b"}],"top_n":1}"#,
            vec![
                (User, 0, "who"),
                (User, no, "a"),
                (User, no, r#"{"text":"b"}"#),
            ],
            Kind::Embed,
        ),
    ] {
        let bytes = bytes::Bytes::copy_from_slice(json.as_bytes());
        let mut body = Body::wire(dialect, bytes).at(path);
        body.index().unwrap();
        let found = all(&body);
        let found: Vec<_> = found.iter().map(|(p, m, t)| (*p, *m, t.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!((body.model(), body.kind()), (Some("m"), kind));
        assert!(body.set_model("other"));
        assert_eq!(rendered(&body), json.replace("\"m\"", "\"other\""));
    }
}

#[test]
fn images_are_so_many_replies_as_are_asked_for() {
    let body = wire(
        Dialect::OpenaiImages,
        r#"{"prompt":"a","n":3,"stream":true}"#,
    );
    assert_eq!((body.choices(), body.streaming()), (3, true));
}
