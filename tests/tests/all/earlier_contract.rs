//! Deployed policies, built against versions 0.2 and 0.3 of the contract, go on loading.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, sidecar};

use super::config;

fn file(version: &str, name: &str) -> std::path::PathBuf {
    outrigger_tests::root().join(format!("tests/data/policies-{version}/{name}.wasm"))
}

#[test]
fn a_policy_of_0_2_sees_passages_and_edits_a_stream() {
    sees_and_edits("0.2");
}

#[test]
fn a_policy_of_0_3_sees_passages_and_edits_a_stream() {
    sees_and_edits("0.3");
}

fn sees_and_edits(version: &str) {
    let upstream = Upstream::start(|seen, _| {
        if seen.json()["stream"] == true {
            replies::stream(&Api::Chat.events(&["of <pro", "ject> I ", "know"]))
        } else {
            vec![Step::Send(replies::json_body(
                &Api::Chat.whole("of <project>"),
            ))]
        }
    });
    let chain = "[{ use: hide-word, config: { hide: Apollo, show: \"<project>\" } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let before = sidecar.generation();
    let policy = std::fs::read(file(version, "hide-word")).unwrap();
    sidecar.place("hide-word", &policy);
    outrigger_tests::eventually("it serves", || sidecar.generation() > before);
    for stream in [false, true] {
        let ask = Api::Chat.ask("m", "tell me of Apollo", stream).to_string();
        let reply = sidecar.post(Api::Chat.path(), ask);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains("Apollo"), "{}", reply.text());
        assert!(!reply.text().contains("<pro"), "{}", reply.text());
    }
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2);
    for request in &seen {
        let text = request.json().to_string();
        assert!(
            text.contains("of <project>") && !text.contains("Apollo"),
            "{text}"
        );
    }
}

#[test]
fn inspect_names_the_contract_that_a_policy_was_built_for() {
    let here = std::path::Path::new(".");
    for (file, contract) in [
        (file("0.2", "noop"), "0.2"),
        (file("0.3", "noop"), "0.3"),
        (sidecar::policy("noop"), "0.4"),
    ] {
        let (code, said) =
            sidecar::run_to_end(&["policy", "inspect", file.to_str().unwrap()], here, &[]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("contract  {contract}\n")), "{said}");
    }
}

#[test]
fn inspect_refuses_a_module_by_the_proposal_that_it_uses() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sections) in [
        ("gc", &b"\x01\x03\x01\x5f\x00"[..]),
        ("threads", b"\x05\x04\x01\x03\x01\x01"),
        ("memory64", b"\x05\x03\x01\x04\x01"),
    ] {
        let path = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&path, [b"\0asm\x01\0\0\0", sections].concat()).unwrap();
        let arguments = ["policy", "inspect", path.to_str().unwrap()];
        let (code, said) = sidecar::run_to_end(&arguments, folder.path(), &[]);
        assert_ne!(code, Some(0), "{said}");
        assert!(said.contains(&format!("no policy may: {name};")), "{said}");
    }
}
