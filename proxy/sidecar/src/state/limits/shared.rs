//! Buckets in Redis, and their replacement while it is away.
//!
//! A bucket is two keys with one hash tag: its count, and the reservations that are open, so that
//! those of a replica that died lapse. A single Redis takes from all buckets of a call in one
//! script. In a cluster each slot has its own script, run at the same time; where one denies, the
//! others' units are given back, and until that arrives their buckets look fuller than they are.
//!
//! When an answer does not come, the reservation is in doubt: perhaps it was made. Its settlement
//! says so, and the store then counts the truth once, whether it knew the reservation, learns of it
//! later or never. So usage during an outage is in the buckets after it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;
use redis::{Script, Value};

use super::{
    Ask, MOST, Standing, Take, TakenFrom, Unavailable,
    memory::Buckets,
    queue::{Queue, Settlement},
    script::{self, Calls, read},
};
use crate::{
    config::Degrade,
    state::{
        Clock,
        client::{Call, Fault, StoreClient},
        figures::BucketFigures,
    },
    telemetry::metrics,
};

/// Buckets that this replica remembers, for figures and for its share when the store goes away.
const REMEMBERED: usize = 4096;
/// Memory for shares of limits while the store is away, in bytes.
const SHARES: usize = 16 << 20;
/// Wait that is reported where a whole limit would have room and this replica's share of it never
/// will.
const HEALING: Duration = Duration::from_secs(1);

/// Limits over a shared store.
pub(in crate::state) struct Limits {
    client: Arc<StoreClient>,
    script: Script,
    calls: Calls,
    queue: Arc<Queue>,
    clock: Clock,
    degrade: Degrade,
    replicas: u64,
    shares: Buckets,
    seen: Cache<Arc<str>, Seen>,
    /// Random part of the ids, which with `serial` no other replica makes.
    seed: u64,
    serial: AtomicU64,
    /// True once the log says that the server refused a call.
    refused: AtomicBool,
}

/// A reservation's id and what it took.
type Taken = (Arc<str>, Vec<Take>);

/// A bucket as it last stood.
#[derive(Clone)]
struct Seen {
    ask: Ask,
    used: u64,
    at: u64,
}

impl Limits {
    pub(in crate::state) fn new(
        client: Arc<StoreClient>,
        state: &crate::config::State,
        server: &crate::config::Redis,
        clock: Clock,
    ) -> Self {
        let mut seed = [0; 8];
        // Without randomness two replicas could make the same ids; the clock and the process id
        // keep them apart then.
        if getrandom::fill(&mut seed).is_err() {
            seed = (clock.now() ^ u64::from(std::process::id()) << 40).to_le_bytes();
        }
        Self {
            client,
            script: script::load(),
            calls: Calls::new(&server.prefix, state.reservation_lapse, clock.clone()),
            queue: Arc::default(),
            clock,
            degrade: state.degrade,
            replicas: u64::from(state.replicas),
            shares: Buckets::new(SHARES),
            seen: Cache::new(REMEMBERED),
            seed: u64::from_le_bytes(seed),
            serial: AtomicU64::new(0),
            refused: AtomicBool::new(false),
        }
    }

    /// Sends settlements for ever, and forgets the shares when the store is back.
    pub(in crate::state) async fn serve(self: Arc<Self>) {
        let forget = async {
            let mut up = self.client.subscribe();
            while up.wait_for(|up| *up).await.is_ok() {
                self.shares.clear();
                if up.wait_for(|up| !*up).await.is_err() {
                    break;
                }
            }
        };
        tokio::join!(
            self.queue.send_all(&self.client, &self.script, &self.calls),
            forget
        );
    }

    pub(in crate::state) fn settle(&self, settlement: Settlement) {
        self.queue.push(settlement);
    }

    /// Returns the number of settlements that the store does not have yet.
    pub(in crate::state) fn unsettled(&self) -> usize {
        self.queue.len()
    }

    /// Waits until the store has all settlements.
    pub(in crate::state) async fn settled(&self) {
        self.queue.emptied().await;
    }

    /// Returns this replica's share of a limit.
    pub(super) fn share(&self, limit: u64) -> u64 {
        match limit {
            0 => 0,
            limit => (limit / self.replicas).max(1),
        }
    }

    pub(in crate::state) async fn reserve(
        &self,
        asks: &[Ask],
    ) -> Result<(Vec<Standing>, Option<Taken>), Unavailable> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let id: Arc<str> = format!("{:016x}{serial:x}", self.seed).into();
        match self.query("reserve", &id, asks).await {
            Ok(mut standings) => {
                if standings.iter().all(|standing| standing.granted) {
                    let takes = take(asks, |_| TakenFrom::There);
                    return Ok((standings, Some((id, takes))));
                }
                for group in self.groups(asks) {
                    let granted = |index: &usize| standings.get(*index).is_some_and(|s| s.granted);
                    if !group.iter().all(granted) {
                        continue;
                    }
                    // This slot has taken units, not knowing that another slot denies.
                    for index in &group {
                        let Some(ask) = asks.get(*index) else {
                            continue;
                        };
                        let name = ask.name();
                        for other in &group {
                            if let (Some(same), Some(standing)) =
                                (asks.get(*other), standings.get_mut(*other))
                                && same.name() == name
                            {
                                standing.used = standing.used.saturating_sub(ask.amount);
                            }
                        }
                        self.give_back(&id, *index, ask, true);
                    }
                }
                Ok((standings, None))
            }
            Err(fault) => self.degraded(&fault, &id, asks),
        }
    }

    fn give_back(&self, id: &Arc<str>, index: usize, ask: &Ask, certain: bool) {
        let (settlement, _) = Settlement::new(id, index, ask.clone(), 0, certain);
        self.queue.push(settlement);
    }

    /// Gives back what may have been taken.
    fn forgo(&self, fault: &Fault, id: &Arc<str>, asks: &[Ask]) {
        let whole = !self.client.is_cluster() || asks.len() < 2;
        if matches!(fault, Fault::Away) || whole && matches!(fault, Fault::Full | Fault::Refused(_))
        {
            return;
        }
        for (index, ask) in asks.iter().enumerate() {
            self.give_back(id, index, ask, false);
        }
    }

    fn degraded(
        &self,
        fault: &Fault,
        id: &Arc<str>,
        asks: &[Ask],
    ) -> Result<(Vec<Standing>, Option<Taken>), Unavailable> {
        self.count(fault);
        match self.degrade {
            Degrade::Block => {
                self.forgo(fault, id, asks);
                Err(Unavailable)
            }
            Degrade::Skip => {
                let takes = take(asks, |_| TakenFrom::InDoubt(None));
                let standings = asks.iter().map(unknown).collect();
                Ok((standings, Some((Arc::clone(id), takes))))
            }
            Degrade::Share => {
                let mine = self.share_of(asks);
                let known = |name: &str| self.known(name);
                let (mut standings, holds) = self.shares.reserve(&mine, self.clock.now(), &known);
                hopeful(&mut standings, asks);
                let Some(holds) = holds else {
                    self.forgo(fault, id, asks);
                    return Ok((standings, None));
                };
                let mut holds = holds.into_iter();
                let takes = take(asks, |_| TakenFrom::InDoubt(holds.next()));
                Ok((standings, Some((Arc::clone(id), takes))))
            }
        }
    }

    pub(in crate::state) async fn peek(&self, asks: &[Ask]) -> Result<Vec<Standing>, Unavailable> {
        match self.query("peek", "", asks).await {
            Ok(standings) => Ok(standings),
            Err(fault) => {
                self.count(&fault);
                match self.degrade {
                    Degrade::Block => Err(Unavailable),
                    Degrade::Skip => Ok(asks.iter().map(unknown).collect()),
                    Degrade::Share => {
                        let mine = self.share_of(asks);
                        let known = |name: &str| self.known(name);
                        let mut standings = self.shares.peek(&mine, self.clock.now(), &known);
                        hopeful(&mut standings, asks);
                        Ok(standings)
                    }
                }
            }
        }
    }

    /// Takes more for one request. While the store is away a stream goes on, unless `state.degrade`
    /// is `block`.
    pub(super) async fn extend(&self, id: &str, index: usize, ask: &Ask, by: u64) -> bool {
        let one = std::iter::once((index, ask, by, ask.soft));
        let call = self.calls.of("extend", id, one);
        match self.client.run(&self.script, &call).await {
            Ok(value) => read(&value).first().is_some_and(|first| first.granted),
            Err(fault) => {
                self.count(&fault);
                self.degrade != Degrade::Block
            }
        }
    }

    /// Forgets a bucket, by its name.
    pub(in crate::state) async fn reset(&self, name: &str) -> Result<bool, Fault> {
        let keys = [self.calls.key('b', name), self.calls.key('h', name)];
        let mut delete = redis::cmd("DEL");
        delete.arg(&keys);
        let deleted = self.client.query_patiently(&delete).await?;
        self.seen.remove(name);
        Ok(deleted != Value::Int(0))
    }

    /// Lists at most `most` buckets that this replica has seen, and returns the number of all.
    pub(in crate::state) async fn list(&self, most: usize) -> (Vec<BucketFigures>, usize) {
        let all: Vec<(Arc<str>, Seen)> = self.seen.iter().take(most).collect();
        let looks = all.iter().map(|(_, seen)| async {
            let none = Ask {
                amount: 0,
                ..seen.ask.clone()
            };
            let one = std::iter::once((0, &none, 0, false));
            let call = self.calls.of("peek", "", one);
            let answer = self.client.run_patiently(&self.script, &call).await.ok()?;
            read(&answer).into_iter().next()
        });
        let looks = futures_util::future::join_all(looks).await;
        let lines = all.iter().zip(looks).map(|((name, seen), look)| {
            let (used, reset_ms) = look.map_or((seen.used, 0), |look| (look.used, look.reset));
            BucketFigures {
                name: name.to_string(),
                used,
                limit: seen.ask.limit,
                reset_ms,
            }
        });
        (lines.collect(), self.seen.len())
    }

    async fn query(&self, what: &str, id: &str, asks: &[Ask]) -> Result<Vec<Standing>, Fault> {
        let groups = self.groups(asks);
        let one = |group: &Vec<usize>| {
            let chosen = group
                .iter()
                .filter_map(|index| Some((*index, asks.get(*index)?)));
            let chosen = chosen.map(|(index, ask)| (index, ask, ask.bounded().0, ask.soft));
            self.calls.of(what, id, chosen)
        };
        let mut standings: Vec<Option<Standing>> = vec![None; asks.len()];
        let calls: Vec<Call> = groups.iter().map(one).collect();
        let answers = calls.iter().map(|call| self.client.run(&self.script, call));
        let answers = futures_util::future::try_join_all(answers).await?;
        for (group, answer) in groups.iter().zip(answers) {
            for (index, bucket) in group.iter().zip(read(&answer)) {
                let (Some(ask), Some(slot)) = (asks.get(*index), standings.get_mut(*index)) else {
                    continue;
                };
                self.remember(ask, bucket.used);
                *slot = Some(Standing {
                    granted: bucket.granted,
                    limit: ask.limit.min(MOST),
                    used: bucket.used,
                    reset: Duration::from_millis(bucket.reset),
                    wait: bucket.wait.map(Duration::from_millis),
                });
            }
        }
        let complete: Option<Vec<Standing>> = standings.into_iter().collect();
        complete.ok_or_else(|| Fault::Refused("an answer that is too short".to_owned()))
    }

    /// Groups the requests that one script may serve: all of them, or in a cluster those of one
    /// slot.
    fn groups(&self, asks: &[Ask]) -> Vec<Vec<usize>> {
        if asks.len() < 2 || !self.client.is_cluster() {
            return vec![(0..asks.len()).collect()];
        }
        let mut groups: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (index, ask) in asks.iter().enumerate() {
            let slot = script::slot(&ask.name());
            groups.entry(slot).or_default().push(index);
        }
        groups.into_values().collect()
    }

    fn remember(&self, ask: &Ask, used: u64) {
        let name: Arc<str> = ask.name().into();
        let (ask, at) = (ask.clone(), self.clock.now());
        self.seen.insert(name, Seen { ask, used, at });
    }

    /// Returns the usage with which this replica's share of a bucket begins: its share of what was
    /// last seen used.
    fn known(&self, name: &str) -> u64 {
        let Some(seen) = self.seen.get(name) else {
            return 0;
        };
        let now = self.clock.now();
        let mut meter = super::window::Meter::new(seen.ask.window, seen.at);
        meter.take(seen.at, seen.used);
        meter.roll(now, seen.ask.limit);
        meter.used() / self.replicas
    }

    fn share_of(&self, asks: &[Ask]) -> Vec<Ask> {
        let share = |ask: &Ask| Ask {
            limit: self.share(ask.limit.min(MOST)),
            ..ask.clone()
        };
        asks.iter().map(share).collect()
    }

    fn count(&self, fault: &Fault) {
        if let Fault::Refused(code) = fault
            && !self.refused.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%code, "redis refuses what limits ask it; counting what this degrades, and saying so no more");
        }
        let action = match self.degrade {
            Degrade::Share => "share",
            Degrade::Block => "block",
            Degrade::Skip => "skip",
        };
        metrics::store_fault("limits", fault.word());
        metrics::store_degraded("limits", action);
    }
}

fn take(asks: &[Ask], mut taken_from: impl FnMut(&Ask) -> TakenFrom) -> Vec<Take> {
    let one = |ask: &Ask| Take::new(ask.clone(), taken_from(ask));
    asks.iter().map(one).collect()
}

/// Standing of a bucket of which nothing is known, for operators who let exchanges through then.
fn unknown(ask: &Ask) -> Standing {
    Standing {
        granted: true,
        limit: ask.limit.min(MOST),
        used: 0,
        reset: Duration::ZERO,
        wait: Some(Duration::ZERO),
    }
}

/// Sets a finite wait for requests that are too large for a share alone: they have room again when
/// the store is back.
fn hopeful(standings: &mut [Standing], asks: &[Ask]) {
    for (standing, ask) in standings.iter_mut().zip(asks) {
        if standing.wait.is_none() && ask.amount <= ask.limit {
            standing.wait = Some(HEALING);
        }
    }
}
