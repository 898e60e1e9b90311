//! `check --explain`: its words about an alias before anything is sent.

use outrigger_tests::failover::Setup;
use outrigger_tests::replies::Api;
use outrigger_tests::{Provider, sidecar};

fn explained(setup: &Setup, model: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outrigger.yaml");
    let listens = "listen: { base_url: \"127.0.0.1:0\" }\nadmin: \"127.0.0.1:0\"\n";
    std::fs::write(&file, format!("{listens}{}", setup.text())).unwrap();
    let file = file.to_str().unwrap();
    let arguments = ["check", "--config", file, "--explain", model];
    sidecar::run_to_end(&arguments, folder.path(), &[])
}

#[test]
fn an_alias_is_explained_by_the_order_of_its_targets_and_why() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let setup = Setup::alias(Api::Chat, &[&a, &b], "strategy: fallback");
    let (code, text) = explained(&setup, "fast");
    assert_eq!(code, Some(0), "{text}");
    let at = |word: &str| {
        text.find(word)
            .unwrap_or_else(|| panic!("no {word}: {text}"))
    };
    assert!(at("a/m") < at("b/m"), "{text}");
    assert!(text.contains("fallback"), "{text}");
    assert!(!text.contains("key-of-a"), "{text}");
    assert_eq!((a.count(), b.count()), (0, 0), "nobody is asked");
}

#[test]
fn cheapest_is_explained_by_prices_and_an_unknown_name_is_an_error() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let setup = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [a/gpt-4o, b/gpt-4o-mini], strategy: cheapest }");
    let (code, text) = explained(&setup, "fast");
    assert_eq!(code, Some(0), "{text}");
    let at = |word: &str| {
        text.find(word)
            .unwrap_or_else(|| panic!("no {word}: {text}"))
    };
    assert!(at("b/gpt-4o-mini") < at("a/gpt-4o"), "{text}");
    let (code, text) = explained(&setup, "nobody");
    assert_ne!(code, Some(0), "{text}");
    assert!(text.contains("nobody"), "{text}");
}
