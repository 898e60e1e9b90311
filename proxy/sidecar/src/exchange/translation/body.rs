//! The body of a translated reply.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dialect::{
    Dialect,
    translate::{self, Answers},
};
use http_body::{Body, Frame};

use super::Notes;
use crate::upstream::{BoxError, Inbound};

/// A body that is translated read by read.
pub(super) struct Passing {
    pub(super) body: Inbound,
    pub(super) reply: Inner,
    pub(super) notes: Arc<Notes>,
    /// The caller gets a stream.
    pub(super) streams: bool,
    pub(super) is_over: bool,
}

/// The reader of a reply.
#[expect(clippy::large_enum_variant, reason = "nearly every one is the largest")]
pub(super) enum Inner {
    Events(translate::Reply),
    /// A reply that is no text: one document, which is read at its end.
    Document {
        answers: Answers,
        caller: Dialect,
        doc: Vec<u8>,
    },
}

/// The largest document that is no text, in bytes: vectors are long.
const LARGEST: usize = 64 << 20;

impl Inner {
    fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Events(reply) => Ok(reply.push(piece)?),
            Self::Document { doc, .. } if doc.len() + piece.len() > LARGEST => {
                Err("the reply is larger than is read".into())
            }
            Self::Document { doc, .. } => {
                doc.extend_from_slice(piece);
                Ok(Vec::new())
            }
        }
    }

    fn finish(&mut self) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Events(reply) => Ok(reply.finish()?),
            Self::Document {
                answers,
                caller,
                doc,
            } => Ok(answers
                .translate(*caller, doc)
                .transpose()?
                .unwrap_or_default()),
        }
    }

    /// Reports whether it came to its end, or to a failure that it says.
    fn is_over(&self) -> bool {
        match self {
            Self::Events(reply) => reply.is_whole() || reply.error().is_some(),
            Self::Document { .. } => true,
        }
    }
}

/// A whole reply that its provider did not finish.
#[derive(Debug)]
pub(super) struct Unfinished;

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reply ended before its end")
    }
}

impl std::error::Error for Unfinished {}

impl Passing {
    fn note(&self) {
        let Inner::Events(reply) = &self.reply else {
            return;
        };
        self.notes.note(reply);
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if this.is_over {
                return Poll::Ready(None);
            }
            let written = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(frame) => match frame?.into_data() {
                    Ok(piece) => this.reply.push(&piece)?,
                    Err(_) => continue, // trailers are the target's
                },
                None => {
                    this.is_over = true;
                    let rest = this.reply.finish()?;
                    this.note();
                    // A stream without its end shows that itself; half a document is an error.
                    if !this.streams && !this.reply.is_over() {
                        return Poll::Ready(Some(Err(Unfinished.into())));
                    }
                    rest
                }
            };
            if !written.is_empty() {
                this.note();
                return Poll::Ready(Some(Ok(Frame::data(written.into()))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
