//! Policies under observation: each as it is, with a note of what it was shown, answered and
//! changed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use dialect::{Delta, Place};
use http::{HeaderMap, HeaderName};
use parking_lot::Mutex;
use policy::{
    AttemptReply, AttemptTurn, AttemptVerdict, Call, Decision, Denial, Failure, Fault, Instance,
    LoadedPolicy, Manifest, Outcome, Program, ReplyHead, RequestTurn, Rescued, Shown, Work,
};
use serde_json::Value;

use super::diff::{self, Change};

/// Everything that was noted, in order.
pub(crate) type Notes = Arc<Mutex<Vec<Note>>>;

/// The acts of one policy in one hook.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) policy: Arc<str>,
    pub(crate) hook: &'static str,
    /// Calls: of a stream's reply hook there are several.
    pub(crate) calls: u32,
    pub(crate) took: Duration,
    pub(crate) did: Did,
    /// Its changes besides texts, a line each.
    pub(crate) lines: Vec<String>,
    pub(crate) changes: Vec<Change>,
    /// The channels of a reply: what it was shown of each, and what it returned.
    pub(crate) channels: BTreeMap<u32, Channel>,
}

/// A policy's answer.
#[derive(Debug)]
pub(crate) enum Did {
    Forwarded,
    Refused(Denial),
    Replied(String),
    Served,
    Tried(Vec<String>),
    /// A rejection of an attempt's reply.
    Rejected(String),
    Faulted(Fault),
}

/// One growing text of a reply.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) place: Place,
    pub(crate) choice: u32,
    pub(crate) shown: String,
    pub(crate) returned: String,
}

/// The same policy, observed.
pub(crate) fn observed(loaded: &LoadedPolicy, notes: &Notes) -> Arc<LoadedPolicy> {
    Arc::new(LoadedPolicy {
        name: Arc::clone(&loaded.name),
        version: Arc::clone(&loaded.version),
        program: Arc::new(Spied {
            name: Arc::clone(&loaded.name),
            inner: Arc::clone(&loaded.program),
            notes: Arc::clone(notes),
        }),
        on_error: loaded.on_error,
        on_unseen: loaded.on_unseen.clone(),
        limits: loaded.limits.clone(),
        quarantine: Default::default(),
        calls: Default::default(),
        faults: Default::default(),
        listener: Arc::clone(&loaded.listener),
    })
}

struct Spied {
    name: Arc<str>,
    inner: Arc<dyn Program>,
    notes: Notes,
}

impl Program for Spied {
    fn manifest(&self) -> &Manifest {
        self.inner.manifest()
    }

    fn start(&self) -> Result<Box<dyn Instance>, Fault> {
        let spied = |inner| SpiedInstance {
            name: Arc::clone(&self.name),
            notes: Arc::clone(&self.notes),
            inner,
        };
        Ok(Box::new(spied(self.inner.start()?)))
    }

    fn memory_high_water(&self) -> u64 {
        self.inner.memory_high_water()
    }
}

struct SpiedInstance {
    name: Arc<str>,
    notes: Notes,
    inner: Box<dyn Instance>,
}

impl SpiedInstance {
    fn around(name: &Arc<str>, notes: &Notes, inner: Box<dyn Instance>) -> Box<dyn Instance> {
        Box::new(Self {
            name: Arc::clone(name),
            notes: Arc::clone(notes),
            inner,
        })
    }
}

fn note(policy: &Arc<str>, hook: &'static str, took: Duration, did: Did) -> Note {
    Note {
        policy: Arc::clone(policy),
        hook,
        calls: 1,
        took,
        did,
        lines: Vec::new(),
        changes: Vec::new(),
        channels: BTreeMap::new(),
    }
}

impl Note {
    /// Notes what a delta was, and what was returned for it.
    fn heard(&mut self, delta: &Delta, returned: &str) {
        let channel = self
            .channels
            .entry(delta.channel)
            .or_insert_with(|| Channel {
                place: delta.place,
                choice: delta.choice,
                shown: String::new(),
                returned: String::new(),
            });
        channel.shown.push_str(&delta.text);
        channel.returned.push_str(returned);
    }
}

fn did(decision: &Decision) -> Did {
    match decision {
        Decision::Forward => Did::Forwarded,
        Decision::Refuse(denial) => Did::Refused(denial.clone()),
        Decision::Reply(text) => Did::Replied(text.clone()),
        Decision::Serve(_) => Did::Served,
        Decision::TryNow(targets) => Did::Tried(targets.clone()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person's stopwatch; nothing waits for it"
)]
fn clock() -> Instant {
    Instant::now()
}

impl Instance for SpiedInstance {
    fn on_request(self: Box<Self>, call: Box<Call>) -> Work<RequestTurn> {
        let Self { name, notes, inner } = *self;
        Box::pin(async move {
            let before = State::of(&call);
            let begun = clock();
            let (call, turn) = inner.on_request(call).await;
            let took = begun.elapsed();
            let turn = match turn {
                Ok((inner, decision)) => {
                    let mut noted = note(&name, "request", took, did(&decision));
                    before.compare(&State::of(&call), &mut noted);
                    notes.lock().push(noted);
                    Ok((Self::around(&name, &notes, inner), decision))
                }
                Err(fault) => {
                    let noted = note(&name, "request", took, Did::Faulted(fault.clone()));
                    notes.lock().push(noted);
                    Err(fault)
                }
            };
            (call, turn)
        })
    }

    fn on_reply(
        self: Box<Self>,
        head: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<Shown, Fault>> {
        let Self { name, notes, inner } = *self;
        Box::pin(async move {
            let begun = clock();
            let turn = inner.on_reply(head, deltas.clone()).await;
            let took = begun.elapsed();
            let did = match &turn {
                Ok((_, Ok(_))) => Did::Forwarded,
                Ok((_, Err(denial))) => Did::Refused(denial.clone()),
                Err(fault) => Did::Faulted(fault.clone()),
            };
            {
                let mut notes = notes.lock();
                let is_known = |note: &Note| note.hook == "reply" && note.policy == name;
                let at = notes.iter().position(is_known);
                let at = at.unwrap_or_else(|| {
                    let first = Note {
                        calls: 0,
                        ..note(&name, "reply", Duration::ZERO, Did::Forwarded)
                    };
                    notes.push(first);
                    notes.len() - 1
                });
                let texts = match &turn {
                    Ok((_, Ok(texts))) => texts.as_slice(),
                    _ => &[],
                };
                if let Some(noted) = notes.get_mut(at) {
                    noted.calls += 1;
                    noted.took += took;
                    noted.did = did;
                    let texts = texts.iter().map(Option::as_deref);
                    let texts = texts.chain(std::iter::repeat(None));
                    for (delta, text) in deltas.iter().zip(texts) {
                        noted.heard(delta, text.unwrap_or(&delta.text));
                    }
                }
            }
            let (inner, shown) = turn?;
            Ok((Self::around(&name, &notes, inner), shown))
        })
    }

    fn on_attempt(
        self: Box<Self>,
        reply: Arc<AttemptReply>,
        deltas: Vec<Delta>,
    ) -> Work<Result<AttemptTurn, Fault>> {
        let Self { name, notes, inner } = *self;
        Box::pin(async move {
            let begun = clock();
            let turn = inner.on_attempt(reply, deltas).await;
            let did = match &turn {
                Ok((_, AttemptVerdict::Reject(code))) => Did::Rejected(code.clone()),
                Ok((_, AttemptVerdict::Accept | AttemptVerdict::Wait)) => Did::Forwarded,
                Err(fault) => Did::Faulted(fault.clone()),
            };
            let noted = note(&name, "attempt", begun.elapsed(), did);
            notes.lock().push(noted);
            let (inner, verdict) = turn?;
            Ok((Self::around(&name, &notes, inner), verdict))
        })
    }

    fn on_failure(self: Box<Self>, failure: Arc<Failure>) -> Work<Result<Rescued, Fault>> {
        let Self { name, notes, inner } = *self;
        Box::pin(async move {
            let begun = clock();
            let turn = inner.on_failure(failure).await;
            let did = match &turn {
                Ok((_, decision)) => did(decision),
                Err(fault) => Did::Faulted(fault.clone()),
            };
            notes
                .lock()
                .push(note(&name, "failure", begun.elapsed(), did));
            let (inner, decision) = turn?;
            Ok((Self::around(&name, &notes, inner), decision))
        })
    }

    fn on_end(self: Box<Self>, outcome: Arc<Outcome>) -> Work<Result<(), Fault>> {
        self.inner.on_end(outcome)
    }
}

/// A call at one moment.
struct State {
    body: Value,
    model: Option<String>,
    tags: BTreeMap<String, String>,
    headers: HeaderMap,
    reply_headers: usize,
    reply_lines: Vec<String>,
    targets: [Vec<String>; 3],
    deadline: Option<Duration>,
}

impl State {
    fn of(call: &Call) -> Self {
        let claims = &call.claims;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let header = |(name, value): &(HeaderName, http::HeaderValue)| {
            format!(
                "reply header {name}: {}",
                String::from_utf8_lossy(value.as_bytes())
            )
        };
        Self {
            body: serde_json::from_slice(&call.body.render()).unwrap_or_default(),
            model: call.body.model().map(str::to_owned),
            tags: call.tags().iter().map(owned).collect(),
            headers: call.headers().clone(),
            reply_headers: claims.reply_headers.len(),
            reply_lines: claims.reply_headers.iter().map(header).collect(),
            targets: [
                claims.prefer.clone(),
                claims.exclude.clone(),
                claims.mirror.iter().cloned().collect(),
            ],
            deadline: claims.deadline,
        }
    }

    /// Notes what is another in `after`.
    fn compare(&self, after: &Self, noted: &mut Note) {
        noted.changes = diff::changes(&self.body, &after.body);
        let model_in_body = noted
            .changes
            .iter()
            .any(|change| change.pointer == "/model");
        let lines = &mut noted.lines;
        if self.model != after.model && !model_in_body {
            let word = |model: &Option<String>| model.clone().unwrap_or_else(|| "none".to_owned());
            lines.push(format!(
                "model {} → {}",
                word(&self.model),
                word(&after.model)
            ));
        }
        for (name, value) in &after.tags {
            if self.tags.get(name) != Some(value) {
                lines.push(format!("tag {name} = {value}"));
            }
        }
        let gone = self
            .tags
            .keys()
            .filter(|name| !after.tags.contains_key(*name));
        lines.extend(gone.map(|name| format!("tag {name} removed")));
        for name in after.headers.keys() {
            let all = |headers: &HeaderMap| -> Vec<http::HeaderValue> {
                headers.get_all(name).iter().cloned().collect()
            };
            if all(&self.headers) != all(&after.headers) {
                lines.push(format!("header {name} set"));
            }
        }
        let gone = self
            .headers
            .keys()
            .filter(|name| !after.headers.contains_key(*name));
        lines.extend(gone.map(|name| format!("header {name} removed")));
        lines.extend(after.reply_lines.iter().skip(self.reply_headers).cloned());
        for (word, (old, new)) in ["prefers", "excludes", "copies to"]
            .into_iter()
            .zip(self.targets.iter().zip(&after.targets))
        {
            if old != new {
                lines.push(format!("{word} {}", new.join(", ")));
            }
        }
        if let Some(time) = after.deadline.filter(|_| self.deadline != after.deadline) {
            lines.push(format!("ends within {} ms", time.as_millis()));
        }
    }
}
