//! Proposals of WebAssembly that policies may use: the one list that the engine and the check of a
//! file share.
//!
//! Allowed is what compilers emit for plain code in linear memory: Rust's `wasm32-unknown-unknown`,
//! and the component toolchains of JavaScript and Python. Everything else is off, whatever a
//! library's feature or a newer engine's default turns on: threads would share memory between
//! instances, a collector's heap is memory that no limit here counts, and code that no compiler
//! emits is code that was never tried.

use wasmparser::WasmFeatures;

#[cfg(feature = "compile")]
mod check;

#[cfg(feature = "compile")]
pub(super) use check::check;

/// The proposals that policies may use. `FLOATS` is wasmparser's name for what is no proposal.
const ALLOWED: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::SIMD)
    // constant expressions of libraries that are linked into one component
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// The proposal that the engine's own code uses, and no file may: what it puts between two
/// components of one file copies from the memory of the one to that of the other.
const ADAPTERS: WasmFeatures = WasmFeatures::MULTI_MEMORY;

/// Sets an engine to exactly the allowed proposals, and what its own code needs.
pub(super) fn restrict(config: &mut wasmtime::Config) {
    let taken = ALLOWED.union(ADAPTERS);
    config
        .wasm_features(WasmFeatures::all().difference(taken), false)
        .wasm_features(taken, true);
}
