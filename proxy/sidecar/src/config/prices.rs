//! The operator's own prices, as checked. `cost` turns them into what an exchange costs.

use std::collections::BTreeMap;

/// The `prices:` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    /// The file's name as it was given; empty where there is none.
    pub file: String,
    /// Prices by model: a name, `upstream/name`, or either with `*` in it.
    pub models: BTreeMap<String, PriceLine>,
    /// True if whole replies carry their cost in `x-outrigger-cost-usd`. Default false.
    pub reply_header: bool,
}

/// Price of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceLine {
    /// The usual rates.
    pub base: PriceRates,
    /// Tokens of input, and the rates for all tokens of an exchange with more.
    pub above: Option<(u64, PriceRates)>,
    /// Billionths of a dollar for a request, besides its tokens.
    pub request: u64,
}

/// Millionths of a dollar per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceRates {
    /// Input.
    pub input: u32,
    /// Input that the provider had cached; none: as `input`.
    pub cached: Option<u32>,
    /// Input that it wrote into its cache; none: as `input`.
    pub written: Option<u32>,
    /// Output, reasoning included.
    pub output: u32,
}
