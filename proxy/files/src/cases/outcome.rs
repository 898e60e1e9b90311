//! The course of an exchange after the policy's decision: failures, the reply's head, its end.

use policy::{AttemptMade, AttemptReply, Failure, Outcome};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ExpectRescue, ExpectVerdict, Headers, PlaceName};

/// A failure after the request was forwarded, and what the policy makes of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFailure {
    /// Status that the app would get.
    pub status: u16,
    /// Class of the last attempt's failure.
    pub class: String,
    /// Code. Default `upstream_status`.
    #[serde(default = "upstream_status")]
    pub code: String,
    /// Milliseconds that the last upstream gave, where `attempts` says nothing.
    pub retry_after_ms: Option<u32>,
    /// The attempts that were made. Default: the first target, to this end.
    pub attempts: Option<Vec<CaseAttempt>>,
    /// The policy's decision. Default: the failure passes.
    #[serde(default)]
    pub expect: ExpectRescue,
}

/// The part of a reply that an attempt has brought, and the policy's verdict about it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HoldReply {
    /// `upstream/model`. Default: the first target.
    pub target: Option<String>,
    /// True if it comes as a stream of events. Default false.
    pub streaming: bool,
    /// True if all of it is there. Default true.
    pub ended: Option<bool>,
    /// Finish reason as the dialect spells it. Default: none.
    pub finish: Option<String>,
    /// The texts that came, one per place.
    pub texts: Vec<CaseText>,
    /// The policy's verdict. Default: it accepts.
    pub expect: ExpectVerdict,
}

/// A text of a reply.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseText {
    /// Its place.
    pub place: PlaceName,
    /// The text itself.
    pub text: String,
}

/// An attempt that was made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseAttempt {
    /// `upstream/model`.
    pub target: String,
    /// Class of its failure.
    pub class: String,
    /// Status that came. Default 0: none.
    #[serde(default)]
    pub status: u16,
    /// Milliseconds that it took.
    #[serde(default)]
    pub total_ms: u32,
    /// Milliseconds to wait, as the upstream gave them.
    pub retry_after_ms: Option<u32>,
}

/// The head of a model's reply.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CaseHead {
    /// Its status. Default 200.
    pub status: Option<u16>,
    /// Its headers.
    pub headers: Headers,
    /// True if it is a stream of events. Default true.
    pub streaming: Option<bool>,
}

/// The end of an exchange. What is left out is what became of it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CaseOutcome {
    /// Status that the app got; 0 where it left before.
    pub status: Option<u16>,
    /// Target, `upstream/model`.
    pub target: Option<String>,
    /// Finish reason as the dialect spells it.
    pub finish: Option<String>,
    /// Tokens.
    pub usage: Option<CaseUsage>,
    /// Cost in millionths of a dollar.
    pub cost_microusd: Option<u64>,
    /// True if the reply was a kept one.
    pub from_store: Option<bool>,
    /// Milliseconds to the first content.
    pub first_token_ms: Option<u32>,
    /// Milliseconds over all.
    pub total_ms: Option<u32>,
    /// Code of the refusal or fault.
    pub error: Option<String>,
    /// The attempts, in their order.
    pub attempts: Option<Vec<CaseAttempt>>,
}

/// Tokens of an exchange.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CaseUsage {
    /// All tokens of the prompt.
    pub input_tokens: u64,
    /// Those of them that the provider had cached.
    pub cached_input_tokens: u64,
    /// Those of them that it wrote into its cache.
    pub written_input_tokens: u64,
    /// All generated tokens.
    pub output_tokens: u64,
    /// Those of them that were reasoning.
    pub reasoning_tokens: u64,
    /// True if the host estimated them.
    pub estimated: bool,
}

fn upstream_status() -> String {
    "upstream_status".to_owned()
}

impl HoldReply {
    /// Returns what is known of the reply; `first` is the first target.
    pub fn reply(&self, first: &str) -> AttemptReply {
        AttemptReply {
            target: self.target.clone().unwrap_or_else(|| first.to_owned()),
            status: 200,
            streaming: self.streaming,
            ended: self.ended.unwrap_or(true),
            finish: self.finish.clone(),
        }
    }
}

impl CaseFailure {
    /// Returns it as a policy sees it; `first` is what was tried where the case does not say so.
    pub fn failure(&self, first: &str) -> Failure {
        let only = || AttemptMade {
            target: first.to_owned(),
            class: self.class.clone(),
            status: self.status,
            total_ms: 0,
            retry_after_ms: self.retry_after_ms,
        };
        Failure {
            status: self.status,
            code: self.code.clone(),
            class: self.class.clone(),
            attempts: match &self.attempts {
                Some(attempts) => attempts.iter().map(CaseAttempt::made).collect(),
                None => vec![only()],
            },
        }
    }
}

impl CaseAttempt {
    fn made(&self) -> AttemptMade {
        AttemptMade {
            target: self.target.clone(),
            class: self.class.clone(),
            status: self.status,
            total_ms: self.total_ms,
            retry_after_ms: self.retry_after_ms,
        }
    }
}

impl CaseOutcome {
    /// Puts what it says in the place of what became of the exchange.
    #[must_use]
    pub fn over(&self, became: Outcome) -> Outcome {
        let own = self.clone();
        let usage = own.usage.map(|usage| dialect::Usage {
            input: usage.input_tokens,
            cached: usage.cached_input_tokens,
            written: usage.written_input_tokens,
            output: usage.output_tokens,
            reasoning: usage.reasoning_tokens,
            estimated: usage.estimated,
            ..dialect::Usage::default()
        });
        let attempts = own.attempts.as_ref();
        let attempts = attempts.map(|all| all.iter().map(CaseAttempt::made).collect());
        Outcome {
            status: own.status.unwrap_or(became.status),
            target: own.target.unwrap_or(became.target),
            finish: own.finish.unwrap_or(became.finish),
            usage: usage.unwrap_or(became.usage),
            cost_microusd: own.cost_microusd.or(became.cost_microusd),
            from_store: own.from_store.unwrap_or(became.from_store),
            first_token_ms: own.first_token_ms.or(became.first_token_ms),
            total_ms: own.total_ms.unwrap_or(became.total_ms),
            error: own.error.or(became.error),
            attempts: attempts.unwrap_or(became.attempts),
        }
    }
}
