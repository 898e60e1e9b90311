//! A whole reply of `openai.chat`, written at its end.

use super::{
    super::{
        event::{Event, Finish, Sink},
        format::{ReplyContext, WriteReply},
        json::Json,
        text::Text,
    },
    reply_write::{error_type, head, minted, reason_of, write_detail, write_usage},
};
use crate::{Dialect, Usage, answer};

/// Writes a whole reply.
pub(super) struct Whole {
    context: ReplyContext,
    out: Vec<u8>,
    choices: Vec<Choice>,
    calls: Vec<Call>,
    usage: Usage,
}

/// A choice so far; texts are the insides of literals.
#[derive(Default)]
struct Choice {
    number: u32,
    text: Option<Vec<u8>>,
    reasoning: Option<Vec<u8>>,
    reasoned: usize,
    details: Json,
    refusal: Option<Vec<u8>>,
    finish: Option<Finish>,
}

struct Call {
    choice: u32,
    number: u32,
    id: Text<'static>,
    name: Text<'static>,
    arguments: Vec<u8>,
}

impl Whole {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            out: Vec::new(),
            choices: Vec::new(),
            calls: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Changes a choice, which begins with that.
    fn choice(&mut self, number: u32, change: impl FnOnce(&mut Choice)) {
        if !self.choices.iter().any(|choice| choice.number == number) {
            self.choices.push(Choice {
                number,
                ..Choice::default()
            });
        }
        let mut choices = self.choices.iter_mut();
        if let Some(choice) = choices.find(|choice| choice.number == number) {
            change(choice);
        }
    }

    fn write(&mut self) {
        let mut json = Json(head("chat.completion", &self.context));
        json.key("choices").array(|json| {
            for choice in &self.choices {
                let calls = self
                    .calls
                    .iter()
                    .filter(|call| call.choice == choice.number);
                write_choice(json, choice, calls);
            }
        });
        json.key("usage");
        write_usage(&mut json, self.usage);
        json.0.push(b'}');
        self.out = json.0;
    }
}

impl Sink for Whole {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Begin { .. } => self.choice(0, |_| {}),
            Event::Text { choice, text } => self.choice(choice, |choice| {
                text.write_inside(choice.text.get_or_insert_default());
            }),
            Event::Reasoning { choice, text } => self.choice(choice, |choice| {
                choice.reasoned += text.bytes();
                text.write_inside(choice.reasoning.get_or_insert_default());
            }),
            Event::Opaque { choice, opaque } => self.choice(choice, |choice| {
                let length = std::mem::take(&mut choice.reasoned);
                write_detail(&mut choice.details, &opaque, length);
            }),
            Event::Refusal { choice, text } => self.choice(choice, |choice| {
                text.write_inside(choice.refusal.get_or_insert_default());
            }),
            Event::Call {
                choice,
                call,
                id,
                name,
            } => {
                self.choice(choice, |_| {});
                let id = id.map_or_else(|| minted(&self.context, call), Text::into_owned);
                self.calls.push(Call {
                    choice,
                    number: call,
                    id,
                    name: name.into_owned(),
                    arguments: Vec::new(),
                });
            }
            Event::Arguments { call, text, .. } => {
                let mut calls = self.calls.iter_mut();
                if let Some(call) = calls.find(|one| one.number == call) {
                    text.write_inside(&mut call.arguments);
                }
            }
            Event::CallEnd { .. } | Event::Dropped(_) => {}
            Event::Usage(usage) => self.usage = usage,
            Event::Finish { choice, reason, .. } => {
                self.choice(choice, |choice| choice.finish = Some(reason));
            }
            Event::Error(facts) => {
                let status = facts.status.unwrap_or(502);
                let kind = error_type(&facts);
                self.out = answer::error_body(Dialect::OpenaiChat, status, kind, &facts.message);
            }
            Event::End => self.write(),
        }
    }
}

impl WriteReply for Whole {
    fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

/// Appends a string of which the inside of the literal is known, or `null`.
fn write_inside(json: &mut Json, inside: Option<&Vec<u8>>) {
    match inside {
        Some(inside) => json.literal(|out| out.extend_from_slice(inside)),
        None => json.null(),
    };
}

fn write_choice<'c>(json: &mut Json, choice: &Choice, calls: impl Iterator<Item = &'c Call>) {
    let mut calls = calls.peekable();
    json.object(|json| {
        json.key("index").number(u64::from(choice.number));
        json.key("message").object(|json| {
            json.key("role").str("assistant");
            json.key("content");
            write_inside(json, choice.text.as_ref());
            json.key("refusal");
            write_inside(json, choice.refusal.as_ref());
            if choice.reasoning.is_some() {
                json.key("reasoning_content");
                write_inside(json, choice.reasoning.as_ref());
            }
            if !choice.details.0.is_empty() {
                json.key("reasoning_details")
                    .array(|json| json.0.extend_from_slice(&choice.details.0));
            }
            if calls.peek().is_some() {
                json.key("tool_calls").array(|json| {
                    for call in calls {
                        write_call(json, call);
                    }
                });
            }
        });
        json.key("logprobs").null();
        let reason = reason_of(choice.finish.unwrap_or(Finish::Stop));
        json.key("finish_reason").str(reason);
    });
}

fn write_call(json: &mut Json, call: &Call) {
    json.object(|json| {
        json.key("id").text(&call.id);
        json.key("type").str("function");
        json.key("function").object(|json| {
            json.key("name").text(&call.name);
            json.key("arguments")
                .literal(|out| match call.arguments.is_empty() {
                    true => out.extend_from_slice(b"{}"),
                    false => out.extend_from_slice(&call.arguments),
                });
        });
    });
}
