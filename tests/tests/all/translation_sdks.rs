//! Translation by the real SDKs: each against targets of each family, in what apps do all day.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use outrigger_tests::{Sidecar, target};
use serde_json::Value;

/// The aliases: a target of one family each.
const TARGETS: [&str; 4] = ["to-chat", "to-responses", "to-messages", "to-gemini"];

/// A cell that is not `ok`, and may not be: part of its name, what the app sees instead, and why.
type Exception = (&'static str, &'static str, &'static str);

/// All exceptions of all SDKs. A cell that works is no exception: then the test fails, too.
const EXCEPTIONS: [Exception; 0] = [];

/// The embedded model behind each family. The names are those of models about which it is known
/// what they take, as an operator's are.
fn config() -> String {
    let mut models = String::new();
    for (alias, target) in [
        ("to-chat", "o/gpt-5-mini"),
        ("to-responses", "o/gpt-5"),
        ("to-messages", "a/claude-sonnet-4-5"),
        ("to-gemini", "g/gemini-2.5-flash"),
    ] {
        let slow = "?events=50&delay_ms=20";
        models += &format!(
            "  {alias}: {{ targets: [{target}] }}\n  \
             {alias}-limited: {{ targets: [\"{target}?status=429\"], attempts: 1 }}\n  \
             {alias}-slow: {{ targets: [\"{target}{slow}\"] }}\n"
        );
    }
    // What a target serves is known by its name, query included.
    let endpoints = ["gpt-5-mini", "gpt-5"].map(|model| {
        let api = match model {
            "gpt-5" => "openai.responses",
            _ => "openai.chat",
        };
        ["", "?status=429", "?events=50&delay_ms=20"]
            .map(|query| format!("  \"o/{model}{query}\": {{ endpoints: [{api}] }}\n"))
            .concat()
    });
    format!(
        "upstreams:\n  o: {{ kind: embedded, dialect: openai }}\n  a: {{ kind: embedded, dialect: anthropic }}\n  g: {{ kind: embedded, dialect: gemini }}\nmodel_facts:\n{}models:\n{models}",
        endpoints.concat()
    )
}

/// Runs a client that prints what became of each cell.
fn cells(mut client: Command, sidecar: &Sidecar) -> BTreeMap<String, String> {
    client
        .arg(format!("http://{}", sidecar.base))
        .args(TARGETS)
        .stdin(Stdio::null());
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        client.env_remove(variable);
        client.env_remove(variable.to_lowercase());
    }
    let output = client.output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Fails unless each cell is `ok`, or fails as its exception says; `apis` are all that the client
/// speaks, so that none is left out.
fn are_ok(cells: &BTreeMap<String, String>, apis: &[&str], scenarios: usize) {
    assert_eq!(cells.len(), apis.len() * TARGETS.len() * scenarios);
    let mut wrong = Vec::new();
    for (cell, end) in cells {
        let exception = EXCEPTIONS.iter().find(|(name, ..)| cell.contains(name));
        let expected = exception.map_or("ok", |(_, end, _)| end);
        let fits = match exception {
            None => end == "ok",
            Some(_) => end.contains(expected),
        };
        if !fits {
            wrong.push(format!("{cell}: {end} (expected: {expected})"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cells:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_python_sdk_does_its_day_against_every_family() {
    let sidecar = Sidecar::start(&config());
    let mut client = Command::new("python3");
    let script = outrigger_tests::root().join("tests/clients/translate.py");
    client
        .arg(script)
        .env("PYTHONPATH", target().join("python"));
    let cells = cells(client, &sidecar);
    are_ok(&cells, &["chat", "responses", "messages", "gemini"], 9);
    the_sidecar_translated(&sidecar);
}

#[test]
fn every_node_sdk_does_its_day_against_every_family() {
    let npm = target().join("npm");
    for package in ["openai", "@anthropic-ai/sdk"] {
        if !npm.join("node_modules").join(package).exists() {
            eprintln!("NOT TESTED: the npm package {package} is not installed");
            return;
        }
    }
    let sidecar = Sidecar::start(&config());
    let mut client = Command::new("node");
    let script = outrigger_tests::root().join("tests/clients/translate.mjs");
    client.arg(script).env("OUTRIGGER_NPM", npm);
    let cells = cells(client, &sidecar);
    are_ok(&cells, &["chat", "responses", "messages"], 9);
    the_sidecar_translated(&sidecar);
}

/// Fails where a family was not translated to: then the cells would have proved nothing.
fn the_sidecar_translated(sidecar: &Sidecar) {
    let lines = sidecar.log_lines();
    for wire in [
        "openai.chat",
        "openai.responses",
        "anthropic.messages",
        "gemini.generate",
    ] {
        let is_to = |line: &&Value| line["translated_to"] == wire;
        assert!(lines.iter().any(|line| is_to(&line)), "none went to {wire}");
    }
}
