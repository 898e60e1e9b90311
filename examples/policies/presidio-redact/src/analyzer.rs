//! The analyzer, in the form of Presidio's REST service (`POST /analyze`).
//!
//! A call carries `{"text", "language", "entities", "score_threshold"}`, the text one string or a
//! list of them; the answer is a list of `{"entity_type", "start", "end", "score"}`, or a list of
//! such lists. Offsets count code points, as Python's strings do. Source:
//! `presidio-analyzer/app.py` in <https://github.com/microsoft/presidio>.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use outrigger_sdk::{
    clock,
    fetch::{self, Call},
    metrics,
};
use serde::{Deserialize, Serialize};

/// The most bytes of text in one call, one text that is longer aside: what Presidio's pattern
/// recognisers read in half a second.
pub(crate) const CALL_BYTES: usize = 16 << 10;
/// The most texts in one call.
const CALL_TEXTS: usize = 100;

/// The analyzer, and the bounds of what it is sent.
pub(crate) struct Analyzer {
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Of all calls for a request together.
    pub(crate) timeout: Duration,
    pub(crate) language: String,
    pub(crate) entities: BTreeSet<String>,
    pub(crate) score_threshold: f64,
    pub(crate) batch: bool,
    pub(crate) max_bytes: u64,
    pub(crate) max_calls: u64,
}

/// A finding, as the analyzer reports it: `start` and `end` in code points.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Hit {
    pub(crate) entity_type: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Left out: certain.
    #[serde(default = "certain")]
    pub(crate) score: f64,
}

const fn certain() -> f64 {
    1.0
}

/// The reason why some text was not analyzed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortfall {
    /// A call failed, took too long, or had an answer that does not fit the text.
    Failed,
    /// The request is beyond `max_bytes` or `max_calls`.
    TooMuch,
}

impl Shortfall {
    /// The counter of such requests.
    pub(crate) const fn counter(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::TooMuch => "too_large",
        }
    }
}

#[derive(Serialize)]
struct Question<'a> {
    text: Text<'a>,
    language: &'a str,
    entities: &'a BTreeSet<String>,
    score_threshold: f64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    One(&'a str),
    List(&'a [&'a str]),
}

impl Analyzer {
    /// The findings by text, and why some text has none if it was not analyzed. The texts are
    /// distinct, the most important first.
    pub(crate) fn analyze<'t>(
        &self,
        texts: &[&'t str],
    ) -> (BTreeMap<&'t str, Vec<Hit>>, Option<Shortfall>) {
        let mut hits = BTreeMap::new();
        let (calls, left_out) = self.calls(texts);
        let mut shortfall = left_out.then_some(Shortfall::TooMuch);
        let start = clock::monotonic();
        for texts in calls {
            let spent = clock::monotonic().saturating_sub(start);
            match self.call(texts, self.timeout.saturating_sub(spent)) {
                Ok(found) => hits.extend(texts.iter().copied().zip(found)),
                Err(Failed) => {
                    // The next would fail as this one did, and take as long.
                    shortfall = Some(Shortfall::Failed);
                    break;
                }
            }
        }
        (hits, shortfall)
    }

    /// The texts of each call, and whether bounds leave some out.
    fn calls<'s, 't>(&self, texts: &'s [&'t str]) -> (Vec<&'s [&'t str]>, bool) {
        let most = if self.batch { CALL_TEXTS } else { 1 };
        let (mut calls, mut rest, mut all) = (Vec::new(), texts, 0_u64);
        while !rest.is_empty() && (calls.len() as u64) < self.max_calls {
            let (mut count, mut bytes) = (0, 0);
            for text in rest.iter().take(most) {
                let fits = count == 0 || bytes + text.len() <= CALL_BYTES;
                if !fits || all + text.len() as u64 > self.max_bytes {
                    break;
                }
                all += text.len() as u64;
                bytes += text.len();
                count += 1;
            }
            let Some((call, behind)) = rest.split_at_checked(count).filter(|_| count > 0) else {
                break;
            };
            calls.push(call);
            rest = behind;
        }
        (calls, !rest.is_empty())
    }

    /// The findings of each text.
    fn call(&self, texts: &[&str], left: Duration) -> Result<Vec<Vec<Hit>>, Failed> {
        // The contract reads 0 as no bound.
        if left < Duration::from_millis(1) {
            return Err(Failed);
        }
        let text = match texts {
            [text] if !self.batch => Text::One(text),
            _ => Text::List(texts),
        };
        let question = Question {
            text,
            language: &self.language,
            entities: &self.entities,
            score_threshold: self.score_threshold,
        };
        let body = serde_json::to_vec(&question).map_err(|_| Failed)?;
        let mut call = Call::post_json(&self.url, body).timeout(left);
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        metrics::count("calls", 1);
        let answer = fetch::send(&call).map_err(|_| Failed)?;
        if answer.status != 200 {
            return Err(Failed);
        }
        let mut lists: Vec<Vec<Hit>> = match self.batch {
            true => serde_json::from_slice(&answer.body).map_err(|_| Failed)?,
            false => vec![serde_json::from_slice(&answer.body).map_err(|_| Failed)?],
        };
        let fit = |(hits, text): (&Vec<Hit>, &&str)| {
            let count = text.chars().count();
            hits.iter()
                .all(|hit| hit.start < hit.end && hit.end <= count)
        };
        if lists.len() != texts.len() || !lists.iter().zip(texts).all(fit) {
            return Err(Failed);
        }
        for hits in &mut lists {
            hits.retain(|hit| {
                hit.score >= self.score_threshold && self.entities.contains(&hit.entity_type)
            });
        }
        Ok(lists)
    }
}

/// A call failed, or its answer does not fit what was sent.
struct Failed;
