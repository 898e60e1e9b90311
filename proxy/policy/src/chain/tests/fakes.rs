//! Policies that do one thing each, and a listener that writes down what it hears.

use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;

use super::*;
use crate::{Decision, Instance, Rescued, Work};

/// The behaviour of a policy in these tests.
#[derive(Clone, Copy)]
pub(super) enum Does {
    /// Appends its name to the header `x-way` and to each text.
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
    /// Forwards requests, and has no other hook.
    Judges,
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
    fn on_request(
        self: Box<Self>,
        mut call: Box<Call>,
    ) -> Work<(Box<Call>, Result<(Box<dyn Instance>, Decision), Fault>)> {
        Box::pin(async move {
            let way = call
                .headers()
                .get("x-way")
                .map_or("", |way| way.to_str().unwrap())
                .to_owned();
            let way = HeaderValue::try_from(format!("{way}{}", self.name)).unwrap();
            call.set_header(HeaderName::from_static("x-way"), Some(way));
            let turn: Result<(Box<dyn Instance>, Decision), Fault> = match self.does {
                Does::TrapsAfterEdit => Err(Fault::Trapped("unreachable".into())),
                Does::Refuses => Ok((self, Decision::Refuse(denial()))),
                Does::Replies => Ok((self, Decision::Reply("hello".into()))),
                Does::RunsOut => Err(Fault::CpuTime),
                Does::Signs | Does::Swallows | Does::Lags | Does::Judges => {
                    Ok((self, Decision::Forward))
                }
            };
            (call, turn)
        })
    }

    fn on_reply(
        mut self: Box<Self>,
        _: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<(Box<dyn Instance>, Result<Vec<Option<String>>, Denial>), Fault>> {
        Box::pin(async move {
            let texts = |edit: &dyn Fn(&str) -> String| {
                deltas.iter().map(|delta| Some(edit(&delta.text))).collect()
            };
            match self.does {
                Does::Signs => {
                    let texts = texts(&|text| format!("{text}{}", self.name));
                    Ok((self as Box<dyn Instance>, Ok(texts)))
                }
                Does::Swallows => {
                    let texts = texts(&|_| String::new());
                    Ok((self as Box<dyn Instance>, Ok(texts)))
                }
                Does::Refuses => Ok((self as Box<dyn Instance>, Err(denial()))),
                Does::Lags => {
                    let mut texts = Vec::new();
                    for delta in deltas {
                        texts.push(Some(std::mem::replace(&mut self.last, delta.text)));
                    }
                    Ok((self as Box<dyn Instance>, Ok(texts)))
                }
                Does::TrapsAfterEdit | Does::Replies | Does::RunsOut | Does::Judges => {
                    Err(Fault::CpuTime)
                }
            }
        })
    }

    fn on_failure(self: Box<Self>, failure: Arc<Failure>) -> Work<Result<Rescued, Fault>> {
        Box::pin(async move {
            match self.does {
                Does::Signs => {
                    let text = format!("{} {}", self.name, failure.status);
                    Ok((self as Box<dyn Instance>, Decision::Reply(text)))
                }
                Does::Refuses => Ok((self as Box<dyn Instance>, Decision::Refuse(denial()))),
                Does::TrapsAfterEdit => Err(Fault::CpuTime),
                _ => Ok((self as Box<dyn Instance>, Decision::Forward)),
            }
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

#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<String>>, pub(super) Arc<()>);

impl Listener for Heard {
    fn called(
        &self,
        policy: &LoadedPolicy,
        hook: &'static str,
        outcome: &'static str,
        _: Duration,
    ) {
        self.0
            .lock()
            .push(format!("{} {hook} {outcome}", policy.name));
    }
    fn faulted(&self, _: &LoadedPolicy, _: &'static str, _: &Fault) {}
    fn quarantined(&self, policy: &LoadedPolicy, open: bool) {
        self.0
            .lock()
            .push(format!("{} quarantined {open}", policy.name));
    }
    fn withheld(&self, _: &LoadedPolicy, _: Duration, _: usize) {}
    fn covered(&self, policy: &LoadedPolicy, coverage: &Coverage) {
        let (shown, missed) = (coverage.shown(), coverage.missed());
        self.0
            .lock()
            .push(format!("{} covered {shown} {missed:?}", policy.name));
    }
}
