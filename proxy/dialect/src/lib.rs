#![doc = include_str!("../README.md")]
//!
//! # Inside
//!
//! One folder per wire format, whose `DESCRIPTION` is its row in the table of [`Dialect`], and the
//! JSON and SSE mechanics that they share. Nothing parses a document into a tree. A `json` cursor
//! walks the original bytes once and notes where the strings are that may be shown; an edit is a
//! splice into those bytes.

// Every `match` must decide about a new dialect, rule, place or kind of value: the compiler names
// each of them.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

use std::fmt;

use describe::{Description, Features, Provider};

pub mod address;
pub mod answer;
mod anthropic_batches;
mod anthropic_messages;
#[cfg(test)]
pub(crate) mod arbitrary;
pub mod canon;
pub mod describe;
pub mod endpoint;
pub mod event_stream;
pub mod failure;
mod fetched;
#[cfg(test)]
mod fuzz;
mod gemini_generate;
mod gemini_interactions;
pub mod hash;
pub mod hold;
pub mod in_band;
mod json;
mod kind;
pub mod models;
mod openai_chat;
mod openai_completions;
mod openai_conversations;
mod openai_embeddings;
mod openai_images;
mod openai_moderations;
mod openai_responses;
pub mod recognise;
pub mod replay;
pub mod reply;
pub mod request;
mod rerank;
pub mod splice;
pub mod sse;
pub mod tap;
pub mod tokens;
pub mod translate;
pub mod unseen;
mod usage;
pub mod usage_chunk;
pub mod vectors;

pub use kind::Kind;
pub use usage::{Details, Tier};

/// Writes the table of dialects: for each its variant and the row of its folder.
macro_rules! dialects {
    ($($(#[$doc:meta])+ $dialect:ident: $row:path,)+) => {
        /// The wire format of one LLM API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Dialect {
            $($(#[$doc])+ $dialect,)+
            /// Every other format: relayed, never read.
            Other,
        }

        impl Dialect {
            /// All of them, in the contract's order.
            pub const ALL: [Self; [$(stringify!($dialect),)+ "Other"].len()] =
                [$(Self::$dialect,)+ Self::Other];

            /// Its row in the table of dialects; `None` for what is never read.
            pub(crate) const fn description(self) -> Option<&'static Description> {
                match self {
                    $(Self::$dialect => Some(&$row),)+
                    Self::Other => None,
                }
            }
        }
    };
}

dialects! {
    /// `POST …/chat/completions`.
    OpenaiChat: openai_chat::DESCRIPTION,
    /// `POST …/responses`.
    OpenaiResponses: openai_responses::DESCRIPTION,
    /// `POST …/completions`: the older one, text in and text out.
    OpenaiCompletions: openai_completions::DESCRIPTION,
    /// `POST …/embeddings`: text in, vectors out.
    OpenaiEmbeddings: openai_embeddings::DESCRIPTION,
    /// `POST …/messages`.
    AnthropicMessages: anthropic_messages::DESCRIPTION,
    /// `POST …/messages/batches`: requests of [`Self::AnthropicMessages`], whose replies are
    /// fetched later.
    AnthropicBatches: anthropic_batches::DESCRIPTION,
    /// `POST …/models/MODEL:generateContent`, `:streamGenerateContent`. Model and streaming stand
    /// in the path: see [`address`].
    GeminiGenerate: gemini_generate::DESCRIPTION,
    /// `POST …/interactions`: replies that the provider keeps, of models and of agents.
    GeminiInteractions: gemini_interactions::DESCRIPTION,
    /// `POST …/images/generations`.
    OpenaiImages: openai_images::DESCRIPTION,
    /// `POST …/moderations`.
    OpenaiModerations: openai_moderations::DESCRIPTION,
    /// `POST …/conversations`, `…/conversations/ID`, `…/conversations/ID/items`: items of
    /// [`Self::OpenaiResponses`] that the provider keeps for later calls.
    OpenaiConversations: openai_conversations::DESCRIPTION,
    /// `POST …/rerank`: documents in the order in which they answer a query.
    Rerank: rerank::DESCRIPTION,
}

impl Dialect {
    /// The name in configuration, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self.description() {
            Some(description) => description.name,
            None => "other",
        }
    }

    /// Reports whether its bodies are read.
    pub const fn is_read(self) -> bool {
        self.description().is_some()
    }

    /// Name of what its calls do, in the terms of the semantic conventions:
    /// `gen_ai.operation.name`.
    pub const fn operation(self) -> &'static str {
        match self.description() {
            Some(description) => description.operation,
            None => "other",
        }
    }

    /// A path at which it is served, for calls that nobody sent; `None` for what is never read.
    pub const fn example_path(self) -> Option<&'static str> {
        match self.description() {
            Some(description) => Some(description.path),
            None => None,
        }
    }

    /// The designer of its API; `None` for what is never read.
    pub const fn provider(self) -> Option<Provider> {
        match self.description() {
            Some(description) => Some(description.provider),
            None => None,
        }
    }

    /// Its features.
    const fn features(self) -> &'static Features {
        match self.description() {
            Some(description) => &description.features,
            None => &Features::UNREAD,
        }
    }

    /// Reports whether a whole reply of it may be several documents, one a line.
    pub const fn has_lines(self) -> bool {
        self.features().has_lines
    }

    /// The dialect of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// The place of a passage or a delta in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Place {
    /// The system or developer prompt, `instructions`.
    System,
    /// The user's text.
    User,
    /// The model's text.
    Assistant,
    /// The result of a tool.
    ToolResult,
    /// The arguments of a tool call: JSON source text.
    ToolArguments,
    /// A tool's description and its parameters' descriptions.
    ToolDefinition,
    /// The model's reasoning, where it is neither signed nor encrypted.
    Reasoning,
    /// The model's own refusal.
    Refusal,
    /// `metadata`, `user` and their like.
    Metadata,
    /// A string that no description of the dialect names: an unknown member, part or item, or a
    /// known one in an unknown form.
    Other,
}

/// A set of places.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Places(u16);

impl Places {
    /// No place.
    pub const NONE: Self = Self(0);
    /// Every place.
    pub const ALL: Self = Self(0x3ff);

    /// The set with `place` in it.
    #[must_use]
    pub const fn with(self, place: Place) -> Self {
        Self(self.0 | 1 << place as u16)
    }
    /// The places of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// Reports whether `place` is in the set.
    pub const fn contains(self, place: Place) -> bool {
        self.0 & 1 << place as u16 != 0
    }
    /// Reports whether the set has no place.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Place {
    /// The place of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }

    /// All of them, in the contract's order.
    pub const ALL: [Self; 10] = [
        Self::System,
        Self::User,
        Self::Assistant,
        Self::ToolResult,
        Self::ToolArguments,
        Self::ToolDefinition,
        Self::Reasoning,
        Self::Refusal,
        Self::Metadata,
        Self::Other,
    ];

    /// The contract's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::ToolResult => "tool-result",
            Self::ToolArguments => "tool-arguments",
            Self::ToolDefinition => "tool-definition",
            Self::Reasoning => "reasoning",
            Self::Refusal => "refusal",
            Self::Metadata => "metadata",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Places {
    /// The places' names, or `nothing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut any = false;
        for place in Place::ALL.into_iter().filter(|place| self.contains(*place)) {
            f.write_str(if any { ", " } else { "" })?;
            f.write_str(place.name())?;
            any = true;
        }
        if any { Ok(()) } else { f.write_str("nothing") }
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Places({:#b})", self.0)
    }
}

/// One editable string of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// An id: the same for this string until the body is replaced.
    pub id: u32,
    /// The place that it belongs to.
    pub place: Place,
    /// Index of its message, [`NO_MESSAGE`] where it belongs to none.
    pub message: u32,
    /// True if the text is JSON source: of a tool's arguments, or of a member that no description
    /// names. What takes the place of a value that is an object or a list has to be JSON again;
    /// what takes a number's place and is none becomes a string.
    pub json: bool,
    /// Decoded text: JSON escapes are resolved.
    pub text: String,
}

/// The message index of passages that stand outside the conversation.
pub const NO_MESSAGE: u32 = u32::MAX;

/// The text that arrived for one channel of a reply: a choice's text, its reasoning, one tool
/// call's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// An id: the same for the same growing string, over all of the reply.
    pub channel: u32,
    /// The choice it belongs to.
    pub choice: u32,
    /// The place that it belongs to.
    pub place: Place,
    /// True if the text is JSON source; what takes the place of a value that is no string has to be
    /// JSON again.
    pub json: bool,
    /// Decoded text.
    pub text: String,
    /// True if nothing more comes for this channel.
    pub last: bool,
}

/// Tokens that a provider reported, or that were estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All tokens of the prompt, cached and written ones included.
    pub input: u64,
    /// Those of `input` that the provider had cached.
    pub cached: u64,
    /// Those of `input` that it wrote into its cache.
    pub written: u64,
    /// All generated tokens, reasoning included.
    pub output: u64,
    /// Those of `output` that were reasoning, where the provider reports them.
    pub reasoning: u64,
    /// True if the host estimated them, as the provider reported nothing.
    pub estimated: bool,
    /// Parts of them that have prices of their own.
    pub details: Details,
}

/// The reason why bytes could not be read in their format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct Malformed {
    /// The fault, for the person who sent the bytes; never quotes the document.
    pub what: &'static str,
    /// Byte offset.
    pub at: usize,
}

impl Malformed {
    pub(crate) const fn new(what: &'static str, at: usize) -> Self {
        Self { what, at }
    }
}
