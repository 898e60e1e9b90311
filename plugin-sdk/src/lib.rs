//! Write an Outrigger policy in Rust.
//!
//! A policy is a struct: its fields are its configuration, its methods are its hooks, and one macro
//! exports it.
//!
//! ```
//! //! Refuses a request whose model is not on the list.
//! use outrigger_sdk::{Decision, Policy, Request, export_policy};
//!
//! /// The policy's `config:` in `outrigger.yaml`.
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct ModelAllowlist { models: std::collections::BTreeSet<String> }
//!
//! impl Policy for ModelAllowlist {
//!     fn on_request(&mut self, request: &mut Request) -> Decision {
//!         match request.model() {
//!             Some(m) if !self.models.contains(m) => {
//!                 Decision::refuse(403, format!("`{m}` is not listed"))
//!             }
//!             _ => Decision::Forward,
//!         }
//!     }
//! }
//! export_policy!(ModelAllowlist);
//! ```
//!
//! A crate of type `cdylib` that holds this, built with
//! `cargo build --release --target wasm32-unknown-unknown`, is a policy; `outrigger policy build`
//! does that with a smaller stack and with SIMD (`policy.toml`), so that an instance costs less.
//! Under `cargo test` the same struct runs natively: [`mod@bench`] stands in for the proxy.
//!
//! The struct is built once, when the proxy loads the policy, and each exchange works on a copy of
//! its own, made from the memory as it was then. So what is costly (patterns, tables) belongs into
//! the configuration's types (`#[serde(try_from = "…")]`), and `&mut self` may keep whatever one
//! exchange has to remember from `on_request` to `on_reply` to `on_end`; nobody else sees it.
//!
//! # What is declared
//!
//! The proxy does no work for a policy that did not ask for it, so a policy says beforehand what it
//! needs. What is used and not declared is loud: it could only ever guard nothing.
//!
//! | used | declared by | otherwise |
//! |---|---|---|
//! | `on_request`, `on_attempt`, `on_reply`, `on_failure`, `on_end` | [`Policy::HOOKS`] | the bench and the proxy don't configure the policy, and name the hook |
//! | [`Request::passages`], [`Request::edit_passages`] | [`Policy::READS`] | the bench panics; the proxy doesn't load the policy |
//! | [`Request::system`], [`Request::last_user`] | their place in [`Policy::READS`] | the bench panics; in the proxy the call is a fault, and the request is blocked |
//! | places of a reply | [`Policy::REWRITES`], with [`Hooks::REPLY`] | it doesn't compile with one and without the other |
//! | [`limits`], [`values`], [`replies`], [`embeddings`], [`fetch`] | the operator's `grants` | the proxy doesn't load the policy |
//! | [`Request::body`], [`Request::set_body`] | the operator's grant `body` | the call is a fault |
//!
//! A configuration may need less than the policy as a whole: [`Policy::hooks`], [`Policy::reads`] and
//! [`Policy::rewrites`] say so. Where it reads no place, there are no passages, and that is no fault.
//!
//! # What there is
//!
//! Not here: sockets, files, threads, the system's clock. Time and chance come from
//! [`clock`] and [`random`]; what outlives an exchange from [`limits`], [`values`] and [`replies`],
//! vectors of texts from [`embeddings`], other services from [`fetch`]. A policy imports only what
//! it uses, and the operator grants the last five. What configurations have in common (durations,
//! money, globs, whose exchange it is) is in [`settings`]; with the feature `patterns` it has regular
//! expressions, on the engine that the standard policies use, `regex-lite`: linear in the text, and
//! small.
//!
//! Text of a system prompt is added in every dialect by [`Request::add_system`]; what the request
//! says is seen as [`Request::system`], [`Request::last_user`] and [`Request::tools`], what else its
//! body has as [`Request::parameter`]. JSON inside of texts (arguments of tools, results) is walked
//! without copying it by [`json`]. A policy that hides values and puts them back builds on the
//! library `redaction` (`plugins/pii-redact/library`), which has pii-redact's vault of placeholders
//! and its restoring of streamed replies; `examples/policies/presidio-redact` does.
//!
//! A request's model may stand for several targets: [`Request::targets`] lists them with price,
//! region, window, speed and health, [`Request::prefer`] and [`Request::exclude`] say which of them
//! are tried, and [`Policy::on_failure`] sees what was tried and may answer
//! [`Decision::try_now`]. A reply that is not good enough is such a failure, too, where
//! [`Request::hold_reply`] has [`Policy::on_attempt`] judge it before it is sent.
//!
//! It speaks version 0.4 of the policy contract, `wit/policy.wit`. Places and dialects are words
//! there: one that this SDK does not know yet reads as `Other`, so a policy works on beside a later
//! proxy.

mod calendar;
mod channels;
mod decision;
mod dialect;
mod digest;
mod hold_back;
mod hooks;
mod host;
mod place;
mod policy;
mod reply;
mod request;
mod target;
mod tools;

pub mod capabilities;
pub mod json;
pub mod settings;

#[doc(hidden)]
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    clippy::unwrap_used,
    reason = "generated; crossing the sandbox's border is its purpose"
)]
pub mod abi;
#[cfg(any(target_arch = "wasm32", test))]
mod arena;
#[cfg(not(target_arch = "wasm32"))]
pub mod bench;
#[doc(hidden)]
pub mod guest;

pub use abi::outrigger::policy::types::{
    AttemptReply, Decision, Failure, Header, Outcome, Refusal, Reply, Usage, Verdict,
};
pub use capabilities::{clock, embeddings, fetch, limits, log, metrics, random, replies, values};
pub use channels::Channels;
pub use dialect::Dialect;
pub use digest::digest;
pub use hold_back::{HoldBack, beginning_of};
pub use hooks::Hooks;
pub use limits::Unit;
pub use place::{Place, Places};
pub use policy::Policy;
pub use reply::{Delta, ReplyHead};
pub use request::{Passage, Passages, Request};
pub use target::{Attempt, Price, Target};
pub use tools::{Tool, Tools};

/// The message index of passages that belong to no message: tool definitions, metadata.
///
/// ```
/// # use outrigger_sdk::{Dialect, NO_MESSAGE, Request};
/// # use serde_json::json;
/// let body = json!({ "system": "s", "messages": [] });
/// let request = Request::from_json(Dialect::AnthropicMessages, body);
/// assert!(request.system().all(|passage| passage.message == NO_MESSAGE));
/// ```
pub const NO_MESSAGE: u32 = u32::MAX;
