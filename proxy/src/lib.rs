//! Outrigger: a sidecar through which an application's LLM calls go, and in which sandboxed policies read and rewrite them.
#![warn(clippy::all)]

pub mod admin;
pub mod cli;
pub mod config;
pub mod dialect;
pub mod exchange;
pub mod intercept;
pub mod policy;
pub mod refusal;
pub mod reload;
pub mod route;
pub mod sandbox;
pub mod state;
pub mod telemetry;
pub mod upstream;
