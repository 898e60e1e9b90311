//! A call on its way down the chain, and what is refused before any policy could judge it.

use std::sync::Arc;

use dialect::answer;
use http::Response;
use policy::{Call, Chain, Coverage, LoadedPolicy, Rescue, Run, chain::Stop};
use tokio::time::Instant;

use super::{
    Reply, Worker,
    attempt::Transport,
    failure::Failure,
    refusals::{failed, log_refusal, unseen, wordless},
    render::replied,
    settle::ExchangeGuard,
};
use crate::{refusal::Refusal, upstream::Inbound};
/// The chain's decision on a call.
pub(super) enum Decided {
    /// It goes out.
    Forward(Box<Call>),
    /// A policy answered it.
    Answered(Reply),
    /// It is served a kept or shared reply, which goes up the chain from the policy that found it.
    Served(Response<Inbound>),
}

impl<T: Transport> Worker<T> {
    /// Asks the chain what becomes of the call.
    pub(super) async fn on_request(
        &self,
        mut call: Box<Call>,
        unread: Option<(&'static str, u64)>,
        guard: &mut ExchangeGuard,
    ) -> Result<Decided, Refusal> {
        if guard.generation.chain.policies().is_empty() {
            return Ok(Decided::Forward(call));
        }
        // `guard` holds the run before it begins: an app that leaves now is settled with what its
        // policies did so far.
        let run = Run::new(&guard.generation.chain, || Instant::now().into_std());
        guard.begin_run(run);
        loop {
            let begun = Instant::now();
            let Some(run) = &mut guard.run else {
                return Ok(Decided::Forward(call));
            };
            let decided = run.on_request(call, unread).await;
            guard.record.overhead += begun.elapsed();
            match decided {
                Ok(forward) => {
                    call = forward;
                    guard.noted(&mut call);
                    return Ok(Decided::Forward(call));
                }
                Err(Stop::Refused(call, _, denial)) => {
                    call.into_iter().for_each(|mut call| guard.noted(&mut call));
                    return Err(Refusal::denied(denial));
                }
                Err(Stop::Failed(policy, fault)) => return Err(failed(&policy.name, fault)),
                Err(Stop::Replied(mut call, policy, text)) => {
                    guard.noted(&mut call);
                    if !answer::takes_text(guard.record.dialect) {
                        return Err(wordless(&policy.name));
                    }
                    return Ok(Decided::Answered(Reply::Whole(replied(&text, guard))));
                }
                Err(Stop::Served(back, found)) => {
                    call = back;
                    if let Some(reply) = self.serve_found(found, &mut call, guard).await {
                        guard.noted(&mut call);
                        guard.take_over(std::mem::take(&mut call.claims.reserved));
                        if let Some(run) = &mut guard.run {
                            run.served();
                        }
                        return Ok(Decided::Served(reply));
                    }
                }
            }
        }
    }
}

/// The answer that policies put in the place of a failure.
pub(super) enum Rescued {
    /// An answer, or a refusal.
    Answer(Box<Result<Reply, Refusal>>),
    /// Attempts at these targets, in this order.
    TryNow(Vec<String>),
}

/// Asks the chain what takes the place of a call that failed; `None` where nothing does.
pub(super) async fn rescue(failed: &Failure, guard: &mut ExchangeGuard) -> Option<Rescued> {
    if !failed.is_upstreams() {
        return None;
    }
    guard.run.as_ref()?;
    let (status, code) = match &failed.reply {
        Ok(reply) => (
            reply.status().as_u16(),
            failed.rejection().unwrap_or("upstream_status").to_owned(),
        ),
        Err(refusal) => (refusal.status().as_u16(), refusal.word().to_owned()),
    };
    let failure = policy::Failure {
        status,
        code,
        class: failed.meaning.class.name().into(),
        attempts: guard.attempts(),
    };
    match guard.run.as_mut()?.on_failure(&Arc::new(failure)).await? {
        Rescue::Text(text) => {
            if let Err(refusal) = &failed.reply {
                log_refusal(&guard.record.id, refusal);
            }
            let answer = Ok(Reply::Whole(replied(&text, guard)));
            Some(Rescued::Answer(Box::new(answer)))
        }
        Rescue::Denied(denial) => Some(Rescued::Answer(Box::new(Err(Refusal::denied(denial))))),
        Rescue::TryNow(targets) => Some(Rescued::TryNow(targets)),
    }
}

/// Refuses what `policy` may not miss, and counts it as missed by all policies that read prompts.
pub(super) fn blocked(
    chain: &Chain,
    policy: &LoadedPolicy,
    reason: &'static str,
    bytes: u64,
) -> Refusal {
    missed(chain, reason, bytes);
    unseen(&policy.name, reason)
}

/// Counts what is refused unseen as missed by all policies that read or judge.
pub(super) fn missed(chain: &Chain, reason: &'static str, bytes: u64) {
    let mut coverage = Coverage::default();
    coverage.miss(reason, bytes);
    for judge in chain.judges() {
        judge.listener.covered(judge, &coverage);
    }
}
