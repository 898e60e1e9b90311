//! Every way in which an exchange can end, over a fake upstream, fake policies and paused time.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use policy::Chain;
use sandbox::capabilities::limits::Limits as _;
use tokio::time::{Instant, Sleep, sleep};

use super::{
    Answer, Transport, Worker,
    generation::{Generation, Lasting, Shared},
};
use crate::{
    BoxError,
    config::Upstream,
    state::{Stores, flights::Flights},
    telemetry::Record,
    upstream::{Connection, Decoded, Inbound, Payload, SendError},
};

mod failover;
mod failures;
mod fakes;
mod listings;
mod platforms;
mod policies;
mod relayed;
mod requests;
mod sockets;
mod stores;
mod traces;
mod trial;
mod unread;

use fakes::Policy;

/// Heads come within 30 s, bytes within 20 s.
const YAML: &str = "upstreams:\n  \
    openai: { dialect: openai, url: 'http://openai.test/v1', key: ours, first_content_timeout: 30s, idle_timeout: 20s }\n\
    models: { fast: { targets: [openai/gpt-5-mini] } }\n\
    limits: { request_body: 2MiB, body_timeout: 5s }\n";

const WHOLE: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;

const HELLO: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"}}]}\n\n";
const STOP: &str =
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// A step of a body.
#[derive(Debug, Clone)]
enum Piece {
    Text(&'static str),
    /// Nothing comes for so many seconds.
    Wait(u64),
    Cut,
}

use Piece::{Cut, Text, Wait};

/// A body by a script. Its length is not known before.
struct Scripted {
    pieces: VecDeque<Piece>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Scripted {
    fn new(pieces: &[Piece]) -> Self {
        Self {
            pieces: pieces.iter().cloned().collect(),
            wait: None,
        }
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(Wait(seconds)) = self.pieces.front() {
            let time = Duration::from_secs(*seconds);
            let wait = self.wait.get_or_insert_with(|| Box::pin(sleep(time)));
            ready!(wait.as_mut().poll(context));
            self.wait = None;
            self.pieces.pop_front();
            return self.poll_frame(context);
        }
        Poll::Ready(self.pieces.pop_front().map(|piece| match piece {
            Text(text) => Ok(Frame::data(text.into())),
            Wait(_) | Cut => Err("the upstream's connection was cut".into()),
        }))
    }
}

/// The end of one attempt.
enum Turn {
    Reply(Response<Inbound>),
    Fail(SendError),
    /// A failure after so many seconds.
    FailAfter(u64, SendError),
    /// Nothing, ever.
    Silence,
}

/// A reply of known length.
fn whole(status: u16, body: &'static str) -> Turn {
    let kept = VecDeque::from([Bytes::from_static(body.as_bytes())]);
    let reply = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Turn::Reply(reply.body(Inbound::Kept(kept)).unwrap())
}

fn reply(kind: &str, pieces: &[Piece]) -> Turn {
    let body = Inbound::Decoded(Decoded(Box::pin(Scripted::new(pieces))));
    let reply = Response::builder().header("content-type", kind);
    Turn::Reply(reply.body(body).unwrap())
}

fn stream(pieces: &[Piece]) -> Turn {
    reply("text/event-stream", pieces)
}

/// With one more header.
fn with(turn: Turn, name: &'static str, value: &'static str) -> Turn {
    match turn {
        Turn::Reply(mut reply) => {
            reply.headers_mut().insert(name, value.parse().unwrap());
            Turn::Reply(reply)
        }
        turn => turn,
    }
}

/// A request as the upstream saw it.
#[derive(Debug, Clone)]
struct Seen {
    uri: String,
    headers: HeaderMap,
    body: Bytes,
    over: Connection,
}

/// An upstream that answers by a script.
#[derive(Clone, Default)]
struct FakeUpstream {
    turns: Arc<Mutex<VecDeque<Turn>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Transport for FakeUpstream {
    fn send(
        &self,
        _: &Upstream,
        request: Request<Payload>,
        over: Connection,
    ) -> impl Future<Output = Result<Response<Inbound>, SendError>> + Send {
        let fake = self.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(SendError::Body)?.to_bytes();
            fake.seen.lock().push(Seen {
                uri: head.uri.to_string(),
                headers: head.headers,
                body,
                over,
            });
            let turn = fake.turns.lock().pop_front();
            match turn.unwrap() {
                Turn::Reply(reply) => Ok(reply),
                Turn::Fail(error) => Err(error),
                Turn::FailAfter(seconds, error) => {
                    sleep(Duration::from_secs(seconds)).await;
                    Err(error)
                }
                Turn::Silence => std::future::pending().await,
            }
        }
    }
}

/// A worker, and what is on both sides of it.
struct Rig {
    worker: Arc<Worker<FakeUpstream>>,
    shared: Arc<Shared>,
    upstream: FakeUpstream,
    stores: Stores,
}

/// An answer as an app sees it.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: HeaderMap,
    body: String,
    /// It ended before its end.
    broken: bool,
}

impl Answered {
    /// The code of an error.
    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body.pointer("/error/code")
            .unwrap()
            .as_str()
            .unwrap()
            .into()
    }
}

fn rig(policies: &[Policy], turns: impl IntoIterator<Item = Turn>) -> Rig {
    rig_of(YAML, policies, turns)
}

/// The same of another configuration.
fn rig_of(yaml: &str, policies: &[Policy], turns: impl IntoIterator<Item = Turn>) -> Rig {
    let config = crate::config::tests::read(yaml);
    let stores = Stores::in_memory();
    let loaded = policies
        .iter()
        .map(|policy| fakes::loaded(*policy, &stores));
    let chain = Chain::new(loaded.collect());
    let generation = Generation::of(1, config, chain, &Lasting::default());
    let shared = Arc::new(Shared::new(generation));
    let upstream = FakeUpstream::default();
    upstream.turns.lock().extend(turns);
    Rig {
        worker: Arc::new(Worker::new(
            Arc::clone(&shared),
            upstream.clone(),
            stores.clone(),
            Flights::default(),
        )),
        shared,
        upstream,
        stores,
    }
}

/// A call in the dialect of OpenAI's chat.
fn chat(body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post("/v1/chat/completions")
        .header("authorization", "Bearer theirs")
        .header("content-length", body.len());
    request
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

/// A call whose body comes by a script.
fn chat_in_pieces(pieces: &[Piece]) -> Request<Scripted> {
    let request = Request::post("/v1/chat/completions").header("transfer-encoding", "chunked");
    request.body(Scripted::new(pieces)).unwrap()
}

const ASK: &str = r#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#;
const ASK_STREAM: &str =
    r#"{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

impl Rig {
    /// Serves a request to the end of its answer.
    async fn answer<B>(&self, request: Request<B>) -> Answered
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        read(self.worker.handle(request, None).await).await
    }

    async fn ask(&self, body: &'static str) -> Answered {
        self.answer(chat(body)).await
    }

    /// The requests that the upstream saw.
    fn seen(&self) -> Vec<Seen> {
        self.upstream.seen.lock().clone()
    }

    /// The one record that was settled.
    fn settled(&self) -> Record {
        traces::assert_traced(&self.shared);
        let settled = self.shared.settled.lock();
        assert_eq!(settled.len(), 1, "an exchange settles once");
        settled[0].clone()
    }

    /// Tokens that the policies' bucket has counted.
    async fn used(&self) -> u64 {
        let standings = self.stores.peek(vec![fakes::bucket(0)]).await.unwrap();
        standings[0].used
    }
}

/// Reads an answer as a server does that writes it.
async fn read(response: Response<Answer>) -> Answered {
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut broken) = (Vec::new(), false);
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => bytes.extend_from_slice(&frame.into_data().unwrap()),
            Some(Err(_)) => {
                broken = true;
                break;
            }
        }
    }
    Answered {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8(bytes).unwrap(),
        broken,
    }
}

/// Input and output tokens that were settled; estimated or not.
fn tokens(record: &Record) -> Option<(u64, u64, bool)> {
    let usage = record.usage?;
    Some((usage.input, usage.output, usage.estimated))
}

/// The last `data:` of a stream.
fn last_event(body: &str) -> serde_json::Value {
    let mut events = body.lines().filter_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(events.next_back().unwrap()).unwrap()
}
