//! Policies that were built against version 0.2 of the contract: they load, see passages and edit
//! replies.

use super::*;

fn earlier(name: &str, config: &str) -> Source {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/policies-0.2");
    Source {
        name: name.into(),
        bytes: fs::read(folder.join(format!("{name}.wasm"))).unwrap(),
        config: config.into(),
        grants: Grants::default(),
        limits: PolicyLimits {
            cpu: Duration::from_secs(1),
            wall: Duration::from_secs(5),
            ..source(config).limits
        },
    }
}

const HIDE: &str = r#"{"hide":"Apollo","show":"<project>"}"#;

#[tokio::test]
async fn a_policy_of_0_2_reads_and_edits_a_request_and_a_stream() {
    let policy = loader().load(earlier("hide-word", HIDE)).unwrap();
    assert_eq!(policy.info().contract, Version::V0_2);
    let (call, outcome) = ask(&policy, "about Apollo").await;
    let (mut instance, decision) = outcome.unwrap();
    assert_eq!(decision, Decision::Forward);
    let sent: serde_json::Value = serde_json::from_slice(&call.body.render()).unwrap();
    assert_eq!(sent["messages"][0]["content"], "about <project>");

    let mut text = String::new();
    for (piece, last) in [("so <pro", false), ("ject> it is", false), ("", true)] {
        let piece = Delta {
            last,
            ..delta(piece)
        };
        let (next, texts) = instance
            .on_reply(head(), vec![piece.clone()])
            .await
            .unwrap();
        let texts = texts.unwrap();
        text += texts
            .first()
            .and_then(Option::as_deref)
            .unwrap_or(&piece.text);
        instance = next;
    }
    assert_eq!(text, "so Apollo it is");
}

#[test]
fn a_policy_of_0_2_that_reads_everything_reads_what_nobody_named() {
    let policy = loader().load(earlier("pii-redact", "{}")).unwrap();
    assert_eq!(policy.manifest().reads, Places::ALL);
    assert!(policy.manifest().hooks.request && policy.manifest().hooks.reply);
    let policy = loader().load(earlier("noop", "{}")).unwrap();
    assert!(policy.manifest().reads.is_empty());
}

#[tokio::test]
async fn personal_data_in_any_place_is_redacted_by_a_policy_of_0_2() {
    let policy = loader().load(earlier("pii-redact", "{}")).unwrap();
    let (call, outcome) = ask(&policy, "write to bob@example.com").await;
    outcome.unwrap();
    let sent = String::from_utf8(call.body.render().to_vec()).unwrap();
    assert!(!sent.contains("bob@example.com"), "{sent}");
}

#[test]
fn a_child_compiles_a_policy_of_0_2_and_the_cache_keeps_it_apart_from_today_s() {
    let home = tempfile::tempdir().unwrap();
    let compiler = Compiler::Child(env!("CARGO_BIN_EXE_outrigger-tool").into());
    let cache = Some(home.path().join("cache"));
    let loader = Loader::new(Options::default(), cache, compiler, Host::none()).unwrap();
    for cached in [false, true] {
        let old = loader.load(earlier("hide-word", HIDE)).unwrap();
        let new = loader.load(source("{}")).unwrap();
        assert_eq!(
            (old.info().contract, new.info().contract),
            (Version::V0_2, Version::V0_4)
        );
        assert_eq!((old.info().cached, new.info().cached), (cached, cached));
    }
}
