//! Degrades in five steps: a kept reply, the first choice, something cheaper, a fixed text, and an
//! error that says when to come back. Needs the grant `replies`.

use std::time::Duration;

use outrigger_sdk::{
    Attempt, Decision, Failure, Hooks, Place, Places, Policy, Refusal, Request, digest,
    export_policy,
    replies::{self, Found, Keeping},
    settings::Span,
};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Degrade {
    /// The time for which replies are kept for whoever sends the same.
    keep: Span,
    /// Targets that are tried before the others that the model stands for.
    #[serde(default)]
    first: Vec<String>,
    /// Targets that are tried where all of those have failed.
    #[serde(default)]
    cheaper: Vec<String>,
    /// Answers that need no model.
    #[serde(default)]
    texts: Vec<Text>,
    /// The error's text.
    message: String,
    /// When to come back, where no provider has said so.
    retry_after: Span,

    // The rest is this exchange's own.
    /// The fixed text that would answer it.
    #[serde(skip)]
    text: Option<String>,
    /// The cheaper targets were tried.
    #[serde(skip)]
    retried: bool,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    /// A word of the user's last message, in lower case.
    contains: String,
    text: String,
}

impl Policy for Degrade {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::FAILURE);
    const READS: Places = Places::USER;

    fn on_request(&mut self, request: &mut Request) -> Decision {
        // A failure is shown no request: what it will need is remembered now.
        self.text = self.text_for(request);
        // The second step comes first: what another exchange answers may still have to be sent.
        request.prefer(&self.first);
        // 1. What was answered before, or is being answered now, is not asked again. A store that
        // can't be reached is no reason to stop.
        if let Some(key) = key(request) {
            match replies::find(&key, true) {
                Ok(Found::Kept(_) | Found::UnderWay(_)) => return Decision::serve(key),
                Ok(Found::Absent) => drop(replies::keep(&key, Keeping::new(self.keep.0))),
                Err(_) => {}
            }
        }
        // 2. The first choice, and then whatever else the alias stands for.
        Decision::Forward
    }

    fn on_failure(&mut self, failure: &Failure) -> Decision {
        // The app's own mistake is nobody's outage: it is to see what the provider says.
        if matches!(failure.class.as_str(), "request" | "caller") {
            return Decision::Forward;
        }
        // 3. Something cheaper, which is rarely down at the same time.
        if !self.retried && !self.cheaper.is_empty() {
            self.retried = true;
            return Decision::try_now(&self.cheaper);
        }
        // 4. A fixed text.
        if let Some(text) = self.text.take() {
            return Decision::reply(text);
        }
        // 5. An error that says when to come back: as soon as the first of them takes requests.
        let ends = failure.attempts.iter().filter_map(Attempt::retry_after);
        let soonest = ends.min().unwrap_or(self.retry_after.0);
        Refusal::new(503, &self.message)
            .code("degraded")
            .retry_after(soonest.max(Duration::from_secs(1)))
            .into()
    }
}

impl Degrade {
    /// The fixed text for the user's last message. An agent, which offers tools, could do nothing
    /// with one.
    fn text_for(&self, request: &Request) -> Option<String> {
        if self.texts.is_empty() || !request.tools().is_empty() {
            return None;
        }
        let users = request.passages().filter(|text| text.place == Place::User);
        let last = users.last()?.text.to_lowercase();
        let fits = |text: &&Text| last.contains(&text.contains);
        Some(self.texts.iter().find(fits)?.text.clone())
    }
}

/// All that an answer depends on, and whose it is. Whether it is streamed changes nothing in it.
fn key(request: &Request) -> Option<String> {
    let body = request.fingerprint(&["/stream", "/stream_options"])?;
    let (path, caller) = (request.path(), request.caller().unwrap_or_default());
    Some(digest([
        body.as_slice(),
        path.as_bytes(),
        caller.as_bytes(),
    ]))
}

export_policy!(Degrade);

#[cfg(test)]
mod tests;
