//! The chain is asked: what becomes of a call, and what is refused before any policy could judge it.

use std::sync::Arc;

use dialect::answer;
use http::{Response, StatusCode};
use tokio::time::Instant;

use super::{
    Reply, Worker,
    aim::replied,
    refusals::{failed, told, unseen, wordless},
    settle::Watch,
};
use crate::{
    policy::{Call, Chain, Coverage, Failure, Link, Run, chain::Stop},
    refusal::Refusal,
    upstream::Inbound,
};
/// What the chain made of a call.
pub(super) enum Asked {
    /// It goes out.
    Forward(Box<Call>),
    /// A policy answered it.
    Answered(Reply),
    /// It is served a kept or shared reply, which goes up the chain from the policy that found it.
    Served(Response<Inbound>),
}

impl Worker {
    /// Asks the chain what becomes of the call.
    pub(super) async fn ask(
        &self,
        mut call: Box<Call>,
        unread: Option<(&'static str, u64)>,
        watch: &mut Watch,
    ) -> Result<Asked, Refusal> {
        if watch.generation.chain.links().is_empty() {
            return Ok(Asked::Forward(call));
        }
        // `watch` holds the run before it begins: an app that leaves now is settled with what its policies did so far.
        watch.run = Some(Run::new(&watch.generation.chain, || {
            Instant::now().into_std()
        }));
        loop {
            let begun = Instant::now();
            let Some(run) = &mut watch.run else {
                return Ok(Asked::Forward(call));
            };
            let asked = run.on_request(call, unread).await;
            watch.record.overhead += begun.elapsed();
            match asked {
                Ok(forward) => {
                    call = forward;
                    watch.noted(&mut call);
                    return Ok(Asked::Forward(call));
                }
                Err(Stop::Refused(call, _, denial)) => {
                    call.into_iter().for_each(|mut call| watch.noted(&mut call));
                    return Err(Refusal::denied(denial));
                }
                Err(Stop::Failed(link, fault)) => return Err(failed(&link.name, fault)),
                Err(Stop::Replied(mut call, link, text)) => {
                    watch.noted(&mut call);
                    if !answer::takes_text(watch.record.dialect) {
                        return Err(wordless(&link.name));
                    }
                    return Ok(Asked::Answered(Reply::Whole(replied(&text, watch))));
                }
                Err(Stop::Served(back, found)) => {
                    call = back;
                    if let Some(reply) = self.serve(found, &mut call, watch).await {
                        watch.noted(&mut call);
                        watch.take_over(std::mem::take(&mut call.books.reserved));
                        if let Some(run) = &mut watch.run {
                            run.served();
                        }
                        return Ok(Asked::Served(reply));
                    }
                }
            }
        }
    }
}

/// Whether a status says that the call came to nothing, through no fault of the app's.
pub(super) fn has_failed(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// Asks the chain what takes the place of a call that failed; `None` where nothing does.
pub(super) async fn rescue(
    failed: &Result<Response<Inbound>, Refusal>,
    watch: &mut Watch,
) -> Option<Result<Reply, Refusal>> {
    let failure = match failed {
        Ok(reply) => Failure {
            status: reply.status().as_u16(),
            code: "upstream_status".into(),
        },
        Err(refusal) => Failure {
            status: refusal.status().as_u16(),
            code: refusal.word().to_owned(),
        },
    };
    match watch.run.as_mut()?.on_failure(&Arc::new(failure)).await? {
        Ok(text) => {
            if let Err(refusal) = failed {
                told(&watch.record.id, refusal);
            }
            Some(Ok(Reply::Whole(replied(&text, watch))))
        }
        Err(denial) => Some(Err(Refusal::denied(denial))),
    }
}

/// Refuses what `link` may not miss, and counts it as missed by all policies that read prompts.
pub(super) fn blocked(chain: &Chain, link: &Link, reason: &'static str, bytes: u64) -> Refusal {
    missed(chain, reason, bytes);
    unseen(&link.name, reason)
}

/// Counts what is refused unseen as missed by all policies that read or judge.
pub(super) fn missed(chain: &Chain, reason: &'static str, bytes: u64) {
    let mut coverage = Coverage::default();
    coverage.miss(reason, bytes);
    for judge in chain.judges() {
        judge.listener.covered(judge, &coverage);
    }
}
