//! Targets that a request may go to, and what was tried.

use std::time::Duration;

pub use crate::abi::outrigger::policy::types::{Attempt, Price, Target};
use crate::{Places, Request, request::owned};

/// A target that a request may go to.
impl Request {
    /// The targets that the request's model stands for, as the request is now, in the order in which
    /// they would be tried. One that can't take the request is not among them; one that is open or
    /// limited is.
    ///
    /// ```
    /// # use outrigger_sdk::{Decision, Failure, Hooks, Policy, Request};
    /// /// Europe first, and a small model where nothing else answers.
    /// #[derive(serde::Deserialize)]
    /// struct Careful { last: String }
    ///
    /// impl Policy for Careful {
    ///     const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::FAILURE);
    ///
    ///     fn on_request(&mut self, request: &mut Request) -> Decision {
    ///         let targets = request.targets();
    ///         let near = targets.iter().filter(|target| target.region.as_deref() == Some("eu"));
    ///         request.prefer(&near.map(|target| &*target.name).collect::<Vec<_>>());
    ///         Decision::Forward
    ///     }
    ///
    ///     fn on_failure(&mut self, failure: &Failure) -> Decision {
    ///         match failure.class.as_str() {
    ///             "request" | "caller" => Decision::Forward,
    ///             _ => Decision::try_now([&self.last]),
    ///         }
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        self.host.targets()
    }

    /// Has these tried before the others, behind those that were preferred before. Names of targets
    /// that can't take the exchange change nothing. More than 64 in an exchange are a fault.
    pub fn prefer(&mut self, targets: &[impl AsRef<str>]) {
        if !targets.is_empty() {
            self.host.prefer(&owned(targets));
        }
    }

    /// Leaves these out, with the same bound. Where nothing is left, the exchange is refused.
    ///
    /// ```
    /// # use outrigger_sdk::{Request, bench};
    /// # use std::time::Duration;
    /// let mut request = Request::chat("m").with_targets([bench::target("a/m"), bench::target("b/m")]);
    /// let sick: Vec<String> = (request.targets().into_iter())
    ///     .filter(|target| !target.is_healthy() || target.can_take("tools") == Some(false))
    ///     .map(|target| target.name)
    ///     .collect();
    /// request.exclude(&sick);
    /// request.mirror("b/m");
    /// request.set_deadline(Duration::from_secs(20));
    /// assert_eq!(request.deadline(), Some(Duration::from_secs(20)));
    /// let attempt = bench::attempt("a/m", "rate", 429);
    /// assert_eq!(attempt.retry_after(), None);
    /// ```
    pub fn exclude(&mut self, targets: &[impl AsRef<str>]) {
        if !targets.is_empty() {
            self.host.exclude(&owned(targets));
        }
    }

    /// Sends a copy of the exchange to this target, too, whose reply is counted and shown to nobody.
    /// The last one that is named gets it; none does where the proxy is busy or its budget for
    /// copies is spent.
    pub fn mirror(&mut self, target: &str) {
        self.host.mirror(target);
    }

    /// Has [`Policy::on_attempt`](crate::Policy::on_attempt) judge the replies that this exchange's
    /// attempts bring, these places of them, before anything is sent to the app. Worth it only where
    /// the policy would have another target tried: what it waits for, the app waits for, too.
    pub fn hold_reply(&mut self, places: Places) {
        self.host.hold_reply(&places.names());
    }

    /// The time that the exchange may take in all, from its beginning.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.host.deadline_ms().map(Duration::from_millis)
    }

    /// Shortens that time; never lengthens it.
    pub fn set_deadline(&mut self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.host.set_deadline_ms(ms);
    }
}

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
