//! The workspace's boundaries: the crates that a folder may name, and the files that must be there.

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Files under `folders` of `proxy/` whose code (comments aside) names one of `words`.
fn files_that_name(folders: &[&str], words: &[&str]) -> Vec<String> {
    let source = outrigger_tests::root().join("proxy");
    let mut files = Vec::new();
    folders
        .iter()
        .for_each(|folder| rust_files(&source.join(folder), &mut files));
    assert!(!files.is_empty());
    let names = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .any(|line| words.iter().any(|word| line.contains(word)))
    };
    // Tests may use any crate.
    let tests = |file: &PathBuf| {
        file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
    };
    files
        .iter()
        .filter(|file| !tests(file) && names(file))
        .map(|file| file.strip_prefix(&source).unwrap().display().to_string())
        .collect()
}

#[test]
fn the_deciding_rooms_name_no_io_crate() {
    let system = ["std::net", "std::fs"];
    let crates = ["tokio::", "hyper::", "reqwest::", "wasmtime::"];
    let route = ["sidecar/src/route"];
    assert_eq!(files_that_name(&route, &crates), Vec::<String>::new());
    // Cargo keeps other crates from these; nothing keeps the standard library from them.
    let pure = ["dialect/src", "policy/src", route[0]];
    assert_eq!(files_that_name(&pure, &system), Vec::<String>::new());
}

#[test]
fn only_the_configuration_knows_yaml() {
    let rooms = ["sidecar/src/config", "sidecar/src/cli"];
    let outside = files_that_name(&["sidecar/src"], &["serde_yaml::"])
        .into_iter()
        .filter(|file| !rooms.iter().any(|room| file.starts_with(room)));
    assert_eq!(outside.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn the_toolchain_is_pinned_and_the_licence_is_there() {
    let root = outrigger_tests::root();
    let toolchain = fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    assert!(toolchain.contains("channel = \"1.95.0\""));
    assert!(
        fs::read_to_string(root.join("LICENSE"))
            .unwrap()
            .contains("Apache License")
    );
    for room in [
        "proxy",
        "plugin-sdk/wit/policy.wit",
        "plugins",
        "examples",
        "tests",
        "deploy",
        "README.md",
    ] {
        assert!(root.join(room).exists(), "{room} is missing");
    }
}
