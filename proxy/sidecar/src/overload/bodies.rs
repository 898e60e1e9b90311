//! Memory that the request bodies of all exchanges take together.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{Admission, ShedReason};

/// Bytes that one exchange's request holds of the budget for request bodies. Dropping it returns
/// them.
#[must_use = "dropping it gives the bytes back"]
pub struct BodyPermit {
    admission: Arc<Admission>,
    bytes: usize,
}

impl BodyPermit {
    /// Makes a permit of no bytes.
    pub fn new(admission: &Arc<Admission>) -> Self {
        Self {
            admission: Arc::clone(admission),
            bytes: 0,
        }
    }

    /// Takes `more` bytes. Returns false, and counts the shedding, where the budget has no room. A
    /// body that is the only one always has room: its own limit applies elsewhere.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let all = self.admission.bodies.fetch_add(more, Relaxed) + more;
        self.bytes += more;
        let fits = all <= self.admission.bodies_limit.load(Relaxed) || all == self.bytes;
        if !fits {
            self.admission.bodies.fetch_sub(more, Relaxed);
            self.bytes -= more;
            self.admission.shed(ShedReason::Bodies);
        }
        fits
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        self.admission.bodies.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_one_budget_and_one_alone_always_fits() {
        let admission = Arc::new(Admission::default());
        admission.bodies_limit.store(100, Relaxed);
        let mut first = BodyPermit::new(&admission);
        assert!(first.grow(60) && first.grow(90), "a body alone");
        let mut second = BodyPermit::new(&admission);
        assert!(!second.grow(1));
        drop(first);
        assert!(second.grow(80));
        let mut third = BodyPermit::new(&admission);
        assert!(third.grow(20) && !third.grow(1));
        drop((second, third));
        assert_eq!(admission.bodies.load(Relaxed), 0);
    }
}
