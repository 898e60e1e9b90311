//! Requests of `openai.responses`, read:
//! <https://platform.openai.com/docs/api-reference/responses/create>.

use super::{
    super::{
        form::{Effort, Extra, ExtraKind, Part, Request},
        loss::{Dropped, Refused},
        read::{boolean, elements, members, number, source, text},
        text::Text,
    },
    path::Path,
};
use crate::json::{Key, Kind, outlined::Cursor};

mod items;
mod parts;
mod tools;

/// The answer to what refers to something that the provider keeps.
const STATE: &str = "refers to what its provider keeps, and no other has";

/// Members that are carried as they are where the target has them.
const EXTRAS: [(&str, ExtraKind); 7] = [
    ("metadata", ExtraKind::Metadata),
    ("service_tier", ExtraKind::ServiceTier),
    ("prompt_cache_key", ExtraKind::CacheKey),
    ("max_tool_calls", ExtraKind::MaxToolCalls),
    ("stream_options", ExtraKind::StreamOptions),
    ("moderation", ExtraKind::Safety),
    ("truncation", ExtraKind::Truncation),
];

/// Members that refer to a state of the provider's.
const STATES: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Members of which nothing is lost but cost or taste, and that nobody else has.
const DROPPED: [&str; 4] = [
    "prompt_cache_retention",
    "prompt_cache_options",
    "context_management",
    "client_metadata",
];

/// Reads a request.
pub(super) fn read<'a>(doc: &'a [u8], dropped: &mut Dropped) -> Result<Request<'a>, Refused> {
    let mut reader = Reader {
        doc,
        dropped,
        request: Request::default(),
        instructions: None,
        has_input: false,
    };
    let mut cursor = Cursor::new(doc);
    if cursor.kind()? != Kind::Object {
        return Err(Refused::malformed("body", "is no object"));
    }
    members(&mut cursor, |key, cursor| reader.member(key, cursor))?;
    cursor.end()?;
    if !reader.has_input {
        return Err(Refused::malformed("input", "is missing"));
    }
    if let Some(text) = reader.instructions {
        let first = Part::Text { text, cache: None };
        reader.request.system.insert(0, first);
    }
    Ok(reader.request)
}

struct Reader<'a, 'd> {
    doc: &'a [u8],
    dropped: &'d mut Dropped,
    request: Request<'a>,
    instructions: Option<Text<'a>>,
    has_input: bool,
}

impl<'a> Reader<'a, '_> {
    fn member(&mut self, key: Key<'a>, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (doc, request) = (self.doc, &mut self.request);
        match &*key.bytes() {
            b"model" => request.model = Some(text(cursor, doc, "model")?),
            b"instructions" => self.instructions = Some(text(cursor, doc, "instructions")?),
            b"input" => self.input(cursor)?,
            b"stream" => request.stream = boolean(cursor, "stream")?,
            b"max_output_tokens" => {
                request.max_output = Some(number(cursor, doc, "max_output_tokens")?);
            }
            b"temperature" => request.temperature = Some(number(cursor, doc, "temperature")?),
            b"top_p" => request.top_p = Some(number(cursor, doc, "top_p")?),
            b"top_logprobs" => {
                let most = number(cursor, doc, "top_logprobs")?;
                if most != b"0" {
                    self.extra(ExtraKind::TopLogprobs, "top_logprobs", most);
                }
            }
            b"tools" => tools::read(cursor, doc, self.dropped, &mut request.tools)?,
            b"tool_choice" => request.choice = Some(tools::choice(cursor, doc)?),
            b"parallel_tool_calls" => {
                request.parallel = Some(boolean(cursor, "parallel_tool_calls")?);
            }
            b"text" => self.text(cursor)?,
            b"reasoning" => self.reasoning(cursor)?,
            b"user" => {
                let user = text(cursor, doc, "user")?;
                request.user.get_or_insert(user);
            }
            b"safety_identifier" => request.user = Some(text(cursor, doc, "safety_identifier")?),
            // Not to store is what every other dialect does.
            b"store" => {
                if boolean(cursor, "store")? {
                    self.extra(ExtraKind::Store, "store", b"true");
                }
            }
            b"background" => {
                if boolean(cursor, "background")? {
                    return Err(Refused::new(
                        "background",
                        "is a state of its provider's, and can't be carried to another",
                    ));
                }
            }
            b"include" => self.include(cursor)?,
            name => return self.rest(name, cursor),
        }
        Ok(())
    }

    fn rest(&mut self, name: &[u8], cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let is_it = |known: &&str| known.as_bytes() == name;
        if let Some((field, kind)) = EXTRAS.into_iter().find(|(known, _)| is_it(known)) {
            let value = source(cursor, self.doc)?;
            let is_default = kind == ExtraKind::Truncation
                && value.starts_with(b"\"")
                && Text::Literal(value).is("disabled");
            if !is_default {
                self.extra(kind, field, value);
            }
        } else if let Some(field) = STATES.into_iter().find(is_it) {
            return Err(Refused::new(field, STATE));
        } else if let Some(field) = DROPPED.into_iter().find(is_it) {
            self.dropped.add(field);
        } else {
            let name = String::from_utf8_lossy(name);
            let end = name.floor_char_boundary(64);
            return Err(Path::Top(name.get(..end).unwrap_or_default()).unknown());
        }
        Ok(())
    }

    /// Notes an extra; of a member that occurs twice, the last counts.
    fn extra(&mut self, kind: ExtraKind, field: &'static str, value: &'a [u8]) {
        self.request.extras.retain(|extra| extra.field != field);
        self.request.extras.push(Extra { kind, field, value });
    }

    /// Parts that the reply is to include. Encrypted reasoning is always asked for, where there may
    /// be some; the others are hosted tools' or repeat the request.
    fn include(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (doc, mut logprobs, mut others) = (self.doc, false, false);
        let list = cursor.at();
        if cursor.kind()? != Kind::Array {
            return Err(Refused::malformed("include", "is no list"));
        }
        elements(cursor, |index, cursor| {
            let path = Path::Top("include");
            let part = text(cursor, doc, path.element(index))?;
            match &*part.decode() {
                "reasoning.encrypted_content" => {}
                "message.output_text.logprobs" => logprobs = true,
                _ => others = true,
            }
            Ok(())
        })?;
        if logprobs {
            self.extra(ExtraKind::Logprobs, "include", b"true");
        } else if others {
            let list = doc.get(list..cursor.at()).unwrap_or_default();
            self.extra(ExtraKind::Include, "include", list.trim_ascii());
        }
        Ok(())
    }

    fn text(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let doc = self.doc;
        if cursor.kind()? != Kind::Object {
            return Err(Refused::malformed("text", "is no object"));
        }
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"format" => self.request.output = tools::output(cursor, doc)?,
                b"verbosity" => {
                    let value = source(cursor, doc)?;
                    self.extra(ExtraKind::Verbosity, "text.verbosity", value);
                }
                name => return Err(Path::Top("text").unknown_member(name)),
            }
            Ok(())
        })
    }

    fn reasoning(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (doc, top) = (self.doc, Path::Top("reasoning"));
        if cursor.kind()? != Kind::Object {
            return Err(top.malformed("is no object"));
        }
        members(cursor, |key, cursor| {
            let reasoning = &mut self.request.reasoning;
            match &*key.bytes() {
                b"effort" => {
                    let path = top.member("effort");
                    let name = text(cursor, doc, path)?;
                    let effort = Effort::named(&name.decode());
                    let effort = effort.filter(|effort| *effort != Effort::Adaptive);
                    reasoning.effort = Some(effort.ok_or_else(|| path.unknown())?);
                }
                b"summary" => {
                    reasoning.summary = Some(text(cursor, doc, top.member("summary"))?);
                    reasoning.shown = Some(true);
                }
                b"generate_summary" => {
                    let summary = text(cursor, doc, top.member("generate_summary"))?;
                    reasoning.summary.get_or_insert(summary);
                    reasoning.shown = Some(true);
                }
                b"context" => self.dropped.add("reasoning.context"),
                b"mode" => {
                    if !text(cursor, doc, top.member("mode"))?.is("standard") {
                        self.dropped.add("reasoning.mode");
                    }
                }
                name => return Err(top.unknown_member(name)),
            }
            Ok(())
        })
    }
}
