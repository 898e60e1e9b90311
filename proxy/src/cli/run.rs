//! `outrigger run`: one thread per worker, one that reloads, one for admin, and this one, which hears signals.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};
use tracing::{error, info};

use super::{Stop, environment, facts::Running, lend};
use crate::{
    admin,
    config::{Config, Family},
    exchange::{
        Worker,
        generation::{Phase, Shared},
    },
    intercept,
    reload::{self, Reloader, Scan, assemble::Assembler},
    sandbox::{Compiler, Host, Loader, Options},
    state::{Stores, flights::Flights},
    telemetry::{
        log,
        metrics::{self, inflight},
    },
    upstream::Pool,
};

/// How long a start waits for a shared store.
const STORE_READY: Duration = Duration::from_millis(500);
/// After the drain window: how long the last error events may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration to serve.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Stop> {
    let begun = Instant::now();
    let config = Config::load(&arguments.config, &environment)?;
    log::start(config.log, config.exchange_log)?;
    start(&arguments.config, config, begun)?.until_told()
}

struct Serving {
    shared: Arc<Shared>,
    workers: Vec<thread::JoinHandle<()>>,
    runtime: Runtime,
    reloader: Arc<Reloader>,
    stores: Stores,
}

/// Policies first, then the addresses: whoever finds the port open is served by the whole chain.
fn start(file: &Path, config: Config, begun: Instant) -> Result<Serving, Stop> {
    let seen = Scan::take(&reload::paths(file, &config), &Scan::default()).map_err(|why| {
        let directory = config.policies.directory.clone().unwrap_or_default();
        Stop::Mistake(format!(
            "can't read the policy directory {}: {why}",
            directory.display()
        ))
    })?;
    let stores = Stores::new(&config.state)?;
    let flights = Flights::default();
    let mut assembler = Assembler::new(loader(
        &config,
        lend::host(stores.clone(), flights.clone()),
    )?);
    let assembled = assembler
        .assemble(config.clone(), &seen.policies)
        .map_err(|sentences| Stop::Mistake(sentences.join("\noutrigger: ")))?;
    metrics::generation(assembled.generation.number);
    let shared = Arc::new(Shared::new(assembled.generation));
    let listener = intercept::bind(config.base_url)?;
    let told = admin::bind(config.admin)?;
    let config = Config {
        base_url: listener.local_addr()?,
        admin: told.local_addr()?,
        ..config
    };
    let reloader = Arc::new(Reloader::new(
        file.to_owned(),
        Arc::clone(&shared),
        assembler,
        assembled.entries,
    ));
    let running = Running {
        reloader: Arc::clone(&reloader),
        stores: stores.clone(),
    };
    admin::spawn(told, Arc::new(running))?;
    let workers = (0..config.workers)
        .map(|_| worker(&listener, &shared, &stores, &flights))
        .collect::<io::Result<_>>()?;
    reloader.watch(seen)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // A shared store that is there is used from the first exchange on; one that is not holds nothing up.
    runtime.block_on(stores.ready(STORE_READY));
    greet(&config, begun.elapsed());
    Ok(Serving {
        shared,
        workers,
        runtime,
        reloader,
        stores,
    })
}

fn loader(config: &Config, host: Host) -> Result<Loader, Stop> {
    // Compiling takes memory that an allocator is slow to give back: a child gives it back at once.
    let compiler = std::env::current_exe().map_or(Compiler::InProcess, Compiler::Child);
    let options = Options {
        memory: config.policies.memory,
        ..Options::default()
    };
    let cache = Some(config.policies.cache.clone());
    Loader::new(options, cache, compiler, host).map_err(|why| Stop::Machine(why.to_string()))
}

fn worker(
    listener: &std::net::TcpListener,
    shared: &Arc<Shared>,
    stores: &Stores,
    flights: &Flights,
) -> io::Result<thread::JoinHandle<()>> {
    let listener = listener.try_clone()?;
    let shared = Arc::clone(shared);
    let (stores, flights) = (stores.clone(), flights.clone());
    let shared_flights = flights.clone();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let pool = Pool::new().map_err(io::Error::other)?;
    thread::Builder::new()
        .name("worker".to_owned())
        .spawn(move || {
            let worker = Arc::new(Worker::new(
                Arc::clone(&shared),
                pool,
                stores,
                shared_flights,
            ));
            if let Err(error) =
                runtime.block_on(intercept::serve(listener, worker, Arc::clone(&shared)))
            {
                error!(%error, "a worker stopped");
            }
            // Replies that apps of other workers read, too, are pumped here.
            runtime.block_on(landed(&flights, &shared));
            // What still runs belongs to exchanges that have had their answer.
            runtime.shutdown_timeout(Duration::from_millis(100));
        })
}

/// Waits until no reply is shared any more, or the drain window is over.
async fn landed(flights: &Flights, shared: &Shared) {
    while !flights.is_empty() && shared.phase() < Phase::Cut {
        sleep(Duration::from_millis(10)).await;
    }
}

impl Serving {
    fn until_told(self) -> Result<(), Stop> {
        let Self {
            shared,
            workers,
            runtime,
            reloader,
            stores,
        } = self;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut hang_up = signal(SignalKind::hangup())?;
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = hang_up.recv() => reloader.now(),
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
            while inflight() > 0 && Instant::now() < ended {
                tokio::select! {
                    () = sleep(Duration::from_millis(20)) => {}
                    // Told twice: whoever asks has no more patience.
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                }
            }
            info!(inflight = inflight(), "drained");
            shared.enter(Phase::Cut);
            let last = Instant::now() + LAST_WORDS;
            while !workers.iter().all(thread::JoinHandle::is_finished) && Instant::now() < last {
                sleep(Duration::from_millis(5)).await;
            }
            let unsettled = stores.flush(LAST_WORDS).await;
            if unsettled > 0 {
                error!(
                    unsettled,
                    "the shared store was not told of all that was used"
                );
            }
            Ok(())
        })
    }
}

/// Tells where it listens and what to try. On standard error: standard output is the log's.
fn greet(config: &Config, took: Duration) {
    let ready_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let policies = config.policies.chain.len();
    info!(base_url = %config.base_url, admin = %config.admin, workers = config.workers, policies, ready_ms, "serving");
    // A closed standard error is nobody who could be told.
    let _ = std::io::stderr().write_all(greeting(config).as_bytes());
}

fn greeting(config: &Config) -> String {
    let (base, admin) = (config.base_url, config.admin);
    let openai = config.upstream_of(Family::Openai);
    let alias = config
        .models
        .iter()
        .find(|(_, target)| openai.is_some_and(|u| u.name == target.upstream))
        .map(|(alias, _)| alias);
    let model = alias.map_or("gpt-5-mini", String::as_str);
    let try_it = match openai {
        Some(upstream) => {
            let key = if upstream.key.is_some()
                || matches!(upstream.kind, crate::config::Kind::Embedded)
            {
                ""
            } else {
                " -H \"authorization: Bearer $OPENAI_API_KEY\""
            };
            format!(
                "curl -N http://{base}/v1/chat/completions -H 'content-type: application/json'{key} -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Write to ana@example.com\"}}]}}'"
            )
        }
        None => format!("curl http://{admin}/readyz"),
    };
    format!(
        "\nOutrigger serves on http://{base} (apps: OPENAI_BASE_URL=http://{base}/v1, ANTHROPIC_BASE_URL=http://{base})\n\
         health, metrics and policies on http://{admin}\n\ntry:\n  {try_it}\n\n"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_has_a_line_to_try_that_fits_the_configuration() {
        let greeting = |yaml: &str| greeting(&Config::parse(yaml, "t.yaml", &|_| None).unwrap());
        let embedded = greeting("upstreams: { demo: { kind: embedded } }");
        assert!(embedded.contains("curl -N http://127.0.0.1:4141/v1/chat/completions"));
        assert!(!embedded.contains("OPENAI_API_KEY"));
        assert!(greeting("").contains("Bearer $OPENAI_API_KEY"));
        assert!(
            greeting("models: { fast: { targets: [openai/gpt-5] } }").contains(r#""model":"fast""#)
        );
        let one = "upstreams: { anthropic: { dialect: anthropic, url: 'http://a' } }";
        assert!(greeting(one).contains("curl http://127.0.0.1:4190/readyz"));
    }
}
