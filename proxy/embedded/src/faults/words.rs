//! Failures in the words of each provider.

use super::{super::endpoint::Provider, FaultClass};

/// One failure as a provider writes it: its status and the members of its error.
pub(super) struct Form {
    pub(super) status: u16,
    /// OpenAI's and Anthropic's `type`; Google's `status`.
    pub(super) kind: &'static str,
    /// OpenAI's `code`.
    pub(super) code: Option<&'static str>,
    pub(super) message: &'static str,
}

const fn form(
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: &'static str,
) -> Form {
    Form {
        status,
        kind,
        code,
        message,
    }
}

/// The failure in the words of a provider. Kinds without a status of their own are an overload.
pub(super) const fn form_of(provider: Provider, class: FaultClass) -> Form {
    use FaultClass::{Key, MaybeDone, Money, Rate};
    match provider {
        Provider::Anthropic => match class {
            Rate => form(
                429,
                "rate_limit_error",
                None,
                "This request would exceed your rate limit. Please try again later.",
            ),
            Money => form(
                400,
                "invalid_request_error",
                None,
                "You have reached your specified API usage limits.",
            ),
            Key => form(401, "authentication_error", None, "invalid x-api-key"),
            MaybeDone => form(500, "api_error", None, "Internal server error"),
            _ => form(529, "overloaded_error", None, "Overloaded"),
        },
        Provider::Google => match class {
            Rate => form(
                429,
                "RESOURCE_EXHAUSTED",
                None,
                "You exceeded your current quota. Please retry later.",
            ),
            Money => form(
                429,
                "RESOURCE_EXHAUSTED",
                None,
                "You exceeded your current quota, please check your plan and billing details. Quota exceeded for metric: generate_content_free_tier_requests, limit: 0",
            ),
            Key => form(
                401,
                "UNAUTHENTICATED",
                None,
                "Request had invalid authentication credentials.",
            ),
            MaybeDone => form(500, "INTERNAL", None, "An internal error has occurred."),
            _ => form(
                503,
                "UNAVAILABLE",
                None,
                "The model is overloaded. Please try again later.",
            ),
        },
        Provider::Amazon => match class {
            Rate => form(
                429,
                "ThrottlingException",
                None,
                "Too many requests, please wait before trying again.",
            ),
            Money => form(
                400,
                "ServiceQuotaExceededException",
                None,
                "Your request exceeds the service quota for your account.",
            ),
            Key => form(
                403,
                "UnrecognizedClientException",
                None,
                "The security token included in the request is invalid.",
            ),
            MaybeDone => form(
                500,
                "InternalServerException",
                None,
                "The system encountered an unexpected error during processing. Try your request again.",
            ),
            _ => form(
                503,
                "ServiceUnavailableException",
                None,
                "The service is temporarily unavailable. Try your request again.",
            ),
        },
        Provider::Openai => match class {
            Rate => form(
                429,
                "requests",
                Some("rate_limit_exceeded"),
                "Rate limit reached for requests. Please try again later.",
            ),
            Money => form(
                429,
                "insufficient_quota",
                Some("insufficient_quota"),
                "You exceeded your current quota, please check your plan and billing details.",
            ),
            Key => form(
                401,
                "invalid_request_error",
                Some("invalid_api_key"),
                "Incorrect API key provided.",
            ),
            MaybeDone => form(
                500,
                "server_error",
                None,
                "The server had an error while processing your request.",
            ),
            _ => form(
                503,
                "service_unavailable_error",
                Some("server_is_overloaded"),
                "Our servers are currently overloaded. Please try again later.",
            ),
        },
    }
}
