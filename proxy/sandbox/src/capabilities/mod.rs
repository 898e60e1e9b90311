//! Capabilities that policies may be lent: a file for each, and one table of them.
//!
//! A file contains all of a capability: its name, how it is granted, its functions and errors, its
//! state, and its *port*, the trait that the serving process implements where the sandbox cannot by
//! itself provide what is lent. Configuration, schema, checks, `/policies` and messages are printed
//! from [`CAPABILITIES`]. To add one: the interface in the contract, a file here, a row below, and
//! an implementation of its port.
//!
//! Every function checks what the call it is in may do; a wrong use traps that instance and nothing
//! else. `describe` and `configure` run at load, where there is no exchange: there every import
//! traps.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use policy::Call;
use wasmtime::component::{HasSelf, Linker};

use super::{bindings::interfaces, contract::Version, store::State, v0_2::interfaces as earlier};

/// Lists the functions of an interface, for each contract since the one that brought it; those that
/// are linked as another one are not listed.
macro_rules! linked {
    ($interface:ident since V0_4) => {
        &[(super::Version::V0_4, |linker| {
            super::interfaces::$interface::add_to_linker::<_, super::Lent>(linker, |state| state)
        })]
    };
    ($interface:ident since V0_2) => {
        &[
            (super::Version::V0_4, |linker| {
                super::interfaces::$interface::add_to_linker::<_, super::Lent>(linker, |s| s)
            }),
            (super::Version::V0_2, |linker| {
                super::earlier::$interface::add_to_linker::<_, super::Lent>(linker, |s| s)
            }),
        ]
    };
}

mod body;
pub mod clock;
mod credentials;
pub mod embeddings;
pub(super) mod exchange;
pub mod fetch;
mod grants;
mod headers;
pub mod limits;
pub mod log;
pub mod metrics;
mod partition;
pub(super) mod random;
pub mod replies;
pub mod values;

pub use grants::Grants;

/// Declares the table, a row each in the order in which messages name them, and [`Host`], a port
/// for each that has one.
macro_rules! capabilities {
    ($($module:ident::$row:ident $(=> $port:ident)?;)*) => {
        $(pub use $module::$row;)*

        /// Every capability that there is.
        pub static CAPABILITIES: &[&Capability] = &[$(&$row),*];

        /// The services that the host lends to every policy that was granted them.
        #[derive(Clone)]
        pub struct Host {
            $($(
                #[doc = concat!("Implements the port of `", stringify!($module), "`.")]
                pub $module: Arc<dyn $module::$port>,
            )?)*
        }

        impl Host {
            /// Makes a host that lends nothing: stores are unavailable, calls are denied, metrics
            /// and lines of the log are dropped. The clock is the system's.
            pub fn none() -> Self {
                Self { $($($module: Arc::new(Nothing) as Arc<dyn $module::$port>,)?)* }
            }
        }
    };
}

capabilities! {
    exchange::TYPES;
    exchange::EXCHANGE;
    log::LOG => Log;
    metrics::METRICS => Metrics;
    clock::CLOCK => Clock;
    random::RANDOM;
    limits::LIMITS => Limits;
    values::VALUES => Values;
    replies::REPLIES => Replies;
    embeddings::EMBEDDINGS => Embeddings;
    fetch::FETCH => Fetch;
    body::BODY;
    credentials::CREDENTIALS;
}

/// A capability that policies may be lent.
pub struct Capability {
    /// Name of the interface in the contract, and of the grant.
    pub name: &'static str,
    /// Description of what it lets a policy do, in one line without a full stop.
    pub about: &'static str,
    /// Policies that may have it.
    pub access: Access,
    /// True if a function of it may wait, as those do that `bindings.rs` names as async: a policy
    /// that imports it is always called on a stack of its own.
    pub(super) waits: bool,
    /// Contracts that have the interface, with its functions; none where the capability is no
    /// interface of its own.
    linked: &'static [(Version, AddToLinker)],
}

/// The policies that may have a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every policy.
    Free,
    /// Policies that were granted it by its name.
    Named,
    /// Policies that were granted it, for the hosts that the grant names: `{ NAME: [host, …] }`.
    Hosts,
}

/// The data of an interface's functions: the store of the one instance.
type Lent = HasSelf<State>;
type AddToLinker = fn(&mut Linker<State>) -> wasmtime::Result<()>;

impl Capability {
    /// Finds one by its name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CAPABILITIES
            .iter()
            .copied()
            .find(|known| known.name == name)
    }

    /// Iterates over those that an operator grants, in the table's order.
    pub fn granted() -> impl Iterator<Item = &'static Self> {
        let all = CAPABILITIES.iter().copied();
        all.filter(|known| known.access != Access::Free)
    }

    /// Reports whether it is an interface of this contract.
    pub(super) fn is_in(&self, contract: Version) -> bool {
        let contract = contract.linked_as();
        self.linked.iter().any(|(version, _)| *version == contract)
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Makes a linker with every function of one contract in it; the imports that a policy may have
/// were checked before.
pub(super) fn linker(
    engine: &wasmtime::Engine,
    contract: Version,
) -> wasmtime::Result<Linker<State>> {
    let contract = contract.linked_as();
    let mut linker = Linker::new(engine);
    let linked = CAPABILITIES.iter().flat_map(|known| known.linked);
    for (_, add) in linked.filter(|(version, _)| *version == contract) {
        add(&mut linker)?;
    }
    Ok(linker)
}

/// A port's answer, now or later: one from memory costs no allocation and no second poll.
pub enum Work<'a, T> {
    /// The answer.
    Now(Option<T>),
    /// An answer that is waited for.
    Later(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
}

impl<'a, T> Work<'a, T> {
    /// Wraps an answer that is there.
    pub const fn now(answer: T) -> Self {
        Self::Now(Some(answer))
    }

    /// Wraps an answer that is waited for.
    pub fn later(answer: impl Future<Output = T> + Send + 'a) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl<T: Unpin> Future for Work<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut *self {
            Self::Now(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(work) => work.as_mut().poll(context),
        }
    }
}

/// An error: the store can't be reached, and the operator wants such exchanges blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store can't be reached; see `outrigger_store_degraded_total`")]
pub struct Unavailable;

/// An implementation of every port with nothing behind it.
struct Nothing;

/// A wrong use of the contract by a policy: a trap with this reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(String);

/// Traps the policy that called.
fn misuse<T>(why: impl Into<String>) -> wasmtime::Result<T> {
    Err(wasmtime::Error::new(Misuse(why.into())))
}

impl State {
    /// Refuses imports while the policy is being loaded.
    fn live(&self) -> wasmtime::Result<()> {
        match self.pace.is_loading() {
            true => misuse("`describe` and `configure` may call no import"),
            false => Ok(()),
        }
    }

    /// Returns the request that this call was lent.
    pub(super) fn lent(&mut self) -> wasmtime::Result<&mut Call> {
        match &mut self.call {
            Some(call) => Ok(call),
            None => misuse("no request is lent to this hook"),
        }
    }

    /// Waits for a host service, for as long as the call may still wait.
    async fn within<T>(&mut self, work: impl Future<Output = T>) -> wasmtime::Result<T> {
        let mut work = pin!(work);
        // A store in memory answers at once, and then no timer is worth setting.
        match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => self.pace.wait(work).await.map_err(wasmtime::Error::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_has_a_name_and_a_line_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for known in CAPABILITIES {
            let about = known.about;
            assert!(names.insert(known.name), "{known:?} twice");
            assert!(!about.is_empty() && !about.ends_with('.'), "{known:?}");
        }
    }

    #[test]
    fn every_import_of_each_contract_is_in_the_table_and_nothing_else_is() {
        let newest = include_str!("../../../../plugin-sdk/wit/policy.wit");
        let before = include_str!("../../../../plugin-sdk/wit/0.3/policy.wit");
        let earlier = include_str!("../../../../plugin-sdk/wit/0.2/policy.wit");
        for (contract, wit) in [
            (Version::V0_4, newest),
            (Version::V0_3, before),
            (Version::V0_2, earlier),
        ] {
            let mut imports: Vec<&str> = wit
                .lines()
                .filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'))
                .collect();
            let mut table: Vec<&str> = CAPABILITIES
                .iter()
                .filter(|known| known.is_in(contract))
                .map(|known| known.name)
                // Linked as 0.4, which brought it, 0.3 has no name for it.
                .filter(|name| contract != Version::V0_3 || *name != "embeddings")
                .collect();
            imports.sort_unstable();
            table.sort_unstable();
            assert_eq!(table, imports, "{contract:?}");
        }
    }
}
