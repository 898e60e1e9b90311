//! Exchange of findings about targets between replicas.
//!
//! A task on the store's thread publishes openings, halvings, closings and canaries that were
//! rolled back, as they come, and reads twice a second what others have published; both are one
//! script, so that nothing is read that is older than what is published. No exchange waits for it,
//! or knows of it: breakers are as they are. While the store is away every replica learns alone, and
//! what it learnt is published when the store is back.
//!
//! There is one entry for each name, the last one, with times by the server's clock, so that those
//! of pods may differ. Names are the configuration's; a key is its upstream's name and a digest.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use redis::{Script, Value};
use route::{Change, Class, Remote};
use tokio::sync::watch;

use super::{AliasState, Targets, now};
use crate::{
    state::{
        Clock,
        client::{Call, Fault, StoreClient},
    },
    telemetry::metrics,
};

const CODE: &str = include_str!("share.lua");

/// Pause between two readings.
const PAUSE: Duration = Duration::from_millis(500);
/// Changes published at once.
const BATCH: usize = 64;
/// Entries read at once.
const READ: usize = 256;
/// Entries that the store keeps: some 200 KB.
const KEPT: usize = 1024;
/// Time for which it keeps them after the last: a canary's rollback is to be found by a pod that is
/// new.
const LASTS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Halvings and closings that are older say nothing of the present.
const FRESH: Duration = Duration::from_secs(5);
/// Stands for no cause.
const NONE: &str = "-";

/// The task's state.
pub(in crate::state) struct Share {
    targets: Targets,
    client: Arc<StoreClient>,
    script: Script,
    keys: [String; 2],
    clock: Clock,
    /// Unlike those of other replicas.
    replica: String,
    /// The version up to which others' changes are known.
    read: u64,
    /// The number of breakers and aliases at that time.
    begun: u64,
    /// Changes that the store does not have yet, by name.
    unpublished: BTreeMap<String, News>,
    /// The last attempt to publish failed: the next one reads alone, which a store without memory
    /// still lets through.
    failed: bool,
    /// The log says that the server refused a call.
    refused: bool,
    /// Canaries by name.
    canaries: BTreeMap<String, KnownCanary>,
    /// Counts changes of breakers.
    changes: watch::Receiver<u64>,
}

/// A canary, as of the last look.
struct KnownCanary {
    alias: Weak<AliasState>,
    /// Tells it from another of the same name; where other terms of its alias change, it goes on.
    trial: Weak<AtomicBool>,
    is_back: bool,
}

/// The newest of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum News {
    Breaker(Change),
    Canary { is_back: bool },
}

impl Share {
    /// Makes the task of a store whose keys have this prefix.
    pub(in crate::state) fn new(
        targets: &Targets,
        client: Arc<StoreClient>,
        prefix: &str,
        clock: Clock,
    ) -> Self {
        let mut seed = [0; 8];
        // Without randomness the process id keeps replicas of one host apart.
        if getrandom::fill(&mut seed).is_err() {
            seed = (clock.now() ^ u64::from(std::process::id()) << 40).to_le_bytes();
        }
        Self {
            targets: targets.clone(),
            client,
            script: Script::new(CODE),
            keys: ["known", "order"].map(|part| format!("{prefix}:t:{{targets}}:{part}")),
            clock,
            replica: format!("{:016x}", u64::from_le_bytes(seed)),
            read: 0,
            begun: 0,
            unpublished: BTreeMap::new(),
            failed: false,
            refused: false,
            canaries: BTreeMap::new(),
            changes: targets.0.changes.count.subscribe(),
        }
    }

    /// Publishes and reads for ever.
    pub(in crate::state) async fn serve(mut self) {
        let mut up = self.client.subscribe();
        while up.wait_for(|up| *up).await.is_ok() {
            let is_behind = self.go_on().await;
            if is_behind && !self.failed {
                continue;
            }
            tokio::select! {
                _ = self.changes.changed(), if !self.failed => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Publishes and reads once. Returns whether there is more of either.
    async fn go_on(&mut self) -> bool {
        self.collect();
        let now = now();
        let batch: Vec<(String, News)> = match std::mem::take(&mut self.failed) {
            true => Vec::new(),
            false => {
                let news = self.unpublished.iter().take(BATCH);
                news.map(|(name, news)| (name.clone(), *news)).collect()
            }
        };
        let call = self.call(&batch, now);
        match self.client.run_patiently(&self.script, &call).await {
            Ok(answer) => {
                for (name, news) in &batch {
                    if self.unpublished.get(name) == Some(news) {
                        self.unpublished.remove(name);
                    }
                }
                let entries = self.take_over(&answer, now);
                entries >= READ || !self.unpublished.is_empty()
            }
            Err(fault) => {
                self.failed = true;
                self.note(&fault);
                false
            }
        }
    }

    fn note(&mut self, fault: &Fault) {
        if *fault != Fault::Away {
            metrics::store_fault("targets", fault.word());
        }
        if let Fault::Refused(code) = fault
            && !std::mem::replace(&mut self.refused, true)
        {
            tracing::error!(%code, "redis refuses what replicas share of targets; each learns alone, and this is said no more");
        }
    }

    /// Collects what is new here.
    fn collect(&mut self) {
        let registry = &self.targets.0;
        for (breaker, change) in std::mem::take(&mut *registry.changes.waiting.lock()) {
            let group = match change {
                Change::Opened { .. } | Change::Closed => "state",
                Change::Halved { .. } => "halved",
            };
            let name = [group, ":", &*breaker].concat();
            self.unpublished.insert(name, News::Breaker(change));
        }
        while self.unpublished.len() > KEPT {
            self.unpublished.pop_first();
        }
        let begun = registry.begun.load(Relaxed);
        if std::mem::replace(&mut self.begun, begun) != begun {
            // What others know of what is new here was passed over.
            self.read = 0;
        }
        self.canaries
            .retain(|_, known| known.trial.strong_count() > 0);
        for alias in &registry.aliases {
            let Some(name) = name_of(&alias) else {
                continue;
            };
            let is_back = alias.canary_rolled_back();
            let same = self.canaries.get(&name);
            let same = same.filter(|known| known.trial.as_ptr() == Arc::as_ptr(alias.trial()));
            let was_back = same.is_some_and(|known| known.is_back);
            if is_back != was_back {
                let news = News::Canary { is_back };
                self.unpublished.insert(name.clone(), news);
            }
            let known = KnownCanary {
                alias: Arc::downgrade(&alias),
                trial: Arc::downgrade(alias.trial()),
                is_back,
            };
            self.canaries.insert(name, known);
        }
    }

    fn call(&self, batch: &[(String, News)], now: Instant) -> Call {
        let time = self.clock.manual().map(|now| now.to_string());
        let mut call = Call::new(CODE);
        for key in &self.keys {
            call = call.key(key.as_str());
        }
        call = call
            .argument(time.unwrap_or_default())
            .argument(self.replica.as_str())
            .number(self.read)
            .number(READ)
            .number(KEPT)
            .number(LASTS.as_millis());
        for (name, news) in batch {
            let (kind, millis, cause) = news.spelt(now);
            call = call
                .argument(name.as_str())
                .argument(kind)
                .number(millis)
                .argument(cause);
        }
        call
    }

    /// Takes over what others have published, which was at `now` or a little later. Returns the
    /// number of entries.
    fn take_over(&mut self, answer: &Value, now: Instant) -> usize {
        let Value::Array(values) = answer else {
            return 0;
        };
        let words: Vec<&str> = values.iter().map(word).collect();
        let Some((read, entries)) = words.split_first() else {
            return 0;
        };
        self.read = read.parse().unwrap_or(self.read);
        let entries = entries.chunks_exact(4);
        let count = entries.len();
        for entry in entries {
            if let [name, kind, millis, cause] = entry
                && let Ok(millis) = millis.parse()
            {
                self.learn(name, kind, millis, cause, now);
            }
        }
        count
    }

    fn learn(&mut self, name: &str, kind: &str, millis: i64, cause: &str, now: Instant) {
        let age = Duration::from_millis(millis.min(0).unsigned_abs());
        let ahead = Duration::from_millis(millis.max(0).unsigned_abs());
        let remote = match kind {
            "opened" => Remote::Opened {
                until: now + ahead,
                cause: Class::named(cause),
            },
            "halved" if age <= FRESH => Remote::Halved {
                at: now.checked_sub(age).unwrap_or(now),
            },
            "closed" if age <= FRESH => Remote::Closed,
            "back" | "resumed" => return self.learn_of_canary(name, kind == "back"),
            _ => return,
        };
        let breaker = name.split_once(':').map_or("", |(_, breaker)| breaker);
        if let Some(breaker) = self.targets.find_breaker(breaker) {
            breaker.merge(remote, now);
        }
    }

    fn learn_of_canary(&mut self, name: &str, is_back: bool) {
        let Some(known) = self.canaries.get_mut(name) else {
            return;
        };
        let alias = known.alias.upgrade();
        let Some(alias) = alias.filter(|_| known.is_back != is_back) else {
            return;
        };
        known.is_back = is_back;
        match is_back {
            true => alias.roll_back_canary("another replica"),
            false => drop(alias.resume_canary()),
        }
    }
}

impl News {
    /// Its kind, the milliseconds from now on, and its cause.
    fn spelt(self, now: Instant) -> (&'static str, i64, &'static str) {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Breaker(Change::Opened { until, cause }) => (
                "opened",
                millis(until.saturating_duration_since(now)),
                cause.map_or(NONE, Class::name),
            ),
            Self::Breaker(Change::Halved { at }) => {
                ("halved", -millis(now.saturating_duration_since(at)), NONE)
            }
            Self::Breaker(Change::Closed) => ("closed", 0, NONE),
            Self::Canary { is_back: true } => ("back", 0, NONE),
            Self::Canary { is_back: false } => ("resumed", 0, NONE),
        }
    }
}

/// The name of an alias's canary; none where there is none. With another target it is another one.
fn name_of(alias: &AliasState) -> Option<String> {
    let target = &alias.terms.canary.as_ref()?.target;
    let name = alias.name();
    Some(format!(
        "canary:{name}:{}/{}",
        target.upstream, target.model
    ))
}

fn word(value: &Value) -> &str {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        Value::SimpleString(text) => text,
        _ => "",
    }
}
