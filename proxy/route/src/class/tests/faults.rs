//! Requests that failed by their own fault.

use super::{super::*, failure};

/// The statuses, bodies and faults of requests that failed.
#[rustfmt::skip]
pub(super) const FAULTS: &[(ProviderRules, u16, &str, RequestFault)] = {
    use ProviderRules::{Anthropic, Azure, Bailian, Bedrock, Deepseek, Fireworks, Gemini, Groq, Mistral, Openai, Openrouter, Xai, Zhipu};
    use RequestFault::{ContentFilter, ContextLength, ForeignSignature, Model, Other};
    &[
        (Openai, 400, r#"{"error":{"code":"context_length_exceeded","message":"This model's maximum context length is 128000 tokens."}}"#, ContextLength),
        (Openai, 200, r#"{"type":"response.failed","response":{"error":{"code":"context_length_exceeded","message":"Your input exceeds the context window of this model."}}}"#, ContextLength),
        (Openai, 429, r#"{"error":{"code":"rate_limit_exceeded","type":"tokens","message":"Request too large for gpt-5 on tokens per min (TPM): Limit 30000, Requested 40000."}}"#, ContextLength),
        (Anthropic, 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 209353 tokens > 199999 maximum"}}"#, ContextLength),
        (Anthropic, 200, r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 209353 tokens > 199999 maximum"}}"#, ContextLength),
        (Anthropic, 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 1 + 2 > 2"}}"#, ContextLength),
        (Anthropic, 429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"Extra usage is required for long context requests."}}"#, ContextLength),
        (Gemini, 400, r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}"#, ContextLength),
        (Bedrock, 400, r#"{"message":"Input is too long for requested model."}"#, ContextLength),
        (Groq, 413, r#"{"error":{"code":"rate_limit_exceeded","message":"Request too large for model"}}"#, ContextLength),
        (Mistral, 400, r#"{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length","type":"invalid_request_prompt"}"#, ContextLength),
        (Xai, 400, r#"{"code":"c","error":"This model's maximum prompt length is 131072 but the request contains 200000 tokens."}"#, ContextLength),
        (Bailian, 400, r#"{"error":{"code":"invalid_parameter_error","message":"Range of input length should be [1, 129024]"}}"#, ContextLength),
        (Zhipu, 400, r#"{"error":{"code":"1261","message":"m"}}"#, ContextLength),
        (Fireworks, 400, r#"{"error":"The prompt is too long: 9, model maximum context length: 8"}"#, ContextLength),
        (Openai, 400, r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#, ContextLength),
        (Openai, 400, r#"{"object":"error","message":"The input (9 tokens) is longer than the model's context length (8 tokens).","code":400}"#, ContextLength),
        (Openrouter, 400, r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long\"}}"}}}"#, ContextLength),
        (Anthropic, 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#, ForeignSignature),
        (Bedrock, 400, r#"{"message":"messages.1.content.0: Invalid `signature` in `thinking` block"}"#, ForeignSignature),
        (Gemini, 400, r#"{"error":{"code":400,"message":"Corrupted thought signature.","status":"INVALID_ARGUMENT"}}"#, ForeignSignature),
        (Openai, 400, r#"{"error":{"code":"invalid_encrypted_content","message":"The encrypted content for item rs_1 could not be verified."}}"#, ForeignSignature),
        (Azure, 400, r#"{"error":{"code":"content_filter","message":"m","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#, ContentFilter),
        (Openai, 400, r#"{"error":{"code":"content_policy_violation","message":"m"}}"#, ContentFilter),
        (Anthropic, 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#, ContentFilter),
        (Openrouter, 403, r#"{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged","metadata":{"reasons":["x"]}}}"#, ContentFilter),
        (Deepseek, 400, r#"{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}"#, ContentFilter),
        (Xai, 403, r#"{"code":"c","error":"Content violates usage guidelines."}"#, ContentFilter),
        (Openai, 404, r#"{"error":{"code":"model_not_found","message":"The model `x` does not exist or you do not have access to it."}}"#, Model),
        (Anthropic, 404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}"#, Model),
        (Gemini, 404, r#"{"error":{"code":404,"message":"models/x is not found for API version v1beta","status":"NOT_FOUND"}}"#, Model),
        (Azure, 404, r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#, Model),
        (Openrouter, 400, r#"{"error":{"code":400,"message":"x is not a valid model ID"}}"#, Model),
        (Bedrock, 400, r#"{"message":"The provided model identifier is invalid."}"#, Model),
        (Openai, 404, r#"{"error":{"message":"Not Found"}}"#, Other),
        (Openai, 400, r#"{"error":{"message":"a bad field of this model","type":"invalid_request_error"}}"#, Other),
        (Openai, 413, "", Other),
        (Openai, 422, r#"{"detail":[{"msg":"field required"}]}"#, Other),
        (Openai, 409, "", Other),
        (Openai, 501, "", Other),
    ]
};

#[test]
fn a_request_s_own_fault_cools_nothing_and_says_what_might_help() {
    for (rules, status, body, fault) in FAULTS {
        let found = failure(*rules, *status, &[("retry-after", "5")], body);
        assert_eq!(found.class, Class::Request, "{rules:?} {status} {body}");
        assert_eq!(
            (found.fault, found.scope),
            (Some(*fault), Scope::Nothing),
            "{body}"
        );
        assert_eq!(found.cools_for(), None, "{body}");
    }
}
