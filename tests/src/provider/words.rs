//! Failures in the words of the providers that show them.

use serde_json::{Value, json};

use crate::replies::{self, Api};

/// A failure that a provider names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Too many calls; with the value of `retry-after`, in seconds, where it gives one.
    Rate(Option<&'static str>),
    /// No room at the provider.
    Overload,
    /// Nothing left to pay with.
    Money,
    /// A key that is not accepted.
    Key,
    /// A 500: nobody knows what was done.
    MaybeDone,
    /// A body that is no valid request.
    Invalid,
    /// A model that the provider has not.
    UnknownModel,
    /// More input than the model takes.
    ContextLength,
    /// A signature of reasoning that another account made.
    ForeignSignature,
    /// A prompt that the provider's filter refuses.
    ContentFilter,
}

/// One failure: its status line and the members of its error.
struct Words {
    status: &'static str,
    kind: &'static str,
    code: Value,
    message: &'static str,
}

fn words(api: Api, fault: Fault) -> Words {
    let words = |status, kind, code: Option<&str>, message| Words {
        status,
        kind,
        code: code.map_or(Value::Null, Value::from),
        message,
    };
    const RATE: &str = "429 Too Many Requests";
    const BAD: &str = "400 Bad Request";
    match api {
        Api::Chat | Api::Responses => match fault {
            Fault::Rate(_) => words(
                RATE,
                "requests",
                Some("rate_limit_exceeded"),
                "Rate limit reached for m",
            ),
            Fault::Overload => words(
                "503 Service Unavailable",
                "service_unavailable_error",
                Some("server_is_overloaded"),
                "Our servers are currently overloaded.",
            ),
            Fault::Money => words(
                RATE,
                "insufficient_quota",
                Some("insufficient_quota"),
                "You exceeded your current quota, please check your plan and billing details.",
            ),
            Fault::Key => words(
                "401 Unauthorized",
                "invalid_request_error",
                Some("invalid_api_key"),
                "Incorrect API key provided.",
            ),
            Fault::MaybeDone => words(
                "500 Internal Server Error",
                "server_error",
                None,
                "The server had an error while processing your request.",
            ),
            Fault::Invalid => words(
                BAD,
                "invalid_request_error",
                None,
                "Invalid value: 'spoon'.",
            ),
            Fault::UnknownModel => words(
                "404 Not Found",
                "invalid_request_error",
                Some("model_not_found"),
                "The model `m` does not exist or you do not have access to it.",
            ),
            Fault::ContextLength => words(
                BAD,
                "invalid_request_error",
                Some("context_length_exceeded"),
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            ),
            Fault::ForeignSignature => words(
                BAD,
                "invalid_request_error",
                Some("invalid_encrypted_content"),
                "The encrypted content for item rs_1 could not be verified.",
            ),
            Fault::ContentFilter => words(
                BAD,
                "invalid_request_error",
                Some("content_filter"),
                "The response was filtered due to the prompt triggering content management policy.",
            ),
        },
        Api::Messages => match fault {
            Fault::Rate(_) => words(
                RATE,
                "rate_limit_error",
                None,
                "This request would exceed your rate limit.",
            ),
            Fault::Overload => words("529 Overloaded", "overloaded_error", None, "Overloaded"),
            Fault::Money => words(
                BAD,
                "invalid_request_error",
                None,
                "You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC.",
            ),
            Fault::Key => words(
                "401 Unauthorized",
                "authentication_error",
                None,
                "invalid x-api-key",
            ),
            Fault::MaybeDone => words(
                "500 Internal Server Error",
                "api_error",
                None,
                "Internal server error",
            ),
            Fault::Invalid => words(
                BAD,
                "invalid_request_error",
                None,
                "messages: Field required",
            ),
            Fault::UnknownModel => words("404 Not Found", "not_found_error", None, "model: m"),
            Fault::ContextLength => words(
                BAD,
                "invalid_request_error",
                None,
                "prompt is too long: 210000 tokens > 200000 maximum",
            ),
            Fault::ForeignSignature => words(
                BAD,
                "invalid_request_error",
                None,
                "messages.1.content.0: Invalid `signature` in `thinking` block",
            ),
            Fault::ContentFilter => words(
                BAD,
                "invalid_request_error",
                None,
                "Output blocked by content filtering policy",
            ),
        },
        Api::Gemini => match fault {
            Fault::Rate(_) => words(
                RATE,
                "RESOURCE_EXHAUSTED",
                None,
                "You exceeded your current quota. Please retry later.",
            ),
            Fault::Overload => words(
                "503 Service Unavailable",
                "UNAVAILABLE",
                None,
                "The model is overloaded. Please try again later.",
            ),
            Fault::Money => words(
                RATE,
                "RESOURCE_EXHAUSTED",
                None,
                "You exceeded your current quota, please check your plan and billing details. Quota exceeded for metric: generate_content_free_tier_requests, limit: 0",
            ),
            Fault::Key => words(
                "401 Unauthorized",
                "UNAUTHENTICATED",
                None,
                "Request had invalid authentication credentials.",
            ),
            Fault::MaybeDone => words(
                "500 Internal Server Error",
                "INTERNAL",
                None,
                "An internal error has occurred.",
            ),
            Fault::Invalid => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "Invalid JSON payload received.",
            ),
            Fault::UnknownModel => words(
                "404 Not Found",
                "NOT_FOUND",
                None,
                "models/m is not found for API version v1beta.",
            ),
            Fault::ContextLength => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            Fault::ForeignSignature => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "Thought signature is not valid.",
            ),
            Fault::ContentFilter => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "The prompt was blocked by safety filters.",
            ),
        },
    }
}

/// The body of a failure.
pub fn error_body(api: Api, fault: Fault) -> String {
    let words = words(api, fault);
    let (kind, message) = (words.kind, words.message);
    match api {
        Api::Chat | Api::Responses => {
            json!({"error": {"message": message, "type": kind, "param": null, "code": words.code}})
        }
        Api::Messages => {
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"})
        }
        Api::Gemini => {
            let code: u16 = words.status[..3].parse().unwrap();
            let mut error = json!({"error": {"code": code, "message": message, "status": kind}});
            let mut details = Vec::new();
            if let Some(quota) = match fault {
                Fault::Rate(_) => Some("GenerateRequestsPerMinutePerProjectPerModel"),
                Fault::Money => Some("GenerateRequestsPerDayPerProject"),
                _ => None,
            } {
                details.push(json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}));
            }
            if let Fault::Rate(Some(after)) = fault {
                details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{after}s")}));
            }
            if !details.is_empty() {
                error["error"]["details"] = details.into();
            }
            error
        }
    }
    .to_string()
}

/// The whole reply of a failure.
pub fn refusal(api: Api, fault: Fault) -> Vec<u8> {
    let after = match fault {
        Fault::Rate(Some(after)) if api != Api::Gemini => format!("retry-after: {after}"),
        _ => "x-up: 1".to_owned(),
    };
    let headers = ["content-type: application/json", &after];
    replies::whole(words(api, fault).status, &headers, &error_body(api, fault))
}

/// The event of a failure in a stream.
pub fn error_event(api: Api, fault: Fault) -> String {
    let body = error_body(api, fault);
    match api {
        Api::Chat => format!("data: {body}\n\n"),
        Api::Gemini => format!("data: {body}\r\n\r\n"),
        Api::Messages => format!("event: error\ndata: {body}\n\n"),
        Api::Responses => {
            let words = words(api, fault);
            let error = json!({"type": "error", "sequence_number": 3, "code": words.code, "message": words.message, "param": null});
            format!("event: error\ndata: {error}\n\n")
        }
    }
}
