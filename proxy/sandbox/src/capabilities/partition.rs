//! The partition of a request: all that two requests must have in common for the reply of the one to
//! answer the other.
//!
//! The whole request is hashed but for its question, and not what is known to matter of it: a
//! parameter that nobody has heard of keeps two requests apart by itself.

use std::collections::HashMap;

use dialect::{
    Place, Places, canon,
    request::{Body, EditError},
};
use policy::{Call, Partition};
use ring::digest;

use super::credentials;

/// Names the partition of a call. The texts of the passages `question` and the values at the pointers
/// `without` have no part in it; which passages those are has. `None` where the body is no JSON or
/// ambiguous.
///
/// # Errors
/// The call has no such passage, or it is a JSON value.
pub(super) fn of(
    space: &str,
    call: &Call,
    question: &[u32],
    without: &[String],
    parts: &[String],
) -> Result<Option<Partition>, EditError> {
    let body = call.body.render_without(question)?;
    let Some(form) = canon::canonical(&body, without) else {
        return Ok(None);
    };
    let model = call.body.model().unwrap_or_default();
    // Hiding keys hides every value whose name is spelt in escapes, which may be any parameter's.
    let path = match call.path.contains('%') {
        true => call.path.clone(),
        false => credentials::without_keys(&call.path),
    };
    let question = positions(&call.body, question);
    let fixed = [
        space.as_bytes(),
        path.as_bytes(),
        model.as_bytes(),
        &form,
        &question,
    ];
    let named = fixed.into_iter().chain(parts.iter().map(String::as_bytes));
    Ok(Some(Partition(hash(named))))
}

/// Writes down which passages these are: their messages, their places, and their numbers among those
/// of the same message and place. An id would depend on the order of the body's keys.
fn positions(body: &Body, passages: &[u32]) -> Vec<u8> {
    let mut numbers: HashMap<(u32, Place), u32> = HashMap::new();
    let mut positions = Vec::new();
    for passage in body.passages(Places::ALL, 0, u32::MAX) {
        let number = numbers.entry((passage.message, passage.place)).or_default();
        if passages.contains(&passage.id) {
            let place = passage.place as u32;
            for part in [passage.message, place, *number] {
                positions.extend_from_slice(&part.to_le_bytes());
            }
        }
        *number += 1;
    }
    positions
}

/// Hashes parts, each with its length before it, so that none flows into the next.
fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
