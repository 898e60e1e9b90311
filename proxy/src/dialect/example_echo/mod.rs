//! `example.echo`: `POST …/echo`, which says what it was given.

use super::{
    Kind,
    Place::{Assistant, User},
    answer::{self, Draft},
    describe::{
        Description, Provider,
        answer::ERROR,
        shape::{Rule, shape, text},
    },
    reply::format,
    tap,
    usage::Sums,
};

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "example.echo",
    provider: Provider::Openai,
    operation: "text_completion",
    kind: Kind::Generate,
    counting: None,
    path: "/v1/echo",
    unread: "echo",
    is_addressed: false,
    has_stream: false,
    has_stream_options: false,
    has_background: false,
    request: &REQUEST,
    reply: &REPLY,
    event: &REPLY,
    format: &format::DESCRIBED,
    answer: Ok(&ANSWER),
    without_input: Some("`text` is missing"),
    batch_of: None,
    limits: &[],
    message_tokens: 0,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Inclusive,
    keys: &tap::COMPLETIONS,
    repeats_text: false,
    numbers_events: false,
    has_status: false,
    has_choices: false,
    has_done: true,
};

shape! {
    REQUEST, Other, [];
    "model" => Rule::Model, "text" => Rule::First(&text(User)),
}

static REPLY: Rule = Rule::Object(&SAID);
shape! {
    SAID, Other, [];
    "text" => text(Assistant), "error" => Rule::Same(&ERROR),
}

static ANSWER: answer::Form = answer::Form {
    whole: |draft, answer| said(draft, answer.text),
    events: |draft, answer| said(draft.event(""), answer.text).end(),
};

fn said(draft: Draft, text: &str) -> Draft {
    draft.raw(r#"{"text":"#).text(text).raw("}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::dialect::{
        Dialect, Place, Places,
        recognise::{Surface, recognise},
        reply::{Reply, ReplyLimits},
        request::Body,
    };

    const ECHO: Dialect = Dialect::ExampleEcho;
    const LIMITS: ReplyLimits = ReplyLimits {
        event: 1 << 20,
        body: 1 << 20,
    };

    #[test]
    fn its_endpoint_is_known_by_its_path_and_its_name() {
        let headers = HeaderMap::from_iter([(http::header::CONTENT_LENGTH, 2.into())]);
        for path in ["/v1/echo", "/echo", "/v1/%65cho/"] {
            let surface = recognise(&Method::POST, path, &headers);
            assert_eq!(surface, Surface::Call(ECHO), "{path}");
        }
        assert_eq!(Dialect::named("example.echo"), Some(ECHO));
    }

    #[test]
    fn a_policy_is_shown_all_that_is_sent_and_said() {
        let body = r#"{"model":"parrot","text":"hello","note":"unknown"}"#;
        let mut body = Body::wire(ECHO, bytes::Bytes::from_static(body.as_bytes()));
        assert_eq!(body.model(), Some("parrot"));
        body.index().unwrap();
        let passages = body.passages(Places::ALL, 0, 9);
        let seen: Vec<_> = passages.iter().map(|p| (p.place, &*p.text)).collect();
        let expected = [
            (User, "hello"),
            (Place::Other, "note"),
            (Place::Other, "unknown"),
        ];
        assert_eq!(seen, expected);

        let mut reply = Reply::whole(ECHO, Places::ALL, LIMITS);
        reply.push(br#"{"text":"hello"}"#).unwrap();
        reply.finish().unwrap();
        let deltas = reply.deltas();
        let seen: Vec<_> = deltas.iter().map(|d| (d.place, &*d.text)).collect();
        assert_eq!(seen, [(Assistant, "hello")]);
    }

    #[test]
    fn a_policy_can_answer_in_it() {
        let body = answer::reply_body(ECHO, "parrot", "1", "say \"no\"", 0);
        assert_eq!(body, br#"{"text":"say \"no\""}"#);
    }
}
