//! One copy: sent, and its reply read to the end.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use dialect::{Dialect, tap::Tap};
use http::{Request, Response, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use route::{Class, Failure as Meaning};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{Figures, LONGEST};
use crate::{
    config::Upstream,
    cost::NanoDollars,
    exchange::{
        attempt::Transport,
        decode::decoded,
        failure::{Failure, Repeat, judge},
        generation::Generation,
        head::is_stream,
        ledger::{Ledger, Observed, Reading},
        transmit::{Clocks, Speech, transmit},
    },
    overload::BodyPermit,
    state::targets::{Pass, now},
    upstream::{Connection, Inbound, Payload},
};

/// Most bytes of a copy's reply that are read.
const LARGEST: u64 = 64 << 20;

/// A copy on its way.
pub(super) struct Copy<T> {
    pub(super) transport: Arc<T>,
    pub(super) generation: Arc<Generation>,
    pub(super) upstream: Arc<str>,
    pub(super) dialect: Dialect,
    pub(super) head: Parts,
    pub(super) body: Bytes,
    /// The body's share of the bodies' budget, where the exchange has given it up.
    pub(super) permit: Option<BodyPermit>,
    pub(super) pass: Pass,
    pub(super) ledger: Ledger,
    pub(super) turn: OwnedSemaphorePermit,
}

/// The end of a copy.
#[derive(Default)]
pub(super) struct Done {
    /// None where it failed.
    pub(super) figures: Option<Figures>,
    pub(super) cost: NanoDollars,
}

impl<T: Transport> Copy<T> {
    /// Sends it, and reads its reply to the end.
    pub(super) async fn read(self) -> Done {
        let begun = Instant::now();
        let deadline = begun + LONGEST;
        let Self {
            transport,
            generation,
            upstream,
            dialect,
            head,
            body,
            permit,
            mut pass,
            mut ledger,
            turn,
        } = self;
        let Some(upstream) = generation.config.upstreams.get(&*upstream) else {
            return Done::default();
        };
        let request = (head, body);
        let sent = send(
            &*transport,
            upstream,
            request,
            dialect,
            deadline,
            &mut ledger,
        );
        let reply = match sent.await {
            Ok(reply) => reply,
            Err(failure) => {
                pass.fail(&failure.meaning, None, now());
                let seen = failure.observed();
                return Done {
                    figures: None,
                    cost: ledger.cost(&seen.taken(&ledger)).unwrap_or_default(),
                };
            }
        };
        let first_content = begun.elapsed();
        pass.commit(first_content, now());
        drop(permit);
        let streaming = is_stream(reply.headers());
        let mut tap = Tap::new(dialect, streaming);
        let (bytes, is_whole) = listen(reply, &mut tap, upstream.idle_timeout, deadline).await;
        drop(turn);
        let is_whole = is_whole && (!streaming || !dialect.is_read() || tap.ended());
        let seen = Observed {
            reading: match (dialect.is_read(), is_whole) {
                (false, _) => Reading::Unread,
                (true, false) => Reading::Part,
                (true, true) => Reading::Whole,
            },
            streaming,
            usage: tap.usage(),
            output: tap.output_estimate(),
            bytes,
            failed: false,
        };
        let taken = seen.taken(&ledger);
        let cost = ledger.cost(&taken);
        let figures = Figures {
            target: String::new(),
            output: taken.usage().map(|usage| usage.output),
            finish: tap.finish_reason().map(str::to_owned),
            first_content: Some(first_content),
            end: begun.elapsed(),
            cost,
        };
        if !is_whole {
            pass.fail(&Meaning::of(Class::MaybeDone), None, now());
        }
        Done {
            figures: is_whole.then_some(figures),
            cost: cost.unwrap_or_default(),
        }
    }
}

/// Sends a copy, and waits for its reply to commit.
async fn send<T: Transport>(
    transport: &T,
    upstream: &Upstream,
    (head, body): (Parts, Bytes),
    dialect: Dialect,
    deadline: Instant,
    ledger: &mut Ledger,
) -> Result<Response<Inbound>, Failure> {
    let limit = Instant::now() + upstream.first_content_timeout;
    let clocks = Clocks {
        head: limit,
        content: limit,
        idle: upstream.idle_timeout,
        deadline: Some(deadline),
    };
    let speech = Speech {
        dialect,
        holds: dialect.is_read(),
        translation: None,
    };
    let mut over = Connection::Kept;
    loop {
        let request = Request::from_parts(head.clone(), Payload::Whole(body.clone()));
        ledger.charge.reached = true;
        ledger.charge.served = true;
        let sent = transmit(transport, upstream, request, over, clocks, speech).await;
        let may_be_served = sent.may_be_served();
        let judged = judge(sent, upstream, dialect, true).await;
        ledger.charge.served = may_be_served || judged.is_ok();
        match judged {
            Err(failure)
                if failure.repeat == Some(Repeat::OverNewConnection)
                    && over == Connection::Kept =>
            {
                over = Connection::New;
            }
            judged => return judged,
        }
    }
}

/// Reads a copy's reply; returns its bytes, and whether it came to its end.
async fn listen(
    reply: Response<Inbound>,
    tap: &mut Tap,
    idle: Duration,
    deadline: Instant,
) -> (u64, bool) {
    let mut body = decoded(reply).into_body();
    let mut bytes = 0;
    let is_whole = loop {
        let patience = deadline.min(Instant::now() + idle);
        match timeout_at(patience, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    tap.push(data);
                    bytes += data.len() as u64;
                }
                if bytes > LARGEST {
                    break false;
                }
                // A body of known length is not asked for its end.
                if body.is_end_stream() {
                    break true;
                }
            }
            Ok(None) => break true,
            Ok(Some(Err(_))) | Err(_) => break false,
        }
    };
    tap.finish();
    (bytes, is_whole)
}
