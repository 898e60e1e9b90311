//! Hides the names and addresses that an analyzer outside finds: Presidio, or a service that speaks
//! its form. Needs the grant `fetch` for the analyzer's host.
//!
//! The passages go to the analyzer, within bounds of bytes, calls and time; what it finds is
//! replaced by pii-redact's own placeholders, and put back into the reply. What becomes of a
//! request that could not be analyzed, all of it, is configured. Nothing is looked for in here, and
//! nothing in replies.

mod analyzer;
mod config;
mod spans;

use std::collections::BTreeMap;

use analyzer::{Analyzer, Hit, Shortfall};
use config::{Config, OnError};
use outrigger_sdk::{
    Decision, Delta, Hooks, Passage, Places, Policy, Refusal, ReplyHead, Request, export_policy,
    metrics,
};
use redaction::external::Redactor;
use serde::Deserialize;

/// The policy, and what one exchange has learnt. Without `Debug`: the analyzer's headers may carry
/// a key.
#[derive(Deserialize)]
#[serde(try_from = "Config")]
struct PresidioRedact {
    analyzer: Analyzer,
    on_error: OnError,
    places: Places,
    redactor: Redactor,
}

impl Policy for PresidioRedact {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
    const READS: Places = Places::all();
    // Replies quote the request wherever their API has a place for it.
    const REWRITES: Places = Places::all();

    fn hooks(&self) -> Hooks {
        match self.redactor.restores() {
            true => Self::HOOKS,
            false => Hooks::REQUEST,
        }
    }

    fn reads(&self) -> Places {
        self.places
    }

    fn rewrites(&self) -> Places {
        match self.redactor.restores() {
            true => Self::REWRITES,
            false => Places::empty(),
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        if let Some(refusal) = self.redactor.refuse_earlier_turns(request) {
            return refusal;
        }
        let passages: Vec<Passage> = request
            .passages()
            .filter(|passage| passage.text.contains(char::is_alphanumeric))
            .collect();
        let texts = latest_first(&passages);
        let (hits, shortfall) = self.analyzer.analyze(&texts);
        if let Some(shortfall) = shortfall {
            metrics::count(shortfall.counter(), 1);
            if self.on_error == OnError::Refuse {
                return refuse(shortfall);
            }
        }
        self.hide(request, &passages, &hits);
        let later = self.redactor.refuse_in_the_background(request);
        later.unwrap_or(Decision::Forward)
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        for delta in deltas {
            self.redactor.restore(delta);
        }
        Ok(())
    }
}
export_policy!(PresidioRedact);

impl PresidioRedact {
    fn hide(
        &mut self,
        request: &mut Request,
        passages: &[Passage],
        hits: &BTreeMap<&str, Vec<Hit>>,
    ) {
        let mut hidden = 0;
        let mut edits = Vec::new();
        for passage in passages {
            let Some(hits) = hits.get(passage.text.as_str()) else {
                continue;
            };
            let found = spans::found(&passage.text, passage.json, hits);
            if !found.is_empty() {
                hidden += found.len() as u64;
                edits.push((passage.id, self.redactor.replace(passage, &found)));
            }
        }
        request.set_passages(&edits);
        if hidden > 0 {
            metrics::count("redacted", hidden);
        }
    }
}

/// The distinct texts of the passages, the latest first: where bounds leave some unread, those are
/// read that were not read in an earlier turn.
fn latest_first(passages: &[Passage]) -> Vec<&str> {
    let mut known = std::collections::BTreeSet::new();
    let texts = passages.iter().rev().map(|passage| passage.text.as_str());
    texts.filter(|text| known.insert(*text)).collect()
}

fn refuse(shortfall: Shortfall) -> Decision {
    let (status, code, message) = match shortfall {
        Shortfall::Failed => (
            503,
            "analyzer_failed",
            "the analyzer of personal data gave no valid answer in time: send the request again later",
        ),
        Shortfall::TooMuch => (
            413,
            "too_much_to_analyze",
            "the request has more text than the analyzer of personal data may be sent: send less, or have the operator raise `max_bytes` or `max_calls` of the policy presidio-redact",
        ),
    };
    Refusal::new(status, message).code(code).into()
}

#[cfg(test)]
mod tests;
