//! Small values that outlive the exchange, over whatever store the proxy was given.

use std::time::Duration;

use bytes::Bytes;

use super::{super::bindings::interfaces::values as wit, Access, Capability, Nothing, State, Work};

pub use wit::Error;

/// The capability `values`.
pub static VALUES: Capability = Capability {
    name: "values",
    about: "keeps small values beyond an exchange, in the policy's own namespace",
    access: Access::Named,
    waits: true,
    linked: linked!(values since V0_2),
};

/// A store of small values. A namespace is one policy's; a time to live of zero means none.
#[allow(missing_docs, reason = "the contract says what each does")]
pub trait Values: Send + Sync {
    fn get<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, Option<Bytes>>;
    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, ()>;
    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, ()>;
    fn increment<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Duration,
    ) -> Answer<'a, i64>;
    fn compare_and_set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        expected: Option<&'a [u8]>,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, bool>;
}

/// A store's answer.
pub type Answer<'a, T> = Work<'a, Result<T, Error>>;

impl State {
    async fn ask<T>(
        &mut self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> wasmtime::Result<Result<T, Error>> {
        self.live()?;
        self.within(work).await
    }
}

impl wit::Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let shared = self.shared.clone();
        let found = self.ask(shared.host.values.get(&shared.name, &key)).await?;
        Ok(found.map(|value| value.map(Into::into)))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<(), Error>> {
        let shared = self.shared.clone();
        let (values, ttl) = (&shared.host.values, Duration::from_millis(ttl_ms));
        self.ask(values.set(&shared.name, &key, value.into(), ttl))
            .await
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), Error>> {
        let shared = self.shared.clone();
        self.ask(shared.host.values.delete(&shared.name, &key))
            .await
    }

    async fn increment(
        &mut self,
        key: String,
        by: i64,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<i64, Error>> {
        let shared = self.shared.clone();
        let (values, ttl) = (&shared.host.values, Duration::from_millis(ttl_ms));
        self.ask(values.increment(&shared.name, &key, by, ttl))
            .await
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let shared = self.shared.clone();
        let (values, ttl) = (&shared.host.values, Duration::from_millis(ttl_ms));
        let (expected, value) = (expected.as_deref(), value.into());
        self.ask(values.compare_and_set(&shared.name, &key, expected, value, ttl))
            .await
    }
}

impl Values for Nothing {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Option<Bytes>> {
        Work::now(Err(Error::Unavailable))
    }

    fn set<'a>(&'a self, _: &'a str, _: &'a str, _: Bytes, _: Duration) -> Answer<'a, ()> {
        Work::now(Err(Error::Unavailable))
    }

    fn delete<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        Work::now(Err(Error::Unavailable))
    }

    fn increment<'a>(&'a self, _: &'a str, _: &'a str, _: i64, _: Duration) -> Answer<'a, i64> {
        Work::now(Err(Error::Unavailable))
    }

    fn compare_and_set<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Option<&'a [u8]>,
        _: Bytes,
        _: Duration,
    ) -> Answer<'a, bool> {
        Work::now(Err(Error::Unavailable))
    }
}
