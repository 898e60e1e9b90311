//! Ties what the sandbox lends to policies to what this process has: its stores, its flights, calls over its side client.

use std::{sync::Arc, time::Duration};

use crate::{
    sandbox::{
        Host,
        capabilities::{
            Work,
            fetch::{Fetch, FetchAnswer, FetchCall, FetchError},
            values::{Values, ValuesError},
        },
    },
    state::{Stores, ValueError, flights::Flights},
    upstream::side,
};

/// What a serving process lends.
pub(super) fn host(stores: Stores, flights: Flights) -> Host {
    Host {
        values: Arc::new(Stored(stores.clone())),
        fetch: Arc::new(Called(side::Client::new())),
        stores,
        flights,
    }
}

struct Stored(Stores);

fn told(error: ValueError) -> ValuesError {
    match error {
        ValueError::TooLarge => ValuesError::TooLarge,
        ValueError::Full => ValuesError::Full,
        ValueError::NotANumber => ValuesError::NotANumber,
        ValueError::Unavailable => ValuesError::Unavailable,
    }
}

impl Values for Stored {
    fn get<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
    ) -> Work<'a, Result<Option<Vec<u8>>, ValuesError>> {
        Box::pin(async move {
            Ok(self
                .0
                .values()
                .get(space, key)
                .await
                .map_err(told)?
                .map(Into::into))
        })
    }

    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Work<'a, Result<(), ValuesError>> {
        Box::pin(async move {
            self.0
                .values()
                .set(space, key, value.into(), ttl.unwrap_or_default())
                .await
                .map_err(told)
        })
    }

    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Work<'a, Result<(), ValuesError>> {
        Box::pin(async move { self.0.values().delete(space, key).await.map_err(told) })
    }

    fn increment<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Option<Duration>,
    ) -> Work<'a, Result<i64, ValuesError>> {
        Box::pin(async move {
            self.0
                .values()
                .increment(space, key, by, ttl.unwrap_or_default())
                .await
                .map_err(told)
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Work<'a, Result<bool, ValuesError>> {
        let ttl = ttl.unwrap_or_default();
        Box::pin(async move {
            let set =
                self.0
                    .values()
                    .compare_and_set(space, key, expected.as_deref(), value.into(), ttl);
            set.await.map_err(told)
        })
    }
}

struct Called(side::Client);

impl Fetch for Called {
    fn send<'a>(
        &'a self,
        call: FetchCall,
        granted: &'a [String],
    ) -> Work<'a, Result<FetchAnswer, FetchError>> {
        Box::pin(async move {
            let call = side::Call {
                method: call.method,
                url: call.url.to_string(),
                headers: call.headers,
                body: call.body.into(),
                timeout: call.timeout,
            };
            match self.0.send(granted, call).await {
                Ok(answer) => Ok(FetchAnswer {
                    status: answer.status,
                    headers: answer.headers,
                    body: answer.body.into(),
                }),
                Err(side::FetchError::Denied(why)) => Err(FetchError::Denied(why)),
                Err(side::FetchError::Timeout) => Err(FetchError::Timeout),
                Err(side::FetchError::Failed(why)) => Err(FetchError::Failed(why)),
                Err(side::FetchError::TooLarge) => Err(FetchError::TooLarge),
            }
        })
    }
}
