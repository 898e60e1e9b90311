//! Targets of a case.

use policy::{Candidate, CandidatePrice};
use schemars::JsonSchema;
use serde::Deserialize;

/// A target that the request may go to. What is left out is not known.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseTarget {
    /// `upstream/model`.
    pub name: String,
    /// Label of its upstream.
    pub region: Option<String>,
    /// Dialect of its upstream. Default `openai`.
    #[serde(default = "openai")]
    pub dialect: String,
    /// Its price, which also says what the exchange would cost there.
    pub price: Option<CasePrice>,
    /// Tokens that its model takes.
    pub window: Option<u64>,
    /// Most tokens of a reply.
    pub output: Option<u64>,
    /// Content and features that its model takes besides text.
    #[serde(default)]
    pub takes: Vec<String>,
    /// Content and features that its model does not take.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// Milliseconds to the first content.
    pub first_token_ms: Option<u32>,
    /// Attempts under way.
    #[serde(default)]
    pub in_flight: u32,
    /// State of its breaker. Default `closed`.
    #[serde(default = "closed")]
    pub breaker: String,
    /// Milliseconds until it takes exchanges again.
    pub retry_after_ms: Option<u32>,
    /// Requests that its provider says are left.
    pub requests_left: Option<u64>,
    /// Tokens that its provider says are left.
    pub tokens_left: Option<u64>,
}

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CasePrice {
    /// Of the input.
    pub input: f64,
    /// Of the output.
    pub output: f64,
}

fn openai() -> String {
    "openai".to_owned()
}

fn closed() -> String {
    "closed".to_owned()
}

impl CaseTarget {
    /// Returns it as a policy sees it, where the exchange takes so many tokens.
    ///
    /// # Errors
    /// Its name is none.
    pub fn candidate(&self, input: u64, output: u64) -> Result<Candidate, String> {
        let Some((upstream, model)) = self.name.split_once('/') else {
            let name = &self.name;
            return Err(format!(
                "targets: `{name}` is no target; write UPSTREAM/MODEL"
            ));
        };
        let price = self.price.map(CasePrice::exact);
        let cost = price.map(|price| {
            let input = input.saturating_mul(price.input_microusd);
            let output = output.saturating_mul(price.output_microusd);
            input.saturating_add(output).div_ceil(1_000_000)
        });
        Ok(Candidate {
            name: self.name.clone(),
            upstream: upstream.to_owned(),
            model: model.to_owned(),
            region: self.region.clone(),
            dialect: self.dialect.clone(),
            price,
            cost_microusd: cost,
            window: self.window,
            output: self.output,
            takes: self.takes.clone(),
            lacks: self.lacks.clone(),
            first_token_ms: self.first_token_ms,
            in_flight: self.in_flight,
            breaker: self.breaker.clone(),
            retry_after_ms: self.retry_after_ms,
            requests_left: self.requests_left,
            tokens_left: self.tokens_left,
        })
    }
}

impl CasePrice {
    /// Returns it in millionths of a dollar.
    fn exact(self) -> CandidatePrice {
        // A number that is too large for u64, or below zero, becomes the nearest that fits.
        let exact = |dollars: f64| (dollars * 1e6).round() as u64;
        CandidatePrice {
            input_microusd: exact(self.input),
            output_microusd: exact(self.output),
        }
    }
}
