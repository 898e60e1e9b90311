//! The example of a provider's bad hour, as its reader runs it.

use std::process::Command;

use outrigger_tests::{root, sidecar};

#[test]
fn the_example_shows_providers_failing_and_no_app_noticing() {
    let output = Command::new(root().join("examples/resilience/run.sh"))
        .env("OUTRIGGER_BIN", sidecar::binary())
        .env("SECONDS_PER_ACT", "3")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("errors that an app saw: 0"), "{text}");
    for class in ["success", "overload", "maybe_done"] {
        assert!(text.contains(&format!("{class} ")), "no {class} in {text}");
    }
    let acts = [
        "all is well",
        "north dies",
        "south falls silent",
        "both recover",
    ];
    for act in acts {
        assert!(text.contains(act), "{text}");
    }
    assert!(text.contains(": open"), "a breaker opened: {text}");
}
