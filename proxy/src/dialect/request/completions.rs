//! Where an `openai.completions` request keeps its passages: a prompt, or several that are answered each on its own, and a suffix.

use crate::dialect::{Malformed, Place, json::Cursor};

use super::{index::Walk, seen::Seen};

/// Takes the whole request. `prompt` may be absent: the API then begins a document.
pub(super) fn request<'a>(walk: &mut Walk<'a>, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
    const KEYS: &[&str] = &[
        "prompt",
        "suffix",
        "model",
        "stream",
        "max_tokens",
        "user",
        "prompt_embeds",
        "response_format",
    ];
    let mut seen = Seen::default();
    cursor.object(|key, value| match seen.name(&key, KEYS)? {
        "prompt" => walk.inputs(value),
        "suffix" => walk.passage(value, Some(Place::User)),
        "user" => walk.leaves(value, Some(Place::Metadata)),
        // vectors instead of text, as some servers take them
        "prompt_embeds" => walk.unseen(value, "tokens"),
        "response_format" => walk.definitions(value),
        _ => Ok(()),
    })
}
