//! Deficit round robin over the tenants of one priority (Shreedhar & Varghese, SIGCOMM 1995).

use std::collections::HashMap;
use std::sync::Arc;

use super::slab::{List, NONE, Slab, Slot};

/// The tokens that a tenant may spend more each time that its turn comes.
pub(super) const QUANTUM: u64 = 8192;

/// Tenants that wait at the same time and have a turn of their own. All others share one.
const MAX_TENANTS: usize = 1024;

/// The bytes of a tenant's name that has a turn of its own.
const MAX_NAME: usize = 256;

/// The tenants of one priority that wait.
#[derive(Debug)]
pub(super) struct Level {
    flows: Slab<Flow>,
    /// In the order of their turns. Those whose turn it is, but whose next exchange waits for room,
    /// are in front.
    turns: List,
    by_tenant: HashMap<Arc<str>, Slot>,
    shared: Slot,
    /// The number of the round that has gone farthest.
    round: u64,
    pub(super) tokens: u64,
}

/// The entries of one tenant, in the order in which they came.
#[derive(Debug)]
pub(super) struct Flow {
    tenant: Option<Arc<str>>,
    pub(super) entries: List,
    tokens: u64,
    deficit: u64,
    /// The last round in which it had a turn. It falls behind while it waits for room, and gets what
    /// it missed at its next.
    round: u64,
    has_turn: bool,
    /// Tokens of others that went past its next exchange, which had its turn but no room. Never more
    /// than its own.
    passed: u64,
}

/// The next exchange of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The first of this flow.
    Of(Slot),
    /// Nobody's next exchange has room.
    NoRoom,
    /// The exchange that has room would go past one whose turn it is for more tokens than that one
    /// has: the room is kept for it.
    Reserved,
}

impl Level {
    pub(super) fn new() -> Self {
        Self {
            flows: Slab::new(),
            turns: List::new(),
            by_tenant: HashMap::new(),
            shared: NONE,
            round: 0,
            tokens: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.turns.len == 0
    }

    pub(super) fn flow(&self, flow: Slot) -> Option<&Flow> {
        self.flows.get(flow)
    }

    pub(super) fn flow_mut(&mut self, flow: Slot) -> Option<&mut Flow> {
        self.flows.get_mut(flow)
    }

    /// Returns the flow of a tenant, where it has one.
    fn find(&self, tenant: &str) -> Option<Slot> {
        let own = self.by_tenant.get(tenant).copied();
        own.or_else(|| (self.shared != NONE && self.shares(tenant)).then_some(self.shared))
    }

    fn shares(&self, tenant: &str) -> bool {
        tenant.len() > MAX_NAME || self.by_tenant.len() >= MAX_TENANTS
    }

    /// Returns the flow of a tenant; a new one's turn comes last.
    pub(super) fn flow_of(&mut self, tenant: &str) -> Slot {
        if let Some(flow) = self.find(tenant) {
            return flow;
        }
        let tenant = (!self.shares(tenant)).then(|| Arc::<str>::from(tenant));
        let flow = self.flows.insert(Flow {
            tenant: tenant.clone(),
            entries: List::new(),
            tokens: 0,
            deficit: 0,
            round: self.round,
            has_turn: false,
            passed: 0,
        });
        self.flows.push_back(&mut self.turns, flow);
        match tenant {
            Some(tenant) => drop(self.by_tenant.insert(tenant, flow)),
            None => self.shared = flow,
        }
        flow
    }

    /// Counts an exchange that was added to a flow.
    pub(super) fn add(&mut self, flow: Slot, tokens: u64) {
        self.tokens += tokens;
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.tokens += tokens;
        }
    }

    /// Counts an exchange that was taken out of a flow. One without any more gives up its turn and
    /// what it saved: who does not wait has no claim.
    pub(super) fn subtract(&mut self, slot: Slot, tokens: u64, was_first: bool) {
        self.tokens -= tokens;
        let Some(flow) = self.flows.get_mut(slot) else {
            return;
        };
        flow.tokens -= tokens;
        if was_first {
            flow.passed = 0;
        }
        if flow.entries.len > 0 {
            return;
        }
        self.flows.unlink(&mut self.turns, slot);
        match self.flows.take(slot).and_then(|flow| flow.tenant) {
            Some(tenant) => drop(self.by_tenant.remove(&tenant)),
            None => self.shared = NONE,
        }
        if self.is_empty() {
            self.flows.reset();
            self.by_tenant = HashMap::new();
        }
    }

    /// Finds the next exchange. `first` gives the tokens of a flow's first one, at least 1;
    /// `passable` are those that may go past exchanges of higher priorities.
    pub(super) fn next(
        &mut self,
        first: impl Fn(&Flow) -> u64,
        room: Option<u64>,
        passable: u64,
    ) -> Next {
        let fits = |tokens| room.is_none_or(|room| tokens <= room);
        // Without this, each of many calls in vain would add to what tenants have saved.
        if room.is_some()
            && !self
                .flows
                .walk(self.turns)
                .any(|(_, flow)| fits(first(flow)))
        {
            return Next::NoRoom;
        }
        if let Some(next) = self.one_round(&first, fits, passable) {
            return next;
        }
        self.skip_rounds(&first, fits);
        self.one_round(&first, fits, passable)
            .unwrap_or(Next::NoRoom)
    }

    /// Gives each its turn, once, until one has saved enough for its first exchange.
    fn one_round(
        &mut self,
        first: impl Fn(&Flow) -> u64,
        fits: impl Fn(u64) -> bool,
        mut passable: u64,
    ) -> Option<Next> {
        let mut slot = self.turns.head;
        for _ in 0..self.turns.len {
            let next = self.flows.next(slot);
            let flow = self.flows.get_mut(slot)?;
            let tokens = first(flow);
            let turns = if flow.has_turn {
                self.round.saturating_sub(flow.round)
            } else {
                1
            };
            flow.has_turn = true;
            flow.take_turns(turns);
            self.round = self.round.max(flow.round);
            if flow.deficit < tokens {
                flow.has_turn = false;
                self.flows.unlink(&mut self.turns, slot);
                self.flows.push_back(&mut self.turns, slot);
            } else if !fits(tokens) {
                passable = passable.min(tokens.saturating_sub(flow.passed));
            } else if tokens <= passable {
                return Some(Next::Of(slot));
            } else {
                return Some(Next::Reserved);
            }
            slot = next;
        }
        None
    }

    /// Adds what rounds in which nobody could go would add, but for the last of them: an exchange
    /// of many quanta costs no more than one of few.
    fn skip_rounds(&mut self, first: impl Fn(&Flow) -> u64, fits: impl Fn(u64) -> bool) {
        let flows = self.flows.walk(self.turns).map(|(_, flow)| flow);
        let needed = |flow: &Flow| first(flow).saturating_sub(flow.deficit).div_ceil(QUANTUM);
        let rounds = flows.filter(|flow| fits(first(flow))).map(needed).min();
        let skipped = rounds.unwrap_or(0).saturating_sub(1);
        let mut slot = self.turns.head;
        for _ in 0..self.turns.len {
            let next = self.flows.next(slot);
            if let Some(flow) = self.flows.get_mut(slot).filter(|flow| !flow.has_turn) {
                flow.take_turns(needed(flow).min(skipped));
                self.round = self.round.max(flow.round);
            }
            slot = next;
        }
    }

    /// Has a flow pay for its first exchange, which goes past those in front of it.
    pub(super) fn spend(&mut self, slot: Slot, tokens: u64) {
        let mut before = self.turns.head;
        while before != slot && before != NONE {
            let next = self.flows.next(before);
            if let Some(flow) = self.flows.get_mut(before) {
                flow.passed = flow.passed.saturating_add(tokens);
            }
            before = next;
        }
        if let Some(flow) = self.flows.get_mut(slot) {
            flow.deficit = flow.deficit.saturating_sub(tokens);
        }
    }

    /// Notes that tokens of a lower priority go past the first in turn, which has no room.
    pub(super) fn pass(&mut self, tokens: u64) {
        if let Some(flow) = self.flows.get_mut(self.turns.head) {
            flow.passed = flow.passed.saturating_add(tokens);
        }
    }

    /// Returns the tokens that may still go past the first in turn.
    pub(super) fn passable(&self, first: impl Fn(&Flow) -> u64) -> u64 {
        let flow = self.flows.get(self.turns.head);
        flow.map_or(u64::MAX, |flow| first(flow).saturating_sub(flow.passed))
    }

    /// Returns the tokens that go before a new exchange of a tenant: its own, and of the others'
    /// as many as it has itself by then, or all that they have.
    pub(super) fn tokens_before(&self, tenant: &str, tokens: u64) -> u64 {
        let slot = self.find(tenant);
        let own = slot
            .and_then(|slot| self.flows.get(slot))
            .map_or(0, |flow| flow.tokens);
        let turn = own.saturating_add(tokens);
        let others = self
            .flows
            .walk(self.turns)
            .filter(|(other, _)| Some(*other) != slot);
        let others = others.map(|(_, flow)| flow.tokens.min(turn)).sum::<u64>();
        own.saturating_add(others)
    }
}

impl Flow {
    const fn take_turns(&mut self, turns: u64) {
        self.round = self.round.saturating_add(turns);
        self.deficit = self.deficit.saturating_add(turns.saturating_mul(QUANTUM));
    }

    /// Gives back what an exchange spent that was put back.
    pub(super) const fn refund(&mut self, tokens: u64) {
        self.deficit = self.deficit.saturating_add(tokens);
    }
}
