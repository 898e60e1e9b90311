//! The layer between the contract's exports and a [`Policy`], to which
//! [`export_policy!`](crate::export_policy) expands.

use std::cell::{Cell, RefCell};

use crate::{Hooks, Places, Policy, abi::exports::outrigger::policy::policy::Manifest};

mod config;
mod undeclared;

pub(crate) use undeclared::leave_mark;
pub use undeclared::undeclared;

/// Builds a policy from its configuration, as JSON. No configuration at all is an empty one.
///
/// # Errors
/// A sentence that opens with the path of the key that is wrong.
pub fn configured<P: Policy>(config: &str) -> Result<P, String> {
    let config = match config.trim_ascii() {
        "" | "null" => "{}",
        config => config,
    };
    config::from_json(config).map_err(|error| error.to_string())
}

/// The policy's manifest: of this configuration where there is one, of the type where there is none
/// yet.
pub fn manifest<P: Policy>(policy: Option<&P>, name: &str, version: &str) -> Manifest {
    let (hooks, reads, rewrites) = match policy {
        Some(policy) => (policy.hooks(), policy.reads(), policy.rewrites()),
        None => (P::HOOKS, P::READS, P::REWRITES),
    };
    Manifest {
        name: name.into(),
        version: version.into(),
        hooks: hooks.names(),
        reads: reads.names(),
        rewrites: rewrites.names(),
        config_schema: P::CONFIG_SCHEMA.into(),
    }
}

/// Stops the build of a policy whose declarations have no effect.
pub const fn check<P: Policy>() {
    let shown = !P::REWRITES.is_empty();
    let called = P::HOOKS.contains(Hooks::REPLY);
    assert!(
        shown || !called,
        "HOOKS has REPLY: name the places that `on_reply` is to be shown in REWRITES"
    );
    assert!(
        called || !shown,
        "REWRITES has places: add `Hooks::REPLY` to HOOKS, or `on_reply` is never called"
    );
    assert!(
        P::READS.is_empty() || P::HOOKS.contains(Hooks::REQUEST),
        "READS has places: add `Hooks::REQUEST` to HOOKS, or `on_request` is never called"
    );
    assert!(
        !P::HOOKS.is_empty(),
        "HOOKS is empty: the policy would never be called"
    );
}

/// The policy of this instance. It is part of the image that every exchange starts from.
#[derive(Debug)]
pub struct Slot<P> {
    policy: RefCell<Option<P>>,
    /// The places that this configuration reads.
    reads: Cell<Places>,
}

impl<P: Policy> Default for Slot<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Policy> Slot<P> {
    /// A slot without a policy.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            policy: RefCell::new(None),
            reads: Cell::new(Places::empty()),
        }
    }

    /// Answers `describe`.
    pub fn describe(&self, name: &str, version: &str) -> Manifest {
        match self.policy.try_borrow() {
            Ok(policy) => manifest(policy.as_ref(), name, version),
            Err(_) => manifest::<P>(None, name, version),
        }
    }

    /// Answers `configure`.
    ///
    /// # Errors
    /// See [`configured`] and [`undeclared`].
    pub fn configure(&self, config: &str) -> Result<(), String> {
        let mut policy = configured(config)?;
        if undeclared(&mut policy)? {
            policy = configured(config)?;
        }
        self.reads.set(P::reads(&policy));
        self.policy.replace(Some(policy));
        #[cfg(target_arch = "wasm32")]
        crate::arena::open();
        Ok(())
    }

    /// Lends the policy to a hook. The host configures before it calls; one that does not gets a
    /// trap.
    pub fn with<T>(&self, hook: impl FnOnce(&mut P) -> T) -> T {
        match self.policy.try_borrow_mut().as_deref_mut() {
            Ok(Some(policy)) => hook(policy),
            _ => std::process::abort(),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod hooks {
    use super::Slot;
    use crate::{
        AttemptReply, Decision, Delta, Failure, Outcome, Policy, Refusal, ReplyHead, Request,
        Verdict,
        abi::{exports::outrigger::policy::policy::Delta as Arrived, outrigger::policy::exchange},
        host,
    };

    impl<P: Policy> Slot<P> {
        /// Answers `on-request`.
        pub fn on_request(&self, request: &exchange::Request) -> Decision {
            let mut request = Request::from_host(host::Request::lend(request));
            request.declare(P::READS, self.reads.get());
            self.with(|policy| policy.on_request(&mut request))
        }

        /// Answers `on-reply`: an empty list where nothing was replaced.
        ///
        /// # Errors
        /// The policy's refusal.
        pub fn on_reply(
            &self,
            head: &exchange::ReplyHead,
            deltas: Vec<Arrived>,
        ) -> Result<Vec<Option<String>>, Refusal> {
            let head = ReplyHead::from_host(host::ReplyHead::lend(head));
            let mut deltas: Vec<Delta> = deltas.into_iter().map(Delta::from).collect();
            self.with(|policy| policy.on_reply(&head, &mut deltas))?;
            if deltas.iter().any(Delta::is_replaced) {
                Ok(deltas.into_iter().map(Delta::into_replacement).collect())
            } else {
                Ok(Vec::new())
            }
        }

        /// Answers `on-attempt`.
        pub fn on_attempt(&self, reply: &AttemptReply, deltas: Vec<Arrived>) -> Verdict {
            let deltas: Vec<Delta> = deltas.into_iter().map(Delta::from).collect();
            self.with(|policy| policy.on_attempt(reply, &deltas))
        }

        /// Answers `on-failure`.
        pub fn on_failure(&self, failure: &Failure) -> Decision {
            self.with(|policy| policy.on_failure(failure))
        }

        /// Answers `on-end`.
        pub fn on_end(&self, outcome: &Outcome) {
            self.with(|policy| policy.on_end(outcome));
        }
    }
}

/// Makes `$policy` the one that this crate exports, under the crate's name and version.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        const _: () = $crate::guest::check::<$policy>();
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::abi::{
                exports::outrigger::policy::policy as export, outrigger::policy::exchange,
            };

            ::std::thread_local! {
                static POLICY: $crate::guest::Slot<$policy> = const { $crate::guest::Slot::new() };
            }
            struct Exported;
            impl export::Guest for Exported {
                fn describe() -> export::Manifest {
                    POLICY.with(|policy| {
                        policy.describe(
                            ::std::env!("CARGO_PKG_NAME"),
                            ::std::env!("CARGO_PKG_VERSION"),
                        )
                    })
                }
                fn configure(
                    config: ::std::string::String,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    POLICY.with(|policy| policy.configure(&config))
                }
                fn on_request(request: &exchange::Request) -> $crate::Decision {
                    POLICY.with(|policy| policy.on_request(request))
                }
                fn on_reply(
                    head: &exchange::ReplyHead,
                    deltas: ::std::vec::Vec<export::Delta>,
                ) -> ::std::result::Result<
                    ::std::vec::Vec<::std::option::Option<::std::string::String>>,
                    $crate::Refusal,
                > {
                    POLICY.with(|policy| policy.on_reply(head, deltas))
                }
                fn on_attempt(
                    reply: $crate::AttemptReply,
                    deltas: ::std::vec::Vec<export::Delta>,
                ) -> $crate::Verdict {
                    POLICY.with(|policy| policy.on_attempt(&reply, deltas))
                }
                fn on_failure(failure: $crate::Failure) -> $crate::Decision {
                    POLICY.with(|policy| policy.on_failure(&failure))
                }
                fn on_end(outcome: $crate::Outcome) {
                    POLICY.with(|policy| policy.on_end(&outcome));
                }
            }
    $crate::abi::export_guest!(Exported with_types_in $crate::abi);
        };
    };
}
