//! Calls of tools and their results, brought together by ids.
//!
//! A result names its function and follows its call; ids are optional, and many apps write none.

use std::collections::VecDeque;

use crate::translate::{
    form::{Part, Request, Role},
    text::Text,
};

/// A call that has no result yet.
struct Waiting<'a> {
    id: Text<'a>,
    name: Text<'a>,
}

/// Gives every call an id, and every result that of its call. The ids follow from the places in the
/// conversation, so that they are the same in the next request of it.
pub(super) fn pair(request: &mut Request<'_>) {
    let mut waiting = VecDeque::new();
    let mut answered = false;
    for (turn, at) in request.turns.iter_mut().zip(0_usize..) {
        if turn.role == Role::Assistant && std::mem::take(&mut answered) {
            waiting.clear();
        }
        let mut calls = 0;
        for part in &mut turn.parts {
            match part {
                Part::Call(call) => {
                    let id = call
                        .id
                        .get_or_insert_with(|| Text::plain(format!("call_{at}_{calls}")));
                    waiting.push_back(Waiting {
                        id: id.clone(),
                        name: call.name.clone(),
                    });
                    calls += 1;
                }
                Part::Result(result) => {
                    answered = true;
                    let by_id = result.id.as_ref().and_then(|id| {
                        let id = id.decode();
                        waiting.iter().position(|call| call.id.decode() == id)
                    });
                    let found = by_id.or_else(|| {
                        let name = result.name.as_ref()?.decode();
                        waiting.iter().position(|call| call.name.decode() == name)
                    });
                    if let Some(call) = found.and_then(|found| waiting.remove(found)) {
                        result.id = Some(call.id);
                    }
                }
                Part::Text { .. } | Part::Media(_) | Part::Reasoning { .. } | Part::Refusal(_) => {}
            }
        }
    }
}
