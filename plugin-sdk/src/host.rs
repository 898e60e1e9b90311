//! The proxy, as seen from here: the imported contract inside the sandbox, the bench under
//! `cargo test`.
//!
//! Both sides have the same names and signatures, so nothing else in this crate asks where it runs.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::bench::host::*;

#[cfg(target_arch = "wasm32")]
pub(crate) use lent::*;

#[cfg(target_arch = "wasm32")]
mod lent {
    use std::{mem::ManuallyDrop, ops::Deref};

    pub(crate) use crate::abi::outrigger::policy::{
        clock, embeddings, fetch, log, metrics, random, replies, values,
    };
    use crate::{Dialect, Passage, Place, Unit, abi::outrigger::policy::exchange};

    /// The contract's limits, units by name.
    pub(crate) mod limits {
        use crate::{
            abi::outrigger::policy::limits as abi,
            limits::{Ask, Error, Standing},
        };

        fn written(asks: &[Ask]) -> Vec<abi::Ask> {
            let written = |ask: &Ask| abi::Ask {
                bucket: ask.bucket.clone(),
                unit: ask.unit.name().to_owned(),
                amount: ask.amount,
                limit: ask.limit,
                window: ask.window,
                soft: ask.soft,
                cut: ask.cut,
            };
            asks.iter().map(written).collect()
        }

        pub(crate) fn reserve(asks: &[Ask]) -> Result<Vec<Standing>, Error> {
            abi::reserve(&written(asks))
        }

        pub(crate) fn peek(asks: &[Ask]) -> Result<Vec<Standing>, Error> {
            abi::peek(&written(asks))
        }
    }

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
                    // SAFETY: the copy is never dropped, so the handle is released once, by its
                    // owner; and it is reachable only through the reference that a hook gets, which
                    // ends before the owner does.
                    let copy = unsafe { exchange::$name::from_handle(handle.handle()) };
                    Self(ManuallyDrop::new(copy))
                }
            }

            impl $name {
                /// A handle of nothing: what is called of it is a fault.
                pub(crate) fn none() -> Self {
                    #[expect(unsafe_code, reason = "a number that the host never gives")]
                    // SAFETY: it is never dropped, and the host refuses a number that it did not
                    // give.
                    let none = unsafe { exchange::$name::from_handle(u32::MAX - 1) };
                    Self(ManuallyDrop::new(none))
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

    // The contract's words as this crate's enumerations; all else is the handle's own.
    impl Request {
        pub(crate) fn dialect(&self) -> Dialect {
            Dialect::named(&self.0.dialect())
        }

        pub(crate) fn estimate(&self, unit: Unit) -> Option<u64> {
            self.0.estimate(unit.name())
        }

        pub(crate) fn passages(&self, start: u32, max: u32) -> Vec<Passage> {
            let passages = self.0.passages(start, max);
            passages.into_iter().map(read).collect()
        }

        pub(crate) fn passages_of(
            &self,
            place: Place,
            last: bool,
            start: u32,
            max: u32,
        ) -> Vec<Passage> {
            let passages = self.0.passages_of(place.name(), last, start, max);
            passages.into_iter().map(read).collect()
        }
    }

    fn read(passage: exchange::Passage) -> Passage {
        Passage {
            id: passage.id,
            place: Place::named(&passage.place),
            message: passage.message,
            text: passage.text,
            json: passage.json,
        }
    }

    impl ReplyHead {
        pub(crate) fn dialect(&self) -> Dialect {
            Dialect::named(&self.0.dialect())
        }
    }
}
