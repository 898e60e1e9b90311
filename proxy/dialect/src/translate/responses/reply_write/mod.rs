//! Replies of `openai.responses`, written: a stream event by event, or whole.
//!
//! The API repeats every text when it is done, when its part and its item are, and in the response
//! at the end, so the whole output is kept until then: its grammar forces that, and the reply itself
//! is the bound.

use super::super::{
    event::{Event, Finish, Sink},
    format::{ReplyContext, WriteReply},
    json::Json,
    opaque::Opaque,
    text::Text,
};
use crate::{Dialect, Usage, answer, failure::ErrorFacts};
use items::{Call, Reasoning, Said};
use message::Message;

mod items;
mod message;
mod response;

/// The text of a refusal that its provider gave no words.
const UNWORDED: &str = "The model declined to answer.";

/// Writes one reply.
pub(super) struct Writer {
    context: ReplyContext,
    out: Json,
    /// The number of the next event.
    sequence: u64,
    begun: bool,
    /// The items by their index; those that are not complete are empty.
    output: Vec<Vec<u8>>,
    message: Option<Message>,
    reasoning: Option<Reasoning>,
    /// All calls; they may grow side by side.
    calls: Vec<Call>,
    refused: bool,
    usage: Option<Usage>,
    finish: Option<Finish>,
}

impl Writer {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            out: Json::default(),
            sequence: 0,
            begun: false,
            output: Vec::new(),
            message: None,
            reasoning: None,
            calls: Vec::new(),
            refused: false,
            usage: None,
            finish: None,
        }
    }

    /// Writes an event of a stream, whose further members `members` writes; of a whole reply, none.
    fn event(&mut self, name: &str, members: impl FnOnce(&mut Json)) {
        if !self.context.stream {
            return;
        }
        let json = &mut self.out;
        json.event(name);
        json.0.extend_from_slice(b"{\"type\":\"");
        json.0.extend_from_slice(name.as_bytes());
        json.0.extend_from_slice(b"\",\"sequence_number\":");
        json.number(self.sequence);
        members(json);
        json.0.push(b'}');
        json.end_event();
        self.sequence += 1;
    }

    /// Writes the response so far under the name of an event.
    fn response_event(&mut self, name: &str, status: &str) {
        let whole = self.response(status);
        self.event(name, |json| _ = json.key("response").source(&whole.0));
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        if self.context.stream {
            self.response_event("response.created", "in_progress");
            self.response_event("response.in_progress", "in_progress");
        }
    }

    /// The index of a new item, and its id.
    fn place(&mut self, prefix: &str) -> (usize, String) {
        let index = self.output.len();
        self.output.push(Vec::new());
        (index, format!("{prefix}_{}_{index}", self.context.id))
    }

    /// Keeps an item that is complete, and writes its event.
    fn complete(&mut self, index: usize, item: Json) {
        self.event("response.output_item.done", |json| {
            json.key("output_index").number(index as u64);
            json.key("item").source(&item.0);
        });
        if let Some(place) = self.output.get_mut(index) {
            *place = item.0;
        }
    }

    /// Ends what is said before something else begins.
    fn end_open(&mut self) {
        self.end_message("completed");
        self.end_reasoning(None);
    }

    /// Seals the reasoning that was said, or adds some that nobody can read.
    fn seal(&mut self, opaque: &Opaque<'_>) {
        self.end_message("completed");
        if self.reasoning.is_none() {
            self.begin_reasoning();
        }
        self.end_reasoning(Some(opaque));
    }

    fn finish(&mut self, reason: Finish) {
        if reason == Finish::Refused && !self.refused {
            self.say(Said::Refusal, &Text::plain(UNWORDED));
        }
        let status = match reason {
            Finish::Length | Finish::ContextWindow | Finish::Filtered => "incomplete",
            Finish::Stop
            | Finish::StopSequence
            | Finish::Calls
            | Finish::Refused
            | Finish::Pause
            | Finish::Broken => "completed",
        };
        self.end_message(status);
        self.end_reasoning(None);
        self.finish = Some(reason);
    }

    fn end(&mut self) {
        if self.finish.is_none() {
            self.finish(Finish::Stop);
        }
        self.end_calls();
        let status = self.status();
        match self.context.stream {
            true => self.response_event(&["response.", status].concat(), status),
            false => {
                let whole = self.response(status);
                self.out = whole;
            }
        }
    }

    fn error(&mut self, facts: &ErrorFacts) {
        let kind = facts.kind.as_deref().or(facts.code.as_deref());
        let kind = kind.unwrap_or("api_error");
        let (dialect, message) = (Dialect::OpenaiResponses, &facts.message);
        match self.context.stream {
            true => {
                let error = answer::error_event_numbered(dialect, kind, message, self.sequence);
                self.out.0.extend_from_slice(&error);
                self.sequence += 1;
            }
            false => {
                let status = facts.status.unwrap_or(502);
                self.out.0 = answer::error_body(dialect, status, kind, message);
            }
        }
    }
}

impl Sink for Writer {
    fn take(&mut self, event: Event<'_>) {
        let choice = match &event {
            Event::Text { choice, .. }
            | Event::Reasoning { choice, .. }
            | Event::Opaque { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::Call { choice, .. }
            | Event::Arguments { choice, .. }
            | Event::CallEnd { choice, .. }
            | Event::Finish { choice, .. } => *choice,
            Event::Begin { .. }
            | Event::Usage(_)
            | Event::Dropped(_)
            | Event::Error(_)
            | Event::End => 0,
        };
        // There is one choice in this API, and nobody could ask for more.
        if choice > 0 {
            return;
        }
        if !matches!(event, Event::Error(_)) {
            self.begin();
        }
        match event {
            Event::Text { text, .. } => self.say(Said::Text, &text),
            Event::Refusal { text, .. } => {
                self.refused = true;
                self.say(Said::Refusal, &text);
            }
            Event::Reasoning { text, .. } => self.reason(&text),
            Event::Opaque { opaque, .. } => self.seal(&opaque),
            Event::Call { call, id, name, .. } => self.call(call, id, name),
            Event::Arguments { call, text, .. } => self.arguments(call, &text),
            Event::CallEnd { call, .. } => self.end_call(call),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { reason, .. } => self.finish(reason),
            Event::Error(facts) => self.error(&facts),
            Event::End => self.end(),
            Event::Begin { .. } | Event::Dropped(_) => {}
        }
    }
}

impl WriteReply for Writer {
    fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out.0)
    }
}
