//! Item 9: the manifests, without a cluster.

use std::process::Command;

#[test]
fn item_09_the_sidecar_manifest_validates_strictly_and_keeps_the_rules() {
    let root = outrigger_tests::root();
    let output = Command::new("python3")
        .arg(root.join("tests/clients/manifests.py"))
        .arg(root.join("deploy/sidecar.yaml"))
        .env("PYTHONPATH", outrigger_tests::target().join("python"))
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    eprintln!("{said}");
}

#[test]
fn item_09_the_configuration_inside_the_manifest_is_accepted() {
    // Only what `check` reads: policies are mounted there, not here.
    let root = outrigger_tests::root();
    let output = Command::new("python3")
        .arg(root.join("tests/clients/manifests.py"))
        .arg(root.join("deploy/sidecar.yaml"))
        .arg("--print-config")
        .env("PYTHONPATH", outrigger_tests::target().join("python"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    for name in ["pii-redact", "model-router"] {
        std::fs::copy(
            outrigger_tests::sidecar::policy(name),
            policies.join(format!("{name}.wasm")),
        )
        .unwrap();
    }
    let config = String::from_utf8(output.stdout)
        .unwrap()
        .replace("/etc/outrigger/policies", policies.to_str().unwrap())
        .replace("/var/cache/outrigger", folder.path().to_str().unwrap());
    std::fs::write(folder.path().join("outrigger.yaml"), config).unwrap();
    let environment = [
        ("OPENAI_API_KEY", "sk-test"),
        ("ANTHROPIC_API_KEY", "sk-test"),
    ];
    let (code, said) = outrigger_tests::sidecar::run_to_end(
        &["check", "--config", "outrigger.yaml"],
        folder.path(),
        &environment,
    );
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn item_09_the_image_is_small_and_runs_as_nobody() {
    let text = std::fs::read_to_string(outrigger_tests::root().join("deploy/Dockerfile")).unwrap();
    let last_stage = text.rsplit("\nFROM ").next().unwrap();
    assert!(last_stage.starts_with("gcr.io/distroless/"), "{last_stage}");
    assert!(last_stage.contains("USER 13370:13370"), "{last_stage}");
    assert!(
        !last_stage.contains("RUN "),
        "nothing is built in the last stage: {last_stage}"
    );
}

#[test]
fn item_09_every_example_configuration_is_accepted() {
    let root = outrigger_tests::root();
    let policies = outrigger_tests::sidecar::policy("pii-redact")
        .parent()
        .unwrap()
        .display()
        .to_string();
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("examples"))
        .unwrap()
        .map(Result::unwrap)
    {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let environment = [
                ("OPENAI_API_KEY", "sk-test"),
                ("ANTHROPIC_API_KEY", "sk-test"),
                ("OUTRIGGER_POLICIES", policies.as_str()),
            ];
            let (code, said) = outrigger_tests::sidecar::run_to_end(
                &["check", "--config", path.to_str().unwrap()],
                &root,
                &environment,
            );
            assert_eq!(code, Some(0), "{}: {said}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 3);
}
