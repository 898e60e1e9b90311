//! The conversation as the dialect wants it: neighbours of one speaker merged, the results of tools
//! before everything else of theirs, nothing empty.

use super::{
    super::super::{
        form::{Part, Request, Role, ToolResult},
        loss::{Dropped, Refused},
        opaque::{Opaque, OpaqueKind},
        target::Target,
    },
    blocks::is_blank,
};

/// A conversation, and the instructions before it.
pub(super) struct Conversation<'r, 'a> {
    pub(super) system: Vec<&'r Part<'a>>,
    pub(super) messages: Vec<Message<'r, 'a>>,
}

/// A message.
pub(super) struct Message<'r, 'a> {
    pub(super) is_assistant: bool,
    pub(super) results: Vec<&'r ToolResult<'a>>,
    pub(super) parts: Vec<&'r Part<'a>>,
}

impl<'r, 'a> Conversation<'r, 'a> {
    pub(super) fn of(
        request: &'r Request<'a>,
        target: &Target<'_>,
        dropped: &mut Dropped,
    ) -> Result<Self, Refused> {
        let mut messages: Vec<Message<'r, 'a>> = Vec::with_capacity(request.turns.len());
        for turn in &request.turns {
            // Few models take instructions in the middle, in few places: all take them as the
            // user's.
            if turn.role == Role::System {
                dropped.add("role");
            }
            let is_assistant = turn.role == Role::Assistant;
            for part in &turn.parts {
                if !is_written(part, target, dropped) {
                    continue;
                }
                let goes_on = messages
                    .last()
                    .is_some_and(|last| last.is_assistant == is_assistant);
                if !goes_on {
                    messages.push(Message {
                        is_assistant,
                        results: Vec::new(),
                        parts: Vec::new(),
                    });
                }
                match (messages.last_mut(), part) {
                    (Some(message), Part::Result(result)) => message.results.push(result),
                    (Some(message), part) => message.parts.push(part),
                    (None, _) => {}
                }
            }
        }
        let mut system: Vec<&'r Part<'a>> = request
            .system
            .iter()
            .filter(|part| is_written(part, target, dropped))
            .collect();
        if messages.is_empty() {
            if system.is_empty() {
                return Err(Refused::malformed("messages", "say nothing"));
            }
            // Instructions alone are no conversation here.
            dropped.add("role");
            messages.push(Message {
                is_assistant: false,
                results: Vec::new(),
                parts: std::mem::take(&mut system),
            });
        }
        let conversation = Self { system, messages };
        if conversation.ends_with_assistant() && target.takes.refuses_prefill {
            return Err(Refused::new(
                "messages",
                "end with the model's own turn, which the target's model does not take",
            ));
        }
        Ok(conversation)
    }

    /// Reports whether the model is to go on with a turn of its own.
    pub(super) fn ends_with_assistant(&self) -> bool {
        self.messages.last().is_some_and(|last| last.is_assistant)
    }

    /// Reports whether a budget of thinking is taken for the last turn: where it goes on with a
    /// call's result, the turn has to begin with what was thought before that call; where its text
    /// was begun, none is taken.
    pub(super) fn takes_budget(&self) -> bool {
        let mut backwards = self.messages.iter().rev();
        let Some(last) = backwards.next() else {
            return true;
        };
        if last.is_assistant {
            return false;
        }
        let begins_with_thought = |message: &Message<'_, '_>| {
            matches!(message.parts.first(), Some(Part::Reasoning { .. }))
        };
        last.results.is_empty() || backwards.next().is_none_or(begins_with_thought)
    }
}

/// Decides whether a part is written, and counts reasoning that is not.
fn is_written(part: &Part<'_>, target: &Target<'_>, dropped: &mut Dropped) -> bool {
    match part {
        Part::Text { text, .. } | Part::Refusal(text) => !is_blank(text),
        Part::Media(_) | Part::Call(_) | Part::Result(_) => true,
        Part::Reasoning { opaque, .. } => {
            let goes_home = opaque
                .as_ref()
                .is_some_and(|opaque| is_home(opaque, target));
            if !goes_home {
                dropped.add("reasoning");
            }
            goes_home
        }
    }
}

/// Reports whether opaque reasoning was made by the target, in a form of this dialect.
fn is_home(opaque: &Opaque<'_>, target: &Target<'_>) -> bool {
    [OpaqueKind::Signature, OpaqueKind::Redacted]
        .into_iter()
        .any(|kind| opaque.at_home(target.origin, kind).is_some())
}
