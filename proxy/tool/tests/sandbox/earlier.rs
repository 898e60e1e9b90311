//! Policies that were built against versions 0.2 and 0.3 of the contract: they load, see passages,
//! edit replies, answer failures and see ends.

use super::*;

fn earlier(version: Version, name: &str, config: &str) -> Source {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data")
        .join(format!("policies-{}", version.line()));
    Source {
        name: name.into(),
        bytes: fs::read(folder.join(format!("{name}.wasm"))).unwrap(),
        config: config.into(),
        grants: grants(),
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
    edits(Version::V0_2).await;
}

#[tokio::test]
async fn a_policy_of_0_3_reads_and_edits_a_request_and_a_stream() {
    edits(Version::V0_3).await;
}

async fn edits(version: Version) {
    let policy = loader().load(earlier(version, "hide-word", HIDE)).unwrap();
    assert_eq!(policy.info().contract, version);
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
    let load = |name| loader().load(earlier(Version::V0_2, name, "{}")).unwrap();
    let policy = load("pii-redact");
    assert_eq!(policy.manifest().reads, Places::ALL);
    assert!(policy.manifest().hooks.request && policy.manifest().hooks.reply);
    let policy = load("noop");
    assert!(policy.manifest().reads.is_empty());
}

#[tokio::test]
async fn personal_data_in_any_place_is_redacted_by_a_policy_of_0_2() {
    let source = earlier(Version::V0_2, "pii-redact", "{}");
    let policy = loader().load(source).unwrap();
    let (call, outcome) = ask(&policy, "write to bob@example.com").await;
    outcome.unwrap();
    let sent = String::from_utf8(call.body.render().to_vec()).unwrap();
    assert!(!sent.contains("bob@example.com"), "{sent}");
}

/// A policy of 0.3 that misbehaves as its configuration says.
fn unruly(config: &str) -> Arc<Policy> {
    let source = earlier(Version::V0_3, "unruly", config);
    loader().load(source).unwrap()
}

#[tokio::test]
async fn a_policy_of_0_3_answers_a_failure_and_sees_the_end_without_what_came_since() {
    let attempts = vec![AttemptMade::default()];
    let failure = Failure {
        status: 502,
        code: "upstream_connect".into(),
        class: "refused".into(),
        attempts: attempts.clone(),
    };
    let policy = unruly(r#"{"failure":"reply"}"#);
    let turn = policy.start().unwrap().on_failure(Arc::new(failure)).await;
    let (instance, decision) = turn.unwrap();
    assert_eq!(decision, Decision::Reply("502 upstream_connect".into()));
    let outcome = Outcome {
        error: Some("upstream_connect".into()),
        attempts,
        ..Outcome::default()
    };
    assert_eq!(instance.on_end(Arc::new(outcome)).await, Ok(()));
}

#[tokio::test]
async fn every_decision_of_a_policy_of_0_3_means_what_it_did() {
    let decide = async |how: &str| {
        let policy = unruly(&format!(r#"{{"request":"{how}"}}"#));
        let (call, outcome) = ask(&policy, "hi").await;
        (call, outcome.map(|(_, decision)| decision))
    };
    let (call, decision) = decide("edit").await;
    assert_eq!(decision, Ok(Decision::Forward));
    assert_eq!(call.body.model(), Some("edited"));
    let (_, decision) = decide("echo_config").await;
    let echoed = r#"{"request":"echo_config"}"#.to_owned();
    assert_eq!(decision, Ok(Decision::Reply(echoed)));
    let (_, decision) = decide("refuse").await;
    assert!(matches!(decision, Ok(Decision::Refuse(denial)) if denial.code == "no_way"));
    for (how, faults) in [("values", false), ("clock", false), ("trap", true)] {
        let (_, decision) = decide(how).await;
        assert_eq!(decision.is_err(), faults, "{how}: {decision:?}");
    }
}

#[test]
fn a_child_compiles_policies_of_earlier_contracts_and_the_cache_keeps_them_apart_from_today_s() {
    let home = tempfile::tempdir().unwrap();
    let compiler = Compiler::Child(env!("CARGO_BIN_EXE_outrigger-tool").into());
    let cache = Some(home.path().join("cache"));
    let loader = Loader::new(Options::default(), cache, compiler, Host::none()).unwrap();
    for cached in [false, true] {
        let new = loader.load(source("{}")).unwrap();
        assert_eq!(
            (new.info().contract, new.info().cached),
            (Version::V0_4, cached)
        );
        for version in [Version::V0_2, Version::V0_3] {
            let old = loader.load(earlier(version, "hide-word", HIDE)).unwrap();
            assert_eq!((old.info().contract, old.info().cached), (version, cached));
        }
    }
}
