//! A policy that means harm, as its configuration says: what the sandbox must survive.
#![allow(clippy::panic, clippy::unwrap_used, reason = "harm is its purpose")]
use std::hint::black_box;

use outrigger_sdk::{
    Decision, Delta, Hooks, Outcome, Places, Policy, Refusal, ReplyHead, Request, export_policy,
};

/// The harm it does, and the hook it does it in. Only requests whose model contains `harm` are
/// harmed, so that others can be observed.
#[derive(serde::Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct Plan {
    hook: Hook,
    act: Act,
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Hook {
    Configure,
    Request,
    Reply,
    End,
}

#[derive(serde::Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Act {
    /// Never returns.
    Loop,
    /// Panics.
    Trap,
    /// Takes memory until there is none.
    Grow,
    /// Calls itself for ever.
    Recurse,
    /// Returns eight megabytes where a word was wanted.
    Huge,
    /// Sets a header that would split the request.
    SplitHeader,
}

#[derive(serde::Deserialize)]
#[serde(try_from = "Plan")]
struct Hostile {
    plan: Plan,
    armed: bool,
}

impl TryFrom<Plan> for Hostile {
    type Error = String;
    fn try_from(plan: Plan) -> Result<Self, String> {
        if plan.hook == Hook::Configure {
            harm(plan.act);
        }
        Ok(Self { plan, armed: false })
    }
}

impl Policy for Hostile {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY).union(Hooks::END);
    const REWRITES: Places = Places::ASSISTANT;

    fn on_request(&mut self, request: &mut Request) -> Decision {
        self.armed = request.model().is_some_and(|model| model.contains("harm"));
        if self.armed && self.plan.hook == Hook::Request {
            if let Act::SplitHeader = self.plan.act {
                request.set_header("x-probe", "a\r\nx-smuggled: yes");
            }
            if harm(self.plan.act) {
                return Decision::refuse(403, "x".repeat(8 << 20));
            }
        }
        Decision::Forward
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        if self.armed && self.plan.hook == Hook::Reply && harm(self.plan.act) {
            for delta in deltas {
                delta.replace("x".repeat(8 << 20));
            }
        }
        Ok(())
    }

    fn on_end(&mut self, _: &Outcome) {
        if self.armed && self.plan.hook == Hook::End {
            harm(self.plan.act);
        }
    }
}

/// Does it; true where the hook is to return something huge.
fn harm(act: Act) -> bool {
    match act {
        Act::Loop => loop {
            black_box(0);
        },
        Act::Trap => panic!("as requested"),
        Act::Grow => {
            let mut taken = Vec::new();
            loop {
                taken.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        Act::Recurse => {
            black_box(deeper(1));
            false
        }
        Act::Huge => true,
        Act::SplitHeader => false,
    }
}

#[allow(
    unconditional_recursion,
    reason = "the stack's end is what it looks for"
)]
fn deeper(depth: u64) -> u64 {
    let page = black_box([depth; 128]);
    deeper(depth + 1) + page[usize::try_from(depth % 128).unwrap_or(0)]
}

export_policy!(Hostile);
