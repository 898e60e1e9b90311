//! `openai.chat`, as the embedded model writes it.

use super::{body::Events, id, now, quote, request::Request};

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let choices: Vec<_> = (0..request.choices)
        .map(|index| {
            format!(
                r#"{{"index":{index},"message":{},"logprobs":null,"finish_reason":"{}"}}"#,
                message(request),
                finish(request)
            )
        })
        .collect();
    format!(
        r#"{{"id":"{}","object":"chat.completion","created":{},"model":{},"choices":[{}],"usage":{},"service_tier":"default","system_fingerprint":"fp_embedded"}}"#,
        id("chatcmpl-"),
        now(),
        quote(&request.model),
        choices.join(","),
        usage(request)
    )
}

fn message(request: &Request) -> String {
    let reasoning = request.reasoning.as_ref().map_or_else(String::new, |text| {
        format!(r#""reasoning_content":{},"#, quote(text))
    });
    if request.calls.is_empty() {
        return format!(
            r#"{{"role":"assistant","content":{},{reasoning}"refusal":null,"annotations":[]}}"#,
            quote(&request.text)
        );
    }
    let calls: Vec<_> = request
        .calls
        .iter()
        .map(|call| {
            format!(
                r#"{{"id":"{}","type":"function","function":{{"name":{},"arguments":{}}}}}"#,
                call.id,
                quote(&call.name),
                quote(&call.arguments)
            )
        })
        .collect();
    format!(
        r#"{{"role":"assistant","content":null,{reasoning}"tool_calls":[{}],"refusal":null,"annotations":[]}}"#,
        calls.join(",")
    )
}

/// The same as events: choices take turns, as a provider's do.
pub(super) fn stream(request: &Request) -> Events {
    let mut events = Events::default();
    let roles = usize::try_from(request.choices).unwrap_or(usize::MAX);
    events.open_with(roles);
    let head = format!(
        r#""id":"{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":"fp_embedded""#,
        id("chatcmpl-"),
        now(),
        quote(&request.model)
    );
    let usage_slot = request.usage_slot();
    let mut each = |delta: &str, finish: &str| {
        for index in 0..request.choices {
            events.data(format_args!(
                r#"{{{head},"choices":[{{"index":{index},"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish}}}]{usage_slot}}}"#
            ));
        }
    };
    let content = if request.calls.is_empty() {
        r#""""#
    } else {
        "null"
    };
    each(
        &format!(r#""role":"assistant","content":{content},"refusal":null"#),
        "null",
    );
    for piece in request.pieces(request.reasoning.as_deref().unwrap_or_default()) {
        each(&format!(r#""reasoning_content":{}"#, quote(piece)), "null");
    }
    for (index, call) in request.calls.iter().enumerate() {
        let (id, name) = (&call.id, quote(&call.name));
        each(
            &format!(
                r#""tool_calls":[{{"index":{index},"id":"{id}","type":"function","function":{{"name":{name},"arguments":""}}}}]"#
            ),
            "null",
        );
        for piece in request.pieces(&call.arguments) {
            let piece = quote(piece);
            each(
                &format!(
                    r#""tool_calls":[{{"index":{index},"function":{{"arguments":{piece}}}}}]"#
                ),
                "null",
            );
        }
    }
    if request.calls.is_empty() {
        for piece in request.pieces(&request.text) {
            each(&format!(r#""content":{}"#, quote(piece)), "null");
        }
    }
    each("", &format!(r#""{}""#, finish(request)));
    if request.include_usage {
        events.data(format_args!(
            r#"{{{head},"choices":[],"usage":{}}}"#,
            usage(request)
        ));
    }
    events.data(format_args!("[DONE]"));
    events
}

fn finish(request: &Request) -> &'static str {
    if request.calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    }
}

fn usage(request: &Request) -> String {
    let (input, output) = (request.input_tokens, request.output_tokens());
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
        input + output,
        request.reasoning_tokens()
    )
}
