//! Tools, the choice among them, and the form of the text.

use super::super::{
    super::{
        form::{Choice, Output, Tool},
        loss::{Dropped, Refused},
        read::{boolean, elements, members, source, text},
        text::Text,
    },
    path::Path,
};
use crate::json::{Kind, outlined::Cursor};

const HOSTED: &str = "is a tool that its provider runs or defines, and no other has";

/// Types of tools that are no functions.
const OTHERS: [&str; 19] = [
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use",
    "computer_use_preview",
    "custom",
    "file_search",
    "hosted_tool",
    "image_generation",
    "local_shell",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
];

/// Reads `tools`.
pub(super) fn read<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    dropped: &mut Dropped,
    tools: &mut Vec<Tool<'a>>,
) -> Result<(), Refused> {
    let top = Path::Top("tools");
    if cursor.kind()? != Kind::Array {
        return Err(top.malformed("is no list"));
    }
    tools.clear();
    elements(cursor, |index, cursor| {
        let path = top.element(index);
        tools.push(tool(cursor, doc, path, dropped)?);
        Ok(())
    })
}

/// The type of the object at the cursor, which is not taken.
fn type_of<'a>(cursor: &Cursor<'a>, doc: &'a [u8], path: Path<'_>) -> Result<Text<'a>, Refused> {
    let (mut cursor, mut kind) = (*cursor, None);
    if cursor.kind()? != Kind::Object {
        return Err(path.malformed("is no object"));
    }
    let at = path.member("type");
    members(&mut cursor, |key, cursor| {
        if key.is("type") {
            kind = Some(text(cursor, doc, at)?);
        }
        Ok(())
    })?;
    at.required(kind)
}

/// Refuses a tool that is no function.
fn refuse(kind: &Text<'_>, path: Path<'_>) -> Refused {
    match OTHERS.into_iter().find(|other| kind.is(other)) {
        Some(name) => path.refused(name, HOSTED),
        None => path.member("type").unknown(),
    }
}

fn tool<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Tool<'a>, Refused> {
    let kind = type_of(cursor, doc, path)?;
    if !kind.is("function") {
        return Err(refuse(&kind, path));
    }
    let (mut name, mut description, mut parameters, mut strict) = (None, None, None, None);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"type" => {}
            b"name" => name = Some(text(cursor, doc, path.member("name"))?),
            b"description" => {
                description = Some(text(cursor, doc, path.member("description"))?);
            }
            b"parameters" => {
                if cursor.kind()? != Kind::Object {
                    return Err(path.member("parameters").malformed("is no object"));
                }
                parameters = Some(source(cursor, doc)?);
            }
            b"strict" => strict = Some(boolean(cursor, path.member("strict"))?),
            b"allowed_callers" => dropped.add("tools.allowed_callers"),
            b"defer_loading" => dropped.add("tools.defer_loading"),
            b"output_schema" => dropped.add("tools.output_schema"),
            other => return Err(path.unknown_member(other)),
        }
        Ok(())
    })?;
    Ok(Tool {
        name: path.member("name").required(name)?,
        description,
        parameters,
        strict,
        cache: None,
    })
}

/// Reads `tool_choice`.
pub(super) fn choice<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Choice<'a>, Refused> {
    let top = Path::Top("tool_choice");
    if cursor.kind()? == Kind::String {
        return match &*text(cursor, doc, top)?.decode() {
            "auto" => Ok(Choice::Auto),
            "none" => Ok(Choice::None),
            "required" => Ok(Choice::Required),
            _ => Err(top.malformed("is none of auto, none and required")),
        };
    }
    let kind = type_of(cursor, doc, top)?;
    let is_list = kind.is("allowed_tools");
    if !is_list && !kind.is("function") {
        return Err(refuse(&kind, top));
    }
    let (mut name, mut required, mut names) = (None, false, None);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"type" => {}
            b"name" if !is_list => name = Some(text(cursor, doc, top.member("name"))?),
            b"mode" if is_list => {
                required = match &*text(cursor, doc, top.member("mode"))?.decode() {
                    "required" => true,
                    "auto" => false,
                    _ => return Err(top.member("mode").malformed("is neither auto nor required")),
                };
            }
            b"tools" if is_list => names = Some(allowed(cursor, doc, top.member("tools"))?),
            other => return Err(top.unknown_member(other)),
        }
        Ok(())
    })?;
    match is_list {
        true => Ok(Choice::Allowed {
            names: top.member("tools").required(names)?,
            required,
        }),
        false => top.member("name").required(name).map(Choice::Function),
    }
}

fn allowed<'a>(
    cursor: &mut Cursor<'a>,
    doc: &'a [u8],
    path: Path<'_>,
) -> Result<Vec<Text<'a>>, Refused> {
    if cursor.kind()? != Kind::Array {
        return Err(path.malformed("is no list"));
    }
    let mut names = Vec::new();
    elements(cursor, |index, cursor| {
        let path = path.element(index);
        let kind = type_of(cursor, doc, path)?;
        if !kind.is("function") {
            return Err(refuse(&kind, path));
        }
        let mut name = None;
        members(cursor, |key, cursor| {
            if key.is("name") {
                name = Some(text(cursor, doc, path.member("name"))?);
            }
            Ok(())
        })?;
        names.push(path.member("name").required(name)?);
        Ok(())
    })?;
    Ok(names)
}

/// Reads `text.format`.
pub(super) fn output<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Output<'a>, Refused> {
    let top = Path::Top("text");
    let path = top.member("format");
    let kind = type_of(cursor, doc, path)?;
    let (mut name, mut description, mut schema, mut strict) = (None, None, None, None);
    members(cursor, |key, cursor| {
        match &*key.bytes() {
            b"type" => {}
            b"name" => name = Some(text(cursor, doc, path.member("name"))?),
            b"description" => {
                description = Some(text(cursor, doc, path.member("description"))?);
            }
            b"schema" => {
                if cursor.kind()? != Kind::Object {
                    return Err(path.member("schema").malformed("is no object"));
                }
                schema = Some(source(cursor, doc)?);
            }
            b"strict" => strict = Some(boolean(cursor, path.member("strict"))?),
            other => return Err(path.unknown_member(other)),
        }
        Ok(())
    })?;
    match &*kind.decode() {
        "text" => Ok(Output::Text),
        "json_object" => Ok(Output::JsonObject),
        "json_schema" => Ok(Output::Schema {
            name,
            description,
            schema: path.member("schema").required(schema)?,
            strict,
        }),
        _ => Err(path.member("type").unknown()),
    }
}
