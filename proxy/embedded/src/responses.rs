//! `openai.responses`, as the embedded model writes it.

use std::fmt;

use super::{body::Events, id, now, quote, request::Request};

/// One item of `output`: a list of them is the whole reply, and the plan of the streamed one.
enum Item<'a> {
    Reasoning {
        id: String,
        text: &'a str,
    },
    Message {
        id: String,
        text: &'a str,
    },
    Call {
        id: String,
        call_id: &'a str,
        name: String,
        arguments: &'a str,
    },
}

fn items(request: &Request) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    if let Some(text) = &request.reasoning {
        items.push(Item::Reasoning {
            id: id("rs_"),
            text,
        });
    }
    if request.calls.is_empty() {
        items.push(Item::Message {
            id: id("msg_"),
            text: &request.text,
        });
    }
    items.extend(request.calls.iter().map(|call| Item::Call {
        id: id("fc_"),
        call_id: &call.id,
        name: quote(&call.name),
        arguments: &call.arguments,
    }));
    items
}

impl Item<'_> {
    /// The item at its end.
    fn done(&self) -> String {
        match self {
            Self::Reasoning { id, text } => {
                let part = summary(text);
                format!(
                    r#"{{"id":"{id}","type":"reasoning","summary":[{part}],"status":"completed"}}"#
                )
            }
            Self::Message { id, text } => {
                let part = output_text(text);
                format!(
                    r#"{{"id":"{id}","type":"message","status":"completed","role":"assistant","content":[{part}]}}"#
                )
            }
            Self::Call { arguments, .. } => self.call(arguments, "completed"),
        }
    }

    /// The item when it appears.
    fn begun(&self) -> String {
        match self {
            Self::Reasoning { id, .. } => {
                format!(r#"{{"id":"{id}","type":"reasoning","summary":[],"status":"in_progress"}}"#)
            }
            Self::Message { id, .. } => format!(
                r#"{{"id":"{id}","type":"message","status":"in_progress","role":"assistant","content":[]}}"#
            ),
            Self::Call { .. } => self.call("", "in_progress"),
        }
    }

    fn call(&self, arguments: &str, status: &str) -> String {
        let Self::Call {
            id, call_id, name, ..
        } = self
        else {
            return String::new();
        };
        format!(
            r#"{{"id":"{id}","type":"function_call","status":"{status}","arguments":{},"call_id":"{call_id}","name":{name}}}"#,
            quote(arguments)
        )
    }
}

fn output_text(text: &str) -> String {
    format!(
        r#"{{"type":"output_text","text":{},"annotations":[],"logprobs":[]}}"#,
        quote(text)
    )
}

fn summary(text: &str) -> String {
    format!(r#"{{"type":"summary_text","text":{}}}"#, quote(text))
}

/// The count of a request's tokens.
pub(super) fn count(request: &Request) -> String {
    let tokens = request.input_tokens;
    format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#)
}

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let done: Vec<_> = items(request).iter().map(Item::done).collect();
    response(
        request,
        &id("resp_"),
        now(),
        "completed",
        &done.join(","),
        &usage(request),
    )
}

fn response(
    request: &Request,
    id: &str,
    created: u64,
    status: &str,
    output: &str,
    usage: &str,
) -> String {
    format!(
        r#"{{"id":"{id}","object":"response","created_at":{created},"status":"{status}","background":false,"error":null,"incomplete_details":null,"instructions":{},"max_output_tokens":{},"max_tool_calls":null,"model":{},"output":[{output}],"parallel_tool_calls":true,"previous_response_id":{},"prompt_cache_key":null,"reasoning":{},"safety_identifier":null,"service_tier":"default","store":{},"temperature":1.0,"text":{{"format":{{"type":"text"}},"verbosity":"medium"}},"tool_choice":{},"tools":{},"top_logprobs":0,"top_p":1.0,"truncation":"disabled","usage":{usage},"user":{},"metadata":{}}}"#,
        request.repeat("instructions", "null"),
        request.repeat("max_output_tokens", "null"),
        quote(&request.model),
        request.repeat("previous_response_id", "null"),
        request.repeat("reasoning", r#"{"effort":null,"summary":null}"#),
        request.repeat("store", "true"),
        request.repeat("tool_choice", r#""auto""#),
        request.repeat("tools", "[]"),
        request.repeat("user", "null"),
        request.repeat("metadata", "{}"),
    )
}

/// Events with their running number.
struct Numbered {
    events: Events,
    next: u64,
}

impl Numbered {
    fn add(&mut self, kind: &str, fields: fmt::Arguments<'_>) {
        let number = self.next;
        self.next += 1;
        self.events.named(
            kind,
            format_args!(r#"{{"type":"{kind}","sequence_number":{number},{fields}}}"#),
        );
    }
}

/// The same as events.
pub(super) fn stream(request: &Request) -> Events {
    let (response_id, created) = (id("resp_"), now());
    let mut out = Numbered {
        events: Events::default(),
        next: 0,
    };
    out.events.open_with(3); // the response twice, its first item
    let begun = response(request, &response_id, created, "in_progress", "", "null");
    out.add("response.created", format_args!(r#""response":{begun}"#));
    out.add(
        "response.in_progress",
        format_args!(r#""response":{begun}"#),
    );
    let items = items(request);
    for (index, item) in items.iter().enumerate() {
        out.add(
            "response.output_item.added",
            format_args!(r#""output_index":{index},"item":{}"#, item.begun()),
        );
        match item {
            Item::Reasoning { id, text } => reasoning(&mut out, request, id, index, text),
            Item::Message { id, text } => message(&mut out, request, id, index, text),
            Item::Call {
                id,
                name,
                arguments,
                ..
            } => {
                let at = format!(r#""item_id":"{id}","output_index":{index}"#);
                for piece in request.pieces(arguments) {
                    out.add(
                        "response.function_call_arguments.delta",
                        format_args!(r#"{at},"delta":{}"#, quote(piece)),
                    );
                }
                out.add(
                    "response.function_call_arguments.done",
                    format_args!(r#"{at},"name":{name},"arguments":{}"#, quote(arguments)),
                );
            }
        }
        out.add(
            "response.output_item.done",
            format_args!(r#""output_index":{index},"item":{}"#, item.done()),
        );
    }
    let done: Vec<_> = items.iter().map(Item::done).collect();
    let done = response(
        request,
        &response_id,
        created,
        "completed",
        &done.join(","),
        &usage(request),
    );
    out.add("response.completed", format_args!(r#""response":{done}"#));
    out.events
}

fn message(out: &mut Numbered, request: &Request, id: &str, index: usize, text: &str) {
    let at = format!(r#""item_id":"{id}","output_index":{index},"content_index":0"#);
    let part = output_text("");
    out.add(
        "response.content_part.added",
        format_args!(r#"{at},"part":{part}"#),
    );
    for piece in request.pieces(text) {
        let piece = quote(piece);
        out.add(
            "response.output_text.delta",
            format_args!(r#"{at},"delta":{piece},"logprobs":[]"#),
        );
    }
    out.add(
        "response.output_text.done",
        format_args!(r#"{at},"text":{},"logprobs":[]"#, quote(text)),
    );
    let part = output_text(text);
    out.add(
        "response.content_part.done",
        format_args!(r#"{at},"part":{part}"#),
    );
}

fn reasoning(out: &mut Numbered, request: &Request, id: &str, index: usize, text: &str) {
    let at = format!(r#""item_id":"{id}","output_index":{index},"summary_index":0"#);
    let part = summary("");
    out.add(
        "response.reasoning_summary_part.added",
        format_args!(r#"{at},"part":{part}"#),
    );
    for piece in request.pieces(text) {
        out.add(
            "response.reasoning_summary_text.delta",
            format_args!(r#"{at},"delta":{}"#, quote(piece)),
        );
    }
    out.add(
        "response.reasoning_summary_text.done",
        format_args!(r#"{at},"text":{}"#, quote(text)),
    );
    let part = summary(text);
    out.add(
        "response.reasoning_summary_part.done",
        format_args!(r#"{at},"part":{part}"#),
    );
}

fn usage(request: &Request) -> String {
    let (input, output) = (request.input_tokens, request.output_tokens());
    format!(
        r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":0,"cache_write_tokens":0}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}"#,
        request.reasoning_tokens(),
        input + output
    )
}
