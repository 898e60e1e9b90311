//! Tools, their choice, thinking, and the form of the text.

use super::{
    super::super::{
        form::{Choice, Effort, Output, Tool},
        loss::Refused,
        read::{boolean, elements, members, source},
        text::Text,
    },
    HOSTED, NO_LIST, NO_OBJECT, Place, Reader, UNKNOWN,
    blocks::cache_mark,
    text_at,
};
use crate::json::{Kind, outlined::Cursor};

impl<'a> Reader<'a, '_> {
    pub(super) fn tools(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("tools");
        place.expect(cursor, Kind::Array, NO_LIST)?;
        self.request.tools.clear();
        elements(cursor, |index, cursor| {
            let tool = self.tool(cursor, place.element(index))?;
            self.request.tools.push(tool);
            Ok(())
        })
    }

    fn tool(&mut self, cursor: &mut Cursor<'a>, place: Place<'_>) -> Result<Tool<'a>, Refused> {
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let doc = self.doc;
        // A tool of the provider's has members of its own: its type is looked at first.
        members(&mut { *cursor }, |key, cursor| {
            if key.is("type") && !text_at(cursor, doc, place.member("type"))?.is("custom") {
                return Err(place.member("type").refused(HOSTED));
            }
            Ok(())
        })?;
        let (mut called, mut description, mut parameters) = (None, None, None);
        let (mut strict, mut cache) = (None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => {}
                b"name" => called = Some(text_at(cursor, doc, place.member("name"))?),
                b"description" => {
                    description = Some(text_at(cursor, doc, place.member("description"))?);
                }
                b"input_schema" => {
                    let place = place.member("input_schema");
                    place.expect(cursor, Kind::Object, NO_OBJECT)?;
                    parameters = Some(source(cursor, doc)?);
                }
                b"strict" => strict = Some(boolean(cursor, place.member("strict"))?),
                b"cache_control" => {
                    cache = Some(cache_mark(cursor, doc, place.member("cache_control"))?);
                }
                b"defer_loading" => {
                    if boolean(cursor, place.member("defer_loading"))? {
                        self.dropped.add("defer_loading");
                    }
                }
                b"eager_input_streaming" => self.dropped.add("eager_input_streaming"),
                b"input_examples" => self.dropped.add("input_examples"),
                b"allowed_callers" => callers(cursor, doc, place.member("allowed_callers"))?,
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        Ok(Tool {
            name: called.ok_or_else(|| place.member("name").malformed("is missing"))?,
            description,
            parameters,
            strict,
            cache,
        })
    }

    pub(super) fn choice(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("tool_choice");
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let (doc, mut kind, mut called) = (self.doc, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => kind = Some(text_at(cursor, doc, place.member("type"))?),
                b"name" => called = Some(text_at(cursor, doc, place.member("name"))?),
                b"disable_parallel_tool_use" => {
                    let place = place.member("disable_parallel_tool_use");
                    self.request.parallel = Some(!boolean(cursor, place)?);
                }
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        let kind = kind.ok_or_else(|| place.member("type").malformed("is missing"))?;
        self.request.choice = Some(match &*kind.decode() {
            "auto" => Choice::Auto,
            "any" => Choice::Required,
            "none" => Choice::None,
            "tool" => Choice::Function(
                called.ok_or_else(|| place.member("name").malformed("is missing"))?,
            ),
            _ => {
                let why = "is none of auto, any, tool and none";
                return Err(place.member("type").malformed(why));
            }
        });
        Ok(())
    }

    pub(super) fn thinking(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("thinking");
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let (doc, mut kind, mut budget) = (self.doc, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => kind = Some(text_at(cursor, doc, place.member("type"))?),
                b"budget_tokens" => {
                    let place = place.member("budget_tokens");
                    place.expect(cursor, Kind::Number, "is no number")?;
                    budget = cursor.count()?;
                }
                b"display" => {
                    let display = text_at(cursor, doc, place.member("display"))?;
                    self.request.reasoning.shown = Some(!display.is("omitted"));
                }
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        let kind = kind.ok_or_else(|| place.member("type").malformed("is missing"))?;
        self.thinking = None;
        self.request.reasoning.budget = None;
        match &*kind.decode() {
            "enabled" => {
                let missing = || place.member("budget_tokens").malformed("is missing");
                self.request.reasoning.budget = Some(budget.ok_or_else(missing)?);
            }
            "disabled" => self.thinking = Some(Effort::None),
            "adaptive" => self.thinking = Some(Effort::Adaptive),
            // between calls of tools only: the least that some models can
            "between_tools" => self.thinking = Some(Effort::Minimal),
            _ => return Err(place.member("type").refused(UNKNOWN)),
        }
        if !kind.is("disabled") {
            // The API shows it unless `display` says otherwise.
            self.request.reasoning.shown.get_or_insert(true);
        }
        Ok(())
    }

    pub(super) fn output_config(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let place = Place::root("output_config");
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let doc = self.doc;
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"effort" => {
                    let place = place.member("effort");
                    let effort = Effort::named(&text_at(cursor, doc, place)?.decode());
                    let why = "is none of low, medium, high, xhigh and max";
                    self.effort = Some(effort.ok_or_else(|| place.malformed(why))?);
                }
                b"format" => self.output(cursor, place.member("format"))?,
                b"task_budget" => self.dropped.add("task_budget"),
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })
    }

    pub(super) fn output(
        &mut self,
        cursor: &mut Cursor<'a>,
        place: Place<'_>,
    ) -> Result<(), Refused> {
        place.expect(cursor, Kind::Object, NO_OBJECT)?;
        let (doc, mut kind, mut schema, mut called) = (self.doc, None, None, None);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => kind = Some(text_at(cursor, doc, place.member("type"))?),
                b"schema" => {
                    let place = place.member("schema");
                    place.expect(cursor, Kind::Object, NO_OBJECT)?;
                    schema = Some(source(cursor, doc)?);
                }
                b"name" => called = Some(text_at(cursor, doc, place.member("name"))?),
                name => return Err(place.unknown(name)),
            }
            Ok(())
        })?;
        if !kind.is_some_and(|kind: Text<'_>| kind.is("json_schema")) {
            return Err(place.member("type").refused(UNKNOWN));
        }
        let missing = || place.member("schema").malformed("is missing");
        self.request.output = Output::Schema {
            name: called,
            description: None,
            schema: schema.ok_or_else(missing)?,
            // this API knows no other way
            strict: Some(true),
        };
        Ok(())
    }
}

/// A tool may be called by the model; that code of the provider's calls it can't be carried.
fn callers<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8], place: Place<'_>) -> Result<(), Refused> {
    place.expect(cursor, Kind::Array, NO_LIST)?;
    let mut is_direct = false;
    elements(cursor, |index, cursor| {
        is_direct |= text_at(cursor, doc, place.element(index))?.is("direct");
        Ok(())
    })?;
    match is_direct {
        true => Ok(()),
        false => Err(place.refused(HOSTED)),
    }
}
