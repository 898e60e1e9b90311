//! A queue of exchanges whose candidates are all limited: fair by tenant, bounded, with a deadline
//! each.
//!
//! A [`FairQueue`] is a value: it wakes nobody and callers pass `now`.
//!
//! - **Tenants** of one priority take turns by deficit round robin over estimated tokens: while two
//!   of them wait, what they were given differs by a quantum (8,192 tokens) and the largest
//!   exchange at most, however large the exchanges of one and small those of the other are, and
//!   whoever has more of them. 1,024 tenants have a turn of their own; all others share one.
//! - **Priorities** are strict, with an ageing rule: a lower one that waits earns a token for each
//!   eight that leave with a higher one. Once it has earned 1,024 it goes first, and pays for what
//!   it takes. So it gets a ninth of what leaves while higher ones never end.
//! - **Room**: an exchange that is larger than the room that a provider gives may be passed by
//!   smaller ones, of as many tokens as it has; then the room is kept for it. Its tenant gets the
//!   turns that it missed meanwhile.
//! - **Deadlines** order nothing: who is more hurried is not served earlier. An exchange whose
//!   deadline has passed is never popped.

mod drain;
mod entry;
mod level;
#[cfg(test)]
mod properties;
mod slab;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use self::drain::DrainRate;
pub use self::entry::{Bound, Bounds, Dequeued, Entry, Full, Priority, Ticket};
use self::level::{Flow, Level, Next};
use self::slab::{List, NONE, Slab, Slot};

/// Tokens of higher priorities for which a lower one that waits earns one.
const AGEING: u64 = 8;

/// Tokens that a lower priority has earned when it goes first.
const AGED: i64 = 1024;

/// The least that a refusal's Retry-After says.
const LEAST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A bounded queue that is fair by tenant.
#[derive(Debug)]
pub struct FairQueue<T> {
    bounds: Bounds,
    waiting: Slab<Waiting<T>>,
    len: usize,
    bytes: u64,
    tokens: u64,
    levels: [Level; 3],
    /// Tokens that each level has earned by waiting; below zero while it still owes.
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
            earned: [0; 3],
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
    /// first, with the time of its first entry and without paying for its turn twice. What others
    /// took meanwhile may leave it no place.
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
        // Tokens of lower priorities that may go past each one that has no room.
        let mut passable = [u64::MAX; 3];
        for priority in aged.into_iter().chain(natural) {
            let waiting = &self.waiting;
            let first = |flow: &Flow| waiting.first(flow.entries).map_or(1, |first| first.tokens);
            let (higher, _) = passable.split_at(priority as usize);
            let most = higher.iter().copied().min().unwrap_or(u64::MAX);
            let level = &mut self.levels[priority as usize];
            if level.is_empty() {
                continue;
            }
            match level.next(first, room_tokens, most) {
                Next::Of(flow) => {
                    let tokens = level.flow(flow).map_or(1, first);
                    let (higher, _) = self.levels.split_at_mut(priority as usize);
                    for (level, passable) in higher.iter_mut().zip(passable) {
                        if passable < u64::MAX {
                            level.pass(tokens);
                        }
                    }
                    return self.take_first(priority, flow, aged == Some(priority));
                }
                Next::NoRoom => passable[priority as usize] = level.passable(first),
                Next::Reserved => passable[priority as usize] = 0,
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
            .filter(|priority| {
                earned(priority) >= AGED && !self.levels[*priority as usize].is_empty()
            })
            .max_by_key(earned)
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

    /// Has the priorities below earn their part of what leaves. One that does not wait pays what
    /// it owes with it, but earns nothing.
    fn age(&mut self, priority: Priority, tokens: u64) {
        for lower in priority as usize + 1..self.levels.len() {
            let before = self.earned[lower];
            let earned = before.saturating_add(signed(tokens.div_ceil(AGEING)));
            self.earned[lower] = if self.levels[lower].is_empty() {
                earned.min(before.max(0))
            } else {
                earned
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
            self.deadlines.remove(&(deadline, slot));
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
            *earned = (*earned).min(AGED);
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
