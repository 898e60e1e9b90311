//! The world of a rehearsal: all that a policy does outside its instance ends here.
//!
//! A [`Stage`] implements every port of the sandbox, so that nothing of a rehearsal can reach what
//! serves: not by a rule that each place would have to keep, but because the policy is lent nothing
//! else. Each case begins with an empty store, its own clock, and nothing counted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use parking_lot::Mutex;
use policy::{Coverage, Fault, Kept, LoadedPolicy, Partition, Vector, chain::Listener};
use sandbox::{
    Host,
    capabilities::{
        Unavailable, Work,
        clock::Clock,
        embeddings::{self, Embeddings},
        fetch::{Answer, Call, Error, Fetch},
        limits::{Ask, Limits, Standing, Taken},
        log::{Level, Log},
        metrics::{Meter, Metrics},
        replies::{Flight, Neighbour, Replies},
        values::{self, Values},
    },
};

use super::{canned, embedder};
use crate::{
    config::cases::{CaseAnswer, CaseVector, Moment, Step},
    state::Stores,
    telemetry::apart::{ApartMeter, Figure},
};

/// The world of a rehearsal. A clone is the same one.
#[derive(Clone)]
pub(super) struct Stage(Arc<Inner>);

struct Inner {
    /// Milliseconds since 1970.
    now: Arc<AtomicU64>,
    scene: Mutex<Scene>,
}

/// The world of one run of a case.
struct Scene {
    stores: Stores,
    stores_fail: bool,
    vectors: BTreeMap<String, CaseVector>,
    embedder_fails: bool,
    meter: Arc<ApartMeter>,
    answers: Vec<CaseAnswer>,
    /// Calls that each of them has answered.
    answered: Vec<u32>,
    done: Done,
}

/// The acts of a policy in one exchange.
#[derive(Default)]
pub(super) struct Done {
    /// Its calls.
    pub(super) calls: Vec<Called>,
    /// The lines that it logged.
    pub(super) lines: Vec<String>,
    /// Faults that nothing else shows, in words.
    pub(super) faults: Vec<String>,
}

/// A call that a policy made.
pub(super) struct Called {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
}

impl Stage {
    pub(super) fn new() -> Self {
        let now = Arc::default();
        let scene = Mutex::new(Scene::empty(&now));
        Self(Arc::new(Inner { now, scene }))
    }

    /// Every port there is, by name, as a policy is lent it.
    pub(super) fn host(&self) -> Host {
        Host {
            log: Arc::new(self.clone()),
            metrics: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
            limits: Arc::new(self.clone()),
            values: Arc::new(self.clone()),
            replies: Arc::new(self.clone()),
            embeddings: Arc::new(self.clone()),
            fetch: Arc::new(self.clone()),
        }
    }

    /// Begins a case, in an empty world.
    pub(super) fn begin(&self, clock: Option<Moment>) {
        let present = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, millis)
        };
        let now = clock.map_or_else(present, |moment| moment.0);
        self.0.now.store(now, Relaxed);
        *self.0.scene.lock() = Scene::empty(&self.0.now);
    }

    /// Begins an exchange of the case.
    pub(super) fn step(&self, step: &Step) {
        let mut scene = self.0.scene.lock();
        if let Some(period) = step.advance {
            self.advance(period.0);
        }
        scene.stores_fail = step.stores_fail.unwrap_or(false);
        scene.vectors = step.vectors.clone().unwrap_or_default();
        scene.embedder_fails = step.embedder_fails.unwrap_or(false);
        scene.done = Done::default();
        let answers = step.fetch.as_deref().unwrap_or_default();
        // The same answers go on counting what they answered.
        if scene.answers != answers {
            scene.answered = vec![0; answers.len()];
            scene.answers = answers.to_vec();
        }
    }

    /// Takes what was done in the exchange.
    pub(super) fn done(&self) -> Done {
        std::mem::take(&mut self.0.scene.lock().done)
    }

    /// The figures that were counted since the case began.
    pub(super) fn figures(&self) -> BTreeMap<String, Figure> {
        self.meter().figures()
    }

    /// The stores; none where they can't be reached.
    pub(super) fn stores(&self) -> Option<Stores> {
        let scene = self.0.scene.lock();
        (!scene.stores_fail).then(|| scene.stores.clone())
    }

    fn meter(&self) -> Arc<ApartMeter> {
        Arc::clone(&self.0.scene.lock().meter)
    }

    fn advance(&self, period: Duration) {
        self.0.now.fetch_add(millis(period), Relaxed);
    }

    fn answer(&self, call: Call) -> Result<Answer, Error> {
        let mut scene = self.0.scene.lock();
        let (url, method) = (call.url, call.method.as_str());
        let fitting = scene
            .answers
            .iter()
            .zip(&scene.answered)
            .position(|(answer, used)| {
                answer.times.is_none_or(|times| *used < times)
                    && answer.fits(method, &url, &call.body)
            });
        let found = fitting.and_then(|at| {
            let used = scene.answered.get_mut(at)?;
            *used += 1;
            scene.answers.get(at).cloned()
        });
        scene.done.calls.push(Called {
            method: method.to_owned(),
            url,
            headers: call.headers,
            body: call.body,
        });
        drop(scene);
        let Some(answer) = found else {
            let why = "no answer of the case's `fetch` fits this call";
            return Err(Error::Denied(why.to_owned()));
        };
        let delay = answer.delay.map_or(Duration::ZERO, |delay| delay.0);
        self.advance(delay.min(call.timeout));
        match delay > call.timeout {
            true => Err(Error::Timeout),
            false => canned::made(&answer),
        }
    }
}

impl Scene {
    fn empty(now: &Arc<AtomicU64>) -> Self {
        Self {
            stores: Stores::in_memory_at(Arc::clone(now)),
            stores_fail: false,
            vectors: BTreeMap::new(),
            embedder_fails: false,
            meter: Arc::default(),
            answers: Vec::new(),
            answered: Vec::new(),
            done: Done::default(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Log for Stage {
    fn write(&self, _: &str, level: Level, _: u64, text: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let line = format!("{level}: {text}");
        self.0.scene.lock().done.lines.push(line);
    }
}

impl Metrics for Stage {
    fn meter(&self, _: &str) -> Arc<dyn Meter> {
        Arc::new(self.clone())
    }
}

impl Meter for Stage {
    fn count(&self, name: &str, by: u64) -> bool {
        Stage::meter(self).count(name, by)
    }

    fn observe(&self, name: &str, value: f64) -> bool {
        Stage::meter(self).observe(name, value)
    }

    fn count_labelled(&self, name: &str, labels: &[(String, String)], by: u64) -> bool {
        Stage::meter(self).count_labelled(name, labels, by)
    }

    fn observe_labelled(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        Stage::meter(self).observe_labelled(name, labels, value)
    }

    fn gauge(&self, name: &str, labels: &[(String, String)], value: f64) -> bool {
        Stage::meter(self).gauge(name, labels, value)
    }
}

impl Clock for Stage {
    fn now_ms(&self) -> u64 {
        self.0.now.load(Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.now_ms().saturating_mul(1_000_000)
    }
}

impl Fetch for Stage {
    fn send<'a>(&'a self, call: Call, _: &'a [String]) -> Work<'a, Result<Answer, Error>> {
        Work::now(self.answer(call))
    }
}

impl Embeddings for Stage {
    fn embedder(&self) -> Option<Arc<str>> {
        Some(CaseVector::EMBEDDER.into())
    }

    fn embed<'a>(
        &'a self,
        _: &'a str,
        texts: Vec<String>,
    ) -> Work<'a, Result<Vec<Arc<Vector>>, embeddings::Error>> {
        let scene = self.0.scene.lock();
        let vectors = match scene.embedder_fails {
            true => None,
            false => (texts.iter())
                .map(|text| embedder::embed(&scene.vectors, text))
                .collect(),
        };
        Work::now(vectors.ok_or(embeddings::Error::Unavailable))
    }
}

impl Limits for Stage {
    fn reserve(&self, asks: Vec<Ask>) -> Work<'_, Result<Taken, Unavailable>> {
        let stores = self.stores();
        Work::later(async move { stores.ok_or(Unavailable)?.reserve(asks).await })
    }

    fn peek(&self, asks: Vec<Ask>) -> Work<'_, Result<Vec<Standing>, Unavailable>> {
        let stores = self.stores();
        Work::later(async move { stores.ok_or(Unavailable)?.peek(asks).await })
    }
}

impl Replies for Stage {
    fn find<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
    ) -> Work<'a, Result<Option<Kept>, Unavailable>> {
        let stores = self.stores();
        Work::later(async move { stores.ok_or(Unavailable)?.find(space, key).await })
    }

    fn evict<'a>(&'a self, space: &'a str, key: &'a str) -> Work<'a, Result<bool, Unavailable>> {
        let stores = self.stores();
        Work::later(async move { stores.ok_or(Unavailable)?.evict(space, key).await })
    }

    fn nearest<'a>(
        &'a self,
        space: &'a str,
        partition: Partition,
        vector: Arc<Vector>,
        least: f32,
        count: usize,
    ) -> Work<'a, Result<Vec<Neighbour>, Unavailable>> {
        let stores = self.stores();
        Work::later(async move {
            let stores = stores.ok_or(Unavailable)?;
            let found = stores.nearest(space, partition, vector, least, count);
            found.await
        })
    }

    fn lead_or_join(&self, key: String) -> Flight {
        match self.stores() {
            Some(stores) => stores.lead_or_join(key),
            None => Flight::Alone,
        }
    }
}

impl Stage {
    /// The store of values; none where it can't be reached.
    fn values(&self) -> Result<Arc<dyn Values>, values::Error> {
        let stores = self.stores().ok_or(values::Error::Unavailable)?;
        Ok(stores.values())
    }
}

impl Values for Stage {
    fn get<'a>(&'a self, space: &'a str, key: &'a str) -> values::Answer<'a, Option<Bytes>> {
        Work::later(async move { self.values()?.get(space, key).await })
    }

    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> values::Answer<'a, ()> {
        Work::later(async move { self.values()?.set(space, key, value, ttl).await })
    }

    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> values::Answer<'a, ()> {
        Work::later(async move { self.values()?.delete(space, key).await })
    }

    fn increment<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Duration,
    ) -> values::Answer<'a, i64> {
        Work::later(async move { self.values()?.increment(space, key, by, ttl).await })
    }

    fn compare_and_set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        expected: Option<&'a [u8]>,
        value: Bytes,
        ttl: Duration,
    ) -> values::Answer<'a, bool> {
        Work::later(async move {
            let values = self.values()?;
            values
                .compare_and_set(space, key, expected, value, ttl)
                .await
        })
    }
}

/// Notes the faults of hooks that decide nothing; a rehearsal is not counted.
impl Listener for Stage {
    fn called(&self, _: &LoadedPolicy, _: &'static str, _: &'static str, _: Duration) {}
    fn faulted(&self, _: &LoadedPolicy, hook: &'static str, fault: &Fault) {
        let words = format!("in its `{hook}` hook it {fault}");
        self.0.scene.lock().done.faults.push(words);
    }
    fn quarantined(&self, _: &LoadedPolicy, _: bool) {}
    fn withheld(&self, _: &LoadedPolicy, _: Duration, _: usize) {}
    fn covered(&self, _: &LoadedPolicy, _: &Coverage) {}
}
