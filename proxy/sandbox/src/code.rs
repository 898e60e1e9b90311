//! Native code of one policy, mapped into the engine of each pool that it has instances in.

use wasmtime::{Engine, component::Component};

use super::cache::{Cache, Entry};

/// A policy's code: its entry in the cache, or the first engine's copy where there is no cache.
pub(super) struct Code {
    /// Component of the first pool's engine.
    pub(super) first: Component,
    /// Cache and key under which the same code is kept.
    pub(super) kept: Option<(Cache, String)>,
}

impl Code {
    /// Maps the code into another engine: from the file, whose pages are shared; where that is
    /// gone, from a copy.
    ///
    /// # Errors
    /// The process has no more memory or mappings.
    pub(super) fn map(&self, engine: &Engine) -> wasmtime::Result<Component> {
        let entry = self.kept.as_ref().and_then(|(cache, key)| cache.find(key));
        if let Some(component) = entry.and_then(|entry| mapped(engine, &entry).ok()) {
            return Ok(component);
        }
        copied(engine, &self.first.serialize()?)
    }
}

/// Maps what the cache found.
///
/// # Errors
/// It was compiled for another engine, version or processor.
pub(super) fn mapped(engine: &Engine, entry: &Entry) -> wasmtime::Result<Component> {
    #[allow(unsafe_code, reason = "native code is mapped as it is")]
    // SAFETY: the file is in our own directory, which no other user may write to, and has the
    // digest that we wrote beside it after `precompile_component` made it; files are replaced by
    // rename, so the mapping never changes.
    unsafe {
        Component::deserialize_file(engine, &entry.code)
    }
}

/// Takes code that was just compiled, or that runs already.
///
/// # Errors
/// The process has no more memory.
pub(super) fn copied(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[allow(unsafe_code, reason = "native code is taken as it is")]
    // SAFETY: it is what `precompile_component` returned, in this process or in our own child.
    unsafe {
        Component::deserialize(engine, code)
    }
}
