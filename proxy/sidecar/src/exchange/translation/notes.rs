//! Notes of a translation, for the account of its exchange.

use dialect::{
    Usage,
    translate::{Dropped, Reply, Wire},
};
use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;

use super::DROPPED;

/// Notes of a translation, made while its reply passes.
#[derive(Debug)]
pub(in crate::exchange) struct Notes {
    pub(in crate::exchange) to: Wire,
    /// Fields that were left out of the request.
    dropped: Dropped,
    /// The caller wants to know that.
    wants_header: bool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Parts that were left out of the reply.
    dropped: Dropped,
    usage: Option<Usage>,
    id: Option<Box<str>>,
    model: Option<Box<str>>,
}

impl Notes {
    /// Of a request of which so much was left out.
    pub(super) fn new(to: Wire, dropped: Dropped, wants_header: bool) -> Self {
        Self {
            to,
            dropped,
            wants_header,
            seen: Mutex::default(),
        }
    }

    /// Notes what passed of a reply.
    pub(super) fn note(&self, reply: &Reply) {
        let mut seen = self.seen.lock();
        seen.usage = reply.usage();
        if seen.id.is_none() && seen.model.is_none() {
            let (id, model) = reply.names();
            (seen.id, seen.model) = (id.map(Into::into), model.map(Into::into));
        }
        if seen.dropped != *reply.dropped() {
            seen.dropped = reply.dropped().clone();
        }
    }

    /// The provider's id of the reply, and the model that served it, as far as it said them.
    pub(in crate::exchange) fn names(&self) -> (Option<Box<str>>, Option<Box<str>>) {
        let seen = self.seen.lock();
        (seen.id.clone(), seen.model.clone())
    }

    /// The tokens that the target reported, in its own way of counting.
    pub(in crate::exchange) fn usage(&self) -> Option<Usage> {
        self.seen.lock().usage
    }

    /// The header with what was left out of the request, where the caller wants it and there is any.
    pub(in crate::exchange) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let fields = self.dropped.fields();
        if !self.wants_header || fields.is_empty() {
            return None;
        }
        let value = HeaderValue::try_from(fields.join(", ")).ok()?;
        Some((DROPPED, value))
    }

    /// The fields that were left out of the request and of the reply, as far as it came.
    pub(in crate::exchange) fn fields(&self) -> Vec<&'static str> {
        let seen = self.seen.lock();
        let both = self.dropped.fields().iter().chain(seen.dropped.fields());
        both.copied().collect()
    }
}
