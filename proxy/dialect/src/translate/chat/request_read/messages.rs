//! Messages of a request.

use super::{
    super::super::{
        form::{Cache, Part, Role, ToolResult, Turn},
        loss::Refused,
        read::{elements, members, text},
        text::Text,
    },
    Reader,
    calls::{call, called},
    parts::{cache_mark, part},
    reasoning::{details_of, restore_reasoning},
    unknown,
};
use crate::json::{Kind, outlined::Cursor};

/// The members of a message, in whatever order they came.
#[derive(Default)]
struct Message<'a> {
    role: Option<Text<'a>>,
    content: Option<Cursor<'a>>,
    refusal: Option<Text<'a>>,
    reasoning: Option<Text<'a>>,
    details: Option<Cursor<'a>>,
    calls: Option<Cursor<'a>>,
    function: Option<Cursor<'a>>,
    id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    cache: Option<Cache>,
}

impl<'a> Reader<'a, '_> {
    pub(super) fn message(&mut self, index: usize, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let doc = self.doc;
        let mut message = Message::default();
        members(cursor, |key, cursor| {
            let here = *cursor;
            let at = || format!("messages[{index}]");
            match &*key.bytes() {
                b"role" => message.role = Some(text(cursor, doc, format_args!("{}.role", at()))?),
                b"content" => message.content = Some(here),
                b"refusal" => message.refusal = Text::read_or_skip(cursor, doc)?,
                b"reasoning_content" | b"reasoning" => {
                    message.reasoning = Text::read_or_skip(cursor, doc)?;
                }
                b"reasoning_details" | b"thinking_blocks" => message.details = Some(here),
                b"tool_calls" => message.calls = Some(here),
                b"function_call" => message.function = Some(here),
                b"tool_call_id" => message.id = Text::read_or_skip(cursor, doc)?,
                b"name" => message.name = Text::read_or_skip(cursor, doc)?,
                b"cache_control" => message.cache = Some(cache_mark(cursor, doc)?),
                b"annotations" => self.dropped.add("annotations"),
                b"audio" => {
                    return Err(Refused::new(
                        format!("{}.audio", at()),
                        "is sound that its provider keeps",
                    ));
                }
                name => return Err(unknown(&at(), name)),
            }
            Ok(())
        })?;
        let Some(role) = message.role.take() else {
            let at = format!("messages[{index}].role");
            return Err(Refused::malformed(at, "is missing"));
        };
        match &*role.decode() {
            "system" | "developer" => self.system(index, message),
            "user" => {
                if message.name.is_some() {
                    self.dropped.add("name");
                }
                let parts = self.content(index, &message)?;
                self.turn(Role::User, parts);
                Ok(())
            }
            "assistant" => self.assistant(index, message),
            "tool" | "function" => self.result(index, message),
            _ => Err(Refused::malformed(
                format!("messages[{index}].role"),
                "is none of system, developer, user, assistant and tool",
            )),
        }
    }

    fn turn(&mut self, role: Role, parts: Vec<Part<'a>>) {
        self.request.turns.push(Turn { role, parts });
    }

    fn system(&mut self, index: usize, message: Message<'a>) -> Result<(), Refused> {
        let parts = self.content(index, &message)?;
        match self.request.turns.is_empty() {
            true => self.request.system.extend(parts),
            false => self.turn(Role::System, parts),
        }
        Ok(())
    }

    fn assistant(&mut self, index: usize, message: Message<'a>) -> Result<(), Refused> {
        let doc = self.doc;
        if message.name.is_some() {
            self.dropped.add("name");
        }
        let mut parts = Vec::new();
        let details = message.details.map(|details| details_of(details, doc));
        let details = details.transpose()?.unwrap_or_default();
        restore_reasoning(message.reasoning.as_ref(), details, &mut parts);
        parts.extend(self.content(index, &message)?);
        parts.extend(message.refusal.map(Part::Refusal));
        if let Some(mut calls) = message.calls {
            elements(&mut calls, |number, cursor| {
                let at = format!("messages[{index}].tool_calls[{number}]");
                parts.push(Part::Call(call(cursor, doc, &at)?));
                Ok(())
            })?;
        }
        if let Some(mut function) = message.function {
            let at = format!("messages[{index}].function_call");
            parts.push(Part::Call(called(&mut function, doc, &at)?));
        }
        self.turn(Role::Assistant, parts);
        Ok(())
    }

    fn result(&mut self, index: usize, message: Message<'a>) -> Result<(), Refused> {
        let content = self.content(index, &message)?;
        if message.id.is_none() && message.name.is_none() {
            let at = format!("messages[{index}].tool_call_id");
            return Err(Refused::malformed(at, "is missing"));
        }
        let result = Part::Result(ToolResult {
            id: message.id,
            name: message.name,
            content,
            value: None,
            is_error: false,
            cache: message.cache,
        });
        // All results of a turn are one turn's.
        match self.request.turns.last_mut() {
            Some(turn)
                if turn.role == Role::User
                    && turn
                        .parts
                        .iter()
                        .all(|part| matches!(part, Part::Result(_))) =>
            {
                turn.parts.push(result);
            }
            _ => self.turn(Role::User, vec![result]),
        }
        Ok(())
    }

    /// The content of a message: a string, parts, or one part alone.
    fn content(&mut self, index: usize, message: &Message<'a>) -> Result<Vec<Part<'a>>, Refused> {
        let Some(mut cursor) = message.content else {
            return Ok(Vec::new());
        };
        let (doc, mut parts) = (self.doc, Vec::new());
        match cursor.kind()? {
            Kind::String => parts.push(Part::Text {
                text: Text::read(&mut cursor, doc)?,
                cache: message.cache,
            }),
            Kind::Array => elements(&mut cursor, |number, cursor| {
                let at = || format!("messages[{index}].content[{number}]");
                part(cursor, doc, &at, &mut parts)
            })?,
            Kind::Object => {
                let at = || format!("messages[{index}].content");
                part(&mut cursor, doc, &at, &mut parts)?;
            }
            Kind::Number | Kind::Boolean | Kind::Null => {
                return Err(Refused::malformed(
                    format!("messages[{index}].content"),
                    "is neither a string nor a list of parts",
                ));
            }
        }
        Ok(parts)
    }
}
