//! A call and a view of targets, both as a test writes them, which count what they are asked.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::LazyLock,
    time::{Duration, Instant},
};

use dialect::Dialect;

use crate::{Admits, Family, Needs, Properties, Request, Standing, State, Table, TargetId, View};

/// The time of all tests.
#[expect(clippy::disallowed_methods, reason = "a clock begins somewhere")]
pub(super) static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Both: a test has one of each.
pub(super) struct Fake {
    pub(super) now: Instant,
    pub(super) input: u64,
    pub(super) bound: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) needs: Needs,
    pub(super) tags: HashMap<String, String>,
    pub(super) conversation: Option<u64>,
    pub(super) caller: Option<u64>,
    pub(super) random: u64,
    pub(super) standings: HashMap<TargetId, Standing>,
    pub(super) costs: HashMap<TargetId, u64>,
    pub(super) call_reads: Cell<u32>,
    pub(super) view_reads: Cell<u32>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            now: *NOW,
            input: 100,
            bound: None,
            output: None,
            needs: Needs::default(),
            tags: HashMap::new(),
            conversation: None,
            caller: None,
            random: 7,
            standings: HashMap::new(),
            costs: HashMap::new(),
            call_reads: Cell::new(0),
            view_reads: Cell::new(0),
        }
    }
}

impl Fake {
    /// A chat request for the alias `fast`.
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            dialect: Dialect::OpenaiChat,
            family: Family::Openai,
            model: Some("fast"),
            home: None,
            prefer: &[],
            exclude: &[],
            tried: &[],
            properties: self,
        }
    }

    /// Changes what is known of a target.
    pub(super) fn set(&mut self, table: &Table, name: &str, change: impl FnOnce(&mut Standing)) {
        let id = table.target_named(name).unwrap().id;
        change(self.standings.entry(id).or_insert(Standing::IDLE));
    }

    pub(super) fn set_cost(&mut self, table: &Table, name: &str, cost: u64) {
        self.costs
            .insert(table.target_named(name).unwrap().id, cost);
    }

    pub(super) fn set_latency(&mut self, table: &Table, name: &str, milliseconds: u64) {
        let latency = Some(Duration::from_millis(milliseconds));
        self.set(table, name, |at| at.first_content = latency);
    }

    /// Opens a target's breaker for so many seconds.
    pub(super) fn open(&mut self, table: &Table, name: &str, seconds: u64) {
        let until = Some(self.now + Duration::from_secs(seconds));
        self.set(table, name, |at| {
            (at.state, at.admits) = (State::Open, Admits::No { until });
        });
    }

    /// Has a target's provider limit it for so many seconds.
    pub(super) fn limit(&mut self, table: &Table, name: &str, seconds: u64) {
        let until = Some(self.now + Duration::from_secs(seconds));
        self.set(table, name, |at| at.admits = Admits::No { until });
    }

    fn count_call<T>(&self, answer: T) -> T {
        self.call_reads.set(self.call_reads.get() + 1);
        answer
    }
}

impl Properties for Fake {
    fn input_tokens(&self) -> u64 {
        self.count_call(self.input)
    }

    fn surely_fits(&self, tokens: u64) -> bool {
        self.bound.is_some_and(|bound| bound <= tokens)
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.count_call(self.output)
    }

    fn needs(&self, of: Needs) -> Needs {
        self.count_call(self.needs.and(of))
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.count_call(self.tags.get(name).map(String::as_str))
    }

    fn conversation(&self) -> Option<u64> {
        self.count_call(self.conversation)
    }

    fn caller(&self) -> Option<u64> {
        self.count_call(self.caller)
    }

    fn random(&self) -> u64 {
        self.count_call(self.random)
    }
}

impl View for Fake {
    fn standing(&self, target: TargetId) -> Standing {
        self.view_reads.set(self.view_reads.get() + 1);
        self.standings
            .get(&target)
            .copied()
            .unwrap_or(Standing::IDLE)
    }

    fn cost(&self, target: TargetId) -> Option<u64> {
        self.view_reads.set(self.view_reads.get() + 1);
        self.costs.get(&target).copied()
    }
}
