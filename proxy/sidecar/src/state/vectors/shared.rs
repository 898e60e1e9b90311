//! The vectors of kept replies in the vector sets of Redis 8: a set a region.
//!
//! An element's name is the id of a reply and a tag, which that reply's record has as well: with
//! another vector a reply has another tag, so that an element of the past leads nowhere. Scores are
//! those of numbers in a byte each (`Q8`), as in memory. The set's time to live is that of its
//! longest element. Every command has one key.
//!
//! A server without vector sets (Redis 7, Valkey) is not an error: nothing is near anything there.
//! Once it has refused one command as unknown, that connection is spared the others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use redis::{Cmd, Value};

use super::{
    super::{
        client::{Fault, StoreClient, UNKNOWN_COMMAND},
        replies::{Id, from_hex, hex},
    },
    RegionId,
};
use crate::telemetry::metrics;

/// The time to live of a set with an element that has none, in milliseconds.
const ENDLESS: u64 = 1 << 52;
/// Time at which an element expires that does not, in milliseconds since 1970: the largest whole
/// number of JSON.
const NEVER: u64 = (1 << 53) - 1;
/// Elements of a set that are looked at for each one that is added.
const SAMPLE: usize = 4;

/// Vector sets of a server.
pub(in crate::state) struct Sets {
    client: Arc<StoreClient>,
    prefix: String,
    /// Number of the connection whose server has no vector sets.
    without: AtomicU64,
    /// True once the log says so.
    logged: AtomicBool,
}

/// An element of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) struct Element {
    pub(in crate::state) id: Id,
    pub(in crate::state) tag: u64,
}

impl Element {
    fn name(&self) -> String {
        format!("{}:{:016x}", hex(&self.id), self.tag)
    }

    fn read(name: &[u8]) -> Option<Self> {
        let (id, tag) = std::str::from_utf8(name).ok()?.split_once(':')?;
        Some(Self {
            id: from_hex(id)?,
            tag: u64::from_str_radix(tag, 16).ok()?,
        })
    }
}

impl Sets {
    pub(in crate::state) fn new(client: Arc<StoreClient>, prefix: &str) -> Self {
        Self {
            client,
            prefix: prefix.to_owned(),
            without: AtomicU64::new(u64::MAX),
            logged: AtomicBool::new(false),
        }
    }

    /// Adds an element that expires at a time in milliseconds since 1970, after `ttl` milliseconds;
    /// 0 for never. Returns some elements of the set, to see which of them have lost their reply.
    pub(in crate::state) async fn add(
        &self,
        region: &RegionId,
        element: &Element,
        numbers: &[f32],
        expires: Option<u64>,
        ttl: u64,
    ) -> Result<Vec<Element>, Fault> {
        let mut add = self.command("VADD", region);
        add.arg("FP32").arg(bytes(numbers)).arg(element.name());
        let attributes = format!("{{\"e\":{}}}", expires.unwrap_or(NEVER).min(NEVER));
        add.arg("Q8").arg("SETATTR").arg(attributes);
        if self.patiently(&add).await?.is_none() {
            return Ok(Vec::new());
        }
        let ttl = if ttl == 0 { ENDLESS } else { ttl };
        // The first is for a set that is new, and has no time yet: that counts as the longest.
        for when in ["NX", "GT"] {
            let mut expire = self.command("PEXPIRE", region);
            expire.arg(ttl).arg(when);
            self.patiently(&expire).await?;
        }
        let mut sample = self.command("VRANDMEMBER", region);
        sample.arg(SAMPLE);
        let some = self.patiently(&sample).await?;
        let names = some.map(items).unwrap_or_default();
        Ok(names.iter().filter_map(element_of).collect())
    }

    /// Finds the elements that are nearest to a vector, `count` at most, with their cosines; with a
    /// time in milliseconds since 1970, those alone that have not expired then. Redis takes half as
    /// long again for that.
    pub(in crate::state) async fn nearest(
        &self,
        region: &RegionId,
        numbers: &[f32],
        count: usize,
        alive_at: Option<u64>,
    ) -> Result<Vec<(Element, f32)>, Fault> {
        let mut find = self.command("VSIM", region);
        find.arg("FP32").arg(bytes(numbers));
        find.arg("WITHSCORES").arg("COUNT").arg(count);
        if let Some(now) = alive_at {
            find.arg("FILTER").arg(format!(".e > {now}"));
        }
        if self.is_without() {
            return Ok(Vec::new());
        }
        self.supported(self.client.query(&find).await)
            .map(|answer| answer.map(scored).unwrap_or_default())
    }

    /// Finds the elements that are nearest to one of them, that one among them.
    pub(in crate::state) async fn kin(
        &self,
        region: &RegionId,
        element: &Element,
        count: usize,
    ) -> Result<Vec<(Element, f32)>, Fault> {
        let mut find = self.command("VSIM", region);
        find.arg("ELE").arg(element.name());
        find.arg("WITHSCORES").arg("COUNT").arg(count);
        match self.patiently(&find).await {
            // There is no such element (any more).
            Err(Fault::Refused(_)) => Ok(Vec::new()),
            answer => answer.map(|answer| answer.map(scored).unwrap_or_default()),
        }
    }

    /// Removes an element. Nothing is said of one that is not there, or of a failure: who meets it
    /// again removes it then.
    pub(in crate::state) async fn remove(&self, region: &RegionId, element: &Element) {
        let mut remove = self.command("VREM", region);
        remove.arg(element.name());
        let _ = self.patiently(&remove).await;
    }

    fn command(&self, name: &str, region: &RegionId) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(format!("{}:v:{}", self.prefix, hex(region)));
        command
    }

    /// Sends a command that no exchange waits for. `None` where the server has no vector sets.
    async fn patiently(&self, command: &Cmd) -> Result<Option<Value>, Fault> {
        if self.is_without() {
            return Ok(None);
        }
        self.supported(self.client.query_patiently(command).await)
    }

    fn is_without(&self) -> bool {
        self.without.load(Ordering::Relaxed) == self.client.connection_number()
    }

    fn supported(&self, answer: Result<Value, Fault>) -> Result<Option<Value>, Fault> {
        match answer {
            Err(Fault::Refused(code)) if code == UNKNOWN_COMMAND => {
                metrics::store_fault("vectors", "unsupported");
                let number = self.client.connection_number();
                self.without.store(number, Ordering::Relaxed);
                if !self.logged.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "redis has no vector sets: replies are not found by meaning; use Redis 8"
                    );
                }
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// Reads elements and their scores, which are `(1 + cosine) / 2`.
fn scored(answer: Value) -> Vec<(Element, f32)> {
    let words = items(answer);
    let (pairs, _) = words.as_chunks::<2>();
    let pairs = pairs.iter().filter_map(|[name, score]| {
        let score = match score {
            Value::Double(score) => *score,
            Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
            _ => return None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a float stays one")]
        let cosine = (score * 2.0 - 1.0) as f32;
        Some((element_of(name)?, cosine.clamp(-1.0, 1.0)))
    });
    pairs.collect()
}

/// Lists what an answer holds, names and values of a map one after another.
fn items(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(items) | Value::Set(items) => items,
        Value::Map(pairs) => pairs
            .into_iter()
            .flat_map(|(name, value)| [name, value])
            .collect(),
        _ => Vec::new(),
    }
}

fn element_of(name: &Value) -> Option<Element> {
    match name {
        Value::BulkString(name) => Element::read(name),
        _ => None,
    }
}
