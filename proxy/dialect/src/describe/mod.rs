//! Descriptions: the contents of a dialect's documents, as static data, and the one walk that reads
//! a document by them.
//!
//! A description is *total*. [`shape`] has no rule that means "ignore a string": what is text is
//! yielded with its place, what no rule names (an unknown member, a known one in an unknown form, a
//! string that does not look like what it is exempt for) is yielded all the same, under the place
//! that its surroundings give to the rest, and what no policy can be shown is counted under the
//! name of its kind. So a member that a provider invents tomorrow is read the day it is sent, and
//! nobody needs to list it first.

pub(super) mod answer;
pub(super) mod schema;
pub(super) mod shape;
#[cfg(test)]
pub(super) mod tests;
pub(super) mod walk;

use super::{Kind, answer::Form, replay::Replay, reply::format::Format, usage::Sums};
pub use shape::Exempt;

/// The company that designed an API. Others serve it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// OpenAI, and whoever serves its API.
    Openai,
    /// Anthropic.
    Anthropic,
    /// Google: the Gemini API.
    Google,
}

impl Provider {
    /// The word of the semantic conventions: `gen_ai.provider.name`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Google => "gcp.gemini",
        }
    }
}

/// The properties of one dialect. Adding a dialect is a folder beside this one, whose `DESCRIPTION`
/// it is, a row in the table of [`Dialect`](super::Dialect), and its path in
/// [`recognise`](super::recognise).
pub(crate) struct Description {
    /// The name in configuration, metrics and logs.
    pub name: &'static str,
    /// The designer of the API: routing, labels, and the shape of errors go by it.
    pub provider: Provider,
    /// The name of what its calls do, in the terms of the semantic conventions:
    /// `gen_ai.operation.name`.
    pub operation: &'static str,
    /// The work that its calls cause at the provider.
    pub kind: Kind,
    /// The end of the paths that take the same body to count its tokens.
    pub counting: Option<&'static str>,
    /// A path at which it is served, for calls that nobody sent.
    pub path: &'static str,
    /// The label under which a body at its endpoint counts where it can't be read, as with an
    /// unknown method.
    pub unread: &'static str,
    /// Its features.
    pub features: Features,
    /// A request's body.
    pub request: &'static shape::Shape,
    /// A whole reply.
    pub reply: &'static shape::Rule,
    /// An event of a streamed one.
    pub event: &'static shape::Rule,
    /// The functions that read replies, and write what no provider sent.
    pub format: &'static Format,
    /// The functions that change the form of a stored reply; `None` if none is stored.
    pub replay: Option<&'static Replay>,
    /// The form in which a request is answered with a text, or the reason why it can't be.
    pub answer: Result<&'static Form, &'static str>,
    /// The error for a request without a conversation or an input, where the API needs one.
    pub without_input: Option<&'static str>,
    /// The dialect of the requests that a body of this one is a list of, each in a
    /// [`shape::Rule::Document`].
    pub batch_of: Option<super::Dialect>,
    /// JSON pointers to the limit on generated tokens, the newest name first.
    pub limits: &'static [&'static str],
    /// Tokens that the provider puts around each message.
    pub message_tokens: u64,
    /// JSON pointers to how many replies are generated, each up to the limit.
    pub choices: &'static [&'static str],
    /// JSON pointer to what may be a list of prompts, each of which is answered on its own.
    pub prompts: Option<&'static str>,
    /// JSON pointer to what may be the ids of tokens instead of their text.
    pub token_ids: Option<&'static str>,
    /// JSON pointer to what may be their vectors.
    pub vectors: Option<&'static str>,
    /// The rule by which the numbers of its usage add up.
    pub usage: Sums,
}

/// The features that some dialects have and others lack.
pub(crate) struct Features {
    /// True if model and streaming stand in the path and not in the body: see
    /// [`address`](super::address).
    pub is_addressed: bool,
    /// True if a reply can be requested as a stream.
    pub has_stream: bool,
    /// True if `stream_options` asks for a stream's usage.
    pub has_stream_options: bool,
    /// True if a reply can be requested in the `background`.
    pub has_background: bool,
    /// True if later events of a stream repeat the texts of its deltas.
    pub repeats_text: bool,
    /// True if every event of a stream has a number. An error's has its members beside the error,
    /// too.
    pub numbers_events: bool,
    /// True if every event of a stream has its name in `event_type`, an error's too.
    pub has_event_types: bool,
    /// True if a reply's `status` says that it failed.
    pub has_status: bool,
    /// True if one reply may hold several, each a text of its own.
    pub has_choices: bool,
    /// True if `data: [DONE]` ends its streams.
    pub has_done: bool,
    /// True if a whole reply may be several documents, one a line.
    pub has_lines: bool,
}

impl Features {
    /// None of them.
    pub(crate) const NONE: Self = Self {
        is_addressed: false,
        has_stream: false,
        has_stream_options: false,
        has_background: false,
        repeats_text: false,
        numbers_events: false,
        has_event_types: false,
        has_status: false,
        has_choices: false,
        has_done: false,
        has_lines: false,
    };
    /// Those of a format that is never read.
    pub(crate) const UNREAD: Self = Self {
        has_stream: true,
        has_done: true,
        ..Self::NONE
    };
}
