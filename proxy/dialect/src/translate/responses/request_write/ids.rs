//! Ids of calls. Some dialects have none, and ids of others are longer than the API takes; a call
//! and its result are given the same.

use std::collections::VecDeque;

use super::super::super::{
    form::{Call, ToolResult},
    loss::Refused,
    text::Text,
};
use crate::hash;

/// Bytes of the longest id that the API takes.
const LONGEST: usize = 64;

/// The calls that came without an id, and that no result answered yet.
#[derive(Default)]
pub(super) struct Ids {
    minted: u32,
    open: VecDeque<(String, String)>,
}

impl Ids {
    /// The id of a call.
    pub(super) fn of_call<'i>(&mut self, call: &'i Call<'_>) -> Text<'i> {
        if let Some(id) = &call.id {
            return short(id);
        }
        let id = format!("call_{}", self.minted);
        self.minted += 1;
        let name = call.name.decode().into_owned();
        self.open.push_back((name, id.clone()));
        Text::plain(id)
    }

    /// The id of the call that a result answers: the first of its name that is open.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn of_result<'i>(
        &mut self,
        result: &'i ToolResult<'_>,
    ) -> Result<Text<'i>, Refused> {
        if let Some(id) = &result.id {
            return Ok(short(id));
        }
        let name = result.name.as_ref().map(Text::decode);
        let is_it = |(of, _): &(String, String)| name.as_ref().is_none_or(|name| name == of);
        let found = self.open.iter().position(is_it);
        let found = found.and_then(|at| self.open.remove(at));
        let missing = || Refused::malformed("tool result", "answers no call of the conversation");
        found.map(|(_, id)| Text::plain(id)).ok_or_else(missing)
    }
}

/// An id as the API takes it: the same for the same one, wherever it stands.
fn short<'i>(id: &'i Text<'_>) -> Text<'i> {
    let text = id.decode();
    match text.len() > LONGEST {
        true => Text::plain(format!("call_{:016x}", hash::of(text.as_bytes()))),
        false => id.clone(),
    }
}
