//! Replies that are fetched with a request of their own: stored ones, and those made in the
//! background.
//!
//! There is no prompt that a policy could judge, so nobody's `on-request` is called: a request
//! without a body would look like an empty prompt, to a cache like one that it knows. The reply
//! goes up the chain as any other; a policy's instance is made for it there.
//!
//! Generated output is settled by the exchange that asked for it. Only a reply in the
//! background has no usage then: what was reserved stands for it, and whoever fetches the finished
//! reply first is charged the rest, once, however often it is polled. Limits keep what was
//! reserved. A reply that was asked for elsewhere is charged there, and costs nothing here.

use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use dialect::{Usage, request::Body as RequestBody};
use http::Request;
use http_body::Body;
use policy::{Chain, Coverage, LoadedPolicy, Run};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Reply, Worker,
    attempt::Transport,
    failure::Failure,
    passing::payload,
    path_of,
    refusals::unseen_reply,
    render::{Outgoing, call, plan},
    settle::ExchangeGuard,
};
use crate::{
    BoxError,
    cost::{NanoDollars, Price},
    refusal::Refusal,
};

/// Replies that are waited for.
const REPLIES: usize = 4096;
/// The longest wait for a reply. Providers keep those of the background for ten minutes, others for
/// weeks.
const WAIT: Duration = Duration::from_secs(24 * 3600);
/// Longer ids are not remembered.
const LONGEST_ID: usize = 256;

/// The settlement of an exchange whose reply was still to be made.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// The usage that stands for it.
    pub(super) settled: Usage,
    pub(super) price: Option<Price>,
    pub(super) model: Option<String>,
    pub(super) target: String,
}

/// The replies that were not finished when their exchange was settled, by id.
#[derive(Debug, Default)]
pub(super) struct Later {
    replies: DashMap<Box<str>, (Open, Instant)>,
}

impl Later {
    /// Remembers what was settled for a reply. Where there is no room the estimate stays what it
    /// took.
    pub(super) fn open(&self, id: &str, open: Open, now: Instant) {
        if id.is_empty() || id.len() > LONGEST_ID {
            return;
        }
        if self.replies.len() >= REPLIES {
            self.replies
                .retain(|_, (_, since)| now.duration_since(*since) < WAIT);
        }
        if self.replies.len() < REPLIES {
            self.replies.insert(id.into(), (open, now));
        }
    }

    /// Takes out what was settled for a reply that is finished: the first who has its usage is
    /// charged what is left.
    pub(super) fn close(&self, id: &str, now: Instant) -> Option<Open> {
        let (_, (open, since)) = self.replies.remove(id)?;
        (now.duration_since(since) < WAIT).then_some(open)
    }
}

impl Open {
    /// The usage of the reply beyond what was settled for it, and its price.
    pub(super) fn rest(&self, reported: &Usage) -> (Usage, Option<NanoDollars>) {
        let input = reported.input.saturating_sub(self.settled.input);
        let output = reported.output.saturating_sub(self.settled.output);
        let usage = Usage {
            input,
            cached: reported.cached.min(input),
            written: reported.written.min(input),
            output,
            reasoning: reported.reasoning.min(output),
            estimated: false,
            details: reported.details,
        };
        let cost = self.price.as_ref().map(|price| {
            let (all, settled) = (price.cost(reported), price.cost(&self.settled));
            NanoDollars(all.0.saturating_sub(settled.0))
        });
        (usage, cost)
    }
}

/// A reply's word on itself, or a batch's.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow, alias = "processing_status")]
    status: std::borrow::Cow<'a, str>,
}

/// The id of a whole reply that is still being made.
pub(super) fn unfinished(body: &[u8]) -> Option<Box<str>> {
    let reply: Stored<'_> = serde_json::from_slice(body).ok()?;
    matches!(&*reply.status, "queued" | "in_progress").then(|| reply.id.into())
}

impl<T: Transport> Worker<T> {
    /// An exchange that fetches a reply. `unread`: one in a form that nobody reads.
    pub(super) async fn fetch_reply<B>(
        &self,
        request: Request<B>,
        unread: Option<&'static str>,
        guard: &mut ExchangeGuard,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        let generation = std::sync::Arc::clone(&guard.generation);
        let chain = &generation.chain;
        let segments = request.uri().path().rsplit('/');
        let mut segments = segments.filter(|name| !matches!(*name, "" | "cancel" | "results"));
        let id = segments.next();
        guard.fetched = id.filter(|_| unread.is_none()).map(Into::into);
        if chain.rewrites().is_empty() {
            return self.pass_unread(request, None, guard).await;
        }
        self.refuse_while_draining()?;
        if let Some(reason) = unread
            && let Some(policy) = chain.blocks_unseen_reply(reason)
        {
            return Err(blocked(chain, policy, reason));
        }
        let (parts, body) = request.into_parts();
        let payload = payload(&parts.headers, body, guard).await?;
        guard.begin_run(Run::new(chain, || Instant::now().into_std()));
        let empty = RequestBody::wire(guard.record.dialect, Bytes::new()).at(path_of(&parts));
        let call = call(parts, empty, guard);
        let plan = plan(&generation, &call)?;
        let mut outgoing = Outgoing::streamed(call, payload);
        let sent = self.send(&mut outgoing, &plan, guard).await;
        let reply = sent.or_else(Failure::into_reply)?;
        match unread {
            Some(reason) => {
                guard.missed(reason, reply.body().size_hint().lower().max(1));
                Ok(Reply::Relay(reply))
            }
            None => self.return_reply(reply, guard).await,
        }
    }
}

/// Refuses to fetch what `policy` may not miss, and counts it as missed by all policies that
/// rewrite replies.
fn blocked(chain: &Chain, policy: &LoadedPolicy, reason: &'static str) -> Refusal {
    let mut coverage = Coverage::default();
    coverage.miss(reason, 1);
    for reader in chain
        .policies()
        .iter()
        .filter(|policy| policy.rewrites_replies())
    {
        reader.listener.covered(reader, &coverage);
    }
    unseen_reply(&policy.name, reason)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn open() -> Open {
        Open {
            settled: Usage {
                input: 10,
                output: 512,
                estimated: true,
                ..Usage::default()
            },
            price: None,
            model: Some("m".into()),
            target: "openai/m".into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_of_a_reply_is_billed_once() {
        let (later, now) = (Later::default(), Instant::now());
        later.open("resp_1", open(), now);
        let reported = Usage {
            input: 12,
            output: 900,
            ..Usage::default()
        };
        let (rest, _) = later.close("resp_1", now).unwrap().rest(&reported);
        assert_eq!((rest.input, rest.output), (2, 388));
        assert!(later.close("resp_1", now).is_none());
        assert!(later.close("resp_of_somebody_else", now).is_none());
        let less = Usage {
            output: 5,
            ..reported
        };
        assert_eq!(open().rest(&less).0.output, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn replies_that_nobody_fetches_are_forgotten_and_take_bounded_memory() {
        let (later, now) = (Later::default(), Instant::now());
        for n in 0..2 * REPLIES {
            later.open(&format!("resp_{n}"), open(), now);
        }
        assert_eq!(later.replies.len(), REPLIES);
        assert!(later.close("resp_1", now + WAIT).is_none());
        later.open("resp_new", open(), now + WAIT);
        assert!(later.close("resp_new", now + WAIT).is_some());
        later.open(&"x".repeat(LONGEST_ID + 1), open(), now);
        assert!(later.replies.len() < REPLIES);
    }

    #[test]
    fn a_reply_that_is_being_made_says_so() {
        let body = br#"{"id":"resp_1","object":"response","status":"queued","output":[]}"#;
        assert_eq!(unfinished(body).as_deref(), Some("resp_1"));
        let batch = br#"{"id":"msgbatch_1","processing_status":"in_progress"}"#;
        assert_eq!(unfinished(batch).as_deref(), Some("msgbatch_1"));
        for body in [
            &br#"{"id":"resp_1","status":"completed"}"#[..],
            b"{\"status\":\"queued\"}",
            b"no JSON",
        ] {
            assert_eq!(unfinished(body), None);
        }
    }
}
