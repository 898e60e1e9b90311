//! Guards what goes to a model and what comes back: limits, patterns of the operator's own, and
//! signs of prompt injection.
//!
//! It works on text as it reads ([`fold`]), in one pass and linear time, and calls nobody: no
//! model, no network. So it misses attacks (the README has the rates), costs microseconds, and does
//! not judge meaning. Orders weigh more in tool results than in what a user writes, for nobody who
//! sits there wrote them; the app's own text (system prompt, tool definitions, reminders) is not
//! looked at.

mod documents;
mod encoded;
mod fold;
mod limits;
mod matcher;
mod pattern;
mod replies;
pub mod signs;
mod urls;
mod words;

mod config;

use std::borrow::Cow;

use outrigger_sdk::{
    Channels, Decision, Delta, Hooks, Passage, Place, Places, Policy, Refusal, ReplyHead, Request,
    export_policy, metrics,
};

use config::{Action, Config, Thresholds};
use limits::Limits;
use matcher::{Matcher, Patterns};
use replies::{Channel, Checks};
use signs::{Origin, Scan, Suspicion, Tables};

/// The policy, and what one exchange has seen.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "Config")]
pub struct PromptGuard {
    action: Action,
    limits: Limits,
    deny: Patterns,
    allow: Patterns,
    tables: Tables,
    /// `None`: signs are not looked for.
    threshold: Option<Thresholds>,
    places: Places,
    replies: Checks,
    channels: Channels<Channel>,
}

/// The origin that a place is judged as.
fn origin(place: Place) -> Origin {
    match place {
        Place::ToolResult | Place::ToolDefinition => Origin::Data,
        _ => Origin::User,
    }
}

/// A fault found in a request.
enum Finding {
    Denied,
    Signs(Suspicion),
}

impl Policy for PromptGuard {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
    const READS: Places = Places::all();
    const REWRITES: Places = Places::ASSISTANT
        .union(Places::TOOL_ARGUMENTS)
        .union(Places::TOOL_RESULT)
        .union(Places::REASONING)
        .union(Places::REFUSAL)
        .union(Places::OTHER);

    fn hooks(&self) -> Hooks {
        if self.replies.is_idle() {
            Hooks::REQUEST
        } else {
            Self::HOOKS
        }
    }

    /// Never empty: the host counts messages, images and tools only of a body that is read.
    fn reads(&self) -> Places {
        self.places
    }

    fn rewrites(&self) -> Places {
        if self.replies.is_idle() {
            Places::empty()
        } else {
            Self::REWRITES
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        if let Some(refusal) = self.limits.check(request) {
            metrics::count("over_limit", 1);
            return refusal;
        }
        match self.finding(request) {
            None => Decision::Forward,
            Some(finding) => self.act(request, &finding),
        }
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        for delta in deltas {
            self.channels
                .of(delta.channel())
                .push(&self.replies, &self.tables, delta)
                .inspect_err(|_| metrics::count("replies_refused", 1))?;
        }
        Ok(())
    }
}
export_policy!(PromptGuard);

impl PromptGuard {
    /// The worst that is found in the request.
    fn finding(&self, request: &Request) -> Option<Finding> {
        if self.deny.is_empty() && self.threshold.is_none() {
            return None;
        }
        // The worst by how far it is above its threshold: origins have their own.
        let mut worst: Option<(u32, Suspicion)> = None;
        let mut texts = request.passages().peekable();
        let mut before = None;
        while let Some(passage) = texts.next() {
            let message = Some(passage.message);
            let next = texts.peek().map(|next| next.message);
            let alone = before != message && next != message;
            before = message;
            if !alone && self.is_reminder(&passage) {
                continue;
            }
            let text = self.without_allowed(&passage.text);
            if !self.deny.is_empty() && self.deny.are_in(&text) {
                return Some(Finding::Denied);
            }
            let Some(threshold) = self.threshold else {
                continue;
            };
            let mut judge = |text: &str, origin: Origin| {
                let suspicion = Scan::whole(&self.tables, text, origin);
                let above = suspicion.score.checked_sub(threshold.at(origin));
                if let Some(above) = above
                    && worst.is_none_or(|(worst, _)| above > worst)
                {
                    worst = Some((above, suspicion));
                }
            };
            let origin = origin(passage.place);
            judge(&text, origin);
            if origin == Origin::User {
                for document in documents::wrapped(&text) {
                    judge(text.get(document).unwrap_or_default(), Origin::Data);
                }
                if !alone && documents::is_block(request, &passage) {
                    judge(&text, Origin::Data);
                }
            }
        }
        worst.map(|(_, suspicion)| Finding::Signs(suspicion))
    }

    /// True if a block of a user's message is an agent's: one of several, from tag to tag. It
    /// counts as system text. The only block of a message is what a user of an app that is no agent
    /// could write, and never is.
    fn is_reminder(&self, passage: &Passage) -> bool {
        let text = passage.text.trim();
        let inner = text
            .strip_prefix("<system-reminder>")
            .and_then(|text| text.strip_suffix("</system-reminder>"));
        passage.place == Place::User
            && !self.places.contains(Places::SYSTEM)
            && inner.is_some_and(|inner| !inner.contains("</system-reminder>"))
    }

    /// The text with line breaks for what is allowed: nothing goes on behind those.
    fn without_allowed<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = String::new();
        let mut done = 0;
        for (start, end) in self.allowed(text) {
            out.push_str(text.get(done..start).unwrap_or_default());
            out.push('\n');
            done = end;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Stretches of the text that allowed patterns match, in their order.
    fn allowed(&self, text: &str) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        if self.allow.is_empty() {
            return found;
        }
        let mut matcher = Matcher::default();
        let mut note = |hit: matcher::Hit| match found.last_mut() {
            Some(last) if hit.start <= last.1 => {
                *last = (last.0.min(hit.start), last.1.max(hit.end))
            }
            _ => found.push((hit.start, hit.end)),
        };
        for (at, c) in text.char_indices() {
            matcher.feed_written(&self.allow, c, at, &mut note);
        }
        matcher.finish(&self.allow, text.len(), &mut note);
        found
    }

    fn act(&self, request: &mut Request, finding: &Finding) -> Decision {
        let (signs, score) = match finding {
            Finding::Denied => ("denied".to_owned(), None),
            Finding::Signs(suspicion) => {
                let names: Vec<&str> = suspicion.signs().map(signs::Sign::name).collect();
                (names.join(","), Some(suspicion.score))
            }
        };
        metrics::count("flagged", 1);
        for sign in signs.split(',') {
            metrics::count(&format!("sign_{sign}"), 1);
        }
        request.set_tag("guard", "flagged");
        request.set_tag("guard_signs", &signs);
        if let Some(score) = score {
            request.set_tag("guard_score", &score.to_string());
        }
        match (&self.action, finding) {
            (Action::Tag, _) => Decision::Forward,
            (Action::Route(alias), _) => {
                request.set_model(alias);
                Decision::Forward
            }
            (Action::Refuse, Finding::Denied) => {
                let message = "the request holds what the operator does not let pass: take it out and send it again";
                Refusal::new(403, message).code("prompt_denied").into()
            }
            (Action::Refuse, Finding::Signs(_)) => {
                let message = format!(
                    "the request shows signs of prompt injection ({signs}): take them out and send it again"
                );
                Refusal::new(403, message).code("prompt_injection").into()
            }
        }
    }
}

#[cfg(test)]
mod tests;
