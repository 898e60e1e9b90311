//! Memory that the request bodies of all exchanges take together.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{Gate, Reason};

/// Bytes that one exchange's request holds of the budget for request bodies. Dropping it returns
/// them.
#[must_use = "dropping it gives the bytes back"]
pub struct Held {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Held {
    /// Makes a permit of no bytes.
    pub fn new(gate: &Arc<Gate>) -> Self {
        Self {
            gate: Arc::clone(gate),
            bytes: 0,
        }
    }

    /// Takes `more` bytes. Returns false, and counts the shedding, where the budget has no room. A
    /// body that is the only one always has room: its own limit applies elsewhere.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let all = self.gate.bodies.fetch_add(more, Relaxed) + more;
        self.bytes += more;
        let fits = all <= self.gate.bodies_limit.load(Relaxed) || all == self.bytes;
        if !fits {
            self.gate.bodies.fetch_sub(more, Relaxed);
            self.bytes -= more;
            self.gate.turned_away(Reason::Bodies);
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gate.bodies.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_one_budget_and_one_alone_always_fits() {
        let gate = Arc::new(Gate::default());
        gate.bodies_limit.store(100, Relaxed);
        let mut first = Held::new(&gate);
        assert!(first.grow(60) && first.grow(90), "a body alone");
        let mut second = Held::new(&gate);
        assert!(!second.grow(1));
        drop(first);
        assert!(second.grow(80));
        let mut third = Held::new(&gate);
        assert!(third.grow(20) && !third.grow(1));
        drop((second, third));
        assert_eq!(gate.bodies.load(Relaxed), 0);
    }
}
