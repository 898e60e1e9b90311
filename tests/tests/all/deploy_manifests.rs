//! Manifests for Kubernetes, without a cluster: the chart, the components and plain YAML are
//! rendered by the real helm and kubectl, validated strictly against the schemas of every supported
//! version, and checked against our own rules. `tests/clients/` has the checks; here they are run,
//! and every configuration inside is read by the built binary.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use outrigger_tests::{root, sidecar, target};

/// Runs one of the checks of `tests/clients/`.
pub(super) fn python(script: &str, arguments: &[&str]) -> Output {
    Command::new("python3")
        .arg(root().join("tests/clients").join(script))
        .args(arguments)
        .current_dir(root())
        .env("PYTHONPATH", target().join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap()
}

/// The same, where it has to go well. What it says is the test's, loudly where something could not
/// be checked.
pub(super) fn checked(script: &str, arguments: &[&str]) -> String {
    let output = python(script, arguments);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script} {arguments:?}:\n{printed}{complaints}"
    );
    if complaints.contains("NOT ") || printed.contains("NOT CHECKED") {
        eprintln!("{complaints}{printed}");
    }
    printed
}

/// The folder with helm and kubectl; none where they could not be installed, which is said.
fn tools() -> Option<String> {
    let folder = target().join("tools");
    if folder.join("helm").exists() && folder.join("kubectl").exists() {
        return Some(folder.display().to_string());
    }
    eprintln!(
        "NOT CHECKED: no helm and kubectl in {}: run tests/setup.sh",
        folder.display()
    );
    None
}

/// `deploy/*.yaml`.
fn plain() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("deploy"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    files
}

#[test]
fn deploy_plain_manifests_validate_strictly_and_keep_the_rules() {
    let files = plain();
    let paths: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let said = checked("manifests.py", &paths);
    assert_eq!(said.lines().count(), files.len(), "{said}");
    for mode in ["['base-url']", "['transparent']"] {
        assert!(said.contains(mode), "{said}");
    }
}

#[test]
fn deploy_the_checks_find_every_mistake_that_they_are_for() {
    checked("charts.py", &["mutants"]);
}

#[test]
fn deploy_the_chart_lints_renders_and_validates_for_each_values_set() {
    if let Some(tools) = tools() {
        checked("charts.py", &["helm", &tools]);
    }
}

#[test]
fn deploy_the_components_put_the_sidecar_before_the_apps_own_containers() {
    if let Some(tools) = tools() {
        checked("charts.py", &["kustomize", &tools]);
    }
}

#[test]
fn deploy_plain_yaml_and_components_agree() {
    if let Some(tools) = tools() {
        checked("charts.py", &["agree", &tools]);
    }
}

#[test]
fn deploy_every_argument_that_a_container_is_given_is_known() {
    if let Some(tools) = tools() {
        let binary = sidecar::binary();
        checked(
            "beside.py",
            &["arguments", &tools, binary.to_str().unwrap()],
        );
    }
}

#[test]
fn deploy_inject_adds_what_the_components_add() {
    if let Some(tools) = tools() {
        let binary = sidecar::binary();
        checked("beside.py", &["inject", &tools, binary.to_str().unwrap()]);
    }
}

#[test]
fn deploy_the_webhook_starts_as_the_chart_says_and_is_trusted() {
    if let Some(tools) = tools() {
        let binary = sidecar::binary();
        checked("beside.py", &["webhook", &tools, binary.to_str().unwrap()]);
    }
}

#[test]
fn deploy_every_configuration_inside_is_accepted_by_the_binary() {
    let files = plain();
    let mut arguments = vec!["--configs"];
    arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
    let mut printed = vec![python("manifests.py", &arguments)];
    if let Some(tools) = tools() {
        printed.push(python("charts.py", &["configs", &tools]));
    }
    let mut seen = 0;
    for output in printed {
        assert!(output.status.success(), "{output:?}");
        let found: Vec<(String, String)> = serde_json::from_slice(&output.stdout).unwrap();
        for (place, config) in found {
            accepted(&place, &config);
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} configurations");
}

/// Has `outrigger check` read it, with the policies of this build where a pod has its own.
fn accepted(place: &str, config: &str) {
    let folder = tempfile::tempdir().unwrap();
    let policies = sidecar::policy("pii-redact");
    let policies = policies.parent().unwrap().to_str().unwrap();
    let here = config
        .replace("/etc/outrigger/policies", policies)
        .replace("/usr/share/outrigger/policies", policies)
        .replace(
            "/var/cache/outrigger",
            target().join("test-cache").to_str().unwrap(),
        );
    std::fs::write(folder.path().join("outrigger.yaml"), here).unwrap();
    let keys = [
        ("OPENAI_API_KEY", "sk-test"),
        ("ANTHROPIC_API_KEY", "sk-test"),
    ];
    let arguments = ["check", "--config", "outrigger.yaml"];
    let (code, said) = sidecar::run_to_end(&arguments, folder.path(), &keys);
    assert_eq!(code, Some(0), "{place}: {said}");
}
