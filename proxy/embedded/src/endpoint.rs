//! The endpoints of the embedded model: a row each.

use dialect::Dialect;

use super::{
    audio, body::Events, chat, completions, converse, embeddings, gemini, images, interactions,
    messages, moderations, request::Request, rerank, responses,
};

/// The API whose shapes an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Chat,
    Responses,
    Messages,
    Completions,
    Embeddings,
    Gemini,
    Interactions,
    Converse,
    /// Bedrock's InvokeModel, of a model that takes `anthropic.messages`.
    Invoke,
    Images,
    Moderations,
    Rerank,
    Speech,
    Transcription,
}

/// Whose errors an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    Openai,
    Anthropic,
    Google,
    Amazon,
}

impl Shape {
    pub(super) const fn provider(self) -> Provider {
        match self {
            Self::Messages => Provider::Anthropic,
            Self::Gemini | Self::Interactions => Provider::Google,
            Self::Converse | Self::Invoke => Provider::Amazon,
            Self::Chat
            | Self::Responses
            | Self::Completions
            | Self::Embeddings
            | Self::Images
            | Self::Moderations
            | Self::Rerank
            | Self::Speech
            | Self::Transcription => Provider::Openai,
        }
    }

    /// The dialect of Google's whose errors it has.
    pub(super) const fn google(self) -> Dialect {
        match self {
            Self::Interactions => Dialect::GeminiInteractions,
            _ => Dialect::GeminiGenerate,
        }
    }
}

/// An endpoint.
pub(super) struct Endpoint {
    /// The end of its paths.
    pub(super) end: &'static str,
    pub(super) shape: Shape,
    /// Writes a whole reply; `None` where there are streams alone.
    whole: Option<fn(&Request) -> String>,
    /// Writes a stream; `None` where every reply is whole.
    stream: Option<fn(&Request) -> Events>,
}

/// A reply's content.
pub(super) enum Content {
    Whole(String),
    Stream(Events),
}

impl Endpoint {
    /// The endpoint at a path.
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        ENDPOINTS
            .iter()
            .find(|endpoint| path.ends_with(endpoint.end))
    }

    /// Reports whether the reply to a request is a stream of events, which may have an error among
    /// them.
    pub(super) fn streams(&self, request: &Request) -> bool {
        request.stream && self.stream.is_some()
    }

    /// Writes the reply: a stream where one was requested, or where there is nothing else.
    pub(super) fn content(&self, request: &Request) -> Content {
        match (self.whole, self.stream) {
            (Some(whole), None) => Content::Whole(whole(request)),
            (Some(whole), _) if !request.stream => Content::Whole(whole(request)),
            (_, Some(stream)) => Content::Stream(stream(request)),
            (None, None) => Content::Stream(Events::default()),
        }
    }
}

const fn both(
    end: &'static str,
    shape: Shape,
    whole: fn(&Request) -> String,
    stream: fn(&Request) -> Events,
) -> Endpoint {
    Endpoint {
        end,
        shape,
        whole: Some(whole),
        stream: Some(stream),
    }
}

const fn whole(end: &'static str, shape: Shape, whole: fn(&Request) -> String) -> Endpoint {
    Endpoint {
        end,
        shape,
        whole: Some(whole),
        stream: None,
    }
}

const fn streamed(end: &'static str, shape: Shape, stream: fn(&Request) -> Events) -> Endpoint {
    Endpoint {
        end,
        shape,
        whole: None,
        stream: Some(stream),
    }
}

/// All of them; the first whose end fits is meant.
#[rustfmt::skip]
pub(super) static ENDPOINTS: &[Endpoint] = &[
    both("/chat/completions", Shape::Chat, chat::whole, chat::stream),
    both("/completions", Shape::Completions, completions::whole, completions::stream),
    both("/responses", Shape::Responses, responses::whole, responses::stream),
    whole("/responses/input_tokens", Shape::Responses, responses::count),
    both("/messages", Shape::Messages, messages::whole, messages::stream),
    whole("/messages/count_tokens", Shape::Messages, messages::count),
    whole(":generateContent", Shape::Gemini, gemini::whole),
    both(":streamGenerateContent", Shape::Gemini, gemini::listed, gemini::stream),
    whole(":countTokens", Shape::Gemini, gemini::count),
    both("/interactions", Shape::Interactions, interactions::whole, interactions::stream),
    whole("/converse", Shape::Converse, converse::whole),
    streamed("/converse-stream", Shape::Converse, converse::stream),
    whole("/invoke", Shape::Invoke, messages::whole),
    streamed("/invoke-with-response-stream", Shape::Invoke, messages::framed),
    whole("/embeddings", Shape::Embeddings, embeddings::whole),
    both("/images/generations", Shape::Images, images::whole, images::stream),
    whole("/moderations", Shape::Moderations, moderations::whole),
    whole("/rerank", Shape::Rerank, rerank::whole),
    streamed("/audio/speech", Shape::Speech, audio::speech),
    both("/audio/transcriptions", Shape::Transcription, audio::transcription, audio::transcription_stream),
];
