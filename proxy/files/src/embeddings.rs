//! `embeddings:`: the embedder that policies may use.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scalars::{Count, Optional, Size, Span, Text};

/// The embedder: a model that turns texts into vectors.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Embeddings {
    /// The model, as `upstream/model`: `ollama/all-minilm`. Its upstream offers
    /// `openai.embeddings`, or is the embedded one. An upstream without a key is
    /// sent none: callers' keys are not used.
    pub target: Text,
    /// Time that a policy waits for vectors; after it they are unavailable. Default `50ms`.
    #[serde(default)]
    pub timeout: Optional<Span>,
    /// Largest text. Default `8KiB`.
    #[serde(default)]
    pub largest: Optional<Size>,
    /// Vectors that are kept by the hash of their text. Default `4MiB`.
    #[serde(default)]
    pub cache: Optional<Size>,
    /// Requests to the embedder at once; what comes beyond is unavailable. Default 32.
    #[serde(default)]
    pub in_flight: Optional<Count>,
    /// Numbers of a vector, for models that can shorten theirs. Left out: as many as the model has.
    #[serde(default)]
    pub dimensions: Optional<Count>,
}
