//! A queue of exchanges whose candidates are all limited: fair by tenant, bounded, with a deadline
//! each.
//!
//! A [`FairQueue`] is a value: it wakes nobody and callers pass `now`.
//!
//! - **Tenants** of one priority take turns by deficit round robin over estimated tokens: while two
//!   of them wait, what they were given differs by a quantum (8,192 tokens) and the largest
//!   exchange at most, however large the exchanges of one and small those of the other are, and
//!   whoever has more of them. 1,024 tenants have a turn of their own; all others share one.
//! - **Priorities** are strict, with an ageing rule: a lower one that waits earns one token for
//!   each eight that leave with a higher one, and goes first once it has earned more than a
//!   quantum. So it gets a ninth at least of what leaves.
//! - **Room**: an exchange that is larger than the room that a provider gives may be passed by
//!   smaller ones until those have as many tokens as it; then the room is kept for it.
//! - **Deadlines** order nothing: who is more hurried is not served earlier. An exchange whose
//!   deadline has passed is never popped.

mod drain;
mod level;
mod slab;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use self::drain::DrainRate;
use self::level::{Flow, Level, Next, QUANTUM};
use self::slab::{List, NONE, Slab, Slot};

/// Tokens of higher priorities for which a lower one that waits earns one.
const AGEING: u64 = 8;

/// The least that a refusal's Retry-After says.
const LEAST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The priority of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// The default.
    #[default]
    Normal,
    /// After all others.
    Low,
}

impl Priority {
    /// Every priority, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Returns the name, as tags have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Returns the priority of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.name() == name)
    }
}

/// The bounds of a queue, over everything that waits in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Exchanges.
    pub exchanges: usize,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Their estimated tokens.
    pub tokens: u64,
}

/// An exchange that wants to wait.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The tenant whose turn it waits for; any text.
    pub tenant: &'a str,
    /// Its priority.
    pub priority: Priority,
    /// Estimated tokens of request and reply. Counts as one at least.
    pub tokens: u64,
    /// Bytes that are kept for it while it waits.
    pub bytes: u64,
    /// The end of its wait.
    pub deadline: Instant,
}

/// A place in a queue. Of no use once the exchange has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    slot: Slot,
    sequence: u64,
}

/// A queue's refusal of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// The bound that it would break.
    pub bound: Bound,
    /// The time after which it could be expected to be served within its wait; one second at
    /// least. `None` where that is not known, or never.
    pub retry_after: Option<Duration>,
}

/// A bound of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Too many exchanges wait.
    Exchanges,
    /// Their bodies are too large.
    Bytes,
    /// Their tokens are too many.
    Tokens,
    /// Its turn would come after its deadline, by the rate at which the queue drains.
    Deadline,
}

impl Bound {
    /// Returns the name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges",
            Self::Bytes => "bytes",
            Self::Tokens => "tokens",
            Self::Deadline => "deadline",
        }
    }
}

/// An exchange that left a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dequeued<T> {
    /// What was pushed.
    pub value: T,
    /// Its estimated tokens.
    pub tokens: u64,
    /// The time of its entry.
    pub entered: Instant,
}

/// A bounded queue that is fair by tenant.
#[derive(Debug)]
pub struct FairQueue<T> {
    bounds: Bounds,
    waiting: Slab<Waiting<T>>,
    len: usize,
    bytes: u64,
    tokens: u64,
    levels: [Level; 3],
    /// Tokens that each level has earned by waiting. Never more than a quantum below zero but for
    /// what it was given in advance.
    earned: [i64; 3],
    deadlines: BTreeSet<(Instant, Slot)>,
    /// Exchanges whose deadline has passed, which nobody has drained yet.
    expired: List,
    drain: DrainRate,
    sequence: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    value: T,
    sequence: u64,
    tokens: u64,
    bytes: u64,
    deadline: Instant,
    entered: Instant,
    /// The flow within its level, or `NONE` once expired.
    flow: Slot,
    priority: Priority,
}

impl<T> FairQueue<T> {
    /// Makes an empty queue. It takes memory for what waits, and gives it back when it is empty.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: Slab::new(),
            len: 0,
            bytes: 0,
            tokens: 0,
            levels: [Level::new(), Level::new(), Level::new()],
            earned: [-signed(QUANTUM); 3],
            deadlines: BTreeSet::new(),
            expired: List::new(),
            drain: DrainRate::new(),
            sequence: 0,
        }
    }

    /// Sets other bounds. What waits stays, even where it is more than they allow.
    pub const fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Adds an exchange as its tenant's last, or says which bound it would break. One whose turn
    /// would come too late is refused at once.
    pub fn push(&mut self, value: T, entry: Entry<'_>, now: Instant) -> Result<Ticket, Full> {
        let wait = self.estimate_wait(&entry, now);
        self.check_bounds(&entry, wait, now)?;
        Ok(self.insert(value, entry, (now, Place::Last)))
    }

    /// Puts an exchange back that was popped and found its target limited again: as its tenant's
    /// first, with the time of its first entry and without paying for its turn twice.
    pub fn put_back(
        &mut self,
        value: T,
        entry: Entry<'_>,
        entered: Instant,
        now: Instant,
    ) -> Result<Ticket, Full> {
        self.check_bounds(&entry, None, now)?;
        self.drain.come_back(entry.tokens.max(1));
        Ok(self.insert(value, entry, (entered, Place::First)))
    }

    /// Takes the next exchange whose deadline has not passed. With `room_tokens`, one that has no
    /// more than these.
    pub fn pop(&mut self, now: Instant, room_tokens: Option<u64>) -> Option<Dequeued<T>> {
        self.drain.advance(now, self.len > 0);
        self.expire(now);
        let aged = self.aged();
        let natural = Priority::ALL
            .into_iter()
            .filter(|level| Some(*level) != aged);
        let mut lowest = Priority::Low;
        let mut passed = [false; 3];
        for priority in aged.into_iter().chain(natural) {
            let waiting = &self.waiting;
            let first = |flow: &Flow| waiting.first(flow.entries).map_or(1, |first| first.tokens);
            let level = &mut self.levels[priority as usize];
            if level.is_empty() || priority > lowest {
                continue;
            }
            match level.next(first, room_tokens) {
                Next::Of(flow) => {
                    let tokens = level.flow(flow).map_or(1, first);
                    self.pass(passed, tokens);
                    return self.take_first(priority, flow, aged == Some(priority));
                }
                Next::NoRoom if !level.is_passed_enough(first) => passed[priority as usize] = true,
                // The room is kept for it: no lower priority takes it.
                Next::NoRoom | Next::Reserved => lowest = priority,
            }
        }
        None
    }

    /// Takes an exchange out whose caller has left. `None` where it is no longer in the queue.
    pub fn remove(&mut self, ticket: Ticket) -> Option<Dequeued<T>> {
        let entry = self.waiting.get(ticket.slot)?;
        if entry.sequence != ticket.sequence {
            return None;
        }
        self.detach(ticket.slot);
        self.take(ticket.slot)
    }

    /// Takes out all whose deadline has passed, the longest overdue first.
    pub fn expired(&mut self, now: Instant) -> Vec<Dequeued<T>> {
        self.drain.advance(now, self.len > 0);
        self.expire(now);
        let mut expired = Vec::new();
        while self.expired.len > 0 {
            let slot = self.expired.head;
            self.waiting.unlink(&mut self.expired, slot);
            expired.extend(self.take(slot));
        }
        expired
    }

    /// Returns the first deadline of what is in the queue.
    pub fn next_deadline(&self) -> Option<Instant> {
        let expired = self.waiting.first(self.expired).map(|entry| entry.deadline);
        expired.or_else(|| self.deadlines.first().map(|(deadline, _)| *deadline))
    }

    /// Returns the time after which the turn of a new exchange would come, by the rate at which the
    /// queue has drained lately. Zero where nothing is before it, `None` while no rate is known.
    pub fn estimate_wait(&mut self, entry: &Entry<'_>, now: Instant) -> Option<Duration> {
        self.drain.advance(now, self.len > 0);
        let (higher, rest) = self.levels.split_at(entry.priority as usize);
        let higher = higher.iter().map(|level| level.tokens).sum::<u64>();
        let level = rest
            .first()?
            .tokens_before(entry.tenant, entry.tokens.max(1));
        self.drain.time_for(higher.saturating_add(level))
    }

    /// Returns the number of exchanges, expired ones that are not drained yet among them.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is no exchange.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the bytes of all.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the estimated tokens of all.
    pub const fn tokens(&self) -> u64 {
        self.tokens
    }

    fn check_bounds(
        &self,
        entry: &Entry<'_>,
        wait: Option<Duration>,
        now: Instant,
    ) -> Result<(), Full> {
        let allowed = entry.deadline.saturating_duration_since(now);
        let tokens = entry.tokens.max(1);
        let over = |present: u64, more: u64, bound| more > bound || present > bound - more;
        let (bound, ever) = if self.len >= self.bounds.exchanges {
            (Bound::Exchanges, self.bounds.exchanges > 0)
        } else if over(self.bytes, entry.bytes, self.bounds.bytes) {
            (Bound::Bytes, entry.bytes <= self.bounds.bytes)
        } else if over(self.tokens, tokens, self.bounds.tokens) {
            (Bound::Tokens, tokens <= self.bounds.tokens)
        } else if allowed.is_zero() || wait.is_some_and(|wait| wait > allowed) {
            (Bound::Deadline, true)
        } else {
            return Ok(());
        };
        let later = wait
            .filter(|_| ever)
            .map(|wait| wait.saturating_sub(allowed));
        let retry_after = later.map(|later| later.max(LEAST_RETRY_AFTER));
        Err(Full { bound, retry_after })
    }

    fn insert(&mut self, value: T, entry: Entry<'_>, (entered, place): (Instant, Place)) -> Ticket {
        let tokens = entry.tokens.max(1);
        self.sequence += 1;
        let sequence = self.sequence;
        let level = &mut self.levels[entry.priority as usize];
        let flow = level.flow_of(entry.tenant);
        let slot = self.waiting.insert(Waiting {
            value,
            sequence,
            tokens,
            bytes: entry.bytes,
            deadline: entry.deadline,
            entered,
            flow,
            priority: entry.priority,
        });
        level.add(flow, tokens);
        if let Some(flow) = level.flow_mut(flow) {
            match place {
                Place::Last => self.waiting.push_back(&mut flow.entries, slot),
                Place::First => {
                    self.waiting.push_front(&mut flow.entries, slot);
                    flow.refund(tokens);
                }
            }
        }
        self.deadlines.insert((entry.deadline, slot));
        self.len += 1;
        self.bytes += entry.bytes;
        self.tokens += tokens;
        Ticket { slot, sequence }
    }

    /// Returns the lower priority that has waited long enough to go first.
    fn aged(&self) -> Option<Priority> {
        let lower = [Priority::Normal, Priority::Low].into_iter();
        let earned = |priority: &Priority| self.earned[*priority as usize];
        lower
            .filter(|priority| earned(priority) > 0 && !self.levels[*priority as usize].is_empty())
            .max_by_key(earned)
    }

    /// Notes that so many tokens go past the levels that had no room for their own.
    fn pass(&mut self, passed: [bool; 3], tokens: u64) {
        for (level, _) in self
            .levels
            .iter_mut()
            .zip(passed)
            .filter(|(_, passed)| *passed)
        {
            level.pass(tokens);
        }
    }

    fn take_first(&mut self, priority: Priority, flow: Slot, aged: bool) -> Option<Dequeued<T>> {
        let slot = self.levels[priority as usize].flow(flow)?.entries.head;
        let tokens = self.waiting.get(slot)?.tokens;
        let (higher, rest) = self.levels.split_at_mut(priority as usize);
        let went_before = higher.iter().any(|level| !level.is_empty());
        rest.first_mut()?.spend(flow, tokens);
        self.detach(slot);
        self.drain.depart(tokens);
        self.age(priority, tokens);
        if aged && went_before {
            let earned = &mut self.earned[priority as usize];
            *earned = earned.saturating_sub(signed(tokens));
        }
        self.take(slot)
    }

    /// Has the priorities below earn their part of what leaves. One that does not wait saves
    /// nothing.
    fn age(&mut self, priority: Priority, tokens: u64) {
        for lower in priority as usize + 1..self.levels.len() {
            let earned = self.earned[lower].saturating_add(signed(tokens.div_ceil(AGEING)));
            let is_waiting = !self.levels[lower].is_empty();
            self.earned[lower] = if is_waiting {
                earned
            } else {
                earned.min(-signed(QUANTUM))
            };
        }
    }

    /// Moves exchanges whose deadline has passed out of their turns.
    fn expire(&mut self, now: Instant) {
        while let Some((deadline, slot)) = self.deadlines.first().copied() {
            if deadline > now {
                return;
            }
            self.detach(slot);
            self.waiting.push_back(&mut self.expired, slot);
        }
    }

    /// Takes an exchange out of its flow or of the expired ones, but not out of its slot.
    fn detach(&mut self, slot: Slot) {
        let Some(entry) = self.waiting.get_mut(slot) else {
            return;
        };
        let flow = std::mem::replace(&mut entry.flow, NONE);
        let (priority, tokens, deadline) = (entry.priority, entry.tokens, entry.deadline);
        if flow == NONE {
            self.waiting.unlink(&mut self.expired, slot);
            return;
        }
        self.deadlines.remove(&(deadline, slot));
        let level = &mut self.levels[priority as usize];
        let Some(entries) = level.flow_mut(flow).map(|flow| &mut flow.entries) else {
            return;
        };
        let was_first = entries.head == slot;
        self.waiting.unlink(entries, slot);
        level.subtract(flow, tokens, was_first);
        if level.is_empty() {
            let earned = &mut self.earned[priority as usize];
            *earned = (*earned).min(-signed(QUANTUM));
        }
    }

    /// Takes a detached exchange out of its slot, and its part out of the sums.
    fn take(&mut self, slot: Slot) -> Option<Dequeued<T>> {
        let entry = self.waiting.take(slot)?;
        self.len -= 1;
        self.bytes -= entry.bytes;
        self.tokens -= entry.tokens;
        if self.len == 0 {
            self.waiting.reset();
        }
        Some(Dequeued {
            value: entry.value,
            tokens: entry.tokens,
            entered: entry.entered,
        })
    }
}

/// The place of an exchange among its tenant's.
#[derive(Debug, Clone, Copy)]
enum Place {
    First,
    Last,
}

fn signed(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
