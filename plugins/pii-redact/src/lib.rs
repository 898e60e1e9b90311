//! Hides personal data and secrets from the model, and puts them back into its reply.
//!
//! A request goes through [`rules`] and the [`detect`]or; what was found is refused, masked, or replaced by [`placeholder`]s. The table
//! of placeholders lives in the exchange's own instance, so [`restore`] can meet no other caller's values. All of it is plain
//! text processing: only this file knows the contract. Names and street addresses are not looked for.

pub mod detect;
pub mod json;
pub mod placeholder;
pub mod restore;
pub mod rules;
pub mod screen;

use std::collections::BTreeSet;

use detect::Kind;
use outrigger_sdk::{
    Decision, Delta, Hooks, Passage, Place, Places, Policy, Refusal, ReplyHead, Request,
    export_policy, metrics, random,
};
use placeholder::Vault;
use rules::{Finding, Rules};
use serde::Deserialize;

/// What becomes of a finding in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The request is refused with 403.
    Refuse,
    /// `[[EMAIL]]` stands in its place for good.
    Mask,
    /// A placeholder stands in its place, and the reply gets the value back.
    #[default]
    Tokenize,
}

/// What becomes of personal data in a reply that was not in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replies {
    /// It is not looked for.
    #[default]
    Off,
    /// `[[EMAIL]]` stands in its place.
    Mask,
    /// The reply ends with a refusal.
    Refuse,
}

/// The policy's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    mode: Mode,
    detect: rules::Detect,
    custom: Vec<rules::Pattern>,
    allow: rules::Allow,
    replies: Replies,
    key: Option<Key>,
    restore_secrets: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            detect: rules::Detect::default(),
            custom: Vec::new(),
            allow: rules::Allow::default(),
            replies: Replies::default(),
            key: None,
            restore_secrets: true,
        }
    }
}

/// A passphrase for placeholders that are to be the same in every process.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Key(String);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(key: String) -> Result<Self, Self::Error> {
        if key.len() < 16 {
            return Err("the key is short enough to guess: use at least 16 characters");
        }
        Ok(Self(key))
    }
}

/// The policy, and what one exchange has learnt.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Config")]
pub struct PiiRedact {
    rules: Rules,
    mode: Mode,
    replies: Replies,
    restore_secrets: bool,
    /// Whether `vault` has its key already.
    keyed: bool,
    vault: Vault,
    channels: Vec<Channel>,
}

/// One channel of the reply.
#[derive(Debug, Default)]
struct Channel {
    number: u32,
    /// Whether it is JSON source, once its first character is known. A custom tool's input is plain text.
    source: Option<bool>,
    screen: screen::Screen,
    restore: restore::Channel,
}

impl TryFrom<Config> for PiiRedact {
    type Error = String;

    fn try_from(config: Config) -> Result<Self, String> {
        let Config {
            mode,
            detect,
            custom,
            allow,
            replies,
            key,
            restore_secrets,
        } = config;
        if mode != Mode::Tokenize && key.is_some() {
            return Err(
                "`key` has no effect without placeholders: leave it out, or set `mode: tokenize`"
                    .into(),
            );
        }
        Ok(Self {
            rules: Rules {
                detect,
                custom,
                allow,
            },
            mode,
            replies,
            restore_secrets,
            keyed: key.is_some(),
            vault: key.map_or_else(Vault::default, |Key(key)| Vault::new(key.as_bytes())),
            channels: Vec::new(),
        })
    }
}

impl Policy for PiiRedact {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
    const READS: Places = Places::all();
    const REWRITES: Places = Places::ASSISTANT
        .union(Places::TOOL_ARGUMENTS)
        .union(Places::REASONING)
        .union(Places::REFUSAL);

    fn hooks(&self) -> Hooks {
        if self.touches_replies() {
            Self::HOOKS
        } else {
            Hooks::REQUEST
        }
    }

    fn rewrites(&self) -> Places {
        if self.touches_replies() {
            Self::REWRITES
        } else {
            Places::empty()
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        if self.mode == Mode::Refuse {
            return self.refuse_findings(request);
        }
        let mut count = 0;
        request.edit_passages(|passage| {
            let (text, findings) = self.redact(passage)?;
            count += findings;
            Some(text)
        });
        if count > 0 {
            metrics::count("redacted", count);
        }
        Decision::Forward
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        if self.vault.is_empty() && self.replies == Replies::Off {
            return Ok(());
        }
        for delta in deltas {
            self.reply(delta)?;
        }
        Ok(())
    }
}
export_policy!(PiiRedact);

impl PiiRedact {
    const fn touches_replies(&self) -> bool {
        matches!(self.mode, Mode::Tokenize) || !matches!(self.replies, Replies::Off)
    }

    fn refuse_findings(&self, request: &Request) -> Decision {
        let mut found = BTreeSet::new();
        for passage in request.passages() {
            found.extend(
                self.rules
                    .find(&passage.text)
                    .iter()
                    .map(|finding| finding.label.to_ascii_lowercase()),
            );
        }
        if found.is_empty() {
            return Decision::Forward;
        }
        let kinds = Vec::from_iter(found).join(", ");
        let message = format!(
            "the request holds personal data or secrets ({kinds}): remove them and send it again"
        );
        Refusal::new(403, message).code("personal_data").into()
    }

    /// The passage without its findings, and their number; `None` where it has none.
    fn redact(&mut self, passage: &Passage) -> Option<(String, u64)> {
        let text = passage.text.as_str();
        let findings = self.rules.find(text);
        if findings.is_empty() {
            return None;
        }
        // Arguments that are JSON source: escapes are part of the writing, not of the value, and a bare number needs quotes now.
        let source =
            passage.place == Place::ToolArguments && text.trim_ascii_start().starts_with('{');
        if self.mode == Mode::Tokenize && !self.keyed {
            self.vault.set_key(&random::process_key());
            self.keyed = true;
        }
        let mut depth = json::Depth::default();
        let mut out = String::with_capacity(text.len() + 16 * findings.len());
        let (mut done, mut read) = (0, 0);
        for found in &findings {
            let before = &text[done..found.start];
            out.push_str(before);
            let value = &text[found.start..found.end];
            let mut open = 0;
            if source || json::needs_care(value) {
                depth.read(&text[read..found.start]);
                read = found.start;
                open = depth.open();
            }
            let bare = source && open == 0;
            if bare {
                out.push('"');
            }
            if self.mode == Mode::Mask {
                out.push_str(&masked(found));
            } else {
                let unescaped;
                let (value, open) = if source && value.contains('\\') {
                    unescaped = json::unescape(value, open);
                    (unescaped.as_str(), 0)
                } else if source {
                    (value, 0)
                } else {
                    (value, open)
                };
                if found.kind == Kind::Secret && !self.restore_secrets {
                    out.push_str(&self.vault.name(found.label, value));
                } else {
                    out.push_str(&self.vault.issue_within(found.label, value, open));
                }
            }
            if bare {
                out.push('"');
            }
            done = found.end;
        }
        out.push_str(&text[done..]);
        Some((out, findings.len() as u64))
    }

    fn reply(&mut self, delta: &mut Delta) -> Result<(), Refusal> {
        let number = delta.channel();
        let at = self
            .channels
            .iter()
            .position(|channel| channel.number == number)
            .unwrap_or_else(|| {
                self.channels.push(Channel {
                    number,
                    ..Channel::default()
                });
                self.channels.len() - 1
            });
        let Some(channel) = self.channels.get_mut(at) else {
            return Ok(());
        };
        if channel.source.is_none()
            && let Some(first) = delta.text().trim_ascii_start().chars().next()
        {
            channel.source = Some(delta.place() == Place::ToolArguments && first == '{');
        }
        let source = channel.source.unwrap_or_default();
        if self.replies != Replies::Off {
            let refuse = self.replies == Replies::Refuse;
            let screened =
                channel
                    .screen
                    .push(&self.rules, delta.text(), delta.last(), |found| {
                        if refuse {
                            let message = format!(
                                "the reply held personal data ({}) that was not in the request",
                                found.label.to_ascii_lowercase()
                            );
                            Err(Refusal::new(403, message).code("personal_data"))
                        } else {
                            Ok(masked(found))
                        }
                    })?;
            if screened != delta.text() {
                delta.replace(screened);
            }
        }
        if !self.vault.is_empty()
            && let Some(restored) =
                channel
                    .restore
                    .push(&self.vault, delta.text(), delta.last(), source)
        {
            delta.replace(restored);
        }
        Ok(())
    }
}

fn masked(found: &Finding<'_>) -> String {
    format!("[[{}]]", found.label)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
