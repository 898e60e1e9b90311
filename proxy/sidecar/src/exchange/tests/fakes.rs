//! Policies that do one thing each.

use std::sync::atomic::AtomicU64;

use dialect::{Delta, Place, Places};
use http::{HeaderName, HeaderValue};
use policy::{
    AttemptReply, AttemptTurn, AttemptVerdict, Call, Coverage, Decision, Denial, Effect, Failure,
    Fault, Found, Hooks, Instance, Keep, Kept, LoadedPolicy, Manifest, Outcome, PolicyLimits,
    Program, Quarantine, ReplyHead, RequestTurn, Rescued, Reserved, Shown, Unit, Work,
    chain::Listener,
};
use sandbox::capabilities::limits::Limits as _;

use super::*;
use crate::state::{Ask, Window};

/// A policy, by the one thing that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Reads prompts, and has nothing to say.
    Reads,
    RefusesRequest,
    Answers,
    Faults,
    /// Writes `!` behind each text of a reply.
    Rewrites,
    /// Holds all text back for two seconds.
    Holds,
    RefusesReply,
    /// Takes a minute for each text of a reply.
    Ponders,
    /// Reserves 1,000 tokens.
    Reserves,
    /// Reserves 30 tokens of a bucket that has no more, and wants streams ended that take more.
    Cuts,
    /// Answers in the place of a call that failed.
    Rescues,
    /// Has `b/gpt-5` tried where a call failed.
    TriesNow,
    /// Judges replies before they are sent, and has `b/gpt-5` tried where one says nothing.
    Judges,
    /// The same, and answers itself.
    JudgesAndAnswers,
    /// Prefers `b/gpt-5`.
    Prefers,
    /// Rules `a/gpt-5` out.
    Excludes,
    /// Gives the exchange five seconds.
    Hurries,
    /// Serves a reply that was kept.
    Serves,
    /// Has the reply kept.
    Keeps,
    /// Sends a copy to `new/gpt-5`.
    Mirrors,
}

use Policy::{
    Answers, Cuts, Excludes, Faults, Holds, Hurries, Judges, JudgesAndAnswers, Keeps, Mirrors,
    Ponders, Prefers, Reads, RefusesReply, RefusesRequest, Rescues, Reserves, Rewrites, Serves,
    TriesNow,
};

/// The bucket that policies reserve from: 10,000 tokens that never come back.
pub(super) fn bucket(amount: u64) -> Ask {
    Ask {
        key: "tokens".into(),
        amount,
        limit: 10_000,
        window: Window::Month { offset: 0 },
        soft: false,
    }
}

pub(super) fn loaded(policy: Policy, stores: &Stores) -> Arc<LoadedPolicy> {
    let rewrites = matches!(policy, Rewrites | Holds | RefusesReply | Ponders);
    let manifest = Manifest {
        name: "p".into(),
        version: "1".into(),
        hooks: Hooks {
            request: true,
            reply: rewrites,
            end: true,
            failure: matches!(policy, Rescues | TriesNow | Judges | JudgesAndAnswers),
            attempt: matches!(policy, Judges | JudgesAndAnswers),
        },
        reads: match policy {
            Reads => Places::ALL,
            _ => Places::NONE,
        },
        rewrites: match rewrites {
            true => Places::NONE.with(Place::Assistant),
            false => Places::NONE,
        },
        config_schema: String::new(),
    };
    Arc::new(LoadedPolicy {
        name: "p".into(),
        version: "1".into(),
        program: Arc::new(Fake {
            manifest,
            policy,
            stores: stores.clone(),
        }),
        on_error: Effect::Block,
        on_unseen: Effect::Block.into(),
        limits: PolicyLimits {
            cpu: Duration::from_millis(10),
            cpu_per_kib: Duration::from_micros(100),
            wall: Duration::from_millis(50),
            memory: 1 << 24,
            held_bytes: 1 << 16,
            held_time: Duration::from_secs(2),
        },
        quarantine: Quarantine::default(),
        calls: AtomicU64::new(0),
        faults: AtomicU64::new(0),
        listener: Arc::new(Deaf),
    })
}

struct Fake {
    manifest: Manifest,
    policy: Policy,
    stores: Stores,
}

struct FakeInstance {
    policy: Policy,
    stores: Stores,
}

impl Program for Fake {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn start(&self) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(FakeInstance {
            policy: self.policy,
            stores: self.stores.clone(),
        }))
    }
    fn memory_high_water(&self) -> u64 {
        0
    }
}

fn denial() -> Denial {
    Denial {
        status: 403,
        code: "not_this".into(),
        message: "not this".into(),
        retry_after_ms: None,
    }
}

async fn reserve(stores: &Stores, call: &mut Call, ask: Ask, cuts: bool) {
    let (_, reservation) = stores.reserve(vec![ask]).await.unwrap();
    call.claims.reserved.push(Reserved {
        reservation: reservation.unwrap(),
        units: vec![(Unit::TotalTokens, cuts)],
    });
}

/// A reply as the exchange keeps them.
pub(super) fn kept() -> Kept {
    let head = r#"{"format":1,"dialect":"openai.chat","streaming":false,"content_type":"application/json"}"#;
    Kept {
        id: "0".into(),
        bytes: format!("{head}\n{WHOLE}").into(),
        age: Duration::ZERO,
        expires_in: None,
    }
}

impl Instance for FakeInstance {
    fn on_request(self: Box<Self>, mut call: Box<Call>) -> Work<RequestTurn> {
        Box::pin(async move {
            let decision = match self.policy {
                Faults => return (call, Err(Fault::Trapped("unreachable".into()))),
                RefusesRequest => {
                    reserve(&self.stores, &mut call, bucket(1000), false).await;
                    Decision::Refuse(denial())
                }
                Answers => Decision::Reply("canned".into()),
                Reserves => {
                    reserve(&self.stores, &mut call, bucket(1000), false).await;
                    let name = HeaderName::from_static("x-reserved");
                    let value = HeaderValue::from_static("1000");
                    call.claims.reply_headers.push((name, value));
                    Decision::Forward
                }
                Cuts => {
                    let ask = Ask {
                        limit: 30,
                        ..bucket(30)
                    };
                    reserve(&self.stores, &mut call, ask, true).await;
                    Decision::Forward
                }
                Serves => {
                    let found = Found::Kept(kept());
                    call.claims.found.push(("key".into(), found));
                    Decision::Serve("key".into())
                }
                Keeps => {
                    call.claims.keeps.push(Keep {
                        space: "p".into(),
                        key: "key".into(),
                        ttl_ms: 60_000,
                        tool_calls: false,
                        max_bytes: 1 << 20,
                        near: None,
                    });
                    Decision::Forward
                }
                Mirrors => {
                    assert!(call.claims.mirror("new/gpt-5".into()));
                    Decision::Forward
                }
                Prefers => {
                    call.claims.prefer.push("b/gpt-5".into());
                    Decision::Forward
                }
                Excludes => {
                    call.claims.exclude.push("a/gpt-5".into());
                    Decision::Forward
                }
                Judges | JudgesAndAnswers => {
                    call.claims.hold_reply = Some(Places::ALL);
                    Decision::Forward
                }
                Hurries => {
                    call.claims.deadline = Some(Duration::from_secs(5));
                    Decision::Forward
                }
                Reads | Rewrites | Holds | RefusesReply | Ponders | Rescues | TriesNow => {
                    Decision::Forward
                }
            };
            (call, Ok((self as Box<dyn Instance>, decision)))
        })
    }

    fn on_reply(
        self: Box<Self>,
        _: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<Shown, Fault>> {
        Box::pin(async move {
            let signed = |delta: &Delta| match delta.text.is_empty() {
                true => None,
                false => Some(format!("{}!", delta.text)),
            };
            let texts = match self.policy {
                Holds => {
                    let kept_back = |delta: &Delta| (!delta.last).then(String::new);
                    Ok(deltas.iter().map(kept_back).collect())
                }
                RefusesReply => Err(denial()),
                Ponders => {
                    sleep(Duration::from_secs(60)).await;
                    Ok(Vec::new())
                }
                _ => Ok(deltas.iter().map(signed).collect()),
            };
            Ok((self as Box<dyn Instance>, texts))
        })
    }

    fn on_attempt(
        self: Box<Self>,
        reply: Arc<AttemptReply>,
        deltas: Vec<Delta>,
    ) -> Work<Result<AttemptTurn, Fault>> {
        Box::pin(async move {
            let verdict = judged(&reply, &deltas);
            Ok((self as Box<dyn Instance>, verdict))
        })
    }

    fn on_failure(self: Box<Self>, _: Arc<Failure>) -> Work<Result<Rescued, Fault>> {
        Box::pin(async move {
            let decision = match self.policy {
                TriesNow | Judges => Decision::TryNow(vec!["b/gpt-5".into()]),
                _ => Decision::Reply("try later".into()),
            };
            Ok((self as Box<dyn Instance>, decision))
        })
    }

    fn on_end(self: Box<Self>, _: Arc<Outcome>) -> Work<Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
}

/// Hears nothing.
struct Deaf;

impl Listener for Deaf {
    fn called(&self, _: &LoadedPolicy, _: &'static str, _: &'static str, _: Duration) {}
    fn faulted(&self, _: &LoadedPolicy, _: &'static str, _: &Fault) {}
    fn quarantined(&self, _: &LoadedPolicy, _: bool) {}
    fn withheld(&self, _: &LoadedPolicy, _: Duration, _: usize) {}
    fn covered(&self, _: &LoadedPolicy, _: &Coverage) {}
}

/// Rejects what says nothing, and waits for as long as nothing came.
fn judged(reply: &AttemptReply, deltas: &[Delta]) -> AttemptVerdict {
    match deltas.iter().any(|delta| !delta.text.trim().is_empty()) {
        true => AttemptVerdict::Accept,
        false if reply.ended => AttemptVerdict::Reject("empty".into()),
        false => AttemptVerdict::Wait,
    }
}
