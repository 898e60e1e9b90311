//! Where an `openai.chat` request keeps its passages.

use crate::dialect::{
    Malformed, Place,
    json::{Cursor, Kind},
};

use super::{index::Walk, seen::Seen};

type Walked = Result<(), Malformed>;

/// Takes the whole request.
pub(super) fn request<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    const KEYS: &[&str] = &[
        "messages",
        "model",
        "stream",
        "max_completion_tokens",
        "max_tokens",
        "tools",
        "functions",
        "response_format",
        "prediction",
        "metadata",
        "user",
        "safety_identifier",
    ];
    let mut seen = Seen::default();
    let mut messages = false;
    cursor.object(|key, value| match seen.name(&key, KEYS)? {
        "messages" => {
            messages = true;
            walk.messages(value, message)
        }
        "tools" | "functions" => walk.tools(value),
        "response_format" => walk.definitions(value),
        "prediction" => walk.object_or_skip(value, |walk, key, value| match key.is("content") {
            true => walk.content(value, Some(Place::Assistant), part),
            false => Ok(()),
        }),
        "metadata" | "user" | "safety_identifier" => walk.leaves(value, Some(Place::Metadata)),
        _ => Ok(()),
    })?;
    if !messages {
        return Err(Malformed {
            what: "`messages` is missing",
            at: cursor.at(),
        });
    }
    Ok(())
}

pub(super) fn message<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    const KEYS: &[&str] = &[
        "role",
        "content",
        "name",
        "tool_calls",
        "function_call",
        "refusal",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking_blocks",
    ];
    let (mut seen, mut place) = (Seen::default(), Place::User);
    let first = walk.index.spots.len();
    cursor.object(|key, value| match seen.name(&key, KEYS)? {
        "role" => {
            place = match &*walk.word(value)? {
                "system" | "developer" => Place::System,
                "assistant" => Place::Assistant,
                "tool" | "function" => Place::ToolResult,
                _ => Place::User,
            };
            Ok(())
        }
        "content" => walk.content(value, None, part),
        "name" => walk.passage(value, Some(Place::Metadata)),
        "tool_calls" => walk.array_or_skip(value, tool_call),
        "function_call" => function(walk, value),
        "refusal" => walk.passage(value, Some(Place::Refusal)),
        "reasoning_content" | "reasoning" => walk.passage(value, Some(Place::Reasoning)),
        "reasoning_details" | "thinking_blocks" if value.kind()? != Kind::Null => {
            walk.unseen(value, "signed_reasoning")
        }
        _ => Ok(()),
    })?;
    walk.settle_role(first, place);
    Ok(())
}

fn tool_call<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    let mut seen = Seen::default();
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.name(&key, &["function", "custom"])? {
            "" => Ok(()),
            _ => function(walk, value),
        }
    })
}

/// `{name, arguments}`, or a custom tool's `{name, input}`.
fn function<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    let mut seen = Seen::default();
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.name(&key, &["arguments", "input"])? {
            "" => Ok(()),
            // a string by the book; some clients send the object itself
            _ => walk.leaves(value, Some(Place::ToolArguments)),
        }
    })
}

pub(super) fn part<'a>(
    walk: &mut Walk<'a>,
    cursor: &mut Cursor<'a>,
    place: Option<Place>,
) -> Walked {
    const KEYS: &[&str] = &["text", "refusal", "image_url", "input_audio", "file"];
    let (mut seen, mut found, start) = (Seen::default(), false, cursor.at());
    cursor.object(|key, value| {
        let name = seen.name(&key, KEYS)?;
        found |= !name.is_empty();
        match name {
            "text" => walk.passage(value, place),
            "refusal" => walk.passage(value, Some(Place::Refusal)),
            "image_url" => {
                walk.index.images += 1;
                walk.unseen(value, "image")
            }
            "input_audio" => walk.unseen(value, "audio"),
            "file" => walk.unseen(value, "file"),
            _ => Ok(()),
        }
    })?;
    if !found {
        walk.count_unseen("other", cursor.at() - start);
    }
    Ok(())
}
