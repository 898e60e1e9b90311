//! `embeddings:`: the embedder that policies may use.

use std::time::Duration;

use super::Target;

/// The embedder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embeddings {
    /// Its upstream, and its model there.
    pub target: Target,
    /// Time that a policy waits for vectors. Default 50 ms.
    pub timeout: Duration,
    /// Largest text, in bytes. Default 8 KiB.
    pub largest: usize,
    /// Vectors that are kept, in bytes. Default 4 MiB.
    pub cache: usize,
    /// Requests at once. Default 32.
    pub in_flight: usize,
    /// Numbers of a vector. None: as many as the model has.
    pub dimensions: Option<u32>,
}
