//! Components of other toolchains that are no policies, or that the compiler can't take: each is a
//! sentence that says what to do, and harms nobody.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// A loader that compiles in a child: what ends the compiler must not end this process.
fn apart() -> Loader {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_outrigger-tool"));
    Loader::new(Options::default(), None, Compiler::Child(program), host()).unwrap()
}

fn component(name: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/components");
    Source {
        bytes: fs::read(path.join(name)).unwrap(),
        ..source("{}")
    }
}

#[test]
fn a_component_that_is_no_policy_is_refused_in_a_sentence_that_says_what_to_do() {
    let loader = apart();
    for (name, label, says) in [
        ("imports-wasi.wasm", "unknown_import", "there is no WASI"),
        ("other-import.wasm", "types", "policy.wit of 0.4.0"),
        ("other-types.wasm", "types", "policy.wit of 0.4.0"),
        ("two-memories.wasm", "types", "policy.wit of 0.4.0"),
        ("start-traps.wasm", "fault", "as WASI"),
        ("large-memory.wasm", "fault", "64MiB at most"),
    ] {
        let error = loader.load(component(name)).err().expect(name);
        assert_eq!(error.label(), label, "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
    assert!(loader.load(source("{}")).is_ok());
}

/// A loader whose compiler is a script.
fn compiled_by(script: &str) -> (tempfile::TempDir, Loader) {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("compiler");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let compiler = Compiler::Child(program);
    let loader = Loader::new(Options::default(), None, compiler, host()).unwrap();
    (home, loader)
}

/// wizer panics at what it has no error for; this one does so at every image.
#[tokio::test]
async fn what_ends_the_compiler_at_the_image_is_loaded_without_one_and_says_so() {
    let tool = env!("CARGO_BIN_EXE_outrigger-tool");
    let (_home, loader) = compiled_by(&format!(
        r#"IFS= read -r job
case "$job" in
  *'"plain":null'*) /bin/cat >/dev/null; echo '{{"Panicked":"not yet implemented"}}' ;;
  *) {{ printf '%s\n' "$job"; /bin/cat; }} | {tool} compile ;;
esac"#
    ));
    let policy = loader.load(source(r#"{"request":"echo_config"}"#)).unwrap();
    let reason = policy.info().not_snapshotted.clone();
    assert_eq!(reason.as_deref(), Some("not yet implemented"));
    let (_, decision) = ask(&policy, "hi").await.1.unwrap();
    let config = r#"{"request":"echo_config"}"#;
    assert_eq!(decision, Decision::Reply(config.into()));
}

#[test]
fn a_compiler_that_panics_or_is_killed_is_a_sentence() {
    let panics = r#"/bin/cat >/dev/null; echo '{"Panicked":"multiple memories"}'"#;
    for (script, label, says) in [
        (panics, "unsupported", "multiple memories"),
        ("kill -9 $$", "compile", "for want of memory"),
    ] {
        let (_home, loader) = compiled_by(script);
        let error = loader.load(source("{}")).err().unwrap();
        assert_eq!(error.label(), label, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
