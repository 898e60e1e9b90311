//! The replies that policies judge before anything of them is sent.
//!
//! An attempt has brought a reply, and its target did its part. A policy that holds it is shown
//! what arrives, until it accepts or rejects; what was read is put back, byte for byte. A rejected
//! reply is a failure of its own class: policies may have others tried in its place, and where none
//! is, it is the app's after all. It is billed as any other, to where it was read.

use std::{
    collections::VecDeque,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use dialect::{Delta, Places, reply::Reply as Decoder};
use http::Response;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use policy::{AttemptReply, Judgement};
use tokio::time::{Instant, timeout_at};

use super::{
    failure::Failure,
    head::{is_stream, unreadable},
    ledger::{Observed, Reading},
    live::timeouts,
    refusals::stopped,
    settle::ExchangeGuard,
    whole::decoder_limits,
};
use crate::{BoxError, upstream::Inbound};

/// Longest time for which a stream is held from its first content on: SDKs wait for a head, and
/// some proxies between do not wait for ever.
const HOLD_TIME: Duration = Duration::from_secs(15);
/// Bytes of a stream that are held at the most.
const HOLD_BYTES: usize = 256 << 10;

/// Shows a reply that an attempt brought to the policies that hold it. Boxed: no exchange that nobody
/// judges is to take the room of it.
///
/// # Errors
/// It failed before, a policy rejects it, or fails.
pub(super) fn attempt(
    sent: Result<Response<Inbound>, Failure>,
    guard: &mut ExchangeGuard,
) -> Pin<Box<dyn Future<Output = Result<Response<Inbound>, Failure>> + Send + '_>> {
    let reply = match sent {
        Ok(reply) => reply,
        Err(failure) => return Box::pin(ready(Err(failure))),
    };
    match places(&reply, guard) {
        Some(places) => Box::pin(judged(reply, places, guard)),
        None => Box::pin(ready(Ok(reply))),
    }
}

/// Returns the places that policies are to be shown of a reply before it is sent; `None` where nobody
/// holds it, or nobody can read it.
fn places(reply: &Response<Inbound>, guard: &mut ExchangeGuard) -> Option<Places> {
    let places = guard.run.as_mut()?.begin_attempt()?;
    let is_read = unreadable(reply.headers(), guard.record.dialect).is_none();
    // One that was given on before its content was waited for long enough.
    (reply.status().is_success() && is_read && guard.content_by.is_none()).then_some(places)
}

/// Takes over what an attempt took whose reply was rejected, as something else takes its place.
pub(super) fn conclude(failure: &Failure, guard: &mut ExchangeGuard) {
    if failure.rejection().is_none() {
        return;
    }
    guard.observed = failure.observed();
    if let Some(notes) = guard.translation.take() {
        if let (Some(usage), true) = (notes.usage(), guard.observed.usage.is_some()) {
            guard.observed.usage = Some(usage); // as the target counts
        }
        if let Some((name, _)) = notes.header() {
            guard.reply_headers.retain(|(other, _)| *other != name);
        }
    }
    // Its target did its part.
    guard.pass = None;
}

async fn judged(
    reply: Response<Inbound>,
    places: Places,
    guard: &mut ExchangeGuard,
) -> Result<Response<Inbound>, Failure> {
    // It is made, whoever rejects it, and should the app leave while it is held.
    guard.ledger.charge.served = true;
    let streaming = is_stream(reply.headers());
    let (head, body) = reply.into_parts();
    let mut read = Read {
        reply: AttemptReply {
            target: guard.record.target.clone(),
            status: head.status.as_u16(),
            streaming,
            ended: false,
            finish: None,
        },
        decoder: None,
        frames: VecDeque::new(),
        bytes: 0,
    };
    let limits = decoder_limits(&guard.generation.config.limits);
    let dialect = guard.record.dialect;
    let (rejected, body) = if streaming {
        let decoder = Decoder::stream(dialect, places, limits);
        read.stream(decoder, body, guard).await?
    } else {
        let decoder = Decoder::whole(dialect, places, limits);
        read.whole(decoder, body, guard).await?
    };
    let reply = Response::from_parts(head, body);
    let Some(code) = rejected else {
        return Ok(reply);
    };
    if let Some(last) = &mut guard.record.last {
        // In metrics of upstreams it stays a success: its target is not to blame.
        last.class = route::Class::Unfit.name();
    }
    Err(Failure::rejected(code, reply, read.seen()))
}

/// The part of a reply that was read.
struct Read {
    reply: AttemptReply,
    decoder: Option<Decoder>,
    frames: VecDeque<Frame<Bytes>>,
    bytes: usize,
}

/// The code with which a reply was rejected, where it was, and its body with what was read of it.
type Judged = Result<(Option<String>, Inbound), Failure>;

impl Read {
    /// Reads a stream for as long as policies wait for more of it.
    async fn stream(
        &mut self,
        mut decoder: Decoder,
        mut body: Inbound,
        guard: &mut ExchangeGuard,
    ) -> Judged {
        let until = Instant::now() + HOLD_TIME;
        let until = guard.deadline.map_or(until, |deadline| until.min(deadline));
        loop {
            let frame = match timeout_at(until, body.frame()).await {
                Ok(Some(Ok(frame))) => Some(frame),
                Ok(None) => None,
                // What follows is as without a hold.
                Ok(Some(Err(error))) => return Ok((None, self.put_back(body, Some(error)))),
                Err(_) => return Ok((None, self.put_back(body, None))),
            };
            let begun = Instant::now();
            let (is_over, deltas) = match frame {
                None => (true, decoder.finish().map(|()| decoder.deltas())),
                Some(frame) => {
                    let bytes = frame.data_ref().cloned().unwrap_or_default();
                    self.bytes += bytes.len();
                    self.frames.push_back(frame);
                    (false, decoder.push(&bytes).map(|()| decoder.deltas()))
                }
            };
            let is_written = decoder.write(&[]).is_ok();
            let is_ended = decoder.ended();
            let judgement = match deltas {
                Ok(deltas) if is_written && (is_ended || !is_over) => {
                    self.reply.ended = is_ended;
                    let finish = decoder.finish_reason().map(str::to_owned);
                    self.reply.finish = finish;
                    self.shown(&deltas, guard).await?
                }
                // It is broken: the app is to see that as it would.
                _ => Judgement::Accepted,
            };
            guard.record.overhead += begun.elapsed();
            match judgement {
                Judgement::Rejected(_, code) => {
                    self.decoder = Some(decoder);
                    return Ok((Some(code), self.put_back(body, None)));
                }
                Judgement::Waiting if !is_over && self.bytes <= HOLD_BYTES => {}
                Judgement::Waiting | Judgement::Accepted => {
                    return Ok((None, self.put_back(body, None)));
                }
            }
        }
    }

    /// Reads a whole reply, and shows it in one piece.
    async fn whole(
        &mut self,
        mut decoder: Decoder,
        mut body: Inbound,
        guard: &mut ExchangeGuard,
    ) -> Judged {
        let largest = guard.generation.config.limits.reply_body;
        let idle = timeouts(guard).idle;
        while !body.is_end_stream() {
            let until = Instant::now() + idle;
            let until = guard.deadline.map_or(until, |deadline| until.min(deadline));
            match timeout_at(until, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    self.bytes += frame.data_ref().map_or(0, Bytes::len);
                    self.frames.push_back(frame);
                }
                Ok(None) => break,
                Ok(Some(Err(error))) => return Ok((None, self.put_back(body, Some(error)))),
                Err(_) => return Ok((None, self.put_back(body, None))),
            }
            if self.bytes > largest {
                return Ok((None, self.put_back(body, None)));
            }
        }
        let begun = Instant::now();
        let mut pieces = self.frames.iter().filter_map(Frame::data_ref);
        let is_read = pieces
            .try_for_each(|bytes| decoder.push(bytes))
            .and_then(|()| decoder.finish());
        let judgement = match is_read {
            Ok(()) if decoder.unreadable().is_none() => {
                self.reply.ended = true;
                self.reply.finish = decoder.finish_reason().map(str::to_owned);
                let deltas = decoder.deltas();
                self.shown(&deltas, guard).await?
            }
            _ => Judgement::Accepted,
        };
        guard.record.overhead += begun.elapsed();
        let rejected = match judgement {
            Judgement::Rejected(_, code) => Some(code),
            Judgement::Waiting | Judgement::Accepted => None,
        };
        self.decoder = Some(decoder);
        Ok((rejected, self.put_back(body, None)))
    }

    async fn shown(
        &self,
        deltas: &[Delta],
        guard: &mut ExchangeGuard,
    ) -> Result<Judgement, Failure> {
        let Some(run) = &mut guard.run else {
            return Ok(Judgement::Accepted);
        };
        let reply = Arc::new(self.reply.clone());
        let judged = run.on_attempt(&reply, deltas).await;
        judged.map_err(|stop| Failure::unsendable(stopped(stop)))
    }

    fn put_back(&mut self, body: Inbound, error: Option<BoxError>) -> Inbound {
        body.with_read(std::mem::take(&mut self.frames), error)
    }

    /// Everything that was seen of a reply that is given up.
    fn seen(&self) -> Observed {
        let decoder = self.decoder.as_ref();
        Observed {
            reading: match self.reply.ended {
                true => Reading::Whole,
                false => Reading::Part,
            },
            streaming: self.reply.streaming,
            usage: decoder.and_then(Decoder::usage),
            output: decoder.map_or(0, Decoder::output_estimate),
            bytes: self.bytes as u64,
            failed: false,
        }
    }
}
