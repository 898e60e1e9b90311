//! Every answer that Outrigger gives in its own name, in the caller's dialect.

use std::{borrow::Cow, time::Duration};

use dialect::{Dialect, answer};
use http::{HeaderValue, StatusCode};
use policy::Denial;

use crate::BoxError;

/// Longest wait after which an SDK is to try again by itself. They sleep for as long as
/// `retry-after` says (one of them, seen, for all of 300 s); a longer wait is sent, and left to the
/// app.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The reason why Outrigger answered a request itself instead of passing it on.
#[derive(Debug)]
pub struct Refusal {
    /// The kind of refusal.
    pub code: Code,
    /// The code that a policy gave, in place of `code`'s own.
    denial: Option<(StatusCode, String)>,
    /// For the person reading the app's log: what happened, and what would change it.
    pub message: Cow<'static, str>,
    /// The policy on whose account the host refused, and the reason, of a bounded set. None where a
    /// policy refused by itself, and where it was none's doing.
    pub by: Option<Box<(Box<str>, &'static str)>>,
    /// Set where waiting helps.
    pub retry_after: Option<Duration>,
    /// Attempts were made in the app's place, until none was left.
    attempts_used_up: bool,
    /// For the operator's log only; never sent to the app.
    pub cause: Option<BoxError>,
}

/// The kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The HTTP message is ambiguous.
    BadFraming,
    /// The body is no valid request of its dialect, and a policy has to read it.
    BadRequest,
    /// The method is one that no provider is sent.
    MethodNotAllowed,
    /// The method is none of HTTP's own.
    MethodUnknown,
    /// The body did not come.
    BodyTimeout,
    /// The body is over `limits.request_body`.
    BodyTooLarge,
    /// The request names another host than its connection was made for.
    Misdirected,
    /// No upstream can take the request.
    NoUpstream,
    /// Every target of the model is limited by its provider.
    TargetsLimited,
    /// Every target of the model fails, and is left alone for a while.
    TargetsOpen,
    /// No target of the model takes such a request.
    NoTargetFits,
    /// A policy refused.
    PolicyDenied,
    /// A policy failed and may not be skipped.
    PolicyFailed,
    /// The text that a policy has to read is more than its limits allow for.
    PolicyInputTooLarge,
    /// A policy that reads passages can't see these.
    Unseen,
    /// The request wants a WebSocket, into which no policy sees.
    UpgradeRequired,
    /// The process is on its way out.
    Draining,
    /// There is more to do than the process can take on.
    Overloaded,
    /// No credential of the pod's identity for the upstream.
    CredentialsUnavailable,
    /// No connection to the upstream.
    UpstreamConnect,
    /// The upstream broke the exchange off.
    UpstreamFailed,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream's reply can't be read, and a policy has to.
    UpstreamUnreadable,
}

impl Code {
    /// The name in errors, metrics and logs, and the status.
    pub const fn facts(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadFraming => ("bad_framing", StatusCode::BAD_REQUEST),
            Self::BadRequest => ("bad_request", StatusCode::BAD_REQUEST),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::MethodUnknown => ("method_unknown", StatusCode::NOT_IMPLEMENTED),
            Self::BodyTimeout => ("body_timeout", StatusCode::REQUEST_TIMEOUT),
            Self::BodyTooLarge => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Misdirected => ("misdirected", StatusCode::MISDIRECTED_REQUEST),
            Self::NoUpstream => ("no_upstream", StatusCode::NOT_FOUND),
            Self::TargetsLimited => ("targets_limited", StatusCode::TOO_MANY_REQUESTS),
            Self::TargetsOpen => ("targets_open", StatusCode::SERVICE_UNAVAILABLE),
            Self::NoTargetFits => ("no_target_fits", StatusCode::BAD_REQUEST),
            Self::PolicyDenied => ("policy_denied", StatusCode::FORBIDDEN),
            Self::PolicyFailed => ("policy_failed", StatusCode::INTERNAL_SERVER_ERROR),
            Self::PolicyInputTooLarge => ("policy_input_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Unseen => ("unseen_by_policy", StatusCode::FORBIDDEN),
            // What clients take for "not here": agents go on over HTTP.
            Self::UpgradeRequired => ("websocket_unseen", StatusCode::UPGRADE_REQUIRED),
            Self::Draining => ("draining", StatusCode::SERVICE_UNAVAILABLE),
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE),
            Self::CredentialsUnavailable => ("credentials_unavailable", StatusCode::BAD_GATEWAY),
            Self::UpstreamConnect => ("upstream_connect", StatusCode::BAD_GATEWAY),
            Self::UpstreamFailed => ("upstream_failed", StatusCode::BAD_GATEWAY),
            Self::UpstreamTimeout => ("upstream_timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::UpstreamUnreadable => ("upstream_unreadable", StatusCode::BAD_GATEWAY),
        }
    }

    /// Reports whether the same request may well succeed a moment later.
    const fn passes(self) -> bool {
        matches!(
            self,
            Self::Draining
                | Self::Overloaded
                | Self::CredentialsUnavailable
                | Self::UpstreamConnect
                | Self::UpstreamFailed
                | Self::UpstreamTimeout
        )
    }
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            denial: None,
            message: message.into(),
            by: None,
            retry_after: None,
            attempts_used_up: false,
            cause: None,
        }
    }

    /// After attempts in the app's place: an SDK's own would multiply them, except after `wait`,
    /// where that is known to help.
    #[must_use]
    pub fn with_attempts_used_up(self, wait: Option<Duration>) -> Self {
        Self {
            retry_after: wait,
            attempts_used_up: true,
            ..self
        }
    }

    /// A policy's refusal.
    pub fn denied(denial: Denial) -> Self {
        let status = StatusCode::from_u16(denial.status).unwrap_or(StatusCode::FORBIDDEN);
        Self {
            denial: Some((status, denial.code)),
            retry_after: (denial.retry_after_ms).map(|ms| Duration::from_millis(ms.into())),
            ..Self::new(Code::PolicyDenied, denial.message)
        }
    }

    /// With the wait after which the same request may succeed.
    #[must_use]
    pub fn worth_retrying_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// On account of a policy, for a reason of a bounded set.
    #[must_use]
    pub fn on_account_of(self, policy: &str, reason: &'static str) -> Self {
        Self {
            by: Some(Box::new((policy.into(), reason))),
            ..self
        }
    }

    /// With what the operator may know besides.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<BoxError>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }

    /// The code that the app reads: a policy's own where it gave one.
    pub fn word(&self) -> &str {
        match &self.denial {
            Some((_, code)) => code,
            None => self.code.facts().0,
        }
    }

    /// The status that the app is answered.
    pub fn status(&self) -> StatusCode {
        match &self.denial {
            Some((status, _)) => *status,
            None => self.code.facts().1,
        }
    }

    /// The answer in the caller's dialect. `x-should-retry` is what the openai and anthropic SDKs
    /// heed before the status.
    pub fn answer(&self, dialect: Dialect) -> http::Response<Vec<u8>> {
        let body = answer::error_body(dialect, self.status().as_u16(), self.word(), &self.message);
        let mut response = http::Response::new(body);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let again = match self.retry_after {
            Some(wait) => wait <= LONGEST_WAIT,
            None => self.denial.is_none() && self.code.passes() && !self.attempts_used_up,
        };
        let again = if again { "true" } else { "false" };
        headers.insert("x-should-retry", HeaderValue::from_static(again));
        if let Some(wait) = self.retry_after {
            headers.insert(
                "retry-after",
                HeaderValue::from(wait.as_secs().max(u64::from(wait.subsec_nanos() > 0))),
            );
            headers.insert(
                "retry-after-ms",
                HeaderValue::from(wait.as_millis().min(u128::from(u64::MAX)) as u64),
            );
        }
        if self.code == Code::MethodNotAllowed {
            // RFC 9110 §15.5.6.
            let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
            headers.insert(http::header::ALLOW, methods);
        }
        if matches!(
            self.code,
            Code::BadFraming
                | Code::BodyTimeout
                | Code::BodyTooLarge
                | Code::Draining
                | Code::Misdirected
                | Code::UpgradeRequired
        ) {
            headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The `type` of an in-band error event with this refusal's news.
    pub fn event_type(&self) -> &'static str {
        match self.code {
            Code::Draining | Code::Overloaded | Code::TargetsOpen => "overloaded_error",
            Code::TargetsLimited => "rate_limit_error",
            Code::PolicyDenied => "permission_error",
            _ => "api_error",
        }
    }
}
