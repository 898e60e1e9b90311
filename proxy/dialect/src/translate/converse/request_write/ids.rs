//! Ids of calls as Converse takes them: 64 letters, digits, `_` and `-` at most.

use super::super::super::{
    form::{Call, ToolResult},
    loss::Refused,
    text::Text,
};
use crate::hash;

/// The ids of one conversation's calls.
#[derive(Default)]
pub(super) struct Ids {
    /// Calls so far.
    calls: usize,
    /// Calls that have no id of their own and no result yet: their names and ids.
    open: Vec<(String, String)>,
}

impl Ids {
    /// The id of a call, which is made where it has none.
    pub(super) fn of_call(&mut self, call: &Call<'_>) -> String {
        self.calls += 1;
        if let Some(id) = call.id.as_ref().filter(|id| !id.is_empty()) {
            return plain(&id.decode());
        }
        let id = format!("call_{}", self.calls);
        self.open
            .push((call.name.decode().into_owned(), id.clone()));
        id
    }

    /// The id of the call that a result answers: where it names none, the first call of its name
    /// without one.
    pub(super) fn of_result(&mut self, result: &ToolResult<'_>) -> Result<String, Refused> {
        if let Some(id) = result.id.as_ref().filter(|id| !id.is_empty()) {
            return Ok(plain(&id.decode()));
        }
        let name = result.name.as_ref().map(Text::decode);
        let mut open = self.open.iter();
        let at = open.position(|(called, _)| name.as_ref().is_none_or(|name| name == called));
        match at {
            Some(at) => Ok(self.open.remove(at).1),
            None => Err(Refused::new(
                "tool result",
                "answers no call of the conversation",
            )),
        }
    }
}

/// An id that is taken; another becomes one that is as unique.
fn plain(id: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match id.len() <= 64 && id.bytes().all(is_plain) {
        true => id.to_owned(),
        false => format!("call_{:016x}", hash::of(id.as_bytes())),
    }
}
