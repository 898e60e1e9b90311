//! `policies:`.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use dialect::unseen;
use policy::{Effect, OnUnseen, PolicyLimits};

use super::{Check, Env};
use crate::{
    config::{
        Policies, Use,
        file::{self, DEFAULT, Grant, Text, WrittenUnseen, grants_there_are},
        problems::{Path, io_words},
    },
    signing::is_name,
};
use sandbox::{
    Grants,
    capabilities::{Access, Capability, EMBEDDINGS},
};

impl Check<'_> {
    /// Checks the chain. `embedding` is the time that vectors may take.
    pub(super) fn policies(&mut self, written: file::Policies, embedding: Duration) -> Policies {
        let at = Path::default().key("policies");
        let directory = self
            .text(&at.key("directory"), written.directory.as_ref())
            .map(PathBuf::from);
        let chain = written.chain.unwrap_or_default();
        let trust = self.trust(
            &at,
            written.signers.0,
            *written.require_signed,
            *written.rollback_guard,
        );
        // A directory without a chain is allowed: pods share one template, and a later chain is
        // taken up without a restart.
        match &directory {
            None if written.directory.is_none() && !chain.is_empty() => {
                self.problem(&at.key("chain"), "has policies, but `policies.directory` doesn't say where their files are; add it");
            }
            Some(path) => {
                if let Err(error) = std::fs::read_dir(path) {
                    self.lack(
                        &at.key("directory"),
                        format!("can't be read: {}", io_words(&error)),
                    );
                }
            }
            None => {}
        }
        let memory = self.size(&at.key("memory"), written.memory.as_ref(), 256 << 20);
        let mut names = BTreeSet::new();
        let chain: Vec<Use> = chain
            .into_iter()
            .enumerate()
            .filter_map(|(n, written)| {
                let at = at.key("chain").index(n);
                self.policy(&at, written, (memory, embedding), &mut names)
            })
            .collect();
        self.rollbacks(&at, &chain, &trust);
        let cache = self
            .text(&at.key("cache"), written.cache.as_ref())
            .map(PathBuf::from);
        Policies {
            directory,
            cache: cache.unwrap_or_else(|| default_cache(self.env)),
            chain,
            poll: self.span(
                &at.key("poll"),
                written.poll.as_ref(),
                Duration::from_secs(10),
            ),
            memory,
            trust,
        }
    }

    fn policy(
        &mut self,
        at: &Path,
        written: file::Use,
        (budget, embedding): (u64, Duration),
        names: &mut BTreeSet<String>,
    ) -> Option<Use> {
        let name = self.parsed(
            &at.key("use"),
            Some(&written.name),
            String::new(),
            policy_name,
        );
        if !name.is_empty() && !names.insert(name.clone()) {
            self.problem(&at.key("use"), format!("`{}` stands twice in the chain; remove one, or copy the file under another name", written.name.0));
        }
        let grants = self.grants(&at.key("grants"), &written.grants);
        let limits = self.policy_limits(
            &at.key("limits"),
            written.limits.unwrap_or_default(),
            default_wall(&grants, embedding),
        );
        if limits.memory > budget {
            self.problem(&at.key("limits"), "allow one instance more memory than `policies.memory` has for all; lower this or raise that");
        }
        let mut config = written.config.map_or_else(
            || serde_json::Value::Object(Default::default()),
            |tree| tree.0,
        );
        self.substitute_in(&at.key("config"), &mut config);
        let on_error = self.effect(&at.key("on_error"), written.on_error.as_ref());
        let on_unseen = self.on_unseen(&at.key("on_unseen"), written.on_unseen.as_ref());
        Some(Use {
            name,
            config: config.to_string(),
            on_error,
            on_unseen,
            grants,
            limits,
            sha256: self.pin(&at.key("sha256"), written.sha256.as_ref()),
            allow_rollback: written.allow_rollback.unwrap_or(false),
        })
    }

    fn substitute_in(&mut self, at: &Path, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                let replaced = self.text(at, Some(&Text(text.clone())));
                *text = replaced.unwrap_or_default();
            }
            serde_json::Value::Array(items) => {
                items
                    .iter_mut()
                    .enumerate()
                    .for_each(|(n, item)| self.substitute_in(&at.index(n), item));
            }
            serde_json::Value::Object(entries) => {
                entries
                    .iter_mut()
                    .for_each(|(key, value)| self.substitute_in(&at.key(key), value));
            }
            _ => {}
        }
    }

    fn grants(&mut self, at: &Path, written: &[Grant]) -> Grants {
        let mut grants = Grants::default();
        for (n, grant) in written.iter().enumerate() {
            let at = at.index(n);
            let twice = match grant {
                Grant::Word(word) => {
                    let Some(name) = self.text(&at, Some(word)) else {
                        continue;
                    };
                    match Capability::granted().find(|known| known.name == name) {
                        Some(known) if known.access == Access::Named => {
                            !grants.grant(known, Vec::new())
                        }
                        Some(known) => {
                            let message = format!(
                                "must say which hosts; write `{{ {}: [example.com] }}`",
                                known.name
                            );
                            self.problem(&at, message);
                            false
                        }
                        None => {
                            let there_are = grants_there_are();
                            self.problem(
                                &at,
                                format!("`{}` is no grant; there are {there_are}", word.0),
                            );
                            false
                        }
                    }
                }
                Grant::Hosts(known, hosts) => {
                    let at = at.key(known.name);
                    let hosts = self.list(&at, hosts, fetch_host);
                    !grants.grant(known, hosts)
                }
            };
            if twice {
                self.problem(&at, "is granted twice; remove one");
            }
        }
        grants
    }

    fn effect(&mut self, at: &Path, written: Option<&Text>) -> Effect {
        self.word(
            at,
            written,
            Effect::Block,
            &[("block", Effect::Block), ("skip", Effect::Skip)],
        )
    }

    fn on_unseen(&mut self, at: &Path, written: Option<&WrittenUnseen>) -> OnUnseen {
        let entries = match written {
            None => return Effect::Block.into(),
            Some(WrittenUnseen::Word(word)) => return self.effect(at, Some(word)).into(),
            Some(WrittenUnseen::Named(entries)) => &entries.0,
        };
        if entries.is_empty() {
            self.problem(at, "names nothing; write `block` or `skip`");
        }
        let mut on_unseen = OnUnseen::from(self.effect(&at.key(DEFAULT), entries.get(DEFAULT)));
        for (name, word) in entries.iter().filter(|(name, _)| *name != DEFAULT) {
            let at = at.key(name);
            let effect = self.effect(&at, Some(word));
            match unseen::named(name) {
                Some(name) => on_unseen = on_unseen.with(name, effect),
                None => {
                    let names: Vec<String> =
                        unseen::names().map(|name| format!("`{name}`")).collect();
                    let names = names.join(", ");
                    self.problem(
                        &at,
                        format!("is no kind of content and no endpoint; there are {names}, and `{DEFAULT}` for everything else"),
                    );
                }
            }
        }
        on_unseen
    }

    fn policy_limits(
        &mut self,
        at: &Path,
        written: file::PolicyLimits,
        wall: Duration,
    ) -> PolicyLimits {
        let limits = PolicyLimits {
            cpu: self.span(
                &at.key("cpu"),
                written.cpu.as_ref(),
                Duration::from_millis(10),
            ),
            cpu_per_kib: self.span_or_zero(
                &at.key("cpu_per_kib"),
                written.cpu_per_kib.as_ref(),
                Duration::from_micros(100),
            ),
            wall: self.span(&at.key("wall"), written.wall.as_ref(), wall),
            memory: self.size(&at.key("memory"), written.memory.as_ref(), 16 << 20),
            held_bytes: self.bytes(&at.key("held_bytes"), written.held_bytes.as_ref(), 4 << 10),
            held_time: self.span(
                &at.key("held_time"),
                written.held_time.as_ref(),
                Duration::from_secs(10),
            ),
        };
        if limits.cpu_per_kib > MOST_PER_KIB {
            self.problem(
                &at.key("cpu_per_kib"),
                "is more than 10ms: a body of 32MiB would have five minutes; lower this",
            );
        }
        if !(64 << 10..=4 << 30).contains(&limits.memory) {
            self.problem(
                &at.key("memory"),
                "must be from 64KiB (one page of WebAssembly) to 4GiB",
            );
        }
        limits
    }
}

/// The time that a call may wait for stores, and for what else it was granted.
fn default_wall(grants: &Grants, embedding: Duration) -> Duration {
    let stores = Duration::from_millis(50);
    match () {
        () if grants.hosts().next().is_some() => Duration::from_secs(5),
        () if grants.has(&EMBEDDINGS) => stores + embedding,
        () => stores,
    }
}

/// The most CPU time for a KiB of text: what a call may take stays bounded by the bodies that are
/// let in.
const MOST_PER_KIB: Duration = Duration::from_millis(10);

fn policy_name(text: &str) -> Result<String, String> {
    if text.ends_with(".wasm") {
        return Err(format!(
            "`{text}` is the file's name; write it without `.wasm`"
        ));
    }
    if !is_name(text) {
        return Err(format!(
            "`{text}` is no policy's name; write up to 64 letters, digits, `-`, `_` or `.`, as in `NAME.wasm`"
        ));
    }
    Ok(text.into())
}

fn fetch_host(text: &str) -> Result<String, String> {
    let wrong = || {
        Err(format!(
            "`{text}` is not a host; write `example.com` or `example.com:8443`, without scheme or path"
        ))
    };
    let Ok(authority) = text.parse::<http::uri::Authority>() else {
        return wrong();
    };
    if text.contains(['@', '*'])
        || authority.host().is_empty()
        || (text.contains(':') && authority.port_u16().is_none() && !text.ends_with(']'))
    {
        return wrong();
    }
    Ok(text.to_ascii_lowercase())
}

/// `$XDG_CACHE_HOME/outrigger`, `~/.cache/outrigger`, or a directory of this user's under the
/// temporary one. Whoever writes there must check that nobody else can: compiled code is run as it
/// is.
fn default_cache(env: Env<'_>) -> PathBuf {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute() && path.parent().is_some())
    };
    if let Some(cache) = absolute("XDG_CACHE_HOME") {
        return cache.join("outrigger");
    }
    if let Some(home) = absolute("HOME") {
        return home.join(".cache/outrigger");
    }
    std::env::temp_dir().join(format!("outrigger-{}", rustix::process::getuid().as_raw()))
}
