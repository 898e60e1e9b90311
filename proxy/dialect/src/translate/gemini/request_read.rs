//! The reader of `gemini.generate` requests: <https://ai.google.dev/api/generate-content>. Bodies
//! of `:countTokens` are read, too.
//!
//! Every member is carried, refused by its path, or noted. The API has no ids of calls, or apps
//! leave them out: the reader mints them, so that a result is matched with its call.

use super::{
    config,
    pair::pair,
    parts::{self, Parts},
    tools,
    walk::{At, array, decoded, kind, object, object_source, skip, source},
};
use crate::{
    json::{Kind, outlined::Cursor},
    translate::{
        form::{Extra, ExtraKind, Part, Request, Role, Turn},
        loss::{Dropped, Refused},
    },
};

/// A request under construction.
pub(super) struct Reader<'a, 'd> {
    pub(super) doc: &'a [u8],
    pub(super) dropped: &'d mut Dropped,
    pub(super) request: Request<'a>,
    has_contents: bool,
}

/// Reads a request.
pub(super) fn read<'a>(doc: &'a [u8], dropped: &mut Dropped) -> Result<Request<'a>, Refused> {
    let mut reader = Reader {
        doc,
        dropped,
        request: Request::default(),
        has_contents: false,
    };
    let mut cursor = Cursor::new(doc);
    if kind(&mut cursor, &At::Root)? != Kind::Object {
        return Err(At::Root.malformed("must be an object"));
    }
    reader.request(&mut cursor, &At::Root)?;
    cursor.end().map_err(|_| At::Root.malformed("is no JSON"))?;
    if !reader.has_contents {
        return Err(Refused::malformed("contents", "is missing"));
    }
    let mut request = reader.request;
    pair(&mut request);
    Ok(request)
}

impl<'a> Reader<'a, '_> {
    fn request(&mut self, cursor: &mut Cursor<'a>, at: &At<'_>) -> Result<(), Refused> {
        object(cursor, at, |key, cursor, at| match key {
            "contents" => self.contents(cursor, at),
            "systemInstruction" => self.system(cursor, at),
            "tools" => tools::read(self, cursor, at),
            "toolConfig" => tools::read_config(self, cursor, at),
            "generationConfig" => config::read(self, cursor, at),
            "safetySettings" => self.safety(cursor, at),
            "cachedContent" => self.extra(ExtraKind::State, "cachedContent", cursor, at),
            "labels" => self.extra(ExtraKind::Labels, "labels", cursor, at),
            "serviceTier" => self.extra(ExtraKind::ServiceTier, "serviceTier", cursor, at),
            "store" => self.extra(ExtraKind::Store, "store", cursor, at),
            "modelArmorConfig" => self.extra(ExtraKind::Safety, "modelArmorConfig", cursor, at),
            "model" => decoded(cursor, self.doc, at).map(drop), // the path's counts
            "generateContentRequest" => self.request(cursor, at),
            _ => Err(at.unknown()),
        })
    }

    /// Takes a member as it stands, for a target that has it.
    pub(super) fn extra(
        &mut self,
        kind: ExtraKind,
        field: &'static str,
        cursor: &mut Cursor<'a>,
        at: &At<'_>,
    ) -> Result<(), Refused> {
        let value = source(cursor, self.doc, at)?;
        self.request.extras.retain(|extra| extra.field != field);
        self.request.extras.push(Extra { kind, field, value });
        Ok(())
    }

    fn contents(&mut self, cursor: &mut Cursor<'a>, at: &At<'_>) -> Result<(), Refused> {
        self.request.turns.clear();
        match kind(cursor, at)? {
            Kind::Array => array(cursor, at, |cursor, at| self.content(cursor, at))?,
            Kind::Object | Kind::String => self.content(cursor, at)?,
            Kind::Number | Kind::Boolean | Kind::Null => {
                return Err(at.malformed("must be a list"));
            }
        }
        self.has_contents = true;
        match self.request.turns.is_empty() {
            true => Err(at.malformed("must not be empty")),
            false => Ok(()),
        }
    }

    /// Takes one turn. Streamed turns come back chunk by chunk, as SDKs keep them, so neighbours
    /// of the model's are one.
    fn content(&mut self, cursor: &mut Cursor<'a>, at: &At<'_>) -> Result<(), Refused> {
        let (mut role, mut parts) = (Role::User, Parts::default());
        if kind(cursor, at)? == Kind::Object {
            object(cursor, at, |key, cursor, at| match key {
                "role" => {
                    role = match &*decoded(cursor, self.doc, at)? {
                        "user" | "function" | "tool" | "" => Role::User,
                        "model" => Role::Assistant,
                        "system" => Role::System,
                        _ => return Err(at.refused("is no role of this API")),
                    };
                    Ok(())
                }
                "parts" => {
                    parts = Parts::default();
                    self.parts(cursor, at, &mut parts)
                }
                _ => Err(at.unknown()),
            })?;
        } else {
            parts::read(self, cursor, at, &mut parts)?;
        }
        match self.request.turns.last_mut() {
            _ if parts.0.is_empty() => {}
            Some(last) if role == Role::Assistant && last.role == role => {
                let mut all = Parts(std::mem::take(&mut last.parts));
                parts.0.into_iter().for_each(|part| all.push(part));
                last.parts = all.0;
            }
            _ => self.request.turns.push(Turn {
                role,
                parts: parts.0,
            }),
        }
        Ok(())
    }

    fn parts(
        &mut self,
        cursor: &mut Cursor<'a>,
        at: &At<'_>,
        parts: &mut Parts<'a>,
    ) -> Result<(), Refused> {
        match kind(cursor, at)? == Kind::Array {
            true => array(cursor, at, |cursor, at| {
                parts::read(self, cursor, at, parts)
            }),
            false => parts::read(self, cursor, at, parts),
        }
    }

    fn system(&mut self, cursor: &mut Cursor<'a>, at: &At<'_>) -> Result<(), Refused> {
        let mut parts = Parts::default();
        if kind(cursor, at)? == Kind::Object {
            let mut is_part = false; // in the place of a content
            let start = *cursor;
            object(cursor, at, |key, cursor, at| match key {
                "role" => skip(cursor, at),
                "parts" => {
                    parts = Parts::default();
                    self.parts(cursor, at, &mut parts)
                }
                _ => {
                    is_part = true;
                    skip(cursor, at)
                }
            })?;
            if is_part {
                parts = Parts::default();
                parts::read(self, &mut { start }, at, &mut parts)?;
            }
        } else {
            self.parts(cursor, at, &mut parts)?;
        }
        if !parts.0.iter().all(|part| matches!(part, Part::Text { .. })) {
            return Err(at.refused("may hold text only"));
        }
        self.request.system = parts.0;
        Ok(())
    }

    /// Settings that turn filters off need none elsewhere.
    fn safety(&mut self, cursor: &mut Cursor<'a>, at: &At<'_>) -> Result<(), Refused> {
        let start = *cursor;
        let (mut any, mut is_off) = (false, true);
        array(cursor, at, |cursor, at| {
            any = true;
            object(cursor, at, |key, cursor, at| {
                if key != "threshold" {
                    return skip(cursor, at);
                }
                let threshold = decoded(cursor, self.doc, at)?;
                is_off &= matches!(
                    &*threshold,
                    "OFF" | "BLOCK_NONE" | "HARM_BLOCK_THRESHOLD_UNSPECIFIED"
                );
                Ok(())
            })
        })?;
        self.request
            .extras
            .retain(|extra| extra.kind != ExtraKind::Safety);
        match (any, is_off) {
            (false, _) => Ok(()),
            (true, true) => {
                self.dropped.add("safetySettings");
                Ok(())
            }
            (true, false) => self.extra(ExtraKind::Safety, "safetySettings", &mut { start }, at),
        }
    }

    /// Takes a value that has no place elsewhere and changes no meaning.
    pub(super) fn drop_member(
        &mut self,
        field: &'static str,
        cursor: &mut Cursor<'a>,
        at: &At<'_>,
    ) -> Result<(), Refused> {
        self.dropped.add(field);
        skip(cursor, at)
    }

    /// Takes a schema, or its absence.
    pub(super) fn schema(
        &mut self,
        cursor: &mut Cursor<'a>,
        at: &At<'_>,
    ) -> Result<&'a [u8], Refused> {
        object_source(cursor, self.doc, at)
    }
}
