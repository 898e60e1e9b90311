//! Puts Outrigger into pods: one library behind `outrigger inject`, `outrigger uninject` and
//! `outrigger webhook`.
//!
//! [`inject`] and [`uninject`] read a stream of Kubernetes YAML and give it back changed;
//! [`answer`] does the same to the one pod that an API server sends. In between is one tree
//! ([`tree::Node`]) that a file's YAML or a request's JSON becomes, so that both add the same:
//! `settings` says what a pod is to get, `refuse` why it can't, `parts` what that is in containers
//! and variables, `pod` puts it in and takes it out, `record` remembers it.
//!
//! It edits text where it can and prints only where it must (`splice`): lines of a manifest that
//! need not change keep their comments, quotes and order, and a document that is no workload is
//! passed on byte for byte. (The crates that edit YAML were tried. yaml-edit is lossless, but a new
//! first item takes the comment of the item after it, and lists are not indented as by kubectl;
//! yamlpatch only appends to lists. Neither reads scalars as YAML 1.1 or bounds aliases.)

pub mod names;

mod align;
mod flow;
mod json;
mod operators;
mod parts;
mod pod;
mod print;
mod read;
mod record;
mod refuse;
mod review;
mod selector;
mod settings;
mod splice;
mod split;
mod stream;
mod tree;
mod webhook;

pub use review::{Answer, answer};
pub use selector::{Choice, Selector};
pub use settings::{Mode, Policies, Settings};
pub use stream::{Options, Outcome, inject, uninject};
pub use webhook::{Address, serve};
