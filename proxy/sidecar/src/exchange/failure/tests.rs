//! Tests of the meaning of failures, and of what the app gets of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    config::Kind,
    upstream::identity::{Cause, IdentityFailure},
};

fn error() -> crate::upstream::BoxError {
    "why".into()
}

#[test]
fn only_what_nobody_read_is_sent_again_to_the_same_target() {
    for (error, class, repeat) in [
        (
            SendError::Stale(error()),
            Class::MaybeDone,
            Some(Repeat::OverNewConnection),
        ),
        (SendError::Connect(error()), Class::Refused, None),
        (SendError::Refused(error()), Class::Refused, None),
        (SendError::Closed(error()), Class::MaybeDone, None),
        (SendError::Protocol(error()), Class::MaybeDone, None),
        (SendError::Body(error()), Class::Caller, None),
        (
            SendError::Credentials(IdentityFailure {
                identity: "gcp/metadata",
                step: "asking",
                cause: Cause::Expired,
            }),
            Class::Credentials,
            None,
        ),
    ] {
        let failure = Failure::of_error(error, "u");
        assert_eq!((failure.meaning.class, failure.repeat), (class, repeat));
    }
}

#[test]
fn what_answers_in_every_dialect_is_classified_by_the_calls() {
    let classified = |upstream: &Upstream, dialect, status, error: &str| {
        let mut reply = Response::new(Inbound::Kept(VecDeque::new()));
        *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        let error = read(error.as_bytes());
        classify(upstream, dialect, &reply, error.as_ref()).map(|meaning| meaning.class)
    };
    let embedded = Upstream::of("demo", Family::Every, Kind::Embedded);
    let named = Upstream {
        provider: ProviderRules::Groq,
        ..embedded.clone()
    };
    for (dialect, status, error, class) in [
        (
            Dialect::AnthropicMessages,
            200,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Class::Overload,
        ),
        (
            Dialect::GeminiGenerate,
            400,
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"User location is not supported for the API use."}}"#,
            Class::Key,
        ),
        (
            Dialect::OpenaiChat,
            429,
            r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"You exceeded your current quota"}}"#,
            Class::Money,
        ),
    ] {
        assert_eq!(
            classified(&embedded, dialect, status, error),
            Some(class),
            "{dialect:?}"
        );
        let openai = Upstream {
            family: Family::Openai,
            ..embedded.clone()
        };
        let by_openai = classified(&openai, dialect, status, error);
        assert_eq!(by_openai == Some(class), dialect == Dialect::OpenaiChat);
    }
    assert_eq!(
        classified(&named, Dialect::AnthropicMessages, 498, "{}"),
        Some(Class::Rate),
        "the provider that is named"
    );
}

#[test]
fn a_wires_answers_are_the_apps_but_for_too_many_requests_and_server_errors() {
    let failure = |status| {
        let mut reply = Response::new(Inbound::Kept(VecDeque::new()));
        *reply.status_mut() = status;
        Failure::answered(Meaning::of(Class::Key), reply)
    };
    for status in [400, 401, 404, 499] {
        let status = http::StatusCode::from_u16(status).unwrap_or_default();
        assert!(failure(status).is_the_apps(), "{status}");
    }
    for status in [429, 500, 503, 529, 599] {
        let status = http::StatusCode::from_u16(status).unwrap_or_default();
        assert!(!failure(status).is_the_apps(), "{status}");
    }
}

/// A body of these pieces, which breaks off behind them.
fn broken(pieces: &[&'static str]) -> Inbound {
    let pieces: VecDeque<_> = pieces
        .iter()
        .map(|text| Frame::data((*text).into()))
        .collect();
    Inbound::Kept(VecDeque::new()).with_read(pieces, Some(error()))
}

#[tokio::test]
async fn an_error_that_breaks_off_does_so_for_the_app() {
    let reply = Response::new(broken(&["{\"error\":{\"mess", "age\":\"no\"}}"]));
    let (reply, facts) = read_error(reply).await;
    assert!(facts.is_none(), "a part says nothing for sure");
    let mut body = reply.into_body();
    for text in ["{\"error\":{\"mess", "age\":\"no\"}}"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
        assert!(!http_body::Body::is_end_stream(&body));
    }
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_error_is_waited_for_no_longer_than_its_time_and_the_exchanges() {
    let silent = || {
        let pieces = http_body_util::StreamBody::new(futures_util::stream::pending());
        Inbound::Decoded(crate::upstream::Decoded(Box::pin(pieces)))
    };
    for (deadline, seconds) in [(None, 5), (Some(2), 2), (Some(9), 5)] {
        let begun = Instant::now();
        let deadline = deadline.map(|seconds| begun + Duration::from_secs(seconds));
        let (text, whole, _) = read_ahead(silent(), deadline).await;
        assert_eq!((text.len(), whole), (0, false));
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }
}
