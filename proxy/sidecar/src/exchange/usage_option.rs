//! Which targets take `stream_options`, learnt from their answers.
//!
//! Streams are asked for their usage in the app's place. A server that does not know the parameter
//! refuses the whole request, and the app, which never sent it, could do nothing: so such a request
//! is sent once more without it, before anything went to the app, and the target is remembered for
//! a while. A request that is called bad is sent again whatever the words are, until the target has
//! taken the option once: servers have many words, and the app is owed the answer to the request
//! that it sent. The app's own `stream_options` are never taken away.

use std::time::Duration;

use dashmap::DashMap;
use http::{Response, StatusCode};
use tokio::time::Instant;

use super::{
    failure::{Failure, read_ahead},
    settle::ExchangeGuard,
};
use crate::upstream::Inbound;

/// Targets that are remembered; callers choose the models' names.
const TARGETS: usize = 1024;
/// The time for which an answer is believed: servers are updated.
const BELIEVED: Duration = Duration::from_secs(600);
/// Bytes of a refusal's body that are searched.
const SEARCHED: usize = 16 << 10;

/// A target's answer to a stream that was asked for its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not answered, or long ago.
    Unknown,
    /// It took the option.
    Takes,
    /// It refused the option, and took the request without it.
    Refuses,
}

/// The targets' answers, by `upstream/model`.
#[derive(Debug, Default)]
pub(super) struct UsageOption {
    targets: DashMap<Box<str>, (Standing, Instant)>,
}

impl UsageOption {
    /// The last answer of a target.
    pub(super) fn standing(&self, target: &str, now: Instant) -> Standing {
        let known = self.targets.get(target).map(|known| *known);
        match known {
            Some((standing, since)) if now.duration_since(since) < BELIEVED => standing,
            _ => Standing::Unknown,
        }
    }

    /// Remembers a target's answer.
    pub(super) fn note(&self, target: &str, standing: Standing, now: Instant) {
        if self.targets.len() >= TARGETS && !self.targets.contains_key(target) {
            let believed = |since: &Instant| now.duration_since(*since) < BELIEVED;
            self.targets.retain(|_, (_, since)| believed(since));
            if self.targets.len() >= TARGETS {
                // It is tried again with the next stream: that costs one request more, and no
                // memory.
                return;
            }
        }
        self.targets.insert(target.into(), (standing, now));
    }
}

/// Takes what became of a request that asked for usage in the app's place, where the target was not
/// known to take that. A failure that the app's own request mends, where it may be what was
/// refused.
pub(super) async fn learn(
    judged: Result<Response<Inbound>, Failure>,
    guard: &mut ExchangeGuard,
) -> Result<Response<Inbound>, Failure> {
    let failure = match judged {
        Ok(reply) => {
            let known = &guard.shared.usage_option;
            known.note(&guard.record.target, Standing::Takes, Instant::now());
            return Ok(reply);
        }
        Err(failure) => failure,
    };
    let reply = match failure.reply {
        Ok(reply) if is_about_the_request(reply.status()) => {
            return Err(Failure::of_usage_option(reply));
        }
        Ok(reply) if may_be_about_the_request(reply.status()) => reply,
        reply => return Err(Failure { reply, ..failure }),
    };
    let (head, body) = reply.into_parts();
    let (text, _, body) = read_ahead(body, guard.deadline).await;
    let reply = Response::from_parts(head, body);
    Err(match names_the_option(&text) {
        true => Failure::of_usage_option(reply),
        false => Failure {
            reply: Ok(reply),
            ..failure
        },
    })
}

/// Takes what became of the app's own request, after the one that asked for usage was refused.
pub(super) fn learn_from_repeat(
    judged: &Result<Response<Inbound>, Failure>,
    guard: &ExchangeGuard,
) {
    if judged.is_ok() {
        let known = &guard.shared.usage_option;
        known.note(&guard.record.target, Standing::Refuses, Instant::now());
    }
}

/// Returns whether the request is called bad: that may be the option, in whatever words.
fn is_about_the_request(status: StatusCode) -> bool {
    status == StatusCode::BAD_REQUEST || status == StatusCode::UNPROCESSABLE_ENTITY
}

/// Returns whether an error's text may tell that it is about what was in the request. A success has
/// no such text, even where it has an error in it: that one came after the request was taken, and
/// the rest of it may be a stream. Other statuses tell who sent it, how often, or that nobody is
/// there.
fn may_be_about_the_request(status: StatusCode) -> bool {
    let is_about_others = matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    !status.is_success() && !is_about_others
}

/// Returns whether an error names the option.
fn names_the_option(body: &[u8]) -> bool {
    let body = body.get(..SEARCHED.min(body.len())).unwrap_or_default();
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    [
        "stream_options",
        "include_usage",
        "streamoptions",
        "includeusage",
    ]
    .iter()
    .any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_believed_for_ten_minutes_and_memory_is_bounded() {
        let known = UsageOption::default();
        let now = Instant::now();
        assert_eq!(known.standing("a/m", now), Standing::Unknown);
        known.note("a/m", Standing::Refuses, now);
        assert_eq!(known.standing("a/m", now), Standing::Refuses);
        assert_eq!(known.standing("a/n", now), Standing::Unknown);
        assert_eq!(known.standing("a/m", now + BELIEVED), Standing::Unknown);
        for n in 0..2 * TARGETS {
            known.note(&format!("a/{n}"), Standing::Takes, now);
        }
        assert_eq!(known.targets.len(), TARGETS);
        known.note("b/m", Standing::Takes, now + BELIEVED);
        assert_eq!(known.targets.len(), 1);
    }

    #[test]
    fn an_error_that_names_the_option_is_over_it() {
        for (body, over) in [
            (
                r#"{"error":{"message":"Unrecognized request argument supplied: stream_options"}}"#,
                true,
            ),
            (r#"{"message":"include_usage is not a thing"}"#, true),
            (r#"{"error":"Unknown name \"streamOptions\""}"#, true),
            (r#"{"error":"there is no such model"}"#, false),
            ("", false),
        ] {
            assert_eq!(names_the_option(body.as_bytes()), over, "{body}");
        }
    }

    #[test]
    fn only_errors_are_searched_and_not_those_that_are_about_others() {
        for (status, searched) in [
            (200, false),
            (429, false),
            (502, false),
            (404, true),
            (500, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            assert_eq!(may_be_about_the_request(status), searched, "{status}");
        }
    }
}
