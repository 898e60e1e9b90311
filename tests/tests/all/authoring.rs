//! Writing a policy, with the commands that an author types.

use std::process::Command;

use outrigger_tests::sidecar;

#[test]
fn the_smallest_policy_is_about_fifteen_lines_without_a_wasm_word() {
    let text = std::fs::read_to_string(
        outrigger_tests::root().join("examples/policies/model-allowlist/src/lib.rs"),
    )
    .unwrap();
    let code: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
        .collect();
    assert!(code.len() <= 22, "{} lines", code.len());
    for word in ["wasm", "wit", "component", "unsafe", "extern"] {
        assert!(
            !code.iter().any(|line| line.contains(word)),
            "`{word}` in the smallest policy"
        );
    }
}

#[test]
fn policy_new_writes_a_workspace_of_several_that_cargo_takes() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["policy", "new", "my-guard", "other"];
    let (code, said) = sidecar::run_to_end(&arguments, folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--no-deps"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = [0, 1].map(|index| metadata["packages"][index]["name"].clone());
    assert_eq!(names, ["my-guard", "other"]);
}

#[test]
fn policy_inspect_tells_what_a_file_is() {
    let file = sidecar::policy("pii-redact");
    let (code, said) = sidecar::run_to_end(
        &["policy", "inspect", file.to_str().unwrap()],
        std::path::Path::new("."),
        &[],
    );
    assert_eq!(code, Some(0), "{said}");
    for word in ["pii-redact", "request", "reply"] {
        assert!(said.contains(word), "`{word}` is missing in:\n{said}");
    }
    assert!(
        said.contains("KiB") || said.contains("MiB") || said.contains("bytes"),
        "its size:\n{said}"
    );
}

#[test]
fn a_policy_that_uses_what_it_does_not_declare_is_refused_by_name() {
    for (name, says) in [
        ("undeclared-reads", "name the places in `const READS`"),
        ("undeclared-hook", "implements `on_end`"),
    ] {
        let policy = sidecar::policy(name);
        let arguments = ["policy", "inspect", policy.to_str().unwrap()];
        let (code, said) = sidecar::run_to_end(&arguments, &outrigger_tests::root(), &[]);
        assert_ne!(code, Some(0), "{name}: {said}");
        assert!(said.contains(says), "{name}: {said}");
    }
}

#[test]
fn policy_test_runs_cases_in_the_real_host_and_fails_where_they_do() {
    let root = outrigger_tests::root();
    let cases: Vec<_> = ["plugins", "examples/policies"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| {
            let folder = entry.unwrap();
            let name = folder.file_name().into_string().unwrap();
            let file = folder.path().join(format!("{name}.cases.yaml"));
            (name, file)
        })
        .filter(|(_, file)| file.exists())
        .collect();
    assert!(cases.len() > 8, "policies lost their cases: {cases:?}");
    for (name, file) in cases {
        let policy = sidecar::policy(&name);
        let arguments = [
            "policy",
            "test",
            policy.to_str().unwrap(),
            file.to_str().unwrap(),
        ];
        let (code, said) = sidecar::run_to_end(&arguments, &root, &[]);
        assert_eq!(code, Some(0), "{name}: {said}");
        // The same cases against another policy cannot all pass.
        let other = sidecar::policy("noop");
        let (code, said) = sidecar::run_to_end(
            &[
                "policy",
                "test",
                other.to_str().unwrap(),
                file.to_str().unwrap(),
            ],
            &root,
            &[],
        );
        assert_ne!(code, Some(0), "{name}: {said}");
    }
}
