//! Compilation of a policy's file to native code of its configured image: wrap, configure,
//! snapshot, compile.
//!
//! The costly part, done by a process of its own ([`super::child`]) and behind the feature
//! `compile`: a sidecar has no compiler.

use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use policy::{Fault, PolicyLimits};
use wasmtime::{
    Engine, Store,
    component::{Component, ComponentExportIndex, Instance, InstancePre},
};
use wasmtime_wizer::Wizer;
use wit_component::ComponentEncoder;

use super::{
    LoadError,
    cache::Cache,
    capabilities::{Grants, Host, linker},
    child::{Answer, Compiled, Job, RELEASE, TIME, TOO_LONG},
    contract::Version,
    engine,
    exports::Configure,
    functions::Functions,
    introduce::described,
    pace::{Pace, at_once},
    proposals,
    renumber::renumbered,
    returns::without_single_returns,
    snapshot::Snapshotted,
    store::{Shared, State, limit},
    ticker::Ticker,
};

/// Returns the job's file as a component: a core module is wrapped into one, and the imports of an
/// earlier contract get the names that they are linked by. A file made with more than policies may
/// use is refused first.
pub(super) fn component<'a>(job: &Job, file: &'a [u8]) -> Result<Cow<'a, [u8]>, LoadError> {
    proposals::check(file)?;
    let malformed = |why| LoadError::Malformed(format!("{why:#}"));
    let component = match job.component {
        true => file.into(),
        false => wrap(file).map_err(malformed)?.into(),
    };
    renumbered(component, job.contract).map_err(|error| malformed(error.into()))
}

/// Compiles the job's file in this process.
pub(super) fn compile(job: &Job, file: &[u8]) -> Result<Compiled, LoadError> {
    if let Some(lack) = &job.lack {
        proposals::check(file)?;
        return Err(lack.clone());
    }
    let component = &*component(job, file)?;
    let ahead = job.functions.as_deref();
    let functions = ahead.map_or_else(Functions::default, |all| Functions::ahead_of(file, all));
    let functions = Arc::new(functions);
    let engine = engine::compiler(Arc::clone(&functions)).map_err(compiler_failed)?;
    let (image, not_snapshotted) = match configure(job, component, &engine, &functions)? {
        Image::Configured(image) => (image, None),
        Image::Plain(why) => (component.to_vec(), Some(why)),
    };
    let code = engine
        .precompile_component(&image)
        .map_err(compiler_failed)?;
    Ok(Compiled {
        code,
        not_snapshotted,
        functions: functions.compiled(),
    })
}

pub(super) fn compiler_failed(error: wasmtime::Error) -> LoadError {
    LoadError::Compile(format!("{error:#}"))
}

fn wrap(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(&without_single_returns(module)?)?
        .encode()
}

enum Image {
    Configured(Vec<u8>),
    Plain(String),
}

/// Runs `configure`, and takes the image that it leaves where that can be done.
///
/// wizer's own call of a function takes its arguments as text; a direct call distinguishes a
/// refusal, a fault and a component that can't be snapshotted. The functions that are compiled here
/// are those of the image, so they are compiled as well as those, and once.
fn configure(
    job: &Job,
    component: &[u8],
    engine: &Engine,
    functions: &Functions,
) -> Result<Image, LoadError> {
    let plain = |why: String| {
        let component = Component::new(engine, component).map_err(compiler_failed)?;
        configured(job, &component)?;
        Ok(Image::Plain(why))
    };
    if let Some(why) = &job.plain {
        return plain(why.clone());
    }
    let wizer = Wizer::new();
    match wizer.instrument_component(component) {
        Ok((context, instrumented)) => {
            let component = match functions.whole(&instrumented) {
                Some(code) => taken(engine, &code),
                None => None,
            };
            let component = component.map_or_else(|| Component::new(engine, &instrumented), Ok);
            let (mut store, instance) = configured(job, &component.map_err(compiler_failed)?)?;
            // The rest is the host's: it reads the memory out through exports that wizer added, and
            // needs a page of its own for that.
            store.data_mut().pace = Pace::loading(TIME);
            store.data_mut().unbound();
            store.set_hostcall_fuel(usize::MAX);
            let mut state = Snapshotted::new(&mut store, instance);
            let made = at_once(wizer.snapshot_component(&context, &mut state));
            match (made, state.into_failure()) {
                (Some(Ok(image)), None) => Ok(Image::Configured(image)),
                (Some(Err(error)), _) | (Some(Ok(_)), Some(error)) => {
                    Ok(Image::Plain(format!("{error:#}")))
                }
                (None, _) => Ok(Image::Plain("it waits".to_owned())),
            }
        }
        Err(error) => plain(format!("{error:#}")),
    }
}

/// Takes code that was compiled ahead. None where it is of another release or processor.
fn taken(engine: &Engine, code: &[u8]) -> Option<Component> {
    #[allow(unsafe_code, reason = "native code is taken as it is")]
    // SAFETY: it is what `precompile_component` returned, in a file that only root and this user
    // can write to, and whose digest was checked.
    let component = unsafe { Component::deserialize(engine, code) };
    component.ok()
}

/// A component that is about to run once.
pub(super) struct RunOnce {
    pub(super) store: Store<State>,
    pub(super) linked: InstancePre<State>,
    pub(super) hook: ComponentExportIndex,
    pub(super) ticker: Ticker,
}

impl RunOnce {
    /// Links a component, and finds its hook of this name.
    pub(super) fn prepare(job: &Job, component: &Component, hook: &str) -> Result<Self, LoadError> {
        let engine = component.engine();
        let linker = linker(engine, job.contract).map_err(compiler_failed)?;
        let policy = component
            .get_export_index(None, job.export.as_str())
            .ok_or(LoadError::NotAPolicy)?;
        let hook = component
            .get_export_index(Some(&policy), hook)
            .ok_or_else(|| LoadError::Types(format!("it has no hook `{hook}`")))?;
        let ticker = Ticker::start().map_err(|e| compiler_failed(e.into()))?;
        ticker.drive(engine.weak());
        Ok(Self {
            hook,
            ticker,
            store: store(engine, job),
            linked: (linker.instantiate_pre(component))
                .map_err(|error| LoadError::Types(format!("{error:#}")))?,
        })
    }
}

/// Makes an instance and configures it, if its manifest declares what it uses.
fn configured(job: &Job, component: &Component) -> Result<(Store<State>, Instance), LoadError> {
    if job.lists_passages && described(job, component)?.reads.is_empty() {
        return Err(LoadError::Undeclared);
    }
    let RunOnce {
        mut store,
        linked,
        hook: configure,
        ticker,
    } = RunOnce::prepare(job, component, "configure")?;
    let _running = ticker.enter();
    let called = at_once(async {
        let instance = linked.instantiate_async(&mut store).await?;
        let configure: Configure = match instance.get_typed_func(&mut store, configure) {
            Ok(configure) => configure,
            Err(error) => return Ok(Err(LoadError::Types(format!("`configure`: {error:#}")))),
        };
        let config = job.config.clone();
        let (outcome,) = configure.call_async(&mut store, (config,)).await?;
        wasmtime::Result::Ok(Ok((instance, outcome)))
    });
    let called = match called {
        Some(Ok(Err(error))) => return Err(error),
        Some(Ok(Ok(called))) => Some(Ok(called)),
        Some(Err(error)) => Some(Err(error)),
        None => None,
    };
    match called {
        Some(Ok((instance, Ok(())))) => Ok((store, instance)),
        Some(Ok((_, Err(why)))) => Err(LoadError::Configuration(why.chars().take(2000).collect())),
        Some(Err(error)) => Err(LoadError::Fault(explained(store.data().fault(&error), job))),
        None => Err(LoadError::Compile("`configure` waits".to_owned())),
    }
}

/// Adds a cause to a trap that its reason does not give away: the SDK calls hooks that are
/// implemented and not declared while it configures a policy.
fn explained(fault: Fault, job: &Job) -> Fault {
    match fault {
        Fault::Trapped(why) if job.component => Fault::Trapped(format!(
            "{why} (so ends, too, a language's runtime that calls what was left out of it, as WASI)"
        )),
        Fault::Trapped(why) if job.contract == Version::V0_4 => Fault::Trapped(format!(
            "{why} (so ends, too, a hook that the policy implements and does not declare in HOOKS)"
        )),
        fault => fault,
    }
}

fn store(engine: &wasmtime::Engine, job: &Job) -> Store<State> {
    let limits = PolicyLimits {
        cpu: job.cpu,
        cpu_per_kib: Duration::ZERO,
        wall: job.cpu,
        memory: job.memory,
        held_bytes: 0,
        held_time: Duration::ZERO,
    };
    let shared = Shared::new("", Grants::default(), limits, Host::none(), None);
    let mut store = Store::new(
        engine,
        State::loading(Arc::new(shared), Pace::loading(job.cpu)),
    );
    limit(&mut store);
    store
}

/// Serves one job from standard input: `outrigger-tool compile`. What the compiler panics at is an
/// answer, too.
pub fn compile_child() -> ExitCode {
    at_panic(|why| {
        let mut answer = serde_json::to_vec(&Answer::Panicked(why)).unwrap_or_default();
        answer.push(b'\n');
        let _ = io::stdout().write_all(&answer);
        4
    });
    let _ = std::thread::Builder::new().spawn(|| {
        std::thread::sleep(TIME);
        std::process::exit(TOO_LONG.into());
    });
    match serve(&mut BufReader::new(io::stdin()), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

/// Has a panic of the compiler end this process as `end` says: it takes the panic's own words, on
/// one line and not too many, and returns the exit code. wizer and wasmtime panic at some files
/// that are valid.
pub fn at_panic(end: fn(String) -> i32) {
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or("it says no more");
        let line = said.lines().next().unwrap_or_default();
        std::process::exit(end(line.chars().take(200).collect()));
    }));
}

fn serve(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let (mut line, mut file) = (Vec::new(), Vec::new());
    input.read_until(b'\n', &mut line)?;
    let job: Job = serde_json::from_slice(&line)?;
    if job.gives_way {
        let _ = rustix::process::nice(19);
    }
    input.read_to_end(&mut file)?;
    let compiled = if job.release == RELEASE {
        compile(&job, &file)
    } else {
        Err(LoadError::Compile(format!(
            "outrigger-tool is {RELEASE} and outrigger {}; install both of one version",
            job.release
        )))
    };
    let (answer, code) = match compiled {
        Ok(compiled) if stored(&job, &compiled) => {
            let functions = compiled.functions;
            (Answer::Cached { functions }, Vec::new())
        }
        Ok(Compiled {
            code,
            not_snapshotted,
            functions,
        }) => {
            let answer = Answer::Code {
                not_snapshotted,
                functions,
            };
            (answer, code)
        }
        Err(error) => (Answer::Refused(error), Vec::new()),
    };
    serde_json::to_writer(&mut *output, &answer)?;
    output.write_all(b"\n")?;
    output.write_all(&code)?;
    output.flush()
}

/// Puts the code into the cache; returns `false` where there is none or it can't be written to.
fn stored(job: &Job, compiled: &Compiled) -> bool {
    let cache = job.cache.as_deref().map(Cache::open);
    matches!(cache, Some(Ok(cache)) if cache.store(&job.key, compiled).is_ok())
}
