//! The message of a reply: its texts and refusals.

use super::{
    super::super::{json::Json, text::Text},
    Writer,
    items::Said,
};

/// A message under way.
pub(super) struct Message {
    index: usize,
    id: String,
    /// Its parts that are complete.
    parts: Json,
    /// The number of them.
    number: u64,
    part: Option<Part>,
}

/// A part under way.
struct Part {
    said: Said,
    /// The members by which each of its events says where it belongs.
    place: Vec<u8>,
    /// The inside of the literal so far.
    text: Vec<u8>,
}

/// The names of a part's members and events.
struct Names {
    kind: &'static str,
    member: &'static str,
    delta: &'static str,
    done: &'static str,
}

const TEXT: Names = Names {
    kind: "output_text",
    member: "text",
    delta: "response.output_text.delta",
    done: "response.output_text.done",
};

const REFUSAL: Names = Names {
    kind: "refusal",
    member: "refusal",
    delta: "response.refusal.delta",
    done: "response.refusal.done",
};

const fn names(said: Said) -> &'static Names {
    match said {
        Said::Text => &TEXT,
        Said::Refusal => &REFUSAL,
    }
}

impl Writer {
    /// Adds to the message.
    pub(super) fn say(&mut self, said: Said, text: &Text<'_>) {
        if text.is_empty() {
            return;
        }
        self.end_reasoning(None);
        if self.message.is_none() {
            self.begin_message();
        }
        let part = self
            .message
            .as_ref()
            .and_then(|message| message.part.as_ref());
        if part.is_none_or(|part| part.said != said) {
            self.end_part();
            self.begin_part(said);
        }
        let part = self
            .message
            .as_mut()
            .and_then(|message| message.part.take());
        let Some(mut part) = part else {
            return;
        };
        self.event(names(said).delta, |json| {
            json.0.extend_from_slice(&part.place);
            json.key("delta").text(text);
            if said == Said::Text {
                json.0.extend_from_slice(b",\"logprobs\":[]");
            }
        });
        text.write_inside(&mut part.text);
        if let Some(message) = &mut self.message {
            message.part = Some(part);
        }
    }

    fn begin_message(&mut self) {
        let (index, id) = self.place("msg");
        self.event("response.output_item.added", |json| {
            json.key("output_index").number(index as u64);
            json.key("item");
            write_message(json, &id, "in_progress", b"");
        });
        self.message = Some(Message {
            index,
            id,
            parts: Json::default(),
            number: 0,
            part: None,
        });
    }

    fn begin_part(&mut self, said: Said) {
        let Some(message) = &mut self.message else {
            return;
        };
        let mut place = Json::default();
        place.0.push(b',');
        place.key("item_id").str(&message.id);
        place.key("output_index").number(message.index as u64);
        place.key("content_index").number(message.number);
        let part = Part {
            said,
            place: place.0,
            text: Vec::new(),
        };
        message.number += 1;
        let place = part.place.clone();
        message.part = Some(part);
        self.event("response.content_part.added", |json| {
            json.0.extend_from_slice(&place);
            json.key("part");
            write_part(json, said, b"");
        });
    }

    fn end_part(&mut self) {
        let part = self
            .message
            .as_mut()
            .and_then(|message| message.part.take());
        let Some(part) = part else { return };
        let names = names(part.said);
        self.event(names.done, |json| {
            json.0.extend_from_slice(&part.place);
            json.key(names.member)
                .literal(|out| out.extend_from_slice(&part.text));
            if part.said == Said::Text {
                json.0.extend_from_slice(b",\"logprobs\":[]");
            }
        });
        self.event("response.content_part.done", |json| {
            json.0.extend_from_slice(&part.place);
            json.key("part");
            write_part(json, part.said, &part.text);
        });
        if let Some(message) = &mut self.message {
            write_part(&mut message.parts, part.said, &part.text);
        }
    }

    /// Ends the message, if there is one.
    pub(super) fn end_message(&mut self, status: &str) {
        self.end_part();
        let Some(message) = self.message.take() else {
            return;
        };
        let mut item = Json::default();
        write_message(&mut item, &message.id, status, &message.parts.0);
        self.complete(message.index, item);
    }
}

fn write_message(json: &mut Json, id: &str, status: &str, parts: &[u8]) {
    json.object(|json| {
        json.key("id").str(id);
        json.key("type").str("message");
        json.key("status").str(status);
        json.key("role").str("assistant");
        json.key("content")
            .array(|json| json.0.extend_from_slice(parts));
    });
}

/// Writes a part; `text` is the inside of a literal.
fn write_part(json: &mut Json, said: Said, text: &[u8]) {
    let names = names(said);
    json.object(|json| {
        json.key("type").str(names.kind);
        json.key(names.member)
            .literal(|out| out.extend_from_slice(text));
        if said == Said::Text {
            json.key("annotations").source("[]");
            json.key("logprobs").source("[]");
        }
    });
}
