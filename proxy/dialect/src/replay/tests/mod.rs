//! Replies of every dialect from one form into the other and back, compared by other parsers:
//! serde_json's for documents, the reply decoder's for texts.

#![expect(clippy::unwrap_used, reason = "tests")]

mod cases;
mod properties;
mod verdicts;

use serde_json::Value;

use super::*;
use crate::{
    Places,
    reply::{
        Reply, ReplyLimits,
        tests::fixtures::{bare as chunks, named},
    },
};

const LIMITS: ReplyLimits = ReplyLimits {
    event: 16 << 20,
    body: 16 << 20,
};

fn value(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

/// The reply decoder's reading of a reply: each channel's choice, place and text, then usage and
/// the finish reason.
fn decoded(
    dialect: Dialect,
    streaming: bool,
    bytes: &[u8],
) -> (Vec<(u32, &'static str, String)>, String) {
    let mut reply = match streaming {
        true => Reply::stream(dialect, Places::ALL, LIMITS),
        false => Reply::whole(dialect, Places::ALL, LIMITS),
    };
    reply.push(bytes).unwrap();
    reply.finish().unwrap();
    let mut channels = std::collections::BTreeMap::<u32, (u32, &'static str, String)>::new();
    for delta in reply.deltas() {
        let fresh = || (delta.choice, delta.place.name(), String::new());
        let channel = channels.entry(delta.channel).or_insert_with(fresh);
        channel.2.push_str(&delta.text);
    }
    assert!(reply.ended());
    // only what grows: a member that is shown once has its line ends made spaces in a stream, and
    // may stand in several chunks
    channels.retain(|channel, _| *channel < 1 << 31);
    let mut channels: Vec<_> = channels.into_values().collect();
    channels.retain(|(_, _, text)| !text.is_empty());
    channels.sort();
    let claims = format!("{:?} {:?}", reply.usage(), reply.finish_reason());
    (channels, claims)
}

fn replay(dialect: &str) -> &'static Replay {
    Replay::of(Dialect::named(dialect).unwrap()).unwrap()
}

fn stream(dialect: &str, whole: &[u8]) -> Vec<u8> {
    replay(dialect).stream_of(whole, true).unwrap().concat()
}

fn whole(dialect: &str, stream: &[u8]) -> Vec<u8> {
    replay(dialect).whole_of(stream).unwrap()
}
