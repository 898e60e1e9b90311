//! `outrigger policy …`: what a policy's author needs besides cargo.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use clap::Subcommand;

use super::{Stop, say};
use crate::{
    config::{Grants, PolicyLimits, cases::Cases},
    policy::Program,
    reload::rehearsal::rehearse,
    sandbox::{Compiler, Host, Loader, Options, Policy, Source},
};

/// The target that policies are built for.
const TARGET: &str = "wasm32-unknown-unknown";
/// Makes that target where rustup has none to give.
const TOOLCHAIN: &str = include_str!("../../../plugin-sdk/wasm-toolchain.sh");
/// The crate that `new` writes: name in the crate, and text.
const TEMPLATE: [(&str, &str); 5] = [
    (
        "Cargo.toml",
        include_str!("../../../plugin-sdk/template/Cargo.toml.in"),
    ),
    (
        "src/lib.rs",
        include_str!("../../../plugin-sdk/template/lib.rs.in"),
    ),
    (
        "{{name}}.cases.yaml",
        include_str!("../../../plugin-sdk/template/NAME.cases.yaml.in"),
    ),
    (
        "README.md",
        include_str!("../../../plugin-sdk/template/README.md.in"),
    ),
    (".gitignore", "/target\n"),
];

/// What can be done with a policy.
#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Writes a crate for a new policy, which builds and passes its own test.
    New {
        /// The policy's name, and the directory's.
        name: String,
        /// Where the SDK's sources are. Default: those beside this executable, else the published crate.
        #[arg(long)]
        sdk: Option<PathBuf>,
    },
    /// Builds a policy's crate into a `.wasm` file.
    Build {
        /// The crate's directory.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Runs a file of cases against a policy, in the real sandbox.
    Test {
        /// The policy.
        wasm: PathBuf,
        /// The cases.
        cases: PathBuf,
    },
    /// Prints a policy's manifest, capabilities, hooks and size.
    Inspect {
        /// The policy.
        wasm: PathBuf,
        /// Its configuration as JSON, where it can't do without.
        #[arg(long, value_name = "JSON")]
        policy_config: Option<String>,
    },
}

pub(super) fn run(task: &Task) -> Result<(), Stop> {
    let answer = match task {
        Task::New { name, sdk } => write_crate(name, sdk.as_deref()),
        Task::Build { path } => build_crate(path),
        Task::Test { wasm, cases } => run_cases(wasm, cases),
        Task::Inspect {
            wasm,
            policy_config,
        } => describe(wasm, policy_config.as_deref()),
    };
    say(&format!("{}\n", answer.map_err(Stop::Mistake)?))
}

fn write_crate(name: &str, sdk: Option<&Path>) -> Result<String, String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(word)
        || name.ends_with('-')
    {
        return Err(format!(
            "`{name}` can't name a policy; write lower-case letters, digits and dashes, as in `team-budget`"
        ));
    }
    let folder = Path::new(name);
    if folder.exists() {
        return Err(format!(
            "{name} is there already; choose another name or another folder"
        ));
    }
    let sdk = match sdk {
        Some(path) => Some(path.to_owned()),
        None => found_sdk(),
    };
    let sdk = match sdk {
        Some(path) => {
            let path = path
                .canonicalize()
                .map_err(|error| format!("{}: {error}", path.display()))?;
            format!("{{ path = {:?} }}", path.display().to_string())
        }
        None => format!("{:?}", env!("CARGO_PKG_VERSION")),
    };
    let camel: String = name.split('-').map(capitalised).collect();
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{type}}", &camel)
            .replace("{{file}}", &name.replace('-', "_"))
            .replace("{{sdk}}", &sdk)
    };
    for (file, text) in TEMPLATE {
        let path = folder.join(fill(file));
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&path, fill(text))
        };
        write().map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(format!(
        "{name}/ is written. Next:\n  cd {name}\n  cargo test                     # its own tests, natively\n  outrigger policy build         # {name}.wasm"
    ))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

/// The SDK beside this executable's own checkout, where it runs from one.
fn found_sdk() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    own.ancestors()
        .map(|folder| folder.join("plugin-sdk"))
        .find(|folder| folder.join("wit/policy.wit").is_file())
}

/// Builds the crate in `folder`, and puts `NAME.wasm` there.
fn build_crate(folder: &Path) -> Result<String, String> {
    let metadata = output(
        Command::new("cargo")
            .args(["metadata", "--format-version=1", "--no-deps"])
            .current_dir(folder),
    )?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)
        .map_err(|error| format!("cargo metadata can't be read: {error}"))?;
    let manifest = folder
        .canonicalize()
        .map_err(|error| error.to_string())?
        .join("Cargo.toml");
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["manifest_path"].as_str().map(Path::new) == Some(&manifest))
        .ok_or_else(|| format!("{} is not the manifest of a package", manifest.display()))?;
    let name = package["name"].as_str().unwrap_or_default();
    let target = folder.join("target").join("policy");
    let compiler = compiler()?;
    let mut cargo = Command::new(
        compiler
            .parent()
            .map(|bin| bin.join("cargo"))
            .filter(|cargo| cargo.exists())
            .unwrap_or("cargo".into()),
    );
    let built = cargo
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "--package",
            name,
            "--target-dir",
        ])
        .arg(&target)
        .env("RUSTC", &compiler)
        .current_dir(folder)
        .status()
        .map_err(|error| format!("cargo can't be started: {error}"))?;
    if !built.success() {
        return Err("the policy does not build; see above".to_owned());
    }
    let module = target
        .join(TARGET)
        .join("release")
        .join(format!("{}.wasm", name.replace('-', "_")));
    let out = folder.join(format!("{name}.wasm"));
    let size = fs::copy(&module, &out).map_err(|error| {
        format!(
            "{}: {error}; a policy's Cargo.toml says `[lib] crate-type = [\"cdylib\", \"rlib\"]`",
            module.display()
        )
    })?;
    Ok(format!("{} ({} KiB)", out.display(), size.div_ceil(1024)))
}

/// A compiler that has the target: the usual one, with the target added where rustup can, or else one that is made.
fn compiler() -> Result<PathBuf, String> {
    let usual = || {
        let library =
            output(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]))
                .ok()?;
        let there = fs::read_dir(library.trim()).is_ok_and(|mut files| files.next().is_some());
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"])).ok()?;
        there.then(|| Path::new(sysroot.trim()).join("bin/rustc"))
    };
    if let Some(rustc) = usual() {
        return Ok(rustc);
    }
    let _ = output(Command::new("rustup").args(["target", "add", TARGET]));
    if let Some(rustc) = usual() {
        return Ok(rustc);
    }
    let made = output(
        Command::new("bash")
            .args(["-c", TOOLCHAIN, "wasm-toolchain.sh"])
            .stderr(Stdio::inherit()),
    )?;
    let rustc = made.lines().last().unwrap_or_default().trim();
    if rustc.is_empty() {
        return Err(format!(
            "no compiler for {TARGET}; run `rustup target add {TARGET}`"
        ));
    }
    Ok(rustc.into())
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name} can't be started: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name} failed: {}", said.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{name} printed what is no text"))
}

/// Runs a policy's cases in the real host.
fn run_cases(module: &Path, file: &Path) -> Result<String, String> {
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
    Loader::new(options, None, Compiler::InProcess, Host::none()).map_err(|error| error.to_string())
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
fn describe(module: &Path, config: Option<&str>) -> Result<String, String> {
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let config = match config {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| format!("--policy-config is no JSON: {error}"))?,
        None => serde_json::Value::Null,
    };
    let all = Grants {
        limits: true,
        values: true,
        replies: true,
        body: true,
        credentials: false,
        fetches: true,
        fetch: vec!["localhost".to_owned()],
    };
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
        "{} {}\n  file      {} ({} KiB)\n  hooks     {}\n  reads     {}\n  rewrites  {}\n  imports   {}",
        manifest.name,
        manifest.version,
        module.display(),
        size.div_ceil(1024),
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
