//! Coverage: how much of an exchange one policy was shown, and how much not, with the reason.

/// Bytes of text of one exchange, as far as one policy is concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    shown: u64,
    missed: Vec<(&'static str, u64)>,
}

impl Coverage {
    /// Adds bytes that the policy was shown.
    pub(super) const fn show(&mut self, bytes: u64) {
        self.shown += bytes;
    }

    /// Adds bytes that the policy reads and was not shown. `reason` is one of a bounded set: a kind
    /// that no dialect reads, or how the policy failed.
    pub fn miss(&mut self, reason: &'static str, bytes: u64) {
        if bytes == 0 {
            return;
        }
        match self.missed.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += bytes,
            None => self.missed.push((reason, bytes)),
        }
    }

    /// Returns the bytes that it was shown.
    pub const fn shown(&self) -> u64 {
        self.shown
    }

    /// Returns the bytes that it was not shown, by reason.
    pub fn missed(&self) -> &[(&'static str, u64)] {
        &self.missed
    }
}
