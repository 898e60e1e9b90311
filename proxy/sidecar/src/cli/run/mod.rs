//! `outrigger run`: one thread per worker, one that reloads, one for admin, and this one, which
//! hears signals.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::{Instant, sleep},
};
use tracing::{error, info, warn};

use super::{Stop, environment, facts::Running, loader};
use crate::{
    admin,
    ca::Authority,
    config::{Config, Overrides},
    exchange::{
        Worker,
        generation::{Phase, Shared},
    },
    harden,
    heap::{self, Trimmer},
    intercept::{self, Front, Listeners, tunnels},
    overload,
    reload::{self, Reloader, Scan, assemble::Assembler},
    signing::Seen,
    state::{Clock, Stores, flights::Flights},
    telemetry::{
        log,
        metrics::{self, PolicyMeters, inflight},
        names,
        trace::{self, Tracer},
    },
    upstream::{self, Pool, collector::OtlpCollector, embeddings::Embedder, side},
};
use sandbox::{Host, Instances, capabilities::log::OperatorLog};

mod certify;
mod greeting;
mod instead;

use certify::{authority, renewals};
use greeting::greet;
use instead::Instead;

/// Time for which a start waits for a shared store.
const STORE_READY: Duration = Duration::from_millis(500);
/// After the drain window: how long the last error events may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration to serve.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    instead: Instead,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Stop> {
    let begun = Instant::now();
    let overrides = arguments.instead.overrides();
    let config = Config::load_with(&arguments.config, &environment, &overrides)?;
    // Before the log, which has a thread: what is given up is given up by threads that begin
    // afterwards.
    let restriction = harden::start(&config, &arguments.config).map_err(Stop::Machine)?;
    log::start(config.log, config.exchange_log)?;
    // The metrics' clock spends milliseconds on measuring itself against the system's (200 at the
    // most): beside the rest of the start, which needs the first metric after its policies.
    let report = move || harden::report(&restriction);
    thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(report)?;
    start(&arguments.config, overrides, config, begun)?.until_stopped()
}

struct Serving {
    shared: Arc<Shared>,
    workers: Vec<thread::JoinHandle<()>>,
    runtime: Runtime,
    signals: Signals,
    reloader: Arc<Reloader>,
    stores: Stores,
}

/// The signals that this process acts on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Receives them from now on. Comes before the first address is opened: one that arrived later,
    /// but before somebody waits for it, would end the process and every stream in it.
    fn receive(runtime: &Runtime) -> io::Result<Self> {
        let _context = runtime.enter();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one that ends the process.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Policies first, then the addresses: whoever finds the port open is served by the whole chain.
fn start(
    file: &Path,
    overrides: Overrides,
    config: Config,
    begun: Instant,
) -> Result<Serving, Stop> {
    let seen = Scan::take(&reload::paths(file, &config), &Scan::default()).map_err(|why| {
        let directory = config.policies.directory.clone().unwrap_or_default();
        Stop::Mistake(format!(
            "can't read the policy directory {}: {why}",
            directory.display()
        ))
    })?;
    let stores = Stores::new(&config.state, Clock::Wall)?;
    let embedder = Embedder::default();
    embedder.follow(&config);
    let host = stores.lent(Host {
        log: Arc::new(OperatorLog),
        metrics: Arc::new(PolicyMeters),
        embeddings: Arc::new(embedder.clone()),
        fetch: Arc::new(side::Client::new()),
        ..Host::none()
    });
    let loader = loader(&config, Some(config.policies.cache.clone()), host)?;
    let instances = loader.instances();
    let mut assembler = Assembler::new(loader)
        .remembering(Seen::open(&config.policies.cache))
        .knowing(stores.targets().clone());
    let assembled = assembler
        .assemble(config.clone(), &seen.policies)
        .map_err(|sentences| Stop::Mistake(sentences.join("\noutrigger: ")))?;
    metrics::generation(assembled.generation.number);
    names::choose(config.telemetry.names);
    let tracer = tracer(&config)?;
    let shared = Shared::new(assembled.generation).traced_by(tracer);
    let shared = Arc::new(shared);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = Signals::receive(&runtime)?;
    let listeners = Listeners::open(&config)?;
    let admin_listener = admin::bind(config.admin)?;
    let config = Config {
        admin: admin_listener.local_addr()?,
        ..listeners.resolve_ports(config)?
    };
    let authority = authority(&config)?;
    let resolver = authority.as_ref().map(Authority::resolver);
    let front = Front::new(&config, resolver)
        .map_err(|why| Stop::Machine(format!("TLS can't be set up: {why}")))?;
    let front = Arc::new(front);
    let reloader = Reloader::new(
        file.to_owned(),
        overrides,
        Arc::clone(&shared),
        assembler,
        assembled.entries,
        authority.clone(),
    );
    let reloader = Arc::new(reloader.leading(embedder));
    let running = Running {
        reloader: Arc::clone(&reloader),
        stores: stores.clone(),
        gauges: metrics::TargetGauges::default(),
    };
    admin::spawn(
        admin_listener,
        config.admin_hosts.clone(),
        Arc::new(running),
    )?;
    let descriptors = overload::Descriptors::take(config.workers);
    let idle = descriptors.idle_per_origin(config.workers, config.upstreams.len());
    let quiet = Arc::new(Notify::new());
    let upstreams = upstream::Workers::default();
    let workers = (0..config.workers)
        .map(|_| {
            let phases = Arc::clone(&shared);
            let pool = Pool::default().keeping(idle).among(&upstreams);
            let pool = pool.opening_ahead_while(move || phases.phase() == Phase::Serving);
            worker(
                &listeners, &front, &shared, &stores, &upstreams, pool, &quiet,
            )
        })
        .collect::<io::Result<_>>()?;
    reloader.observe(seen)?;
    runtime.spawn(overload(&shared, &config, descriptors, quiet, instances));
    if let Some(authority) = authority {
        runtime.spawn(renewals(authority, Arc::clone(&shared)));
    }
    // A shared store that is there is used from the first exchange on; one that is not holds
    // nothing up.
    runtime.block_on(stores.ready(STORE_READY));
    greet(&config, begun.elapsed());
    Ok(Serving {
        shared,
        workers,
        runtime,
        signals,
        reloader,
        stores,
    })
}

/// The tracer of this process, where traces are wanted.
fn tracer(config: &Config) -> Result<Option<Tracer>, Stop> {
    let Some(traces) = &config.telemetry.traces else {
        return Ok(None);
    };
    let collector = OtlpCollector::new(traces)
        .map_err(|why| Stop::Machine(format!("traces can't be exported: {why}")))?;
    let tracer = trace::start(&config.telemetry, traces, collector)?;
    Ok(Some(tracer))
}

/// Keeps new work away where there is too much of it, and notifies `quiet` where memory is left of
/// work that has gone. Runs beside the wait for signals.
fn overload(
    shared: &Arc<Shared>,
    config: &Config,
    descriptors: overload::Descriptors,
    quiet: Arc<Notify>,
    instances: Instances,
) -> impl Future<Output = ()> + use<> {
    let seen = Arc::clone(shared);
    let mut trimmer = Trimmer::new(quiet, move || instances.trim());
    overload::keep(
        Arc::clone(&shared.admission),
        &config.overload,
        descriptors,
        move || {
            let limits = &seen.generation.load().config.limits;
            overload::ConnectionTimeouts {
                idle: limits.idle_timeout,
                stalled: limits.write_timeout,
            }
        },
        move |activity| trimmer.look(activity),
    )
}

fn worker(
    listeners: &Listeners,
    front: &Arc<Front>,
    shared: &Arc<Shared>,
    stores: &Stores,
    upstreams: &upstream::Workers,
    pool: Pool,
    quiet: &Arc<Notify>,
) -> io::Result<thread::JoinHandle<()>> {
    let listeners = listeners.try_clone()?;
    let front = Arc::clone(front);
    let shared = Arc::clone(shared);
    let delay = shared.generation.load().config.overload.delay;
    let (stores, flights) = (stores.clone(), stores.flights().clone());
    let (quiet, upstreams) = (Arc::clone(quiet), upstreams.clone());
    let shared_flights = flights.clone();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new()
        .name("worker".to_owned())
        .spawn(move || {
            let worker = Arc::new(Worker::new(
                Arc::clone(&shared),
                pool,
                stores,
                shared_flights,
            ));
            runtime.spawn(Arc::clone(worker.load()).keep(delay));
            runtime.spawn(Arc::clone(worker.load()).keep_turns());
            runtime.spawn(heap::collect_when(quiet, heap::collect));
            let serving = intercept::serve(listeners, worker, Arc::clone(&shared), front);
            if let Err(error) = runtime.block_on(serving) {
                error!(%error, "a worker stopped");
            }
            // Replies that apps of other workers read, too, are pumped here.
            runtime.block_on(landed(&flights, &upstreams, &shared));
            // What still runs belongs to exchanges that have had their answer.
            runtime.shutdown_timeout(Duration::from_millis(100));
        })
}

/// Waits until no reply and no connection is shared any more, or the drain window is over.
async fn landed(flights: &Flights, upstreams: &upstream::Workers, shared: &Shared) {
    while (!flights.is_empty() || upstreams.has_loans()) && shared.phase() < Phase::Cut {
        sleep(Duration::from_millis(10)).await;
    }
}

impl Serving {
    fn until_stopped(self) -> Result<(), Stop> {
        let Self {
            shared,
            workers,
            runtime,
            mut signals,
            reloader,
            stores,
        } = self;
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = signals.terminate.recv() => break,
                    _ = signals.interrupt.recv() => break,
                    _ = signals.hang_up.recv() => reloader.now(),
                }
            }
            let window = shared.generation.load().config.drain;
            info!(
                inflight = inflight(),
                window_s = window.as_secs(),
                "draining"
            );
            shared.enter(Phase::Draining);
            let ended = Instant::now() + window;
            while inflight() + tunnels() > 0 && Instant::now() < ended {
                tokio::select! {
                    () = sleep(Duration::from_millis(20)) => {}
                    // A second signal: no more patience.
                    () = signals.end() => break,
                }
            }
            info!(inflight = inflight(), "drained");
            shared.enter(Phase::Cut);
            let last = Instant::now() + LAST_WORDS;
            while !workers.iter().all(thread::JoinHandle::is_finished) && Instant::now() < last {
                sleep(Duration::from_millis(5)).await;
            }
            if let Some(tracer) = &shared.tracer {
                let spans = tracer.flush(LAST_WORDS).await;
                if spans > 0 {
                    warn!(spans, "the collector does not have the last spans");
                }
            }
            let unsettled = stores.flush(LAST_WORDS).await;
            if unsettled > 0 {
                error!(
                    unsettled,
                    "the shared store does not have all that was used"
                );
            }
            Ok(())
        })
    }
}
