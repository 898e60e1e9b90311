//! Proposals of WebAssembly that policies may use: the one list that the engine and the check of a file share.
//!
//! Allowed is what compilers emit for plain code in linear memory: Rust's `wasm32-unknown-unknown`, and the component toolchains of
//! JavaScript and Python. Everything else is off, whatever a library's feature or a newer engine's default turns on: threads would share
//! memory between instances, a collector's heap is memory that no limit here counts, and code that nobody emits is code that nobody tried.

use wasmparser::{Validator, WasmFeatures};

use super::LoadError;

/// What policies may use. `FLOATS` is wasmparser's word for what is no proposal.
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

/// Sets an engine to exactly these.
pub(super) fn restrict(config: &mut wasmtime::Config) {
    config
        .wasm_features(WasmFeatures::all().difference(ALLOWED), false)
        .wasm_features(ALLOWED, true);
}

/// Checks what a file is made with.
///
/// # Errors
/// It is not valid, or is with more proposals than policies may use: those that it can't do without are named.
pub(super) fn check(file: &[u8]) -> Result<(), LoadError> {
    if is_valid(file, ALLOWED) {
        return Ok(());
    }
    validate(file, WasmFeatures::all())
        .map_err(|e| LoadError::Malformed(e.message().to_owned()))?;
    let used = refused().fold(WasmFeatures::all(), |features, (_, proposal)| {
        let without = features.difference(proposal);
        if is_valid(file, without) {
            without
        } else {
            features
        }
    });
    let names: Vec<String> = refused()
        .filter(|(_, proposal)| used.contains(*proposal))
        .map(|(constant, _)| name(constant))
        .collect();
    Err(LoadError::Proposals(names.join(", ")))
}

/// Every proposal that is known and not allowed.
fn refused() -> impl Iterator<Item = (&'static str, WasmFeatures)> {
    WasmFeatures::all()
        .difference(ALLOWED)
        .iter_names()
        .filter(|(_, proposal)| !ALLOWED.intersects(*proposal))
}

/// A proposal's name as the specifications write it.
fn name(constant: &str) -> String {
    let name = constant.to_ascii_lowercase().replace('_', "-");
    match name.strip_prefix("cm-") {
        Some(of_components) => format!("component-model-{of_components}"),
        None => name,
    }
}

fn is_valid(file: &[u8], features: WasmFeatures) -> bool {
    validate(file, features).is_ok()
}

fn validate(file: &[u8], features: WasmFeatures) -> Result<(), wasmparser::BinaryReaderError> {
    Validator::new_with_features(features)
        .validate_all(file)
        .map(drop)
}
