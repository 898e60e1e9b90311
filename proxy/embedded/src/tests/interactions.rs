//! Interactions, whole and as events.

use super::*;

const INTERACTIONS: &str = "/v1beta/interactions";

async fn steps(body: Value) -> Vec<Value> {
    let (status, text) = send(INTERACTIONS, &body).await;
    assert_eq!(status, 200, "{text}");
    let mut events = Vec::new();
    for event in text.trim_end().split("\n\n") {
        let rest = event.strip_prefix("event: ").unwrap();
        let (name, data) = rest.split_once("\ndata: ").unwrap();
        if name == "done" {
            assert_eq!(data, "[DONE]");
            continue;
        }
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["event_type"], name);
        events.push(data);
    }
    events
}

#[tokio::test]
async fn interactions_are_answered_whole_and_as_events() {
    for input in [
        json!(TRICKY),
        json!({"type": "text", "text": TRICKY}),
        json!([{"type": "text", "text": TRICKY}]),
        json!([{"type": "user_input", "content": [{"type": "text", "text": "before"}]},
            {"type": "model_output", "content": [{"type": "text", "text": "between"}]},
            {"type": "user_input", "content": [{"type": "text", "text": TRICKY}]}]),
        json!([{"role": "user", "content": "before"}, {"role": "model", "content": "between"}, {"role": "user", "content": TRICKY}]),
    ] {
        let body = json!({"model": "any", "input": input, "system_instruction": "Be brief."});
        let reply = whole(INTERACTIONS, &body).await;
        let text = json!([{"type": "model_output", "content": [{"type": "text", "text": TRICKY}]}]);
        assert_eq!(reply["steps"], text, "{body}");
        assert_eq!(reply["status"], "completed");

        let mut body = body;
        body["stream"] = true.into();
        let events = steps(body).await;
        assert_eq!(joined(&events, "/delta/text"), TRICKY);
        assert_eq!(events[0]["interaction"]["status"], "in_progress");
        let last = events.last().unwrap();
        assert_eq!(last["event_type"], "interaction.completed");
        assert_eq!(last["interaction"]["usage"], reply["usage"]);
    }
}

#[tokio::test]
async fn interactions_think_call_functions_and_read_their_results() {
    let text = "call weather";
    let schema =
        json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function", "name": "weather", "parameters": schema}]);
    let config = json!({"thinking_level": "low", "thinking_summaries": "auto"});
    let mut body =
        json!({"model": "any", "input": text, "tools": tools, "generation_config": config});
    let reply = whole(INTERACTIONS, &body).await;
    let thought = format!("I was told: {text}");
    assert_eq!(reply["steps"][0]["summary"][0]["text"], thought);
    assert_eq!(reply["steps"][1]["type"], "function_call");
    assert_eq!(reply["steps"][1]["arguments"], json!({"city": text}));
    assert_eq!(reply["status"], "requires_action");
    body["stream"] = true.into();
    let events = steps(body.clone()).await;
    assert_eq!(joined(&events, "/delta/content/text"), thought);
    let arguments = joined(&events, "/delta/arguments");
    assert_eq!(arguments, json!({"city": text}).to_string());

    body["stream"] = false.into();
    for (result, said) in [
        (json!("sunny"), "sunny"),
        (json!([{"type": "text", "text": "sunny"}]), "sunny"),
        (json!({"sky": "blue"}), r#"{"sky":"blue"}"#),
    ] {
        body["input"] = json!([{"type": "function_result", "call_id": "c", "name": "weather", "result": result}]);
        let reply = whole(INTERACTIONS, &body).await;
        assert_eq!(reply["steps"][1]["content"][0]["text"], said);
    }
    body["input"] = "hello".into();
    for choice in [
        json!("any"),
        json!({"allowed_tools": {"mode": "any", "tools": ["weather"]}}),
    ] {
        body["generation_config"] = json!({"tool_choice": choice});
        let reply = whole(INTERACTIONS, &body).await;
        assert_eq!(reply["steps"][0]["type"], "function_call");
    }
}

#[tokio::test]
async fn interactions_fill_schemas_in_both_forms() {
    let schema =
        json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
    let json = "application/json";
    for form in [
        json!({"response_format": {"type": "text", "mime_type": json, "schema": schema}}),
        json!({"response_format": [{"type": "text", "mime_type": json, "schema": schema}]}),
        json!({"response_format": schema, "response_mime_type": json}),
    ] {
        let mut body = form;
        body["model"] = "any".into();
        body["input"] = "Rome".into();
        let reply = whole(INTERACTIONS, &body).await;
        let text = reply["steps"][0]["content"][0]["text"].as_str();
        let filled: Value = serde_json::from_str(text.unwrap()).unwrap();
        assert_eq!(filled, json!({"city": "Rome"}), "{body}");
    }
    let (status, text) = send(INTERACTIONS, &json!({"model": "any"})).await;
    assert_eq!(status, 400);
    assert!(text.contains("INVALID_ARGUMENT"), "{text}");
}
