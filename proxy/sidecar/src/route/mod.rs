//! Where a request goes: from the model that the app named to one upstream and the model's name there. Pure: plain data in, a
//! decision out.
//!
//! One target per alias so far; strategies, retries and health come to this room.

use dialect::{Dialect, describe::Provider};

use crate::config::{ByHost, Config, Family, Kind, Upstream};

/// The place that serves a request.
#[derive(Debug)]
pub struct Choice<'a> {
    /// Where it goes.
    pub upstream: &'a Upstream,
    /// The model's name there, where it is not the one in the body.
    pub model: Option<String>,
    /// Whether the app dialled this upstream's own host: its path is the provider's, and passes as it is.
    pub dialled: bool,
}

/// Where a request that came in by host belongs.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The upstream whose host the app dialled.
    pub by: &'a ByHost,
    /// The model that the app wrote, whatever policies made of it.
    pub asked: Option<&'a str>,
}

/// Why nothing can serve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoute {
    /// No upstream speaks the dialect.
    NobodySpeaks(&'static str),
    /// The app dialled a host, and the upstream that claimed it is gone.
    Unclaimed,
    /// The app's credentials are for the host that it dialled, and the upstream that it is led to has none of its own.
    NoKey(String),
    /// The alias or prefix names an upstream of another family.
    OtherFamily {
        /// The upstream.
        upstream: String,
        /// What the request is written in.
        dialect: &'static str,
    },
}

impl std::fmt::Display for NoRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NobodySpeaks(dialect) => write!(
                f,
                "no upstream speaks {dialect}; add one under `upstreams:`"
            ),
            Self::Unclaimed => f.write_str("no upstream claims this host any more"),
            Self::NoKey(upstream) => write!(
                f,
                "this model is served by the upstream `{upstream}`, which has no key of its own, and the app's is for the host that it dialled; give the upstream a `key`"
            ),
            Self::OtherFamily { upstream, dialect } => {
                write!(
                    f,
                    "the upstream `{upstream}` does not speak {dialect}, and this version does not translate"
                )
            }
        }
    }
}

impl std::error::Error for NoRoute {}

/// Chooses for a request whose body names `model`: an alias, `upstream/model`, or else where it was going: the upstream whose host the app
/// dialled (`home`), whatever it speaks there, or, at the base URL, the upstream of its family.
///
/// What an app writes to the host that it dialled is that host's own: `openai/gpt-5` is a model of OpenRouter's, and no prefix there. A
/// policy's `upstream/model` is one everywhere.
///
/// # Errors
/// Nothing can serve it.
pub fn choose<'a>(
    config: &'a Config,
    family: Family,
    dialect: Dialect,
    model: Option<&str>,
    home: Option<Home<'_>>,
) -> Result<Choice<'a>, NoRoute> {
    let dialled = |upstream: &Upstream| {
        home.is_some_and(|home| home.by.own && *home.by.upstream == *upstream.name)
    };
    let named = model.and_then(|model| {
        if let Some(target) = config.models.get(model) {
            return Some((
                config.upstreams.get(&target.upstream)?,
                target.model.clone(),
            ));
        }
        if home.is_some_and(|home| home.asked == Some(model)) {
            return None;
        }
        let (upstream, model) = model.split_once('/')?;
        Some((config.upstreams.get(upstream)?, model.to_owned()))
    });
    if let Some((upstream, model)) = named {
        if !speaks(upstream, family) {
            return Err(NoRoute::OtherFamily {
                upstream: upstream.name.clone(),
                dialect: dialect.name(),
            });
        }
        let elsewhere = home.is_some_and(|home| *home.by.upstream != *upstream.name);
        if elsewhere && upstream.key.is_none() && matches!(upstream.kind, Kind::Http { .. }) {
            return Err(NoRoute::NoKey(upstream.name.clone()));
        }
        return Ok(Choice {
            upstream,
            model: Some(model),
            dialled: dialled(upstream),
        });
    }
    if let Some(home) = home {
        let upstream = config.upstreams.get(&*home.by.upstream);
        return upstream
            .map(|upstream| Choice {
                upstream,
                model: None,
                dialled: home.by.own,
            })
            .ok_or(NoRoute::Unclaimed);
    }
    config
        .upstream_of(family)
        .map(|upstream| Choice {
            upstream,
            model: None,
            dialled: false,
        })
        .ok_or(NoRoute::NobodySpeaks(dialect.name()))
}

fn speaks(upstream: &Upstream, family: Family) -> bool {
    upstream.family == family || upstream.family == Family::Every || family == Family::Every
}

/// The family of a request: its dialect's, or, where no dialect reads it, the one that its headers tell of.
pub fn family(dialect: Dialect, headers: &http::HeaderMap) -> Family {
    match dialect.provider() {
        Some(Provider::Openai) => Family::Openai,
        Some(Provider::Anthropic) => Family::Anthropic,
        Some(Provider::Google) => Family::Gemini,
        None if headers.contains_key("x-goog-api-key")
            || headers.contains_key("x-goog-api-client") =>
        {
            Family::Gemini
        }
        None if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") => {
            Family::Anthropic
        }
        None => Family::Openai,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(name: &'static str) -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static("x"));
        headers
    }

    #[test]
    fn every_dialect_has_a_family_and_headers_tell_it_of_what_nobody_reads() {
        let none = http::HeaderMap::new();
        for (dialect, expected) in [
            (Dialect::OpenaiChat, Family::Openai),
            (Dialect::OpenaiCompletions, Family::Openai),
            (Dialect::OpenaiEmbeddings, Family::Openai),
            (Dialect::AnthropicMessages, Family::Anthropic),
            (Dialect::AnthropicBatches, Family::Anthropic),
            (Dialect::GeminiGenerate, Family::Gemini),
            (Dialect::Other, Family::Openai),
        ] {
            assert_eq!(family(dialect, &none), expected, "{dialect:?}");
        }
        for (name, expected) in [
            ("x-goog-api-key", Family::Gemini),
            ("x-goog-api-client", Family::Gemini),
            ("x-api-key", Family::Anthropic),
            ("anthropic-version", Family::Anthropic),
            ("authorization", Family::Openai),
        ] {
            assert_eq!(family(Dialect::Other, &headers(name)), expected, "{name}");
        }
    }

    #[test]
    fn an_alias_a_prefix_and_the_family_find_geminis_upstream_and_no_other_one() {
        let yaml = "upstreams: { gemini: { dialect: gemini, url: 'http://g' }, openai: { dialect: openai, url: 'http://o' } }\n\
                    models: { fast: { targets: [gemini/flash] }, slow: { targets: [openai/gpt] } }";
        let config = Config::parse(yaml, "t.yaml", &|_| None).unwrap();
        let ask = |model| {
            let (family, dialect) = (Family::Gemini, Dialect::GeminiGenerate);
            choose(&config, family, dialect, Some(model), None)
                .map(|choice| (choice.upstream.name.clone(), choice.model))
        };
        assert_eq!(ask("fast"), Ok(("gemini".into(), Some("flash".into()))));
        assert_eq!(ask("gemini/a/b"), Ok(("gemini".into(), Some("a/b".into()))));
        assert_eq!(ask("gemini-pro"), Ok(("gemini".into(), None)));
        assert!(matches!(ask("slow"), Err(NoRoute::OtherFamily { .. })));
    }

    #[test]
    fn what_came_in_by_host_goes_there_unless_an_alias_or_a_policy_says_otherwise() {
        let yaml = "upstreams: { openai: { dialect: openai, url: 'https://o/v1', key: k }, azure: { dialect: openai, url: 'https://a/openai/v1' }, \
                    anthropic: { dialect: anthropic, url: 'https://n' } }\n\
                    models: { fast: { targets: [openai/gpt] }, slow: { targets: [azure/gpt] } }";
        let config = Config::parse(yaml, "t.yaml", &|_| None).unwrap();
        let home = |upstream: &str, own| ByHost {
            upstream: upstream.into(),
            own,
        };
        let ask = |model, by: &ByHost, asked| {
            let (family, dialect) = (Family::Openai, Dialect::OpenaiChat);
            let home = Home {
                by,
                asked: Some(asked),
            };
            choose(&config, family, dialect, Some(model), Some(home))
                .map(|choice| (choice.upstream.name.as_str(), choice.model, choice.dialled))
        };
        let app = |model, by: &ByHost| ask(model, by, model);
        let azure = home("azure", true);
        assert_eq!(app("gpt-5", &azure), Ok(("azure", None, true)));
        assert_eq!(
            app("gpt-5", &home("azure", false)),
            Ok(("azure", None, false))
        );
        assert_eq!(
            app("fast", &azure),
            Ok(("openai", Some("gpt".into()), false))
        );
        // The app's prefix is the host's own affair; a policy's is an upstream.
        assert_eq!(app("openai/x", &azure), Ok(("azure", None, true)));
        assert_eq!(
            ask("openai/x", &azure, "m"),
            Ok(("openai", Some("x".into()), false))
        );
        assert_eq!(
            ask("azure/x", &azure, "m"),
            Ok(("azure", Some("x".into()), true))
        );
        // An app's key for one host is never sent to another.
        let openai = home("openai", true);
        assert_eq!(app("slow", &openai), Err(NoRoute::NoKey("azure".into())));
        // A dialect that the host's upstream does not speak is for the host to answer.
        let anthropic = home("anthropic", true);
        assert_eq!(app("gpt-5", &anthropic), Ok(("anthropic", None, true)));
        assert_eq!(app("gpt-5", &home("gone", true)), Err(NoRoute::Unclaimed));
    }
}
