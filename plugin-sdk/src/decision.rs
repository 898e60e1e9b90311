//! Short constructors of decisions.

use std::time::Duration;

use crate::{Decision, Refusal, Verdict, abi::outrigger::policy::types::Reply};

impl Decision {
    /// Answers with an error in the policy's name: `status` 400 to 599, and a message that says
    /// what the app would have to change.
    #[must_use]
    pub fn refuse(status: u16, message: impl Into<String>) -> Self {
        Self::Refuse(Refusal::new(status, message))
    }

    /// Answers with `text`, in the caller's dialect, as a model would have.
    #[must_use]
    pub fn reply(text: impl Into<String>) -> Self {
        Self::Reply(Reply { text: text.into() })
    }

    /// Answers with the reply that [`replies::find`](crate::replies::find) found under `key`: one
    /// that was kept, or one under way.
    #[must_use]
    pub fn serve(key: impl Into<String>) -> Self {
        Self::Serve(key.into())
    }

    /// Has these targets tried now, in this order: an answer to a failure alone. A policy does so
    /// once in an exchange; where they fail, too, it is called again.
    #[must_use]
    pub fn try_now(targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::TryNow(targets.into_iter().map(Into::into).collect())
    }
}

impl Verdict {
    /// Rejects the reply; `code` is a short machine-readable word, `[a-z0-9_]{1,64}`.
    #[must_use]
    pub fn reject(code: impl Into<String>) -> Self {
        Self::Reject(code.into())
    }
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl Refusal {
    /// A refusal with the usual code of its status: `rate_limited` for 429, else `policy_denied`.
    ///
    /// ```
    /// # use outrigger_sdk::{Decision, Refusal};
    /// # use std::time::Duration;
    /// let wait = Duration::from_secs(5);
    /// let refusal = Refusal::new(429, "too many").code("team_limit").retry_after(wait);
    /// assert_eq!((&*refusal.code, refusal.retry_after_ms), ("team_limit", Some(5_000)));
    /// assert_ne!(Decision::from(refusal), Decision::reply("Try later."));
    /// ```
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let code = if status == 429 {
            "rate_limited"
        } else {
            "policy_denied"
        };
        Self {
            status,
            code: code.into(),
            message: message.into(),
            retry_after_ms: None,
        }
    }

    /// Sets the word that programs read: `[a-z0-9_]{1,64}`.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Sets the time after which the app may try again. Only where waiting helps; the proxy passes
    /// on 60 s at most.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        self
    }
}
