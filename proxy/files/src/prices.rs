//! `prices:`, and the file that it names, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Count, Dollars, Named, Optional, Text};

/// Prices of models.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// A YAML file of prices that go before the built-in ones; reloaded when it changes.
    pub file: Optional<Text>,
    /// True if whole replies carry their cost in `x-outrigger-cost-usd`. Default false.
    pub reply_header: Optional<bool>,
}

/// A file of prices, named by `prices.file`. US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceFile {
    /// Prices by model: a name, `upstream/name`, or either with `*` in it.
    pub models: Named<Price>,
}

impl PriceFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// It is no YAML, or has another shape; with line and column.
    pub fn read(yaml: &str) -> Result<Self, serde_yaml::Error> {
        serde_yaml::from_str(yaml)
    }
}

/// Price of a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input.
    pub input: Dollars,
    /// Input that the provider had cached. Default: as `input`.
    #[serde(default)]
    pub cached: Optional<Dollars>,
    /// Input that it wrote into its cache. Default: as `input`.
    #[serde(default)]
    pub written: Optional<Dollars>,
    /// Output, reasoning included.
    pub output: Dollars,
    /// A request, besides its tokens. Default 0.
    #[serde(default)]
    pub request: Optional<Dollars>,
    /// Rates for all tokens of an exchange with a long prompt.
    #[serde(default)]
    pub above: Option<PriceAbove>,
}

/// Rates of a model for all tokens of an exchange with a long prompt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceAbove {
    /// Tokens of input beyond which these rates count.
    pub tokens: Count,
    /// Input, as in [`Price`].
    pub input: Dollars,
    /// Cached input, as in [`Price`].
    #[serde(default)]
    pub cached: Optional<Dollars>,
    /// Input written into the cache, as in [`Price`].
    #[serde(default)]
    pub written: Optional<Dollars>,
    /// Output, as in [`Price`].
    pub output: Dollars,
}
