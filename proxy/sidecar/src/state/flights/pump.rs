//! The task that reads the upstream for all readers.
//!
//! The task lives on the leader's runtime, where the upstream's connection does, and ends with the
//! body, with its last reader or with the runtime, whichever is first.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use bytes::Bytes;
use http_body::Body;
use tokio::sync::oneshot;

use super::{Broken, Recording, buffer::Flight};
use crate::BoxError;

/// Guard of a running pump. Dropped in progress, or before the pump ever ran, it ends the flight
/// with an error for its readers.
pub(super) struct Running(pub(super) Arc<Flight>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.broken(Broken::Stopped);
    }
}

pub(super) async fn pump<B>(running: Running, body: B, sender: oneshot::Sender<Recording>)
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let flight = &running.0;
    let mut body = pin!(body);
    loop {
        let step = poll_fn(|context| match flight.poll_room(context) {
            Poll::Ready(true) => body.as_mut().poll_frame(context).map(Step::Frame),
            // A client that leaves at the stream's terminator leaves before the end of the body,
            // which has often arrived already.
            Poll::Ready(false) => Poll::Ready(match body.as_mut().poll_frame(context) {
                Poll::Ready(None) => Step::Frame(None),
                _ => Step::Deserted,
            }),
            Poll::Pending => Poll::Pending,
        });
        match step.await {
            Step::Deserted => return,
            Step::Frame(Some(Ok(frame))) => {
                let last = body.is_end_stream();
                if let Ok(chunk) = frame.into_data()
                    && !chunk.is_empty()
                {
                    flight.push(compact(chunk), last);
                }
                if last {
                    return finish(flight, sender);
                }
            }
            Step::Frame(Some(Err(error))) => {
                let cause: BoxError = error.into();
                return flight.broken(Broken::Upstream(cause.into()));
            }
            Step::Frame(None) => return finish(flight, sender),
        }
    }
}

enum Step<F> {
    /// A frame from the upstream; `None` is its end.
    Frame(F),
    /// No reader is left.
    Deserted,
}

fn finish(flight: &Arc<Flight>, sender: oneshot::Sender<Recording>) {
    match Flight::done(flight) {
        // Where nobody waits for the recording, it is dropped here, and the flight with it.
        Some(recording) => drop(sender.send(recording)),
        None => flight.unlist(),
    }
}

/// Copies a chunk out of the connection's read buffer, of which it is a slice: a recording of
/// events of 200 bytes would otherwise keep 8 KiB for each.
fn compact(chunk: Bytes) -> Bytes {
    if chunk.is_unique() {
        return chunk;
    }
    Bytes::copy_from_slice(&chunk)
}
