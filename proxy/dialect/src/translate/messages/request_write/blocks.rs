//! Messages and their blocks.

use std::borrow::Cow;

use super::{
    super::super::{
        form::{Call, Media, MediaKind, Part, Source, ToolResult},
        json::Json,
        loss::Refused,
        opaque::OpaqueKind,
        text::Text,
    },
    Writer,
    conversation::{Conversation, Message},
    member, open,
};
use crate::hash;

/// Media types of images that the API takes.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The ids of calls, as the dialect takes them.
#[derive(Default)]
pub(super) struct Ids {
    /// Calls so far.
    calls: usize,
    /// Calls that have no id of their own and no result yet: their names and ids.
    open: Vec<(String, String)>,
}

impl Writer<'_, '_> {
    pub(super) fn system(&mut self, conversation: &Conversation<'_, '_>) {
        if conversation.system.is_empty() {
            return;
        }
        self.json.key("system").0.push(b'[');
        for part in &conversation.system {
            if let Part::Text { text, cache } = part {
                open(&mut self.json);
                text_members(&mut self.json, text);
                self.mark(*cache);
                self.json.0.push(b'}');
            }
        }
        self.json.0.push(b']');
    }

    pub(super) fn messages(&mut self, conversation: &Conversation<'_, '_>) -> Result<(), Refused> {
        let mut ids = Ids::default();
        let last = conversation.messages.len().saturating_sub(1);
        self.json.key("messages").0.push(b'[');
        for (index, message) in conversation.messages.iter().enumerate() {
            open(&mut self.json);
            let role = if message.is_assistant {
                "assistant"
            } else {
                "user"
            };
            self.json.key("role").str(role);
            self.json.key("content").0.push(b'[');
            self.message(message, index == last, &mut ids)?;
            self.json.0.extend_from_slice(b"]}");
        }
        self.json.0.push(b']');
        Ok(())
    }

    fn message(
        &mut self,
        message: &Message<'_, '_>,
        is_last: bool,
        ids: &mut Ids,
    ) -> Result<(), Refused> {
        for result in &message.results {
            self.result(result, ids)?;
        }
        let end = message.parts.len().saturating_sub(1);
        for (index, part) in message.parts.iter().enumerate() {
            let begun = is_last && message.is_assistant && index == end;
            open(&mut self.json);
            self.part(part, message.is_assistant, begun, ids)?;
            self.json.0.push(b'}');
        }
        Ok(())
    }

    /// Writes the members of a part's block. `begun`: the model is to go on after it.
    fn part(
        &mut self,
        part: &Part<'_>,
        is_assistant: bool,
        begun: bool,
        ids: &mut Ids,
    ) -> Result<(), Refused> {
        match part {
            // A text to go on with must not end in whitespace.
            Part::Text { text, .. } | Part::Refusal(text) if begun => {
                let text = text.decode();
                text_members(&mut self.json, &Text::plain(text.trim_end()));
            }
            Part::Refusal(text) => text_members(&mut self.json, text),
            Part::Text { text, cache } => {
                text_members(&mut self.json, text);
                self.mark(*cache);
            }
            Part::Media(_) if is_assistant => {
                return Err(Refused::new(
                    "messages",
                    "have media of the model's own, which the target's dialect does not take",
                ));
            }
            Part::Media(media) => self.media(media)?,
            Part::Call(call) => self.call(call, ids)?,
            Part::Reasoning { text, opaque } => {
                let home = self.target.origin;
                let opaque = opaque.as_ref();
                let signature =
                    opaque.and_then(|opaque| opaque.at_home(home, OpaqueKind::Signature));
                let redacted = opaque.and_then(|opaque| opaque.at_home(home, OpaqueKind::Redacted));
                if let Some(data) = redacted {
                    self.json.key("type").str("redacted_thinking");
                    member(&mut self.json, "data", data);
                } else if let Some(signature) = signature {
                    self.json.key("type").str("thinking");
                    let nothing = Text::plain("");
                    let text = text.as_ref().unwrap_or(&nothing);
                    member(&mut self.json, "thinking", text);
                    member(&mut self.json, "signature", signature);
                }
            }
            Part::Result(_) => {} // those of a message are written before
        }
        Ok(())
    }

    fn call(&mut self, call: &Call<'_>, ids: &mut Ids) -> Result<(), Refused> {
        let json = &mut self.json;
        json.key("type").str("tool_use");
        json.key("id").str(&ids.of_call(call));
        member(json, "name", &call.name);
        json.key("input").source(call.arguments.object()?);
        self.mark(call.cache);
        Ok(())
    }

    fn result(&mut self, result: &ToolResult<'_>, ids: &mut Ids) -> Result<(), Refused> {
        open(&mut self.json);
        self.json.key("type").str("tool_result");
        self.json.key("tool_use_id").str(&ids.of_result(result)?);
        let is_said = |part: &&Part<'_>| match part {
            Part::Text { text, .. } => !is_blank(text),
            Part::Media(_)
            | Part::Call(_)
            | Part::Result(_)
            | Part::Reasoning { .. }
            | Part::Refusal(_) => true,
        };
        if let Some(value) = result.value {
            let value = String::from_utf8_lossy(value.trim_ascii());
            self.json.key("content").str(&value);
        } else if result.content.iter().any(|part| is_said(&part)) {
            self.json.key("content").0.push(b'[');
            for part in result.content.iter().filter(is_said) {
                open(&mut self.json);
                self.part(part, false, false, ids)?;
                self.json.0.push(b'}');
            }
            self.json.0.push(b']');
        }
        if result.is_error {
            self.json.key("is_error").boolean(true);
        }
        self.mark(result.cache);
        self.json.0.push(b'}');
        Ok(())
    }

    fn media(&mut self, media: &Media<'_>) -> Result<(), Refused> {
        let kind = match media.kind {
            MediaKind::Image => "image",
            MediaKind::Document => "document",
            MediaKind::Audio => {
                return Err(Refused::new("input_audio", UNTAKEN));
            }
            MediaKind::Video => {
                return Err(Refused::new("video", UNTAKEN));
            }
        };
        if media.detail.as_ref().is_some_and(|text| !text.is("auto")) {
            self.dropped.add("detail");
        }
        self.json.key("type").str(kind);
        self.json.key("source");
        write_source(&mut self.json, media.kind, &media.source)?;
        if let (MediaKind::Document, Some(title)) = (media.kind, &media.title) {
            member(&mut self.json, "title", title);
        }
        self.mark(media.cache);
        Ok(())
    }
}

const UNTAKEN: &str = "is no medium that the target's dialect takes";

fn write_source(json: &mut Json, kind: MediaKind, source: &Source<'_>) -> Result<(), Refused> {
    let is_image = kind == MediaKind::Image;
    match source {
        Source::Base64 { media_type, data } => {
            let is_taken = match is_image {
                true => IMAGES.contains(&&**media_type) || &**media_type == "image/jpg",
                false => &**media_type == "application/pdf",
            };
            if !is_taken {
                return Err(Refused::new(
                    if is_image { "image" } else { "file" },
                    "is of a media type that the target's dialect does not take",
                ));
            }
            let media_type = match &**media_type {
                "image/jpg" => "image/jpeg",
                named => named,
            };
            json.object(|json| {
                json.key("type").str("base64");
                json.key("media_type").str(media_type);
                json.key("data").str(data);
            });
        }
        Source::Url { url, .. } => {
            json.object(|json| {
                json.key("type").str("url");
                json.key("url").text(url);
            });
        }
        Source::Text(text) if !is_image => {
            json.object(|json| {
                json.key("type").str("text");
                json.key("media_type").str("text/plain");
                json.key("data").text(text);
            });
        }
        Source::Text(_) => return Err(Refused::new("image", UNTAKEN)),
        Source::File(_) => {
            return Err(Refused::new(
                "file_id",
                "is a file that another provider has",
            ));
        }
    }
    Ok(())
}

impl Ids {
    fn of_call(&mut self, call: &Call<'_>) -> String {
        self.calls += 1;
        match call.id.as_ref().filter(|id| !id.is_empty()) {
            Some(id) => plain_id(&id.decode()).into_owned(),
            None => {
                let id = format!("toolu_{}", self.calls);
                self.open
                    .push((call.name.decode().into_owned(), id.clone()));
                id
            }
        }
    }

    /// The id of the call that a result answers: the first of its name without one, where the
    /// result names none.
    fn of_result(&mut self, result: &ToolResult<'_>) -> Result<String, Refused> {
        if let Some(id) = result.id.as_ref().filter(|id| !id.is_empty()) {
            return Ok(plain_id(&id.decode()).into_owned());
        }
        let name = result.name.as_ref().map(Text::decode);
        let mut open = self.open.iter();
        let at = open.position(|(called, _)| name.as_ref().is_none_or(|name| name == called));
        match at {
            Some(at) => Ok(self.open.remove(at).1),
            None => Err(Refused::new(
                "tool result",
                "answers no call of the conversation",
            )),
        }
    }
}

/// An id of letters, digits, `_` and `-`, as the API takes them; another becomes one that is as
/// unique.
fn plain_id(id: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match id.bytes().all(is_plain) {
        true => Cow::Borrowed(id),
        false => Cow::Owned(format!("toolu_{:016x}", hash::of(id.as_bytes()))),
    }
}

fn text_members(json: &mut Json, text: &Text<'_>) {
    json.key("type").str("text");
    member(json, "text", text);
}

/// Reports whether there is nothing but whitespace in a text: the API takes no such block.
pub(super) fn is_blank(text: &Text<'_>) -> bool {
    match text {
        // nearly all texts begin with something that can be seen
        Text::Literal([_, first, ..]) if first.is_ascii_graphic() && !b"\"\\".contains(first) => {
            false
        }
        Text::Literal(_) | Text::Plain(_) => text.decode().trim().is_empty(),
    }
}
