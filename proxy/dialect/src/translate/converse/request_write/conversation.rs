//! The conversation as Converse wants it: it begins with the user, neighbours of one speaker are
//! merged, results of tools stand before everything else of theirs, nothing is empty.

use super::{
    super::super::{
        form::{MediaKind, Part, Request, Role, ToolResult},
        loss::{Dropped, Refused},
        opaque::{Opaque, OpaqueKind},
        takes::SystemRole,
        target::Target,
    },
    is_blank,
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
        let mut conversation = Self {
            system: Vec::new(),
            messages: Vec::with_capacity(request.turns.len()),
        };
        let is_written = |part: &&'r Part<'a>| is_said(part);
        let instructions = request.system.iter().filter(is_written);
        match target.takes.system_role {
            SystemRole::None => {
                for part in instructions {
                    conversation.add(part, false);
                }
            }
            SystemRole::Unknown | SystemRole::System | SystemRole::Developer => {
                conversation.system = instructions.collect();
            }
        }
        for turn in &request.turns {
            // Instructions stand before a conversation only: in its middle they are the user's.
            if turn.role == Role::System {
                dropped.add("role");
            }
            for part in &turn.parts {
                if is_carried(part, target, dropped) {
                    conversation.add(part, turn.role == Role::Assistant);
                }
            }
        }
        conversation.settle(dropped)?;
        conversation.check(target)?;
        Ok(conversation)
    }

    fn add(&mut self, part: &'r Part<'a>, is_assistant: bool) {
        let last = self.messages.last();
        if last.is_none_or(|last| last.is_assistant != is_assistant) {
            self.messages.push(Message {
                is_assistant,
                results: Vec::new(),
                parts: Vec::new(),
            });
        }
        match (self.messages.last_mut(), part) {
            (Some(message), Part::Result(result)) => message.results.push(result),
            (Some(message), part) => message.parts.push(part),
            (None, _) => {}
        }
    }

    /// Instructions alone are no conversation here: then they are the user's.
    fn settle(&mut self, dropped: &mut Dropped) -> Result<(), Refused> {
        if !self.messages.is_empty() {
            return Ok(());
        }
        if self.system.is_empty() {
            return Err(Refused::malformed("messages", "say nothing"));
        }
        dropped.add("role");
        self.messages.push(Message {
            is_assistant: false,
            results: Vec::new(),
            parts: std::mem::take(&mut self.system),
        });
        Ok(())
    }

    fn check(&self, target: &Target<'_>) -> Result<(), Refused> {
        if self
            .messages
            .first()
            .is_some_and(|first| first.is_assistant)
        {
            return Err(Refused::new(
                "messages",
                "begin with the model's own turn, which the target's dialect does not take",
            ));
        }
        if self.ends_with_assistant() && target.takes.refuses_prefill {
            return Err(Refused::new(
                "messages",
                "end with the model's own turn, which the target's model does not take",
            ));
        }
        let has = |message: &Message<'_, '_>, is: fn(&Part<'_>) -> bool| {
            message.parts.iter().any(|part| is(part))
        };
        let lacks_text = |message: &Message<'_, '_>| {
            has(message, is_document) && !has(message, |part| matches!(part, Part::Text { .. }))
        };
        match self.messages.iter().any(lacks_text) {
            true => Err(Refused::new(
                "messages",
                "have a document without a text beside it, which the target's dialect wants",
            )),
            false => Ok(()),
        }
    }

    /// Reports whether the model is to go on with a turn of its own.
    pub(super) fn ends_with_assistant(&self) -> bool {
        self.messages.last().is_some_and(|last| last.is_assistant)
    }

    /// Reports whether Claude takes a budget of thinking for the last turn: where that goes on with
    /// a call's result, it has to begin with what was thought before the call; where its text was
    /// begun, none is taken.
    pub(super) fn takes_budget(&self) -> bool {
        let mut backwards = self.messages.iter().rev();
        let Some(last) = backwards.next() else {
            return true;
        };
        let begins_with_thought = |message: &Message<'_, '_>| {
            matches!(message.parts.first(), Some(Part::Reasoning { .. }))
        };
        !last.is_assistant
            && (last.results.is_empty() || backwards.next().is_none_or(begins_with_thought))
    }
}

fn is_document(part: &Part<'_>) -> bool {
    matches!(part, Part::Media(media) if media.kind == MediaKind::Document)
}

/// Reports whether a part says anything.
pub(super) fn is_said(part: &Part<'_>) -> bool {
    match part {
        Part::Text { text, .. } | Part::Refusal(text) => !is_blank(text),
        Part::Media(_) | Part::Call(_) | Part::Result(_) | Part::Reasoning { .. } => true,
    }
}

/// Reports whether a part is written; what is left out but for its emptiness is noted.
fn is_carried(part: &Part<'_>, target: &Target<'_>, dropped: &mut Dropped) -> bool {
    let Part::Reasoning { opaque, .. } = part else {
        return is_said(part);
    };
    let is_home = |opaque: &Opaque<'_>| {
        [OpaqueKind::Signature, OpaqueKind::Redacted]
            .into_iter()
            .any(|kind| opaque.at_home(target.origin, kind).is_some())
    };
    // What is not signed is never given out as thought.
    let is_carried = opaque.as_ref().is_some_and(is_home);
    if !is_carried {
        dropped.add("reasoning");
    }
    is_carried
}
