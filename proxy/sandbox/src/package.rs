//! Loading of a policy: from a file and its settings in the chain to code and instances, by way of
//! the cache or the compiler.

use std::{
    fs,
    hash::{Hash, Hasher},
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use policy::{Fault, PolicyLimits};
use ring::digest::{Context, SHA256};
use tokio::time::Instant;
use wasmtime::component::Component;

#[cfg(feature = "compile")]
use super::compile::compile;
use super::{
    LoadError,
    cache::{Cache, hex, trusted},
    capabilities::{Grants, Host},
    child::{Compiled, Done, Job, RELEASE, in_child},
    code::{Origin, copied, mapped},
    contract::{CONTRACT, Names, Version},
    engine::Options,
    pools::{Pool, Pools},
    processor,
    program::{Info, Parts, Policy},
    store::Shared,
};

/// Version of the cache's content; raised where that changes its meaning.
const CACHE_FORMAT: u32 = 5;

/// Time of compiling from which on it is logged for the operator: a pod's start waits for it.
const LONG: Duration = Duration::from_secs(1);
/// Time of compiling, and bytes of native code, from which on it is a warning: beyond any of the
/// standard policies on a busy machine.
const TOO_LONG: Duration = Duration::from_secs(5);
const LARGE: usize = 16 << 20;

/// A policy's file, and its settings in the chain.
#[derive(Debug)]
pub struct Source {
    /// Name in the chain.
    pub name: String,
    /// Content of the file: a core module or a component.
    pub bytes: Vec<u8>,
    /// Configuration as JSON text.
    pub config: String,
    /// Grants: what it may import and see.
    pub grants: Grants,
    /// Limits of a call.
    pub limits: PolicyLimits,
}

/// The compiler: a child process, or this one.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// A child: `outrigger-tool`'s file.
    Child(PathBuf),
    /// The calling thread.
    #[cfg(feature = "compile")]
    InProcess,
}

/// The instances of all policies that one loader loaded.
#[derive(Clone)]
pub struct Instances(Arc<Pools>);

impl Instances {
    /// Gives back the memory that those before have left. For a process without exchanges: the next
    /// ones pay for it with page faults. May be called at any time, by any thread; takes some
    /// milliseconds where many instances lived at once.
    pub fn trim(&self) {
        self.0.trim();
    }
}

/// Loads policies into the pools of the process.
pub struct Loader {
    pools: Arc<Pools>,
    host: Host,
    cache: Option<Cache>,
    functions: Option<PathBuf>,
    compiler: Compiler,
    load_time: Duration,
    gives_way: AtomicBool,
}

impl Loader {
    /// Opens the cache; without a usable one, code is compiled at each start.
    ///
    /// # Errors
    /// The thread that ends policies which loop can't be made.
    pub fn new(
        options: Options,
        cache: Option<PathBuf>,
        compiler: Compiler,
        host: Host,
    ) -> Result<Self, LoadError> {
        let pools = Pools::new(options).map_err(|e| LoadError::Compile(e.to_string()))?;
        let cache = cache.and_then(|directory| {
            Cache::open(&directory)
                .inspect_err(|error| {
                    let directory = directory.display();
                    tracing::warn!(%directory, %error, "no code cache; policies are compiled at each start");
                })
                .ok()
        });
        Ok(Self {
            pools: Arc::new(pools),
            host,
            cache,
            functions: None,
            compiler,
            load_time: Duration::from_secs(5),
            gives_way: AtomicBool::new(false),
        })
    }

    /// Returns the handle on the instances of what it loads.
    pub fn instances(&self) -> Instances {
        Instances(Arc::clone(&self.pools))
    }

    /// Makes compiling yield to serving from now on: before there is anything to serve, that would
    /// only delay the start.
    pub fn give_way(&self) {
        self.gives_way.store(true, Ordering::Relaxed);
    }

    /// Sets the directory of functions that were compiled ahead; read by the compiler, and only
    /// while nobody but root and this user may write to it. Default: none.
    #[must_use]
    pub fn functions_from(self, directory: PathBuf) -> Self {
        let functions = match fs::metadata(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => match found.and_then(|found| trusted(&found)) {
                Ok(()) => Some(directory),
                Err(error) => {
                    let directory = directory.display();
                    tracing::warn!(%directory, %error, "functions that were compiled ahead are not used");
                    None
                }
            },
        };
        Self { functions, ..self }
    }

    /// Sets the CPU time of `configure` and of `describe`. Default 5 s.
    #[must_use]
    pub fn load_time(self, load_time: Duration) -> Self {
        Self { load_time, ..self }
    }

    /// Loads a policy. Blocks for as long as compiling takes: not for a worker's thread.
    ///
    /// # Errors
    /// One of [`LoadError`]; nothing of the policy is kept then.
    pub fn load(&self, source: Source) -> Result<Arc<Policy>, LoadError> {
        self.load_with(source, self.host.clone())
    }

    /// Loads a policy that is lent `host` instead of what serves: for its cases, which take from no
    /// limit, count in no metric and write to no log but those of that host.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub fn load_apart(&self, source: Source, host: Host) -> Result<Arc<Policy>, LoadError> {
        self.load_with(source, host)
    }

    fn load_with(&self, source: Source, host: Host) -> Result<Arc<Policy>, LoadError> {
        let _loading = self.pools.load();
        let mut job = self.job(&source);
        let names = match Names::read(&source.bytes, &source.grants) {
            Ok(names) => names,
            Err(lack) => return Err(self.refused(lack, &mut job, &source.bytes)),
        };
        job.component = names.component;
        job.export = names.export;
        job.contract = names.contract;
        // Policies of earlier contracts were shown none, and go on loading.
        job.lists_passages = names.lists_passages && names.contract == Version::V0_4;
        let begun = Instant::now();
        let (found, compiled) = match self.cached(&job)? {
            Some(found) => (found, None),
            None => {
                let (found, functions) = self.compiled(&job, &source.bytes)?;
                (found, Some((functions, begun.elapsed())))
            }
        };
        let code = code_size(&found.component);
        if let Some((functions, time)) = compiled {
            log_compiled(&source.name, functions, time, code);
        }
        let kept = self.cache.clone().map(|cache| (cache, job.key));
        let parts = Parts {
            component: found.component,
            origin: Origin {
                name: source.name.clone(),
                export: job.export,
                contract: job.contract,
                kept,
            },
            config: found.not_snapshotted.is_some().then_some(job.config),
            info: Info {
                contract: names.contract,
                imports: names.imports,
                cached: compiled.is_none(),
                functions: compiled.map_or(0, |(functions, _)| functions),
                compiled_in: compiled.map(|(_, time)| time),
                code,
                not_snapshotted: found.not_snapshotted,
            },
            cpu: self.load_time,
        };
        let shared = Shared::new(&source.name, source.grants, source.limits, host, None);
        match Policy::new(shared, self.pools.clone(), parts) {
            Ok(policy) => Ok(Arc::new(policy?)),
            Err(error) => Err(LoadError::Types(format!("{error:#}"))),
        }
    }

    /// The job of compiling a source, before its names are read.
    fn job(&self, source: &Source) -> Job {
        Job {
            release: RELEASE.to_owned(),
            component: false,
            export: String::new(),
            contract: Version::ALL[0],
            lists_passages: false,
            memory: source.limits.memory,
            cpu: self.load_time,
            lack: None,
            plain: None,
            gives_way: self.gives_way.load(Ordering::Relaxed),
            key: self.key(source),
            cache: self.cache.as_ref().map(|cache| cache.directory.clone()),
            functions: self.functions.clone(),
            config: source.config.clone(),
        }
    }

    /// Returns why a file is refused that lacks what a policy has: the proposals that it uses are
    /// reported before that. They are the compiler's to find, which has the validator; where it
    /// can't be asked, what the file lacks is reason enough.
    fn refused(&self, lack: LoadError, job: &mut Job, file: &[u8]) -> LoadError {
        job.lack = Some(lack.clone());
        match self.compiled(job, file) {
            Ok(_) | Err(LoadError::Compile(_)) => lack,
            Err(error) => error,
        }
    }

    /// Returns the cache key of this source's code, on this engine and processor.
    fn key(&self, source: &Source) -> String {
        let mut digest = Digester(Context::new(&SHA256));
        (CACHE_FORMAT, CONTRACT, RELEASE).hash(&mut digest);
        (&source.bytes, &source.config, source.limits.memory).hash(&mut digest);
        // wasmtime's own check of compatibility belongs to the compiler; where the key does not
        // distinguish two machines, mapping refuses.
        processor::names().hash(&mut digest);
        hex(digest.0.finish().as_ref())
    }

    /// The first pool: what is loaded has instances there before it has any elsewhere.
    fn first_pool(&self) -> Result<Arc<Pool>, LoadError> {
        match self.pools.at(0) {
            Ok(Some(pool)) => Ok(pool),
            Ok(None) => Err(LoadError::Fault(Fault::NoSlot)),
            Err(error) => Err(LoadError::Compile(error)),
        }
    }

    fn cached(&self, job: &Job) -> Result<Option<Found>, LoadError> {
        let Some((cache, entry)) = self
            .cache
            .as_ref()
            .and_then(|cache| Some((cache, cache.find(&job.key)?)))
        else {
            return Ok(None);
        };
        match mapped(&self.first_pool()?.wasm, &entry) {
            Ok(component) => Ok(Some(Found {
                component,
                not_snapshotted: entry.not_snapshotted,
            })),
            Err(error) => {
                tracing::warn!(%error, "dropped a file of the code cache that can't be mapped");
                cache.remove(&job.key);
                Ok(None)
            }
        }
    }

    /// Compiles; returns the number of functions that were, too.
    fn compiled(&self, job: &Job, file: &[u8]) -> Result<(Found, usize), LoadError> {
        let compiled = match &self.compiler {
            Compiler::Child(program) => match in_child(program, job, file)? {
                Done::Cached(functions) => {
                    let lost =
                        || LoadError::Compile("what was compiled is not in the cache".into());
                    let found = self.cached(job)?.ok_or_else(lost)?;
                    return Ok((found, functions));
                }
                Done::Code(compiled) => compiled,
            },
            #[cfg(feature = "compile")]
            Compiler::InProcess => {
                let compiled = compile(job, file)?;
                if let Some(cache) = &self.cache
                    && cache.store(&job.key, &compiled).is_ok()
                    && let Some(found) = self.cached(job)?
                {
                    return Ok((found, compiled.functions));
                }
                compiled
            }
        };
        let functions = compiled.functions;
        Ok((self.in_memory(compiled)?, functions))
    }

    fn in_memory(&self, compiled: Compiled) -> Result<Found, LoadError> {
        let component = copied(&self.first_pool()?.wasm, &compiled.code);
        Ok(Found {
            component: component.map_err(|e| LoadError::Compile(format!("{e:#}")))?,
            not_snapshotted: compiled.not_snapshotted,
        })
    }
}

/// Logs what compiling a policy took: for the operator, where it keeps a pod from serving.
fn log_compiled(policy: &str, functions: usize, time: Duration, code: usize) {
    let (seconds, mib) = (time.as_secs_f32(), code >> 20);
    if time >= TOO_LONG || code >= LARGE {
        tracing::warn!(
            policy,
            functions,
            seconds,
            mib,
            "took long to compile, or is large: what was not compiled ahead, by `outrigger policy precompile`, is compiled at a pod's start"
        );
    } else if time >= LONG {
        tracing::info!(policy, functions, seconds, mib, "compiled a policy");
    } else {
        tracing::debug!(policy, functions, seconds, mib, "compiled a policy");
    }
}

/// Returns the size of a component's native code in bytes, constants and tables included.
fn code_size(component: &Component) -> usize {
    let range = component.image_range();
    range.end.addr().saturating_sub(range.start.addr())
}

/// Native code in the first pool's engine.
struct Found {
    component: Component,
    not_snapshotted: Option<String>,
}

/// A SHA-256 digest of values that are `Hash`.
struct Digester(Context);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    fn finish(&self) -> u64 {
        0
    }
}
