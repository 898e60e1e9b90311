//! Canned answers to a policy's calls, in the words of a case's `fetch`.

use std::time::Duration;

use super::host::{self, fetch};
use crate::Header;

/// An answer to calls that fit it. The methods are named like the keys of a case's `fetch`.
///
/// ```
/// use std::time::Duration;
/// use outrigger_sdk::{bench::{Canned, canned, fetched}, fetch};
/// use serde_json::json;
///
/// canned([
///     Canned::url("http://judge/v1/*").contains("bomb").json(json!({ "flagged": true })),
///     Canned::url("http://judge/v1/*").status(503).times(1),
///     Canned::url("http://judge/v1/*").delay(Duration::from_secs(3)),
/// ]);
/// let ask = |text: &str| fetch::send(&fetch::Call::post_json("http://judge/v1/ask", text));
/// assert_eq!(ask("a bomb").map(|answer| answer.body), Ok(br#"{"flagged":true}"#.to_vec()));
/// assert_eq!(ask("hi").map(|answer| answer.status), Ok(503));
/// assert_eq!(ask("hi"), Err(fetch::Error::Timeout), "a call waits for 2 s");
/// assert_eq!(fetched().len(), 3);
/// ```
#[derive(Debug, Clone)]
pub struct Canned {
    url: String,
    method: Option<String>,
    contains: String,
    delay: Duration,
    times: u32,
    answer: Result<fetch::Answer, fetch::Error>,
}

impl Canned {
    /// An empty answer of status 200 to calls of this URL; a `*` at its end stands for any rest.
    #[must_use]
    pub fn url(url: &str) -> Self {
        Self {
            url: url.into(),
            method: None,
            contains: String::new(),
            delay: Duration::ZERO,
            times: u32::MAX,
            answer: Ok(fetch::Answer {
                status: 200,
                headers: Vec::new(),
                body: Vec::new(),
            }),
        }
    }

    /// Answers calls of this method only.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Answers calls only whose body contains this text.
    #[must_use]
    pub fn contains(mut self, text: &str) -> Self {
        self.contains = text.into();
        self
    }

    /// Sets the answer's status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        if let Ok(answer) = &mut self.answer {
            answer.status = status;
        }
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(answer) = &mut self.answer {
            answer.headers.push(Header {
                name: name.into(),
                value: value.into(),
            });
        }
        self
    }

    /// Sets the answer's body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        if let Ok(answer) = &mut self.answer {
            answer.body = body.into();
        }
        self
    }

    /// Sets the answer's body to JSON, and its header to say so.
    #[must_use]
    pub fn json(self, body: impl serde::Serialize) -> Self {
        match serde_json::to_vec(&body) {
            Ok(json) => self.header("content-type", "application/json").body(json),
            Err(error) => panic!("the answer can't be written as JSON: {error}"),
        }
    }

    /// Sets the time that it takes, by which the test's clock advances. A call that is not ready to
    /// wait so long times out.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Fails calls instead of answering them.
    #[must_use]
    pub fn fail(mut self, error: fetch::Error) -> Self {
        self.answer = Err(error);
        self
    }

    /// Bounds the number of calls that it answers; further ones go to the next answer that fits.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn fits(&self, call: &fetch::Call) -> bool {
        let url = match self.url.strip_suffix('*') {
            Some(beginning) => call.url.starts_with(beginning),
            None => call.url == self.url || call.url.strip_suffix('/') == Some(&self.url),
        };
        let method = self.method.as_ref();
        let method = method.is_none_or(|method| method.eq_ignore_ascii_case(&call.method));
        let text = self.contains.as_bytes();
        url && method && (text.is_empty() || call.body.windows(text.len()).any(|part| part == text))
    }
}

/// The answers of a test, and the calls that were made.
#[derive(Clone, Default)]
pub(super) struct Fetches {
    answers: Vec<Canned>,
    calls: Vec<fetch::Call>,
}

impl Fetches {
    /// Notes a call, and returns the answer to it with the time that it takes.
    pub(super) fn take(
        &mut self,
        call: &fetch::Call,
    ) -> Option<(Duration, Result<fetch::Answer, fetch::Error>)> {
        self.calls.push(call.clone());
        let mut fitting = self.answers.iter_mut();
        let canned = fitting.find(|canned| canned.times > 0 && canned.fits(call))?;
        canned.times -= 1;
        let patience = match call.timeout_ms {
            0 => Duration::MAX,
            ms => Duration::from_millis(ms.into()),
        };
        Some(match canned.delay > patience {
            true => (patience, Err(fetch::Error::Timeout)),
            false => (canned.delay, canned.answer.clone()),
        })
    }
}

/// Answers policies' calls: the first answer that fits a call answers it. Takes the place of the
/// answers before. A call that none fits is [`on_fetch`](super::on_fetch)'s, else denied.
pub fn canned(answers: impl IntoIterator<Item = Canned>) {
    let answers = answers.into_iter().collect();
    host::fetches(|fetches| fetches.answers = answers);
}

/// The calls that policies made, in their order.
#[must_use]
pub fn fetched() -> Vec<fetch::Call> {
    host::fetches(|fetches| fetches.calls.clone())
}
