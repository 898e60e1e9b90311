//! Attempts in flight: who they are, so that none is given back twice, and until when, so that one
//! that is lost comes back by itself.

use std::time::Duration;

use super::window::Bucket;

/// More free slots than these are given back once nothing is in flight.
const KEPT: usize = 64;
/// The end of the list of free slots.
const NONE: u32 = u32::MAX;

/// A place in [`Slots`], and which of its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    index: u32,
    number: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Slots {
    entries: Vec<Entry>,
    /// The first free entry.
    free: u32,
    taken: u32,
    /// The number of the last user of any slot.
    last_number: u32,
    /// No lease ends before this.
    next_end: Tenths,
    /// Attempts in flight without a reply's head, which a reply of another may not have counted.
    unanswered: Load,
}

/// Attempts and what they were estimated to take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) requests: u64,
    pub(super) tokens: u64,
}

/// Tenths of a second since the cell began: 13 years of them in four bytes.
type Tenths = u32;

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The number of its user; 0 while it is free.
    number: u32,
    /// The end of the lease; of a free entry, the next free one.
    ends: u32,
    tokens: u32,
    progress: Progress,
    /// The bucket of the window that its first content is counted in.
    bucket: Bucket,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waits,
    /// The reply's head came.
    Answered,
    /// Its first content came.
    Committed,
    /// Its first content closed the cell.
    Closed,
}

/// The state of an attempt's first content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    /// The bucket in which it is counted as a success.
    pub(super) bucket: Bucket,
    /// True if it closed the cell, and is not counted.
    pub(super) closed: bool,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            taken: 0,
            last_number: 0,
            next_end: NONE,
            unanswered: Load::default(),
        }
    }
}

impl Slots {
    /// Takes a slot until `ends`, a time since the cell began.
    pub(super) fn take(&mut self, ends: Duration, tokens: u64) -> Slot {
        self.last_number = self.last_number.wrapping_add(1).max(1);
        let entry = Entry {
            number: self.last_number,
            ends: tenths_after(ends),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            progress: Progress::Waits,
            bucket: 0,
        };
        self.next_end = self.next_end.min(entry.ends);
        self.taken += 1;
        self.unanswered.requests += 1;
        self.unanswered.tokens += u64::from(entry.tokens);
        let index = self.free;
        if let Some(free) = self.entries.get_mut(index as usize) {
            self.free = free.ends;
            *free = entry;
            return Slot {
                index,
                number: entry.number,
            };
        }
        self.entries.push(entry);
        Slot {
            index: (self.entries.len() - 1) as u32,
            number: entry.number,
        }
    }

    /// Returns what is known of an attempt's first content, if it came; `None` where its slot was
    /// given back, or its lease has ended.
    pub(super) fn content(&mut self, slot: Slot) -> Option<Option<Content>> {
        let entry = self.entry(slot)?;
        let closed = entry.progress == Progress::Closed;
        let came = closed || entry.progress == Progress::Committed;
        Some(came.then_some(Content {
            bucket: entry.bucket,
            closed,
        }))
    }

    /// Gives a slot back.
    pub(super) fn give_back(&mut self, slot: Slot) {
        if self.entry(slot).is_some() {
            self.free(slot.index as usize);
            self.shrink();
        }
    }

    /// Notes that a reply's head came: whoever sent it has counted the request.
    pub(super) fn answer(&mut self, slot: Slot) {
        let waits = |entry: &&mut Entry| entry.progress == Progress::Waits;
        let Some(entry) = self.entry(slot).filter(waits) else {
            return;
        };
        entry.progress = Progress::Answered;
        let tokens = u64::from(entry.tokens);
        self.unanswered.requests -= 1;
        self.unanswered.tokens -= tokens;
    }

    /// Notes a reply's first content, and lets the slot be taken until `ends`. Returns whether it is
    /// the first that is known of, which is counted in `bucket`.
    pub(super) fn commit(&mut self, slot: Slot, ends: Duration, bucket: Bucket) -> bool {
        self.answer(slot);
        let ends = tenths_after(ends);
        let Some(entry) = self.entry(slot) else {
            return false;
        };
        let first = entry.progress == Progress::Answered;
        if first {
            (entry.progress, entry.bucket) = (Progress::Committed, bucket);
        }
        entry.ends = ends;
        self.next_end = self.next_end.min(ends);
        first
    }

    /// Notes that an attempt's first content closed the cell.
    pub(super) fn note_closed(&mut self, slot: Slot) {
        if let Some(entry) = self.entry(slot) {
            entry.progress = Progress::Closed;
        }
    }

    /// Returns how many slots are taken, without those whose lease has ended.
    pub(super) fn taken(&self, age: Duration) -> u32 {
        let now = tenths(age);
        if now < self.next_end {
            return self.taken;
        }
        let live = |entry: &&Entry| entry.number != 0 && entry.ends > now;
        self.entries.iter().filter(live).count() as u32
    }

    /// Returns what is in flight and was not answered yet.
    pub(super) const fn unanswered(&self) -> Load {
        self.unanswered
    }

    /// Frees the slots whose lease has ended.
    pub(super) fn end_leases(&mut self, age: Duration) {
        let now = tenths(age);
        if now < self.next_end {
            return;
        }
        self.next_end = NONE;
        for index in 0..self.entries.len() {
            let Entry { number, ends, .. } = self.entries[index];
            if number == 0 {
                continue;
            }
            if ends <= now {
                self.free(index);
            } else {
                self.next_end = self.next_end.min(ends);
            }
        }
        self.shrink();
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    fn entry(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries
            .get_mut(slot.index as usize)
            .filter(|entry| entry.number == slot.number)
    }

    fn free(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        if entry.progress == Progress::Waits {
            self.unanswered.requests -= 1;
            self.unanswered.tokens -= u64::from(entry.tokens);
        }
        entry.number = 0;
        entry.ends = self.free;
        self.free = index as u32;
        self.taken -= 1;
    }

    fn shrink(&mut self) {
        if self.taken == 0 {
            self.next_end = NONE;
            if self.entries.len() > KEPT {
                self.entries = Vec::new();
                self.free = NONE;
            }
        }
    }
}

fn tenths(age: Duration) -> Tenths {
    (age.as_millis() / 100) as Tenths
}

/// Rounded up: a lease is never shorter than it was given.
fn tenths_after(age: Duration) -> Tenths {
    tenths(age).saturating_add(1)
}
