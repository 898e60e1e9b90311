//! Encoded replies on their way: decoded for whoever works on what is inside.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame};

use super::encoding::{Codings, Decoder};
use crate::upstream::{BoxError, Decoded, Inbound};

/// A reply as it would have come without a content coding. What nobody can undo stays as it is, and
/// its head says so.
pub(super) fn decoded(reply: Response<Inbound>) -> Response<Inbound> {
    let Some(decoder) = decoder(reply.headers()) else {
        return reply;
    };
    let mut reply =
        reply.map(|body| Inbound::Decoded(Decoded(Box::pin(Decoding { body, decoder }))));
    let headers = reply.headers_mut();
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    reply
}

/// A decoder for a reply with these headers: none where it is plain, or encoded in a way that
/// nobody can undo. Of a reply as a whole the one who collects it knows the limit; in passing, the
/// ratio bounds what a piece may become.
fn decoder(headers: &HeaderMap) -> Option<Decoder> {
    Codings::of(headers).ok()?.decoder(usize::MAX)
}

/// A body that is decoded read by read.
struct Decoding {
    body: Inbound,
    decoder: Decoder,
}

impl Body for Decoding {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(context)) else {
                let finished = this.decoder.finish();
                return Poll::Ready(finished.err().map(|cut| Err(cut.into())));
            };
            let bytes = match frame?.into_data() {
                Ok(piece) => this.decoder.push(&piece)?,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            // What tells nothing yet is no piece: its end stays to be asked for.
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }
}
