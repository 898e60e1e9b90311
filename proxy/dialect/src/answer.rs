//! Answers that Outrigger gives in its own name, as bytes in a dialect's shape: errors, error
//! events, canned replies, the end of a refused stream.
//!
//! The shapes are those that the official SDKs accept: every field that their types require is
//! there. A dialect that we do not read is answered as `openai.chat` would be.

mod errors;

use super::{Dialect, Usage, json::quote};
pub(super) use errors::error_event_numbered;
pub use errors::{error_body, error_event};

/// The reason for which a policy ends a reply.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The code: `[a-z0-9_]{1,64}`.
    pub code: &'a str,
    /// Text for the person who reads the app's log.
    pub message: &'a str,
}

/// JSON under construction.
pub(super) struct Draft(pub(super) Vec<u8>);

impl Draft {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(512))
    }
    /// Appends JSON source.
    pub(super) fn raw(mut self, json: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(json.as_ref());
        self
    }
    /// Appends a string literal.
    pub(super) fn text(mut self, text: &str) -> Self {
        quote(text, &mut self.0);
        self
    }
    pub(super) fn number(self, number: u64) -> Self {
        self.raw(number.to_string())
    }
    /// Begins an event; Chat Completions name none.
    pub(super) fn event(self, name: &str) -> Self {
        match name {
            "" => self.raw("data: "),
            _ => self.raw("event: ").raw(name).raw("\ndata: "),
        }
    }
    pub(super) fn end(self) -> Self {
        self.raw("\n\n")
    }
}

/// Puts a whole answer into the array that a client of Gemini's without `alt=sse` expects.
pub fn listed(body: &[u8]) -> Vec<u8> {
    [b"[", body, b"]"].concat()
}

/// A text that a request is answered with.
pub(crate) struct Answer<'a> {
    pub(super) model: &'a str,
    /// The exchange's id.
    pub(super) id: &'a str,
    pub(super) text: &'a str,
    /// Seconds since 1970.
    pub(super) created: u64,
}

/// The functions that write a text as a reply.
pub(crate) struct Form {
    /// Writes it as a whole reply.
    pub(super) whole: fn(Draft, &Answer<'_>) -> Draft,
    /// Writes it as a stream of events, the terminator included.
    pub(super) events: fn(Draft, &Answer<'_>) -> Draft,
}

/// The form of `openai.chat`, and of what is never read.
pub(super) static CHAT: Form = Form {
    whole: |draft, answer| {
        chat_head(draft, "chat.completion", answer)
            .raw(r#""choices":[{"index":0,"message":{"role":"assistant","content":"#)
            .text(answer.text)
            .raw(r#","refusal":null},"logprobs":null,"finish_reason":"stop"}],"#)
            .raw(NO_TOKENS)
            .raw("}")
    },
    events: chat_events,
};
/// The form of `openai.completions`.
pub(super) static COMPLETIONS: Form = Form {
    whole: completion,
    events: |draft, answer| {
        let chunk = completion(draft.event(""), answer).end();
        chunk.raw("data: [DONE]").end()
    },
};
/// The form of `openai.responses`.
pub(super) static RESPONSES: Form = Form {
    whole: |draft, answer| response(draft, answer, true),
    events: response_events,
};
/// The form of `anthropic.messages`.
pub(super) static MESSAGES: Form = Form {
    whole: |draft, answer| message(draft, answer, true),
    events: message_events,
};
/// The form of `gemini.generate`.
pub(super) static GEMINI: Form = Form {
    whole: generated,
    events: |draft, answer| generated(draft.event(""), answer).end(),
};

/// The form of `gemini.interactions`.
pub(super) static INTERACTIONS: Form = Form {
    whole: |draft, answer| interaction(draft, answer, "completed", true),
    events: interaction_events,
};

/// The form in which a request of this dialect is answered with a text, or the reason why it can't
/// be.
fn form(dialect: Dialect) -> Result<&'static Form, &'static str> {
    dialect.description().map_or(Ok(&CHAT), |row| row.answer)
}

/// Reports whether a request of this dialect can be answered with a text.
pub fn takes_text(dialect: Dialect) -> bool {
    form(dialect).is_ok()
}

/// A whole reply that says `text`; where the dialect [takes none](takes_text), an error body. `id`
/// is the exchange's; `created` is seconds since 1970.
pub fn reply_body(dialect: Dialect, model: &str, id: &str, text: &str, created: u64) -> Vec<u8> {
    let answer = Answer {
        model,
        id,
        text,
        created,
    };
    match form(dialect) {
        Ok(form) => (form.whole)(Draft::new(), &answer).0,
        Err(why) => error_body(dialect, 500, "policy_failed", why),
    }
}

/// The same as a stream of events, the terminator included.
pub fn reply_events(dialect: Dialect, model: &str, id: &str, text: &str, created: u64) -> Vec<u8> {
    let answer = Answer {
        model,
        id,
        text,
        created,
    };
    match form(dialect) {
        Ok(form) => (form.events)(Draft::new(), &answer).0,
        Err(why) => error_event(dialect, "api_error", why),
    }
}

const NO_TOKENS: &str = r#""usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;

fn chat_head(draft: Draft, object: &str, answer: &Answer<'_>) -> Draft {
    draft
        .raw(r#"{"id":"#)
        .text(&format!("chatcmpl-{}", answer.id))
        .raw(r#","object":"#)
        .text(object)
        .raw(r#","created":"#)
        .number(answer.created)
        .raw(r#","model":"#)
        .text(answer.model)
        .raw(",")
}

fn chat_events(draft: Draft, answer: &Answer<'_>) -> Draft {
    let chunk = |draft: Draft| chat_head(draft.event(""), "chat.completion.chunk", answer);
    let draft = chunk(draft)
        .raw(r#""choices":[{"index":0,"delta":{"role":"assistant","content":"#)
        .text(answer.text)
        .raw(r#"},"logprobs":null,"finish_reason":null}]}"#)
        .end();
    // usage rides on the last choice: an app that requested none may trip over a chunk without
    // choices
    chunk(draft)
        .raw(r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"#)
        .raw(NO_TOKENS)
        .raw("}")
        .end()
        .raw("data: [DONE]")
        .end()
}

/// A reply of `openai.completions`, and its only chunk.
fn completion(draft: Draft, answer: &Answer<'_>) -> Draft {
    draft
        .raw(r#"{"id":"#)
        .text(&format!("cmpl-{}", answer.id))
        .raw(r#","object":"text_completion","created":"#)
        .number(answer.created)
        .raw(r#","model":"#)
        .text(answer.model)
        .raw(r#","choices":[{"index":0,"text":"#)
        .text(answer.text)
        .raw(r#","logprobs":null,"finish_reason":"stop"}],"#)
        .raw(NO_TOKENS)
        .raw("}")
}

/// A reply of `gemini.generate`, and its only chunk.
fn generated(draft: Draft, answer: &Answer<'_>) -> Draft {
    let draft = draft
        .raw(r#"{"candidates":[{"content":{"parts":[{"text":"#)
        .text(answer.text)
        .raw(r#"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":"#);
    gemini_usage(draft, &Usage::default())
        .raw(r#","modelVersion":"#)
        .text(answer.model)
        .raw(r#","responseId":"#)
        .text(answer.id)
        .raw("}")
}

/// Usage as Gemini reports it.
pub(super) fn gemini_usage(draft: Draft, usage: &Usage) -> Draft {
    draft
        .raw(r#"{"promptTokenCount":"#)
        .number(usage.input)
        .raw(r#","candidatesTokenCount":"#)
        .number(usage.output.saturating_sub(usage.reasoning))
        .raw(r#","totalTokenCount":"#)
        .number(usage.input.saturating_add(usage.output))
        .raw(r#","thoughtsTokenCount":"#)
        .number(usage.reasoning)
        .raw("}")
}

/// The message; if it is not `done`, that of `message_start`.
fn message(draft: Draft, answer: &Answer<'_>, done: bool) -> Draft {
    let draft = draft
        .raw(r#"{"id":"#)
        .text(&format!("msg_{}", answer.id))
        .raw(r#","type":"message","role":"assistant","model":"#)
        .text(answer.model);
    match done {
        true => draft
            .raw(r#","content":[{"type":"text","text":"#)
            .text(answer.text)
            .raw(r#"}],"stop_reason":"end_turn""#),
        false => draft.raw(r#","content":[],"stop_reason":null"#),
    }
    .raw(r#","stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}"#)
}

fn message_events(draft: Draft, answer: &Answer<'_>) -> Draft {
    let draft = draft
        .event("message_start")
        .raw(r#"{"type":"message_start","message":"#);
    message(draft, answer, false)
        .raw("}")
        .end()
        .event("content_block_start")
        .raw(
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        )
        .end()
        .event("content_block_delta")
        .raw(r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"#)
        .text(answer.text)
        .raw("}}")
        .end()
        .event("content_block_stop")
        .raw(r#"{"type":"content_block_stop","index":0}"#)
        .end()
        .raw(message_end("end_turn", 0))
}

/// `message_delta` and `message_stop`.
pub(super) fn message_end(stop_reason: &str, output_tokens: u64) -> Vec<u8> {
    Draft::new()
        .event("message_delta")
        .raw(r#"{"type":"message_delta","delta":{"stop_reason":"#)
        .text(stop_reason)
        .raw(r#","stop_sequence":null},"usage":{"output_tokens":"#)
        .number(output_tokens)
        .raw("}}")
        .end()
        .event("message_stop")
        .raw(r#"{"type":"message_stop"}"#)
        .end()
        .0
}

/// The response; if it is not `done`, that of `response.created`.
fn response(draft: Draft, answer: &Answer<'_>, done: bool) -> Draft {
    let draft = draft
        .raw(r#"{"id":"#)
        .text(&format!("resp_{}", answer.id))
        .raw(r#","object":"response","created_at":"#)
        .number(answer.created)
        .raw(r#","error":null,"incomplete_details":null,"instructions":null,"metadata":{},"model":"#)
        .text(answer.model)
        .raw(r#","parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[],"top_p":null,"#);
    match done {
        true => item(draft.raw(r#""status":"completed","output":["#), answer, true)
            .raw(r#"],"usage":{"input_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}}"#),
        false => draft.raw(r#""status":"in_progress","output":[],"usage":null}"#),
    }
}

fn item(draft: Draft, answer: &Answer<'_>, done: bool) -> Draft {
    let draft = draft
        .raw(r#"{"type":"message","id":"#)
        .text(&format!("msg_{}", answer.id))
        .raw(r#","role":"assistant","status":"#);
    match done {
        true => part(draft.raw(r#""completed","content":["#), answer.text).raw("]}"),
        false => draft.raw(r#""in_progress","content":[]}"#),
    }
}

fn part(draft: Draft, text: &str) -> Draft {
    draft
        .raw(r#"{"type":"output_text","annotations":[],"logprobs":[],"text":"#)
        .text(text)
        .raw("}")
}

fn response_events(mut draft: Draft, answer: &Answer<'_>) -> Draft {
    let mut sequence = 0;
    let mut begin = |draft: Draft, name: &str| {
        sequence += 1;
        draft
            .event(name)
            .raw(r#"{"type":"#)
            .text(name)
            .raw(r#","sequence_number":"#)
            .number(sequence - 1)
            .raw(",")
    };
    let within = |draft: Draft| {
        draft
            .raw(r#""item_id":"#)
            .text(&format!("msg_{}", answer.id))
            .raw(r#","output_index":0,"content_index":0,"#)
    };
    for name in ["response.created", "response.in_progress"] {
        draft = begin(draft, name).raw(r#""response":"#);
        draft = response(draft, answer, false).raw("}").end();
    }
    draft = begin(draft, "response.output_item.added").raw(r#""output_index":0,"item":"#);
    draft = item(draft, answer, false).raw("}").end();
    draft = within(begin(draft, "response.content_part.added")).raw(r#""part":"#);
    draft = part(draft, "").raw("}").end();
    draft = within(begin(draft, "response.output_text.delta"));
    draft = draft
        .raw(r#""logprobs":[],"delta":"#)
        .text(answer.text)
        .raw("}")
        .end();
    draft = within(begin(draft, "response.output_text.done"));
    draft = draft
        .raw(r#""logprobs":[],"text":"#)
        .text(answer.text)
        .raw("}")
        .end();
    draft = within(begin(draft, "response.content_part.done")).raw(r#""part":"#);
    draft = part(draft, answer.text).raw("}").end();
    draft = begin(draft, "response.output_item.done").raw(r#""output_index":0,"item":"#);
    draft = item(draft, answer, true).raw("}").end();
    draft = begin(draft, "response.completed").raw(r#""response":"#);
    response(draft, answer, true).raw("}").end()
}

/// The interaction; if it is not `done`, without what it says.
fn interaction(draft: Draft, answer: &Answer<'_>, status: &str, done: bool) -> Draft {
    let draft = draft
        .raw(r#"{"id":"#)
        .text(&format!("v1_{}", answer.id))
        .raw(r#","object":"interaction","status":"#)
        .text(status)
        .raw(r#","model":"#)
        .text(answer.model);
    let draft = match done {
        true => draft
            .raw(r#","steps":[{"type":"model_output","content":[{"type":"text","text":"#)
            .text(answer.text)
            .raw("}]}]"),
        false => draft,
    };
    match status == "completed" {
        true => interaction_usage(draft.raw(r#","usage":"#), &Usage::default()).raw("}"),
        false => draft.raw("}"),
    }
}

fn interaction_events(draft: Draft, answer: &Answer<'_>) -> Draft {
    let draft = draft
        .event("interaction.created")
        .raw(r#"{"event_type":"interaction.created","interaction":"#);
    let draft = interaction(draft, answer, "in_progress", false)
        .raw("}")
        .end()
        .event("step.start")
        .raw(r#"{"event_type":"step.start","index":0,"step":{"type":"model_output"}}"#)
        .end()
        .event("step.delta")
        .raw(r#"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"#)
        .text(answer.text)
        .raw("}}")
        .end()
        .event("step.stop")
        .raw(r#"{"event_type":"step.stop","index":0}"#)
        .end()
        .event("interaction.completed")
        .raw(r#"{"event_type":"interaction.completed","interaction":"#);
    interaction(draft, answer, "completed", false)
        .raw("}")
        .end()
        .event("done")
        .raw("[DONE]")
        .end()
}

/// Usage as an interaction reports it.
pub(super) fn interaction_usage(draft: Draft, usage: &Usage) -> Draft {
    draft
        .raw(r#"{"total_input_tokens":"#)
        .number(usage.input)
        .raw(r#","total_output_tokens":"#)
        .number(usage.output.saturating_sub(usage.reasoning))
        .raw(r#","total_thought_tokens":"#)
        .number(usage.reasoning)
        .raw(r#","total_cached_tokens":"#)
        .number(usage.cached)
        .raw(r#","total_tokens":"#)
        .number(usage.input.saturating_add(usage.output))
        .raw("}")
}

/// Usage as a Chat Completions chunk reports it.
pub(super) fn chat_usage(draft: Draft, usage: &Usage) -> Draft {
    draft
        .raw(r#"{"prompt_tokens":"#)
        .number(usage.input)
        .raw(r#","completion_tokens":"#)
        .number(usage.output)
        .raw(r#","total_tokens":"#)
        .number(usage.input.saturating_add(usage.output))
        .raw("}")
}

#[cfg(test)]
mod tests;
