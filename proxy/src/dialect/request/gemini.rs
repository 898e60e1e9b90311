//! Where a `gemini.generate` request keeps its passages.
//!
//! The API reads every key in two spellings, `systemInstruction` and `system_instruction`, and its own examples use both. So both are
//! read here, and both in one object are refused as one key twice.

use crate::dialect::{
    Malformed, NO_MESSAGE, Place,
    json::{Cursor, Kind},
};

use super::{
    index::{Span, Walk},
    seen::Seen,
};

type Walked = Result<(), Malformed>;

/// Takes the whole request, or that of `:countTokens`, which may hold one.
pub(super) fn request<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    if !body(walk, cursor)? {
        return Err(Malformed {
            what: "`contents` is missing",
            at: cursor.at(),
        });
    }
    Ok(())
}

/// Tells whether there was a conversation.
fn body<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Result<bool, Malformed> {
    const KEYS: &[(&str, &str)] = &[
        ("contents", "contents"),
        ("systemInstruction", "system_instruction"),
        ("tools", "tools"),
        ("generationConfig", "generation_config"),
        ("labels", "labels"),
        ("generateContentRequest", "generate_content_request"),
    ];
    let (mut seen, mut found) = (Seen::default(), false);
    cursor.object(|key, value| match seen.either(&key, KEYS)? {
        "contents" | "generateContentRequest" if found => Err(Malformed {
            what: "there are two conversations",
            at: key.range().start,
        }),
        "contents" => {
            found = true;
            match value.kind()? {
                Kind::Object => {
                    walk.message = 0;
                    content(walk, value)?;
                    walk.message = NO_MESSAGE;
                    Ok(())
                }
                _ => walk.messages(value, content),
            }
        }
        "systemInstruction" => {
            let first = walk.index.spots.len();
            match value.kind()? {
                Kind::Object => content(walk, value)?,
                _ => walk.leaves(value, Some(Place::System))?,
            }
            walk.set_role(first, Place::System);
            Ok(())
        }
        "tools" => tools(walk, value),
        "generationConfig" => config(walk, value),
        "labels" => walk.leaves(value, Some(Place::Metadata)),
        "generateContentRequest" => {
            found = body(walk, value)?;
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(found)
}

/// Answer formats; the limit on tokens is found by its pointer.
fn config<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    const KEYS: &[(&str, &str)] = &[
        ("responseSchema", "response_schema"),
        ("responseJsonSchema", "response_json_schema"),
        ("_responseJsonSchema", "_response_json_schema"),
        ("maxOutputTokens", "max_output_tokens"),
    ];
    let mut seen = Seen::default();
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.either(&key, KEYS)? {
            "" | "maxOutputTokens" => Ok(()),
            _ => walk.definitions(value),
        }
    })
}

/// Tools are counted by what they declare: one entry may hold many functions.
fn tools<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    const KEYS: &[(&str, &str)] = &[("functionDeclarations", "function_declarations")];
    cursor.kind()?;
    let start = cursor.at();
    walk.array_or_skip(cursor, |walk, value| {
        walk.object_or_skip(value, |walk, key, value| {
            let declared = KEYS.iter().any(|(a, b)| key.is(a) || key.is(b));
            if !declared || value.kind()? != Kind::Array {
                walk.index.tools += 1;
                return walk.descriptions(value);
            }
            value.array(|_, value| {
                walk.index.tools += 1;
                walk.descriptions(value)
            })
        })
    })?;
    let span = Span::from(start..cursor.at());
    walk.index.definitions.push(span);
    Ok(())
}

/// One turn: a role and parts.
fn content<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    let (mut seen, mut place) = (Seen::default(), Place::User);
    let first = walk.index.spots.len();
    cursor.object(|key, value| match seen.name(&key, &["role", "parts"])? {
        "role" => {
            place = match &*walk.word(value)? {
                "model" => Place::Assistant,
                "function" | "tool" => Place::ToolResult,
                "system" => Place::System,
                _ => Place::User,
            };
            Ok(())
        }
        "parts" => walk.content(value, None, part),
        _ => Ok(()),
    })?;
    walk.settle_role(first, place);
    Ok(())
}

fn part<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>, place: Option<Place>) -> Walked {
    const KEYS: &[(&str, &str)] = &[
        ("text", "text"),
        ("thought", "thought"),
        ("thoughtSignature", "thought_signature"),
        ("inlineData", "inline_data"),
        ("fileData", "file_data"),
        ("functionCall", "function_call"),
        ("functionResponse", "function_response"),
        ("executableCode", "executable_code"),
        ("codeExecutionResult", "code_execution_result"),
    ];
    let (mut seen, mut found, start) = (Seen::default(), false, cursor.at());
    let (mut text, mut thought) = (None, false);
    cursor.object(|key, value| {
        let name = seen.either(&key, KEYS)?;
        found |= !matches!(name, "" | "thought");
        match name {
            "text" => {
                text = value.text_or_skip()?;
                Ok(())
            }
            "thought" => {
                thought = value.boolean()?.unwrap_or(false);
                Ok(())
            }
            // goes back to the model as it came, and holds nothing that could be read
            "thoughtSignature" => walk.unseen(value, "signed_reasoning"),
            "inlineData" | "fileData" => media(walk, value),
            "functionCall" => member(walk, value, "args", Place::ToolArguments),
            "functionResponse" => response(walk, value),
            "executableCode" => member(walk, value, "code", Place::ToolArguments),
            "codeExecutionResult" => member(walk, value, "output", Place::ToolResult),
            _ => Ok(()),
        }
    })?;
    if let Some(text) = text {
        walk.note(
            &text,
            if thought {
                Some(Place::Reasoning)
            } else {
                place
            },
        );
    }
    if !found {
        walk.count_unseen("other", cursor.at() - start);
    }
    Ok(())
}

/// Notes the strings of one member.
fn member<'a>(
    walk: &mut Walk<'a>,
    cursor: &mut Cursor<'a>,
    name: &'static str,
    place: Place,
) -> Walked {
    let mut seen = Seen::default();
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.name(&key, &[name])? {
            "" => Ok(()),
            _ => walk.leaves(value, Some(place)),
        }
    })
}

/// What a function returned: JSON, and perhaps media.
fn response<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    let mut seen = Seen::default();
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.name(&key, &["response", "parts"])? {
            "response" => walk.leaves(value, Some(Place::ToolResult)),
            "parts" => walk.content(value, Some(Place::ToolResult), part),
            _ => Ok(()),
        }
    })
}

/// `{mimeType, data}` or `{mimeType, fileUri}`: an image, audio, or another file.
fn media<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    cursor.kind()?;
    let (mut seen, mut label, start) = (Seen::default(), "file", cursor.at());
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.either(&key, &[("mimeType", "mime_type")])? {
            "" => {}
            _ => {
                let kind = walk.word(value)?.to_ascii_lowercase();
                label = match kind.split('/').next() {
                    Some("image") => "image",
                    Some("audio") => "audio",
                    _ => "file",
                };
            }
        }
        Ok(())
    })?;
    walk.index.images += u32::from(label == "image");
    walk.count_unseen(label, cursor.at() - start);
    Ok(())
}
