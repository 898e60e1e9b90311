//! `outrigger policy dev`: from a saved source to what a running sidecar serves, at each change.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use sandbox::Loader;
use tokio::time::Instant;

use super::{
    super::{Stop, say},
    build::{Builder, Built, Package},
    changes::{Rounds, at_each_change},
    inspect::loader,
    replace,
    test::{cases_of, run_cases},
};

#[derive(Debug, Args)]
pub(in super::super) struct Dev {
    /// The crate's directory, or that of a workspace of several.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The cases. Default: NAME.cases.yaml in the crate's directory.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// The policy directory of a running sidecar, which gets what passes. Default: nobody does.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Directory to build in, as of `policy build`.
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

/// Works on until the process is interrupted, or nobody can read what it prints.
pub(super) fn develop(arguments: &Dev) -> Result<Infallible, Stop> {
    if let Some(into) = arguments.into.as_ref().filter(|into| !into.is_dir()) {
        return Err(Stop::Mistake(format!(
            "--into {}: is no directory; give the `directory:` under `policies:` of the sidecar's configuration",
            into.display()
        )));
    }
    let builder = Builder::find(&arguments.path, arguments.target_dir.as_deref());
    let builder = builder.map_err(Stop::Mistake)?;
    let packages = builder.packages().map_err(Stop::Mistake)?;
    if arguments.cases.is_some() && packages.len() > 1 {
        return Err(Stop::Mistake(
            "--cases: is for one policy, and the directory has several; leave it out, or give one's directory"
                .to_owned(),
        ));
    }
    at_each_change(&mut Development {
        arguments,
        builder,
        loader: loader().map_err(Stop::Mistake)?,
        has_built: false,
        passed: BTreeMap::new(),
    })
}

struct Development<'a> {
    arguments: &'a Dev,
    builder: Builder,
    loader: Loader,
    /// True if something was built already.
    has_built: bool,
    /// By policy: what passed last, and was put in place.
    passed: BTreeMap<String, Judged>,
}

#[derive(PartialEq, Eq)]
struct Judged {
    module: Vec<u8>,
    cases: Option<Vec<u8>>,
}

impl Rounds for Development<'_> {
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = self.arguments.cases.iter().cloned().collect();
        list(&self.arguments.path, &mut files);
        files
    }

    /// Returns the sources that were built, the SDK's included.
    fn round(&mut self) -> Result<BTreeSet<PathBuf>, Stop> {
        let mut sources = BTreeSet::new();
        let packages = match self.builder.packages() {
            Ok(packages) => packages,
            Err(why) => {
                say(&format!("failed   {why}\n"))?;
                return Ok(sources);
            }
        };
        for package in packages {
            let started = Instant::now();
            // Once the dependencies are built, what the compiler says is enough.
            let built = self.builder.build(&package, self.has_built);
            let took = Took(started.elapsed());
            match built {
                Ok(built) => {
                    self.has_built = true;
                    self.judge(&package, &built, took)?;
                    sources.extend(built.sources);
                }
                Err(why) => say(&format!("failed   {why}, {took}\n"))?,
            }
        }
        Ok(sources)
    }
}

impl Development<'_> {
    /// Runs the cases of what was built, unless they passed with all as it is, and puts it in place.
    fn judge(&mut self, package: &Package, built: &Built, took: Took) -> Result<(), Stop> {
        let name = &package.name;
        let cases = (self.arguments.cases.clone()).unwrap_or_else(|| package.cases());
        let judged = Judged {
            module: built.module.clone(),
            cases: fs::read(&cases).ok(),
        };
        if self.passed.get(name) == Some(&judged) {
            return say(&format!("built    {name}.wasm, as before, {took}\n"));
        }
        let size = built.module.len().div_ceil(1024);
        say(&format!("built    {name}.wasm, {size} KiB, {took}\n"))?;
        self.passed.remove(name);
        let started = Instant::now();
        let outcome = match &judged.cases {
            // Where somebody has named the file, it must be there.
            None if self.arguments.cases.is_none() => {
                Ok(format!("there is no {}", cases.display()))
            }
            _ => run_cases(&self.loader, &package.module(), &built.module, &cases),
        };
        let took = Took(started.elapsed());
        match outcome {
            Ok(passed) => say(&format!("tested   {passed}, {took}\n"))?,
            Err(why) => return say(&format!("failed   {took}: {why}\n")),
        }
        if let Some(into) = &self.arguments.into {
            match place(into, name, &judged) {
                Ok(file) => say(&format!("placed   {}\n", file.display()))?,
                Err(why) => return say(&format!("failed   {why}\n")),
            }
        }
        self.passed.insert(name.clone(), judged);
        Ok(())
    }
}

/// Puts a policy where a sidecar finds it; its cases first, where some lie there: the sidecar runs
/// them before the policy serves.
fn place(into: &Path, name: &str, judged: &Judged) -> Result<PathBuf, String> {
    let file = into.join(format!("{name}.wasm"));
    let cases = cases_of(&file);
    if let Some(text) = judged.cases.as_ref().filter(|_| cases.exists()) {
        replace(&cases, text)?;
    }
    replace(&file, &judged.module)?;
    Ok(file)
}

/// Lists what may be a source below a folder: no builds, nothing hidden, and nothing that a build
/// writes.
fn list(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    /// In each folder of builds. <https://bford.info/cachedir/>
    const OF_BUILDS: &str = "CACHEDIR.TAG";
    if folder.join(OF_BUILDS).exists() {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match () {
            () if name.starts_with('.') || name == "Cargo.lock" || name.ends_with(".wasm") => {}
            () if is_folder => list(&path, files),
            () => {
                files.insert(path);
            }
        }
    }
}

/// A time as it is printed: in seconds.
#[derive(Clone, Copy)]
struct Took(Duration);

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_writes_is_no_source() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        let sources = [
            "Cargo.toml",
            "a.cases.yaml",
            "src/lib.rs",
            "src/target/mod.rs",
        ];
        let others = [
            "Cargo.lock",
            "a.wasm",
            ".a.wasm.7",
            ".git/HEAD",
            "target/CACHEDIR.TAG",
            "target/debug/a.d",
        ];
        sources.into_iter().chain(others).for_each(write);
        let mut files = BTreeSet::new();
        list(folder.path(), &mut files);
        assert_eq!(files, sources.map(|name| folder.path().join(name)).into());
    }

    #[test]
    fn cases_are_placed_where_some_are_and_before_the_policy() {
        let into = tempfile::tempdir().unwrap();
        let judged = |module: &str, cases: &str| Judged {
            module: module.into(),
            cases: Some(cases.into()),
        };
        let read = |name: &str| fs::read_to_string(into.path().join(name)).ok();
        place(into.path(), "a", &judged("1", "x")).unwrap();
        assert_eq!(
            (read("a.wasm"), read("a.cases.yaml")),
            (Some("1".into()), None)
        );
        fs::write(into.path().join("a.cases.yaml"), "old").unwrap();
        place(into.path(), "a", &judged("2", "y")).unwrap();
        assert_eq!(read("a.wasm"), Some("2".into()));
        assert_eq!(read("a.cases.yaml"), Some("y".into()));
        assert_eq!(fs::read_dir(into.path()).unwrap().count(), 2);
    }
}
