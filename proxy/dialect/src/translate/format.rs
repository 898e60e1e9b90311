//! The table of wire formats between which calls are translated: for each its reader and its
//! writer, of requests and of replies.

use std::borrow::Cow;

use super::{
    event::Sink,
    form::Request,
    loss::{Dropped, Refused},
    opaque::Origin,
    target::Target,
};
use crate::{Dialect, Malformed};

/// A wire format that a target speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// `openai.chat`.
    Chat,
    /// `openai.responses`.
    Responses,
    /// `anthropic.messages`.
    Messages,
    /// `gemini.generate`.
    Gemini,
    /// Amazon Bedrock's Converse, which no caller speaks.
    Converse,
}

/// The functions of one wire format.
pub(super) struct Format {
    /// Reads a caller's request; `None` where no caller speaks it.
    pub(super) read_request: Option<ReadRequest>,
    /// Writes the request for a target.
    pub(super) write_request: WriteRequest,
    /// A reader of a target's reply.
    pub(super) reader: fn(ReplyContext) -> Box<dyn ReadReply>,
    /// A writer of a caller's reply; `None` where no caller speaks it.
    pub(super) writer: Option<fn(ReplyContext) -> Box<dyn WriteReply>>,
}

/// Reads a caller's request. What is not carried at all is noted; what is wrong in its own dialect
/// is refused.
pub(super) type ReadRequest = for<'a> fn(&'a [u8], &mut Dropped) -> Result<Request<'a>, Refused>;

/// Writes the request for a target.
pub(super) type WriteRequest = for<'r, 'a, 't> fn(
    &'r Request<'a>,
    &'r Target<'t>,
    &'r mut Dropped,
) -> Result<Written, Refused>;

/// A request as it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The path and query at the API's designer, such as `/v1/messages`; the model is in it where
    /// the dialect has it there.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The parts of a request that the two ends of its reply depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyContext {
    /// The exchange's id, of which ids are made in the caller's style.
    pub id: String,
    /// The model, as the caller named it.
    pub model: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The caller wants a stream.
    pub stream: bool,
    /// The caller wants a stream as one JSON array (Gemini's without `alt=sse`).
    pub listed: bool,
    /// Tokens of the prompt, by estimate, for beginnings that must name a number.
    pub prompt_tokens: u64,
    /// The target's origin.
    pub origin: Origin,
}

/// Reads a target's reply. One is made for each reply, and reads either one document or the events
/// of one stream.
pub(crate) trait ReadReply: Send + Sync {
    /// Reads the data of one event of a stream; `name` is its `event:`, empty where it has none.
    ///
    /// # Errors
    /// It is malformed: the reply can't be trusted any more.
    fn read_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed>;

    /// Reads a whole reply, of a success, to its end.
    ///
    /// # Errors
    /// It is malformed.
    fn read_whole(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed>;

    /// Notes that the stream ended, where its dialect has no mark for its end (Gemini): gives the
    /// rest where it is complete.
    fn finish(&mut self, _sink: &mut dyn Sink) {}
}

/// Writes a caller's reply, whole or as a stream, as its [`ReplyContext`] says. A whole reply is
/// written at [`Event::End`](super::event::Event::End), and not before.
pub(crate) trait WriteReply: Sink + Send + Sync {
    /// Takes what is written so far.
    fn take_written(&mut self) -> Vec<u8>;
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Chat,
        Self::Responses,
        Self::Messages,
        Self::Gemini,
        Self::Converse,
    ];

    /// The wire format of a dialect; `None` where calls of it are not translated.
    pub const fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::OpenaiChat => Some(Self::Chat),
            Dialect::OpenaiResponses => Some(Self::Responses),
            Dialect::AnthropicMessages => Some(Self::Messages),
            Dialect::GeminiGenerate => Some(Self::Gemini),
            Dialect::OpenaiCompletions
            | Dialect::OpenaiEmbeddings
            | Dialect::AnthropicBatches
            | Dialect::GeminiInteractions
            | Dialect::OpenaiImages
            | Dialect::OpenaiModerations
            | Dialect::OpenaiConversations
            | Dialect::Rerank
            | Dialect::Other => None,
        }
    }

    /// The dialect of the replies' errors and events; `None` of what no caller speaks.
    pub const fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Chat => Some(Dialect::OpenaiChat),
            Self::Responses => Some(Dialect::OpenaiResponses),
            Self::Messages => Some(Dialect::AnthropicMessages),
            Self::Gemini => Some(Dialect::GeminiGenerate),
            Self::Converse => None,
        }
    }

    /// The name in configuration, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self.dialect() {
            Some(dialect) => dialect.name(),
            None => "bedrock.converse",
        }
    }

    /// The body with schemas as every other dialect has them, in their places: Gemini's are a
    /// subset of OpenAPI's. Borrowed where there is nothing to change.
    pub(super) fn with_json_schemas(self, body: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Gemini => super::gemini::with_json_schemas(body),
            Self::Chat | Self::Responses | Self::Messages | Self::Converse => Cow::Borrowed(body),
        }
    }

    /// Its row.
    pub(super) const fn format(self) -> &'static Format {
        match self {
            Self::Chat => &super::chat::FORMAT,
            Self::Responses => &super::responses::FORMAT,
            Self::Messages => &super::messages::FORMAT,
            Self::Gemini => &super::gemini::FORMAT,
            Self::Converse => &super::converse::FORMAT,
        }
    }
}
