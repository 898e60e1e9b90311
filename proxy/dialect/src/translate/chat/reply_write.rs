//! Replies of `openai.chat`, written: a stream chunk by chunk, or whole.
//!
//! Of a stream nothing is kept but the usage, which is the last chunk before `[DONE]`.

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
    /// The beginning of every chunk, up to its choices.
    head: Vec<u8>,
    /// Choices whose role was written.
    begun: Vec<u32>,
    /// Calls without arguments so far.
    bare: Vec<u32>,
    /// By choice: bytes of the reasoning since the last signature.
    reasoned: Vec<(u32, usize)>,
    usage: Option<Usage>,
}

impl Stream {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            head: head("chat.completion.chunk", &context),
            context,
            out: Json::default(),
            begun: Vec::new(),
            bare: Vec::new(),
            reasoned: Vec::new(),
            usage: None,
        }
    }

    /// Writes a chunk with one choice, whose delta `delta` writes.
    fn chunk(&mut self, choice: u32, finish: Option<&str>, delta: impl FnOnce(&mut Json)) {
        let begins = !self.begun.contains(&choice);
        if begins {
            self.begun.push(choice);
        }
        let json = &mut self.out;
        json.event("");
        json.0.extend_from_slice(&self.head);
        json.0.extend_from_slice(b"\"choices\":[{\"index\":");
        json.number(u64::from(choice));
        json.0.extend_from_slice(b",\"delta\":{");
        if begins {
            json.0
                .extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\"");
            if finish.is_none() {
                // A beginning is a chunk of its own: content stands once in each.
                json.0
                    .extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
                json.event("");
                json.0.extend_from_slice(&self.head);
                json.0.extend_from_slice(b"\"choices\":[{\"index\":");
                json.number(u64::from(choice));
                json.0.extend_from_slice(b",\"delta\":{");
            }
        }
        delta(json);
        json.0
            .extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":");
        match finish {
            Some(reason) => json.str(reason),
            None => json.null(),
        };
        json.0.extend_from_slice(b"}]}\n\n");
    }

    fn call(&mut self, choice: u32, call: u32, members: impl FnOnce(&mut Json)) {
        self.chunk(choice, None, |json| {
            json.0.extend_from_slice(b"\"tool_calls\":[{\"index\":");
            json.number(u64::from(call));
            members(json);
            json.0.extend_from_slice(b"}]");
        });
    }

    fn arguments(&mut self, choice: u32, call: u32, text: &Text<'_>) {
        self.bare.retain(|bare| *bare != call);
        self.call(choice, call, |json| {
            json.key("function")
                .object(|json| _ = json.key("arguments").text(text));
        });
    }

    fn opaque(&mut self, choice: u32, opaque: &Opaque<'_>) {
        let reasoned = self.reasoned.iter().position(|(of, _)| *of == choice);
        let length = reasoned.map_or(0, |at| self.reasoned.swap_remove(at).1);
        self.chunk(choice, None, |json| {
            json.key("reasoning_details")
                .array(|json| write_detail(json, opaque, length));
        });
    }
}

impl Sink for Stream {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Begin { .. } => {
                self.begun.push(0);
                let json = &mut self.out;
                json.event("");
                json.0.extend_from_slice(&self.head);
                json.0.extend_from_slice(
                    b"\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                );
            }
            Event::Text { choice, text } => {
                self.chunk(choice, None, |json| _ = json.key("content").text(&text));
            }
            Event::Reasoning { choice, text } => {
                let bytes = text.bytes();
                match self.reasoned.iter_mut().find(|(of, _)| *of == choice) {
                    Some((_, sum)) => *sum += bytes,
                    None => self.reasoned.push((choice, bytes)),
                }
                self.chunk(choice, None, |json| {
                    json.key("reasoning_content").text(&text);
                });
            }
            Event::Opaque { choice, opaque } => self.opaque(choice, &opaque),
            Event::Refusal { choice, text } => {
                self.chunk(choice, None, |json| _ = json.key("refusal").text(&text));
            }
            Event::Call {
                choice,
                call,
                id,
                name,
            } => {
                self.bare.push(call);
                let id = id.unwrap_or_else(|| minted(&self.context, call));
                self.call(choice, call, |json| {
                    json.key("id").text(&id);
                    json.key("type").str("function");
                    json.key("function").object(|json| {
                        json.key("name").text(&name);
                        json.key("arguments").str("");
                    });
                });
            }
            Event::Arguments { choice, call, text } => self.arguments(choice, call, &text),
            Event::CallEnd { choice, call } => {
                if self.bare.contains(&call) {
                    self.arguments(choice, call, &Text::plain("{}"));
                }
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { choice, reason, .. } => {
                self.chunk(choice, Some(reason_of(reason)), |_| {});
            }
            Event::Dropped(_) => {}
            Event::Error(facts) => {
                let error =
                    answer::error_event(Dialect::OpenaiChat, error_type(&facts), &facts.message);
                self.out.0.extend_from_slice(&error);
            }
            Event::End => {
                if let Some(usage) = self.usage {
                    let json = &mut self.out;
                    json.event("");
                    json.0.extend_from_slice(&self.head);
                    json.0.extend_from_slice(b"\"choices\":[],\"usage\":");
                    write_usage(json, usage);
                    json.0.extend_from_slice(b"}\n\n");
                }
                self.out.0.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
    }
}

impl WriteReply for Stream {
    fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out.0)
    }
}

/// Appends the members with which every reply begins, an open object.
pub(super) fn head(object: &str, context: &ReplyContext) -> Vec<u8> {
    let mut json = Json::default();
    json.0.push(b'{');
    json.key("id").str(&["chatcmpl-", &context.id].concat());
    json.key("object").str(object);
    json.key("created").number(context.created);
    json.key("model").str(&context.model);
    json.0.push(b',');
    json.0
}

/// An id for a call that has none.
pub(super) fn minted(context: &ReplyContext, call: u32) -> Text<'static> {
    Text::plain(format!("call_{}_{call}", context.id))
}

/// Appends an entry of `reasoning_details`. `length`: bytes of `reasoning_content` that belong to
/// it, by which a signed text is found again in what comes back.
pub(super) fn write_detail(json: &mut Json, opaque: &Opaque<'_>, length: usize) {
    json.object(|json| {
        let (kind, member) = match opaque.kind {
            OpaqueKind::Signature | OpaqueKind::Thought => ("reasoning.text", "signature"),
            OpaqueKind::Redacted | OpaqueKind::Encrypted => ("reasoning.encrypted", "data"),
        };
        json.key("type").str(kind);
        json.key(member).text(&opaque.tagged());
        json.key("length").number(length as u64);
    });
}

/// Reason for which a reply ended, in the words of the API.
pub(super) fn reason_of(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence | Finish::Pause | Finish::Broken => "stop",
        Finish::Length | Finish::ContextWindow => "length",
        Finish::Calls => "tool_calls",
        Finish::Filtered | Finish::Refused => "content_filter",
    }
}

/// The type of an error for [`answer::error_event`].
pub(super) fn error_type(facts: &ErrorFacts) -> &str {
    facts.kind.as_deref().unwrap_or("api_error")
}

/// Appends a usage object: cached and written tokens are in the prompt's number, and reasoning in
/// the completion's.
pub(super) fn write_usage(json: &mut Json, usage: Usage) {
    json.object(|json| {
        json.key("prompt_tokens").number(usage.input);
        json.key("completion_tokens").number(usage.output);
        let total = usage.input.saturating_add(usage.output);
        json.key("total_tokens").number(total);
        json.key("prompt_tokens_details").object(|json| {
            json.key("cached_tokens").number(usage.cached);
            if usage.written > 0 {
                json.key("cache_write_tokens").number(usage.written);
            }
        });
        json.key("completion_tokens_details")
            .object(|json| _ = json.key("reasoning_tokens").number(usage.reasoning));
    });
}
