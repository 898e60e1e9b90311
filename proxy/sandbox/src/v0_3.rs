//! Version 0.3 of the contract, over the current one.
//!
//! Deployed policies go on loading. The interfaces of 0.3 are today's without the functions that
//! came since, so its imports get today's names when a policy is compiled (`renumber.rs`), and the
//! same functions. What differs is what hooks take and return: there were no attempts, and nothing
//! could be tried anew. 0.2 has the very same records; types are compared by their structure.

use policy::{Failure as Failed, Outcome as Ended};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::bindings::types::{self, Refusal, Reply, Usage};

#[derive(Debug, Clone, ComponentType, Lift)]
#[component(variant)]
pub(super) enum Decision {
    #[component(name = "forward")]
    Forward,
    #[component(name = "refuse")]
    Refuse(Refusal),
    #[component(name = "reply")]
    Reply(Reply),
    #[component(name = "serve")]
    Serve(String),
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(super) struct Failure {
    status: u16,
    code: String,
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(super) struct Outcome {
    status: u16,
    target: String,
    finish: String,
    usage: Usage,
    #[component(name = "cost-microusd")]
    cost_microusd: Option<u64>,
    #[component(name = "from-store")]
    from_store: bool,
    #[component(name = "first-token-ms")]
    first_token_ms: Option<u32>,
    #[component(name = "total-ms")]
    total_ms: u32,
    error: Option<String>,
}

impl From<Decision> for types::Decision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Forward => Self::Forward,
            Decision::Refuse(refusal) => Self::Refuse(refusal),
            Decision::Reply(reply) => Self::Reply(reply),
            Decision::Serve(key) => Self::Serve(key),
        }
    }
}

impl From<&Failed> for Failure {
    fn from(failure: &Failed) -> Self {
        Self {
            status: failure.status,
            code: failure.code.clone(),
        }
    }
}

impl From<&Ended> for Outcome {
    fn from(outcome: &Ended) -> Self {
        let outcome = types::Outcome::from(outcome);
        Self {
            status: outcome.status,
            target: outcome.target,
            finish: outcome.finish,
            usage: outcome.usage,
            cost_microusd: outcome.cost_microusd,
            from_store: outcome.from_store,
            first_token_ms: outcome.first_token_ms,
            total_ms: outcome.total_ms,
            error: outcome.error,
        }
    }
}
