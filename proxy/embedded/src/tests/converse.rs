//! Bedrock's Converse and InvokeModel, whole and in frames.

use dialect::event_stream::{Decoder, InvokeStream, MEDIA_TYPE, Message};

use super::*;

const CONVERSE: &str = "/model/any.model-v1%3A0/converse";

fn user_turn(text: &str) -> Value {
    json!({"system": [{"text": "Be brief."}], "messages": [{"role": "user", "content": [{"text": text}]}]})
}

/// The frames of a stream: each one's type, and its document.
async fn frames(reply: Response<Body>) -> Vec<(String, Value)> {
    assert_eq!(reply.headers()["content-type"], MEDIA_TYPE);
    let bytes = reply.into_body().collect().await.unwrap().to_bytes();
    let mut decoder = Decoder::new();
    let mut all = Vec::new();
    decoder.push(&bytes);
    while let Some(frame) = decoder.next().unwrap() {
        let (Message::Event(kind) | Message::Exception(kind)) = frame.message() else {
            panic!("{frame:?}");
        };
        let document = serde_json::from_slice(frame.payload()).unwrap();
        all.push((kind.to_owned(), document));
    }
    decoder.finish().unwrap();
    all
}

async fn streamed(body: &Value, faults: Option<&Faults>) -> Vec<(String, Value)> {
    let request = Request::post(format!("{CONVERSE}-stream"));
    let body = Full::new(Bytes::from(body.to_string()));
    frames(answer(request.body(body).unwrap(), faults).await).await
}

fn kinds(frames: &[(String, Value)]) -> Vec<&str> {
    let mut kinds: Vec<_> = frames.iter().map(|(kind, _)| kind.as_str()).collect();
    kinds.dedup();
    kinds
}

fn text_of(frames: &[(String, Value)], pointer: &str) -> String {
    let found = frames
        .iter()
        .filter_map(|(_, frame)| frame.pointer(pointer));
    found.filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn converse_is_answered_whole_and_in_frames_with_the_usage_behind_the_end() {
    let body = user_turn(TRICKY);
    let reply = whole(CONVERSE, &body).await;
    let message = json!({"role": "assistant", "content": [{"text": TRICKY}]});
    assert_eq!(reply["output"]["message"], message);
    assert_eq!(reply["stopReason"], "end_turn");

    let frames = streamed(&body, None).await;
    assert_eq!(text_of(&frames, "/delta/text"), TRICKY);
    let expected = [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    assert_eq!(kinds(&frames), expected);
    assert_eq!(frames.last().unwrap().1["usage"], reply["usage"]);
}

#[tokio::test]
async fn converse_thinks_and_calls_tools_and_reads_their_results() {
    let text = "call weather";
    let schema =
        json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
    let mut body = user_turn(text);
    body["toolConfig"] =
        json!({"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": schema}}}]});
    body["additionalModelRequestFields"] =
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
    let reply = whole(CONVERSE, &body).await;
    let content = &reply["output"]["message"]["content"];
    let thought = &content[0]["reasoningContent"]["reasoningText"];
    assert_eq!(thought["text"], format!("I was told: {text}"));
    assert_eq!(content[1]["toolUse"]["input"], json!({"city": text}));
    assert_eq!(reply["stopReason"], "tool_use");

    let frames = streamed(&body, None).await;
    let thought = text_of(&frames, "/delta/reasoningContent/text");
    assert_eq!(thought, format!("I was told: {text}"));
    assert_eq!(text_of(&frames, "/start/toolUse/name"), "weather");
    let input = text_of(&frames, "/delta/toolUse/input");
    assert_eq!(input, json!({"city": text}).to_string());

    let chosen = |choice: Value| {
        let mut body = user_turn("hello");
        body["toolConfig"] = json!({"toolChoice": choice, "tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {}}}}]});
        body
    };
    for choice in [json!({"any": {}}), json!({"tool": {"name": "weather"}})] {
        let reply = whole(CONVERSE, &chosen(choice)).await;
        assert_eq!(reply["stopReason"], "tool_use");
    }
    let result =
        json!({"toolUseId": "t", "content": [{"json": {"sky": "blue"}}, {"text": "call weather"}]});
    body["messages"] = json!([{"role": "user", "content": [{"toolResult": result}]}]);
    let reply = whole(CONVERSE, &body).await;
    let content = &reply["output"]["message"]["content"];
    assert_eq!(content[1]["text"], "{\"sky\":\"blue\"}\ncall weather");
}

#[tokio::test]
async fn converse_fills_the_schema_that_it_is_given_as_text() {
    let schema =
        json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
    let mut body = user_turn("Rome");
    let format = json!({"jsonSchema": {"schema": schema.to_string(), "name": "city"}});
    body["outputConfig"] = json!({"textFormat": {"type": "json_schema", "structure": format}});
    let reply = whole(CONVERSE, &body).await;
    let text = reply["output"]["message"]["content"][0]["text"].as_str();
    let filled: Value = serde_json::from_str(text.unwrap()).unwrap();
    assert_eq!(filled, json!({"city": "Rome"}));
    body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"] = "{".into();
    assert_eq!(send(CONVERSE, &body).await.0, 400);
}

#[tokio::test]
async fn converse_fails_as_bedrock_does_with_the_name_in_a_header_or_an_exception_inside() {
    let faults = |class| Faults {
        rate: 1.0,
        classes: vec![class],
        delay: Duration::ZERO,
        retry_after: None,
    };
    let frames = streamed(&user_turn("x"), Some(&faults(FaultClass::ErrorIn200))).await;
    assert_eq!(
        kinds(&frames),
        ["messageStart", "serviceUnavailableException"]
    );
    for (class, status, name) in [
        (FaultClass::Rate, 429, "ThrottlingException"),
        (FaultClass::Money, 400, "ServiceQuotaExceededException"),
        (FaultClass::Key, 403, "UnrecognizedClientException"),
        (FaultClass::MaybeDone, 500, "InternalServerException"),
        (FaultClass::ErrorIn200, 503, "ServiceUnavailableException"),
    ] {
        let body = Full::new(Bytes::from(user_turn("x").to_string()));
        let request = Request::post(CONVERSE).body(body).unwrap();
        let reply = answer(request, Some(&faults(class))).await;
        assert_eq!(reply.status(), status);
        assert_eq!(reply.headers()["x-amzn-errortype"], name);
    }
    let (status, text) = send("/model/any%3Fstatus=429/converse", &user_turn("x")).await;
    assert_eq!(status, 429, "{text}");
}

#[tokio::test]
async fn invoke_model_is_the_messages_api_with_its_events_in_frames() {
    let said = json!([{"role": "user", "content": TRICKY}]);
    let body =
        json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": said});
    let reply = whole("/model/any/invoke", &body).await;
    assert_eq!(reply["content"][0]["text"], TRICKY);

    let request = Request::post("/model/any/invoke-with-response-stream");
    let request = request.body(Full::new(Bytes::from(body.to_string())));
    let reply = answer(request.unwrap(), None).await;
    assert_eq!(reply.headers()["content-type"], MEDIA_TYPE);
    let bytes = reply.into_body().collect().await.unwrap().to_bytes();
    let (mut stream, mut events) = (InvokeStream::new(), Vec::new());
    stream.push(&bytes, &mut events).unwrap();
    stream.finish().unwrap();
    let events = String::from_utf8(events).unwrap();
    let data = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let data: Vec<Value> = data
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(joined(&data, "/delta/text"), TRICKY);
    assert_eq!(data.last().unwrap()["type"], "message_stop");
}
