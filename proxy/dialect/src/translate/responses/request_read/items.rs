//! The items of `input`.
//!
//! One turn of the model is several items here, and one elsewhere: neighbouring items of its own
//! become one turn, and so do the results of its calls.

use super::{
    super::{
        super::{
            form::{Arguments, Call, Part, Role, ToolResult, Turn},
            loss::Refused,
            opaque::{Opaque, OpaqueKind},
            read::{elements, members, text},
            text::Text,
        },
        HOSTED_ITEMS, SEPARATOR,
        path::Path,
    },
    Reader, STATE, parts,
};
use crate::json::{Kind, outlined::Cursor};

const HOSTED: &str = "is of a tool that its provider runs or defines, and no other has";

/// Items that stand for something that the provider keeps.
const KEPT: [&str; 4] = [
    "item_reference",
    "compaction",
    "compaction_trigger",
    "context_compaction",
];

impl<'a> Reader<'a, '_> {
    pub(super) fn input(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (doc, top) = (self.doc, Path::Top("input"));
        self.has_input = true;
        self.request.turns.clear();
        self.request.system.clear();
        match cursor.kind()? {
            Kind::String => {
                let text = text(cursor, doc, top)?;
                self.turn(Role::User, vec![Part::Text { text, cache: None }]);
                Ok(())
            }
            Kind::Array => elements(cursor, |index, cursor| {
                self.item(cursor, top.element(index))
            }),
            Kind::Object | Kind::Number | Kind::Boolean | Kind::Null => {
                Err(top.malformed("is neither a string nor a list of items"))
            }
        }
    }

    fn turn(&mut self, role: Role, parts: Vec<Part<'a>>) {
        self.request.turns.push(Turn { role, parts });
    }

    /// Adds to the model's turn, which begins with that.
    fn assistant(&mut self, parts: impl IntoIterator<Item = Part<'a>>) {
        match self.request.turns.last_mut() {
            Some(turn) if turn.role == Role::Assistant => turn.parts.extend(parts),
            _ => self.turn(Role::Assistant, parts.into_iter().collect()),
        }
    }

    fn item(&mut self, cursor: &mut Cursor<'a>, path: Path<'_>) -> Result<(), Refused> {
        let (doc, mut kind, mut role, mut ahead) = (self.doc, None, None, *cursor);
        if cursor.kind()? != Kind::Object {
            return Err(path.malformed("is no object"));
        }
        members(&mut ahead, |key, cursor| {
            match &*key.bytes() {
                b"type" => kind = Some(text(cursor, doc, path.member("type"))?),
                b"role" => role = Some(text(cursor, doc, path.member("role"))?),
                _ => {}
            }
            Ok(())
        })?;
        let kind = kind.as_ref().map(Text::decode);
        match kind.as_deref() {
            None if role.is_none() => Err(path.member("type").malformed("is missing")),
            Some("message") | None => {
                let place = path.member("role");
                let role = match &*place.required(role)?.decode() {
                    "user" => Role::User,
                    "assistant" => Role::Assistant,
                    "system" | "developer" => Role::System,
                    _ => {
                        return Err(
                            place.malformed("is none of user, assistant, system and developer")
                        );
                    }
                };
                self.message(cursor, path, role)
            }
            Some("function_call") => self.call(cursor, path),
            Some("function_call_output") => self.result(cursor, path),
            Some("reasoning") => self.thought(cursor, path),
            Some(other) => {
                let same = |known: &&str| *known == other;
                if let Some(name) = KEPT.into_iter().find(|known| same(known)) {
                    return Err(path.refused(name, STATE));
                }
                match HOSTED_ITEMS.into_iter().find(|known| same(known)) {
                    Some(name) => Err(path.refused(name, HOSTED)),
                    None => Err(path.member("type").unknown()),
                }
            }
        }
    }

    fn message(
        &mut self,
        cursor: &mut Cursor<'a>,
        path: Path<'_>,
        role: Role,
    ) -> Result<(), Refused> {
        let (doc, mut content) = (self.doc, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" | b"role" | b"id" | b"status" => {}
                b"content" => content = Some(parts::content(cursor, doc, path.member("content"))?),
                b"phase" => self.dropped.add("phase"),
                other => return Err(path.unknown_member(other)),
            }
            Ok(())
        })?;
        let content = path.member("content").required(content)?;
        match role {
            Role::Assistant => self.assistant(content),
            Role::User => self.turn(Role::User, content),
            Role::System => {
                if !content.iter().all(|part| matches!(part, Part::Text { .. })) {
                    return Err(Refused::new(
                        path.member("content").to_string(),
                        "has more than texts, which instructions have nowhere else",
                    ));
                }
                match self.request.turns.is_empty() {
                    true => self.request.system.extend(content),
                    false => self.turn(Role::System, content),
                }
            }
        }
        Ok(())
    }

    fn call(&mut self, cursor: &mut Cursor<'a>, path: Path<'_>) -> Result<(), Refused> {
        let (doc, mut id, mut name, mut arguments) = (self.doc, None, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" | b"id" | b"status" => {}
                b"call_id" => id = Some(text(cursor, doc, path.member("call_id"))?),
                b"name" => name = Some(text(cursor, doc, path.member("name"))?),
                b"arguments" => arguments = Some(text(cursor, doc, path.member("arguments"))?),
                b"caller" => direct(cursor, doc, path)?,
                b"namespace" => return Err(path.refused("namespace", HOSTED)),
                other => return Err(path.unknown_member(other)),
            }
            Ok(())
        })?;
        let call = Call {
            id: Some(path.member("call_id").required(id)?),
            name: path.member("name").required(name)?,
            arguments: Arguments::Source(arguments.unwrap_or_else(|| Text::plain(""))),
            cache: None,
        };
        self.assistant([Part::Call(call)]);
        Ok(())
    }

    fn result(&mut self, cursor: &mut Cursor<'a>, path: Path<'_>) -> Result<(), Refused> {
        let (doc, mut id, mut name, mut output) = (self.doc, None, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" | b"id" | b"status" => {}
                b"call_id" => id = Some(text(cursor, doc, path.member("call_id"))?),
                b"name" => name = Some(text(cursor, doc, path.member("name"))?),
                b"output" => output = Some(parts::content(cursor, doc, path.member("output"))?),
                b"caller" => direct(cursor, doc, path)?,
                b"namespace" => return Err(path.refused("namespace", HOSTED)),
                other => return Err(path.unknown_member(other)),
            }
            Ok(())
        })?;
        let result = Part::Result(ToolResult {
            id: Some(path.member("call_id").required(id)?),
            name,
            content: path.member("output").required(output)?,
            value: None,
            is_error: false,
            cache: None,
        });
        let is_result = |part: &Part<'_>| matches!(part, Part::Result(_));
        match self.request.turns.last_mut() {
            Some(turn) if turn.role == Role::User && turn.parts.iter().all(is_result) => {
                turn.parts.push(result);
            }
            _ => self.turn(Role::User, vec![result]),
        }
        Ok(())
    }

    /// Reasoning, with its summary as what can be read of it, or else its own text.
    fn thought(&mut self, cursor: &mut Cursor<'a>, path: Path<'_>) -> Result<(), Refused> {
        let (doc, mut summary, mut content, mut opaque) = (self.doc, None, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" | b"id" | b"status" => {}
                b"summary" => summary = thoughts(cursor, doc, path.member("summary"))?,
                b"content" => content = thoughts(cursor, doc, path.member("content"))?,
                b"encrypted_content" => {
                    let text = text(cursor, doc, path.member("encrypted_content"))?;
                    opaque = Some(text).filter(|text| !text.is_empty());
                }
                other => return Err(path.unknown_member(other)),
            }
            Ok(())
        })?;
        let text = summary.or(content);
        let opaque = opaque.map(|text| Opaque::read(OpaqueKind::Encrypted, text));
        match text.is_some() || opaque.is_some() {
            true => self.assistant([Part::Reasoning { text, opaque }]),
            // a reference to reasoning that its provider keeps
            false => self.dropped.add("reasoning"),
        }
        Ok(())
    }
}

/// Refuses a call that a program of the provider's made.
fn direct<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8], path: Path<'_>) -> Result<(), Refused> {
    let (place, mut is_direct) = (path.member("caller"), false);
    if cursor.kind()? != Kind::Object {
        return Err(place.malformed("is no object"));
    }
    members(cursor, |key, cursor| {
        if key.is("type") {
            is_direct = text(cursor, doc, place.member("type"))?.is("direct");
        }
        Ok(())
    })?;
    match is_direct {
        true => Ok(()),
        false => Err(path.refused("caller", HOSTED)),
    }
}

/// The texts of reasoning, joined; `None` where there are none.
fn thoughts<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    path: Path<'_>,
) -> Result<Option<Text<'a>>, Refused> {
    if cursor.kind()? != Kind::Array {
        return Err(path.malformed("is no list"));
    }
    let mut joined: Option<Text<'a>> = None;
    elements(cursor, |index, cursor| {
        let path = path.element(index);
        if cursor.kind()? != Kind::Object {
            return Err(path.malformed("is no object"));
        }
        let mut said = None;
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => match &*text(cursor, doc, path.member("type"))?.decode() {
                    "summary_text" | "reasoning_text" | "text" => {}
                    _ => return Err(path.member("type").unknown()),
                },
                b"text" => said = Some(text(cursor, doc, path.member("text"))?),
                other => return Err(path.unknown_member(other)),
            }
            Ok(())
        })?;
        let said = path.member("text").required(said)?;
        joined = Some(match joined.take() {
            None => said,
            Some(before) => {
                let both = [&*before.decode(), &*said.decode()].join(SEPARATOR);
                Text::plain(both)
            }
        });
        Ok(())
    })?;
    Ok(joined.filter(|text| !text.is_empty()))
}
