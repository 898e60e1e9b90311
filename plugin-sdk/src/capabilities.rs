//! Capabilities that the proxy lends a policy besides the exchange itself.
//!
//! `log`, `metrics`, `clock` and `random` are free. `limits`, `values`, `replies`, `embeddings` and
//! `fetch` need the operator's grant: a policy that uses one, anywhere in its code, does not load
//! without it. None may be used while the policy is configured.

pub mod embeddings;
pub mod limits;
pub mod replies;

/// The operator's log. Never for prompts or replies.
///
/// ```
/// use outrigger_sdk::{bench, log};
/// log::debug("tried the second list");
/// log::info("a list was renewed");
/// log::warn("the judge did not answer in time");
/// log::error("the list is empty: nobody gets through");
/// assert_eq!(bench::log_lines().len(), 4);
/// ```
pub mod log {
    pub use crate::abi::outrigger::policy::log::Level;
    use crate::host::log;

    /// Logs a message for whoever writes the policy.
    pub fn debug(message: &str) {
        log::write(Level::Debug, message);
    }
    /// Logs a message worth knowing.
    pub fn info(message: &str) {
        log::write(Level::Info, message);
    }
    /// Logs that something is not as it should be, and that the policy went on.
    pub fn warn(message: &str) {
        log::write(Level::Warn, message);
    }
    /// Logs that a person must act.
    pub fn error(message: &str) {
        log::write(Level::Error, message);
    }
}

/// Counters, histograms and gauges. The proxy puts the policy's name before theirs.
///
/// ```
/// use outrigger_sdk::{bench, metrics};
/// metrics::count("checked", 1);
/// metrics::observe("judge_seconds", 0.25);
/// assert_eq!(bench::counter("checked"), 1);
/// assert_eq!(bench::observations("judge_seconds"), [0.25]);
/// ```
pub mod metrics {
    use crate::host::metrics;

    /// Adds to a counter.
    pub fn count(name: &str, by: u64) {
        metrics::count(name, by);
    }
    /// Records a value in a histogram; base units (seconds, bytes, tokens).
    pub fn observe(name: &str, value: f64) {
        metrics::observe(name, value);
    }
    /// Adds to a counter of one set of labels, 8 at most, as [`gauge`] has them. Values come from
    /// small sets of the policy's own: [`one_of`] sees to that.
    ///
    /// ```
    /// use outrigger_sdk::{bench, metrics};
    /// let verdict = "blocked";
    /// let verdict = metrics::one_of(verdict, &["passed", "blocked"]);
    /// metrics::count_labelled("checked", &[("verdict", verdict)], 1);
    /// assert_eq!(bench::counter_labelled("checked", &[("verdict", "blocked")]), 1);
    /// ```
    pub fn count_labelled(name: &str, labels: &[(&str, &str)], by: u64) {
        metrics::count_labelled(name, &owned(labels), by);
    }
    /// Records a value in a histogram of one set of labels.
    ///
    /// ```
    /// # use outrigger_sdk::metrics;
    /// metrics::observe_labelled("judge_seconds", &[("judge", "small")], 0.2);
    /// ```
    pub fn observe_labelled(name: &str, labels: &[(&str, &str)], value: f64) {
        metrics::observe_labelled(name, &owned(labels), value);
    }
    /// Sets a value that may fall, of one set of labels. The proxy keeps 1,000 sets per policy;
    /// further ones go to one of `other`.
    ///
    /// ```
    /// # use outrigger_sdk::{bench, metrics};
    /// metrics::gauge("left", &[("tenant", "acme")], 0.5);
    /// assert_eq!(bench::gauge("left", &[("tenant", "acme")]), Some(0.5));
    /// ```
    pub fn gauge(name: &str, labels: &[(&str, &str)], value: f64) {
        metrics::gauge(name, &owned(labels), value);
    }
    /// Returns `value` where it is one of `known`, and `other` where it is none: for values of
    /// labels that come from outside.
    ///
    /// ```
    /// # use outrigger_sdk::metrics::one_of;
    /// assert_eq!(one_of("eu", &["eu", "us"]), "eu");
    /// assert_eq!(one_of("mars", &["eu", "us"]), "other");
    /// ```
    #[must_use]
    pub fn one_of<'a>(value: &str, known: &[&'a str]) -> &'a str {
        let found = known.iter().find(|known| **known == value);
        found.copied().unwrap_or("other")
    }

    fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(label, of): &(&str, &str)| (label.into(), of.into());
        labels.iter().map(owned).collect()
    }
}

/// Time.
///
/// ```
/// use outrigger_sdk::{bench::set_clock, clock};
/// # use std::time::Duration;
/// set_clock(Duration::from_secs(1_795_313_187));
/// assert_eq!(clock::rfc3339(clock::now()), "2026-11-22T02:06:27Z");
/// let begun = clock::monotonic();
/// set_clock(Duration::from_secs(1_795_313_190));
/// assert_eq!(clock::monotonic() - begun, Duration::from_secs(3));
/// ```
pub mod clock {
    use std::time::Duration;

    use crate::{calendar, host::clock};

    /// Time since 1970-01-01T00:00:00Z, in whole milliseconds.
    #[must_use]
    pub fn now() -> Duration {
        Duration::from_millis(clock::now_ms())
    }
    /// A time since 1970 as RFC 3339 writes it: `2026-11-22T02:06:27Z`.
    #[must_use]
    pub fn rfc3339(time: Duration) -> String {
        calendar::rfc3339(time)
    }
    /// A clock that never goes back: for durations.
    #[must_use]
    pub fn monotonic() -> Duration {
        Duration::from_nanos(clock::monotonic_ns())
    }
}

/// Chance, and a key for stable hashes.
///
/// ```
/// use outrigger_sdk::random;
/// let one_in_ten = random::number() % 10 == 0;
/// let id = random::bytes(16);
/// assert_eq!((id.len(), random::process_key().len()), (16, 32));
/// # let _ = one_in_ten;
/// ```
pub mod random {
    use crate::host::random;

    /// Random bytes, good enough for keys.
    #[must_use]
    pub fn bytes(length: u32) -> Vec<u8> {
        random::bytes(length)
    }
    /// A random number.
    #[must_use]
    pub fn number() -> u64 {
        random::u64()
    }
    /// 32 bytes that stay the same for this policy until the proxy ends.
    #[must_use]
    pub fn process_key() -> Vec<u8> {
        random::process_key()
    }
}

/// Small values that outlive the exchange, in the policy's own namespace. Needs the grant `values`.
///
/// ```
/// use outrigger_sdk::values;
/// # use std::time::Duration;
/// values::set("turns:42", b"1", Some(Duration::from_secs(3600)))?;
/// assert_eq!(values::increment("turns:42", 2, None)?, 3);
/// assert!(values::compare_and_set("turns:42", Some(b"3"), b"0", None)?);
/// assert_eq!(values::get("turns:42")?, Some(b"0".to_vec()));
/// values::delete("turns:42")?;
/// # Ok::<(), values::Error>(())
/// ```
pub mod values {
    use std::time::Duration;

    pub use crate::abi::outrigger::policy::values::Error;
    use crate::host::values;

    /// The contract's spelling of a time to live: milliseconds, 0 for none. One shorter than a
    /// millisecond is one.
    fn milliseconds(ttl: Option<Duration>) -> u64 {
        ttl.map_or(0, |ttl| {
            u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
        })
    }

    /// Reads a value.
    ///
    /// # Errors
    /// The store can't be reached.
    pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        values::get(key)
    }
    /// Writes a value, for `ttl` or until it is deleted.
    ///
    /// # Errors
    /// The value is too large, the namespace is full, or the store can't be reached.
    pub fn set(key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), Error> {
        values::set(key, value, milliseconds(ttl))
    }
    /// Deletes a value; one that is not there is no error.
    ///
    /// # Errors
    /// The store can't be reached.
    pub fn delete(key: &str) -> Result<(), Error> {
        values::delete(key)
    }
    /// Adds to a decimal number (absent counts as 0) and returns the sum. `ttl` starts when the
    /// value is made.
    ///
    /// # Errors
    /// The value is no number, the namespace is full, or the store can't be reached.
    pub fn increment(key: &str, by: i64, ttl: Option<Duration>) -> Result<i64, Error> {
        values::increment(key, by, milliseconds(ttl))
    }
    /// Writes the value where the present one is `expected`; returns whether it did.
    ///
    /// # Errors
    /// As [`set`].
    pub fn compare_and_set(
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Result<bool, Error> {
        values::compare_and_set(key, expected, value, milliseconds(ttl))
    }
}

/// HTTP to the hosts that the operator granted. Redirects are not followed.
///
/// ```
/// use outrigger_sdk::{bench, fetch::{self, Answer, Call}};
/// # use std::time::Duration;
/// bench::on_fetch(|call| {
///     let (status, headers) = (200, Vec::new());
///     Ok(Answer { status, headers, body: call.url.clone().into_bytes() })
/// });
/// let call = Call::post_json("https://judge.example/v1", r#"{"text":"…"}"#)
///     .header("x-team", "blue")
///     .timeout(Duration::from_millis(500));
/// assert_eq!(fetch::send(&call)?.body, b"https://judge.example/v1");
/// assert_eq!(fetch::send(&Call::get("https://judge.example/"))?.status, 200);
/// # Ok::<(), fetch::Error>(())
/// ```
pub mod fetch {
    use std::time::Duration;

    pub use crate::abi::outrigger::policy::fetch::{Answer, Call, Error};
    use crate::{Header, host::fetch};

    /// Sends a call and waits for its answer.
    ///
    /// # Errors
    /// The host is not granted, the call failed or timed out, or the answer is too large.
    pub fn send(call: &Call) -> Result<Answer, Error> {
        fetch::send(call)
    }

    impl Call {
        /// A `GET` that may take two seconds.
        #[must_use]
        pub fn get(url: &str) -> Self {
            Self {
                method: "GET".into(),
                url: url.into(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout_ms: 2000,
            }
        }
        /// A `POST` of JSON source text that may take two seconds.
        #[must_use]
        pub fn post_json(url: &str, json: impl Into<Vec<u8>>) -> Self {
            let headers = vec![Header {
                name: "content-type".into(),
                value: "application/json".into(),
            }];
            Self {
                method: "POST".into(),
                headers,
                body: json.into(),
                ..Self::get(url)
            }
        }
        /// Adds a header.
        #[must_use]
        pub fn header(mut self, name: &str, value: &str) -> Self {
            self.headers.push(Header {
                name: name.into(),
                value: value.into(),
            });
            self
        }
        /// Bounds how long it may take; the operator's own bound stays.
        #[must_use]
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            self
        }
    }
}
