//! Where an `openai.embeddings` request keeps its passages: one input or many.

use crate::dialect::{Malformed, Place, json::Cursor};

use super::{chat, index::Walk, seen::Seen};

/// Takes the whole request.
pub(super) fn request<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
    const KEYS: &[&str] = &["input", "messages", "model", "user"];
    let (mut seen, mut found) = (Seen::default(), false);
    cursor.object(|key, value| match seen.name(&key, KEYS)? {
        "input" => {
            found = true;
            walk.inputs(value)
        }
        // some servers embed a conversation
        "messages" => {
            found = true;
            walk.messages(value, chat::message)
        }
        "user" => walk.leaves(value, Some(Place::Metadata)),
        _ => Ok(()),
    })?;
    if !found {
        return Err(Malformed {
            what: "`input` is missing",
            at: cursor.at(),
        });
    }
    Ok(())
}
