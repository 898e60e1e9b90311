//! Texts that are under way to the embedder: whoever wants the vector of one waits for it.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use policy::Vector;
use tokio::sync::watch;

use super::{Key, Miss};

/// The outcome of a text, or of several.
pub(super) type Answer<T> = Result<T, Miss>;

type Slot = Option<Answer<Arc<Vector>>>;
type UnderWay = Arc<DashMap<Key, watch::Receiver<Slot>>>;

/// The texts under way.
#[derive(Default)]
pub(super) struct Pending(UnderWay);

/// The state of a text.
pub(super) enum Found {
    /// Its vector is there.
    There(Arc<Vector>),
    /// Its vector is under way.
    UnderWay(Awaited),
    /// It is the caller's to request.
    New(Request, Awaited),
}

/// The request of one text. Dropped without an end, it failed.
pub(super) struct Request {
    key: Key,
    slot: watch::Sender<Slot>,
    under_way: UnderWay,
}

/// A vector that is waited for.
pub(super) struct Awaited(Result<Arc<Vector>, watch::Receiver<Slot>>);

impl Pending {
    /// Finds a text, or notes that it is under way now. What `cached` has is looked for while
    /// nobody else can change that: a text whose request has just ended is not requested again.
    pub(super) fn find(&self, key: Key, cached: impl FnOnce() -> Option<Arc<Vector>>) -> Found {
        match self.0.entry(key) {
            Entry::Occupied(entry) => Found::UnderWay(Awaited(Err(entry.get().clone()))),
            Entry::Vacant(entry) => {
                if let Some(vector) = cached() {
                    return Found::There(vector);
                }
                let (slot, answer) = watch::channel(None);
                entry.insert(answer.clone());
                let request = Request {
                    key,
                    slot,
                    under_way: Arc::clone(&self.0),
                };
                Found::New(request, Awaited(Err(answer)))
            }
        }
    }
}

#[cfg(test)]
impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Request {
    /// Returns the key of the text.
    pub(super) const fn key(&self) -> Key {
        self.key
    }

    /// Ends it.
    pub(super) fn end(self, answer: Answer<Arc<Vector>>) {
        self.slot.send_replace(Some(answer));
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.under_way.remove(&self.key);
    }
}

impl Awaited {
    /// A vector that is there.
    pub(super) const fn there(vector: Arc<Vector>) -> Self {
        Self(Ok(vector))
    }

    /// Waits for the end of the request.
    pub(super) async fn wait(&mut self) -> Answer<Arc<Vector>> {
        let slot = match &mut self.0 {
            Ok(vector) => return Ok(Arc::clone(vector)),
            Err(slot) => slot,
        };
        match slot.wait_for(Option::is_some).await {
            Ok(slot) => slot.clone().unwrap_or(Err(Miss::Failed)),
            Err(_) => Err(Miss::Failed), // dropped, with its worker
        }
    }
}
