//! A reply between two dialects: what a model says, in the order in which it says it.
//!
//! A stream and a whole reply are the same events, so each dialect has one way of meaning them. A
//! reader gives them to a [`Sink`], which is another dialect's writer.

use super::{opaque::Opaque, text::Text};
use crate::{Usage, failure::ErrorFacts};

/// A piece of a reply.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The reply begins. Comes once, first.
    Begin {
        /// The provider's id of it.
        id: Option<Text<'a>>,
        /// The model that serves it, as the provider names it.
        model: Option<Text<'a>>,
    },
    /// More text of a choice.
    Text {
        /// The choice; 0 nearly always.
        choice: u32,
        /// The text.
        text: Text<'a>,
    },
    /// More of the reasoning that can be read.
    Reasoning {
        /// The choice.
        choice: u32,
        /// The text.
        text: Text<'a>,
    },
    /// Reasoning that its provider alone can read. Ends the reasoning before it, and belongs
    /// to that or, without any, to what follows.
    Opaque {
        /// The choice.
        choice: u32,
        /// It.
        opaque: Opaque<'a>,
    },
    /// More of the model's own refusal.
    Refusal {
        /// The choice.
        choice: u32,
        /// The text.
        text: Text<'a>,
    },
    /// A call of a tool begins. Its id and name come here, and once.
    Call {
        /// The choice.
        choice: u32,
        /// Its number in the reply, counted from 0 in the order of their beginnings by the reader:
        /// never the provider's own, which repeats.
        call: u32,
        /// The provider's id of it.
        id: Option<Text<'a>>,
        /// The function's name.
        name: Text<'a>,
    },
    /// More source text of a call's arguments; calls may grow side by side. Together they are JSON.
    Arguments {
        /// The choice.
        choice: u32,
        /// The call's number.
        call: u32,
        /// The text.
        text: Text<'a>,
    },
    /// A call's arguments are complete. Comes for every call before the finish.
    CallEnd {
        /// The choice.
        choice: u32,
        /// The call's number.
        call: u32,
    },
    /// The tokens so far, or at all. May come several times, before and after the finish; the last
    /// counts.
    Usage(Usage),
    /// A choice is complete.
    Finish {
        /// The choice.
        choice: u32,
        /// The reason.
        reason: Finish,
        /// The text at which it stopped, for [`Finish::StopSequence`].
        stop: Option<Text<'a>>,
    },
    /// Something of the reply that no other dialect has, by a name of a bounded set, such as
    /// `citations` or `logprobs`: left out and counted.
    Dropped(&'static str),
    /// The provider reports a failure in the place of the rest. Nothing follows.
    Error(Box<ErrorFacts>),
    /// The reply is complete, as its dialect says it. Nothing follows. A stream that ends without
    /// it was cut.
    End,
}

/// A reason for which a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It had said all.
    Stop,
    /// At a text that the caller named.
    StopSequence,
    /// At the most tokens that it might generate.
    Length,
    /// At the end of its context window.
    ContextWindow,
    /// It waits for the results of tools.
    Calls,
    /// A filter of the provider's ended it.
    Filtered,
    /// The model, or its provider, refused to answer.
    Refused,
    /// The provider wants to go on in another request (Anthropic's `pause_turn`).
    Pause,
    /// It came to nothing: a malformed call, a failure without words. Writers are given an
    /// [`Event::Error`] in its place.
    Broken,
}

impl Finish {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Stop,
        Self::StopSequence,
        Self::Length,
        Self::ContextWindow,
        Self::Calls,
        Self::Filtered,
        Self::Refused,
        Self::Pause,
        Self::Broken,
    ];
}

/// Takes the pieces of a reply.
pub(crate) trait Sink {
    /// Takes the next piece.
    fn take(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Sink for F {
    fn take(&mut self, event: Event<'_>) {
        self(event);
    }
}
