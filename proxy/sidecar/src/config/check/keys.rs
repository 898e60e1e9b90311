//! Keys of upstreams, and whose they are.

use std::{path::PathBuf, sync::Arc};

use policy::tags::is_value;

use super::Check;
use crate::config::{
    Key, Secret,
    file::{self, Text, WrittenKey},
    problems::{Path, io_words},
};

impl Check<'_> {
    /// The keys of an upstream, whose account is `account` where they name none.
    pub(super) fn keys(
        &mut self,
        at: &Path,
        written: &file::Upstream,
        account: &Arc<str>,
    ) -> Vec<Key> {
        let several_at = at.key("keys");
        if written.key.is_some() && written.keys.is_some() {
            self.problem(&several_at, "stands beside `key`; keep one of them");
            return Vec::new();
        }
        if let Some(one) = self.secret(&at.key("key"), written.key.as_ref()) {
            let account = Arc::clone(account);
            return vec![Key {
                secret: one,
                account,
            }];
        }
        let Some(several) = &*written.keys else {
            return Vec::new();
        };
        if several.is_empty() {
            self.problem(
                &several_at,
                "is empty; write a key, or leave it out so that callers send their own",
            );
        }
        let mut keys: Vec<Key> = Vec::new();
        let mut sources: Vec<&Text> = Vec::new();
        for (n, key) in several.iter().enumerate() {
            let at = several_at.index(n);
            let (key_at, key, own) = match key {
                WrittenKey::Key(key) => (at.clone(), key, None),
                WrittenKey::Full(entry) => (at.key("key"), &entry.key, entry.account.as_ref()),
            };
            let twin = sources.iter().position(|known| *known == key);
            sources.push(key);
            if let Some(twin) = twin {
                let message = format!("is the same key as `keys[{twin}]`; remove one");
                self.problem(&key_at, message);
                continue;
            }
            let own = self.label(&at.key("account"), own, "an account");
            let account = own.unwrap_or_else(|| Arc::clone(account));
            let Some(secret) = self.secret(&key_at, Some(key)) else {
                continue;
            };
            // Two files hold the same key while one of them is being replaced: that is one key, and
            // no mistake.
            if keys.iter().all(|known| known.secret != secret) {
                keys.push(Key { secret, account });
            }
        }
        keys
    }

    /// The name of `what`, as logs, metrics and policies show it.
    pub(super) fn label(
        &mut self,
        at: &Path,
        written: Option<&Text>,
        what: &str,
    ) -> Option<Arc<str>> {
        let text = self.text(at, written)?;
        if !is_value(&text) {
            let message = format!("is no name of {what}; write 1 to 128 bytes of printable text");
            self.problem(at, message);
            return None;
        }
        Some(text.into())
    }

    /// `${NAME}`, `file:/path` or the text itself. Empty is a mistake, except where `:-` says that
    /// it may be.
    fn secret(&mut self, at: &Path, written: Option<&Text>) -> Option<Secret> {
        let raw = written?;
        let text = self.text(at, written)?;
        let text = self.read_secret(at, text)?;
        if text.is_empty() {
            if !raw.0.contains(":-") {
                self.problem(at, "is empty; give it a value, or leave the key out so that callers send their own");
            }
            return None;
        }
        if !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            self.problem(at, "holds a space, a line break or another character that no HTTP header may carry; give the bare key");
            return None;
        }
        Some(Secret::new(text))
    }

    /// Reads the file that `file:/path` names, without the line break at its end; other text is
    /// returned as it is.
    pub(super) fn read_secret(&mut self, at: &Path, text: String) -> Option<String> {
        let Some(path) = text.strip_prefix("file:").map(PathBuf::from) else {
            return Some(text);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                self.read.push(path);
                let text = zeroize::Zeroizing::new(text);
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            Err(error) => {
                let cause = io_words(&error);
                self.lack(at, format!("names a file that can't be read: {cause}"));
                None
            }
        }
    }
}
