//! `outrigger policy inspect`: what a policy is, by the real sandbox.

use std::{fs, path::Path, time::Duration};

use dialect::{Dialect, request::Body};
use outrigger::config::cases::Cases;
use policy::{Call, PolicyLimits, Program};
use sandbox::{Grants, Host, Loader, Options, Policy, Source};
use tokio::time::Instant;

use super::{super::compiler, test::cases_of};

/// Makes a loader that compiles in a child, so that what ends the compiler is a sentence, and lends
/// nothing.
pub(super) fn loader() -> Result<Loader, String> {
    let options = Options {
        slots: 64,
        ..Options::default()
    };
    Loader::new(options, None, compiler(), Host::none()).map_err(|error| error.to_string())
}

/// Names a policy's file and configuration as the sandbox loads them.
pub(super) fn source(
    module: &Path,
    bytes: Vec<u8>,
    config: &serde_json::Value,
    grants: Grants,
    limits: PolicyLimits,
) -> Source {
    let name = module
        .file_stem()
        .map_or_else(Default::default, |name| name.to_string_lossy().into_owned());
    // A policy without a configuration reads an empty one.
    let config = if config.is_null() {
        "{}".to_owned()
    } else {
        config.to_string()
    };
    Source {
        name,
        bytes,
        config,
        grants,
        limits,
    }
}

/// Prints what a policy says of itself, and what it needs. Without a configuration it gets the one
/// that its file of cases begins with, where that lies beside it.
pub(super) fn describe(module: &Path, config: Option<&str>) -> Result<String, String> {
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let beside = cases_of(module);
    let (config, configured) = match config {
        Some(text) => {
            let config = serde_json::from_str(text)
                .map_err(|error| format!("--policy-config is no JSON: {error}"))?;
            (config, None)
        }
        None if beside.exists() => (Cases::read(&beside)?.config, Some(&beside)),
        None => (serde_json::Value::Null, None),
    };
    let all = Grants::every_interface();
    let size = bytes.len();
    let source = source(module, bytes, &config, all, PolicyLimits::default());
    let policy = loader()?.load(source).map_err(|error| {
        let wants = match configured {
            Some(file) => format!(
                "it was given the `config:` of {}; another: --policy-config '{{…}}'",
                file.display()
            ),
            None => format!(
                "a policy that can't do without its configuration is given one: --policy-config '{{…}}', or `config:` in {}",
                beside.display()
            ),
        };
        format!("{}: {error}\n  ({wants})", module.display())
    })?;
    let manifest = policy.manifest();
    let hooks = [
        (manifest.hooks.request, "request"),
        (manifest.hooks.reply, "reply"),
        (manifest.hooks.end, "end"),
        (manifest.hooks.attempt, "attempt"),
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
    if let Some(time) = info.compiled_in {
        text.push_str(&format!(
            "\n  code      {} KiB, compiled in {:.1} s",
            info.code.div_ceil(1024),
            time.as_secs_f32()
        ));
    }
    if manifest.hooks.request {
        text.push_str(&match cost(&policy) {
            Ok(cost) => format!(
                "\n  cost      {} µs for an instance and its request hook; {} KiB of memory",
                cost.as_micros(),
                policy.memory_high_water().div_ceil(1024)
            ),
            Err(why) => format!(
                "\n  fails     at a request of one message, lent no store and no network: it {why}"
            ),
        });
    }
    if let Some(why) = &info.not_snapshotted {
        text.push_str(&format!(
            "\n  slow      it is configured once per exchange: {why}"
        ));
    }
    if let Some(file) = configured {
        text.push_str(&format!(
            "\n  given     the `config:` of {}",
            file.display()
        ));
    }
    if !manifest.config_schema.is_empty() {
        text.push_str(&format!("\n  config    {}", manifest.config_schema));
    }
    Ok(text)
}

/// Measures an exchange's instance and its request hook, on a request of one message: the median of
/// some.
///
/// # Errors
/// The fault that it ends in.
fn cost(policy: &Policy) -> Result<Duration, String> {
    const RUNS: usize = 51;
    const REQUEST: &str =
        r#"{"model":"gpt-5","messages":[{"role":"user","content":"How is Apollo?"}]}"#;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let mut body = Body::wire(Dialect::OpenaiChat, REQUEST.into());
        // What can't be indexed is shown to nobody; this can.
        let _ = body.index();
        let call = Call::new(
            "inspect".into(),
            Dialect::OpenaiChat,
            http::Method::POST,
            "/v1/chat/completions".into(),
            http::HeaderMap::new(),
            body,
        );
        let begun = Instant::now();
        let instance = policy.start().map_err(|fault| fault.to_string())?;
        let (_, turn) = runtime.block_on(instance.on_request(Box::new(call)));
        turn.map_err(|fault| fault.to_string())?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(RUNS / 2).copied().unwrap_or_default())
}
