//! Replies of the three APIs, with made-up text. `[[NAME]]` is what the tests' policy replaces; it
//! is cut by event borders.

use crate::Dialect;

/// Lines of data become events.
pub(super) fn chat<T: AsRef<str>>(chunks: &[T]) -> Vec<u8> {
    let mut stream = String::new();
    for chunk in chunks.iter().map(AsRef::as_ref) {
        stream += &match chunk.starts_with('{') {
            true => format!(
                r#"data: {{"id":"chatcmpl-7","object":"chat.completion.chunk","created":1760000000,"model":"m-1","system_fingerprint":"fp_1",{}"#,
                &chunk[1..]
            ),
            false => chunk.to_owned(),
        };
        stream += "\n\n";
    }
    stream.into_bytes()
}

/// Lines of data become events that are named after their type.
pub(crate) fn named<T: AsRef<str>>(events: &[T]) -> Vec<u8> {
    let mut stream = String::new();
    for event in events.iter().map(AsRef::as_ref) {
        let value: serde_json::Value = serde_json::from_str(event).unwrap();
        stream += &format!(
            "event: {}\ndata: {event}\n\n",
            value["type"].as_str().unwrap()
        );
    }
    stream.into_bytes()
}

pub(super) fn chat_stream() -> Vec<u8> {
    chat(&[
        ": OPENROUTER PROCESSING",
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x1"}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"Who is [[NA"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"ME]]?"},"finish_reason":null},{"index":1,"delta":{"role":"assistant","content":"Bon\u006aour [["},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Dear ["},"logprobs":{"content":[{"token":"Dear","logprob":-0.1}]},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"[NAM"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"E]],\n\"so\" \ud83d\ude00 \\"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"NAME]] et [[NAME]"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"find","arguments":""}}]},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"who\":\"[["}}]},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"]!"},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"mail","arguments":"{\"to\":"}},{"index":0,"function":{"arguments":"NAME]]\"}"}}]},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":" \"[[NAME"}}]},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}],"usage":null}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":30,"total_tokens":49,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":6}}}"#,
        "data: [DONE]",
    ])
}

pub(super) fn anthropic_stream() -> Vec<u8> {
    named(&[
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c-1","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":3,"cache_read_input_tokens":100,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"About [[NAME]] then"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQBCgIYAhIM1gbcDa9GJwZA2b3h"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello ["}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"["}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"NAME]] \"\u00e9\" [[NA"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"find","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"who\": \"[[NA"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"ME]]\"}"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}"#,
        r#"{"type":"message_stop"}"#,
    ])
}

pub(super) fn responses_stream() -> Vec<u8> {
    named(&[
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1760000000,"status":"in_progress","error":null,"incomplete_details":null,"instructions":"Say [[NAME]].","model":"m-1","output":[],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":null,"metadata":{}}}"#,
        r#"{"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1","object":"response","created_at":1760000000,"status":"in_progress","output":[],"usage":null}}"#,
        r#"{"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":null}}"#,
        r#"{"type":"response.reasoning_summary_part.added","sequence_number":3,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","sequence_number":4,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Thinking of [[","obfuscation":"a"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","sequence_number":5,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"NAME]]"}"#,
        r#"{"type":"response.reasoning_summary_text.done","sequence_number":6,"item_id":"rs_1","output_index":0,"summary_index":0,"text":"Thinking of [[NAME]]"}"#,
        r#"{"type":"response.reasoning_summary_part.done","sequence_number":7,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"Thinking of [[NAME]]"}}"#,
        r#"{"type":"response.output_item.done","sequence_number":8,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Thinking of [[NAME]]"}],"encrypted_content":"gAAAAB"}}"#,
        r#"{"type":"response.output_item.added","sequence_number":9,"output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","content":[],"role":"assistant"}}"#,
        r#"{"type":"response.content_part.added","sequence_number":10,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}"#,
        r#"{"type":"response.output_text.delta","sequence_number":11,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"Dear ","logprobs":[]}"#,
        r#"{"type":"response.output_text.delta","sequence_number":12,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"[[NA","logprobs":[{"token":"[[NA","logprob":-0.5,"top_logprobs":[]}]}"#,
        r#"{"type":"response.output_text.delta","sequence_number":13,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"ME]],\n\"h\u00e9\" [","logprobs":[]}"#,
        r#"{"type":"response.output_text.done","sequence_number":14,"item_id":"msg_1","output_index":1,"content_index":0,"text":"Dear [[NAME]],\n\"h\u00e9\" [","logprobs":[{"token":"[[NA","logprob":-0.5,"top_logprobs":[]}]}"#,
        r#"{"type":"response.content_part.done","sequence_number":15,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"Dear [[NAME]],\n\"h\u00e9\" ["}}"#,
        r#"{"type":"response.output_item.done","sequence_number":16,"output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Dear [[NAME]],\n\"h\u00e9\" ["}],"role":"assistant"}}"#,
        r#"{"type":"response.output_item.added","sequence_number":17,"output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"call_1","name":"find"}}"#,
        r#"{"type":"response.function_call_arguments.delta","sequence_number":18,"item_id":"fc_1","output_index":2,"delta":"{\"who\":\"[[NAME]"}"#,
        r#"{"type":"response.function_call_arguments.delta","sequence_number":19,"item_id":"fc_1","output_index":2,"delta":"]\"}"}"#,
        r#"{"type":"response.function_call_arguments.done","sequence_number":20,"item_id":"fc_1","output_index":2,"arguments":"{\"who\":\"[[NAME]]\"}"}"#,
        r#"{"type":"response.output_item.done","sequence_number":21,"output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"who\":\"[[NAME]]\"}","call_id":"call_1","name":"find"}}"#,
        r#"{"type":"response.completed","sequence_number":22,"response":{"id":"resp_1","object":"response","created_at":1760000000,"status":"completed","error":null,"incomplete_details":null,"instructions":"Say [[NAME]].","model":"m-1","output":[{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Thinking of [[NAME]]"}],"encrypted_content":"gAAAAB"},{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Dear [[NAME]],\n\"h\u00e9\" ["}],"role":"assistant"},{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"who\":\"[[NAME]]\"}","call_id":"call_1","name":"find"}],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":4},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":11},"total_tokens":123},"metadata":{}}}"#,
    ])
}

pub(super) fn chat_whole() -> Vec<u8> {
    br#"{
  "id": "chatcmpl-9", "object": "chat.completion", "created": 1760000000, "model": "m-1",
  "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "Dear [[NAME]],\n\u00e9 [[NA", "reasoning_content": "It is [[NAME]]", "refusal": null, "annotations": []},
     "logprobs": {"content": [{"token": "Dear", "logprob": -0.1}]}, "finish_reason": "stop"},
    {"index": 1, "message": {"role": "assistant", "content": null, "tool_calls": [
       {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{\"who\": \"[[NAME]]\"}"}},
       {"id": "call_2", "type": "function", "function": {"name": "mail", "arguments": "{}"}}]},
     "logprobs": null, "finish_reason": "tool_calls"},
    {"index": 2, "message": {"role": "assistant", "content": null, "refusal": "I can't, [[NAME]]"}, "finish_reason": "stop"}
  ],
  "usage": {"prompt_tokens": 19, "completion_tokens": 30, "total_tokens": 49, "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 6}},
  "x_unknown": 1.50e+3
}
"#
    .to_vec()
}

pub(super) fn anthropic_whole() -> Vec<u8> {
    br#"{"id":"msg_1","type":"message","role":"assistant","model":"c-1","content":[{"type":"thinking","thinking":"About [[NAME]]","signature":"EqQB"},{"type":"text","text":"Dear [[NAME]] \"so\" [[","citations":null},{"type":"tool_use","id":"toolu_1","name":"find","input": {"who": "[[NAME]]", "n": 1.0}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":3,"cache_read_input_tokens":100,"output_tokens":89}}"#
        .to_vec()
}

pub(super) fn responses_whole() -> Vec<u8> {
    br#"{"id":"resp_1","object":"response","status":"completed","incomplete_details":null,"instructions":"Say [[NAME]].","output":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Thinking of [[NAME]]"}],"encrypted_content":"gAAAAB"},{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Dear [[NAME]] [[NA","annotations":[],"logprobs":[{"token":"Dear","logprob":-1}]},{"type":"refusal","refusal":"No, [[NAME]]"}]},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"find","arguments":"{\"who\":\"[[NAME]]\"}"}],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":4},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":11},"total_tokens":123}}"#
        .to_vec()
}

/// Lines of data become events without a name.
pub(crate) fn bare<T: AsRef<str>>(events: &[T]) -> Vec<u8> {
    let events = events
        .iter()
        .map(|event| format!("data: {}\n\n", event.as_ref()));
    events.collect::<String>().into_bytes()
}

pub(super) fn completions_stream() -> Vec<u8> {
    chat(&[
        r#"{"choices":[{"index":0,"text":"Dear ["}],"usage":null}"#,
        r#"{"choices":[{"index":0,"text":"[NAM","logprobs":{"tokens":["[NAM"]},"finish_reason":null},{"text":"Bon\u006aour [[","index":1}]}"#,
        r#"{"choices":[{"index":1,"text":"NAME]] \\ [[NA","finish_reason":"length"}],"usage":null}"#,
        r#"{"choices":[{"text":"E]],\n\"h\u00e9\" [","index":0,"logprobs":null,"finish_reason":null}]}"#,
        r#"{"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":30,"total_tokens":49,"prompt_tokens_details":{"cached_tokens":8}}}"#,
        "data: [DONE]",
    ])
}

pub(super) fn completions_whole() -> Vec<u8> {
    br#"{"id":"cmpl-7","object":"text_completion","created":1760000000,"model":"m-1","choices":[{"text":"Dear [[NAME]] \u00e9 [[","index":0,"logprobs":{"tokens":["Dear"]},"finish_reason":"length"},{"text":"[[NAME]]!","index":1,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":30,"total_tokens":49,"prompt_tokens_details":{"cached_tokens":8}}}
"#
    .to_vec()
}

const GEMINI: [&str; 9] = [
    r#"{"candidates": [{"content": {"parts": [{"text": "Who is [[NA","thought": true}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 19,"thoughtsTokenCount": 4,"totalTokenCount": 23},"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"content": {"parts": [{"thought": true,"text": "ME]]?"},{"text": "Dear ["}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 19,"thoughtsTokenCount": 6,"totalTokenCount": 25},"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"content": {"parts": [{"text": "[NAM"}],"role": "model"},"index": 0,"safetyRatings": [{"category": "X","probability": "LOW"}]}],"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"index": 1,"content": {"parts": [{"text": "Bon\u006aour [["}],"role": "model"}}],"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"content": {"parts": [{"text": "E]],\n\"so\" \ud83d\ude00 \\"}],"role": "model"},"index": 0}],"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"content": {"parts": [{"text": " ["},{"functionCall": {"name": "find","args": {"who": "[[NAME]]", "n": 1.0}},"thoughtSignature": "EqQBCgIY"}],"role": "model"},"index": 0}],"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"content": {"parts": [{"functionCall": {"name": "mail","args": {}}}],"role": "model"},"index": 0}],"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"content": {"parts": [{"text": "NAME]] et [[NAME]"}],"role": "model"},"finishReason": "STOP","index": 1}],"modelVersion": "g-1","responseId": "r-7"}"#,
    r#"{"candidates": [{"content": {"parts": [],"role": "model"},"finishReason": "MAX_TOKENS","index": 0}],"usageMetadata": {"promptTokenCount": 19,"candidatesTokenCount": 24,"cachedContentTokenCount": 8,"thoughtsTokenCount": 6,"totalTokenCount": 49,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 19}]},"modelVersion": "g-1","responseId": "r-7"}"#,
];

pub(super) fn gemini_stream() -> Vec<u8> {
    bare(&GEMINI)
}

/// The same stream without `alt=sse`.
pub(super) fn gemini_listed() -> Vec<u8> {
    format!("[{}\n]\n", GEMINI.join("\n,\r\n")).into_bytes()
}

pub(super) fn gemini_whole() -> Vec<u8> {
    br#"{
  "candidates": [
    {"content": {"parts": [{"text": "It is [[NAME]]", "thought": true}, {"text": "Dear [[NA"}, {"text": "ME]],\n\u00e9 [[NA"},
       {"functionCall": {"name": "find", "args": {"who": "[[NAME]]", "n": 1.0}}}], "role": "model"}, "finishReason": "STOP", "index": 0, "avgLogprobs": -0.1},
    {"content": {"parts": [{"text": "Non, [[NAME]]"}], "role": "model"}, "finishReason": "STOP", "index": 1}
  ],
  "usageMetadata": {"promptTokenCount": 19, "candidatesTokenCount": 24, "cachedContentTokenCount": 8, "thoughtsTokenCount": 6, "totalTokenCount": 49},
  "modelVersion": "g-1", "responseId": "r-7", "x_unknown": 1.50e+3
}
"#
    .to_vec()
}

pub(super) fn interactions_stream() -> Vec<u8> {
    stepwise(&[
        r#"{"interaction":{"id":"v1_7","status":"in_progress","object":"interaction","model":"g-1"},"event_type":"interaction.created"}"#,
        r#"{"interaction_id":"v1_7","status":"in_progress","event_type":"interaction.status_update"}"#,
        r#"{"index":0,"step":{"type":"thought"},"event_type":"step.start"}"#,
        r#"{"event_type":"step.delta","index":0,"delta":{"content":{"text":"It is [[NA","type":"text"},"type":"thought_summary"}}"#,
        r#"{"event_type":"step.delta","index":0,"delta":{"content":{"text":"ME]]","type":"text"},"type":"thought_summary"}}"#,
        r#"{"event_type":"step.delta","index":0,"delta":{"signature":"EqQBCgIY","type":"thought_signature"}}"#,
        r#"{"event_type":"step.stop","index":0}"#,
        r#"{"step":{"type":"model_output"},"event_type":"step.start","index":1}"#,
        r#"{"event_type":"step.delta","index":1,"delta":{"text":"Dear [","type":"text"},"event_id":"e5"}"#,
        r#"{"event_type":"step.delta","index":1,"delta":{"text":"[NAME]],\n\"h\u00e9\" [","type":"text"},"metadata":{"total_usage":{"total_input_tokens":11,"total_output_tokens":20}}}"#,
        r#"{"event_type":"step.stop","index":1}"#,
        r#"{"event_type":"step.start","index":2,"step":{"type":"function_call","id":"fc_1","name":"find","arguments":{}}}"#,
        r#"{"event_type":"step.delta","index":2,"delta":{"type":"arguments_delta","arguments":"{\"who\":\"[[NAME]"}}"#,
        r#"{"event_type":"step.delta","index":2,"delta":{"type":"arguments_delta","arguments":"]\"}"}}"#,
        r#"{"event_type":"step.stop","index":2}"#,
        r#"{"event_type":"interaction.completed","interaction":{"id":"v1_7","status":"requires_action","object":"interaction","model":"g-1","usage":{"total_tokens":346,"total_input_tokens":11,"input_tokens_by_modality":[{"modality":"text","tokens":11}],"total_cached_tokens":0,"total_output_tokens":90,"total_tool_use_tokens":0,"total_thought_tokens":245}}}"#,
    ])
}

/// The same in the older form.
pub(super) fn interactions_stream_of_contents() -> Vec<u8> {
    stepwise(&[
        r#"{"event_type":"interaction.start","interaction":{"id":"v1_8","status":"in_progress","object":"interaction","model":"g-1"}}"#,
        r#"{"event_type":"content.start","index":0,"content":{"type":"text","text":"Dear "}}"#,
        r#"{"event_type":"content.delta","index":0,"delta":{"type":"text","text":"[[NA"}}"#,
        r#"{"event_type":"content.delta","index":0,"delta":{"type":"text","text":"ME]]!"}}"#,
        r#"{"event_type":"content.stop","index":0}"#,
        r#"{"event_type":"content.start","index":1,"content":{"type":"function_call"}}"#,
        r#"{"event_type":"content.delta","index":1,"delta":{"type":"function_call","name":"find","id":"c1","arguments":{"who": "[[NAME]]", "n": 1.0}}}"#,
        r#"{"event_type":"content.stop","index":1}"#,
        r#"{"event_type":"interaction.complete","interaction":{"id":"v1_8","status":"completed","usage":{"total_input_tokens":11,"total_output_tokens":9}}}"#,
    ])
}

pub(super) fn interactions_whole() -> Vec<u8> {
    br#"{"id":"v1_7","object":"interaction","status":"requires_action","model":"g-1","created":"2026-05-20T12:25:09Z",
  "steps":[{"type":"thought","signature":"EqQBCgIY","summary":[{"type":"text","text":"It is [[NAME]]"}]},
    {"type":"model_output","content":[{"type":"text","text":"Dear [[NAME]],\n\u00e9 [[NA"},{"type":"text","text":"and [[NAME]]"}]},
    {"id":"fc_1","name":"find","arguments": {"who": "[[NAME]]", "n": 1.0},"type":"function_call"}],
  "usage":{"total_tokens":346,"total_input_tokens":11,"total_cached_tokens":0,"total_output_tokens":90,"total_thought_tokens":245},"x_unknown": 1.50e+3}
"#
    .to_vec()
}

/// Events under the names that they have in `event_type`, and the mark at the end.
fn stepwise(data: &[&str]) -> Vec<u8> {
    let mut out = String::new();
    for data in data {
        let parsed: serde_json::Value = serde_json::from_str(data).unwrap();
        let name = parsed["event_type"].as_str().unwrap();
        out += &format!("event: {name}\ndata: {data}\n\n");
    }
    (out + "event: done\ndata: [DONE]\n\n").into_bytes()
}

/// Returns every fixture, and whether it is a stream.
pub(super) fn all() -> Vec<(Dialect, bool, Vec<u8>)> {
    vec![
        (Dialect::OpenaiChat, true, chat_stream()),
        (Dialect::OpenaiChat, false, chat_whole()),
        (Dialect::AnthropicMessages, true, anthropic_stream()),
        (Dialect::AnthropicMessages, false, anthropic_whole()),
        (Dialect::OpenaiResponses, true, responses_stream()),
        (Dialect::OpenaiResponses, false, responses_whole()),
        (Dialect::OpenaiCompletions, true, completions_stream()),
        (Dialect::OpenaiCompletions, false, completions_whole()),
        (Dialect::GeminiGenerate, true, gemini_stream()),
        (Dialect::GeminiGenerate, false, gemini_whole()),
        (Dialect::GeminiGenerate, false, gemini_listed()),
        (Dialect::GeminiInteractions, true, interactions_stream()),
        (
            Dialect::GeminiInteractions,
            true,
            interactions_stream_of_contents(),
        ),
        (Dialect::GeminiInteractions, false, interactions_whole()),
    ]
}
