//! Replies that are not made anew: kept ones, and those that another exchange is getting just now.
//!
//! A kept reply is what the upstream sent, byte by byte, under one line of JSON that says how to
//! read it. Asked for in the form that it came in, it is given out as it is; in the other form it
//! is written anew in its dialect. What would not read well is dropped and counted, and the
//! exchange goes on as if nothing had been found.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use dialect::{Dialect, replay, tap::Tap};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use policy::{Call, Found, Keep, Ticket};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{
    Worker,
    attempt::Transport,
    head::is_stream,
    ledger::{Ledger, Observed, Reading},
    settle::ExchangeGuard,
};
use crate::{
    state::{
        Stores,
        flights::{FlightRole, Follow, Joined, Lead, Recording},
    },
    telemetry::metrics,
    upstream::{BoxError, Inbound},
};

/// The longest wait for another exchange's reply. That exchange has the upstream's own bounds; this
/// one is for the sum of several leaders.
const PATIENCE: Duration = Duration::from_secs(300);
/// The version of what is kept. Others are dropped.
const FORMAT: u8 = 1;
/// The headers of a shared reply that are everybody's.
const SHARED: [header::HeaderName; 2] = [header::CONTENT_TYPE, header::CONTENT_LENGTH];

/// The line over a kept reply's bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u8,
    dialect: String,
    streaming: bool,
    content_type: String,
}

impl<T: Transport> Worker<T> {
    /// The reply that a policy wants served. `None`: there is none after all; where this exchange
    /// is to lead now, `call` says so.
    pub(super) async fn serve_found(
        &self,
        found: Found,
        call: &mut Call,
        guard: &mut ExchangeGuard,
    ) -> Option<Response<Inbound>> {
        // What tells the usage is in a recorded stream, whoever asked for it first.
        let mark = call.body.mark();
        guard.strips_usage = guard.record.streaming && call.body.ask_for_usage();
        call.body.roll_back(mark);
        match found {
            Found::Kept(kept) => {
                let reply = replayed(&kept.bytes, guard);
                if reply.is_none() {
                    metrics::served("unreadable");
                    return None;
                }
                metrics::served("kept");
                guard.record.from_store = Some("kept");
                reply
            }
            Found::UnderWay(ticket) => {
                let follow: Follow = ticket.redeem()?;
                match timeout(PATIENCE, follow.joined()).await {
                    Ok(Joined::Reply(reply)) => {
                        metrics::served("shared");
                        guard.record.from_store = Some("shared");
                        let (mut head, body) = reply.into_parts();
                        let mut headers = HeaderMap::new();
                        for name in SHARED {
                            if let Some(value) = head.headers.remove(&name) {
                                headers.insert(name, value);
                            }
                        }
                        head.headers = headers;
                        Some(Response::from_parts(head, Inbound::Shared(body)))
                    }
                    Ok(Joined::Lead(lead)) => {
                        call.claims.leads.push(Ticket::new(lead));
                        None
                    }
                    Ok(Joined::Alone) | Err(_) => None,
                }
            }
        }
    }

    /// Lets others have the upstream's reply, and keeps it, as policies asked.
    pub(super) fn share_reply(
        &self,
        reply: Response<Inbound>,
        leads: Vec<Ticket>,
        keeps: Vec<Keep>,
        guard: &mut ExchangeGuard,
    ) -> Response<Inbound> {
        let plain = reply.headers().get(header::CONTENT_ENCODING).is_none();
        let mut leads = leads.into_iter().filter_map(Ticket::redeem::<Lead>);
        if reply.status() != StatusCode::OK || !plain {
            leads.for_each(Lead::failed);
            return reply;
        }
        let lead = leads.next().or_else(|| {
            // Nobody else's key: this flight only records.
            let alone = || format!("k\0{}", guard.record.id);
            let role = (!keeps.is_empty()).then(|| self.flights.lead_or_join(alone()));
            match role {
                Some(FlightRole::Lead(lead)) => Some(lead),
                _ => None,
            }
        });
        let Some(lead) = lead else {
            return reply;
        };
        let (dialect, streaming) = (guard.record.dialect, is_stream(reply.headers()));
        guard.ledger.charge.served = true; // before another has it: this is a success
        let ledger = guard.ledger.hand_over();
        let reply = reply
            .map(|body| SettledBody::new(body, Tap::new(dialect, streaming), streaming, ledger));
        let (reply, recording) = lead.share_reply(reply);
        if !keeps.is_empty() {
            let stores = self.stores.clone();
            tokio::spawn(async move {
                if let Ok(recording) = recording.await {
                    keep(&stores, &recording, dialect, streaming, keeps).await;
                }
            });
        }
        reply.map(Inbound::Shared)
    }
}

/// Keeps a recording under every key that wants it. Until this returns the flight can still be
/// joined.
async fn keep(
    stores: &Stores,
    recording: &Recording,
    dialect: Dialect,
    streaming: bool,
    keeps: Vec<Keep>,
) {
    let body = recording.body();
    for keep in keeps {
        if keep.ttl_ms == 0 {
            continue;
        }
        if body.len() > keep.max_bytes {
            metrics::reply_kept("too_large");
            continue;
        }
        if let Err(why) = replay::storable(dialect, &body, streaming, keep.tool_calls) {
            metrics::reply_kept(why);
            continue;
        }
        let bytes = encode(recording, dialect, streaming, &body);
        let ttl = Duration::from_millis(keep.ttl_ms);
        let (space, key, near) = (&keep.space, &keep.key, keep.near.as_ref());
        let kept = stores.replies().put_near(space, key, bytes, ttl, near);
        match kept.await {
            Ok(_) => metrics::reply_kept("kept"),
            Err(_) => metrics::reply_kept("store"),
        }
    }
}

fn encode(recording: &Recording, dialect: Dialect, streaming: bool, body: &[u8]) -> Bytes {
    let content_type = recording.headers.get(header::CONTENT_TYPE);
    let head = Head {
        format: FORMAT,
        dialect: dialect.name().to_owned(),
        streaming,
        content_type: content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or("application/json")
            .to_owned(),
    };
    // A head of words and flags has nothing that could fail to be written.
    let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    bytes.into()
}

/// A kept reply in the form that this exchange asks for; `None` where it is none.
fn replayed(kept: &Bytes, guard: &ExchangeGuard) -> Option<Response<Inbound>> {
    let line = memchr::memchr(b'\n', kept)?;
    let head: Head = serde_json::from_slice(kept.get(..line)?).ok()?;
    let (dialect, wanted) = (guard.record.dialect, guard.record.streaming);
    if head.format != FORMAT || head.dialect != dialect.name() {
        return None;
    }
    let body = kept.slice(line + 1..);
    let (content_type, pieces) = match (head.streaming, wanted) {
        (true, true) | (false, false) => {
            (HeaderValue::try_from(head.content_type).ok()?, vec![body])
        }
        (false, true) => {
            let events = replay::stream_of(dialect, &body, !guard.strips_usage).ok()?;
            (HeaderValue::from_static("text/event-stream"), events)
        }
        (true, false) => {
            let whole = replay::whole_of(dialect, &body).ok()?;
            (HeaderValue::from_static("application/json"), vec![whole])
        }
    };
    let mut reply = Response::new(Inbound::Kept(pieces.into()));
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    Some(reply)
}

/// A reply that several exchanges share, with the settlement of the exchange that asked for it.
struct SettledBody {
    body: Inbound,
    tap: Tap,
    seen: Observed,
    ledger: Ledger,
}

impl SettledBody {
    fn new(body: Inbound, tap: Tap, streaming: bool, ledger: Ledger) -> Self {
        let seen = Observed {
            reading: Reading::Part,
            streaming,
            ..Observed::default()
        };
        Self {
            body,
            tap,
            seen,
            ledger,
        }
    }
}

impl Drop for SettledBody {
    fn drop(&mut self) {
        let seen = Observed {
            usage: self.tap.usage(),
            output: self.tap.output_estimate(),
            ..self.seen
        };
        let taken = seen.taken(&self.ledger);
        // In the background: nobody waits for it.
        drop(self.ledger.close(taken));
    }
}

impl Body for SettledBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            this.tap.push(bytes);
            this.seen.bytes += bytes.len() as u64;
        }
        // A body of known length is not asked for its end.
        let over = match &polled {
            Poll::Ready(Some(Ok(_))) => this.body.is_end_stream(),
            Poll::Ready(None) => true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if over {
            this.tap.finish();
            if this.tap.ended() {
                this.seen.reading = Reading::Whole;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
