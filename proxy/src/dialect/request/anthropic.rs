//! Where an `anthropic.messages` request keeps its passages.

use crate::dialect::{
    Malformed, Place,
    json::{Cursor, Kind, Text},
};

use super::{index::Walk, seen::Seen};

type Walked = Result<(), Malformed>;

/// Takes the whole request.
pub(super) fn request<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    const KEYS: &[&str] = &[
        "messages",
        "system",
        "model",
        "stream",
        "max_tokens",
        "tools",
        "output_format",
        "output_config",
        "metadata",
    ];
    let mut seen = Seen::default();
    let mut messages = false;
    cursor.object(|key, value| match seen.name(&key, KEYS)? {
        "messages" => {
            messages = true;
            walk.messages(value, message)
        }
        "system" => walk.content(value, Some(Place::System), block),
        "tools" => walk.tools(value),
        "output_format" | "output_config" => walk.definitions(value),
        "metadata" => walk.leaves(value, Some(Place::Metadata)),
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

fn message<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Walked {
    let (mut seen, mut place) = (Seen::default(), Place::User);
    let first = walk.index.spots.len();
    cursor.object(|key, value| match seen.name(&key, &["role", "content"])? {
        "role" => {
            place = match &*walk.word(value)? {
                "assistant" => Place::Assistant,
                "system" => Place::System,
                _ => Place::User,
            };
            Ok(())
        }
        "content" => walk.content(value, None, block),
        _ => Ok(()),
    })?;
    walk.settle_role(first, place);
    Ok(())
}

fn block<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>, place: Option<Place>) -> Walked {
    const KEYS: &[&str] = &[
        "type",
        "text",
        "thinking",
        "data",
        "input",
        "content",
        "source",
        "title",
        "context",
        "stdout",
        "stderr",
        "encrypted_content",
        "tool_name",
        "citations",
    ];
    let (mut seen, mut found, start) = (Seen::default(), false, cursor.at());
    let (mut image, mut bytes) = (false, 0);
    cursor.object(|key, value| {
        let name = seen.name(&key, KEYS)?;
        found |= !matches!(name, "" | "type");
        match name {
            "type" => {
                image = walk.word(value)? == "image";
                Ok(())
            }
            "text" | "title" | "context" => walk.passage(value, place),
            "stdout" | "stderr" => walk.passage(value, Some(Place::ToolResult)),
            // signed or encrypted: an edit would make the request invalid
            "thinking" | "data" => walk.unseen(value, "signed_reasoning"),
            "encrypted_content" => walk.unseen(value, "encrypted"),
            "input" => walk.leaves(value, Some(Place::ToolArguments)),
            // of a tool's result, or of a document
            "content" => walk.content(value, Some(Place::ToolResult), block),
            "source" => source(walk, value, place, &mut bytes),
            "citations" => walk.array_or_skip(value, |walk, value| citation(walk, value, place)),
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

/// What a text in the history quotes.
fn citation<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>, place: Option<Place>) -> Walked {
    let mut seen = Seen::default();
    walk.object_or_skip(cursor, |walk, key, value| {
        match seen.name(&key, &["cited_text", "document_title", "title"])? {
            "" => Ok(()),
            _ => walk.passage(value, place),
        }
    })
}

/// What a document or an image consists of; adds what can't be shown to `bytes`.
fn source<'a>(
    walk: &mut Walk<'a>,
    cursor: &mut Cursor<'a>,
    place: Option<Place>,
    bytes: &mut usize,
) -> Walked {
    const KEYS: &[&str] = &["type", "data", "url", "file_id", "content"];
    if cursor.kind()? == Kind::String {
        return walk.passage(cursor, place); // of a search result: where it comes from
    }
    let (mut seen, mut text) = (Seen::default(), false);
    let mut data: Option<Text> = None;
    walk.object_or_skip(cursor, |walk, key, value| match seen.name(&key, KEYS)? {
        "type" => {
            text = walk.word(value)? == "text";
            Ok(())
        }
        "data" => {
            data = value.text_or_skip()?;
            Ok(())
        }
        "url" | "file_id" => {
            *bytes += value.skip()?.len();
            Ok(())
        }
        "content" => walk.content(value, place, block),
        _ => Ok(()),
    })?;
    match data {
        Some(data) if text => walk.note(&data, place),
        Some(data) => *bytes += data.range.len(),
        None => {}
    }
    Ok(())
}
