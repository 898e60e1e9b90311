//! The model's reply: denied patterns, addresses that carry data, signs. Streams stay streams.
//!
//! Text that may begin a denied pattern or markup with an address waits, and nothing else; so the
//! app never gets the first half of what is refused. Signs take many words and hold nothing back:
//! the reply ends where they add up.

use std::collections::VecDeque;

use outrigger_sdk::{Delta, Place, Refusal};

use crate::{
    matcher::{Matcher, Patterns},
    signs::{Origin, Scan, Tables},
    urls::{self, Hosts, Look},
};

/// The most bytes that wait; a pattern that takes longer is refused when it is complete, though its
/// beginning has gone.
const MOST: usize = 2048;

/// The treatment of an address that carries data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnUrl {
    /// The markup is taken out.
    Remove,
    /// The reply ends.
    Refuse,
}

/// The things to look for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    /// Denied patterns.
    pub(crate) deny: Patterns,
    /// The treatment of addresses; `None`: they are not looked at.
    pub(crate) urls: Option<OnUrl>,
    /// Hosts that are trusted with data.
    pub(crate) hosts: Hosts,
    /// The score from which signs end the reply; `None`: they are not looked for.
    pub(crate) threshold: Option<u32>,
}

impl Checks {
    /// True if there is nothing to look for.
    pub(crate) fn is_idle(&self) -> bool {
        self.deny.is_empty() && self.urls.is_none() && self.threshold.is_none()
    }
}

/// One channel of the reply. Places are counted in bytes from its beginning.
#[derive(Debug)]
pub(crate) struct Channel {
    matcher: Matcher,
    scan: Scan,
    /// The text that has not gone yet, from `from` to `at`.
    pending: String,
    from: usize,
    at: usize,
    /// Up to here no address carries data.
    clear: usize,
    /// Text that stands for what was taken out before `from`, with the place of its end.
    ready: VecDeque<(usize, String)>,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            matcher: Matcher::default(),
            scan: Scan::new(Origin::Reply),
            pending: String::new(),
            from: 0,
            at: 0,
            clear: 0,
            ready: VecDeque::new(),
        }
    }
}

impl Channel {
    /// Takes what arrived, and puts what may go in its place.
    ///
    /// # Errors
    /// The reply is to end.
    pub(crate) fn push(
        &mut self,
        checks: &Checks,
        tables: &Tables,
        delta: &mut Delta,
    ) -> Result<(), Refusal> {
        self.patterns(checks, delta.text(), delta.last())?;
        if let Some(threshold) = checks.threshold {
            self.signs(tables, threshold, delta.text(), delta.last())?;
        }
        self.pending.push_str(delta.text());
        match checks.urls {
            Some(action) if delta.place() == Place::Assistant => {
                self.addresses(checks, action, delta.last())?
            }
            _ => self.clear = self.at,
        }
        let out = self.release(delta.last());
        if out != delta.text() {
            delta.replace(out);
        }
        Ok(())
    }

    fn patterns(&mut self, checks: &Checks, text: &str, last: bool) -> Result<(), Refusal> {
        let mut hit = false;
        for c in text.chars() {
            let at = self.at;
            if !checks.deny.is_empty() {
                self.matcher
                    .feed_written(&checks.deny, c, at, &mut |_| hit = true);
            }
            self.at += c.len_utf8();
        }
        if last && !checks.deny.is_empty() {
            self.matcher
                .finish(&checks.deny, self.at, &mut |_| hit = true);
        }
        match hit {
            true => Err(refused(
                "reply_denied",
                "the reply holds what the operator does not let out",
            )),
            false => Ok(()),
        }
    }

    fn signs(
        &mut self,
        tables: &Tables,
        threshold: u32,
        text: &str,
        last: bool,
    ) -> Result<(), Refusal> {
        for c in text.chars() {
            self.scan.feed(tables, c);
        }
        if last {
            self.scan.finish(tables);
        }
        match self.scan.so_far().score >= threshold {
            true => Err(refused(
                "reply_suspicious",
                "the reply shows signs of prompt injection",
            )),
            false => Ok(()),
        }
    }

    fn addresses(&mut self, checks: &Checks, action: OnUrl, last: bool) -> Result<(), Refusal> {
        loop {
            let seen = self.clear - self.from;
            match urls::look(
                self.pending.get(seen..).unwrap_or_default(),
                last,
                &checks.hosts,
            ) {
                Look::Clear(bytes) => {
                    self.clear += bytes;
                    return Ok(());
                }
                Look::Leak(..) if action == OnUrl::Refuse => {
                    return Err(refused(
                        "reply_leaks",
                        "the reply holds an address that carries data away",
                    ));
                }
                Look::Leak(start, end) => {
                    let rest = self.pending.split_off(seen + end);
                    let mut gone = std::mem::replace(&mut self.pending, rest);
                    // A link's text stays, with the bracket that closes it.
                    let link = gone
                        .get(seen + start..)
                        .is_some_and(|markup| markup.starts_with(']'));
                    gone.truncate(seen + start);
                    gone.push_str(if link {
                        "] (link removed)"
                    } else {
                        "(image removed)"
                    });
                    self.from += seen + end;
                    self.clear = self.from;
                    self.ready.push_back((self.from, gone));
                }
            }
        }
    }

    fn release(&mut self, last: bool) -> String {
        let doubt = self
            .matcher
            .oldest()
            .unwrap_or(self.at)
            .max(self.at.saturating_sub(MOST));
        let limit = if last { self.at } else { doubt.min(self.clear) };
        let mut out = String::new();
        while self.ready.front().is_some_and(|(end, _)| *end <= limit) {
            out.push_str(&self.ready.pop_front().unwrap_or_default().1);
        }
        if !self.ready.is_empty() {
            return out;
        }
        let cut = self
            .pending
            .floor_char_boundary(limit.saturating_sub(self.from));
        self.from += cut;
        if cut == self.pending.len() && out.is_empty() {
            return std::mem::take(&mut self.pending);
        }
        let rest = self.pending.split_off(cut);
        out.push_str(&std::mem::replace(&mut self.pending, rest));
        out
    }
}

fn refused(code: &str, message: &str) -> Refusal {
    Refusal::new(403, message).code(code)
}
