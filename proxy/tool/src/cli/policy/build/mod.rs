//! `outrigger policy build`: cargo, with a compiler that has the target, in a folder that all
//! policies share ([`shared`]).
//!
//! Dependencies are built once for all policies where compiler, flags, profile, crate type and
//! versions are the same. The first four are given here, whatever a crate's manifest leaves out; the
//! versions are those of the lock file that `policy new` writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use outrigger::cli::environment;

use super::replace;

mod compiler;
mod package;
mod shared;

pub(super) use package::Package;
use shared::Claim;

/// The target that policies are built for.
const TARGET: &str = "wasm32-unknown-unknown";
/// The flags that policies are built with, as a configuration of cargo's.
const FLAGS: &str = include_str!("../../../../../../plugin-sdk/policy.toml");
/// The profile that they are built in, where a crate's workspace has none of that name.
pub(super) const PROFILE: &str =
    include_str!("../../../../../../plugin-sdk/template/profile.toml.in");

/// The results of a build.
#[derive(Debug)]
pub(super) struct Built {
    /// The policy.
    pub(super) module: Vec<u8>,
    /// The files that it was made of, as far as they are no registry's.
    pub(super) sources: Vec<PathBuf>,
}

/// Builds the packages of one folder.
#[derive(Debug)]
pub(super) struct Builder {
    folder: PathBuf,
    compiler: PathBuf,
    target: PathBuf,
}

impl Builder {
    /// Finds the compiler, and the folder to build in: `target`, or else the shared one.
    pub(super) fn find(folder: &Path, target: Option<&Path>) -> Result<Self, String> {
        let compiler = compiler::find()?;
        let flags = format!("{FLAGS}{PROFILE}");
        let target = shared::folder(target, &compiler, &flags, environment)?;
        Ok(Self {
            folder: folder.to_owned(),
            compiler,
            target,
        })
    }

    /// Lists the packages that there are now; one at least.
    pub(super) fn packages(&self) -> Result<Vec<Package>, String> {
        package::packages(&self.folder)
    }

    /// Builds a package, and puts `NAME.wasm` into its folder. With `is_quiet` cargo prints what the
    /// compiler says and no progress.
    pub(super) fn build(&self, package: &Package, is_quiet: bool) -> Result<Built, String> {
        let mut claim = Claim::take(&self.target, &package.library, &package.folder)?;
        if claim.is_anothers() {
            let mut clean = self.cargo(package, &["clean", "--quiet"])?;
            output(clean.args(["--package", &package.name]))?;
        }
        claim.record()?;
        let mut cargo = self.cargo(package, &["rustc", "--lib", "--crate-type", "cdylib"])?;
        cargo.args(["--package", &package.name]);
        if is_quiet {
            cargo.arg("--quiet");
        }
        let built = cargo
            .status()
            .map_err(|error| format!("cargo can't be started: {error}"))?;
        if !built.success() {
            return Err(format!("{} does not build; see above", package.name));
        }
        let made = self.target.join(TARGET).join("policy");
        let module = made.join(format!("{}.wasm", package.library));
        let module = fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
        let out = package.module();
        // What is the same stays as it is: others run their cases at each change of it.
        if fs::read(&out).ok().as_deref() != Some(&module) {
            replace(&out, &module)?;
        }
        let sources = fs::read_to_string(made.join(format!("{}.d", package.library)));
        Ok(Built {
            module,
            sources: sources_of(&sources.unwrap_or_default()),
        })
    }

    /// Prepares a command of cargo's that sees our compiler, flags, profile and folder.
    fn cargo(&self, package: &Package, command: &[&str]) -> Result<Command, String> {
        let own = fs::read_to_string(&package.workspace).unwrap_or_default();
        let has_profile = own.lines().any(|line| line.trim() == "[profile.policy]");
        let name = if has_profile {
            "flags"
        } else {
            "flags-profile"
        };
        let flags = self.target.join(format!("{name}.toml"));
        let text = format!("{FLAGS}{}", if has_profile { "" } else { PROFILE });
        replace(&flags, text.as_bytes())?;
        let beside = self.compiler.with_file_name("cargo");
        let program = if beside.exists() {
            beside
        } else {
            "cargo".into()
        };
        let mut cargo = Command::new(program);
        cargo
            .arg("--config")
            .arg(&flags)
            .args(command)
            .args(["--profile", "policy", "--target", TARGET, "--target-dir"])
            .arg(&self.target)
            .env("RUSTC", &self.compiler)
            // Meant for the host's builds, and cargo would drop the policies' flags for them.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .current_dir(&package.folder);
        Ok(cargo)
    }
}

/// Builds the crate in `folder`, or those of a workspace, and puts `NAME.wasm` into each.
pub(super) fn build_crates(folder: &Path, target: Option<&Path>) -> Result<String, String> {
    let builder = Builder::find(folder, target)?;
    let mut lines = Vec::new();
    for package in builder.packages()? {
        let size = builder.build(&package, false)?.module.len();
        lines.push(format!(
            "{} ({} KiB)",
            package.module().display(),
            size.div_ceil(1024)
        ));
    }
    Ok(lines.join("\n"))
}

/// The files of the first rule of a file like make's, as cargo writes it: a space in a path is
/// `\ `. <https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>
fn sources_of(rules: &str) -> Vec<PathBuf> {
    const SPACE: &str = "\u{0}";
    let rule = rules.lines().next().unwrap_or_default();
    let (_, sources) = rule.split_once(": ").unwrap_or_default();
    let escaped = sources.replace("\\ ", SPACE);
    (escaped.split(' '))
        .filter(|path| !path.is_empty())
        .map(|path| path.replace(SPACE, " ").into())
        .collect()
}

/// Runs a command to its end, and returns what it printed.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_of_a_build_are_read_from_cargos_rule() {
        let rule = "/t/my_policy.wasm: /c/src/lib.rs /my\\ sdk/src/lib.rs\n/other: /x\n";
        assert_eq!(
            sources_of(rule),
            ["/c/src/lib.rs", "/my sdk/src/lib.rs"].map(PathBuf::from)
        );
        assert_eq!(sources_of("/t/my_policy.wasm:"), Vec::<PathBuf>::new());
        assert_eq!(sources_of(""), Vec::<PathBuf>::new());
    }
}
