//! The reference of the configuration's keys, `proxy/CONFIGURATION.md`: written from the schema that
//! `check --schema` prints, and checked in. `OUTRIGGER_WRITE=1` writes it anew.

use std::fmt::Write;

use outrigger_tests::root;
use outrigger_tests::sidecar::run_to_end;
use serde_json::{Value, json};

const FILE: &str = "proxy/CONFIGURATION.md";
const HEAD: &str = "# Every key of the configuration

Written from the schema that `outrigger check --schema` prints; a test keeps it so. Text values take variables of the environment, `${NAME}` or `${NAME:-default}`; times are a number
with `us`, `ms`, `s`, `m` or `h`, sizes one with `B`, `KiB`, `MiB` or `GiB`. Unknown keys are errors, and so are settings without an effect. How the keys work together is in the
[README](../README.md).
";

fn resolve<'a>(schema: &'a Value, of: &'a Value) -> (&'a Value, Option<&'a str>) {
    match of["$ref"].as_str() {
        Some(reference) => {
            let name = reference.rsplit('/').next().unwrap();
            (&schema["$defs"][name], Some(name))
        }
        None => (of, None),
    }
}

/// The kinds of value that a key takes, in words, and the names of the sections that they have.
fn kinds(schema: &Value, of: &Value, sections: &mut Vec<String>) -> String {
    let (of, name) = resolve(schema, of);
    if let Some(name) = name.filter(|_| of["properties"].is_object()) {
        sections.push(name.to_owned());
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(any) = of["anyOf"].as_array() {
        let mut words: Vec<String> = Vec::new();
        for part in any {
            let word = kinds(schema, part, sections);
            if !word.is_empty() && !words.contains(&word) {
                words.push(word);
            }
        }
        return words.join(", or ");
    }
    if let Some(words) = of["enum"].as_array() {
        let spelt = |word: &Value| {
            word.as_str()
                .map_or_else(|| word.to_string(), str::to_owned)
        };
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", spelt(word)))
            .collect();
        return words.join(", ");
    }
    let pattern = of["pattern"].as_str().unwrap_or_default();
    let kind = of["type"]
        .as_str()
        .or(of["type"][0].as_str())
        .unwrap_or("any");
    match kind {
        "string" if pattern.contains("us|ms") => "time".into(),
        "string" if pattern.contains("KiB") => "size".into(),
        "string" if pattern == r"\$\{" => String::new(), // a variable stands for whatever it holds
        "string" => "text".into(),
        "integer" => "whole number".into(),
        "boolean" => "`true`, `false`".into(),
        "array" => format!("list of {}", plain(&kinds(schema, &of["items"], sections))),
        "object" if of["additionalProperties"].is_object() => {
            format!(
                "by name: {}",
                plain(&kinds(schema, &of["additionalProperties"], sections))
            )
        }
        "object" => {
            let mut members: Vec<(String, Vec<&str>)> = Vec::new();
            for (key, of) in of["properties"].as_object().unwrap() {
                let taken = plain(&kinds(schema, of, sections)).to_owned();
                match members.iter_mut().find(|(known, _)| *known == taken) {
                    Some((_, keys)) => keys.push(key),
                    None => members.push((taken, vec![key])),
                }
            }
            let of_keys =
                |(taken, keys): &(String, Vec<&str>)| format!("`{}`: {taken}", keys.join("`, `"));
            members.iter().map(of_keys).collect::<Vec<_>>().join("; ")
        }
        other => other.to_owned(),
    }
}

fn plain(kinds: &str) -> &str {
    if kinds.is_empty() { "any" } else { kinds }
}

/// Words that stand before a value that a description shows as the default, or as an example.
const BEFORE: [&str; 3] = ["Default ", "such as ", ": "];

/// A value that the key's own schema takes: its default, one that its description shows, or one of
/// the schema's examples.
fn example(schema: &Value, key: &str, of: &Value) -> Option<String> {
    let described = of["description"].as_str().unwrap_or_default();
    let described = described.replace('\n', " ");
    let parts: Vec<&str> = described.split('`').collect();
    let shown = parts
        .chunks(2)
        .zip(parts.iter().skip(2).step_by(2))
        .filter_map(|(pair, after)| {
            let [before, quoted] = pair else { return None };
            let is_shown = BEFORE
                .iter()
                .any(|end| before.ends_with(end) && !before.ends_with("Default: "));
            // The name of a variable is where the default comes from, and no value.
            let is_value = quoted
                .bytes()
                .any(|byte| !byte.is_ascii_uppercase() && byte != b'_');
            let is_default = after.starts_with(" (the default)");
            let is_default = is_default || before.ends_with("Default ");
            (is_value && (is_shown || is_default)).then_some((!is_default, *quoted))
        });
    let mut shown: Vec<(bool, &str)> = shown.collect();
    shown.sort_by_key(|(is_no_default, _)| *is_no_default);
    let shown = shown.into_iter().map(|(_, quoted)| quoted);
    let number = described.split("Default ").nth(1).map(|rest| {
        let end = rest
            .find(|char: char| !char.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        &rest[..end]
    });
    let examples = of["examples"].as_array().into_iter().flatten();
    let mut rooted = of.clone();
    rooted["$defs"] = schema["$defs"].clone();
    let takes = jsonschema::validator_for(&rooted).unwrap();
    let is_taken = |text: &&str| {
        let value: Option<Value> = serde_yaml::from_str(text).ok();
        value.is_some_and(|value| !value.is_null() && takes.is_valid(&value))
    };
    let examples = examples.filter_map(Value::as_str);
    let number =
        number.filter(|word| word.parse::<u64>().is_ok() || matches!(*word, "true" | "false"));
    let value = number
        .into_iter()
        .chain(shown)
        .chain(examples)
        .find(is_taken)?;
    Some(format!("`{key}: {value}`"))
}

fn rows(out: &mut String, schema: &Value, of: &Value, sections: &mut Vec<String>) {
    let required = of["required"].as_array().cloned().unwrap_or_default();
    out.push_str("| key | takes | meaning | example |\n|---|---|---|---|\n");
    for (key, of) in of["properties"].as_object().unwrap() {
        let taken = kinds(schema, of, sections);
        let (resolved, _) = resolve(schema, of);
        let said = of["description"]
            .as_str()
            .or(resolved["description"].as_str())
            .unwrap_or_default();
        let said = said.replace('\n', " ").replace('|', "\\|");
        let must = if required.contains(&json!(key)) {
            " Required."
        } else {
            ""
        };
        let example = example(schema, key, of).unwrap_or_default();
        let _ = writeln!(
            out,
            "| `{key}` | {} | {said}{must} | {example} |",
            plain(&taken)
        );
    }
}

fn reference(schema: &Value) -> String {
    let mut out = String::from(HEAD);
    let mut sections = Vec::new();
    out.push_str("\n## The file\n\n");
    rows(&mut out, schema, schema, &mut sections);
    let mut at = 0;
    let mut done: Vec<String> = Vec::new();
    while let Some(name) = sections.get(at).cloned() {
        at += 1;
        if done.contains(&name) {
            continue;
        }
        let of = &schema["$defs"][&name];
        let said = of["description"]
            .as_str()
            .unwrap_or_default()
            .replace('\n', " ");
        let _ = write!(out, "\n## {name}\n\n{said}\n\n");
        rows(&mut out, schema, of, &mut sections);
        done.push(name);
    }
    out
}

#[test]
fn the_reference_of_keys_is_that_of_the_schema() {
    let (code, said) = run_to_end(&["check", "--schema"], &root(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let schema: Value = serde_json::from_str(&said[said.find('{').unwrap()..]).unwrap();
    let text = reference(&schema);
    let file = root().join(FILE);
    if std::env::var_os("OUTRIGGER_WRITE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let first = text
        .lines()
        .zip(written.lines())
        .find(|(new, old)| new != old);
    assert!(
        text == written,
        "{FILE} is not that of the schema; write it with OUTRIGGER_WRITE=1 tests/run.sh -p outrigger-tests --test all reference: {first:?}"
    );
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    assert!(rows.clone().count() > 100);
    for row in rows {
        assert!(
            row.split(" | ")
                .nth(2)
                .is_some_and(|meaning| meaning.len() > 5),
            "no meaning: {row}"
        );
    }
}
