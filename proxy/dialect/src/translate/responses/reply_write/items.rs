//! The reasoning and the calls of a reply.

use super::{
    super::super::{json::Json, opaque::Opaque, text::Text},
    Writer,
};

/// The kinds of a message's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Text,
    Refusal,
}

/// Reasoning under way.
pub(super) struct Reasoning {
    index: usize,
    id: String,
    /// The members by which each event of its summary says where it belongs.
    place: Vec<u8>,
    /// The inside of the literal so far; `None`: nothing of it can be read.
    text: Option<Vec<u8>>,
}

/// A call.
pub(super) struct Call {
    /// Its number in the reply.
    number: u32,
    index: usize,
    item: String,
    id: Text<'static>,
    name: Text<'static>,
    /// The members by which each of its events says where it belongs.
    place: Vec<u8>,
    /// The inside of the literal so far.
    arguments: Vec<u8>,
    has_ended: bool,
}

fn place_of(id: &str, index: usize) -> Json {
    let mut place = Json::default();
    place.0.push(b',');
    place.key("item_id").str(id);
    place.key("output_index").number(index as u64);
    place
}

impl Writer {
    pub(super) fn begin_reasoning(&mut self) {
        let (index, id) = self.place("rs");
        self.event("response.output_item.added", |json| {
            json.key("output_index").number(index as u64);
            json.key("item");
            write_reasoning(json, &id, None, None);
        });
        let mut place = place_of(&id, index);
        place.key("summary_index").number(0);
        self.reasoning = Some(Reasoning {
            index,
            id,
            place: place.0,
            text: None,
        });
    }

    /// Adds to the summary of reasoning.
    pub(super) fn reason(&mut self, text: &Text<'_>) {
        if text.is_empty() {
            return;
        }
        self.end_message("completed");
        if self.reasoning.is_none() {
            self.begin_reasoning();
        }
        let Some(mut reasoning) = self.reasoning.take() else {
            return;
        };
        if reasoning.text.is_none() {
            self.event("response.reasoning_summary_part.added", |json| {
                json.0.extend_from_slice(&reasoning.place);
                json.key("part");
                write_summary(json, b"");
            });
        }
        self.event("response.reasoning_summary_text.delta", |json| {
            json.0.extend_from_slice(&reasoning.place);
            json.key("delta").text(text);
        });
        text.write_inside(reasoning.text.get_or_insert_default());
        self.reasoning = Some(reasoning);
    }

    /// Ends the reasoning, if there is some.
    pub(super) fn end_reasoning(&mut self, opaque: Option<&Opaque<'_>>) {
        let Some(reasoning) = self.reasoning.take() else {
            return;
        };
        if let Some(text) = &reasoning.text {
            self.event("response.reasoning_summary_text.done", |json| {
                json.0.extend_from_slice(&reasoning.place);
                json.key("text").literal(|out| out.extend_from_slice(text));
            });
            self.event("response.reasoning_summary_part.done", |json| {
                json.0.extend_from_slice(&reasoning.place);
                json.key("part");
                write_summary(json, text);
            });
        }
        let mut item = Json::default();
        write_reasoning(&mut item, &reasoning.id, reasoning.text.as_deref(), opaque);
        self.complete(reasoning.index, item);
    }

    /// Begins a call. Its id is the provider's own, so that it maps back, unless there is none or it
    /// is another call's.
    pub(super) fn call(&mut self, number: u32, id: Option<Text<'_>>, name: Text<'_>) {
        self.end_open();
        let (index, item) = self.place("fc");
        let is_free = |id: &Text<'_>| {
            !id.is_empty()
                && !self
                    .calls
                    .iter()
                    .any(|call| call.id.decode() == id.decode())
        };
        let id = id.filter(is_free).map(Text::into_owned);
        let minted = || Text::plain(format!("call_{}_{number}", self.context.id));
        let call = Call {
            number,
            index,
            id: id.unwrap_or_else(minted),
            name: name.into_owned(),
            place: place_of(&item, index).0,
            item,
            arguments: Vec::new(),
            has_ended: false,
        };
        self.event("response.output_item.added", |json| {
            json.key("output_index").number(index as u64);
            json.key("item");
            write_call(json, &call, "in_progress");
        });
        self.calls.push(call);
    }

    /// Adds to a call's arguments.
    pub(super) fn arguments(&mut self, number: u32, text: &Text<'_>) {
        let Some(at) = self.calls.iter().rposition(|call| call.number == number) else {
            return;
        };
        let Some(call) = self.calls.get_mut(at).filter(|call| !call.has_ended) else {
            return;
        };
        if text.is_empty() {
            return;
        }
        text.write_inside(&mut call.arguments);
        let place = std::mem::take(&mut call.place);
        self.event("response.function_call_arguments.delta", |json| {
            json.0.extend_from_slice(&place);
            json.key("delta").text(text);
        });
        if let Some(call) = self.calls.get_mut(at) {
            call.place = place;
        }
    }

    /// Ends a call.
    pub(super) fn end_call(&mut self, number: u32) {
        let Some(at) = self.calls.iter().rposition(|call| call.number == number) else {
            return;
        };
        if self
            .calls
            .get(at)
            .is_some_and(|call| !call.has_ended && call.arguments.is_empty())
        {
            self.arguments(number, &Text::plain("{}"));
        }
        let Some(call) = self.calls.get_mut(at).filter(|call| !call.has_ended) else {
            return;
        };
        call.has_ended = true;
        let (index, name, place) = (call.index, call.name.clone(), call.place.clone());
        let mut item = Json::default();
        write_call(&mut item, call, "completed");
        let arguments = std::mem::take(&mut call.arguments);
        self.event("response.function_call_arguments.done", |json| {
            json.0.extend_from_slice(&place);
            json.key("name").text(&name);
            json.key("arguments")
                .literal(|out| out.extend_from_slice(&arguments));
        });
        self.complete(index, item);
    }

    /// Ends the calls that nobody ended.
    pub(super) fn end_calls(&mut self) {
        for at in 0..self.calls.len() {
            let open = self.calls.get(at).filter(|call| !call.has_ended);
            if let Some(number) = open.map(|call| call.number) {
                self.end_call(number);
            }
        }
    }
}

fn write_summary(json: &mut Json, text: &[u8]) {
    json.object(|json| {
        json.key("type").str("summary_text");
        json.key("text").literal(|out| out.extend_from_slice(text));
    });
}

fn write_reasoning(json: &mut Json, id: &str, text: Option<&[u8]>, opaque: Option<&Opaque<'_>>) {
    json.object(|json| {
        json.key("id").str(id);
        json.key("type").str("reasoning");
        json.key("summary").array(|json| {
            if let Some(text) = text {
                write_summary(json, text);
            }
        });
        if let Some(opaque) = opaque {
            json.key("encrypted_content").text(&opaque.tagged());
        }
    });
}

fn write_call(json: &mut Json, call: &Call, status: &str) {
    json.object(|json| {
        json.key("id").str(&call.item);
        json.key("type").str("function_call");
        json.key("status").str(status);
        json.key("arguments")
            .literal(|out| out.extend_from_slice(&call.arguments));
        json.key("call_id").text(&call.id);
        json.key("name").text(&call.name);
    });
}
