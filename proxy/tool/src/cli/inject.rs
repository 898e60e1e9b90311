//! `outrigger inject`: a filter that adds the sidecar to the pods of a manifest.

use std::{
    io::{IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use super::{Stop, say};
use crate::inject::{self, Choice, Mode, Options, Outcome, Policies, Selector, Settings};

/// Longest manifest, in bytes: far above what a cluster takes, far below what hurts.
const LONGEST: u64 = 64 << 20;

/// Settings of pods whose annotations say nothing else.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Defaults {
    /// Mode of the app's calls: transparent, forward-proxy or base-url. Default: transparent.
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// The image of the sidecar. Default: the one of this version.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// The ConfigMap that holds outrigger.yaml. Default: outrigger.
    #[arg(long, value_name = "NAME")]
    config: Option<String>,
    /// A ConfigMap of policies, or oci://REGISTRY/NAME@sha256:DIGEST. Default: outrigger-policies.
    #[arg(long, value_name = "NAME|REFERENCE")]
    policies: Option<Policies>,
    /// A Secret that becomes the sidecar's environment.
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,
    /// A container beside the app's instead of a native sidecar: for Kubernetes before 1.29.
    #[arg(long)]
    plain_container: bool,
}

impl Defaults {
    /// Puts what the flags say over `settings`.
    pub(super) fn over(&self, mut settings: Settings) -> Result<Settings, Stop> {
        settings.mode = self.mode.unwrap_or(settings.mode);
        if let Some(policies) = &self.policies {
            settings.policies = policies.clone();
        }
        settings.plain |= self.plain_container;
        for (key, value) in [
            ("image", &self.image),
            ("config", &self.config),
            ("secret", &self.secret),
        ] {
            if let Some(value) = value {
                settings
                    .set(key, value)
                    .map_err(|why| Stop::Mistake(format!("--{key}: {why}")))?;
            }
        }
        Ok(settings)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The manifest; `-` or left out: standard input.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    defaults: Defaults,
    /// Also takes pods that another version has injected.
    #[arg(long)]
    upgrade: bool,
    /// Changes these objects and no others: a kind or KIND/NAME, `*` stands for any characters.
    /// May be repeated.
    #[arg(long, value_name = "KIND[/NAME]")]
    only: Vec<Selector>,
    /// Leaves these objects as they are. May be repeated, and goes before --only.
    #[arg(long, value_name = "KIND[/NAME]")]
    skip: Vec<Selector>,
    /// Leaves an object that can't be injected as it is, says why, and injects the others: exit
    /// code 3.
    #[arg(long)]
    keep_going: bool,
}

pub(super) fn inject(arguments: &Arguments) -> Result<(), Stop> {
    let settings = arguments.defaults.over(Settings::default())?;
    let manifest = manifest(arguments.file.as_deref())?;
    let options = Options {
        upgrade: arguments.upgrade,
        keep_going: arguments.keep_going,
        choice: Choice {
            only: arguments.only.clone(),
            skip: arguments.skip.clone(),
        },
    };
    let outcome = inject::inject(&manifest, &settings, &options);
    let all = arguments.only.is_empty() && arguments.skip.is_empty();
    let nothing = if all {
        "no pod is in the manifest: nothing was injected"
    } else {
        "no pod of the manifest was chosen: nothing was injected"
    };
    print(outcome, nothing)
}

/// The manifest, from a file or standard input.
pub(super) fn manifest(file: Option<&Path>) -> Result<Vec<u8>, Stop> {
    let mut manifest = Vec::new();
    let (name, read) = match file.filter(|file| *file != Path::new("-")) {
        Some(file) => {
            let read = std::fs::File::open(file)
                .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut manifest));
            (file.display().to_string(), read)
        }
        None if std::io::stdin().is_terminal() => {
            return Err(Stop::Mistake(
                "standard input is a terminal; pipe a manifest in, or name one with -f FILE"
                    .to_owned(),
            ));
        }
        None => {
            let input = std::io::stdin().lock();
            let read = input.take(LONGEST + 1).read_to_end(&mut manifest);
            ("standard input".to_owned(), read)
        }
    };
    read.map_err(|error| Stop::Mistake(format!("can't read {name}: {error}")))?;
    if manifest.len() as u64 > LONGEST {
        return Err(Stop::Mistake(format!(
            "{name} is longer than 64 MiB; split it"
        )));
    }
    Ok(manifest)
}

/// Writes the manifest to standard output and notes to standard error; or, where anything is wrong,
/// all that is wrong and no manifest, unless the caller asked to go on.
pub(super) fn print(outcome: Result<Outcome, Vec<String>>, nothing: &str) -> Result<(), Stop> {
    let mut outcome = outcome.map_err(|wrong| Stop::Mistake(wrong.join("\noutrigger: ")))?;
    if outcome.pods == 0 && outcome.refused.is_empty() {
        outcome.notes.push(nothing.to_owned());
    }
    for note in &outcome.notes {
        // A closed standard error is nobody who could read it.
        let _ = writeln!(std::io::stderr(), "outrigger: note: {note}");
    }
    say(&outcome.text)?;
    if outcome.refused.is_empty() {
        return Ok(());
    }
    let left = outcome.refused.iter();
    let left: Vec<_> = left.map(|why| format!("left as it was: {why}")).collect();
    Err(Stop::Partial(left.join("\noutrigger: ")))
}
