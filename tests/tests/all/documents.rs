//! Names in the documents: the metrics, commands with their flags and keys of the configuration
//! that they name are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use outrigger_tests::root;
use outrigger_tests::sidecar::run_to_end;
use serde_json::Value;

fn files(folder: &Path, suffixes: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != ".git" {
            files(&path, suffixes, found);
        } else if suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            found.push(path);
        }
    }
}

/// Texts for people, by their names: READMEs and runbooks; with alerts and dashboards where `all`.
fn documents(all: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root(), &[".md"], &mut found);
    if all {
        for folder in ["deploy/prometheus", "deploy/grafana", "deploy/helm"] {
            files(
                &root().join(folder),
                &[".yaml", ".json", ".txt"],
                &mut found,
            );
        }
    }
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    let read = |path: &PathBuf| (name(path), std::fs::read_to_string(path).unwrap());
    found.iter().map(read).collect()
}

/// The texts in back quotes outside of fenced blocks.
fn spans(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside
        .flat_map(|part| part.split('`').skip(1).step_by(2))
        .collect()
}

fn schema() -> Value {
    let (code, said) = run_to_end(&["check", "--schema"], &root(), &[]);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said[said.find('{').unwrap()..]).unwrap()
}

/// Reports whether the schema has a key by this path; what has entries by name takes any.
fn has_key(root: &Value, schema: &Value, path: &[&str]) -> bool {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let [key, rest @ ..] = path else { return true };
    let property = schema["properties"].get(*key);
    let any = schema
        .get("additionalProperties")
        .filter(|any| any.is_object());
    let choices = ["anyOf", "oneOf"]
        .into_iter()
        .flat_map(|name| schema[name].as_array());
    property.is_some_and(|next| has_key(root, next, rest))
        || any.is_some_and(|next| has_key(root, next, rest))
        || schema
            .get("items")
            .is_some_and(|next| has_key(root, next, path))
        || choices.flatten().any(|choice| has_key(root, choice, path))
}

#[test]
fn every_metric_that_is_named_is_one_that_the_program_has() {
    let mut sources = Vec::new();
    for folder in ["proxy", "plugins", "plugin-sdk"] {
        files(&root().join(folder), &[".rs"], &mut sources);
    }
    let sources: String = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut missing = Vec::new();
    for (place, text) in documents(true) {
        for (at, _) in text.match_indices("outrigger_") {
            if text[..at].ends_with(|c: char| word(c) || c.is_ascii_uppercase()) {
                continue;
            }
            let name = &text[at..];
            let (name, rest) = name.split_at(name.find(|c: char| !word(c)).unwrap_or(name.len()));
            if rest.starts_with("::") {
                continue; // a crate
            }
            // Policies' own are looked for on a dashboard's metrics, as they run.
            if name.starts_with("outrigger_policy_") {
                continue;
            }
            let stems = ["_bucket", "_sum", "_count", "_total", ""];
            let mut stems = stems.iter().filter_map(|end| name.strip_suffix(end));
            if !stems.any(|stem| sources.contains(stem)) {
                missing.push(format!("{place}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_command_and_flag_that_is_named_is_one_that_the_program_has() {
    let mut helps: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut help = |command: &[&str]| {
        let entry = helps.entry(command.join(" ")).or_insert_with(|| {
            let arguments: Vec<_> = command.iter().copied().chain(["--help"]).collect();
            let (code, said) = run_to_end(&arguments, &root(), &[]);
            (code == Some(0)).then_some(said)
        });
        entry.clone()
    };
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (place, text) in documents(false) {
        let blocks = text.split("```").skip(1).step_by(2).flat_map(str::lines);
        for line in spans(&text).into_iter().chain(blocks) {
            let line = line
                .trim()
                .trim_start_matches("$ ")
                .trim_start_matches("target/release/");
            let line = line.split(" #").next().unwrap_or_default();
            let Some(rest) = line.strip_prefix("outrigger ") else {
                continue;
            };
            let words: Vec<&str> = rest.split_whitespace().collect();
            let plain = |word: &&&str| {
                word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-')
            };
            let named: Vec<&str> = words.iter().take_while(plain).take(2).copied().collect();
            let [first, ..] = named.as_slice() else {
                continue;
            };
            let Some(own) = help(&[first]) else {
                wrong.push(format!("{place}: there is no `outrigger {first}`"));
                continue;
            };
            let own = match named.as_slice() {
                [first, second] if own.contains("Commands:") => match help(&[first, second]) {
                    Some(own) => own,
                    None => {
                        wrong.push(format!("{place}: there is no `outrigger {first} {second}`"));
                        continue;
                    }
                },
                _ => own,
            };
            seen += 1;
            for flag in words
                .iter()
                .filter(|word| word.starts_with("--") && word.len() > 2)
            {
                let flag = flag.split(['=', ',', ']']).next().unwrap_or_default();
                if !own.contains(flag) {
                    wrong.push(format!(
                        "{place}: `outrigger {}` has no {flag}",
                        named.join(" ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 5, "{seen}");
}

#[test]
fn every_key_that_is_named_is_one_that_the_configuration_has() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let top = schema["properties"].as_object().unwrap();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (place, text) in documents(false) {
        for span in spans(&text) {
            let path: Vec<&str> = span.split('.').collect();
            let key = |part: &&str| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            };
            if path.len() > 1 && path.iter().all(key) && top.contains_key(path[0]) {
                seen += 1;
                // A file's or a metric's name may begin as a section does.
                let file = matches!(
                    path.last(),
                    Some(&("yaml" | "json" | "wasm" | "pem" | "md" | "sh"))
                );
                let in_chain: Vec<&str> = ["policies", "chain"]
                    .into_iter()
                    .chain(path.clone())
                    .collect();
                let there =
                    has_key(&schema, &schema, &path) || has_key(&schema, &schema, &in_chain);
                if !file && !there {
                    wrong.push(format!("{place}: there is no key `{span}`"));
                }
            }
            let braces = span
                .split_once(": {")
                .is_some_and(|(key, _)| top.contains_key(key));
            if braces && !span.contains('…') && !span.contains("...") {
                let value: Result<Value, _> = serde_yaml::from_str(span);
                seen += 1;
                match value {
                    Err(error) => wrong.push(format!("{place}: `{span}`: {error}")),
                    Ok(value) => {
                        // A key of a policy's entry, as in a policy's README.
                        let mut entry = value.clone();
                        entry["use"] = "a".into();
                        let in_chain = serde_json::json!({ "policies": { "chain": [entry] } });
                        if !validator.is_valid(&in_chain) {
                            let errors = validator.iter_errors(&value);
                            wrong.extend(errors.map(|error| format!("{place}: `{span}`: {error}")));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 10, "{seen}");
}
