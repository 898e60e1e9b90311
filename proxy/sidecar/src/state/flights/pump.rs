//! The task that reads the upstream for all.
//!
//! It lives on the leader's runtime, where the upstream's connection does, and ends with the body, with its last reader or with the
//! runtime, whichever is first.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use bytes::Bytes;
use http_body::Body;
use tokio::sync::oneshot;

use super::{Broken, Recording, buffer::Flight};
use crate::BoxError;

/// The pump's hold on its flight. A pump that is dropped under way, or before it ever ran, takes its readers along: they are told.
pub(super) struct Running(pub(super) Arc<Flight>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.broken(Broken::Stopped);
    }
}

pub(super) async fn pump<B>(running: Running, body: B, told: oneshot::Sender<Recording>)
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let flight = &running.0;
    let mut body = pin!(body);
    loop {
        let step = poll_fn(|context| match flight.poll_room(context) {
            Poll::Ready(true) => body.as_mut().poll_frame(context).map(Step::Frame),
            // A client that leaves at the terminator leaves before the end of the body, which is often here already.
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
                    return finish(flight, told);
                }
            }
            Step::Frame(Some(Err(error))) => {
                let cause: BoxError = error.into();
                return flight.broken(Broken::Upstream(cause.into()));
            }
            Step::Frame(None) => return finish(flight, told),
        }
    }
}

enum Step<F> {
    /// What the upstream sent; `None` is its end.
    Frame(F),
    /// There is nobody left to read for.
    Deserted,
}

fn finish(flight: &Arc<Flight>, told: oneshot::Sender<Recording>) {
    match Flight::done(flight) {
        // If nobody waits for it, it goes here, and the flight with it.
        Some(recording) => drop(told.send(recording)),
        None => flight.unlist(),
    }
}

/// The chunk without what it drags along: a connection hands out slices of its read buffer, and a recording of events of 200 bytes
/// would keep 8 KiB for each.
fn compact(chunk: Bytes) -> Bytes {
    if chunk.is_unique() {
        return chunk;
    }
    Bytes::copy_from_slice(&chunk)
}
