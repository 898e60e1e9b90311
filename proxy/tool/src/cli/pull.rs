//! `outrigger pull`: brings policies from an OCI registry, once, or until a signal ends it.

use std::{path::PathBuf, time::Duration};

use outrigger::config::values;
use tokio::runtime::Builder;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::{Stop, environment, policy::keys, shutdown, start_log};
use crate::pull::{Credentials, Error, Login, Options, Puller, Reference, Round};

/// The shortest time between rounds: a registry is no metronome.
const SHORTEST: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// `oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST]`.
    reference: String,
    /// The directory that a sidecar reads policies from. Made where it is not there; filled whole
    /// or not at all.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Interval at which the tag and the directory are checked.
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    every: String,
    /// A public key's file, or `ed25519:…` itself: every policy must be signed by one of them. May
    /// be given several times.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<String>,
    /// Speaks to this registry without TLS. `host` or `host:port`, as in the reference.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
    /// A PEM file of roots to trust instead of the built-in ones.
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
    /// A docker config.json with the registry's credentials. They may also be in
    /// OUTRIGGER_REGISTRY_USER and OUTRIGGER_REGISTRY_PASSWORD.
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Ends when the policies are in place, or could not be put there.
    #[arg(long)]
    once: bool,
}

pub(super) fn pull(arguments: &Arguments) -> Result<(), Stop> {
    start_log()?;
    let options = options(arguments)?;
    if options.reference.digest.is_none() {
        let unsigned = if options.keys.is_empty() {
            ", and whoever can push there decides what runs here"
        } else {
            ""
        };
        warn!(from = %options.reference, "not pinned: a tag can be moved{unsigned}; add @sha256:DIGEST to pin it");
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = shutdown()?;
        let mut puller = Puller::new(options).map_err(stop)?;
        let work = async {
            match arguments.once {
                true => puller.round().await.map_err(stop),
                false => Ok(puller.follow().await),
            }
        };
        tokio::select! {
            done = work => match done? {
                Round::Same => info!("policies were in place"),
                Round::Placed(..) => {} // reported by whoever placed them
            },
            signal = shutdown => info!(signal, "ending"),
        }
        Ok(())
    })
}

fn options(arguments: &Arguments) -> Result<Options, Stop> {
    let reference: Reference = arguments.reference.parse().map_err(stop)?;
    let every = values::duration(&arguments.every)
        .map_err(|why| Stop::Mistake(format!("--every {why}")))?;
    if every < SHORTEST {
        return Err(Stop::Mistake(
            "--every is shorter than 1s; write more".into(),
        ));
    }
    let plain_http = arguments.plain_http.contains(&reference.registry);
    if !plain_http && let Some(other) = arguments.plain_http.first() {
        return Err(Stop::Mistake(format!(
            "--plain-http {other} has no effect, as the registry is {}; remove it, or name that",
            reference.registry
        )));
    }
    let (user, password) = (
        environment("OUTRIGGER_REGISTRY_USER"),
        environment("OUTRIGGER_REGISTRY_PASSWORD").map(Zeroizing::new),
    );
    let given = match (user, password) {
        (Some(user), Some(password)) => Some(Credentials { user, password }),
        (None, None) => None,
        _ => return Err(Stop::Mistake(
            "one of OUTRIGGER_REGISTRY_USER and OUTRIGGER_REGISTRY_PASSWORD is set; set both, or neither".into(),
        )),
    };
    Ok(Options {
        reference,
        into: arguments.into.clone(),
        every,
        keys: keys(&arguments.keys).map_err(Stop::Mistake)?,
        plain_http,
        roots: arguments.roots.clone(),
        login: Login {
            file: arguments.auth_file.clone(),
            given,
        },
    })
}

fn stop(error: Error) -> Stop {
    match error {
        Error::Reference(_) | Error::Setup(_) => Stop::Mistake(error.to_string()),
        error => Stop::Machine(error.to_string()),
    }
}
