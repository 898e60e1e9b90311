//! Name and version of a policy, from a file that is not configured: for signing it.

use std::time::Duration;

use policy::Manifest;
use wasmtime::component::Component;

use super::{
    LoadError,
    capabilities::{Grants, linker},
    child::{Job, RELEASE},
    compile::{compiler_failed, component, store},
    contract::Names,
    engine,
    instance::describe,
    pace::at_once,
    proposals,
    ticker::Ticker,
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
    let names = Names::read(file, &Grants::every_interface()).or_else(|error| {
        proposals::check(file)?;
        Err(error)
    })?;
    let job = Job {
        release: RELEASE.to_owned(),
        component: names.component,
        export: names.export,
        contract: names.contract,
        config: String::new(),
        memory: MEMORY,
        cpu: CPU,
        gives_way: false,
        key: String::new(),
        cache: None,
    };
    let bytes = component(&job, file)?;
    let engine = engine::configurator().map_err(compiler_failed)?;
    let linker = linker(&engine, job.contract).map_err(compiler_failed)?;
    let component = Component::new(&engine, &*bytes).map_err(compiler_failed)?;
    let hook = component
        .get_export_index(None, job.export.as_str())
        .and_then(|policy| component.get_export_index(Some(&policy), "describe"))
        .ok_or(LoadError::NotAPolicy)?;
    let ticker = Ticker::start(engine.weak()).map_err(|e| compiler_failed(e.into()))?;
    let _running = ticker.enter();
    let mut store = store(&engine, &job);
    let linked = linker
        .instantiate_pre(&component)
        .map_err(compiler_failed)?;
    let told = at_once(async {
        let instance = linked.instantiate_async(&mut store).await?;
        describe(job.contract, &instance, &mut store, &hook).await
    });
    match told {
        Some(Ok(manifest)) => {
            let Manifest { name, version, .. } = manifest?;
            Ok((name, version))
        }
        Some(Err(error)) => Err(LoadError::Fault(store.data().fault(&error))),
        None => Err(LoadError::Compile("`describe` waits".to_owned())),
    }
}
