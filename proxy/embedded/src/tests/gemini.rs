//! Gemini, whole, as events and as one array.

use super::*;

const GEMINI: &str = "/v1beta/models/any:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/any:streamGenerateContent?alt=sse";

fn user_turn(text: &str) -> Value {
    json!({"contents": [{"role": "model", "parts": [{"text": "before"}]}, {"role": "user", "parts": [{"text": text}]}]})
}

#[tokio::test]
async fn gemini_is_answered_whole_as_events_and_as_one_array() {
    let reply = whole(GEMINI, &user_turn(TRICKY)).await;
    let text = "/candidates/0/content/parts/0/text";
    assert_eq!(reply.pointer(text).unwrap(), TRICKY);
    assert_eq!(reply["candidates"][0]["finishReason"], "STOP");
    assert_eq!(reply["modelVersion"], "any");

    let streamed = events(GEMINI_STREAM, user_turn(TRICKY)).await;
    assert_eq!(joined(&streamed, text), TRICKY);
    assert!(streamed.len() > 6);
    let (last, before) = streamed.split_last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert!(
        before
            .iter()
            .all(|event| event["candidates"][0].get("finishReason").is_none())
    );
    assert_eq!(last["usageMetadata"], reply["usageMetadata"]);

    let listed = whole(
        "/v1beta/models/any:streamGenerateContent",
        &user_turn(TRICKY),
    )
    .await;
    assert_eq!(joined(listed.as_array().unwrap(), text), TRICKY);
    let count = whole(
        "/v1beta/models/any:countTokens",
        &json!({"generateContentRequest": user_turn("word word")}),
    )
    .await;
    assert_eq!(count, json!({"totalTokens": 4}));
}

#[tokio::test]
async fn gemini_calls_tools_thinks_and_offers_candidates_in_both_spellings() {
    let text = "call weather";
    for (tools, config) in [
        ("functionDeclarations", "generationConfig"),
        ("function_declarations", "generation_config"),
    ] {
        let mut body = user_turn(text);
        body["tools"] = json!([{tools: [{"name": "weather", "parameters": {"required": ["city"], "properties": {"city": {"type": "string"}}}}]}]);
        body[config] = json!({"candidateCount": 2, "thinkingConfig": {"includeThoughts": true}});
        let reply = whole(GEMINI, &body).await;
        let parts = &reply["candidates"][1]["content"]["parts"];
        assert_eq!(
            parts[0],
            json!({"text": format!("I was told: {text}"), "thought": true})
        );
        assert_eq!(
            parts[1]["functionCall"],
            json!({"name": "weather", "args": {"city": text}})
        );
        let usage = &reply["usageMetadata"];
        let sum = [
            "promptTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
        ];
        let sum: u64 = sum.iter().map(|name| usage[*name].as_u64().unwrap()).sum();
        assert_eq!(usage["totalTokenCount"], sum);
    }
    let result = json!({"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"result": "sunny"}}}]}]});
    let reply = whole(GEMINI, &result).await;
    assert_eq!(
        reply["candidates"][0]["content"]["parts"][0]["text"],
        "sunny"
    );
}

#[tokio::test]
async fn gemini_errs_in_its_own_words() {
    let (status, body) = send(GEMINI, &json!({})).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status.as_u16(), &body["error"]["status"]),
        (400, &json!("INVALID_ARGUMENT"))
    );
    let (status, body) = send(
        "/v1beta/models/echo%3Fstatus=429:generateContent",
        &user_turn("x"),
    )
    .await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status.as_u16(), &body["error"]["status"]),
        (429, &json!("RESOURCE_EXHAUSTED"))
    );
}
