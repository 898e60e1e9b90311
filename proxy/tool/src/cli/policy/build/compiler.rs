//! The compiler that policies are built with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{TARGET, output};

/// Makes the target where rustup has none to give.
const TOOLCHAIN: &str = include_str!("../../../../../../plugin-sdk/wasm-toolchain.sh");

/// Finds a compiler that has the target: the usual one, with the target added where rustup can, or
/// else one that is made.
pub(super) fn find() -> Result<PathBuf, String> {
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
