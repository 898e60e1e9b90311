//! `outrigger policy test` and `outrigger policy inspect`: a policy in the real sandbox, without a
//! network.

use std::{fs, path::Path, sync::Arc, time::Duration};

use sandbox::{Compiler, Grants, Loader, Options, Policy, Source};

use outrigger::{
    config::cases::Cases,
    reload::rehearsal::{self, rehearse},
};
use policy::{PolicyLimits, Program};

/// Runs a policy's cases in the real host.
pub(super) fn run_cases(module: &Path, file: &Path) -> Result<String, String> {
    let cases = Cases::read(file)?;
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let grants = cases.grants()?;
    let limits = PolicyLimits {
        wall: Duration::from_secs(5),
        ..PolicyLimits::default()
    };
    let loader = loader()?;
    let load = |config: &serde_json::Value| -> Result<Arc<dyn Program>, String> {
        Ok(load(
            &loader,
            module,
            bytes.clone(),
            config,
            grants.clone(),
            limits.clone(),
        )?)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let misses = runtime.block_on(rehearse(&cases, &limits, load))?;
    if misses.is_empty() {
        return Ok(format!("{} cases pass", cases.cases.len()));
    }
    let lines: Vec<String> = misses
        .iter()
        .map(|miss| format!("\n  {}: {}", miss.case, miss.what))
        .collect();
    Err(format!(
        "{} of {} cases fail{}",
        misses.len(),
        cases.cases.len(),
        lines.concat()
    ))
}

fn loader() -> Result<Loader, String> {
    let options = Options {
        slots: 64,
        ..Options::default()
    };
    Loader::new(options, None, Compiler::InProcess, rehearsal::host())
        .map_err(|error| error.to_string())
}

fn load(
    loader: &Loader,
    module: &Path,
    bytes: Vec<u8>,
    config: &serde_json::Value,
    grants: Grants,
    limits: PolicyLimits,
) -> Result<Arc<Policy>, String> {
    let name = module
        .file_stem()
        .map_or_else(Default::default, |name| name.to_string_lossy().into_owned());
    // A policy without a configuration reads an empty one.
    let config = if config.is_null() {
        "{}".to_owned()
    } else {
        config.to_string()
    };
    loader
        .load(Source {
            name,
            bytes,
            config,
            grants,
            limits,
        })
        .map_err(|error| format!("{}: {error}", module.display()))
}

/// Prints what a policy says of itself, and what it needs.
pub(super) fn describe(module: &Path, config: Option<&str>) -> Result<String, String> {
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let config = match config {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| format!("--policy-config is no JSON: {error}"))?,
        None => serde_json::Value::Null,
    };
    let all = Grants::every_interface();
    let size = bytes.len();
    let policy = load(&loader()?, module, bytes, &config, all, PolicyLimits::default()).map_err(|error| {
        format!("{error}\n  (a policy that can't do without its configuration is given one: --policy-config '{{…}}')")
    })?;
    let manifest = policy.manifest();
    let hooks = [
        (manifest.hooks.request, "request"),
        (manifest.hooks.reply, "reply"),
        (manifest.hooks.end, "end"),
        (manifest.hooks.failure, "failure"),
    ];
    let hooks: Vec<&str> = hooks
        .into_iter()
        .filter_map(|(has, name)| has.then_some(name))
        .collect();
    let info = policy.info();
    let mut text = format!(
        "{} {}\n  file      {} ({} KiB)\n  contract  {}\n  hooks     {}\n  reads     {}\n  rewrites  {}\n  imports   {}",
        manifest.name,
        manifest.version,
        module.display(),
        size.div_ceil(1024),
        info.contract.line(),
        hooks.join(", "),
        manifest.reads,
        manifest.rewrites,
        info.imports.join(", "),
    );
    if let Some(why) = &info.not_snapshotted {
        text.push_str(&format!(
            "\n  slow      it is configured once per exchange: {why}"
        ));
    }
    if !manifest.config_schema.is_empty() {
        text.push_str(&format!("\n  config    {}", manifest.config_schema));
    }
    Ok(text)
}
