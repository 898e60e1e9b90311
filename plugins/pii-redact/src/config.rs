//! The policy's `config:` as it is written, and what makes one unfit.

use outrigger_sdk::Channels;
use serde::Deserialize;

use crate::{
    LaterReplies, Mode, PiiRedact, Replies,
    placeholder::Vault,
    rules::{self, Rules},
};

/// The policy's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    mode: Mode,
    detect: rules::Detect,
    custom: Vec<rules::Pattern>,
    allow: rules::Allow,
    replies: Replies,
    key: Option<Key>,
    restore_secrets: bool,
    later_replies: Option<LaterReplies>,
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
            later_replies: None,
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
            later_replies,
        } = config;
        if mode != Mode::Tokenize && later_replies.is_some() {
            return Err(
                "`later_replies` has no effect without placeholders: leave it out, or set `mode: tokenize`"
                    .into(),
            );
        }
        if mode == Mode::Report && replies != Replies::Off {
            return Err(
                "`replies` would change what `mode: report` leaves as it is: leave it out, or set another `mode`"
                    .into(),
            );
        }
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
            later_replies: later_replies.unwrap_or_default(),
            keyed: key.is_some(),
            vault: key.map_or_else(Vault::default, |Key(key)| Vault::new(key.as_bytes())),
            channels: Channels::default(),
        })
    }
}
