//! Targets that a request may go to, and what was tried.

use std::time::Duration;

pub use crate::abi::outrigger::policy::types::{Attempt, Price, Target};

impl Target {
    /// Reports whether its breaker is closed, and no limit of the provider keeps it from taking
    /// exchanges now.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.breaker == "closed" && self.retry_after_ms.is_none()
    }

    /// Reports whether its model takes something besides text, `tools` or `images` say; `None` where
    /// that is not known.
    #[must_use]
    pub fn can_take(&self, what: &str) -> Option<bool> {
        let named = |list: &[String]| list.iter().any(|word| word == what);
        match (named(&self.takes), named(&self.lacks)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }
}

impl Attempt {
    /// The time after which the upstream wanted to be tried again, where it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms
            .map(|ms| Duration::from_millis(ms.into()))
    }
}
