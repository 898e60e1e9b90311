//! `anthropic.messages`, as the embedded model writes it.

use super::{body::Events, id, quote, request::Request};

/// A signature that looks real to a client that only carries it.
pub(super) const SIGNATURE: &str = "ZW1iZWRkZWQtc2lnbmF0dXJl";

/// The count of a request's tokens.
pub(super) fn count(request: &Request) -> String {
    format!(r#"{{"input_tokens":{}}}"#, request.input_tokens)
}

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let mut blocks = Vec::new();
    if let Some(reasoning) = &request.reasoning {
        blocks.push(format!(
            r#"{{"type":"thinking","thinking":{},"signature":"{SIGNATURE}"}}"#,
            quote(reasoning)
        ));
    }
    if request.calls.is_empty() {
        blocks.push(format!(
            r#"{{"type":"text","text":{}}}"#,
            quote(&request.text)
        ));
    }
    for call in &request.calls {
        blocks.push(format!(
            r#"{{"type":"tool_use","id":"{}","name":{},"input":{}}}"#,
            call.id,
            quote(&call.name),
            call.arguments
        ));
    }
    message(
        request,
        &blocks.join(","),
        &format!(r#""{}""#, stop(request)),
        request.output_tokens(),
    )
}

fn message(request: &Request, content: &str, stop: &str, output: u64) -> String {
    format!(
        r#"{{"id":"{}","type":"message","role":"assistant","model":{},"content":[{content}],"stop_reason":{stop},"stop_sequence":null,"usage":{{"input_tokens":{},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":{output},"service_tier":"standard"}}}}"#,
        id("msg_"),
        quote(&request.model),
        request.input_tokens
    )
}

/// The same as events.
pub(super) fn stream(request: &Request) -> Events {
    let mut events = Events::default();
    events.open_with(3); // the message, its first block, a ping
    events.named(
        "message_start",
        format_args!(
            r#"{{"type":"message_start","message":{}}}"#,
            message(request, "", "null", 1)
        ),
    );
    let mut index = 0;
    let mut block = |start: String, deltas: Vec<String>| {
        events.named(
            "content_block_start",
            format_args!(
                r#"{{"type":"content_block_start","index":{index},"content_block":{start}}}"#
            ),
        );
        if index == 0 {
            events.named("ping", format_args!(r#"{{"type":"ping"}}"#));
        }
        for delta in deltas {
            events.named(
                "content_block_delta",
                format_args!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#),
            );
        }
        events.named(
            "content_block_stop",
            format_args!(r#"{{"type":"content_block_stop","index":{index}}}"#),
        );
        index += 1;
    };
    let deltas = |kind: &str, field: &str, text: &str| -> Vec<String> {
        let pieces = request.pieces(text).into_iter();
        pieces
            .map(|piece| format!(r#"{{"type":"{kind}","{field}":{}}}"#, quote(piece)))
            .collect()
    };
    if let Some(reasoning) = &request.reasoning {
        let mut thinking = deltas("thinking_delta", "thinking", reasoning);
        thinking.push(format!(
            r#"{{"type":"signature_delta","signature":"{SIGNATURE}"}}"#
        ));
        block(
            r#"{"type":"thinking","thinking":"","signature":""}"#.into(),
            thinking,
        );
    }
    if request.calls.is_empty() {
        let text = deltas("text_delta", "text", &request.text);
        block(r#"{"type":"text","text":""}"#.into(), text);
    }
    for call in &request.calls {
        let name = quote(&call.name);
        block(
            format!(
                r#"{{"type":"tool_use","id":"{}","name":{name},"input":{{}}}}"#,
                call.id
            ),
            deltas("input_json_delta", "partial_json", &call.arguments),
        );
    }
    events.named(
        "message_delta",
        format_args!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"{}","stop_sequence":null}},"usage":{{"output_tokens":{}}}}}"#,
            stop(request),
            request.output_tokens()
        ),
    );
    events.named("message_stop", format_args!(r#"{{"type":"message_stop"}}"#));
    events
}

/// The same as AWS's frames: each has an event in base64.
pub(super) fn framed(request: &Request) -> Events {
    stream(request).framed()
}

fn stop(request: &Request) -> &'static str {
    if request.calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    }
}
