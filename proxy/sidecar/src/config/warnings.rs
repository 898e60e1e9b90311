//! Settings that are allowed and probably not meant: an upstream that does not look like what it
//! is, a model that nobody knows, a key in the file.
//!
//! No rule names a provider: what a host speaks, and below which path, is its row in the table of
//! presets. Warnings change nothing; `outrigger check` prints them.

use route::{
    Family, ProviderRules,
    provider::{Base, Layout},
};

use super::{
    AliasTarget, Config, Kind, Problem, Problems, Target, Upstream,
    near::near,
    problems::{Path, locate},
    scalars::listed,
};
use crate::cost::Prices;
use sandbox::capabilities::EMBEDDINGS;

/// Shorter keys are examples.
const SHORTEST_KEY: usize = 6;

/// Returns what looks wrong in a configuration that is right; `yaml` is the text of `file`.
pub fn warnings(config: &Config, file: &str, yaml: &str) -> Problems {
    let mut warnings = Warnings {
        file,
        yaml,
        found: Vec::new(),
    };
    let upstreams = Path::default().key("upstreams");
    for upstream in config.upstreams.values() {
        let at = upstreams.key(&upstream.name);
        warnings.address(&at, upstream);
        warnings.keys(&at, upstream);
    }
    warnings.models(config);
    warnings.embeddings(config);
    Problems(warnings.found)
}

struct Warnings<'a> {
    file: &'a str,
    yaml: &'a str,
    found: Vec<Problem>,
}

impl Warnings<'_> {
    fn add(&mut self, at: &Path, message: String) {
        self.found.push(Problem {
            file: self.file.into(),
            at: locate(self.yaml, at),
            key: at.to_string(),
            message,
        });
    }

    /// An upstream's address by what its host, its path and its name say.
    fn address(&mut self, at: &Path, upstream: &Upstream) {
        let Kind::Http { origin, prefix, .. } = &upstream.kind else {
            return;
        };
        let host = origin.host().unwrap_or_default();
        let url = at.key("url");
        if let Some(twice) = doubled(prefix) {
            self.add(&url, format!("has `/{twice}` twice in its path"));
        }
        let Some(provider) = ProviderRules::of_host(host) else {
            return;
        };
        let name = provider.name();
        if origin.scheme_str() == Some("http") {
            let message =
                format!("sends keys and prompts in the clear to {name}; write `https://`");
            self.add(&url, message);
        }
        let named = ProviderRules::named(&upstream.name);
        if let Some(other) = named.filter(|named| *named != provider) {
            let message = format!(
                "is called `{}`, and its address is that of {name}",
                other.name()
            );
            self.add(at, message);
        }
        if !upstream.bases.is_empty() {
            return; // below paths that are the provider's own, or were written out
        }
        let bases = provider.preset().bases;
        let of_family = bases.iter().filter(|base| base.family == upstream.family);
        let of_family: Vec<&Base> = of_family.collect();
        if of_family.is_empty() {
            let families: Vec<_> = bases.iter().map(|base| word(base.family)).collect();
            let message = format!(
                "is `{}`, and `{host}` is {name}'s, which speaks {}; write that, or `provider: {name}`",
                word(upstream.family),
                listed(&families, "and"),
            );
            self.add(&at.key("dialect"), message);
            return;
        }
        // Where a path has the model or a project in it there is more than one that is right.
        let is_plain = |base: &&Base| base.layout == Layout::Plain && !base.path.contains('{');
        let own = |base: &&&Base| same_path(upstream.family, base.path, prefix);
        if of_family.iter().all(is_plain) && of_family.iter().find(own).is_none() {
            let paths: Vec<String> = of_family
                .iter()
                .map(|base| {
                    format!(
                        "`{}://{host}{}`",
                        origin.scheme_str().unwrap_or("https"),
                        base.path
                    )
                })
                .collect();
            let message = format!(
                "has {}, and {name} serves `{}` at {}",
                match prefix.as_str() {
                    "" => "no path".to_owned(),
                    path => format!("the path `{path}`"),
                },
                word(upstream.family),
                listed(&paths, "or"),
            );
            self.add(&url, message);
        }
    }

    /// Keys that stand in the file itself.
    fn keys(&mut self, at: &Path, upstream: &Upstream) {
        let is_written = |key: &super::Key| {
            let text = key.secret.reveal();
            text.len() >= SHORTEST_KEY && self.yaml.contains(text)
        };
        if upstream.keys.iter().any(is_written) {
            let message = "is in the file itself; write `${NAME}` or `file:/path`, so that the file may be shown";
            self.add(&at.key("key"), message.to_owned());
        }
    }

    /// Policies that embed, without an embedder; and an embedder without the key that it needs.
    fn embeddings(&mut self, config: &Config) {
        let Some(embeddings) = &config.embeddings else {
            let chain = Path::default().key("policies").key("chain");
            for (n, used) in config.policies.chain.iter().enumerate() {
                if used.grants.has(&EMBEDDINGS) {
                    let message = "has `embeddings`, and there is no embedder: it gets no vectors; add a section `embeddings` with a `target`";
                    self.add(&chain.index(n).key("grants"), message.to_owned());
                }
            }
            return;
        };
        let upstream = config.upstreams.get(&embeddings.target.upstream);
        let Some(upstream) = upstream.filter(|upstream| !upstream.has_credentials()) else {
            return;
        };
        if let Kind::Http { origin, .. } = &upstream.kind
            && let Some(provider) = origin.host().and_then(ProviderRules::of_host)
        {
            let message = format!(
                "is sent without a key, as callers' keys are not used for it, and {} wants one; give `{}` a `key`",
                provider.name(),
                upstream.name
            );
            let at = Path::default().key("embeddings").key("target");
            self.add(&at, message);
        }
    }

    /// Models of targets that no table knows and that are nearly one that a table knows.
    fn models(&mut self, config: &Config) {
        let prices = Prices::of(config);
        let models = Path::default().key("models");
        for (name, alias) in &config.models {
            let at = models.key(name);
            let targets = alias.targets.iter().enumerate();
            for (n, AliasTarget { target, .. }) in targets {
                if let Some(meant) = misspelt(&prices, target) {
                    let message = format!(
                        "`{}` is a model that no table knows; did you mean `{meant}`?",
                        target.model
                    );
                    self.add(&at.key("targets").index(n), message);
                }
            }
        }
    }
}

/// The model of the table of prices that was probably meant. Another number is another model, and
/// so is what has a name of the table and more (a date, a size, a vendor).
fn misspelt(prices: &Prices, target: &Target) -> Option<&'static str> {
    let model = target.model.to_ascii_lowercase();
    let is_known = |name: &str| {
        model == name
            || model
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['-', '@', ':']) && !has_letters(rest))
    };
    let priced = prices.find(&target.upstream, &target.model, 0);
    if priced.is_some_and(|priced| priced.price.own) || Prices::names().any(is_known) {
        return None;
    }
    let digits = |name: &str| -> String { name.chars().filter(char::is_ascii_digit).collect() };
    let own = digits(&model);
    near(
        &model,
        Prices::names().filter(|name| digits(name) == own && name.len() > 5),
    )
}

fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// A segment of a path that follows itself.
fn doubled(path: &str) -> Option<&str> {
    let mut before = "";
    path.split('/').find(|segment| {
        let twice = !segment.is_empty() && *segment == before;
        before = segment;
        twice
    })
}

/// Reports whether an upstream's path is a provider's; Anthropic's and Gemini's may have their
/// version or not.
fn same_path(family: Family, own: &str, written: &str) -> bool {
    let versionless = |path: &str| match family {
        Family::Openai | Family::Every => path.to_owned(),
        Family::Anthropic | Family::Gemini => {
            let cut = path
                .rsplit_once('/')
                .filter(|(_, last)| last.starts_with('v'));
            cut.map_or(path, |(before, _)| before).to_owned()
        }
    };
    versionless(own) == versionless(written)
}

const fn word(family: Family) -> &'static str {
    match family {
        Family::Openai | Family::Every => "openai",
        Family::Anthropic => "anthropic",
        Family::Gemini => "gemini",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{read, rows};

    fn of(yaml: &str) -> Vec<String> {
        let found = warnings(&read(yaml), "t.yaml", yaml).0;
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_upstream_that_does_not_look_like_what_it_is_is_warned_of_with_its_place() {
        for (yaml, words) in rows(
            r"
            upstreams: { a: { dialect: openai, url: 'https://api.openai.com' } }
                => t.yaml:1:41: upstreams.a.url: has no path, and openai | `https://api.openai.com/v1`
            upstreams: { a: { dialect: openai, url: 'https://api.groq.com/v1' } } => `https://api.groq.com/openai/v1`
            upstreams: { a: { dialect: openai, url: 'https://llm.example/v1/v1' } } => `/v1` twice
            upstreams: { a: { dialect: openai, url: 'https://api.anthropic.com/v1' } }
                => upstreams.a.dialect: is `openai` | speaks anthropic
            upstreams: { a: { dialect: anthropic, url: 'https://api.openai.com' } } => speaks openai
            upstreams: { a: { dialect: openai, url: 'http://api.openai.com/v1' } } => in the clear
            upstreams: { groq: { dialect: openai, url: 'https://api.openai.com/v1' } } => is called `groq`
            upstreams: { a: { dialect: openai, url: 'https://x.example/v1', key: sk-abc } } => upstreams.a.key | in the file itself
            upstreams: { a: { dialect: openai, url: 'https://x.example/v1' } }\nmodels: { m: { targets: [a/gpt-4o-mimi] } }
                => t.yaml:2:26: models.m.targets[0] | did you mean `gpt-4o-mini`?
            policies: { directory: /tmp, chain: [{ use: a, grants: [limits, embeddings] }] }
                => t.yaml:1:56: policies.chain[0].grants | no embedder
            embeddings: { target: openai/text-embedding-3-small } => t.yaml:1:23: embeddings.target | give `openai` a `key`
            ",
        ) {
            let found = of(&yaml);
            assert_eq!(found.len(), 1, "{yaml}\n{found:?}");
            for word in words {
                assert!(
                    found.iter().all(|said| said.contains(word)),
                    "{found:?} without {word}"
                );
            }
        }
    }

    #[test]
    fn what_looks_right_is_not_warned_of() {
        for yaml in [
            "",
            "upstreams: { openai: { dialect: openai, url: 'https://api.openai.com/v1/' } }",
            "upstreams: { anthropic: { dialect: anthropic, url: 'https://api.anthropic.com' } }",
            "upstreams: { anthropic: { dialect: anthropic, url: 'https://api.anthropic.com/v1' } }",
            "upstreams: { g: { dialect: gemini, url: 'https://generativelanguage.googleapis.com' } }",
            "upstreams: { groq: { provider: groq } }",
            "upstreams: { local: { provider: vllm, url: 'http://vllm.models:8000' } }",
            "upstreams: { a: { dialect: openai, url: 'http://127.0.0.1:8000' } }\nmodels: { m: { targets: [a/own-model, a/gpt-99] } }",
        ] {
            assert_eq!(of(yaml), Vec::<String>::new(), "{yaml}");
        }
    }
}
