//! One request on its way to one target, and its reply up to the point where it commits.
//!
//! A reply commits with its first content: until then nothing of it goes to the app, so that an
//! error which follows a success's head can still be answered by another attempt. What was read
//! meanwhile is put back, byte for byte. The hold is bounded in bytes, events and time; a stream
//! that is longer about it commits as it is, and its pings go on to the app.
//!
//! Nothing here touches the exchange's account: two attempts may be under way at once.

use std::{collections::VecDeque, pin::pin, time::Duration};

use bytes::Bytes;
use dialect::{
    Dialect, Usage,
    failure::ErrorFacts,
    hold::{self, Hold, Verdict},
};
use http::{Request, Response, StatusCode, header, response::Parts};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::{
    Worker, attempt::Transport, decode::decoded, frames::unframed, head::is_stream,
    translation::Translation,
};
use crate::{
    BoxError,
    config::Upstream,
    upstream::{Connection, Inbound, Payload, SendError},
};

/// Longest time for which a stream's beginning is kept back after its head. SDKs wait for a head, and
/// some proxies between do not wait for ever.
const HOLD_TIME: Duration = Duration::from_secs(15);

/// The clocks of an attempt: each runs by itself, and no comment, blank line or ping feeds one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    /// By when the reply's head has to be there.
    pub(super) head: Instant,
    /// By when a stream's first content has to be there.
    pub(super) content: Instant,
    /// Longest silence in a whole reply.
    pub(super) idle: Duration,
    /// By when all has to be there that is waited for here.
    pub(super) deadline: Option<Instant>,
}

impl Clocks {
    /// The clock of a reply of which the head alone is waited for.
    pub(super) fn of_head(head: Instant) -> Self {
        Self {
            head,
            content: head,
            idle: Duration::MAX,
            deadline: None,
        }
    }

    /// The sooner of a clock and the deadline.
    fn bounded(&self, clock: Instant) -> Instant {
        self.deadline.map_or(clock, |deadline| clock.min(deadline))
    }
}

/// The dialect of a reply, and what becomes of that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speech<'t> {
    /// The caller's dialect.
    pub(super) dialect: Dialect,
    /// The beginning of a success is read before it is given on; else its head is enough.
    pub(super) holds: bool,
    /// Brings the reply of a target that speaks another dialect into the caller's.
    pub(super) translation: Option<&'t Translation>,
}

impl Speech<'_> {
    /// The dialect in which the reply is judged: the target's, unless nobody reads that.
    pub(super) fn spoken(&self) -> Dialect {
        let target = self.translation.and_then(Translation::spoken);
        target.unwrap_or(self.dialect)
    }
}

/// A reply that began, and came to nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    pub(super) status: StatusCode,
    /// The usage that it reported so far.
    pub(super) usage: Option<Usage>,
}

/// The end of a request, as far as it is waited for here.
pub(super) enum Sent {
    /// A head, and where it is a success whose beginning is kept back, its first content.
    Reply(Response<Inbound>),
    /// An error inside a success; the reply as it came, and what it reported before.
    InBand(Box<ErrorFacts>, Response<Inbound>, Option<Usage>),
    /// No head came.
    Failed(SendError),
    /// The reply of this status broke off before its first content.
    Broken(Begun, BoxError),
    /// It ended, and not as its dialect ends one.
    Unterminated(Begun),
    /// No head in time.
    NoHead,
    /// No content in time.
    NoContent(Begun),
}

impl Sent {
    /// Reports whether the upstream perhaps works on it, or has: only an answer says otherwise, or
    /// a connection that was none.
    pub(super) const fn may_be_served(&self) -> bool {
        matches!(
            self,
            Self::NoHead
                | Self::NoContent(_)
                | Self::InBand(..)
                | Self::Broken(..)
                | Self::Unterminated(_)
        )
    }
}

impl<T: Transport> Worker<T> {
    /// Sends a request, and waits for its reply to commit; as [`transmit`] over the worker's own
    /// connections.
    pub(super) fn transmit<'a>(
        &'a self,
        upstream: &'a Upstream,
        request: Request<Payload>,
        over: Connection,
        clocks: Clocks,
        speech: Speech<'a>,
    ) -> impl Future<Output = Sent> + Send + 'a {
        transmit(&*self.transport, upstream, request, over, clocks, speech)
    }
}

/// Sends a request, and waits for its reply to commit.
pub(super) async fn transmit<T: Transport>(
    transport: &T,
    upstream: &Upstream,
    request: Request<Payload>,
    over: Connection,
    clocks: Clocks,
    speech: Speech<'_>,
) -> Sent {
    let switches = request.headers().contains_key(header::UPGRADE);
    // Pinned where it is made: it is large, and would be moved into its timeout.
    let sent = pin!(transport.send(upstream, request, over));
    let reply = match timeout_at(clocks.bounded(clocks.head), sent).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return Sent::Failed(error),
        Err(_) => return Sent::NoHead,
    };
    if reply.status() == StatusCode::SWITCHING_PROTOCOLS && !switches {
        return Sent::Failed(SendError::Protocol(
            "it switched protocols, which nobody wanted".into(),
        ));
    }
    // Converse has frames of its own, which its translation reads.
    let reply = match speech.translation.map(Translation::spoken) {
        Some(None) => reply,
        None | Some(Some(_)) => unframed(reply, upstream, speech.spoken()),
    };
    if !speech.holds || !reply.status().is_success() {
        return Sent::Reply(reply);
    }
    let reply = match speech.translation {
        None => decoded(reply),
        Some(translation) => translation.unwrapped(decoded(reply)),
    };
    // Boxed: no ordinary exchange is to take the room of it.
    Box::pin(wait_for_content(reply, speech.spoken(), clocks)).await
}

/// Reads a success until its first content, its end, or a bound.
async fn wait_for_content(reply: Response<Inbound>, dialect: Dialect, clocks: Clocks) -> Sent {
    let streaming = is_stream(reply.headers());
    let plain = super::head::unreadable(reply.headers(), dialect).is_none();
    if !plain {
        return Sent::Reply(reply);
    }
    let (head, mut body) = reply.into_parts();
    let mut beginning = Beginning::new(dialect, streaming);
    let mut news = Instant::now();
    // The app is to see that something is there, whether or not there is content.
    let commits = news + HOLD_TIME;
    loop {
        let patience = match streaming {
            true => clocks.bounded(clocks.content).min(commits),
            false => clocks.bounded(news + clocks.idle),
        };
        let (mut verdict, ended) = match timeout_at(patience, body.frame()).await {
            Err(_) if streaming && commits <= patience => {
                return Sent::Reply(before_content(head, beginning, body));
            }
            Err(_) => return Sent::NoContent(beginning.begun(head.status)),
            Ok(Some(Err(error))) => return Sent::Broken(beginning.begun(head.status), error),
            Ok(Some(Ok(frame))) => {
                // A body of known length is not asked for its end.
                let ended = body.is_end_stream();
                let data = frame.data_ref();
                // Nearly every whole reply comes in one piece, which is read where it is.
                if ended
                    && !streaming
                    && beginning.frames.is_empty()
                    && let Some(bytes) = data
                    && let Some(verdict) = hold::read_document(dialect, bytes)
                {
                    let reply = Inbound::Kept(VecDeque::from([bytes.clone()]));
                    let reply = Response::from_parts(head, reply);
                    return match verdict {
                        Verdict::Error(facts) => Sent::InBand(facts, reply, None),
                        Verdict::Wait | Verdict::Content => Sent::Reply(reply),
                    };
                }
                if !streaming && data.is_some_and(|bytes| !bytes.trim_ascii().is_empty()) {
                    news = Instant::now();
                }
                (beginning.push(frame), ended)
            }
            Ok(None) => (Verdict::Wait, true),
        };
        if ended && matches!(verdict, Verdict::Wait) {
            verdict = match beginning.finish() {
                Verdict::Wait if streaming => {
                    return Sent::Unterminated(beginning.begun(head.status));
                }
                // It is empty, and the app's to make something of.
                Verdict::Wait => Verdict::Content,
                verdict => verdict,
            };
        }
        match verdict {
            Verdict::Wait if !beginning.is_full() => {}
            Verdict::Wait => return Sent::Reply(before_content(head, beginning, body)),
            Verdict::Content => {
                return Sent::Reply(Response::from_parts(head, beginning.put_back(body)));
            }
            Verdict::Error(facts) => {
                let usage = beginning.hold.usage();
                let reply = Response::from_parts(head, beginning.put_back(body));
                return Sent::InBand(facts, reply, usage);
            }
        }
    }
}

/// The mark of a reply that is given on before its first content.
#[derive(Debug, Clone, Copy)]
pub(super) struct BeforeContent;

/// A reply that was held for as long as it may be.
fn before_content(head: Parts, beginning: Beginning, body: Inbound) -> Response<Inbound> {
    let mut reply = Response::from_parts(head, beginning.put_back(body));
    reply.extensions_mut().insert(BeforeContent);
    reply
}

/// The beginning of a reply, and what it says so far.
struct Beginning {
    frames: VecDeque<Frame<Bytes>>,
    hold: Hold,
}

impl Beginning {
    fn new(dialect: Dialect, streaming: bool) -> Self {
        Self {
            frames: VecDeque::new(),
            hold: Hold::new(dialect, streaming),
        }
    }

    fn push(&mut self, frame: Frame<Bytes>) -> Verdict {
        let data = frame.data_ref();
        let verdict = data.map_or(Verdict::Wait, |bytes| self.hold.push(bytes));
        self.frames.push_back(frame);
        verdict
    }

    fn finish(&mut self) -> Verdict {
        self.hold.finish()
    }

    fn is_full(&self) -> bool {
        self.hold.bytes() > hold::BYTES || self.hold.events() > hold::EVENTS
    }

    fn begun(&self, status: StatusCode) -> Begun {
        Begun {
            status,
            usage: self.hold.usage(),
        }
    }

    fn put_back(self, rest: Inbound) -> Inbound {
        rest.with_beginning(self.frames)
    }
}
