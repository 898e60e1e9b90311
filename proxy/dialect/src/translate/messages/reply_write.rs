//! Replies of `anthropic.messages`, written as a stream of blocks.
//!
//! Nothing is kept but which blocks are open. Calls that grow side by side stay open, each under an
//! index of its own: clients put deltas together by it. Why the model stopped and what it took is
//! one event, so it waits for the end.

use super::super::{
    event::{Event, Finish, Sink},
    format::{ReplyContext, WriteReply},
    json::Json,
    opaque::{Opaque, OpaqueKind},
    text::Text,
};
use crate::{Dialect, Usage, answer, failure::ErrorFacts};

/// Writes a stream.
pub(super) struct Stream {
    context: ReplyContext,
    out: Json,
    begun: bool,
    /// The index of the next block.
    next: u64,
    /// The block of text or thinking that is open.
    open: Option<(u64, Growing)>,
    /// Calls that are open, by their numbers, and the indexes of their blocks.
    calls: Vec<(u32, u64)>,
    end: Ending,
}

/// The content of an open block that is no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growing {
    Text,
    Thinking,
}

/// The end of a reply.
#[derive(Default)]
pub(super) struct Ending {
    pub(super) finish: Option<Finish>,
    /// The text at which the model stopped.
    pub(super) stop: Option<Text<'static>>,
    pub(super) has_calls: bool,
    pub(super) has_refused: bool,
    pub(super) usage: Option<Usage>,
}

impl Ending {
    /// The reason, always one of the API's.
    fn reason(&self) -> &'static str {
        match self.finish {
            Some(Finish::Length) => "max_tokens",
            Some(Finish::ContextWindow) => "model_context_window_exceeded",
            Some(Finish::Filtered | Finish::Refused | Finish::Broken) => "refusal",
            _ if self.has_refused => "refusal",
            Some(Finish::Pause) => "pause_turn",
            Some(Finish::StopSequence) => "stop_sequence",
            Some(Finish::Stop | Finish::Calls) | None if self.has_calls => "tool_use",
            Some(Finish::Stop | Finish::Calls) | None => "end_turn",
        }
    }

    /// Writes the members that say why a message ended.
    pub(super) fn write(&self, json: &mut Json) {
        let reason = self.reason();
        json.key("stop_reason").str(reason);
        json.key("stop_sequence");
        match &self.stop {
            Some(stop) if reason == "stop_sequence" => json.text(stop),
            Some(_) | None => json.null(),
        };
        json.key("stop_details").source(match reason {
            "refusal" => r#"{"type":"refusal","category":null,"explanation":null}"#,
            _ => "null",
        });
        json.key("container").null();
    }
}

impl Stream {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            out: Json::default(),
            begun: false,
            next: 0,
            open: None,
            calls: Vec::new(),
            end: Ending::default(),
        }
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let usage = Usage {
            input: self.context.prompt_tokens,
            ..Usage::default()
        };
        let json = &mut self.out;
        json.event("message_start").object(|json| {
            json.key("type").str("message_start");
            json.key("message").object(|json| {
                write_head(json, &self.context);
                json.key("content").source("[]");
                json.key("stop_reason").null();
                json.key("stop_sequence").null();
                json.key("stop_details").null();
                json.key("container").null();
                json.key("usage");
                write_usage(json, usage);
            });
        });
        json.end_event();
    }

    /// Starts a block, whose members `members` writes; returns its index.
    fn start(&mut self, members: impl FnOnce(&mut Json)) -> u64 {
        self.begin();
        let index = self.next;
        self.next += 1;
        let json = &mut self.out;
        json.event("content_block_start");
        json.0
            .extend_from_slice(br#"{"type":"content_block_start","index":"#);
        json.number(index);
        json.0.extend_from_slice(br#","content_block":"#);
        json.object(members);
        json.0.push(b'}');
        json.end_event();
        index
    }

    /// Writes a delta; `head` is its beginning, up to the text.
    fn delta(&mut self, index: u64, head: &str, text: &Text<'_>) {
        let json = &mut self.out;
        json.event("content_block_delta");
        json.0
            .extend_from_slice(br#"{"type":"content_block_delta","index":"#);
        json.number(index);
        json.0.extend_from_slice(br#","delta":{"type":"#);
        json.0.extend_from_slice(head.as_bytes());
        text.write(&mut json.0);
        json.0.extend_from_slice(b"}}");
        json.end_event();
    }

    fn stop(&mut self, index: u64) {
        let json = &mut self.out;
        json.event("content_block_stop");
        json.0
            .extend_from_slice(br#"{"type":"content_block_stop","index":"#);
        json.number(index);
        json.0.push(b'}');
        json.end_event();
    }

    /// Stops the block of text or thinking.
    fn close(&mut self) {
        if let Some((index, _)) = self.open.take() {
            self.stop(index);
        }
    }

    /// The index of the block of text or thinking that is open, or is opened.
    fn growing(&mut self, growing: Growing) -> u64 {
        match self.open {
            Some((index, open)) if open == growing => index,
            _ => {
                self.close();
                let index = self.start(|json| {
                    json.0.extend_from_slice(match growing {
                        Growing::Text => br#""type":"text","text":"","citations":null"#.as_slice(),
                        Growing::Thinking => br#""type":"thinking","thinking":"","signature":"""#,
                    });
                });
                self.open = Some((index, growing));
                index
            }
        }
    }

    fn grow(&mut self, growing: Growing, text: &Text<'_>) {
        if text.is_empty() {
            return;
        }
        let index = self.growing(growing);
        let head = match growing {
            Growing::Text => r#""text_delta","text":"#,
            Growing::Thinking => r#""thinking_delta","thinking":"#,
        };
        self.delta(index, head, text);
    }

    /// Writes what its provider alone can read: the signature of the thinking before it, or of none.
    fn seal(&mut self, opaque: &Opaque<'_>) {
        let data = opaque.tagged();
        if opaque.kind == OpaqueKind::Redacted {
            self.close();
            let index = self.start(|json| {
                json.key("type").str("redacted_thinking");
                json.key("data").text(&data);
            });
            return self.stop(index);
        }
        let index = self.growing(Growing::Thinking);
        self.delta(index, r#""signature_delta","signature":"#, &data);
        self.close();
    }

    fn call(&mut self, call: u32, id: Option<&Text<'_>>, name: &Text<'_>) {
        self.close();
        self.end.has_calls = true;
        let id = call_id(id, call, &self.context);
        let index = self.start(|json| {
            write_call(json, &id, name);
            json.key("input").source("{}");
        });
        self.calls.push((call, index));
    }

    fn finish(&mut self) {
        self.begin();
        self.close();
        for (_, index) in std::mem::take(&mut self.calls) {
            self.stop(index);
        }
        let (json, end) = (&mut self.out, &self.end);
        json.event("message_delta").object(|json| {
            json.key("type").str("message_delta");
            json.key("delta").object(|json| end.write(json));
            json.key("usage");
            match end.usage {
                // the estimate of the beginning stands
                None | Some(Usage { input: 0, .. }) => {
                    let output = end.usage.map_or(0, |usage| usage.output);
                    json.object(|json| _ = json.key("output_tokens").number(output));
                }
                Some(usage) => write_usage(json, usage),
            }
        });
        json.end_event();
        json.0
            .extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

impl Sink for Stream {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Begin { .. } => self.begin(),
            Event::Text { choice: 0, text } => self.grow(Growing::Text, &text),
            Event::Refusal { choice: 0, text } => {
                self.end.has_refused = true;
                self.grow(Growing::Text, &text);
            }
            Event::Reasoning { choice: 0, text } => self.grow(Growing::Thinking, &text),
            Event::Opaque { choice: 0, opaque } => self.seal(&opaque),
            Event::Call {
                choice: 0,
                call,
                id,
                name,
            } => self.call(call, id.as_ref(), &name),
            Event::Arguments {
                choice: 0,
                call,
                text,
            } if !text.is_empty() => {
                let mut calls = self.calls.iter();
                if let Some((_, index)) = calls.find(|(open, _)| *open == call) {
                    self.delta(*index, r#""input_json_delta","partial_json":"#, &text);
                }
            }
            Event::CallEnd { choice: 0, call } => {
                if let Some(at) = self.calls.iter().position(|(open, _)| *open == call) {
                    let (_, index) = self.calls.remove(at);
                    self.stop(index);
                }
            }
            Event::Usage(usage) => self.end.usage = Some(usage),
            Event::Finish {
                choice: 0,
                reason,
                stop,
            } => {
                self.end.finish = Some(reason);
                self.end.stop = stop.map(Text::into_owned);
            }
            Event::Error(facts) => {
                let (kind, message) = error_of(&facts);
                let error = answer::error_event(Dialect::AnthropicMessages, kind, message);
                self.out.0.extend_from_slice(&error);
            }
            Event::End => self.finish(),
            // Of several choices the dialect has the first: more are refused with the request.
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Reasoning { .. }
            | Event::Opaque { .. }
            | Event::Call { .. }
            | Event::Arguments { .. }
            | Event::CallEnd { .. }
            | Event::Finish { .. }
            | Event::Dropped(_) => {}
        }
    }
}

impl WriteReply for Stream {
    fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out.0)
    }
}

/// Writes the members that a message begins with.
pub(super) fn write_head(json: &mut Json, context: &ReplyContext) {
    json.key("id").literal(|out| {
        out.extend_from_slice(b"msg_");
        Text::plain(context.id.as_str()).write_inside(out);
    });
    json.key("type").str("message");
    json.key("role").str("assistant");
    json.key("model").str(&context.model);
}

/// The id of a call: the provider's own, by which its result will come back, or one of ours.
pub(super) fn call_id(id: Option<&Text<'_>>, call: u32, context: &ReplyContext) -> Text<'static> {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => id.clone().into_owned(),
        None => Text::plain(format!("toolu_{}_{call}", context.id)),
    }
}

/// Writes the members of a call but its input.
pub(super) fn write_call(json: &mut Json, id: &Text<'_>, name: &Text<'_>) {
    json.key("type").str("tool_use");
    json.key("id").text(id);
    json.key("name").text(name);
    json.key("caller").source(r#"{"type":"direct"}"#);
}

/// Writes a usage object: fresh, cached and written tokens of the prompt exclude each other.
pub(super) fn write_usage(json: &mut Json, usage: Usage) {
    let known = usage.cached.saturating_add(usage.written);
    json.object(|json| {
        json.key("input_tokens")
            .number(usage.input.saturating_sub(known));
        json.key("cache_creation_input_tokens")
            .number(usage.written);
        json.key("cache_read_input_tokens").number(usage.cached);
        json.key("output_tokens").number(usage.output);
        if usage.reasoning > 0 {
            json.key("output_tokens_details")
                .object(|json| _ = json.key("thinking_tokens").number(usage.reasoning));
        }
    });
}

/// Types of errors: <https://platform.claude.com/docs/en/api/errors>.
const ERRORS: [&str; 10] = [
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "api_error",
    "overloaded_error",
];

/// The type and the message of an error, as the dialect has them.
pub(super) fn error_of(facts: &ErrorFacts) -> (&'static str, &str) {
    let named = facts.kind.as_deref();
    let known = ERRORS.into_iter().find(|one| named == Some(*one));
    let by_status = match facts.status {
        Some(401) => "authentication_error",
        Some(402) => "billing_error",
        Some(403) => "permission_error",
        Some(404) => "not_found_error",
        Some(413) => "request_too_large",
        Some(429) => "rate_limit_error",
        Some(503 | 529) => "overloaded_error",
        Some(408 | 504) => "timeout_error",
        Some(424) => "api_error", // the model's own (Bedrock), and not the request's
        Some(400..=499) => "invalid_request_error",
        _ => "api_error",
    };
    let message = match facts.message.as_str() {
        "" => "the provider reported an error",
        message => message,
    };
    (known.unwrap_or(by_status), message)
}
