//! The contract of 0.2 in Rust: generated from `plugin-sdk/wit/0.2`.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../plugin-sdk/wit/0.2",
    world: "guest",
    imports: {
        "outrigger:policy/limits": async | trappable,
        "outrigger:policy/replies": async | trappable,
        "outrigger:policy/values": async | trappable,
        "outrigger:policy/fetch": async | trappable,
        default: trappable,
    },
    with: {
        "outrigger:policy/exchange.request": crate::capabilities::exchange::RequestHandle,
        "outrigger:policy/exchange.reply-head": crate::capabilities::exchange::HeadHandle,
    },
});
