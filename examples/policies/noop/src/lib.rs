//! Does nothing, in every hook: what a policy costs before it does anything.
use outrigger_sdk::{Hooks, Places, Policy, export_policy};

/// Takes no configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Noop {}

impl Policy for Noop {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
    const REWRITES: Places = Places::ASSISTANT;
}
export_policy!(Noop);
