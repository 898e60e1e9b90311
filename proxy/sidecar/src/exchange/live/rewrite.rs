//! Streams that policies rewrite: one read, one call of each policy, one write.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dialect::{Delta, reply::Reply as Decoder};
use http_body::{Body, Frame};
use policy::{Denial, ReplyHead, Run};
use tokio::time::Instant;

use super::{
    super::{
        ledger::Reading,
        refusals::{stopped, unreadable_reply},
    },
    Cut, Next, Task, Turn,
    clock::Expired,
    flow::{Flow, State},
};
use crate::refusal::{Code, Refusal};

/// Generated tokens between two looks at a limit that may end the stream.
const COVER_EVERY: u64 = 16;

/// The state of rewriting.
pub(super) struct Rewriter {
    pub(super) decoder: Decoder,
    pub(super) head: Arc<ReplyHead>,
    /// Generated tokens up to which limits were looked at.
    pub(super) covered: u64,
    /// The upstream's body came to its end.
    pub(super) finished: bool,
}

impl Flow {
    /// The next bytes of a stream that policies rewrite, or work for these.
    pub(super) fn rewrite(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        if self.state != State::Open {
            return self.closed(context).map(Turn::Frame);
        }
        loop {
            let Some(rewriter) = &mut self.rewriter else {
                return Poll::Ready(Turn::Frame(None));
            };
            if rewriter.finished {
                // What policies held was given out with the last piece: nothing of the upstream's
                // is lost.
                let next = match rewriter.decoder.ended() {
                    true => {
                        self.guard.observed.reading = Reading::Whole;
                        self.guard.record.client_gone = false;
                        self.state = State::Ended;
                        None
                    }
                    false => self.break_off(Cut::Unterminated),
                };
                return Poll::Ready(Turn::Frame(next));
            }
            let hold_until = (self.guard.run.as_ref())
                .and_then(Run::hold_until)
                .map(Instant::from_std);
            // However much the upstream sends meanwhile.
            if hold_until.is_some_and(|until| until <= Instant::now()) {
                return Poll::Ready(Turn::Work(Task::Release));
            }
            let piece = match Pin::new(&mut self.upstream).poll_frame(context) {
                Poll::Ready(None) => None,
                // A stream that came to its own end is whole, whatever becomes of its connection.
                Poll::Ready(Some(Err(_))) if rewriter.decoder.ended() => None,
                Poll::Ready(Some(Err(error))) => {
                    let next = self.break_off(Cut::Upstream(error));
                    return Poll::Ready(Turn::Frame(next));
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => Some(bytes),
                    Err(_) => {
                        self.clock.came();
                        continue;
                    }
                },
                Poll::Pending => {
                    let awaits_content = self.guard.record.first_token.is_none();
                    let expired = self.clock.poll(context, awaits_content, hold_until);
                    return Poll::Ready(match ready!(expired) {
                        Expired::Hold => Turn::Work(Task::Release),
                        expired => Turn::Frame(self.break_off(expired.into())),
                    });
                }
            };
            let begun = Instant::now();
            let decoded = self.decode(piece);
            let rewriter = self.rewriter.as_mut();
            if rewriter.is_none_or(|rewriter| rewriter.decoder.take_advanced()) {
                self.clock.came();
            }
            let done = match decoded {
                Ok(deltas) if self.has_work(&deltas) => {
                    self.guard.record.overhead += begun.elapsed();
                    return Poll::Ready(Turn::Work(Task::Show(deltas)));
                }
                Ok(_) => self.write(&[], begun),
                Err(cut) => Err(cut),
            };
            if let Some(next) = self.written(done) {
                return Poll::Ready(Turn::Frame(next));
            }
        }
    }

    /// The texts in what came; `None` at the end of the upstream's body.
    fn decode(&mut self, piece: Option<Bytes>) -> Result<Vec<Delta>, Cut> {
        let Some(rewriter) = &mut self.rewriter else {
            return Ok(Vec::new());
        };
        let read = match &piece {
            Some(piece) => {
                if let Some(errors) = &mut self.errors {
                    errors.push(piece);
                }
                self.guard.observed.bytes += piece.len() as u64;
                rewriter.decoder.push(piece)
            }
            None => {
                rewriter.finished = true;
                rewriter.decoder.finish()
            }
        };
        read.map_err(|malformed| {
            let message = "the upstream's stream can't be read";
            Cut::Refusal(Refusal::new(Code::UpstreamUnreadable, message).caused_by(malformed))
        })?;
        let chain = &self.guard.generation.chain;
        if let Some(reason) = rewriter.decoder.unreadable()
            && let Some(policy) = chain.blocks_unseen_reply(reason)
        {
            return Err(Cut::Refusal(unreadable_reply(&policy.name, reason)));
        }
        if let Some((policy, kind)) = chain.blocks_in_reply(rewriter.decoder.unseen()) {
            return Err(Cut::Refusal(unreadable_reply(&policy.name, kind)));
        }
        let deltas = rewriter.decoder.deltas();
        if self.guard.record.first_token.is_none() && rewriter.decoder.content_seen() {
            self.guard.content();
        }
        Ok(deltas)
    }

    /// Returns whether policies have to be shown what came, or limits asked.
    fn has_work(&self, deltas: &[Delta]) -> bool {
        !deltas.is_empty() && self.guard.run.is_some() || self.is_cover_due()
    }

    fn is_cover_due(&self) -> bool {
        let due = |rewriter: &Rewriter| {
            rewriter.decoder.output_estimate() >= rewriter.covered + COVER_EVERY
        };
        self.guard.ledger.cuts() && self.rewriter.as_deref().is_some_and(due)
    }

    /// Has policies work on it.
    pub(super) async fn work(mut self: Box<Self>, task: Task) -> (Box<Self>, Result<Bytes, Cut>) {
        let begun = Instant::now();
        let done = match task {
            Task::Show(deltas) => self.show(deltas, begun).await,
            Task::Release => self.release(begun).await,
        };
        (self, done)
    }

    async fn show(&mut self, deltas: Vec<Delta>, begun: Instant) -> Result<Bytes, Cut> {
        let run = self.guard.run.as_mut().filter(|_| !deltas.is_empty());
        let edits = match (run, &self.rewriter) {
            (Some(run), Some(rewriter)) => {
                let shown = run.on_reply(&rewriter.head, deltas).await;
                shown.map_err(|stop| Cut::Refusal(stopped(stop)))?
            }
            _ => Vec::new(),
        };
        let bytes = self.write(&edits, begun)?;
        self.stay_within_limits().await?;
        Ok(bytes)
    }

    /// Writes what came, with what policies put in the place of its texts.
    fn write(&mut self, edits: &[Option<String>], begun: Instant) -> Result<Bytes, Cut> {
        let Some(rewriter) = &mut self.rewriter else {
            return Ok(Bytes::new());
        };
        let bytes = rewriter.decoder.write(edits).map_err(|malformed| {
            let message = "a policy's text does not fit its place in the reply";
            Cut::Refusal(Refusal::new(Code::PolicyFailed, message).caused_by(malformed))
        })?;
        let finished = rewriter.finished;
        self.guard.record.overhead += begun.elapsed();
        let bytes = self.filtered(bytes);
        match &mut self.filter {
            Some(filter) if finished => Ok([&bytes[..], &filter.finish()].concat().into()),
            _ => Ok(bytes),
        }
    }

    /// Sees that what was generated by now is covered by what was reserved, where a policy wants a
    /// stream over its limit ended.
    async fn stay_within_limits(&mut self) -> Result<(), Cut> {
        if !self.is_cover_due() {
            return Ok(());
        }
        let Some(rewriter) = &mut self.rewriter else {
            return Ok(());
        };
        rewriter.covered = rewriter.decoder.output_estimate();
        if self.guard.ledger.covers(rewriter.covered).await {
            return Ok(());
        }
        Err(Cut::Refusal(Refusal::denied(Denial {
            status: 429,
            code: "limit_reached".into(),
            message: "the reply reached a limit".into(),
            retry_after_ms: None,
        })))
    }

    /// Lets out text that a policy has kept back for as long as it may.
    async fn release(&mut self, begun: Instant) -> Result<Bytes, Cut> {
        let (Some(run), Some(rewriter)) = (&mut self.guard.run, &mut self.rewriter) else {
            return Ok(Bytes::new());
        };
        let late = run.overdue(&rewriter.head).await;
        let mut out = Vec::new();
        for (channel, text) in late.map_err(|stop| Cut::Refusal(stopped(stop)))? {
            out.extend_from_slice(&rewriter.decoder.release(channel, &text));
        }
        self.guard.record.overhead += begun.elapsed();
        Ok(self.filtered(out.into()))
    }

    /// The frame of what was rewritten; none where nothing is left of it.
    pub(super) fn written(&mut self, done: Result<Bytes, Cut>) -> Option<Next> {
        match done {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => {
                self.guard.record.reply_bytes += bytes.len() as u64;
                Some(Some(Ok(Frame::data(bytes))))
            }
            Err(cut) => Some(self.break_off(cut)),
        }
    }

    /// Notes what was seen of a stream that policies rewrote.
    pub(super) fn note_rewritten(&mut self) {
        if let Some(rewriter) = &self.rewriter {
            self.guard.note(&rewriter.decoder);
            self.guard.missed_of(&rewriter.decoder);
        }
        self.guard.observed.streaming = true;
        if self.guard.observed.reading == Reading::Unread {
            self.guard.observed.reading = Reading::Part;
        }
        if self.errors.as_mut().is_some_and(|errors| errors.found()) {
            self.guard.failed_in_band();
        }
    }
}
