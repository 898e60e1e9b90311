//! Hooks that a policy implements and does not declare.
//!
//! Rust does not say whether a method of a trait is the default one, so it is called: a default
//! leaves a mark, and one that leaves none is the policy's own. That costs a policy whose
//! declarations are right nothing but the call of an empty function, once, and one whose are not is
//! refused anyhow. What such a hook calls of the proxy is a fault there: nothing is lent while a
//! policy is configured.

use std::cell::Cell;

use crate::{
    AttemptReply, Decision, Failure, Hooks, Outcome, Places, Policy, ReplyHead, Request, Usage,
    host,
};

thread_local! {
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

/// Leaves the mark of a default.
pub(crate) fn leave_mark() {
    MARKED.set(true);
}

/// Refuses a policy that implements a hook which it does not declare. Returns whether any of its own
/// was called, and may have changed it.
///
/// # Errors
/// A sentence that names the hook.
pub fn undeclared<P: Policy>(policy: &mut P) -> Result<bool, String> {
    let mut changed = false;
    let lacks = |hook| !P::HOOKS.contains(hook);
    if lacks(Hooks::REQUEST) {
        match called(|| policy.on_request(&mut nothing_lent())) {
            // One that looks at nothing and lets everything pass is as good as none.
            Called::Own(Decision::Forward) => changed = true,
            Called::Default => {}
            _ => return never_called("on_request", "REQUEST"),
        }
    }
    if lacks(Hooks::REPLY) && called(|| policy.on_reply(&no_reply(), &mut [])).is_own() {
        return never_called("on_reply", "REPLY");
    }
    if lacks(Hooks::ATTEMPT) && called(|| policy.on_attempt(&no_attempt(), &[])).is_own() {
        return never_called("on_attempt", "ATTEMPT");
    }
    if lacks(Hooks::FAILURE) && called(|| policy.on_failure(&no_failure())).is_own() {
        return never_called("on_failure", "FAILURE");
    }
    if lacks(Hooks::END) && called(|| policy.on_end(&no_outcome())).is_own() {
        return never_called("on_end", "END");
    }
    Ok(changed)
}

fn never_called(method: &str, hook: &str) -> Result<bool, String> {
    Err(format!(
        "the policy implements `{method}` and does not declare it, so it would never be called: add `Hooks::{hook}` to HOOKS, or leave the method out"
    ))
}

/// The outcome of a hook that was called.
enum Called<T> {
    /// It is the default.
    Default,
    /// It is the policy's own, and returned this.
    Own(T),
    /// It is the policy's own, and used what was not lent: in the sandbox that ends the instance.
    #[cfg(not(target_arch = "wasm32"))]
    Panicked,
}

impl<T> Called<T> {
    fn is_own(&self) -> bool {
        !matches!(self, Self::Default)
    }
}

fn called<T>(call: impl FnOnce() -> T) -> Called<T> {
    MARKED.set(false);
    #[cfg(target_arch = "wasm32")]
    let returned = call();
    #[cfg(not(target_arch = "wasm32"))]
    let Ok(returned) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)) else {
        return Called::Panicked;
    };
    match MARKED.get() {
        true => Called::Default,
        false => Called::Own(returned),
    }
}

fn nothing_lent() -> Request {
    let mut request = Request::from_host(host::Request::none());
    request.declare(Places::empty(), Places::empty());
    request
}

fn no_reply() -> ReplyHead {
    ReplyHead::from_host(host::ReplyHead::none())
}

fn no_attempt() -> AttemptReply {
    AttemptReply {
        target: String::new(),
        status: 0,
        streaming: false,
        ended: false,
        finish: None,
    }
}

fn no_failure() -> Failure {
    Failure {
        status: 0,
        code: String::new(),
        class: String::new(),
        attempts: Vec::new(),
    }
}

fn no_outcome() -> Outcome {
    Outcome {
        status: 0,
        target: String::new(),
        finish: String::new(),
        usage: Usage {
            input_tokens: 0,
            cached_input_tokens: 0,
            written_input_tokens: 0,
            output_tokens: 0,
            reasoning_tokens: 0,
            estimated: true,
        },
        cost_microusd: None,
        from_store: false,
        first_token_ms: None,
        total_ms: 0,
        error: None,
        attempts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Delta, Refusal, Verdict, bench::Bench, metrics};

    /// A policy of one method that declares these hooks.
    macro_rules! policy {
        ($name:ident, $hooks:expr, $($method:tt)*) => {
            #[derive(serde::Deserialize)]
            struct $name {}
            impl Policy for $name {
                const HOOKS: Hooks = $hooks;
                const REWRITES: Places = Places::ASSISTANT;
                $($method)*
            }
        };
    }
    policy! { Decides, Hooks::END,
        fn on_request(&mut self, request: &mut Request) -> Decision {
            request.set_model("other");
            Decision::Forward
        }
    }
    policy! { Reply, Hooks::REQUEST,
        fn on_reply(&mut self, _: &ReplyHead, _: &mut [Delta]) -> Result<(), Refusal> { Ok(()) }
    }
    policy! { Judges, Hooks::REQUEST,
        fn on_attempt(&mut self, _: &AttemptReply, _: &[Delta]) -> Verdict { Verdict::Wait }
    }
    policy! { Failed, Hooks::REQUEST,
        fn on_failure(&mut self, _: &Failure) -> Decision { Decision::reply("sorry") }
    }
    policy! { End, Hooks::REQUEST,
        fn on_end(&mut self, _: &Outcome) { metrics::count("ended", 1) }
    }
    policy! { Panics, Hooks::REQUEST,
        fn on_end(&mut self, outcome: &Outcome) { assert!(outcome.status > 0, "a real one") }
    }
    policy! { Declared, Hooks::REQUEST.union(Hooks::END),
        fn on_end(&mut self, _: &Outcome) { metrics::count("ended", 1) }
    }
    policy! { Empty, Hooks::REQUEST, }
    policy! { Stub, Hooks::END,
        fn on_request(&mut self, _: &mut Request) -> Decision { Decision::Forward }
    }

    #[test]
    fn a_hook_that_is_implemented_and_not_declared_is_named_before_any_exchange() {
        fn why<P: Policy>() -> Option<String> {
            Bench::<P>::new(serde_json::json!({})).err()
        }
        for (why, method, hook) in [
            (why::<Decides>(), "on_request", "REQUEST"),
            (why::<Reply>(), "on_reply", "REPLY"),
            (why::<Judges>(), "on_attempt", "ATTEMPT"),
            (why::<Failed>(), "on_failure", "FAILURE"),
            (why::<End>(), "on_end", "END"),
            (why::<Panics>(), "on_end", "END"),
        ] {
            let expected = format!(
                "the policy implements `{method}` and does not declare it, so it would never be called: add `Hooks::{hook}` to HOOKS, or leave the method out"
            );
            assert_eq!(why, Some(expected));
        }
        for why in [why::<Declared>(), why::<Empty>(), why::<Stub>()] {
            assert_eq!(why, None);
        }
    }

    policy! { Blind, Hooks::REQUEST,
        fn on_request(&mut self, request: &mut Request) -> Decision {
            request.passages().for_each(drop);
            Decision::Forward
        }
    }
    policy! { Half, Hooks::REQUEST,
        const READS: Places = Places::SYSTEM;
        fn on_request(&mut self, request: &mut Request) -> Decision {
            request.last_user().for_each(drop);
            Decision::Forward
        }
    }
    policy! { Fewer, Hooks::REQUEST,
        const READS: Places = Places::USER;
        fn reads(&self) -> Places { Places::empty() }
        fn on_request(&mut self, request: &mut Request) -> Decision {
            let none = request.edit_passages(|_| Some(String::new())) == 0;
            match none && request.passages().next().is_none() && request.last_user().next().is_none() {
                true => Decision::Forward,
                false => Decision::refuse(403, "something was shown"),
            }
        }
    }

    fn decision<P: Policy>() -> Result<Decision, String> {
        let bench = Bench::<P>::new(serde_json::json!({}))?;
        Ok(bench.request(Request::chat("m").user("hi")).decision)
    }

    #[test]
    #[should_panic(expected = "declares no READS")]
    fn passages_that_no_place_is_declared_for_are_found_out() {
        let _ = decision::<Blind>();
    }

    #[test]
    #[should_panic(expected = "reads `user` and does not declare it")]
    fn a_view_of_a_place_that_is_not_declared_is_found_out() {
        let _ = decision::<Half>();
    }

    #[test]
    fn a_configuration_that_reads_nothing_is_shown_nothing() {
        assert_eq!(decision::<Fewer>(), Ok(Decision::Forward));
    }
}
