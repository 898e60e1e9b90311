//! Requests of `anthropic.messages`, read: <https://platform.claude.com/docs/en/api/messages/create>.
//! Those that only count tokens are the same without `max_tokens`.

use super::super::{
    form::{Cache, Effort, Extra, ExtraKind, Part, Request, Role, Turn},
    loss::{Dropped, Refused},
    read::{boolean, elements, members, number, source, text},
    text::Text,
};
use crate::json::{Key, Kind, outlined::Cursor};
use blocks::Within;
use place::Place;

mod blocks;
mod media;
mod options;
mod place;

const UNKNOWN: &str = "is not known here, and can't be carried to another dialect";
const HOSTED: &str = "is a tool of the provider's own, and can't be carried to another";
const NO_STRING: &str = "is no string";
const NO_LIST: &str = "is no list";
const NO_OBJECT: &str = "is no object";

/// Members that change cost or taste, and that no other dialect has.
const DROPPED: [&str; 4] = [
    "diagnostics",
    "fallbacks",
    "fallback_credit_token",
    "user_profile_id",
];

/// Reads a request.
pub(super) fn read<'a>(doc: &'a [u8], dropped: &mut Dropped) -> Result<Request<'a>, Refused> {
    let mut reader = Reader {
        doc,
        dropped,
        request: Request::default(),
        has_messages: false,
        cache: None,
        thinking: None,
        effort: None,
    };
    let mut cursor = Cursor::new(doc);
    if cursor.kind()? != Kind::Object {
        return Err(Refused::malformed("body", NO_OBJECT));
    }
    members(&mut cursor, |key, cursor| reader.member(key, cursor))?;
    cursor.end()?;
    match reader.has_messages {
        true => Ok(reader.finish()),
        false => Err(Refused::malformed("messages", "is missing")),
    }
}

struct Reader<'a, 'd> {
    doc: &'a [u8],
    dropped: &'d mut Dropped,
    request: Request<'a>,
    has_messages: bool,
    /// The mark that is put behind the last block.
    cache: Option<Cache>,
    /// The value of `thinking`.
    thinking: Option<Effort>,
    /// The value of `output_config`.
    effort: Option<Effort>,
}

impl<'a> Reader<'a, '_> {
    fn member(&mut self, key: Key<'a>, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let doc = self.doc;
        match &*key.bytes() {
            b"model" => self.request.model = Some(text(cursor, doc, "model")?),
            b"messages" => self.messages(cursor)?,
            b"system" => self.system(cursor)?,
            b"max_tokens" => self.request.max_output = Some(number(cursor, doc, "max_tokens")?),
            b"stream" => self.request.stream = boolean(cursor, "stream")?,
            b"temperature" => self.request.temperature = Some(number(cursor, doc, "temperature")?),
            b"top_p" => self.request.top_p = Some(number(cursor, doc, "top_p")?),
            b"top_k" => self.request.top_k = Some(number(cursor, doc, "top_k")?),
            b"stop_sequences" => self.stop(cursor)?,
            b"metadata" => self.metadata(cursor)?,
            b"tools" => self.tools(cursor)?,
            b"tool_choice" => self.choice(cursor)?,
            b"thinking" => self.thinking(cursor)?,
            b"output_config" => self.output_config(cursor)?,
            b"output_format" => self.output(cursor, Place::root("output_format"))?,
            b"cache_control" => {
                self.cache = Some(blocks::cache_mark(
                    cursor,
                    doc,
                    Place::root("cache_control"),
                )?);
            }
            b"service_tier" => self.service_tier(cursor)?,
            b"speed" => {
                if !text(cursor, doc, "speed")?.is("standard") {
                    self.dropped.add("speed");
                }
            }
            b"inference_geo" => {
                let place = source(cursor, doc)?;
                self.extra(ExtraKind::InferenceGeo, "inference_geo", place);
            }
            b"betas" => {
                let betas = source(cursor, doc)?;
                self.extra(ExtraKind::Betas, "betas", betas);
            }
            b"anthropic_beta" => {
                let betas = source(cursor, doc)?;
                self.extra(ExtraKind::Betas, "anthropic_beta", betas);
            }
            b"anthropic_version" => {} // of bodies for Bedrock and Vertex AI
            b"mcp_servers" => {
                if !is_empty_list(cursor) {
                    let servers = source(cursor, doc)?;
                    self.extra(ExtraKind::HostedTool, "mcp_servers", servers);
                }
            }
            b"container" => {
                let container = source(cursor, doc)?;
                self.extra(ExtraKind::State, "container", container);
            }
            b"context_management" => self.context_management(cursor)?,
            name => match DROPPED.into_iter().find(|field| key.is(field)) {
                Some(field) => self.dropped.add(field),
                None => return Err(Refused::new(String::from_utf8_lossy(name), UNKNOWN)),
            },
        }
        Ok(())
    }

    fn extra(&mut self, kind: ExtraKind, field: &'static str, value: &'a [u8]) {
        self.request.extras.retain(|extra| extra.field != field);
        self.request.extras.push(Extra { kind, field, value });
    }

    fn messages(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("messages");
        place.expect(cursor, Kind::Array, NO_LIST)?;
        if std::mem::replace(&mut self.has_messages, true) {
            self.request.turns.clear();
        }
        elements(cursor, |index, cursor| {
            self.message(cursor, place.element(index))
        })
    }

    fn message(&mut self, cursor: &mut Cursor<'a>, place: Place<'_>) -> Result<(), Refused> {
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let (doc, mut role, mut content) = (self.doc, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"role" => role = Some(text(cursor, doc, place.member("role"))?),
                b"content" => content = Some(*cursor),
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        let role = role.ok_or_else(|| place.member("role").malformed("is missing"))?;
        let (role, within) = match &*role.decode() {
            "user" => (Role::User, Within::User),
            "assistant" => (Role::Assistant, Within::Assistant),
            "system" => (Role::System, Within::System),
            _ => {
                let why = "is none of user, assistant and system";
                return Err(place.member("role").malformed(why));
            }
        };
        let place = place.member("content");
        let mut content = content.ok_or_else(|| place.malformed("is missing"))?;
        let parts = self.content(&mut content, place, within)?;
        self.request.turns.push(Turn { role, parts });
        Ok(())
    }

    fn system(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        self.request.system = self.content(cursor, Place::root("system"), Within::System)?;
        Ok(())
    }

    fn stop(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("stop_sequences");
        place.expect(cursor, Kind::Array, NO_LIST)?;
        let (doc, stop) = (self.doc, &mut self.request.stop);
        stop.clear();
        elements(cursor, |index, cursor| {
            stop.push(text(cursor, doc, place.element(index))?);
            Ok(())
        })
    }

    fn metadata(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("metadata");
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"user_id" => {
                    self.request.user = Some(text(cursor, self.doc, place.member("user_id"))?);
                }
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })
    }

    /// `auto` says the same in all dialects; the other is OpenAI's `default`.
    fn service_tier(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let tier = text(cursor, self.doc, "service_tier")?;
        let value: &[u8] = match &*tier.decode() {
            "auto" => b"\"auto\"",
            "standard_only" => b"\"default\"",
            _ => {
                let why = "is neither auto nor standard_only";
                return Err(Refused::malformed("service_tier", why));
            }
        };
        self.extra(ExtraKind::ServiceTier, "service_tier", value);
        Ok(())
    }

    /// Edits of the conversation at the provider. To clear old thinking is what every other
    /// provider does anyway, and Claude Code always wants it; all others change what the model sees.
    fn context_management(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("context_management");
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let doc = self.doc;
        members(cursor, |key, cursor| {
            let edits = place.member("edits");
            if !key.is("edits") {
                return Err(place.unknown(&key.bytes()));
            }
            edits.expect(cursor, Kind::Array, NO_LIST)?;
            elements(cursor, |index, cursor| {
                let edit = edits.element(index);
                edit.expect(cursor, Kind::Object, NO_OBJECT)?;
                let mut is_known = false;
                members(cursor, |key, cursor| {
                    if key.is("type") {
                        let kind = text(cursor, doc, edit.member("type"))?;
                        is_known = kind.decode().starts_with("clear_thinking_");
                    }
                    Ok(())
                })?;
                match is_known {
                    true => self.dropped.add("context_management"),
                    false => return Err(edit.member("type").refused(UNKNOWN)),
                }
                Ok(())
            })
        })
    }

    /// Puts together what two members say.
    fn finish(mut self) -> Request<'a> {
        self.request.reasoning.effort = match (self.thinking, self.effort) {
            (Some(Effort::None), _) => Some(Effort::None),
            (thinking, effort) => effort.or(thinking),
        };
        if let Some(mark) = self.cache {
            self.mark_last(mark);
        }
        self.lead();
        self.request
    }

    /// Puts the mark behind the last block that can have one, as `cache_control` of a request does.
    fn mark_last(&mut self, mark: Cache) {
        let parts = self
            .request
            .turns
            .iter_mut()
            .flat_map(|turn| &mut turn.parts);
        let mut marks = parts.rev().filter_map(|part| match part {
            Part::Text { cache, .. } => Some(cache),
            Part::Media(media) => Some(&mut media.cache),
            Part::Call(call) => Some(&mut call.cache),
            Part::Result(result) => Some(&mut result.cache),
            Part::Reasoning { .. } | Part::Refusal(_) => None,
        });
        if let Some(cache) = marks.next() {
            cache.get_or_insert(mark);
        }
    }

    /// Instructions at the conversation's beginning stand before it.
    fn lead(&mut self) {
        let turns = &mut self.request.turns;
        let leading = turns.iter().take_while(|turn| turn.role == Role::System);
        for turn in turns.drain(..leading.count()).collect::<Vec<_>>() {
            self.request.system.extend(turn.parts);
        }
    }
}

fn is_empty_list(cursor: &Cursor<'_>) -> bool {
    let mut is_empty = true;
    let read = cursor.clone().array(|_, _| {
        is_empty = false;
        Ok(())
    });
    read.is_ok() && is_empty
}

/// Takes a string at a place.
fn text_at<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    place: Place<'_>,
) -> Result<Text<'a>, Refused> {
    place.expect(cursor, Kind::String, NO_STRING)?;
    text(cursor, doc, place)
}
