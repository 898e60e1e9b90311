//! Where a request goes: from the model that the app named to one upstream and the model's name there. Pure: plain data in, a
//! decision out.
//!
//! One target per alias so far; strategies, retries and health come to this room.

use crate::{
    config::{Config, Family, Upstream},
    dialect::Dialect,
};

/// The place that serves a request.
#[derive(Debug)]
pub struct Choice<'a> {
    /// Where it goes.
    pub upstream: &'a Upstream,
    /// The model's name there, where it is not the one in the body.
    pub model: Option<String>,
}

/// Why nothing can serve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoute {
    /// No upstream speaks the dialect.
    NobodySpeaks(&'static str),
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

/// Chooses for a request whose body names `model`: an alias, `upstream/model`, or else the upstream of its family.
///
/// # Errors
/// Nothing can serve it.
pub fn choose<'a>(
    config: &'a Config,
    family: Family,
    dialect: Dialect,
    model: Option<&str>,
) -> Result<Choice<'a>, NoRoute> {
    let named = model.and_then(|model| {
        if let Some(target) = config.models.get(model) {
            return Some((
                config.upstreams.get(&target.upstream)?,
                target.model.clone(),
            ));
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
        return Ok(Choice {
            upstream,
            model: Some(model),
        });
    }
    config
        .upstream_of(family)
        .map(|upstream| Choice {
            upstream,
            model: None,
        })
        .ok_or(NoRoute::NobodySpeaks(dialect.name()))
}

fn speaks(upstream: &Upstream, family: Family) -> bool {
    upstream.family == family || upstream.family == Family::Every || family == Family::Every
}

/// The family of a request: its dialect's, or, where no dialect reads it, the one that its headers tell of.
pub fn family(dialect: Dialect, headers: &http::HeaderMap) -> Family {
    match dialect {
        Dialect::OpenaiChat
        | Dialect::OpenaiResponses
        | Dialect::OpenaiCompletions
        | Dialect::OpenaiEmbeddings => Family::Openai,
        Dialect::AnthropicMessages => Family::Anthropic,
        Dialect::GeminiGenerate => Family::Gemini,
        Dialect::Other
            if headers.contains_key("x-goog-api-key")
                || headers.contains_key("x-goog-api-client") =>
        {
            Family::Gemini
        }
        Dialect::Other
            if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") =>
        {
            Family::Anthropic
        }
        Dialect::Other => Family::Openai,
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
            choose(&config, family, dialect, Some(model))
                .map(|choice| (choice.upstream.name.clone(), choice.model))
        };
        assert_eq!(ask("fast"), Ok(("gemini".into(), Some("flash".into()))));
        assert_eq!(ask("gemini/a/b"), Ok(("gemini".into(), Some("a/b".into()))));
        assert_eq!(ask("gemini-pro"), Ok(("gemini".into(), None)));
        assert!(matches!(ask("slow"), Err(NoRoute::OtherFamily { .. })));
    }
}
