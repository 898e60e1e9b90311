//! The meanings of answers: of each provider what is its own, of each API what its providers share,
//! and of HTTP the rest. Read from the top, the first row that matches counts.
//!
//! | source | for |
//! |---|---|
//! | <https://developers.openai.com/api/docs/guides/error-codes> | OpenAI |
//! | <https://docs.claude.com/en/api/errors> | Anthropic |
//! | <https://ai.google.dev/gemini-api/docs/troubleshooting>, google/rpc/error_details.proto | Google |
//! | <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html> | Bedrock |
//! | <https://console.groq.com/docs/errors> | Groq |
//! | <https://openrouter.ai/docs/api/reference/errors-and-debugging> | OpenRouter |
//! | <https://api-docs.deepseek.com/quick_start/error_codes> | DeepSeek |
//! | <https://help.aliyun.com/zh/model-studio/error-code> | Model Studio |
//! | <https://docs.x.ai/docs/key-information/debugging> | xAI |
//! | <https://docs.z.ai/api-reference/api-code> | Z.ai |
//!
//! Messages are from these and from public reports of what came.

use super::{
    Class::{Key, MaybeDone, Money, Overload, Rate, Refused},
    RequestFault::{ContentFilter, ContextLength, ForeignSignature, Model, Other},
    Scope,
    row::{Known, Sign},
};

pub(super) static OPENAI: &[Known] = &[
    Known::is(Money).code(&[
        "credit_balance_exhausted",
        "insufficient_quota",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
        "billing_not_active",
        "usage_limit_reached",
    ]),
    // More than a minute's tokens at once: it never fits.
    Known::request(ContextLength)
        .status(&[413, 429])
        .message(&["request too large for"]),
    Known::is(Overload).code(&["server_is_overloaded", "server_overloaded"]),
    Known::is(Rate).code(&["rate_limit_exceeded", "slow_down"]),
    // A project without access to this model.
    Known::is(Key)
        .of(Scope::KeyModel)
        .status(&[403])
        .message(&["access to model"]),
    Known::is(Key).code(&["invalid_api_key", "account_deactivated"]),
    Known::request(ForeignSignature).code(&["invalid_encrypted_content"]),
    Known::request(ContentFilter).code(&[
        "content_filter",
        "content_policy_violation",
        "moderation_blocked",
        "invalid_prompt",
    ]),
];

pub(super) static ANTHROPIC: &[Known] = &[
    // Comes as a 429 that looks like any other, but for the end that it does not give.
    Known::is(Money).code(&["enforced_spend_limit_reached", "billing_error"]),
    Known::is(Money).status(&[400, 403, 429]).message(&[
        "specified api usage limits",
        "credit balance is too low",
        "monthly spend limit",
    ]),
    // Of an account that may not use the larger window: it never fits.
    Known::request(ContextLength)
        .status(&[400, 403, 429])
        .message(&[
            "required for long context requests",
            "long context beta is not",
        ]),
    Known::is(Overload).code(&["overloaded_error"]),
    Known::request(ContentFilter)
        .status(&[400])
        .message(&["blocked by content filtering policy"]),
];

pub(super) static GEMINI: &[Known] = &[
    Known::is(Money)
        .of(Scope::KeyModel)
        .status(&[429])
        .sign(Sign::NoQuotaOfModel),
    Known::is(Money).status(&[429]).sign(Sign::NoQuota),
    Known::is(Money).status(&[400, 403, 429]).message(&[
        "credits are depleted",
        "spending cap",
        "free tier is not available",
        "billing to be enabled",
    ]),
    Known::is(Key).code(&["API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED"]),
    Known::is(Key)
        .status(&[400])
        .message(&["user location is not supported"]),
    // The server's own cancellation.
    Known::is(MaybeDone).status(&[499]),
];

pub(super) static AZURE: &[Known] = &[
    Known::is(Overload)
        .status(&[429])
        .code(&["no_capacity", "NoCapacity"]),
    Known::is(Overload)
        .status(&[429])
        .message(&["experiencing high demand"]),
    Known::request(ContentFilter).code(&["ResponsibleAIPolicyViolation"]),
    Known::request(Model).code(&["DeploymentNotFound"]),
];

pub(super) static BEDROCK: &[Known] = &[
    Known::is(Money)
        .of(Scope::KeyModel)
        .message(&["too many tokens per day"]),
    Known::is(Money).code(&["ServiceQuotaExceeded"]),
    // Cold: it loads.
    Known::is(Overload).code(&["ModelNotReady", "ServiceUnavailable"]),
    Known::is(Rate).code(&["Throttling", "TooManyRequests"]),
    Known::is(MaybeDone).code(&[
        "ModelTimeout",
        "ModelError",
        "ModelStreamError",
        "InternalServer",
    ]),
    Known::is(Key)
        .of(Scope::KeyModel)
        .status(&[403])
        .message(&["access to the model"]),
    Known::is(Key)
        .of(Scope::KeyModel)
        .status(&[403, 404])
        .message(&["use case details"]),
    Known::is(Key).code(&[
        "AccessDenied",
        "ExpiredToken",
        "UnrecognizedClient",
        "InvalidSignature",
        "IncompleteSignature",
    ]),
    Known::request(Model).message(&["model identifier is invalid", "on-demand throughput isn"]),
];

pub(super) static GROQ: &[Known] = &[
    Known::is(Rate).status(&[498]),
    Known::is(Money).code(&["blocked_api_access"]),
    Known::request(ContextLength).status(&[413]),
];

pub(super) static OPENROUTER: &[Known] = &[
    Known::request(ContentFilter)
        .status(&[403])
        .message(&["moderation", "was flagged"]),
    Known::is(Money)
        .status(&[429])
        .message(&["free-models-per-day"]),
    // The provider's pool, which all keys share.
    Known::is(Overload)
        .status(&[429])
        .message(&["rate-limited upstream"]),
    Known::request(Model)
        .status(&[400, 404])
        .message(&["not a valid model id", "no endpoints found"]),
];

pub(super) static DEEPSEEK: &[Known] = &[Known::request(ContentFilter)
    .status(&[400])
    .message(&["content exists risk"])];

pub(super) static BAILIAN: &[Known] = &[
    Known::is(Money).code(&[
        "Arrearage",
        "PrepaidBillOverdue",
        "PostpaidBillOverdue",
        "AllocationQuota.FreeTierOnly",
    ]),
    // A limit per minute, by the name that is no money at OpenAI.
    Known::is(Rate).code(&[
        "insufficient_quota",
        "limit_requests",
        "Throttling",
        "Throttling.RateQuota",
        "Throttling.BurstRate",
        "Throttling.AllocationQuota",
    ]),
    Known::request(ContentFilter).code(&["DataInspectionFailed", "data_inspection_failed"]),
];

pub(super) static MISTRAL: &[Known] = &[
    Known::is(Overload).code(&["3505", "service_tier_capacity_exceeded"]),
    Known::request(Model).code(&["invalid_model"]),
];

pub(super) static XAI: &[Known] = &[
    Known::is(Money).status(&[400, 403, 429]).message(&[
        "used all available credits",
        "have any credits",
        "run out of credits",
    ]),
    Known::is(Key)
        .status(&[400])
        .message(&["incorrect api key"]),
    Known::request(ContentFilter)
        .status(&[400, 403])
        .message(&["violates usage guidelines"]),
];

pub(super) static FIREWORKS: &[Known] = &[
    Known::is(Money).status(&[412]),
    Known::is(Money)
        .status(&[400, 403, 429])
        .message(&["is suspended", "not in good standing"]),
];

pub(super) static MOONSHOT: &[Known] = &[
    Known::is(Money).code(&["exceeded_current_quota_error"]),
    Known::is(Overload).code(&["engine_overloaded_error"]),
    Known::is(Rate).code(&["rate_limit_reached_error"]),
];

pub(super) static ZHIPU: &[Known] = &[
    Known::is(Money).code(&["1112", "1113", "1304", "1308", "1309", "1310"]),
    Known::is(Overload).code(&["1305", "1312"]),
    Known::is(Rate).code(&["1302", "1303"]),
    Known::request(ContentFilter).code(&["1301"]),
    Known::request(ContextLength).code(&["1261"]),
];

pub(super) static CEREBRAS: &[Known] = &[Known::is(Overload).code(&["queue_exceeded"])];

/// Whatever the provider: faults of requests, which servers and gateways pass on under any name.
pub(super) static SHARED: &[Known] = &[
    Known::is(Money)
        .status(&[400, 403, 429])
        .message(&["insufficient balance", "insufficient credits"]),
    Known::request(ContextLength).code(&[
        "context_length_exceeded",
        "context_window_exceeded",
        "model_context_window_exceeded",
        "model_max_prompt_tokens_exceeded",
        "exceed_context_size_error",
    ]),
    Known::request(ContextLength)
        .status(&[400, 403, 413, 422, 500])
        .message(&[
            "prompt is too long",
            "prompt too long",
            "exceed context limit",
            "exceeds the context window",
            "context window exceeds limit",
            "context length exceeded",
            "maximum context length",
            "maximum model length",
            "maximum prompt length",
            "maximum number of tokens allowed",
            "maximum allowed input length",
            "exceeds the available context size",
            "exceeded model token limit",
            "greater than the context length",
            "longer than the model's context length",
            "input length exceeds context length",
            "input is too long",
            "too many input tokens",
            "too many tokens",
            "too large for model with",
            "range of input length should be",
            "reduce the length of the messages",
            "`max_new_tokens` must be <=",
        ]),
    Known::request(ForeignSignature)
        .status(&[400, 422])
        .message(&[
            "invalid `signature` in `thinking`",
            "invalid signature in thinking",
            "invalid `data` in `redacted_thinking`",
            "thought signature is not valid",
            "corrupted thought signature",
            "invalid thought signature",
            "the encrypted content",
        ]),
    Known::request(Model).status(&[400, 404, 410, 422]).code(&[
        "model_not_found",
        "ModelNotFound",
        "model_not_available",
        "model_decommissioned",
        "model_deprecated",
    ]),
    Known::request(Model).status(&[404]).message(&["model"]),
    Known::request(Model)
        .status(&[400])
        .message(&["model not exist"]),
];

/// HTTP's, with the statuses that proxies at the edge add.
pub(super) static STATUSES: &[Known] = &[
    Known::is(Key).status(&[401, 403]),
    Known::is(Money).status(&[402]),
    Known::is(Rate).status(&[429]),
    Known::is(Overload).status(&[503, 529]),
    Known::is(MaybeDone).status(&[408, 424, 500, 502, 504, 520, 524]),
    // The edge found no server.
    Known::is(Refused).status(&[521, 522, 523, 525, 526]),
    Known::request(Other).status(&[501, 505]),
];

/// The status that an error's type stands for, by which it is read inside a reply, where it states
/// none.
pub(super) static TYPES: &[(u16, &[&str])] = &[
    (
        400,
        &[
            "invalid_request_error",
            "invalid_request",
            "BadRequestError",
            "INVALID_ARGUMENT",
            "FAILED_PRECONDITION",
            "OUT_OF_RANGE",
            "Validation",
        ],
    ),
    (
        401,
        &[
            "authentication_error",
            "invalid_authentication_error",
            "UNAUTHENTICATED",
        ],
    ),
    (
        403,
        &["permission_error", "permission_denied", "AccessDenied"],
    ),
    (404, &["not_found_error", "NotFoundError", "NOT_FOUND"]),
    (408, &["ModelTimeout"]),
    (413, &["request_too_large"]),
    (424, &["ModelError", "ModelStreamError"]),
    (
        429,
        &[
            "rate_limit_error",
            "rate_limited",
            "too_many_requests",
            "too_many_requests_error",
            "RESOURCE_EXHAUSTED",
            "Throttling",
        ],
    ),
    (
        500,
        &[
            "server_error",
            "api_error",
            "internal_error",
            "internal_server_error",
            "InternalServer",
            "INTERNAL",
        ],
    ),
    (501, &["UNIMPLEMENTED"]),
    (
        503,
        &[
            "overloaded",
            "service_unavailable",
            "service_unavailable_error",
            "ServiceUnavailable",
            "UNAVAILABLE",
        ],
    ),
    (504, &["timeout_error", "DEADLINE_EXCEEDED"]),
];
