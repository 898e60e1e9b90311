//! Tools, the choice among them, and the form of the text.

use super::{
    super::super::{
        form::{Choice, Output, Tool},
        loss::Refused,
        read::{boolean, elements, members, source, text},
        text::Text,
    },
    UNKNOWN, unknown,
};
use crate::json::{Kind, outlined::Cursor};

pub(super) fn function<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    at: &dyn Fn() -> String,
) -> Result<Tool<'a>, Refused> {
    let (mut name, mut description, mut parameters, mut strict) = (None, None, None, None);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"name" => name = Some(text(cursor, doc, format_args!("{}.name", at()))?),
            b"description" => description = Text::read_or_skip(cursor, doc)?,
            b"parameters" => parameters = Some(source(cursor, doc)?),
            b"strict" => strict = Some(boolean(cursor, format_args!("{}.strict", at()))?),
            name => return Err(unknown(&at(), name)),
        }
        Ok(())
    })?;
    Ok(Tool {
        name: name.ok_or_else(|| Refused::malformed(format!("{}.name", at()), "is missing"))?,
        description,
        parameters,
        strict,
        cache: None,
    })
}

fn named_choice(word: &Text<'_>) -> Result<Choice<'static>, Refused> {
    Ok(match &*word.decode() {
        "auto" => Choice::Auto,
        "none" => Choice::None,
        "required" | "any" => Choice::Required,
        _ => {
            return Err(Refused::malformed(
                "tool_choice",
                "is none of auto, none and required",
            ));
        }
    })
}

pub(super) fn choice<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Choice<'a>, Refused> {
    if cursor.kind()? == Kind::String {
        return named_choice(&Text::read(cursor, doc)?);
    }
    let (mut kind, mut name, mut allowed) = (None, None, None);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"type" => kind = Some(text(cursor, doc, "tool_choice.type")?),
            b"function" => name = name_in(cursor, doc)?,
            b"allowed_tools" => allowed = Some(allowed_tools(cursor, doc)?),
            _ => {}
        }
        Ok(())
    })?;
    let kind = kind.map(|kind| kind.decode().into_owned());
    match (kind.as_deref(), name, allowed) {
        (Some("function") | None, Some(name), _) => Ok(Choice::Function(name)),
        (Some("allowed_tools") | None, _, Some(allowed)) => Ok(allowed),
        (Some("function" | "allowed_tools") | None, ..) => {
            Err(Refused::malformed("tool_choice", "names no function"))
        }
        (Some(_), ..) => Err(Refused::new("tool_choice.type", UNKNOWN)),
    }
}

fn name_in<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Option<Text<'a>>, Refused> {
    let mut name = None;
    members(cursor, |key, cursor| {
        if key.is("name") {
            name = Text::read_or_skip(cursor, doc)?;
        }
        Ok(())
    })?;
    Ok(name)
}

fn allowed_tools<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Choice<'a>, Refused> {
    let (mut names, mut required) = (Vec::new(), false);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"mode" => {
                let mode = Text::read_or_skip(cursor, doc)?;
                required = mode.is_some_and(|mode| mode.is("required"));
            }
            b"tools" => elements(cursor, |_, cursor| {
                let mut name = None;
                members(cursor, |key, cursor| {
                    if key.is("function") {
                        name = name_in(cursor, doc)?;
                    }
                    Ok(())
                })?;
                names.extend(name);
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(Choice::Allowed { names, required })
}

/// The older `function_call`.
pub(super) fn function_choice<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
) -> Result<Choice<'a>, Refused> {
    if cursor.kind()? == Kind::String {
        return named_choice(&Text::read(cursor, doc)?);
    }
    let name = name_in(cursor, doc)?;
    let missing = || Refused::malformed("function_call.name", "is missing");
    name.map(Choice::Function).ok_or_else(missing)
}

pub(super) fn output<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Output<'a>, Refused> {
    let (mut kind, mut schema) = (None, None);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"type" => kind = Some(text(cursor, doc, "response_format.type")?),
            b"json_schema" => schema = Some(json_schema(cursor, doc)?),
            name => return Err(unknown("response_format", name)),
        }
        Ok(())
    })?;
    let kind = kind.map(|kind| kind.decode().into_owned());
    match (kind.as_deref(), schema) {
        (Some("text"), _) => Ok(Output::Text),
        (Some("json_object"), _) => Ok(Output::JsonObject),
        (Some("json_schema"), Some(schema)) => Ok(schema),
        (Some("json_schema"), None) => Err(Refused::malformed(
            "response_format.json_schema",
            "is missing",
        )),
        (None, _) => Err(Refused::malformed("response_format.type", "is missing")),
        (Some(_), _) => Err(Refused::new("response_format.type", UNKNOWN)),
    }
}

fn json_schema<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Output<'a>, Refused> {
    let (mut name, mut description, mut schema, mut strict) = (None, None, None, None);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"name" => name = Text::read_or_skip(cursor, doc)?,
            b"description" => description = Text::read_or_skip(cursor, doc)?,
            b"schema" => schema = Some(source(cursor, doc)?),
            b"strict" => strict = Some(boolean(cursor, "response_format.json_schema.strict")?),
            name => return Err(unknown("response_format.json_schema", name)),
        }
        Ok(())
    })?;
    Ok(Output::Schema {
        name,
        description,
        schema: schema.unwrap_or(b"{}"),
        strict,
    })
}
