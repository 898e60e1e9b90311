//! The refusals of an exchange in their words, and how the operator hears of them.

use bytes::Bytes;
use dialect::answer;
use http::header;
use policy::{Blame, Fault, chain::Stop};

use crate::{
    overload::ShedReason,
    refusal::{Code, Refusal},
    telemetry::{Record, metrics},
};

use super::{
    Reply, collect::Incomplete, encoding::Undecodable, settle::ExchangeGuard, shed::overloaded,
};

/// Notes a refusal for the record, and reports it as [`log_refusal`] does.
pub(super) fn note_refusal(record: &mut Record, refusal: &Refusal) {
    record.error = Some(refusal.word().to_owned().into());
    record.refused.clone_from(&refusal.by);
    log_refusal(&record.id, refusal);
}

/// Counts a refusal, and tells its cause to the operator, where there is one.
pub(super) fn log_refusal(id: &str, refusal: &Refusal) {
    let code = refusal.code.facts().0;
    metrics::refused(code);
    if let Some(cause) = &refusal.cause {
        tracing::warn!(id, code, cause = %chain_of(&**cause), "refused");
    }
}

/// An error with all its sources, in one line.
fn chain_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        line.push_str(": ");
        line.push_str(&source.to_string());
        next = source.source();
    }
    line
}

/// The refusal for a fault of a policy that may not be skipped, by whose doing it is.
pub(super) fn failed(policy: &str, fault: Fault) -> Refusal {
    let refusal = match (fault.blame(), &fault) {
        (Blame::Input, fault) => {
            let limits = match fault {
                Fault::InputMemory => "`limits.memory`",
                _ => "`limits.cpu` or `limits.cpu_per_kib`",
            };
            let message = format!(
                "the text is more than the policy `{policy}` may take on; send less, or the operator may raise its {limits}"
            );
            Refusal::new(Code::PolicyInputTooLarge, message)
        }
        (Blame::Load, Fault::NoSlot) => overloaded(ShedReason::Exchanges),
        (Blame::Load, _) => overloaded(ShedReason::Memory),
        (Blame::Module | Blame::Service | Blame::Breaker, _) => Refusal::new(
            Code::PolicyFailed,
            format!("the policy `{policy}` failed, and may not be skipped"),
        ),
    };
    let reason = fault.label();
    refusal.on_account_of(policy, reason).caused_by(fault)
}

pub(super) fn wordless(policy: &str) -> Refusal {
    let message =
        format!("the policy `{policy}` answers with a text, and this API's replies hold none");
    Refusal::new(Code::PolicyFailed, message).on_account_of(policy, "no_text")
}

pub(super) fn unseen(policy: &str, what: &'static str) -> Refusal {
    let skip = skip(what);
    let message = format!(
        "the policy `{policy}` can't see this request ({what}), so it is not sent; the operator may set `on_unseen: {skip}` for the policy"
    );
    Refusal::new(Code::Unseen, message).on_account_of(policy, what)
}

pub(super) fn unseen_reply(policy: &str, what: &'static str) -> Refusal {
    let skip = skip(what);
    let message = format!(
        "the policy `{policy}` can't see what this request fetches ({what}), so it is not sent; the operator may set `on_unseen: {skip}` for the policy"
    );
    Refusal::new(Code::Unseen, message).on_account_of(policy, what)
}

/// The value of `on_unseen` that lets no more pass than what `what` names.
fn skip(what: &str) -> String {
    match dialect::unseen::named(what) {
        Some(name) => format!("{{ {name}: skip }}"),
        None => "skip".to_owned(),
    }
}

pub(super) fn unreadable_reply(policy: &str, reason: &'static str) -> Refusal {
    let message =
        format!("the policy `{policy}` can't see the reply ({reason}), so it is not given out");
    Refusal::new(Code::UpstreamUnreadable, message).on_account_of(policy, reason)
}

pub(super) fn incomplete_reply(incomplete: Incomplete) -> Refusal {
    match incomplete {
        Incomplete::TooLarge => Refusal::new(
            Code::UpstreamUnreadable,
            "the reply is larger than policies may be shown",
        ),
        Incomplete::NoRoom => overloaded(ShedReason::Bodies),
        Incomplete::Silent => Refusal::new(
            Code::UpstreamTimeout,
            "the upstream fell silent in mid-reply",
        ),
        Incomplete::Broken(cause) => {
            Refusal::new(Code::UpstreamFailed, "the upstream broke off in mid-reply")
                .caused_by(cause)
        }
    }
}

/// The refusal of an app's own body.
pub(super) fn incomplete_request(incomplete: Incomplete, limit: usize) -> Refusal {
    match incomplete {
        Incomplete::TooLarge => too_large(limit),
        Incomplete::Silent => {
            Refusal::new(Code::BodyTimeout, "the request's body did not come in time")
        }
        Incomplete::NoRoom => super::shed::overloaded(crate::overload::ShedReason::Bodies),
        Incomplete::Broken(cause) => {
            Refusal::new(Code::BadRequest, "the request's body broke off").caused_by(cause)
        }
    }
}

/// Refuses an encoded body.
pub(super) fn not_inflated(why: Undecodable, limit: usize) -> Refusal {
    match why {
        Undecodable::Corrupt => Refusal::new(
            Code::BadRequest,
            "the body is not what its `content-encoding` says, or is cut",
        ),
        Undecodable::TooLarge => Refusal::new(
            Code::BodyTooLarge,
            format!(
                "what is inside the encoded body is larger than {limit} bytes, or out of all proportion to what was sent"
            ),
        ),
        Undecodable::NoRoom => super::shed::overloaded(crate::overload::ShedReason::Bodies),
    }
}

pub(super) fn too_large(limit: usize) -> Refusal {
    Refusal::new(
        Code::BodyTooLarge,
        format!("the request's body is larger than {limit} bytes"),
    )
}

/// A refusal as the app gets it, noted for the record.
pub(super) fn refuse(refusal: Refusal, guard: &mut ExchangeGuard) -> Reply {
    note_refusal(&mut guard.record, &refusal);
    let listed = guard.listed;
    let answer = refusal.answer(guard.record.dialect);
    // An upstream's word on its own connection ends there; this is ours.
    let close = answer.headers().get(header::CONNECTION).cloned();
    let close = close.map(|close| (header::CONNECTION, close));
    guard.reply_headers.extend(close);
    Reply::Whole(answer.map(|body| match listed {
        true => answer::listed(&body).into(),
        false => Bytes::from(body),
    }))
}

/// The refusal of a reply that a policy stopped on its way up.
pub(super) fn stopped(stop: Stop) -> Refusal {
    match stop {
        Stop::Refused(_, _, denial) => Refusal::denied(denial),
        Stop::Failed(policy, fault) => failed(&policy.name, fault),
        // Replies are not replaced by replies: the contract has no such return.
        Stop::Replied(..) | Stop::Served(..) => {
            Refusal::new(Code::PolicyFailed, "a policy replaced a reply by another")
        }
    }
}

/// The refusal of a reply that ended, and not as its dialect ends one.
pub(super) fn unterminated() -> Refusal {
    Refusal::new(
        Code::UpstreamFailed,
        "the upstream ended the stream before its end",
    )
}
