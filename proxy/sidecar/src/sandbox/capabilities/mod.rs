//! What policies may ask of the host: one file per interface of the contract.
//!
//! Every function checks what the call it is in may do; a wrong use traps that instance and nothing else. `describe` and
//! `configure` run at load, where there is no exchange: there every import traps.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use super::store::State;
use crate::{
    policy::Call,
    state::{Stores, flights::Flights},
};

mod clock;
pub(super) mod exchange;
pub mod fetch;
mod headers;
mod limits;
pub(super) mod log;
pub(super) mod metrics;
pub(super) mod random;
mod replies;
pub mod values;

use fetch::Fetch;
use values::Values;

/// A boxed future that may borrow its arguments.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the host lends to every policy that was granted it.
#[derive(Clone)]
pub struct Host {
    /// Small values that outlive an exchange.
    pub values: Arc<dyn Values>,
    /// HTTP to granted hosts.
    pub fetch: Arc<dyn Fetch>,
    /// Limits and kept replies.
    pub stores: Stores,
    /// Replies under way.
    pub flights: Flights,
}

impl Host {
    /// Lends nothing that others see: values are unavailable, every fetch is denied, limits and replies are this host's own.
    pub fn none() -> Self {
        Self {
            values: Arc::new(values::Nothing),
            fetch: Arc::new(fetch::Nothing),
            stores: Stores::in_memory(),
            flights: Flights::default(),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// A policy used the contract wrongly: a trap with this reason.
#[derive(Debug)]
pub(super) struct Misuse(pub(super) String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

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

    /// The request that this call was lent.
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
