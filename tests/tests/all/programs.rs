//! Two programs: `outrigger` serves, `outrigger-tool` has everything else, and whoever calls the
//! one need not know of the other.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use outrigger_tests::sidecar::{self, Sidecar, TOOL};

/// Runs a program with nothing in its environment but a PATH and a place for the cache.
fn run(program: &Path, path: &Path, cache: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("XDG_CACHE_HOME", cache)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_command_that_is_not_the_sidecars_own_is_the_tools() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = sidecar::put_into(folder.path());
    let tool = folder.path().join(TOOL);
    for (arguments, code) in [
        (&["rules", "--format", "iptables"][..], 0),
        (&["policy", "inspect", "/no/such.wasm"], 2),
        (&["rules", "--uid", "0"], 2),
        (&["ca", "--help"], 0),
    ] {
        let ask = |program: &Path| run(program, folder.path(), folder.path(), arguments);
        let (through, direct) = (ask(&sidecar), ask(&tool));
        assert_eq!(through.status.code(), Some(code), "{arguments:?}");
        assert_eq!(through.status, direct.status, "{arguments:?}");
        let called = |output: &Output| {
            let said = [text(&output.stdout), text(&output.stderr)].concat();
            said.replace(&format!("Usage: {TOOL} "), "Usage: outrigger ")
        };
        assert_eq!(called(&through), called(&direct), "{arguments:?}");
        assert!(!text(&through.stdout).contains(TOOL), "{arguments:?}");
    }
}

#[test]
fn the_sidecars_help_lists_the_commands_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(
        &sidecar::binary(),
        folder.path(),
        folder.path(),
        &["--help"],
    );
    for command in [
        "run", "check", "ca", "rules", "policy", "pull", "inject", "uninject", "webhook", "try",
        "compile",
    ] {
        let line = format!("\n  {command} ");
        assert!(text(&help.stdout).contains(&line), "{command}");
    }
}

#[test]
fn the_tool_may_be_elsewhere_in_path() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sidecar = sidecar::put_into(one.path());
    let place = other.path().join(TOOL);
    std::fs::rename(one.path().join(TOOL), place).unwrap();
    let rules = run(&sidecar, other.path(), one.path(), &["rules"]);
    assert_eq!(rules.status.code(), Some(0), "{}", text(&rules.stderr));
}

#[test]
fn without_the_tool_its_commands_are_one_sentence_and_what_is_compiled_still_loads() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = sidecar::put_into(folder.path());
    let cache = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::copy(sidecar::policy("noop"), policies.join("noop.wasm")).unwrap();
    let config = folder.path().join("outrigger.yaml");
    let yaml = format!(
        "policies: {{ directory: \"{}\", chain: [{{ use: noop }}] }}\n",
        policies.display()
    );
    std::fs::write(&config, yaml).unwrap();
    let check = |cache: &Path| {
        let arguments = ["check", "--config", config.to_str().unwrap()];
        run(&sidecar, folder.path(), cache, &arguments)
    };
    let first = check(cache.path());
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));

    std::fs::remove_file(folder.path().join(TOOL)).unwrap();
    let again = check(cache.path());
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));

    let empty = tempfile::tempdir().unwrap();
    let never = check(empty.path());
    assert_eq!(never.status.code(), Some(2));
    let said = text(&never.stderr);
    assert!(said.contains("install outrigger-tool"), "{said}");

    let gone = run(&sidecar, folder.path(), cache.path(), &["inject"]);
    let said = text(&gone.stderr);
    assert_eq!(gone.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("`inject`") && said.contains("install outrigger-tool"),
        "{said}"
    );
}

/// Starts a sidecar that is installed under `prefix` and has nothing in its code cache. Returns the
/// number of functions that were compiled for its policy.
fn compiled_at_a_start(prefix: &Path) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let (base, admin) = (sidecar::free_address(), sidecar::free_address());
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::copy(sidecar::policy("noop"), policies.join("noop.wasm")).unwrap();
    let config = folder.path().join("outrigger.yaml");
    let yaml = format!(
        "listen: {{ base_url: \"{base}\" }}\nadmin: \"{admin}\"\nlog: {{ format: json, level: debug }}\n\
         policies: {{ directory: \"{}\", cache: \"{}\", chain: [{{ use: noop }}] }}\n",
        policies.display(),
        folder.path().join("cache").display()
    );
    std::fs::write(&config, yaml).unwrap();
    let child = Command::new(prefix.join("bin/outrigger"))
        .args(["run", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut sidecar = Sidecar::adopt(child, base, admin, folder);
    sidecar.until_ready();
    let line = sidecar.log_line(&["compiled a policy"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    line["functions"].as_u64().unwrap()
}

#[test]
fn functions_that_an_installation_brings_are_not_compiled_at_a_start() {
    let prefix = tempfile::tempdir().unwrap();
    let bin = prefix.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let sidecar = sidecar::put_into(&bin);
    let all = compiled_at_a_start(prefix.path());

    let functions = prefix.path().join("share/outrigger/functions");
    let policy = sidecar::policy("noop");
    let arguments = [
        "policy",
        "precompile",
        "--into",
        functions.to_str().unwrap(),
        policy.to_str().unwrap(),
    ];
    let made = run(&sidecar, &bin, prefix.path(), &arguments);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let few = compiled_at_a_start(prefix.path());
    assert!(few * 4 < all, "{few} of {all}");

    // Where others may write, anybody could have put code there.
    std::fs::set_permissions(&functions, Permissions::from_mode(0o777)).unwrap();
    assert_eq!(compiled_at_a_start(prefix.path()), all);
}

/// Checks that the sidecar's dependencies leave out what weighs and what a pod does not need while
/// it serves.
#[test]
fn the_sidecar_alone_is_built_without_compiler_and_yaml_surgery() {
    let needs = |package: &str| {
        let output = Command::new("cargo")
            .args([
                "tree",
                "--locked",
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--package",
                package,
            ])
            .current_dir(outrigger_tests::root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let tree = text(&output.stdout).to_owned();
        let of = |name: &str| {
            tree.lines()
                .any(|line| line.starts_with(&format!("{name} v")))
        };
        [
            "cranelift-codegen",
            "wasmtime-wizer",
            "wasmprinter",
            "saphyr-parser",
        ]
        .map(of)
    };
    assert_eq!(needs("outrigger"), [false; 4]);
    assert_eq!(needs("outrigger-tool"), [true; 4]);
}
