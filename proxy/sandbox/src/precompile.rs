//! Compiling a policy's functions ahead, where an image is built: no pod that has the file compiles
//! them again.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use wasmtime_wizer::Wizer;

use super::{
    LoadError,
    compile::{compiler_failed, component},
    engine,
    functions::Functions,
    introduce::job,
};

/// Compiles a policy's functions, and writes them into its file in `directory`, which is made where
/// it is not there. Returns the file's path. Nothing of the policy is run, and the code is for all
/// machines of this processor's kind that have the usual features.
///
/// # Errors
/// It is no policy, its functions take more than 128 MiB, or the directory can't be written to.
pub fn precompile(policy: &[u8], directory: &Path) -> Result<PathBuf, LoadError> {
    let component = component(&job(policy)?, policy)?;
    let functions = Arc::new(Functions::default());
    let engine = engine::compiler_ahead(Arc::clone(&functions)).map_err(compiler_failed)?;
    // The image has the policy's functions; `configure` runs among those of another component,
    // which is taken whole.
    engine
        .precompile_component(&component)
        .map_err(compiler_failed)?;
    if let Ok((_, instrumented)) = Wizer::new().instrument_component(&component) {
        let alone = engine::compiler_ahead(Arc::default()).map_err(compiler_failed)?;
        let code = alone
            .precompile_component(&instrumented)
            .map_err(compiler_failed)?;
        functions.keep_whole(&instrumented, code);
    }
    functions
        .write(policy, directory)
        .map_err(|e| LoadError::Compile(format!("{}: {e}", directory.display())))
}
