//! Vectors of texts, by the embedder that the operator configured. Needs the grant `embeddings`.
//!
//! Texts that mean the same have vectors whose cosine is near to 1. Vectors stay in the proxy, and a
//! policy holds their numbers in its list: [`replies::nearest`](crate::replies::nearest) compares
//! them with those of kept replies, and [`Vector::numbers`] shows one to a policy that computes
//! with it. Calls are bounded in time, and no error of theirs is worth a request: go on without.
//!
//! ```
//! # use outrigger_sdk::{Decision, Places, Policy, Request, embeddings::{self, Vector}};
//! /// Tags requests that are about what the operator describes.
//! # #[derive(serde::Deserialize)] struct About { topic: String, least: f32 }
//! impl Policy for About {
//!     const READS: Places = Places::USER;
//!     fn on_request(&mut self, request: &mut Request) -> Decision {
//!         let question: String = request.last_user().map(|passage| passage.text).collect();
//!         if let Ok(vectors) = embeddings::embed(&[&question, &self.topic])
//!             && let [question, topic] = vectors[..]
//!             && cosine(question, topic) >= self.least
//!         {
//!             request.set_tag("topic", &self.topic);
//!         }
//!         Decision::Forward
//!     }
//! }
//!
//! fn cosine(one: Vector, other: Vector) -> f32 {
//!     let pairs = one.numbers().into_iter().zip(other.numbers());
//!     pairs.map(|(one, other)| one * other).sum()
//! }
//! ```

pub use crate::abi::outrigger::policy::embeddings::Error;
use crate::{host::embeddings, request::owned};

/// The vector of a text, in the exchange that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vector(u32);

impl Vector {
    /// Its numbers; its length is 1, so the cosine of two is the sum of their products. In
    /// `on_request` only.
    #[must_use]
    pub fn numbers(self) -> Vec<f32> {
        embeddings::vector(self.0)
    }

    pub(super) const fn id(self) -> u32 {
        self.0
    }
}

/// Embeds 1 to 16 texts, none of which is empty, and returns a vector for each, in their order. An
/// exchange has 64 vectors at most. In `on_request` only.
///
/// # Errors
/// [`Error::Unavailable`]: there is no embedder, or it did not answer in its time, or not with
/// vectors. [`Error::Invalid`]: the texts are none, too many, empty or larger than the operator's
/// bound.
pub fn embed(texts: &[&str]) -> Result<Vec<Vector>, Error> {
    let vectors = embeddings::embed(&owned(texts))?;
    Ok(vectors.into_iter().map(Vector).collect())
}

/// Returns the name of what makes the vectors, `upstream/model`; `None` where the operator configured
/// none. Vectors of different embedders can't be compared, so their numbers are remembered with it.
///
/// ```
/// # use outrigger_sdk::embeddings;
/// assert_eq!(embeddings::embedder().as_deref(), Some("bench/words"));
/// ```
#[must_use]
pub fn embedder() -> Option<String> {
    embeddings::embedder()
}
