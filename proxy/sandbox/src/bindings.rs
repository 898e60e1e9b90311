//! The contract in Rust: generated from `plugin-sdk/wit`, with short names for the rest of the
//! crate.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]

pub mod records;

wasmtime::component::bindgen!({
    path: "../../plugin-sdk/wit",
    world: "guest",
    imports: {
        "outrigger:policy/exchange": trappable,
        "outrigger:policy/log": trappable,
        "outrigger:policy/metrics": trappable,
        "outrigger:policy/clock": trappable,
        "outrigger:policy/random": trappable,
        // Functions that may wait: the rest, those of later capabilities included.
        default: async | trappable,
    },
    additional_derives: [PartialEq, Eq],
    with: {
        "outrigger:policy/types": self::records,
        "outrigger:policy/exchange.request": super::capabilities::exchange::RequestHandle,
        "outrigger:policy/exchange.reply-head": super::capabilities::exchange::HeadHandle,
    },
});

pub use self::outrigger::policy::{self as interfaces, types};
