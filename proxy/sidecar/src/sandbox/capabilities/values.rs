//! Small values that outlive the exchange, over whatever store the proxy was given.

use std::time::Duration;

use super::{super::bindings::values as wit, State, Work};

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValuesError {
    /// The key or the value is larger than the store takes.
    TooLarge,
    /// The namespace has no room left.
    Full,
    /// `increment` met something that is no decimal number.
    NotANumber,
    /// The store can't be reached.
    Unavailable,
}

/// A store of small values. A namespace is one policy's; a time to live of `None` means for good.
#[allow(missing_docs, reason = "the contract tells what each does")]
pub trait Values: Send + Sync {
    fn get<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
    ) -> Work<'a, Result<Option<Vec<u8>>, ValuesError>>;
    fn set<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Work<'a, Result<(), ValuesError>>;
    fn delete<'a>(&'a self, namespace: &'a str, key: &'a str) -> Work<'a, Result<(), ValuesError>>;
    fn increment<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        by: i64,
        ttl: Option<Duration>,
    ) -> Work<'a, Result<i64, ValuesError>>;
    fn compare_and_set<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Work<'a, Result<bool, ValuesError>>;
}

impl From<ValuesError> for wit::Error {
    fn from(error: ValuesError) -> Self {
        match error {
            ValuesError::TooLarge => Self::TooLarge,
            ValuesError::Full => Self::Full,
            ValuesError::NotANumber => Self::NotANumber,
            ValuesError::Unavailable => Self::Unavailable,
        }
    }
}

fn ttl(ms: u64) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(ms))
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl State {
    async fn ask<T>(&mut self, work: impl Future<Output = Result<T, ValuesError>>) -> Answer<T> {
        self.live()?;
        Ok(self.within(work).await?.map_err(Into::into))
    }
}

impl wit::Host for State {
    async fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        let shared = self.shared.clone();
        self.ask(shared.host.values.get(&shared.name, &key)).await
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: u64) -> Answer<()> {
        let shared = self.shared.clone();
        let values = &shared.host.values;
        self.ask(values.set(&shared.name, &key, value, ttl(ttl_ms)))
            .await
    }

    async fn delete(&mut self, key: String) -> Answer<()> {
        let shared = self.shared.clone();
        self.ask(shared.host.values.delete(&shared.name, &key))
            .await
    }

    async fn increment(&mut self, key: String, by: i64, ttl_ms: u64) -> Answer<i64> {
        let shared = self.shared.clone();
        let values = &shared.host.values;
        self.ask(values.increment(&shared.name, &key, by, ttl(ttl_ms)))
            .await
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> Answer<bool> {
        let shared = self.shared.clone();
        let values = &shared.host.values;
        self.ask(values.compare_and_set(&shared.name, &key, expected, value, ttl(ttl_ms)))
            .await
    }
}

/// A store that is never there.
pub(super) struct Nothing;

impl Values for Nothing {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> Work<'a, Result<Option<Vec<u8>>, ValuesError>> {
        Box::pin(std::future::ready(Err(ValuesError::Unavailable)))
    }
    fn set<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Vec<u8>,
        _: Option<Duration>,
    ) -> Work<'a, Result<(), ValuesError>> {
        Box::pin(std::future::ready(Err(ValuesError::Unavailable)))
    }
    fn delete<'a>(&'a self, _: &'a str, _: &'a str) -> Work<'a, Result<(), ValuesError>> {
        Box::pin(std::future::ready(Err(ValuesError::Unavailable)))
    }
    fn increment<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: i64,
        _: Option<Duration>,
    ) -> Work<'a, Result<i64, ValuesError>> {
        Box::pin(std::future::ready(Err(ValuesError::Unavailable)))
    }
    fn compare_and_set<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Option<Vec<u8>>,
        _: Vec<u8>,
        _: Option<Duration>,
    ) -> Work<'a, Result<bool, ValuesError>> {
        Box::pin(std::future::ready(Err(ValuesError::Unavailable)))
    }
}
