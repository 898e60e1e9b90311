//! The evidence of an attempt about its target, its key and its account.

use std::time::Duration;

use http::Response;
use route::{Class, Failure as Meaning, Sample, Scope};

use crate::{
    config::Upstream,
    exchange::{failure::Failure, generation::now as wall_now},
    state::targets::{Pass, now},
    upstream::Inbound,
};

/// The longest that the end of a limit on a caller's own key keeps the others out: it may be theirs,
/// too, and need not.
const LONGEST_FOR_CALLERS: Duration = Duration::from_secs(60);

/// Ends a failed attempt's permits.
pub(super) fn fail(pass: Pass, upstream: &Upstream, failure: &Failure, took: Duration) {
    if let Ok(reply) = &failure.reply {
        learn_room(&pass, upstream, reply);
    }
    let mut shown = failure.meaning;
    if upstream.identity.is_some() && shown.class == Class::Key {
        shown.scope = Scope::Nothing; // the next credential may be another
    } else if !upstream.has_own_credentials() {
        // One caller's own key: what becomes of it shuts the target to nobody else, or not for long.
        match shown.class {
            Class::Money | Class::Key => shown.scope = Scope::Nothing,
            _ => shown.retry_after = shown.retry_after.map(|end| end.min(LONGEST_FOR_CALLERS)),
        }
    }
    pass.fail(&shown, sample(failure, took), now());
}

/// Takes over the room that a reply's head reports.
pub(super) fn learn_room(pass: &Pass, upstream: &Upstream, reply: &Response<Inbound>) {
    if !upstream.has_own_credentials() {
        return; // it is that of a caller's own key
    }
    let room = route::Room::read(reply.headers(), wall_now());
    let room = room.map(|room| match upstream.refills_evenly {
        true => room.refilling(),
        false => room,
    });
    if let Some(room) = room {
        pass.learn_room(&room, now());
    }
}

/// The evidence of a failure about the time to first content; none where it is not the
/// target's.
fn sample(failure: &Failure, took: Duration) -> Option<Sample> {
    let Meaning {
        class,
        scope,
        retry_after,
        ..
    } = failure.meaning;
    match class {
        Class::MaybeDone if failure.is_timeout() && scope == Scope::Nothing => {
            Some(Sample::Left(took))
        }
        Class::MaybeDone if failure.is_timeout() => Some(Sample::TimedOut(took)),
        Class::Refused | Class::Overload | Class::MaybeDone | Class::Rate => {
            Some(Sample::Failed { retry_after })
        }
        Class::Money
        | Class::Key
        | Class::Credentials
        | Class::Unfit
        | Class::Request
        | Class::Caller
        | Class::Own => None,
    }
}
