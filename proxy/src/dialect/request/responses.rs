//! Where an `openai.responses` request keeps its passages.

use crate::dialect::{
    Malformed, NO_MESSAGE, Place,
    json::{Cursor, Kind},
};

use super::{index::Walk, seen::Seen};

type Walked = Result<(), Malformed>;

/// Takes the whole request. `input` may be absent: a stored prompt needs none.
pub(super) fn request<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    const KEYS: &[&str] = &[
        "input",
        "instructions",
        "model",
        "stream",
        "max_output_tokens",
        "tools",
        "text",
        "prompt",
        "metadata",
        "user",
        "safety_identifier",
    ];
    let mut seen = Seen::default();
    cursor.object(|key, value| match seen.name(&key, KEYS)? {
        "input" => match value.kind()? {
            Kind::String => {
                walk.message = 0;
                walk.passage(value, Some(Place::User))?;
                walk.message = NO_MESSAGE;
                Ok(())
            }
            Kind::Null => Ok(()),
            _ => walk.messages(value, item),
        },
        // once also a list of items
        "instructions" => match value.kind()? {
            Kind::Array => value.array(|_, value| {
                let first = walk.index.spots.len();
                item(walk, value)?;
                walk.settle_role(first, Place::System);
                Ok(())
            }),
            _ => walk.passage(value, Some(Place::System)),
        },
        "tools" => walk.tools(value),
        "text" => walk.definitions(value),
        "prompt" => prompt(walk, value),
        "metadata" | "user" | "safety_identifier" => walk.leaves(value, Some(Place::Metadata)),
        _ => Ok(()),
    })
}

/// A stored prompt's variables: strings, or content parts.
fn prompt<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    let mut seen = Seen::default();
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.name(&key, &["variables"])? {
            "" => Ok(()),
            _ => walk.object_or_skip(value, |walk, _, value| {
                walk.content(value, Some(Place::User), part)
            }),
        }
    })
}

/// A message, a call, a call's output, reasoning …
fn item<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    const KEYS: &[&str] = &[
        "type",
        "role",
        "content",
        "arguments",
        "input",
        "output",
        "summary",
        "encrypted_content",
        "code",
        "outputs",
        "results",
        "result",
        "action",
        "operation",
        "queries",
        "error",
        "tools",
    ];
    if cursor.kind()? == Kind::String {
        return walk.passage(cursor, Some(Place::User));
    }
    let (mut seen, mut found, start) = (Seen::default(), false, cursor.at());
    let (mut place, mut reasoning, mut reference) = (Place::User, false, false);
    let first = walk.index.spots.len();
    cursor.object(|key, value| {
        let name = seen.name(&key, KEYS)?;
        found |= !matches!(name, "" | "type" | "role");
        match name {
            "type" => {
                let word = walk.word(value)?;
                reasoning = word == "reasoning";
                reference = word == "item_reference";
                Ok(())
            }
            "role" => {
                place = match &*walk.word(value)? {
                    "system" | "developer" => Place::System,
                    "assistant" => Place::Assistant,
                    "tool" => Place::ToolResult,
                    _ => Place::User,
                };
                Ok(())
            }
            "content" => walk.content(value, None, part),
            // of functions, custom tools, code interpreters, shells, patches, searches
            "arguments" | "input" | "code" | "action" | "operation" | "queries" => {
                walk.leaves(value, Some(Place::ToolArguments))
            }
            "output" => walk.content(value, Some(Place::ToolResult), part),
            "outputs" | "results" | "error" => walk.leaves(value, Some(Place::ToolResult)),
            "summary" => walk.content(value, Some(Place::Reasoning), part),
            "encrypted_content" if value.kind()? != Kind::Null => {
                walk.unseen(value, "signed_reasoning")
            }
            // of image generation
            "result" if value.kind()? == Kind::String => {
                walk.index.images += 1;
                walk.unseen(value, "image")
            }
            // those that a server listed
            "tools" => walk.definitions(value),
            _ => Ok(()),
        }
    })?;
    walk.settle_role(first, if reasoning { Place::Reasoning } else { place });
    if !found && !reference {
        walk.count_unseen("other", cursor.at() - start);
    }
    Ok(())
}

fn part<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>, place: Option<Place>) -> Walked {
    const KEYS: &[&str] = &[
        "type",
        "text",
        "refusal",
        "image_url",
        "file_id",
        "file_data",
        "file_url",
        "input_audio",
        "stdout",
        "stderr",
    ];
    let (mut seen, mut found, start) = (Seen::default(), false, cursor.at());
    let (mut image, mut bytes) = (false, 0);
    cursor.object(|key, value| {
        let name = seen.name(&key, KEYS)?;
        found |= !matches!(name, "" | "type");
        match name {
            "type" => {
                let word = walk.word(value)?;
                image = word == "input_image" || word == "computer_screenshot";
                Ok(())
            }
            "text" | "stdout" | "stderr" => walk.passage(value, place),
            "refusal" => walk.passage(value, Some(Place::Refusal)),
            "image_url" | "file_id" | "file_data" | "file_url" => {
                bytes += value.skip()?.len();
                Ok(())
            }
            "input_audio" => walk.unseen(value, "audio"),
            _ => Ok(()),
        }
    })?;
    if image {
        walk.index.images += 1;
    }
    if bytes > 0 {
        walk.count_unseen(if image { "image" } else { "file" }, bytes);
    }
    if !found {
        walk.count_unseen("other", cursor.at() - start);
    }
    Ok(())
}
