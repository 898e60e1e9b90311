//! Schemas: Gemini's `parameters` and `responseSchema` are a subset of OpenAPI's, with names of
//! types in capitals and `nullable`; all other dialects have JSON schemas
//! (<https://ai.google.dev/api/caching#Schema>).

use std::borrow::Cow;

use super::walk::camel;
use crate::{
    Malformed,
    json::{Key, Kind, outlined::Cursor},
    translate::json::Json,
};

/// The body with its schemas as JSON schemas, in their places. A malformed one is left as it is:
/// its reader says so.
pub(in super::super) fn with_json_schemas(body: &[u8]) -> Cow<'_, [u8]> {
    let (mut out, mut done) = (Vec::new(), 0);
    let read = request(&mut Cursor::new(body), &mut |cursor| {
        let start = *cursor;
        let range = cursor.skip()?;
        let mut schema = Json::default();
        to_json_schema(&mut { start }, body, &mut schema)?;
        out.extend_from_slice(body.get(done..range.start).unwrap_or_default());
        out.extend_from_slice(&schema.0);
        done = range.end;
        Ok(())
    });
    match read {
        Ok(()) if done > 0 => {
            out.extend_from_slice(body.get(done..).unwrap_or_default());
            Cow::Owned(out)
        }
        _ => Cow::Borrowed(body),
    }
}

/// Calls `each` at the schemas of a request.
fn request<'a>(
    cursor: &mut Cursor<'a>,
    each: &mut dyn FnMut(&mut Cursor<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    cursor.object_or_skip(|key, cursor| match &*camel(&key.decode()) {
        "generateContentRequest" => request(cursor, each),
        "tools" if cursor.kind()? == Kind::Object => tool(cursor, each),
        "tools" => cursor.array_or_skip(|_, cursor| tool(cursor, each)),
        "generationConfig" => cursor.object_or_skip(|key, cursor| {
            let is_one = camel(&key.decode()) == "responseSchema";
            match is_one && cursor.kind()? == Kind::Object {
                true => each(cursor),
                false => Ok(()),
            }
        }),
        _ => Ok(()),
    })
}

fn tool<'a>(
    cursor: &mut Cursor<'a>,
    each: &mut dyn FnMut(&mut Cursor<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    cursor.object_or_skip(|key, cursor| {
        if camel(&key.decode()) != "functionDeclarations" {
            return Ok(());
        }
        cursor.array_or_skip(|_, cursor| {
            cursor.object_or_skip(|key, cursor| {
                match key.is("parameters") && cursor.kind()? == Kind::Object {
                    true => each(cursor),
                    false => Ok(()),
                }
            })
        })
    })
}

/// The shape of a keyword's value.
enum Holds {
    Schema,
    Schemas,
    Named,
    /// A count, which the API writes as a string where it likes.
    Count,
    Other,
}

fn holds(keyword: &str) -> Holds {
    match keyword {
        "items" | "additionalProperties" | "not" => Holds::Schema,
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => Holds::Schemas,
        "properties" | "$defs" | "definitions" => Holds::Named,
        "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
            Holds::Count
        }
        _ => Holds::Other,
    }
}

/// A keyword as JSON schemas have it.
fn keyword(key: &Key<'_>) -> String {
    match &*camel(&key.decode()) {
        "defs" => "$defs".to_owned(),
        "ref" => "$ref".to_owned(),
        other => other.to_owned(),
    }
}

/// Writes the schema at the cursor as a JSON schema.
fn to_json_schema(cursor: &mut Cursor<'_>, doc: &[u8], out: &mut Json) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        out.source(doc.get(cursor.skip()?).unwrap_or_default());
        return Ok(());
    }
    let mut nullable = false;
    { *cursor }.object(|key, cursor| {
        if key.is("nullable") {
            nullable = cursor.boolean()?.unwrap_or(false);
        }
        Ok(())
    })?;
    let mut result = Ok(());
    out.object(|out| {
        result = cursor.object(|key, cursor| {
            let name = keyword(&key);
            match &*name {
                "nullable" | "propertyOrdering" => return Ok(()),
                "type" => return write_type(cursor, doc, nullable, out),
                _ => {}
            }
            let is_object = cursor.kind()? == Kind::Object;
            let is_array = cursor.kind()? == Kind::Array;
            write_key(&name, out);
            match holds(&name) {
                Holds::Schema if is_object => to_json_schema(cursor, doc, out),
                Holds::Schemas if is_array => {
                    let more = (nullable && name == "anyOf").then_some(r#"{"type":"null"}"#);
                    elements(cursor, out, more, |cursor, out| {
                        to_json_schema(cursor, doc, out)
                    })
                }
                Holds::Named if is_object => named(cursor, doc, out, |cursor, out| {
                    to_json_schema(cursor, doc, out)
                }),
                Holds::Other if nullable && name == "enum" && is_array => {
                    elements(cursor, out, Some("null"), |cursor, out| {
                        out.source(doc.get(cursor.skip()?).unwrap_or_default());
                        Ok(())
                    })
                }
                Holds::Count => {
                    let count = doc.get(cursor.skip()?).unwrap_or_default();
                    let digits = count
                        .strip_prefix(b"\"")
                        .and_then(|c| c.strip_suffix(b"\""));
                    out.source(match digits {
                        Some(digits) if digits.iter().all(u8::is_ascii_digit) => digits,
                        _ => count,
                    });
                    Ok(())
                }
                Holds::Schema | Holds::Schemas | Holds::Named | Holds::Other => {
                    out.source(doc.get(cursor.skip()?).unwrap_or_default());
                    Ok(())
                }
            }
        });
    });
    result
}

/// Writes `type` in small letters, `null` beside it where the value may be that.
fn write_type(
    cursor: &mut Cursor<'_>,
    doc: &[u8],
    nullable: bool,
    out: &mut Json,
) -> Result<(), Malformed> {
    let mut names = Vec::new();
    let mut take = |cursor: &mut Cursor<'_>| {
        if let Some(name) = cursor.text_or_skip()? {
            let name = name.decode(doc).to_ascii_lowercase();
            if name != "type_unspecified" && !name.is_empty() {
                names.push(name);
            }
        }
        Ok(())
    };
    match cursor.kind()? == Kind::Array {
        true => cursor.array(|_, cursor| take(cursor))?,
        false => take(cursor)?,
    }
    if nullable && !names.is_empty() && !names.iter().any(|name| name == "null") {
        names.push("null".to_owned());
    }
    match &*names {
        [] => {}
        [name] => {
            out.key("type").str(name);
        }
        names => {
            out.key("type").array(|out| {
                for name in names {
                    out.str(name);
                }
            });
        }
    }
    Ok(())
}

fn write_key(name: &str, out: &mut Json) {
    out.str(name);
    out.0.push(b':');
}

fn elements<'a>(
    cursor: &mut Cursor<'a>,
    out: &mut Json,
    more: Option<&str>,
    mut each: impl FnMut(&mut Cursor<'a>, &mut Json) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut result = Ok(());
    out.array(|out| {
        result = cursor.array(|_, cursor| each(cursor, out));
        if let Some(more) = more {
            out.source(more);
        }
    });
    result
}

fn named<'a>(
    cursor: &mut Cursor<'a>,
    doc: &[u8],
    out: &mut Json,
    mut each: impl FnMut(&mut Cursor<'a>, &mut Json) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut result = Ok(());
    out.object(|out| {
        result = cursor.object(|key, cursor| {
            out.source(doc.get(key.range()).unwrap_or_default());
            out.0.push(b':');
            each(cursor, out)
        });
    });
    result
}

/// A JSON schema in the subset of OpenAPI's, for models that take no other, and true if something
/// was left out. `None` if it is no object.
pub(super) fn to_openapi(schema: &[u8]) -> Option<(Vec<u8>, bool)> {
    let (mut out, mut lossy) = (Json::default(), false);
    let mut cursor = Cursor::new(schema);
    if cursor.kind().ok()? != Kind::Object {
        return None;
    }
    write_openapi(&mut cursor, schema, &mut out, &mut lossy, false).ok()?;
    Some((out.0, lossy))
}

fn write_openapi(
    cursor: &mut Cursor<'_>,
    doc: &[u8],
    out: &mut Json,
    lossy: &mut bool,
    nullable: bool,
) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        // `true` and `false` are schemas, too; nothing says so here
        *lossy = true;
        cursor.skip()?;
        out.source("{}");
        return Ok(());
    }
    let mut result = Ok(());
    let mut nullable = nullable;
    out.object(|out| {
        result = cursor.object(|key, cursor| {
            let name = key.decode();
            let kind = cursor.kind()?;
            match (&*name, kind) {
                ("type", _) => nullable |= write_capitals(cursor, doc, out)?,
                ("nullable", _) => nullable |= cursor.boolean()?.unwrap_or(false),
                ("properties", Kind::Object) => {
                    out.key("properties");
                    named(cursor, doc, out, |cursor, out| {
                        write_openapi(cursor, doc, out, lossy, false)
                    })?;
                }
                ("items", Kind::Object) => {
                    out.key("items");
                    write_openapi(cursor, doc, out, lossy, false)?;
                }
                ("anyOf" | "oneOf", Kind::Array) => {
                    out.key("anyOf");
                    elements(cursor, out, None, |cursor, out| {
                        if is_null(&mut { *cursor }, doc)? {
                            nullable = true;
                            return cursor.skip().map(drop);
                        }
                        write_openapi(cursor, doc, out, lossy, false)
                    })?;
                }
                ("enum", Kind::Array) => {
                    let (mut texts, mut others) = (true, false);
                    { *cursor }.array(|_, cursor| {
                        match cursor.kind()? {
                            Kind::String => {}
                            Kind::Null => others = true,
                            Kind::Object | Kind::Array | Kind::Number | Kind::Boolean => {
                                texts = false;
                            }
                        }
                        cursor.skip().map(drop)
                    })?;
                    nullable |= others;
                    if !texts {
                        *lossy = true;
                        return Ok(());
                    }
                    out.key("enum");
                    elements(cursor, out, None, |cursor, out| {
                        if cursor.kind()? == Kind::String {
                            out.source(doc.get(cursor.skip()?).unwrap_or_default());
                        }
                        Ok(())
                    })?;
                }
                ("const", Kind::String) => {
                    let value = doc.get(cursor.skip()?).unwrap_or_default();
                    out.key("enum").array(|out| {
                        out.source(value);
                    });
                }
                (
                    "title" | "description" | "required" | "pattern" | "minimum" | "maximum"
                    | "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
                    | "maxProperties" | "propertyOrdering",
                    _,
                ) => {
                    let value = doc.get(cursor.skip()?).unwrap_or_default();
                    out.key(&name).source(value);
                }
                ("format", Kind::String) => {
                    let value = doc.get(cursor.skip()?).unwrap_or_default();
                    let known = [
                        &b"\"enum\""[..],
                        b"\"date-time\"",
                        b"\"float\"",
                        b"\"double\"",
                        b"\"int32\"",
                        b"\"int64\"",
                    ];
                    if known.contains(&value) {
                        out.key("format").source(value);
                    } else {
                        *lossy = true;
                    }
                }
                ("$schema" | "$id" | "$comment", _) => {}
                _ => *lossy = true,
            }
            Ok(())
        });
        if nullable {
            out.key("nullable").boolean(true);
        }
    });
    result
}

/// Writes `type` in capitals; true if the value may be null.
fn write_capitals(cursor: &mut Cursor<'_>, doc: &[u8], out: &mut Json) -> Result<bool, Malformed> {
    let mut names = Vec::new();
    let mut take = |cursor: &mut Cursor<'_>| {
        if let Some(name) = cursor.text_or_skip()? {
            names.push(name.decode(doc).to_ascii_uppercase());
        }
        Ok(())
    };
    match cursor.kind()? == Kind::Array {
        true => cursor.array(|_, cursor| take(cursor))?,
        false => take(cursor)?,
    }
    let all = names.len();
    if all > 1 {
        names.retain(|name| name != "NULL");
    }
    match &*names {
        [] => {}
        [name] => {
            out.key("type").str(name);
        }
        names => {
            out.key("anyOf").array(|out| {
                for name in names {
                    out.object(|out| {
                        out.key("type").str(name);
                    });
                }
            });
        }
    }
    Ok(names.len() < all)
}

/// Reports whether a schema says `null` and nothing else.
fn is_null(cursor: &mut Cursor<'_>, doc: &[u8]) -> Result<bool, Malformed> {
    let mut null = false;
    cursor.object_or_skip(|key, cursor| {
        if key.is("type") {
            let name = cursor.text_or_skip()?;
            null = name.is_some_and(|name| name.decode(doc) == "null");
        }
        Ok(())
    })?;
    Ok(null)
}
