//! Providers' replies: whole ones and streams of every dialect, in the shapes that the real ones
//! use.

use serde_json::{Value, json};

use crate::upstream::Step;

/// An API as its SDK calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1beta/models/MODEL:generateContent`, and `:streamGenerateContent`.
    Gemini,
}

impl Api {
    /// Those whose body names the model.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    /// All of them.
    pub const EVERY: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::Gemini];

    /// Its path under Outrigger and at the provider; of Gemini's the part before the model.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
            Self::Gemini => "/v1beta/models/",
        }
    }

    /// Its path for a model.
    pub fn address(self, model: &str, stream: bool) -> String {
        match (self, stream) {
            (Self::Gemini, true) => {
                format!("{}{model}:streamGenerateContent?alt=sse", self.path())
            }
            (Self::Gemini, false) => format!("{}{model}:generateContent", self.path()),
            _ => self.path().to_owned(),
        }
    }

    /// The `dialect` of an upstream that speaks it.
    pub const fn family(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses => "openai",
            Self::Messages => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// The API that a path belongs to.
    pub fn of(path: &str) -> Self {
        // Google's SDKs spell the version as they like.
        if [":generateContent", ":streamGenerateContent"]
            .iter()
            .any(|method| path.contains(method))
        {
            return Self::Gemini;
        }
        Self::ALL
            .into_iter()
            .find(|a| path.starts_with(a.path()))
            .unwrap_or(Self::Chat)
    }

    /// A request with one user message.
    pub fn ask(self, model: &str, prompt: &str, stream: bool) -> Value {
        match self {
            Self::Chat => {
                json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": prompt}]})
            }
            Self::Responses => json!({"model": model, "stream": stream, "input": prompt}),
            Self::Messages => {
                json!({"model": model, "stream": stream, "max_tokens": 256, "messages": [{"role": "user", "content": prompt}]})
            }
            Self::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
        }
    }

    /// A whole reply's body. Its spelling is odd on purpose: a parse and a print would change it.
    pub fn whole(self, text: &str) -> String {
        let quoted = Value::from(text);
        match self {
            Self::Chat => format!(
                r#"{{ "id":"chatcmpl-1", "object" : "chat.completion","created":1.0e9,"model":"m","x_unknown":{{"b":1E2,"a":[ ]}},"choices":[{{"index":0,"message":{{"role":"assistant","content":{quoted},"refusal":null}},"finish_reason":"stop","logprobs":null}}],"usage":{{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}}}"#
            ),
            Self::Responses => format!(
                r#"{{ "id":"resp_1","object":"response","created_at":1.0e9,"status":"completed","model":"m","x_unknown":{{"b":1E2}},"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"output":[{{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{{"type":"output_text","annotations":[],"text":{quoted}}}]}}],"usage":{{"input_tokens":10,"input_tokens_details":{{"cached_tokens":0}},"output_tokens":5,"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":15}}}}"#
            ),
            Self::Messages => format!(
                r#"{{ "id":"msg_1","type":"message","role":"assistant","model":"m","x_unknown":{{"b":1E2}},"content":[{{"type":"text","text":{quoted}}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":10,"output_tokens":5}}}}"#
            ),
            Self::Gemini => format!(
                r#"{{ "candidates":[{{"content":{{"parts":[{{"text":{quoted}}}],"role":"model"}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15}},"modelVersion":"m","x_unknown":{{"b":1E2}}}}"#
            ),
        }
    }

    /// A stream's events, a delta per piece, its terminator last. Comments and odd spacing are
    /// there on purpose.
    pub fn events(self, pieces: &[&str]) -> Vec<String> {
        let mut events = Vec::new();
        match self {
            Self::Chat => {
                let chunk = |delta: Value, finish: Value| {
                    format!(
                        "data: {}\n\n",
                        json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":delta,"finish_reason":finish}]})
                    )
                };
                events.push(format!(
                    ": hello\n\n{}",
                    chunk(json!({"role":"assistant","content":""}), Value::Null)
                ));
                events.extend(
                    pieces
                        .iter()
                        .map(|p| chunk(json!({"content": p}), Value::Null)),
                );
                events.push(chunk(json!({}), "stop".into()));
                events.push("data: [DONE]\n\n".to_owned());
            }
            Self::Responses => {
                let mut number = 0;
                let mut event = |kind: &str, mut body: Value| {
                    body["type"] = kind.into();
                    body["sequence_number"] = number.into();
                    number += 1;
                    format!("event: {kind}\ndata: {body}\n\n")
                };
                let text = pieces.concat();
                let mut response: Value =
                    serde_json::from_str(&self.whole(&text)).unwrap_or_default();
                let finished = response.clone();
                response["status"] = "in_progress".into();
                response["output"] = json!([]);
                response["usage"] = Value::Null;
                let part = |t: &str| json!({"type":"output_text","annotations":[],"text":t});
                events.push(event("response.created", json!({"response": response})));
                events.push(event("response.output_item.added", json!({"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}})));
                events.push(event(
                    "response.content_part.added",
                    json!({"item_id":"msg_1","output_index":0,"content_index":0,"part":part("")}),
                ));
                for piece in pieces {
                    events.push(event("response.output_text.delta", json!({"item_id":"msg_1","output_index":0,"content_index":0,"delta":piece,"logprobs":[]})));
                }
                events.push(event("response.output_text.done", json!({"item_id":"msg_1","output_index":0,"content_index":0,"text":text,"logprobs":[]})));
                events.push(event("response.content_part.done", json!({"item_id":"msg_1","output_index":0,"content_index":0,"part":part(&text)})));
                events.push(event("response.output_item.done", json!({"output_index":0,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[part(&text)]}})));
                events.push(event("response.completed", json!({"response": finished})));
            }
            Self::Messages => {
                let event = |kind: &str, mut body: Value| {
                    body["type"] = kind.into();
                    format!("event: {kind}\ndata: {body}\n\n")
                };
                events.push(event("message_start", json!({"message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}})));
                events.push(event(
                    "content_block_start",
                    json!({"index":0,"content_block":{"type":"text","text":""}}),
                ));
                events.push(event("ping", json!({})));
                for piece in pieces {
                    events.push(event(
                        "content_block_delta",
                        json!({"index":0,"delta":{"type":"text_delta","text":piece}}),
                    ));
                }
                events.push(event("content_block_stop", json!({"index":0})));
                events.push(event("message_delta", json!({"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}})));
                events.push(event("message_stop", json!({})));
            }
            Self::Gemini => {
                let chunk = |text: &str, finish: &str| {
                    format!(
                        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":{}}}],\"role\":\"model\"}}{finish},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"totalTokenCount\":15}},\"modelVersion\":\"m\"}}\r\n\r\n",
                        Value::from(text)
                    )
                };
                events.extend(pieces.iter().map(|piece| chunk(piece, "")));
                events.push(chunk("", ",\"finishReason\":\"STOP\""));
            }
        }
        events
    }

    /// Number of events of [`Api::events`] after the last delta.
    pub const fn closing_events(self) -> usize {
        match self {
            Self::Chat => 2,
            Self::Responses => 4,
            Self::Messages => 3,
            Self::Gemini => 1,
        }
    }

    /// Number of events of [`Api::events`] before the first delta.
    pub const fn opening_events(self) -> usize {
        match self {
            Self::Chat => 1,
            Self::Responses | Self::Messages => 3,
            Self::Gemini => 0,
        }
    }
}

/// A response with `Content-Length`; `headers` are whole lines without their ends.
pub fn whole(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for line in headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A response of JSON.
pub fn json_body(body: &str) -> Vec<u8> {
    whole(
        "200 OK",
        &["content-type: application/json", "x-request-id: req_up"],
        body,
    )
}

/// The head of a chunked event stream.
pub fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_up\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}

/// One chunk.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", data.len()).into_bytes();
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The last chunk.
pub fn last_chunk() -> Vec<u8> {
    b"0\r\n\r\n".to_vec()
}

/// A whole stream: head, a chunk per event, the last chunk.
pub fn stream(events: &[String]) -> Vec<Step> {
    let mut steps = vec![Step::Send(stream_head())];
    steps.extend(events.iter().map(|e| Step::Send(chunk(e.as_bytes()))));
    steps.push(Step::Send(last_chunk()));
    steps
}
