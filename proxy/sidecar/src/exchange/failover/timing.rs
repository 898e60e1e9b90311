//! The clocks of an exchange and of its attempts.

use std::{sync::Arc, time::Duration};

use policy::Call;
use route::{CallClass, Effort};
use tokio::time::Instant;

use crate::{
    config::{Alias, Upstream},
    exchange::{
        places::{callers_deadline, guess_tokens},
        settle::ExchangeGuard,
        transmit::Clocks,
    },
    state::targets::TargetState,
};

/// The time within which an attempt must show its first content, or count as lost: longer than any
/// limit of first content.
pub(super) const LEASE: Duration = Duration::from_secs(900);

/// The time that an exchange has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// The end of its attempts.
    pub(super) deadline: std::time::Instant,
    /// The end of all of it, where the operator, the caller or a policy set one.
    whole: Option<Instant>,
    /// The calls that take about as long.
    pub(super) class: CallClass,
}

impl Timing {
    pub(super) fn of(alias: &Alias, call: &Call, guard: &ExchangeGuard) -> Self {
        let given = [callers_deadline(call.headers()), call.claims.deadline];
        let given = given.into_iter().flatten().min();
        let most = alias.deadline;
        let end = guard.begun + given.map_or(most, |time| time.min(most));
        let whole = (given.is_some() || alias.ends_replies).then_some(end);
        Self {
            deadline: end.into_std(),
            whole,
            class: CallClass::of(guess_tokens(call), effort(call), guard.record.streaming),
        }
    }

    /// The end of a reply that has begun; none where nobody set one: a stream may take hours.
    pub(super) const fn deadline_of_reply(&self) -> Option<Instant> {
        self.whole
    }

    /// The clocks of an attempt that begins now. Of the last one the head is not waited for apart:
    /// nothing could follow it.
    pub(super) fn clocks(
        &self,
        upstream: &Upstream,
        target: &Arc<TargetState>,
        is_last: bool,
    ) -> Clocks {
        let now = Instant::now();
        let fixed = upstream.first_content_timeout;
        let limit = target.latency(|latency| latency.first_content_limit(self.class, fixed));
        // A stream's head comes soon; that of a whole reply, which takes as long as its content, does
        // not, unless the operator wrote so.
        let head = match !is_last && upstream.head_timeout < fixed {
            true => limit.min(upstream.head_timeout),
            false => limit,
        };
        Clocks {
            head: now + head,
            content: now + limit,
            idle: upstream.idle_timeout,
            deadline: Some(self.deadline.into()),
        }
    }
}

fn effort(call: &Call) -> Effort {
    use dialect::request::Effort as Wanted;
    match call.body.effort() {
        Wanted::Unset | Wanted::None => Effort::None,
        Wanted::Minimal => Effort::Minimal,
        Wanted::Low => Effort::Low,
        Wanted::Medium => Effort::Medium,
        Wanted::High => Effort::High,
    }
}
