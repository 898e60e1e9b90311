//! Name and version of a policy, from a file that is not configured: for signing it.

use std::time::Duration;

use policy::Manifest;
use wasmtime::component::Component;

use super::{
    LoadError,
    capabilities::Grants,
    child::{Job, RELEASE},
    compile::{RunOnce, compiler_failed, component},
    contract::Names,
    engine,
    exports::describe,
    pace::at_once,
    proposals,
};

/// CPU time of `describe`.
const CPU: Duration = Duration::from_secs(5);
/// Memory of the one instance, in bytes.
const MEMORY: u64 = 256 << 20;

/// Returns a policy's own name and version. It is compiled and run for that, in the sandbox, and
/// lent nothing.
///
/// # Errors
/// It is no policy, or faults.
pub fn introduced(file: &[u8]) -> Result<(String, String), LoadError> {
    let job = job(file)?;
    let engine = engine::for_once().map_err(compiler_failed)?;
    let component = Component::new(&engine, component(&job, file)?).map_err(compiler_failed)?;
    let Manifest { name, version, .. } = described(&job, &component)?;
    Ok((name, version))
}

/// Returns the manifest of a policy that is not configured, which is of all its configurations. It
/// describes itself in an instance of its own, so no memory of that is left.
///
/// # Errors
/// It faults, or declares what this host does not know.
pub(super) fn described(job: &Job, component: &Component) -> Result<Manifest, LoadError> {
    let RunOnce {
        mut store,
        linked,
        hook,
        ticker,
    } = RunOnce::prepare(job, component, "describe")?;
    let _running = ticker.enter();
    let described = at_once(async {
        let instance = linked.instantiate_async(&mut store).await?;
        describe(job.contract, &instance, &mut store, &hook).await
    });
    match described {
        Some(Ok(manifest)) => manifest,
        Some(Err(error)) => Err(LoadError::Fault(store.data().fault(&error))),
        None => Err(LoadError::Compile("`describe` waits".to_owned())),
    }
}

/// Returns a job for what is done with a file alone, which nothing is granted or configured.
///
/// # Errors
/// It is no policy.
pub(super) fn job(file: &[u8]) -> Result<Job, LoadError> {
    let names = Names::read(file, &Grants::every_interface()).or_else(|error| {
        proposals::check(file)?;
        Err(error)
    })?;
    Ok(Job {
        release: RELEASE.to_owned(),
        component: names.component,
        export: names.export,
        contract: names.contract,
        lists_passages: names.lists_passages,
        config: String::new(),
        memory: MEMORY,
        cpu: CPU,
        lack: None,
        plain: None,
        gives_way: false,
        key: String::new(),
        cache: None,
        functions: None,
    })
}
