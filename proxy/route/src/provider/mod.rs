//! Providers: what is known of each before anything is configured.
//!
//! A [`Preset`] is a provider's row: its address, the way in which it takes a key, the dialects that
//! it offers, each with its own base path, and the [`Quirks`] of its OpenAI-like endpoints. It says
//! nothing that configuration could not say by hand, and nothing of models. What the errors of a
//! provider mean is in [`ProviderRules`], which also names it and knows its hosts.

use dialect::Dialect;

use crate::{Endpoints, Family, ProviderRules};

mod address;
mod presets;
mod quirks;
#[cfg(test)]
mod tests;

pub use address::{Address, Part, Parts};
pub use quirks::{MaxField, Quirks, Reasoning, ResponseSchema, SystemRole, ToolIds, UsagePlace};

/// The facts of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The address that it has where none is written.
    pub address: Address,
    /// The dialects that it offers; the first is the one that an SDK is given its URL for.
    pub bases: &'static [Base],
    /// The differences of its OpenAI-like endpoints.
    pub quirks: Quirks,
    /// True if it serves callers without any key, as servers on one's own machines do.
    pub keyless: bool,
}

/// Dialects that are served together, below one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Their family.
    pub family: Family,
    /// The dialects.
    pub dialects: Endpoints,
    /// Path at the provider's address, without a slash at its end; it may have `{project}` and
    /// `{location}` in it.
    pub path: &'static str,
    /// The order of path segments behind it.
    pub layout: Layout,
    /// The header that carries a key there.
    pub auth: Auth,
    /// Names of models that are served here and by no other base; a `*` stands for any letters.
    /// Empty: those that no other base claims.
    pub claims: &'static [&'static str],
}

/// The path of an endpoint below its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// As the API's designer has it: `/chat/completions`, `/v1/messages`,
    /// `/v1beta/models/MODEL:generateContent`.
    Plain,
    /// Azure's: [`Self::Plain`], or, of an API version that is a date,
    /// `/openai/deployments/MODEL/chat/completions?api-version=…`.
    Azure,
    /// Claude on Vertex: `/models/MODEL:rawPredict`, `:streamRawPredict`.
    VertexClaude,
    /// Bedrock's InvokeModel, of the model's own format: `/model/MODEL/invoke`,
    /// `/model/MODEL/invoke-with-response-stream`.
    BedrockInvoke,
    /// Bedrock's own API, Converse above all, which no caller's dialect is: `/model/MODEL/converse`,
    /// `/model/MODEL/converse-stream`, as the path has it already.
    BedrockConverse,
}

impl Layout {
    /// Returns whether the model stands in the path, so that each model has a path of its own.
    pub const fn names_model(self) -> bool {
        !matches!(self, Self::Plain)
    }
}

/// The header in which a key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`.
    XApiKey,
    /// `api-key: KEY`.
    ApiKey,
    /// `x-goog-api-key: KEY`.
    XGoogApiKey,
    /// No key: callers' credentials are removed, and nothing takes their place.
    None,
}

impl Auth {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Bearer,
        Self::XApiKey,
        Self::ApiKey,
        Self::XGoogApiKey,
        Self::None,
    ];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::XApiKey => "x-api-key",
            Self::ApiKey => "api-key",
            Self::XGoogApiKey => "x-goog-api-key",
            Self::None => "none",
        }
    }

    /// The one of this name in configuration.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|auth| auth.name() == name)
    }

    /// The one of whoever designed a family's API.
    pub const fn of_family(family: Family) -> Self {
        match family {
            Family::Openai | Family::Every => Self::Bearer,
            Family::Anthropic => Self::XApiKey,
            Family::Gemini => Self::XGoogApiKey,
        }
    }
}

impl Preset {
    /// The dialects that it offers.
    pub fn offers(&self) -> Endpoints {
        let all = self.bases.iter().map(|base| base.dialects);
        all.fold(Endpoints::default(), Endpoints::or)
    }

    /// The base at which it offers a dialect; of several, the first.
    pub fn base(&self, dialect: Dialect) -> Option<&'static Base> {
        (self.bases.iter()).find(|base| base.dialects.contains(dialect))
    }
}

/// Returns whether one of these names is a model's, in which a `*` stands for any letters.
pub fn is_claimed(claims: &[&str], model: &str) -> bool {
    claims.iter().any(|claim| is_like(claim, model))
}

fn is_like(pattern: &str, name: &str) -> bool {
    let Some((begin, mut rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(begin) else {
        return false;
    };
    while let Some((piece, further)) = rest.split_once('*') {
        let Some((_, behind)) = left.split_once(piece) else {
            return false;
        };
        (left, rest) = (behind, further);
    }
    left.ends_with(rest)
}

impl ProviderRules {
    /// The facts of this provider.
    pub const fn preset(self) -> &'static Preset {
        presets::of(self)
    }
}

impl Quirks {
    /// Those of an upstream: its provider's, where one is written or known by its host, else those
    /// of a server of which nothing is known.
    pub const fn of(provider: Option<ProviderRules>) -> Self {
        match provider {
            Some(provider) => provider.preset().quirks,
            None => Self::UNKNOWN,
        }
    }
}
