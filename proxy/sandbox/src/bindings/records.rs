//! The contract's `types` interface, by hand.
//!
//! Generated records own their strings. A place is one of a few names that the host has anyway, and
//! is in every passage and delta: here it is borrowed, and showing one allocates nothing for it.
//! The compiler compares sizes and layouts where the generated bindings use these types; a policy's
//! types are compared with them when it is loaded.

use wasmtime::component::{ComponentType, HasData, Lift, Linker, Lower};

use crate::store::State;

/// An interface without functions; the generated code needs this and the next two of every
/// interface.
#[allow(dead_code, reason = "only the world's own `add_to_linker` names it")]
pub trait Host {}
impl Host for State {}
impl<T: Host + ?Sized> Host for &mut T {}

pub trait HostWithStore<T>: HasData {}
impl<D: HasData, T> HostWithStore<T> for D {}

pub fn add_to_linker<T: 'static, D: HostWithStore<T>>(
    linker: &mut Linker<T>,
    _: fn(&mut T) -> D::Data<'_>,
) -> wasmtime::Result<()> {
    linker.instance("outrigger:policy/types@0.4.0").map(drop)
}

pub type Dialect = String;
pub type Place = String;
pub type Unit = String;

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub struct Passage {
    pub id: u32,
    pub place: &'static str,
    pub message: u32,
    pub text: String,
    pub json: bool,
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub struct Delta {
    pub channel: u32,
    pub choice: u32,
    pub place: &'static str,
    pub text: String,
    pub json: bool,
    pub last: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Header {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    #[component(name = "retry-after-ms")]
    pub retry_after_ms: Option<u32>,
}

#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Reply {
    pub text: String,
}

#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum Decision {
    #[component(name = "forward")]
    Forward,
    #[component(name = "refuse")]
    Refuse(Refusal),
    #[component(name = "reply")]
    Reply(Reply),
    #[component(name = "serve")]
    Serve(String),
    #[component(name = "try-now")]
    TryNow(Vec<String>),
}

#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub struct Price {
    #[component(name = "input-microusd")]
    pub input_microusd: u64,
    #[component(name = "output-microusd")]
    pub output_microusd: u64,
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub struct Target {
    pub name: String,
    pub upstream: String,
    pub model: String,
    pub region: Option<String>,
    pub dialect: String,
    pub price: Option<Price>,
    #[component(name = "cost-microusd")]
    pub cost_microusd: Option<u64>,
    pub window: Option<u64>,
    pub output: Option<u64>,
    pub takes: Vec<String>,
    pub lacks: Vec<String>,
    #[component(name = "first-token-ms")]
    pub first_token_ms: Option<u32>,
    #[component(name = "in-flight")]
    pub in_flight: u32,
    pub breaker: String,
    #[component(name = "retry-after-ms")]
    pub retry_after_ms: Option<u32>,
    #[component(name = "requests-left")]
    pub requests_left: Option<u64>,
    #[component(name = "tokens-left")]
    pub tokens_left: Option<u64>,
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub struct Attempt {
    pub target: String,
    pub class: String,
    pub status: u16,
    #[component(name = "total-ms")]
    pub total_ms: u32,
    #[component(name = "retry-after-ms")]
    pub retry_after_ms: Option<u32>,
}

#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Usage {
    #[component(name = "input-tokens")]
    pub input_tokens: u64,
    #[component(name = "cached-input-tokens")]
    pub cached_input_tokens: u64,
    #[component(name = "written-input-tokens")]
    pub written_input_tokens: u64,
    #[component(name = "output-tokens")]
    pub output_tokens: u64,
    #[component(name = "reasoning-tokens")]
    pub reasoning_tokens: u64,
    pub estimated: bool,
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub struct Outcome {
    pub status: u16,
    pub target: String,
    pub finish: String,
    pub usage: Usage,
    #[component(name = "cost-microusd")]
    pub cost_microusd: Option<u64>,
    #[component(name = "from-store")]
    pub from_store: bool,
    #[component(name = "first-token-ms")]
    pub first_token_ms: Option<u32>,
    #[component(name = "total-ms")]
    pub total_ms: u32,
    pub error: Option<String>,
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub struct AttemptReply {
    pub target: String,
    pub status: u16,
    pub streaming: bool,
    pub ended: bool,
    pub finish: Option<String>,
}

#[derive(Debug, Clone, ComponentType, Lift)]
#[component(variant)]
pub enum Verdict {
    #[component(name = "accept")]
    Accept,
    #[component(name = "wait")]
    Wait,
    #[component(name = "reject")]
    Reject(String),
}

#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub struct Failure {
    pub status: u16,
    pub code: String,
    pub class: String,
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub hooks: Vec<String>,
    pub reads: Vec<Place>,
    pub rewrites: Vec<Place>,
    #[component(name = "config-schema")]
    pub config_schema: String,
}
