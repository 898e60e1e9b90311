//! Asks a judge outside about what prompt-guard suspects: a classifier or a model behind an HTTP
//! address. Needs the grant `fetch` for its host.
//!
//! It stands behind a prompt-guard that tags (`action: tag`) with a low threshold: patterns choose
//! what is worth a question, the judge decides. The passages go as JSON, the verdict comes as JSON;
//! the call is bounded in time and bytes, and what becomes of a request whose judge fails is
//! configured.

use std::collections::BTreeMap;

use outrigger_sdk::{
    Decision, Hooks, Place, Places, Policy, Refusal, Request, export_policy,
    fetch::{self, Call},
    metrics,
    settings::Span,
};
use serde::{Deserialize, Serialize};

/// The most bytes of text of one question; of more the latest are sent.
const MOST: usize = 64 << 10;

/// The policy's `config:` in `outrigger.yaml`. Without `Debug`: the headers may carry a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromptJudge {
    /// The judge's address.
    url: Url,
    /// Headers that it is called with.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The longest that a question may take.
    timeout: Span,
    /// The decision on a request when the judge does not answer.
    on_error: OnError,
    /// The requests that it judges.
    #[serde(default)]
    ask: Ask,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Url(String);

impl TryFrom<String> for Url {
    type Error = &'static str;
    fn try_from(url: String) -> Result<Self, Self::Error> {
        match url.starts_with("https://") || url.starts_with("http://") {
            true => Ok(Self(url)),
            false => Err("expected an address that begins with `https://` or `http://`"),
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum OnError {
    /// It goes on unjudged, and is counted.
    Forward,
    /// It is answered with 503.
    Refuse,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Ask {
    /// Those that a prompt-guard before it has tagged.
    #[default]
    Flagged,
    /// All of them.
    Always,
}

#[derive(Serialize)]
struct Question<'a> {
    passages: Vec<Passage<'a>>,
    /// The signs that the guard found, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    signs: Option<String>,
}

#[derive(Serialize)]
struct Passage<'a> {
    place: &'static str,
    text: &'a str,
}

/// The answer; further fields are ignored.
#[derive(Deserialize)]
struct Verdict {
    attack: bool,
}

impl Policy for PromptJudge {
    const HOOKS: Hooks = Hooks::REQUEST;
    const READS: Places = Places::USER.union(Places::TOOL_RESULT);

    fn on_request(&mut self, request: &mut Request) -> Decision {
        if self.ask == Ask::Flagged && request.tag("guard").is_none() {
            return Decision::Forward;
        }
        metrics::count("questions", 1);
        match self.verdict(request) {
            Ok(Verdict { attack: false }) => Decision::Forward,
            Ok(Verdict { attack: true }) => {
                metrics::count("refused", 1);
                let message = "the request was judged to be a prompt injection: take it out and send it again";
                Refusal::new(403, message).code("prompt_injection").into()
            }
            Err(Failed) => {
                metrics::count("failed", 1);
                match self.on_error {
                    OnError::Forward => Decision::Forward,
                    OnError::Refuse => {
                        let message =
                            "the judge of prompts did not answer: send the request again later";
                        Refusal::new(503, message).code("judge_failed").into()
                    }
                }
            }
        }
    }
}
export_policy!(PromptJudge);

/// The judge did not answer, or with something else than a verdict.
struct Failed;

impl PromptJudge {
    fn verdict(&self, request: &Request) -> Result<Verdict, Failed> {
        let texts: Vec<(Place, String)> = request
            .passages()
            .map(|passage| (passage.place, passage.text))
            .collect();
        let question = Question {
            passages: latest(&texts),
            signs: request.tag("guard_signs"),
        };
        let body = serde_json::to_vec(&question).map_err(|_| Failed)?;
        let mut call = Call::post_json(&self.url.0, body).timeout(self.timeout.0);
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        match fetch::send(&call) {
            Ok(answer) if answer.status == 200 => {
                serde_json::from_slice(&answer.body).map_err(|_| Failed)
            }
            Ok(_) | Err(_) => Err(Failed),
        }
    }
}

/// The latest passages, as many as there is room for; the first of them may be cut at its
/// beginning.
fn latest(texts: &[(Place, String)]) -> Vec<Passage<'_>> {
    let (mut left, mut passages) = (MOST, Vec::new());
    for (place, text) in texts.iter().rev() {
        let mut from = text.len().saturating_sub(left);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let text = text.get(from..).unwrap_or_default();
        left -= text.len();
        passages.push(Passage {
            place: place.name(),
            text,
        });
        if left == 0 {
            break;
        }
    }
    passages.reverse();
    passages
}

#[cfg(test)]
mod tests;
