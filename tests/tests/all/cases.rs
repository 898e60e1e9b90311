//! Files of cases: their schema, their page, and rehearsals that leave no trace.

use std::fs::File;
use std::process::Command;

use outrigger_tests::sidecar::{self, run_to_end};
use outrigger_tests::{Sidecar, Upstream, eventually, replies, root};
use outrigger_tests::{Step, replies::Api};
use serde_json::Value;

use super::config;
use super::configurations::{all_files, yaml_blocks};

fn schema() -> Value {
    let (code, said) = run_to_end(&["policy", "test", "--schema"], &root(), &[]);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said[said.find('{').unwrap()..]).unwrap()
}

fn page() -> String {
    std::fs::read_to_string(root().join("plugin-sdk/CASES.md")).unwrap()
}

#[test]
fn every_file_of_cases_and_every_example_of_the_page_is_valid_by_the_printed_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut files: Vec<(String, String)> = all_files(".cases.yaml")
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.display().to_string(), text)
        })
        .collect();
    let template = root().join("plugin-sdk/template/NAME.cases.yaml.in");
    let template = std::fs::read_to_string(template).unwrap();
    files.push((
        "template".to_owned(),
        template.replace("{{", "").replace("}}", ""),
    ));
    for (line, block) in yaml_blocks(&page()) {
        files.push((format!("CASES.md:{line}"), block));
    }
    assert!(files.len() > 10, "{files:?}");
    for (place, text) in files {
        let value: Value = serde_yaml::from_str(&text).unwrap();
        let problems: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{place}: {problems:?}");
    }
    let right = serde_json::json!({ "cases": [{ "name": "a", "request": {}, "expect_headers": { "x-a": null } }] });
    assert!(validator.is_valid(&right));
    let wrong =
        serde_json::json!({ "cases": [{ "name": "a", "request": {}, "expects": "forward" }] });
    assert!(!validator.is_valid(&wrong));
}

/// The names of all keys in a schema.
fn keys(schema: &Value, found: &mut std::collections::BTreeSet<String>) {
    match schema {
        Value::Object(entries) => {
            if let Some(Value::Object(properties)) = entries.get("properties") {
                found.extend(properties.keys().cloned());
            }
            entries.values().for_each(|value| keys(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_page_names_every_key_of_the_schema() {
    let (page, mut found) = (page(), std::collections::BTreeSet::new());
    keys(&schema(), &mut found);
    assert!(found.len() > 60, "{found:?}");
    let missing: Vec<_> = found
        .iter()
        .filter(|key| !page.contains(&format!("`{key}`")) && !page.contains(&format!("{key}:")))
        .collect();
    assert!(missing.is_empty(), "CASES.md lacks {missing:?}");
}

fn test(policy: &str, cases: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.cases.yaml");
    std::fs::write(&file, cases).unwrap();
    let module = sidecar::policy(policy);
    let arguments = ["policy", "test", module.to_str().unwrap(), "x.cases.yaml"];
    run_to_end(&arguments, folder.path(), &[])
}

#[test]
fn a_case_that_fails_says_what_happened_where_and_what_was_counted_before() {
    let (code, said) = test(
        "prompt-judge",
        "config: { url: 'http://judge/', timeout: 100ms, on_error: refuse, ask: always }\ngrants: [fetch]\n\
         cases:\n- name: several\n  request: { model: m, messages: [{ role: user, content: hi }] }\n\
         \x20 fetch:\n  - { url: 'http://judge/', times: 1, body: { attack: false } }\n\
         \x20 - { url: 'http://judge/', delay: 1s }\n  steps:\n\
         \x20 - expect_metrics: { questions: 1, failed: 0 }\n    expect_fetch: [{ method: POST, url: 'http://judge/' }]\n\
         \x20 - expect: { refuse: { code: judge_failed } }\n    expect_metrics: { questions: 2, failed: 1 }\n\
         \x20 - expect:\n      refuse: { status: 500 }\n",
    );
    assert_eq!(code, Some(2), "{said}");
    for part in [
        "1 of 1 cases of x.cases.yaml fail",
        "several: it refused with 503 `judge_failed`",
        "at line 14, `cases[0].steps[2].expect`",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn cases_run_again_when_their_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (file, said) = (place("noop.cases.yaml"), place("said"));
    let cases = |expect: &str| {
        let text = format!("cases: [{{ name: a, request: {{ messages: [] }}, expect: {expect} }}]");
        std::fs::write(&file, text).unwrap();
    };
    cases("{ reply: b }");
    let mut child = Command::new(sidecar::binary())
        .args(["policy", "test", "--watch"])
        .args([sidecar::policy("noop"), file.clone()])
        .stdout(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let says = |text: &str| {
        eventually(text, || {
            std::fs::read_to_string(&said).unwrap().contains(text)
        });
    };
    says("a: it forwarded, at line 1, `cases[0].expect`");
    cases("forward");
    says("1 cases pass");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_rehearsal_at_load_counts_and_logs_nothing_that_the_operator_reads() {
    let upstream =
        Upstream::start(|_, _| vec![Step::Send(replies::json_body(&Api::Chat.whole("Hello")))]);
    let chain = "[{ use: prompt-judge, config: { url: \"http://127.0.0.1:9/\", timeout: 100ms, on_error: forward, ask: always }, grants: [{ fetch: [\"127.0.0.1:9\"] }] }, \
                 { use: unruly, grants: [values, { fetch: [granted.example] }], config: { request: log } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let put = |name: &str, text: &str| {
        let file = sidecar.folder.path().join("policies").join(name);
        std::fs::write(file, text).unwrap();
    };
    let counted = "outrigger_policy_prompt_judge_questions_total";
    let before = sidecar.generation();
    put(
        "prompt-judge.cases.yaml",
        "config: { url: 'http://judge/', timeout: 1s, on_error: refuse, ask: always }\nfetch: [{ url: 'http://judge/', body: { attack: false } }]\n\
         cases: [{ name: counted, request: { model: m, messages: [{ role: user, content: hi }] }, expect_metrics: { questions: 1 } }]",
    );
    put(
        "unruly.cases.yaml",
        "config: { request: log }\ncases: [{ name: logged, request: { model: m, messages: [] }, expect_log: [on and on] }]",
    );
    eventually("both have passed", || sidecar.generation() > before);
    // The last that is loaded fails, so that all were rehearsed.
    put(
        "unruly.cases.yaml",
        "config: { request: log }\ncases: [{ name: logged, request: { model: m, messages: [] }, expect_log: [never] }]",
    );
    sidecar.log_line(&["1 of its cases fail", "no line that it logged has"]);
    assert!(!sidecar.metrics().contains("outrigger_policy_prompt_judge_"));
    let lines = sidecar.log_lines();
    assert!(!lines.iter().any(|line| line["text"] == "on and on"));

    let ask = Api::Chat.ask("m", "hi", false).to_string();
    assert_eq!(sidecar.post(Api::Chat.path(), ask).status, 200);
    assert_eq!(sidecar.metric(counted, &[]), 1.0);
    sidecar.log_line(&["on and on"]);
}
