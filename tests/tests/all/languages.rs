//! Policies in other languages: they pass the cases of those in Rust whose work they do.

use std::path::Path;
use std::process::Command;

use outrigger_tests::{root, sidecar, target};

fn passes(policy: &Path, cases: &str) {
    let cases = root().join(format!("examples/policies/{cases}/{cases}.cases.yaml"));
    let files = [policy, &cases].map(|path| path.to_str().unwrap());
    let (code, said) = sidecar::run_to_end(&["policy", "test", files[0], files[1]], &root(), &[]);
    assert_eq!(code, Some(0), "{}: {said}", policy.display());
}

/// Builds the policies of one language. False where its tools are not there.
fn is_built(language: &str) -> bool {
    let output = Command::new(root().join("examples/languages/build.sh"))
        .arg(language)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let missing = output.status.code() == Some(3);
    if missing {
        eprintln!("NOT TESTED: {}", said.trim_end());
    }
    assert!(missing || output.status.success(), "{language}: {said}");
    !missing
}

#[test]
fn a_policy_that_was_built_from_c_goes_on_loading() {
    let built = root().join("tests/data/languages/hide-word-c.wasm");
    passes(&built, "hide-word");
    let arguments = ["policy", "inspect", built.to_str().unwrap()];
    let (code, said) = sidecar::run_to_end(&arguments, &root(), &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("give `hide` and `show`"), "{said}");
}

#[test]
fn the_policies_in_other_languages_build_and_pass_the_cases_of_those_in_rust() {
    for (language, policies) in [
        ("c", &["hide-word"][..]),
        ("javascript", &["hide-word", "model-allowlist"]),
    ] {
        if is_built(language) {
            for name in policies {
                let file = target().join(format!("languages/{name}-{language}.wasm"));
                passes(&file, name);
            }
        }
    }
}
