//! The writer of `gemini.generate` replies: chunks of a stream, as events or as one JSON array, or
//! a whole reply.
//!
//! Parts and arguments are whole in this dialect, so the arguments of a call are kept until its
//! end, which is all that is kept of a stream. Finish reasons and usage go into the last chunk,
//! since usage may come behind them. A model's refusal is text, and its finish reason `SAFETY`:
//! the API has no part of its own for it.

use super::finish;
use crate::{
    Dialect, Usage, answer,
    failure::ErrorFacts,
    translate::{
        event::{Event, Finish, Sink},
        form::Arguments,
        format::{ReplyContext, WriteReply},
        json::Json,
        opaque::Opaque,
        text::Text,
    },
};

/// Writes one reply.
pub(super) struct Writer {
    context: ReplyContext,
    out: Json,
    /// `,"modelVersion":…,"responseId":…}`: the end of every chunk.
    tail: Vec<u8>,
    choices: Vec<Choice>,
    calls: Vec<Call>,
    usage: Option<Usage>,
    /// The array's bracket is written.
    opened: bool,
    done: bool,
}

/// A candidate under construction.
struct Choice {
    index: u32,
    finish: Option<Finish>,
    /// A signature that belongs to the next part.
    signature: Option<Text<'static>>,
    /// A call was no object's and is left out.
    malformed: bool,
    /// The parts of a whole reply.
    parts: Json,
    /// The text that the last part is open for.
    open: Option<Kind>,
}

/// A call under construction.
struct Call {
    choice: u32,
    call: u32,
    id: Option<Text<'static>>,
    name: Text<'static>,
    arguments: Vec<u8>,
}

/// The kind of a part that is a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Said,
    Thought,
}

impl Kind {
    /// The part up to its text.
    const fn head(self) -> &'static [u8] {
        match self {
            Self::Said => b"{\"text\":",
            Self::Thought => b"{\"thought\":true,\"text\":",
        }
    }
}

impl Writer {
    pub(super) fn new(mut context: ReplyContext) -> Self {
        context.stream |= context.listed;
        let mut tail = Json::default();
        tail.0.extend_from_slice(b",");
        tail.key("modelVersion").str(&context.model);
        tail.key("responseId").str(&context.id);
        tail.0.push(b'}');
        Self {
            context,
            out: Json::default(),
            tail: tail.0,
            choices: Vec::new(),
            calls: Vec::new(),
            usage: None,
            opened: false,
            done: false,
        }
    }

    /// The candidate of this number.
    fn choice(&mut self, index: u32) -> &mut Choice {
        let at = self.choices.iter().position(|one| one.index == index);
        let at = at.unwrap_or(self.choices.len());
        if at == self.choices.len() {
            self.choices.push(Choice {
                index,
                finish: None,
                signature: None,
                malformed: false,
                parts: Json::default(),
                open: None,
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "it was found, or added, right here"
        )]
        &mut self.choices[at]
    }

    /// Begins a chunk.
    fn begin(&mut self) {
        if self.context.listed {
            let bracket = !std::mem::replace(&mut self.opened, true);
            self.out
                .0
                .extend_from_slice(if bracket { b"[" } else { b",\n" });
        } else if self.context.stream {
            self.out.event("");
        }
    }

    /// Ends a chunk.
    fn end(&mut self) {
        self.out.0.extend_from_slice(&self.tail);
        if self.context.stream && !self.context.listed {
            self.out.end_event();
        }
    }

    /// Writes a chunk of one part, which `part` writes.
    fn chunk(&mut self, choice: u32, part: impl FnOnce(&mut Vec<u8>)) {
        self.begin();
        let out = &mut self.out;
        out.0
            .extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[");
        part(&mut out.0);
        out.0.extend_from_slice(b"],\"role\":\"model\"},\"index\":");
        // a number is preceded by its colon, so that nothing is to be separated
        out.number(u64::from(choice));
        out.0.extend_from_slice(b"}]");
        self.end();
    }

    fn text(&mut self, index: u32, kind: Kind, text: &Text<'_>) {
        if text.is_empty() {
            return;
        }
        let stream = self.context.stream;
        let choice = self.choice(index);
        // a signature belongs to what follows the thoughts
        let signature = match kind {
            Kind::Said => choice.signature.take(),
            Kind::Thought => None,
        };
        if stream {
            self.chunk(index, |out| write_text(kind, text, signature.as_ref(), out));
        } else if choice.open == Some(kind) && signature.is_none() {
            // into the literal, before its quote and the brace
            let length = choice.parts.0.len().saturating_sub(2);
            choice.parts.0.truncate(length);
            text.write_inside(&mut choice.parts.0);
            choice.parts.0.extend_from_slice(b"\"}");
        } else {
            choice.open = signature.is_none().then_some(kind);
            let mut part = Vec::new();
            write_text(kind, text, signature.as_ref(), &mut part);
            choice.parts.source(&part);
        }
    }

    fn opaque(&mut self, index: u32, opaque: &Opaque<'_>) {
        self.flush_signature(index);
        self.choice(index).signature = Some(opaque.tagged_in_base64());
    }

    /// Writes a signature that no part follows, at an empty one, as the API itself does.
    fn flush_signature(&mut self, index: u32) {
        let stream = self.context.stream;
        let choice = self.choice(index);
        let Some(signature) = choice.signature.take() else {
            return;
        };
        let mut part = Vec::new();
        write_text(Kind::Said, &Text::plain(""), Some(&signature), &mut part);
        if stream {
            self.chunk(index, |out| out.extend_from_slice(&part));
        } else {
            choice.open = None;
            choice.parts.source(&part);
        }
    }

    fn arguments(&mut self, choice: u32, call: u32, text: &Text<'_>) {
        let mut calls = self.calls.iter_mut();
        if let Some(known) = calls.find(|known| (known.choice, known.call) == (choice, call)) {
            known.arguments.extend_from_slice(text.decode().as_bytes());
        }
    }

    fn call_end(&mut self, choice: u32, call: u32) {
        let mut calls = self.calls.iter();
        let Some(at) = calls.position(|known| (known.choice, known.call) == (choice, call)) else {
            return;
        };
        let call = self.calls.remove(at);
        let stream = self.context.stream;
        let candidate = self.choice(choice);
        let source = Arguments::Value(&call.arguments);
        let Ok(arguments) = source.object() else {
            candidate.malformed = true;
            return;
        };
        let signature = candidate.signature.take();
        let mut part = Json::default();
        part.object(|out| {
            out.key("functionCall").object(|out| {
                if let Some(id) = &call.id {
                    out.key("id").text(id);
                }
                out.key("name").text(&call.name);
                out.key("args").source(&arguments);
            });
            if let Some(signature) = &signature {
                out.key("thoughtSignature").text(signature);
            }
        });
        if stream {
            self.chunk(choice, |out| out.extend_from_slice(&part.0));
        } else {
            candidate.open = None;
            candidate.parts.source(&part.0);
        }
    }

    /// Writes the last chunk, or the whole reply.
    fn finish(&mut self) {
        if self.choices.is_empty() {
            self.choice(0);
        }
        // SDKs take the first for the reply
        self.choices.sort_unstable_by_key(|choice| choice.index);
        let indexes: Vec<u32> = self.choices.iter().map(|choice| choice.index).collect();
        for index in indexes {
            self.flush_signature(index);
        }
        self.begin();
        let out = &mut self.out;
        out.0.push(b'{');
        out.key("candidates").array(|out| {
            for choice in &self.choices {
                out.object(|out| {
                    out.key("content").object(|out| {
                        out.key("parts").array(|out| {
                            match choice.parts.0.is_empty() {
                                true => out.source(br#"{"text":""}"#),
                                false => out.source(&choice.parts.0),
                            };
                        });
                        out.key("role").str("model");
                    });
                    out.key("finishReason").str(choice.reason());
                    out.key("index").number(u64::from(choice.index));
                });
            }
        });
        if let Some(usage) = &self.usage {
            out.key("usageMetadata");
            write_usage(usage, out);
        }
        self.end();
        if self.context.listed {
            self.out.0.push(b']');
        }
    }

    /// Writes a failure in the place of the rest: an event as the API's own, and in an array an
    /// element, with which it closes.
    fn error(&mut self, facts: &ErrorFacts) {
        if !self.context.stream {
            return; // a whole reply is none
        }
        let kind = match (facts.status, facts.kind.as_deref()) {
            (Some(429), _) | (_, Some("RESOURCE_EXHAUSTED" | "rate_limit_error")) => {
                "rate_limit_error"
            }
            (Some(503 | 529), _) | (_, Some("UNAVAILABLE" | "overloaded_error")) => {
                "overloaded_error"
            }
            _ => "api_error",
        };
        let message = match facts.message.is_empty() {
            true => "the provider reported a failure",
            false => &facts.message,
        };
        let event = answer::error_event(Dialect::GeminiGenerate, kind, message);
        if self.context.listed {
            self.begin();
            self.out.0.extend_from_slice(event.trim_ascii());
            self.out.0.push(b']');
        } else {
            self.out.0.extend_from_slice(&event);
        }
    }
}

impl Choice {
    /// Its reason in the API's enumeration. Without one the reply came to nothing.
    fn reason(&self) -> &'static str {
        match self.finish {
            Some(Finish::Calls | Finish::Stop) if self.malformed => finish::MALFORMED_CALL,
            Some(reason) => finish::name(reason),
            None => finish::name(Finish::Broken),
        }
    }
}

/// Writes a part that is a text.
fn write_text(kind: Kind, text: &Text<'_>, signature: Option<&Text<'_>>, out: &mut Vec<u8>) {
    out.extend_from_slice(kind.head());
    text.write(out);
    if let Some(signature) = signature {
        out.extend_from_slice(b",\"thoughtSignature\":");
        signature.write(out);
    }
    out.push(b'}');
}

/// Usage as the API counts: cached tokens within the prompt's, thoughts beside what was said.
fn write_usage(usage: &Usage, out: &mut Json) {
    out.object(|out| {
        out.key("promptTokenCount").number(usage.input);
        if usage.cached > 0 {
            out.key("cachedContentTokenCount").number(usage.cached);
        }
        out.key("candidatesTokenCount")
            .number(usage.output.saturating_sub(usage.reasoning));
        if usage.reasoning > 0 {
            out.key("thoughtsTokenCount").number(usage.reasoning);
        }
        out.key("totalTokenCount")
            .number(usage.input.saturating_add(usage.output));
    });
}

impl Sink for Writer {
    fn take(&mut self, event: Event<'_>) {
        if self.done {
            return;
        }
        match event {
            Event::Begin { .. } | Event::Dropped(_) => {}
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.text(choice, Kind::Said, &text);
            }
            Event::Reasoning { choice, text } => self.text(choice, Kind::Thought, &text),
            Event::Opaque { choice, opaque } => self.opaque(choice, &opaque),
            Event::Call {
                choice,
                call,
                id,
                name,
            } => self.calls.push(Call {
                choice,
                call,
                id: id.map(Text::into_owned),
                name: name.into_owned(),
                arguments: Vec::new(),
            }),
            Event::Arguments { choice, call, text } => self.arguments(choice, call, &text),
            Event::CallEnd { choice, call } => self.call_end(choice, call),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { choice, reason, .. } => self.choice(choice).finish = Some(reason),
            Event::Error(facts) => {
                self.done = true;
                self.error(&facts);
            }
            Event::End => {
                self.done = true;
                self.finish();
            }
        }
    }
}

impl WriteReply for Writer {
    fn take_written(&mut self) -> Vec<u8> {
        let written = std::mem::take(&mut self.out.0);
        self.out.0.reserve(written.len().min(4096));
        written
    }
}
