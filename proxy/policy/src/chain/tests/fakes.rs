//! Policies that do one thing each, and a listener that writes down the events.

use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;

use super::*;
use crate::{
    AttemptReply, AttemptTurn, AttemptVerdict, Decision, Instance, RequestTurn, Rescued, Shown,
    Work,
};

/// The behaviour of a policy in these tests.
#[derive(Clone, Copy)]
pub(super) enum Does {
    /// Appends its name to the header `x-signed` and to each text.
    Signs,
    /// Edits, then traps.
    TrapsAfterEdit,
    /// Withholds all it is shown, for ever.
    Swallows,
    /// Has no time for what it is shown.
    RunsOut,
    /// Returns each text behind the one before it.
    Lags,
    Refuses,
    Replies,
    /// Forwards requests, and has another target tried where one failed.
    Retries,
    /// Judges replies before they are sent.
    HoldsReplies,
    /// Forwards requests, and has no other hook.
    Judges,
    /// Forwards requests, leaves texts as they are, and has no later hook.
    Reads,
}

pub(super) struct Fake {
    pub(super) manifest: Manifest,
    pub(super) does: Does,
    pub(super) alive: Arc<()>,
}

impl Program for Fake {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn start(&self) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(FakeInstance {
            name: self.manifest.name.clone(),
            does: self.does,
            last: String::new(),
            _alive: Arc::clone(&self.alive),
        }))
    }
    fn memory_high_water(&self) -> u64 {
        0
    }
}

struct FakeInstance {
    name: String,
    does: Does,
    last: String,
    _alive: Arc<()>,
}

impl Instance for FakeInstance {
    fn on_request(self: Box<Self>, mut call: Box<Call>) -> Work<RequestTurn> {
        Box::pin(async move {
            let before = call.headers().get("x-signed");
            let before = before.map_or("", |value| value.to_str().unwrap());
            let signed = HeaderValue::try_from(format!("{before}{}", self.name)).unwrap();
            call.set_header(HeaderName::from_static("x-signed"), Some(signed));
            if let Does::HoldsReplies = self.does {
                call.claims.hold_reply = Some(Places::NONE.with(Place::Assistant));
            }
            let turn: Result<(Box<dyn Instance>, Decision), Fault> = match self.does {
                Does::TrapsAfterEdit => Err(Fault::Trapped("unreachable".into())),
                Does::Refuses => Ok((self, Decision::Refuse(denial()))),
                Does::Replies => Ok((self, Decision::Reply("hello".into()))),
                Does::RunsOut => Err(Fault::CpuTime),
                _ => Ok((self, Decision::Forward)),
            };
            (call, turn)
        })
    }

    fn on_reply(
        mut self: Box<Self>,
        _: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<Shown, Fault>> {
        Box::pin(async move {
            let texts = |edit: &dyn Fn(&str) -> String| {
                deltas.iter().map(|delta| Some(edit(&delta.text))).collect()
            };
            let outcome = match self.does {
                Does::Signs => Ok(texts(&|text| format!("{text}{}", self.name))),
                Does::Swallows => Ok(texts(&|_| String::new())),
                Does::Reads => Ok(Vec::new()),
                Does::Refuses => Err(denial()),
                Does::Lags => {
                    let before = |delta: Delta| std::mem::replace(&mut self.last, delta.text);
                    Ok(deltas.into_iter().map(before).map(Some).collect())
                }
                _ => return Err(Fault::CpuTime),
            };
            Ok((self as Box<dyn Instance>, outcome))
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

    fn on_failure(self: Box<Self>, failure: Arc<Failure>) -> Work<Result<Rescued, Fault>> {
        Box::pin(async move {
            let decision = match self.does {
                Does::Signs => Decision::Reply(format!("{} {}", self.name, failure.status)),
                Does::Refuses => Decision::Refuse(denial()),
                Does::Retries => Decision::TryNow(vec![self.name.clone()]),
                Does::TrapsAfterEdit => return Err(Fault::CpuTime),
                _ => Decision::Forward,
            };
            Ok((self as Box<dyn Instance>, decision))
        })
    }

    fn on_end(self: Box<Self>, _: Arc<Outcome>) -> Work<Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
}

pub(super) fn denial() -> Denial {
    Denial {
        status: 403,
        code: "no".into(),
        message: "no".into(),
        retry_after_ms: None,
    }
}

/// The events of a chain, a line each; and what is shared by its policies and instances.
#[derive(Default)]
pub(super) struct Events(pub(super) Mutex<Vec<String>>, pub(super) Arc<()>);

impl Events {
    fn write(&self, line: String) {
        self.0.lock().push(line);
    }
}

impl Listener for Events {
    fn called(
        &self,
        policy: &LoadedPolicy,
        hook: &'static str,
        outcome: &'static str,
        _: Duration,
    ) {
        self.write(format!("{} {hook} {outcome}", policy.name));
    }
    fn faulted(&self, _: &LoadedPolicy, _: &'static str, _: &Fault) {}
    fn quarantined(&self, policy: &LoadedPolicy, open: bool) {
        self.write(format!("{} quarantined {open}", policy.name));
    }
    fn withheld(&self, _: &LoadedPolicy, _: Duration, _: usize) {}
    fn covered(&self, policy: &LoadedPolicy, coverage: &Coverage) {
        let (shown, missed) = (coverage.shown(), coverage.missed());
        self.write(format!("{} covered {shown} {missed:?}", policy.name));
    }
}

/// Rejects what says nothing, and waits for as long as nothing came.
fn judged(reply: &AttemptReply, deltas: &[Delta]) -> AttemptVerdict {
    match deltas.iter().any(|delta| !delta.text.trim().is_empty()) {
        true => AttemptVerdict::Accept,
        false if reply.ended => AttemptVerdict::Reject("empty".into()),
        false => AttemptVerdict::Wait,
    }
}
