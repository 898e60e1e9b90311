//! Every public name of the SDK stands in an example, and examples are compiled and run: so each
//! name is shown in use. The bench, which shows itself in the tests of policies, is left out.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Files that are generated, or the SDK's own: nothing of them is for authors.
const INTERNAL: [&str; 7] = [
    "abi", "abi.rs", "arena.rs", "bench", "guest", "guest.rs", "host.rs",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// The words of the examples in a file's doc comments.
fn shown(source: &str, words: &mut BTreeSet<String>) {
    let mut within = false;
    for line in source.lines() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
        match doc.map(str::trim) {
            Some(line) if line.starts_with("```") => within = !within,
            Some(code) if within => {
                let split = code.split(|c: char| !c.is_alphanumeric() && c != '_');
                words.extend(split.map(str::to_owned));
            }
            _ => {}
        }
    }
}

/// The name that a line declares, where it is public.
fn declared(line: &str) -> Option<&str> {
    let mut words = line
        .trim_start()
        .strip_prefix("pub ")?
        .split(' ')
        .peekable();
    words.next_if_eq(&"const");
    let kind = words.next()?;
    let name = match kind {
        "fn" | "struct" | "enum" | "trait" => words.next()?,
        constant if constant.ends_with(':') => constant,
        _ => return None,
    };
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

#[test]
fn every_public_name_is_in_an_example() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut paths, mut words, mut missing) = (Vec::new(), BTreeSet::new(), Vec::new());
    files(&source, &mut paths);
    let internal = |path: &PathBuf| {
        let first = path.strip_prefix(&source).unwrap().iter().next().unwrap();
        INTERNAL.iter().any(|name| first == *name)
    };
    let texts: Vec<_> = paths
        .iter()
        .map(|path| (path, fs::read_to_string(path).unwrap()))
        .collect();
    for (_, text) in &texts {
        shown(text, &mut words);
    }
    let mut count = 0;
    for (path, text) in texts.iter().filter(|(path, _)| !internal(path)) {
        for name in text.lines().filter_map(declared) {
            count += 1;
            if !words.contains(name) {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(count > 150, "the names are no longer found: {count}");
    assert!(missing.is_empty(), "in no example: {missing:#?}");
}
