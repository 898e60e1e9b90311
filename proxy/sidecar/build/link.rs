//! Leaves out of the program: unwind tables, equal functions, relocations one by one.
//!
//! Each argument is tried on a program of one line first, which must link and start: linkers differ
//! (Rust's own is the default on x86-64 Linux, elsewhere it is gcc's), and what is not understood
//! is left out.

use std::{env, fs, path::Path, process::Command};

/// Leaves out the tables by which a panic unwinds. A panic of this program ends it (`panic =
/// "abort"`), wasmtime walks frames by itself, and no symbols are left that a backtrace could name.
const NO_UNWIND_TABLES: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame.*) \
    *(.gcc_except_table) *(.gcc_except_table.*) } } INSERT AFTER .text;\n";

/// Set where the C library that the program will run on is known to be glibc 2.36 or later, or
/// another that knows packed relocations: the image's is. An older one would not start it.
const PACKED: &str = "OUTRIGGER_PACKED_RELOCATIONS";

/// Prints the arguments for a release build. A build with debug information keeps what debuggers
/// and profilers read.
pub(crate) fn arguments(out: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-env-changed={PACKED}");
    let is = |name: &str, value: &str| env::var(name).as_deref() == Ok(value);
    if !is("PROFILE", "release") || !is("DEBUG", "false") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return Ok(());
    }
    let script = out.join("no-unwind-tables.ld");
    fs::write(&script, NO_UNWIND_TABLES).map_err(|e| e.to_string())?;
    let script = format!("-Wl,-T,{}", script.display());
    let mut wanted = vec![
        vec!["-Wl,--no-eh-frame-hdr", &script],
        vec!["-Wl,--icf=all"],
    ];
    if is(PACKED, "1") {
        wanted.push(vec!["-Wl,-z,pack-relative-relocs"]);
    }
    for arguments in wanted {
        if starts(out, &arguments) {
            for argument in arguments {
                println!("cargo::rustc-link-arg-bins={argument}");
            }
        }
    }
    Ok(())
}

/// Returns true if a program that is linked so starts here; where it is for another machine, if it
/// links.
fn starts(out: &Path, arguments: &[&str]) -> bool {
    let (source, program) = (out.join("starts.rs"), out.join("starts"));
    if fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let value = |name: &str| env::var(name).unwrap_or_default();
    let mut rustc = Command::new(value("RUSTC"));
    rustc.args(["-Cpanic=abort", "--target", &value("TARGET")]);
    let flags = value("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.args(
        arguments
            .iter()
            .map(|argument| format!("-Clink-arg={argument}")),
    );
    rustc.arg(&source).arg("-o").arg(&program);
    let done = |command: &mut Command| {
        let ended = command.output();
        ended.is_ok_and(|ended| ended.status.success())
    };
    done(&mut rustc) && (value("TARGET") != value("HOST") || done(&mut Command::new(&program)))
}
