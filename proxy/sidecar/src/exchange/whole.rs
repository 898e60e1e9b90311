//! Whole replies: collected before their head goes out, and shown to policies in one piece.

use std::sync::Arc;

use bytes::Bytes;
use dialect::{
    in_band,
    reply::{Reply as Decoder, ReplyLimits},
};
use http::{HeaderValue, Response, StatusCode, header};
use policy::{ReplyHead, Run};
use tokio::time::Instant;

use super::{
    collect::{Incomplete, collect},
    head::may_be_masked,
    later,
    ledger::{Observed, Reading},
    live::timeouts,
    refusals::{incomplete_reply, stopped, unreadable_reply, unterminated},
    settle::ExchangeGuard,
};
use crate::{
    config::Limits,
    refusal::{Code, Refusal},
    upstream::Inbound,
};

/// Collects a reply that is no stream, shows it to the policies that rewrite replies, and reads
/// what the exchange is settled by.
pub(super) async fn collect_reply(
    reply: Response<Inbound>,
    guard: &mut ExchangeGuard,
) -> Result<Response<Bytes>, Refusal> {
    let generation = Arc::clone(&guard.generation);
    let config = &generation.config;
    let masked = may_be_masked(&reply, guard);
    let (mut head, body) = reply.into_parts();
    let collected = collect(body, config.limits.reply_body, timeouts(guard).idle).await;
    let mut body = collected.map_err(|incomplete| {
        if matches!(incomplete, Incomplete::Broken(_) | Incomplete::Silent) {
            guard.fail_target(); // its head was a success, and nothing else tells
        }
        incomplete_reply(incomplete)
    })?;
    if head.status.is_success() {
        guard.content();
    }
    let failed = in_band::is_error(guard.record.dialect, &body);
    if failed {
        guard.failed_in_band();
    }
    if masked && failed && head.status.is_success() {
        guard.ledger.charge.served = false; // an error, whatever it called itself
        head.status = StatusCode::BAD_GATEWAY; // the status that it should have had; its bytes stay as they are
    } else if guard.run.as_ref().is_some_and(Run::rewrites) {
        let head = Arc::new(ReplyHead {
            status: head.status.as_u16(),
            headers: head.headers.clone(),
            streaming: false,
            dialect: guard.record.dialect,
        });
        body = shown(body, &head, guard).await?;
    } else {
        guard.observed = Observed::whole(guard.record.dialect, &body, failed);
    }
    if guard.ledger.background {
        guard.unfinished = later::unfinished(&body);
        if guard.unfinished.is_some() {
            // It is not there yet, and these bytes are none of it.
            guard.observed = Observed::default();
        }
    }
    if config.prices.reply_header && guard.fetched.is_none() {
        guard.add_cost_header();
    }
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Ok(Response::from_parts(head, body))
}

/// Shows a whole reply to the policies, and returns it as they left it.
async fn shown(
    body: Bytes,
    head: &Arc<ReplyHead>,
    guard: &mut ExchangeGuard,
) -> Result<Bytes, Refusal> {
    let begun = Instant::now();
    let places = guard.generation.chain.rewrites();
    let mut decoder = Decoder::whole(
        guard.record.dialect,
        places,
        decoder_limits(&guard.generation.config.limits),
    );
    let read = decoder.push(&body).and_then(|()| decoder.finish());
    if let Err(malformed) = read {
        guard.observed.bytes = body.len() as u64;
        guard.missed("malformed", body.len() as u64);
        return match guard.generation.chain.blocks_unseen_reply("malformed") {
            Some(policy) => Err(unreadable_reply(&policy.name, "malformed").caused_by(malformed)),
            None => Ok(body),
        };
    }
    // Known before a policy may refuse it: it was generated all the same.
    guard.observed = Observed {
        reading: match decoder.unreadable() {
            Some(_) => Reading::Unread,
            None => Reading::Whole,
        },
        bytes: body.len() as u64,
        ..guard.observed
    };
    guard.note(&decoder);
    // An error's body is the app's to read, whatever it is.
    let success = (200..300).contains(&head.status);
    if let Some(reason) = decoder.unreadable().filter(|_| success)
        && let Some(policy) = guard.generation.chain.blocks_unseen_reply(reason)
    {
        let refusal = unreadable_reply(&policy.name, reason);
        guard.missed_of(&decoder);
        return Err(refusal);
    }
    let chain = &guard.generation.chain;
    if let Some((policy, kind)) = chain.blocks_in_reply(decoder.unseen()).filter(|_| success) {
        let refusal = unreadable_reply(&policy.name, kind);
        guard.missed_of(&decoder);
        return Err(refusal);
    }
    if !decoder.ended() && success {
        guard.missed_of(&decoder);
        return Err(unterminated());
    }
    let deltas = decoder.deltas();
    let Some(run) = guard.run.as_mut().filter(|_| !deltas.is_empty()) else {
        guard.missed_of(&decoder);
        return Ok(body);
    };
    let edits = run.on_reply(head, deltas).await.map_err(stopped)?;
    let body = if edits.is_empty() {
        body
    } else {
        decoder.write(&edits).map_err(|malformed| {
            Refusal::new(
                Code::PolicyFailed,
                "a policy's text does not fit its place in the reply",
            )
            .caused_by(malformed)
        })?
    };
    guard.missed_of(&decoder);
    guard.record.overhead += begun.elapsed();
    Ok(body)
}

/// The bounds of what a decoder holds.
pub(super) fn decoder_limits(limits: &Limits) -> ReplyLimits {
    ReplyLimits {
        event: limits.event,
        body: limits.reply_body,
    }
}
