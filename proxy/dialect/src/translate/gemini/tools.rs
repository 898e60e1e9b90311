//! Tools and the choice among them, as a caller sends them.

use super::{
    request_read::Reader,
    walk::{At, array, boolean, decoded, kind, object, text},
};
use crate::{
    json::{Kind, outlined::Cursor},
    translate::{
        form::{Choice, Tool},
        loss::Refused,
    },
};

const HOSTED: &str = "is a tool that Google runs, which no other target has";

/// Reads `tools`: a list, or one.
pub(super) fn read<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    reader.request.tools.clear();
    match kind(cursor, at)? == Kind::Object {
        true => tool(reader, cursor, at),
        false => array(cursor, at, |cursor, at| tool(reader, cursor, at)),
    }
}

fn tool<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    object(cursor, at, |key, cursor, at| match key {
        "functionDeclarations" => array(cursor, at, |cursor, at| {
            let tool = function(reader, cursor, at)?;
            reader.request.tools.push(tool);
            Ok(())
        }),
        "googleSearch"
        | "googleSearchRetrieval"
        | "codeExecution"
        | "urlContext"
        | "googleMaps"
        | "fileSearch"
        | "computerUse"
        | "enterpriseWebSearch"
        | "exaAiSearch"
        | "parallelAiSearch"
        | "retrieval"
        | "mcpServers" => Err(at.refused(HOSTED)),
        _ => Err(at.unknown()),
    })
}

fn function<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<Tool<'a>, Refused> {
    let (mut name, mut description, mut parameters) = (None, None, None);
    object(cursor, at, |key, cursor, at| {
        match key {
            "name" => name = Some(text(cursor, reader.doc, at)?),
            "description" => description = Some(text(cursor, reader.doc, at)?),
            "parameters" | "parametersJsonSchema" => {
                parameters = Some(reader.schema(cursor, at)?);
            }
            "behavior" => reader.drop_member("functionDeclarations.behavior", cursor, at)?,
            "response" | "responseJsonSchema" => {
                reader.drop_member("functionDeclarations.response", cursor, at)?;
            }
            _ => return Err(at.unknown()),
        }
        Ok(())
    })?;
    Ok(Tool {
        name: name.ok_or_else(|| At::Member(at, "name").malformed("is missing"))?,
        description,
        parameters,
        strict: None,
        cache: None,
    })
}

/// Reads `toolConfig`.
pub(super) fn read_config<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    reader.request.choice = None;
    object(cursor, at, |key, cursor, at| match key {
        "functionCallingConfig" => choice(reader, cursor, at),
        "includeServerSideToolInvocations" if !boolean(cursor, at)? => Ok(()),
        "includeServerSideToolInvocations" | "retrievalConfig" => Err(at.refused(HOSTED)),
        _ => Err(at.unknown()),
    })
}

fn choice<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    let (mut mode, mut names) = (None, Vec::new());
    object(cursor, at, |key, cursor, at| {
        match key {
            "mode" => {
                let name = decoded(cursor, reader.doc, at)?;
                mode = match &*name.to_ascii_uppercase() {
                    "MODE_UNSPECIFIED" | "" => None,
                    "AUTO" => Some(Choice::Auto),
                    "NONE" => Some(Choice::None),
                    "ANY" => Some(Choice::Required),
                    "VALIDATED" => {
                        reader.dropped.add("functionCallingConfig.mode");
                        Some(Choice::Auto)
                    }
                    _ => return Err(at.unknown()),
                };
            }
            "allowedFunctionNames" => {
                names.clear();
                array(cursor, at, |cursor, at| {
                    names.push(text(cursor, reader.doc, at)?);
                    Ok(())
                })?;
            }
            // only with `stream` is there a difference, and its events are made anew
            "streamFunctionCallArguments" => return boolean(cursor, at).map(drop),
            _ => return Err(at.unknown()),
        }
        Ok(())
    })?;
    let required = matches!(mode, Some(Choice::Required));
    reader.request.choice = match (mode, names.len()) {
        (mode, 0) => mode,
        (Some(Choice::None), _) => Some(Choice::None),
        (_, 1) if required => names.pop().map(Choice::Function),
        _ => Some(Choice::Allowed { names, required }),
    };
    Ok(())
}
