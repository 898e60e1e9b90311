//! The contract in Rust: generated from `plugin-sdk/wit`, named in the rest of the room by short paths.
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
        // What a capability waits for: the rest, and what comes.
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
