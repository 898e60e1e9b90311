//! The proxy, as seen from here: the imported contract inside the sandbox, the bench under `cargo test`.
//!
//! Both sides have the same names and signatures, so nothing else in this crate asks where it runs.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::bench::host::*;

#[cfg(target_arch = "wasm32")]
pub(crate) use lent::*;

#[cfg(target_arch = "wasm32")]
mod lent {
    use std::{mem::ManuallyDrop, ops::Deref};

    use crate::abi::outrigger::policy::exchange;
    pub(crate) use crate::abi::outrigger::policy::{
        clock, fetch, limits, log, metrics, random, replies, values,
    };

    macro_rules! lent {
        ($name:ident) => {
            /// A handle that the host lends for one hook.
            #[derive(Debug)]
            pub(crate) struct $name(ManuallyDrop<exchange::$name>);

            impl $name {
                /// Takes over the number of a handle whose owner lives until the hook returns.
                pub(crate) fn lend(handle: &exchange::$name) -> Self {
                    #[expect(
                        unsafe_code,
                        reason = "the only way to hold a borrowed handle without a lifetime"
                    )]
                    // SAFETY: the copy is never dropped, so the handle is released once, by its owner; and it is reachable only
                    // through the reference that a hook gets, which ends before the owner does.
                    let copy = unsafe { exchange::$name::from_handle(handle.handle()) };
                    Self(ManuallyDrop::new(copy))
                }
            }

            impl Deref for $name {
                type Target = exchange::$name;
                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }
        };
    }
    lent!(Request);
    lent!(ReplyHead);
}
