//! Messages and their blocks.

use super::{
    super::super::{
        form::{Call, Part, ToolResult},
        loss::Refused,
        opaque::OpaqueKind,
        text::Text,
    },
    Writer, check_name,
    conversation::{Conversation, Message, is_said},
    open,
};
use crate::json::{Kind, outlined::Cursor};

impl Writer<'_, '_> {
    pub(super) fn system(&mut self, conversation: &Conversation<'_, '_>) {
        if conversation.system.is_empty() {
            return;
        }
        open(&mut self.json, "system", b'[');
        for part in &conversation.system {
            if let Part::Text { text, cache } = part {
                self.text(text);
                self.mark(*cache);
            }
        }
        self.json.0.push(b']');
    }

    pub(super) fn messages(&mut self, conversation: &Conversation<'_, '_>) -> Result<(), Refused> {
        let last = conversation.messages.len().saturating_sub(1);
        open(&mut self.json, "messages", b'[');
        for (index, message) in conversation.messages.iter().enumerate() {
            let role = match message.is_assistant {
                true => "assistant",
                false => "user",
            };
            open(&mut self.json, "", b'{');
            self.json.key("role").str(role);
            open(&mut self.json, "content", b'[');
            self.message(message, index == last)?;
            self.json.0.extend_from_slice(b"]}");
        }
        self.json.0.push(b']');
        Ok(())
    }

    fn message(&mut self, message: &Message<'_, '_>, is_last: bool) -> Result<(), Refused> {
        for result in &message.results {
            self.result(result)?;
        }
        let end = message.parts.len().saturating_sub(1);
        for (index, part) in message.parts.iter().enumerate() {
            match part {
                // A text to go on with must not end in whitespace.
                Part::Text { text, .. } | Part::Refusal(text)
                    if is_last && message.is_assistant && index == end =>
                {
                    let text = text.decode();
                    self.text(&Text::plain(text.trim_end()));
                }
                Part::Text { text, cache } => {
                    self.text(text);
                    self.mark(*cache);
                }
                Part::Refusal(text) => self.text(text),
                Part::Media(_) if message.is_assistant => {
                    return Err(Refused::new(
                        "messages",
                        "have media of the model's own, which the target's dialect does not take",
                    ));
                }
                Part::Media(media) => {
                    self.media(media)?;
                    self.mark(media.cache);
                }
                Part::Call(call) => self.call(call)?,
                Part::Reasoning { text, opaque } => {
                    let opaque = opaque.as_ref();
                    let home =
                        |kind| opaque.and_then(|opaque| opaque.at_home(self.target.origin, kind));
                    let signature = home(OpaqueKind::Signature).cloned();
                    let redacted = home(OpaqueKind::Redacted).cloned();
                    self.thought(text.as_ref(), signature.as_ref(), redacted.as_ref());
                }
                Part::Result(_) => {} // those of a message are written before
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &Text<'_>) {
        self.json.object(|json| _ = json.key("text").text(text));
    }

    fn thought(
        &mut self,
        text: Option<&Text<'_>>,
        signature: Option<&Text<'_>>,
        redacted: Option<&Text<'_>>,
    ) {
        self.json.object(|json| {
            json.key("reasoningContent").object(|json| {
                if let Some(data) = redacted {
                    json.key("redactedContent").text(data);
                } else if let Some(signature) = signature {
                    json.key("reasoningText").object(|json| {
                        let nothing = Text::plain("");
                        json.key("text").text(text.unwrap_or(&nothing));
                        json.key("signature").text(signature);
                    });
                }
            });
        });
    }

    fn call(&mut self, call: &Call<'_>) -> Result<(), Refused> {
        check_name(&call.name)?;
        let (id, input) = (self.ids.of_call(call), call.arguments.object()?);
        self.json.object(|json| {
            json.key("toolUse").object(|json| {
                json.key("toolUseId").str(&id);
                json.key("name").text(&call.name);
                json.key("input").source(&input);
            });
        });
        self.mark(call.cache);
        Ok(())
    }

    fn result(&mut self, result: &ToolResult<'_>) -> Result<(), Refused> {
        let id = self.ids.of_result(result)?;
        open(&mut self.json, "", b'{');
        open(&mut self.json, "toolResult", b'{');
        self.json.key("toolUseId").str(&id);
        open(&mut self.json, "content", b'[');
        let said = result.content.iter().filter(|part| is_said(part));
        match result.value {
            Some(value) => self.value(value),
            // Content is required, and a text that is empty is refused.
            None if said.clone().next().is_none() => _ = self.json.source(r#"{"json":{}}"#),
            None => {
                for part in said {
                    self.result_part(part)?;
                }
            }
        }
        self.json.0.push(b']');
        match result.is_error {
            true if self.family.takes_status() => _ = self.json.key("status").str("error"),
            true => self.dropped.add("is_error"),
            false => {}
        }
        self.json.0.extend_from_slice(b"}}");
        self.mark(result.cache);
        Ok(())
    }

    /// A result that is a value: JSON where that is an object, as the API wants it, else its text.
    fn value(&mut self, value: &[u8]) {
        let value = value.trim_ascii();
        self.json.object(|json| match Cursor::new(value).kind() {
            Ok(Kind::Object) => _ = json.key("json").source(value),
            _ => _ = json.key("text").str(&String::from_utf8_lossy(value)),
        });
    }

    fn result_part(&mut self, part: &Part<'_>) -> Result<(), Refused> {
        match part {
            Part::Text { text, cache } => {
                self.text(text);
                if cache.is_some() {
                    self.dropped.add("cache_control");
                }
            }
            Part::Refusal(text) => self.text(text),
            Part::Media(media) => {
                self.media(media)?;
                if media.cache.is_some() {
                    self.dropped.add("cache_control");
                }
            }
            Part::Call(_) | Part::Result(_) | Part::Reasoning { .. } => {
                return Err(Refused::malformed(
                    "tool result",
                    "has content that is neither text nor a medium",
                ));
            }
        }
        Ok(())
    }
}
