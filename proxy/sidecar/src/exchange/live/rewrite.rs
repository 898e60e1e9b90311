//! A stream that policies rewrite: one read, one call of each policy, one write.

use std::sync::Arc;

use bytes::Bytes;
use dialect::{answer, in_band::Errors, reply::Reply as Decoder, usage_chunk::Filter};
use http_body_util::BodyExt;
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::{
    super::{
        Timeouts, generation::Phase, observed::Reading, refusals::unreadable_reply, settle::Watch,
        timeouts,
    },
    Broken, Cut, State, Window, decoder_limits, stopped,
};
use crate::{
    policy::{Denial, ReplyHead, Run},
    refusal::{Code, Refusal},
    upstream::Inbound,
};

/// Generated tokens between two looks at a limit that may end the stream.
const COVER_EVERY: u64 = 16;

/// A stream that policies rewrite.
pub(super) struct Rewrite {
    upstream: Inbound,
    decoder: Decoder,
    /// Looks for an error in a stream that ends well.
    errors: Errors,
    /// Takes out what tells a usage that the app did not ask for.
    filter: Option<Filter>,
    /// Generated tokens up to which limits were looked at.
    covered: u64,
    head: Arc<ReplyHead>,
    waits: Timeouts,
    asked: Instant,
    last: Instant,
    window: Window,
    state: State,
    finished: bool,
    watch: Watch,
}

/// What a wait for the upstream came to.
enum Read {
    /// Bytes; `None` at the end of its body.
    Piece(Option<Bytes>),
    /// A policy has held text for as long as it may.
    Held,
}

impl Rewrite {
    pub(super) fn new(upstream: Inbound, head: Arc<ReplyHead>, watch: Watch) -> Self {
        let now = Instant::now();
        let generation = &watch.generation;
        Self {
            decoder: Decoder::stream(
                watch.record.dialect,
                generation.chain.rewrites(),
                decoder_limits(&generation.config.limits),
            ),
            errors: Errors::new(watch.record.dialect),
            filter: watch.strips_usage.then(Filter::new),
            covered: 0,
            waits: timeouts(&watch),
            window: Box::pin(watch.shared.reached(Phase::Cut)) as Window,
            state: State::Open,
            finished: false,
            asked: now,
            last: now,
            upstream,
            head,
            watch,
        }
    }

    /// The next bytes for the app; `None` at a good end.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        match self.state {
            State::Open => {}
            State::Breaking => {
                self.state = State::Over;
                tokio::task::yield_now().await;
                return Some(Err(Broken));
            }
            State::Over => return None,
        }
        loop {
            let step = match self.finished {
                false => self.step().await,
                true if self.decoder.ended() => {
                    self.watch.observed.reading = Reading::Whole;
                    self.watch.record.client_gone = false;
                    return None;
                }
                // What policies held was given out by the last step: nothing of the upstream's is lost.
                true => Err(Cut::Unterminated),
            };
            match step {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    self.watch.record.reply_bytes += bytes.len() as u64;
                    return Some(Ok(bytes));
                }
                Err(cut) => {
                    self.state = State::Breaking;
                    let bytes = self.end(cut);
                    return Some(Ok(bytes));
                }
            }
        }
    }

    /// One read from the upstream, through the policies.
    async fn step(&mut self) -> Result<Bytes, Cut> {
        let piece = match self.read().await? {
            Read::Piece(piece) => piece,
            Read::Held => return self.overdue().await,
        };
        let begun = Instant::now();
        let read = match &piece {
            Some(piece) => {
                self.errors.watch(piece);
                self.watch.observed.bytes += piece.len() as u64;
                self.decoder.push(piece)
            }
            None => {
                self.finished = true;
                self.decoder.finish()
            }
        };
        read.map_err(|malformed| {
            Cut::Refusal(
                Refusal::new(
                    Code::UpstreamUnreadable,
                    "the upstream's stream can't be read",
                )
                .caused_by(malformed),
            )
        })?;
        if let (Some(reason), Some(link)) = (
            self.decoder.unreadable(),
            self.watch.generation.chain.blocks_unseen_reply(),
        ) {
            return Err(Cut::Refusal(unreadable_reply(&link.name, reason)));
        }
        let chain = &self.watch.generation.chain;
        if let Some((link, kind)) = chain.blocks_in_reply(self.decoder.unseen()) {
            return Err(Cut::Refusal(unreadable_reply(&link.name, kind)));
        }
        let deltas = self.decoder.deltas();
        if self.watch.record.first_token.is_none() && self.decoder.content_seen() {
            self.watch.content();
        }
        let edits = match self.watch.run.as_mut().filter(|_| !deltas.is_empty()) {
            Some(run) => run
                .on_reply(&self.head, deltas)
                .await
                .map_err(|stop| Cut::Refusal(stopped(stop)))?,
            None => Vec::new(),
        };
        let bytes = self.decoder.write(&edits).map_err(|malformed| {
            let message = "a policy's text does not fit its place in the reply";
            Cut::Refusal(Refusal::new(Code::PolicyFailed, message).caused_by(malformed))
        })?;
        self.watch.record.overhead += begun.elapsed();
        self.within_limits().await?;
        Ok(self.filtered(bytes))
    }

    /// Without what tells a usage that the app did not ask for.
    fn filtered(&mut self, bytes: Bytes) -> Bytes {
        let Some(filter) = &mut self.filter else {
            return bytes;
        };
        let bytes = filter.push(bytes);
        match self.finished {
            false => bytes,
            true => [&bytes[..], &filter.finish()].concat().into(),
        }
    }

    /// Sees that what was generated by now is covered by what was reserved, where a policy wants a stream over its limit ended.
    async fn within_limits(&mut self) -> Result<(), Cut> {
        if !self.watch.bill.cuts() {
            return Ok(());
        }
        let output = self.decoder.output_estimate();
        if output < self.covered + COVER_EVERY {
            return Ok(());
        }
        self.covered = output;
        if self.watch.bill.covers(output).await {
            return Ok(());
        }
        Err(Cut::Refusal(Refusal::denied(Denial {
            status: 429,
            code: "limit_reached".into(),
            message: "the reply reached a limit".into(),
            retry_after_ms: None,
        })))
    }

    /// Lets out what a policy has held for as long as it may.
    async fn overdue(&mut self) -> Result<Bytes, Cut> {
        let begun = Instant::now();
        let Some(run) = &mut self.watch.run else {
            return Ok(Bytes::new());
        };
        let late = run.overdue(&self.head).await;
        let mut out = Vec::new();
        for (channel, text) in late.map_err(|stop| Cut::Refusal(stopped(stop)))? {
            out.extend_from_slice(&self.decoder.release(channel, &text));
        }
        self.watch.record.overhead += begun.elapsed();
        Ok(self.filtered(out.into()))
    }

    /// What the upstream sends next, or word that a policy's hold is over its time.
    async fn read(&mut self) -> Result<Read, Cut> {
        let run = self.watch.run.as_ref();
        let held_until = run.and_then(Run::held_until).map(Instant::from_std);
        // However much the upstream sends meanwhile.
        if held_until.is_some_and(|until| until <= Instant::now()) {
            return Ok(Read::Held);
        }
        loop {
            let silent_at = self.last + self.waits.idle;
            let content_at = self.asked + self.waits.first_content;
            let waits_for_content =
                self.watch.record.first_token.is_none() && content_at < silent_at;
            let silent_at = if waits_for_content {
                content_at
            } else {
                silent_at
            };
            let held = held_until.filter(|until| *until < silent_at);
            let frame = select! {
                biased;
                frame = self.upstream.frame() => frame,
                () = &mut self.window => return Err(Cut::Draining),
                () = sleep_until(held.unwrap_or(silent_at)) => match held {
                    Some(_) => return Ok(Read::Held),
                    None if waits_for_content => return Err(Cut::NoContent),
                    None => return Err(Cut::Silent),
                },
            };
            self.last = Instant::now();
            match frame {
                None => return Ok(Read::Piece(None)),
                // A stream that came to its own end is whole, whatever becomes of its connection.
                Some(Err(_)) if self.decoder.ended() => return Ok(Read::Piece(None)),
                Some(Err(error)) => return Err(Cut::Upstream(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Read::Piece(Some(bytes)));
                    }
                }
            }
        }
    }

    /// The last bytes of a stream that ends before its end.
    fn end(&mut self, cut: Cut) -> Bytes {
        let held = self.filter.take().map(|mut filter| filter.finish());
        let end = self.ending(cut);
        match held.filter(|held| !held.is_empty()) {
            Some(held) => [&held[..], &end].concat().into(),
            None => end,
        }
    }

    fn ending(&mut self, cut: Cut) -> Bytes {
        let refusal = self.watch.cut(cut);
        if refusal.code == Code::PolicyDenied {
            // A policy's refusal is a proper end in the dialect's own way.
            self.state = State::Over;
            let refused = answer::Refused {
                code: refusal.word(),
                message: &refusal.message,
            };
            return self.decoder.refuse(&refused);
        }
        self.decoder
            .break_off(refusal.event_type(), &refusal.message)
    }
}

/// Whatever way it ends: an app that leaves in mid-stream is settled by what went by.
impl Drop for Rewrite {
    fn drop(&mut self) {
        self.watch.note(&self.decoder);
        self.watch.missed_of(&self.decoder);
        self.watch.observed.streaming = true;
        if self.watch.observed.reading == Reading::Unread {
            self.watch.observed.reading = Reading::Part;
        }
        if self.errors.found() {
            self.watch.failed_in_band();
        }
    }
}
