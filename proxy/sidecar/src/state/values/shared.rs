//! Small values in Redis. One key each; what must be one step is a script.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use redis::{Script, Value};

use sandbox::capabilities::{
    Work,
    values::{Answer, Error, Values},
};

use super::{KEY, VALUE};
use crate::{
    state::client::{Call, Fault, StoreClient},
    telemetry::metrics,
};

/// Adds and returns the sum as text: a script's own numbers are doubles.
const INCREMENT: &str = "local made = redis.call('EXISTS', KEYS[1]) == 0
redis.call('INCRBY', KEYS[1], ARGV[1])
if made and ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])";

/// Compares and sets; the expected value stands after a `1`, and a `0` means none.
const COMPARE_AND_SET: &str = "local now = redis.call('GET', KEYS[1])
local expected = string.sub(ARGV[1], 1, 1) == '1' and string.sub(ARGV[1], 2) or false
if now ~= expected then return 0 end
if ARGV[3] ~= '0' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else redis.call('SET', KEYS[1], ARGV[2]) end
return 1";

pub(in crate::state) struct Shared {
    client: Arc<StoreClient>,
    prefix: String,
    increment: Script,
    compare_and_set: Script,
}

impl Shared {
    pub(in crate::state) fn new(client: Arc<StoreClient>, prefix: &str) -> Self {
        Self {
            client,
            prefix: prefix.to_owned(),
            increment: Script::new(INCREMENT),
            compare_and_set: Script::new(COMPARE_AND_SET),
        }
    }

    /// Joins namespace and key, kept apart by the namespace's length: no key can reach into another
    /// namespace.
    fn key(&self, space: &str, key: &str) -> Result<String, Error> {
        if key.len() > KEY {
            return Err(Error::TooLarge);
        }
        Ok(format!("{}:v:{}:{space}:{key}", self.prefix, space.len()))
    }
}

impl Values for Shared {
    fn get<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, Option<Bytes>> {
        Work::later(async move {
            let mut get = redis::cmd("GET");
            get.arg(self.key(space, key)?);
            match self.client.query(&get).await.map_err(value_error)? {
                Value::BulkString(value) => Ok(Some(value.into())),
                _ => Ok(None),
            }
        })
    }

    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, ()> {
        Work::later(async move {
            let mut set = redis::cmd("SET");
            set.arg(self.key(space, key)?).arg(bounded(&value)?);
            if let Some(ttl) = milliseconds(ttl) {
                set.arg("PX").arg(ttl);
            }
            self.client.query(&set).await.map_err(value_error).map(drop)
        })
    }

    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, ()> {
        Work::later(async move {
            let mut delete = redis::cmd("DEL");
            delete.arg(self.key(space, key)?);
            let deleted = self.client.query(&delete).await;
            deleted.map_err(value_error).map(drop)
        })
    }

    fn increment<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Duration,
    ) -> Answer<'a, i64> {
        Work::later(async move {
            let call = Call::new(INCREMENT)
                .key(self.key(space, key)?)
                .number(by)
                .number(milliseconds(ttl).unwrap_or(0));
            match self.client.run(&self.increment, &call).await {
                Ok(Value::BulkString(sum)) => {
                    let sum = std::str::from_utf8(&sum).ok().and_then(|t| t.parse().ok());
                    sum.ok_or(Error::NotANumber)
                }
                // Redis refuses nothing else in this script, except for a key of another type.
                Ok(_) | Err(Fault::Refused(_)) => Err(Error::NotANumber),
                Err(fault) => Err(value_error(fault)),
            }
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        expected: Option<&'a [u8]>,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, bool> {
        Work::later(async move {
            let expected = match expected {
                None => b"0".to_vec(),
                Some(expected) => [b"1", expected].concat(),
            };
            let call = Call::new(COMPARE_AND_SET)
                .key(self.key(space, key)?)
                .argument(expected)
                .argument(bounded(&value)?)
                .number(milliseconds(ttl).unwrap_or(0));
            let set = self.client.run(&self.compare_and_set, &call).await;
            Ok(set.map_err(value_error)? == Value::Int(1))
        })
    }
}

fn bounded(value: &Bytes) -> Result<&[u8], Error> {
    (value.len() <= VALUE)
        .then_some(&**value)
        .ok_or(Error::TooLarge)
}

/// Converts a time to live for Redis: `None` for none, otherwise at least 1 ms.
fn milliseconds(ttl: Duration) -> Option<u64> {
    // Redis refuses a time that ends beyond its own clock's range.
    const MOST: u128 = 1 << 52;
    (!ttl.is_zero()).then(|| u64::try_from(ttl.as_millis().clamp(1, MOST)).unwrap_or(u64::MAX))
}

fn value_error(fault: Fault) -> Error {
    metrics::store_fault("values", fault.word());
    match fault {
        Fault::Full => Error::Full,
        _ => Error::Unavailable,
    }
}
