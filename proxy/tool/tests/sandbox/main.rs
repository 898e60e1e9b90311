//! A policy that misbehaves in all its modes, in the real sandbox: what each comes to, and that
//! nobody else notices.
//!
//! Needs `unruly.wasm` (tests/policies/unruly) in target/test-policies, where `plugins/build.sh
//! --tests` puts it, or in the directory that OUTRIGGER_TEST_POLICIES names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use dialect::{Delta, Dialect, Place, Places, request::Body};
use outrigger::telemetry::metrics::PolicyMeters;
use policy::{
    AttemptMade, AttemptReply, AttemptVerdict, Call, Candidate, CandidatePrice, Decision,
    Estimates, Failure, Fault, Instance, Outcome, PolicyLimits, Program, ReplyHead, Unit,
};
use sandbox::{
    Compiler, Grants, Host, Loader, Options, Policy, Source, Version,
    capabilities::{BODY, CREDENTIALS, FETCH, VALUES},
};

mod earlier;
mod faults;
mod foreign;
mod hooks;
mod loading;
mod services;
mod targets;
mod trimming;

fn file(name: &str) -> Vec<u8> {
    let directory = std::env::var_os("OUTRIGGER_TEST_POLICIES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-policies"),
        PathBuf::from,
    );
    let path = directory.join(name);
    fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; run `plugins/build.sh --tests`", path.display()))
}

fn source(config: &str) -> Source {
    Source {
        name: "unruly".into(),
        bytes: file("unruly.wasm"),
        config: config.into(),
        grants: grants(),
        limits: PolicyLimits {
            cpu: Duration::from_millis(10),
            cpu_per_kib: Duration::from_micros(100),
            wall: Duration::from_millis(500),
            memory: 4 << 20,
            held_bytes: 4096,
            held_time: Duration::from_secs(10),
        },
    }
}

/// All that the file imports.
fn grants() -> Grants {
    Grants::default()
        .with(&VALUES)
        .with_hosts(&FETCH, ["granted.example"])
}

/// Nothing but meters.
fn host() -> Host {
    Host {
        metrics: Arc::new(PolicyMeters),
        ..Host::none()
    }
}

/// One loader and one cache for all tests of this file: compiling is what takes the time.
fn loader() -> &'static Loader {
    static LOADER: OnceLock<Loader> = OnceLock::new();
    LOADER.get_or_init(|| {
        let cache = std::env::temp_dir().join(format!("outrigger-sandbox-{}", std::process::id()));
        Loader::new(Options::default(), Some(cache), Compiler::InProcess, host())
            .unwrap()
            .load_time(Duration::from_millis(500))
    })
}

fn load(config: &str) -> Arc<Policy> {
    loader().load(source(config)).unwrap()
}

fn call(text: &str) -> Box<Call> {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", "Bearer canary".parse().unwrap());
    headers.insert("x-team", "blue".parse().unwrap());
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}},{{"role":"assistant","content":"unseen"}}]}}"#
    );
    let mut body = Body::wire(Dialect::OpenaiChat, body.into());
    body.index().unwrap();
    Box::new(Call::new(
        "x1".into(),
        Dialect::OpenaiChat,
        http::Method::POST,
        "/v1/chat/completions?key=canary".into(),
        headers,
        body,
    ))
}

fn head() -> Arc<ReplyHead> {
    Arc::new(ReplyHead {
        status: 200,
        headers: http::HeaderMap::new(),
        streaming: true,
        dialect: Dialect::OpenaiChat,
    })
}

fn attempted() -> Arc<AttemptReply> {
    Arc::new(AttemptReply {
        target: "a/m".into(),
        status: 200,
        streaming: true,
        ended: false,
        finish: Some("stop".into()),
    })
}

fn delta(text: &str) -> Delta {
    Delta {
        channel: 0,
        choice: 0,
        place: Place::Assistant,
        json: false,
        text: text.into(),
        last: false,
    }
}

type AfterRequest = (Box<Call>, Result<(Box<dyn Instance>, Decision), Fault>);

async fn ask(policy: &Policy, text: &str) -> AfterRequest {
    policy.start().unwrap().on_request(call(text)).await
}

/// The fault of one hook of a fresh instance, if it has one.
async fn fault_at(policy: &Policy, hook: &str) -> Option<Fault> {
    let instance = policy.start().unwrap();
    match hook {
        "request" => {
            let (call, outcome) = instance.on_request(call("hi")).await;
            assert_eq!(call.id, "x1", "the request comes back");
            outcome.err()
        }
        "attempt" => (instance.on_attempt(attempted(), vec![delta("hi")]).await).err(),
        "reply" => instance.on_reply(head(), vec![delta("hi")]).await.err(),
        _ => instance.on_end(Arc::new(Outcome::default())).await.err(),
    }
}
