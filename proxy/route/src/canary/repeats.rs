//! Samples of one conversation after another.

use crate::draw::{Purpose, mix};

/// Conversations whose samples are counted at the same time; 8 bytes each. Two that share a slot
/// push each other out, and begin anew.
const SLOTS: usize = 4096;

/// The samples so far of the conversations seen last.
#[derive(Debug, Clone)]
pub(super) struct Repeats {
    slots: Box<[Slot]>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    samples: u32,
}

impl Repeats {
    pub(super) fn new() -> Self {
        let empty = Slot { tag: 0, samples: 0 };
        Self {
            slots: vec![empty; SLOTS].into(),
        }
    }

    /// Returns whether the next sample of a conversation counts: the 1st, the 4th, the 16th …
    pub(super) fn counts(&mut self, hash: u64) -> bool {
        let mixed = mix(hash, Purpose::Repeats);
        let tag = (mixed >> 32) as u32;
        let Some(slot) = self.slots.get_mut(mixed as usize % SLOTS) else {
            return true;
        };
        if slot.tag != tag {
            *slot = Slot { tag, samples: 0 };
        }
        slot.samples = slot.samples.saturating_add(1);
        slot.samples.is_power_of_two() && slot.samples.trailing_zeros() % 2 == 0
    }
}
