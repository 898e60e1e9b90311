//! Calls of `limits.lua`, and their answers.

use std::{sync::Arc, time::Duration};

use redis::{Script, Value};

use super::{Ask, MOST, queue::Settlement};
use crate::state::{Clock, client::Call};

const CODE: &str = include_str!("limits.lua");

/// Makes the script, with its hash.
pub(super) fn load() -> Script {
    Script::new(CODE)
}

/// Parameters that all calls have in common.
#[derive(Clone)]
pub(super) struct Calls {
    prefix: Arc<str>,
    /// Time after which an open reservation lapses, in milliseconds.
    lapse: u64,
    clock: Clock,
}

impl Calls {
    pub(super) fn new(prefix: &str, lapse: Duration, clock: Clock) -> Self {
        Self {
            prefix: prefix.into(),
            lapse: u64::try_from(lapse.as_millis()).unwrap_or(u64::MAX),
            clock,
        }
    }

    /// Returns the key of a bucket's count (`b`) or of its reservations (`h`).
    pub(super) fn key(&self, kind: char, name: &str) -> String {
        format!("{}:{kind}:{{{}}}", self.prefix, tag(name))
    }

    /// Makes a call for requests, numbered as they are in their reservation, each with an amount
    /// and a flag.
    pub(super) fn of<'a>(
        &self,
        what: &str,
        id: &str,
        asks: impl Iterator<Item = (usize, &'a Ask, u64, bool)> + Clone,
    ) -> Call {
        let mut call = Call::new(CODE);
        for (_, ask, _, _) in asks.clone() {
            let name = ask.name();
            call = call.key(self.key('b', &name)).key(self.key('h', &name));
        }
        let now = self.clock.manual().map(|now| now.to_string());
        call = call
            .argument(what)
            .argument(now.unwrap_or_default())
            .number(self.lapse)
            .argument(id);
        for (index, ask, amount, flag) in asks {
            let (kind, span) = ask.window.spelt();
            call = call
                .number(index)
                .number(amount)
                .number(ask.limit.min(MOST))
                .argument(kind)
                .number(span)
                .number(u8::from(flag));
        }
        call
    }

    pub(super) fn settle(&self, settlement: &Settlement) -> Call {
        let one = (
            settlement.index,
            &settlement.ask,
            settlement.truth,
            settlement.certain,
        );
        self.of("settle", &settlement.id, std::iter::once(one))
    }
}

/// Returns the part of a bucket's keys that is hashed: its name, escaped, as a closing brace would
/// end the tag early.
fn tag(name: &str) -> String {
    name.replace('%', "%25").replace('}', "%7D")
}

/// Returns the slot of a bucket's keys: CRC-16/XMODEM of their tag (*Redis cluster specification*,
/// appendix A).
pub(super) fn slot(name: &str) -> u16 {
    let bit = |crc: u16, _| {
        if crc & 0x8000 == 0 {
            crc << 1
        } else {
            (crc << 1) ^ 0x1021
        }
    };
    let byte = |crc: u16, byte: u8| (0..8).fold(crc ^ (u16::from(byte) << 8), bit);
    tag(name).bytes().fold(0, byte) % 16_384
}

/// The script's answer to one request.
pub(super) struct BucketAnswer {
    pub(super) granted: bool,
    pub(super) used: u64,
    /// In milliseconds.
    pub(super) reset: u64,
    /// In milliseconds; `None` for never.
    pub(super) wait: Option<u64>,
}

/// Reads the answers, in the order of the requests.
pub(super) fn read(answer: &Value) -> Vec<BucketAnswer> {
    let Value::Array(values) = answer else {
        return Vec::new();
    };
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    let one = |four: &[Value]| match four {
        [granted, used, reset, wait] => Some(BucketAnswer {
            granted: number(granted)? == 1,
            used: u64::try_from(number(used)?).ok()?,
            reset: u64::try_from(number(reset)?).ok()?,
            wait: u64::try_from(number(wait)?).ok(),
        }),
        _ => None,
    };
    values.chunks(4).filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(slot("123456789"), 0x31C3);
        assert_eq!(slot("foo"), 12_182);
    }

    #[test]
    fn no_name_ends_its_hash_tag_early() {
        assert_eq!(tag("}a}b%"), "%7Da%7Db%25");
    }
}
