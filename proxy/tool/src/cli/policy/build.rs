//! `outrigger policy build`: cargo, with a compiler that has the target.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The target that policies are built for.
const TARGET: &str = "wasm32-unknown-unknown";
/// Makes that target where rustup has none to give.
const TOOLCHAIN: &str = include_str!("../../../../../plugin-sdk/wasm-toolchain.sh");
/// The flags that policies are built with, as a configuration of cargo's.
const FLAGS: &str = include_str!("../../../../../plugin-sdk/policy.toml");

/// Builds the crate in `folder`, and puts `NAME.wasm` there.
pub(super) fn build_crate(folder: &Path) -> Result<String, String> {
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
    // Absolute: cargo runs in `folder`.
    let target = manifest.with_file_name("target").join("policy");
    let flags = target.join("flags.toml");
    fs::create_dir_all(&target)
        .and_then(|()| fs::write(&flags, FLAGS))
        .map_err(|error| format!("{}: {error}", flags.display()))?;
    let compiler = compiler()?;
    let mut cargo = Command::new(
        compiler
            .parent()
            .map(|bin| bin.join("cargo"))
            .filter(|cargo| cargo.exists())
            .unwrap_or("cargo".into()),
    );
    let built = cargo
        .arg("--config")
        .arg(&flags)
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
        // Meant for the host's builds, and cargo would drop the policies' flags for them.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
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

/// A compiler that has the target: the usual one, with the target added where rustup can, or else
/// one that is made.
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
