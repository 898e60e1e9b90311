//! Vectors of texts, by the embedder that the operator configured. They stay here, where policies name
//! them by numbers, so that none can be compared with another embedder's.

use std::{sync::Arc, time::Duration};

use policy::Vector;
use tokio::time::timeout;

use super::{
    super::bindings::interfaces::embeddings as wit, Access, Capability, Nothing, State, Work,
    misuse,
};

pub use wit::Error;

/// The capability `embeddings`.
pub static EMBEDDINGS: Capability = Capability {
    name: "embeddings",
    about: "asks the configured embedder for the vectors of texts",
    access: Access::Named,
    waits: true,
    linked: linked!(embeddings since V0_4),
};

/// Texts of one call.
const TEXTS: usize = 16;
/// Vectors of one exchange.
const MOST: usize = 64;

/// An embedder.
pub trait Embeddings: Send + Sync {
    /// Returns its name, `upstream/model`; `None` where none is configured.
    fn embedder(&self) -> Option<Arc<str>>;
    /// Embeds texts for a policy, none of which is empty: a vector for each, in their order.
    fn embed<'a>(
        &'a self,
        policy: &'a str,
        texts: Vec<String>,
    ) -> Work<'a, Result<Vec<Arc<Vector>>, Error>>;
}

impl wit::Host for State {
    async fn embed(&mut self, texts: Vec<String>) -> wasmtime::Result<Result<Vec<u32>, Error>> {
        self.live()?;
        if let Err(why) = checked(&texts) {
            return Ok(Err(Error::Invalid(why)));
        }
        if self.lent()?.claims.vectors.len() + texts.len() > MOST {
            return misuse("embed: an exchange has 64 vectors at most");
        }
        let count = texts.len();
        let shared = self.shared.clone();
        // What is left of the wait is for what the policy does without vectors.
        let most = self.pace.left() / 4 * 3;
        let work = shared.host.embeddings.embed(&shared.name, texts);
        let vectors = match self.within(within(most, work)).await? {
            Some(Ok(vectors)) if vectors.len() == count => vectors,
            Some(Err(error)) => return Ok(Err(error)),
            Some(Ok(_)) | None => return Ok(Err(Error::Unavailable)),
        };
        let known = &mut self.lent()?.claims.vectors;
        let ids = (0..).skip(known.len()).take(count).collect();
        known.extend(vectors);
        Ok(Ok(ids))
    }

    async fn vector(&mut self, id: u32) -> wasmtime::Result<Vec<f32>> {
        self.live()?;
        let vector = self.vector_of("vector", id)?;
        self.pace.show(vector.numbers().len() as u64 * 4);
        Ok(vector.numbers().to_vec())
    }

    async fn embedder(&mut self) -> wasmtime::Result<Option<String>> {
        self.live()?;
        let embedder = self.shared.host.embeddings.embedder();
        Ok(embedder.map(|name| name.to_string()))
    }
}

impl State {
    /// Returns the vector of a number; one that was not given out is a misuse.
    pub(super) fn vector_of(&mut self, of: &str, id: u32) -> wasmtime::Result<Arc<Vector>> {
        match self.lent()?.claims.vectors.get(id as usize) {
            Some(vector) => Ok(Arc::clone(vector)),
            None => misuse(format!("{of}: there is no vector {id}")),
        }
    }
}

/// Waits for an answer, for so long; one that is there needs no timer.
async fn within<T: Unpin>(most: Duration, work: Work<'_, T>) -> Option<T> {
    match work {
        Work::Now(_) => Some(work.await),
        Work::Later(_) => timeout(most, work).await.ok(),
    }
}

fn checked(texts: &[String]) -> Result<(), String> {
    match texts.len() {
        1..=TEXTS if texts.iter().all(|text| !text.is_empty()) => Ok(()),
        1..=TEXTS => Err("a text is empty".into()),
        _ => Err("1 to 16 texts are embedded in a call".into()),
    }
}

impl Embeddings for Nothing {
    fn embedder(&self) -> Option<Arc<str>> {
        None
    }

    fn embed<'a>(
        &'a self,
        _: &'a str,
        _: Vec<String>,
    ) -> Work<'a, Result<Vec<Arc<Vector>>, Error>> {
        Work::now(Err(Error::Unavailable))
    }
}
