#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests make their own instants")]

mod fakes;
mod judged;
mod withheld;

use std::{sync::atomic::Ordering, time::Instant};

use bytes::Bytes;
use dialect::{Delta, Dialect, Place, request::Body};
use http::{HeaderMap, Method};

use fakes::{Does, Events, Fake};

use super::*;
use crate::{Call, ConnectionId, Failure, Hooks, Manifest, Outcome, ReplyHead, Rescue};

fn chain(policies: &[(&str, Does, Effect)]) -> (Chain, Arc<Events>) {
    let events = Arc::new(Events::default());
    let policy = |(name, does, on_error): &(&str, Does, Effect)| {
        Arc::new(LoadedPolicy {
            name: (*name).into(),
            version: "1".into(),
            program: Arc::new(Fake {
                manifest: Manifest {
                    name: (*name).into(),
                    version: "1".into(),
                    hooks: Hooks {
                        request: true,
                        reply: !matches!(does, Does::Judges),
                        end: !matches!(does, Does::Judges | Does::Reads),
                        failure: !matches!(does, Does::Judges | Does::Reads),
                        attempt: matches!(does, Does::HoldsReplies),
                    },
                    reads: Places::ALL,
                    rewrites: Places::NONE.with(Place::Assistant),
                    config_schema: String::new(),
                },
                does: *does,
                alive: Arc::clone(&events.1),
            }),
            on_error: *on_error,
            on_unseen: Effect::Block.into(),
            limits: PolicyLimits {
                held_bytes: 8,
                ..PolicyLimits::default()
            },
            quarantine: Quarantine::default(),
            calls: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            listener: Arc::clone(&events) as Arc<dyn Listener>,
        })
    };
    let policies = policies.iter().map(policy).collect();
    (Chain::new(policies), events)
}

fn call() -> Box<Call> {
    let body = Body::wire(Dialect::OpenaiChat, Bytes::from_static(b"{}"));
    Box::new(Call::new(
        "id".into(),
        Dialect::OpenaiChat,
        Method::POST,
        "/".into(),
        HeaderMap::new(),
        body,
    ))
}

fn head() -> Arc<ReplyHead> {
    Arc::new(ReplyHead {
        status: 200,
        headers: HeaderMap::new(),
        streaming: true,
        dialect: Dialect::OpenaiChat,
    })
}

fn delta(place: Place, text: &str) -> Delta {
    Delta {
        channel: place as u32,
        choice: 0,
        place,
        json: false,
        text: text.into(),
        last: false,
    }
}

fn run(chain: &Chain) -> Run {
    Run::new(chain, Instant::now)
}

/// Shows a text of the assistant.
async fn show(run: &mut Run, text: &str) -> Result<Vec<Option<String>>, Stop> {
    let deltas = vec![delta(Place::Assistant, text)];
    run.on_reply(&head(), deltas).await
}

#[tokio::test]
async fn requests_go_down_the_chain_and_replies_come_back_up_it() {
    let (chain, _) = chain(&[
        ("a", Does::Signs, Effect::Block),
        ("b", Does::Signs, Effect::Block),
    ]);
    let mut run = run(&chain);
    let call = run.on_request(call(), None).await.unwrap();
    assert_eq!(call.headers()["x-signed"], "ab");
    let texts = show(&mut run, "-").await.unwrap();
    assert_eq!(texts, [Some("-ba".to_owned())]);
}

#[tokio::test]
async fn an_instance_that_no_hook_will_call_again_is_dropped_after_its_last_one() {
    let (chain, events) = chain(&[
        ("a", Does::Judges, Effect::Block),
        ("b", Does::Signs, Effect::Block),
        ("c", Does::Reads, Effect::Block),
    ]);
    let programs = chain.policies().len();
    let instances = || Arc::strong_count(&events.1) - 1 - programs;
    let mut run = run(&chain);
    let call = run.on_request(call(), None).await.unwrap();
    assert_eq!(
        (call.headers()["x-signed"].to_str().unwrap(), instances()),
        ("abc", 2)
    );
    show(&mut run, "-").await.unwrap();
    assert_eq!(instances(), 2, "a stream goes on");
    let whole = Arc::new(ReplyHead {
        streaming: false,
        ..(*head()).clone()
    });
    let deltas = vec![delta(Place::Assistant, "-")];
    run.on_reply(&whole, deltas).await.unwrap();
    assert_eq!(instances(), 1);
    drop(run);
    assert_eq!(instances(), 0);
}

#[tokio::test]
async fn places_that_nobody_subscribed_to_are_shown_to_nobody() {
    let (chain, events) = chain(&[("a", Does::Signs, Effect::Block)]);
    let mut run = run(&chain);
    let texts = run
        .on_reply(&head(), vec![delta(Place::Reasoning, "-")])
        .await
        .unwrap();
    assert!(texts.is_empty() && events.0.lock().is_empty());
    let both = vec![delta(Place::Reasoning, "-"), delta(Place::Assistant, "-")];
    assert_eq!(
        run.on_reply(&head(), both).await.unwrap(),
        [None, Some("-a".to_owned())]
    );
}

#[tokio::test]
async fn a_skipped_fault_leaves_no_trace_in_the_request() {
    let (chain, events) = chain(&[
        ("a", Does::TrapsAfterEdit, Effect::Skip),
        ("b", Does::Signs, Effect::Block),
    ]);
    let mut run = run(&chain);
    let call = run.on_request(call(), None).await.unwrap();
    assert_eq!(call.headers()["x-signed"], "b");
    // … and the policy is not called for the reply either.
    let texts = show(&mut run, "-").await.unwrap();
    assert_eq!(texts, [Some("-b".to_owned())]);
    assert_eq!(
        *events.0.lock(),
        ["a request trap", "b request edited", "b reply edited"]
    );
}

#[tokio::test]
async fn a_blocked_fault_ends_the_exchange_and_five_open_the_breaker() {
    let (chain, events) = chain(&[("a", Does::TrapsAfterEdit, Effect::Block)]);
    for n in 0..7 {
        let (mut run, mut call) = (run(&chain), call());
        call.connection = Some(ConnectionId(n % 2));
        let Err(Stop::Failed(policy, fault)) = run.on_request(call, None).await else {
            panic!("the exchange went on")
        };
        assert_eq!(&*policy.name, "a");
        assert_eq!(fault == Fault::Quarantined, n >= 5, "{n}: {fault}");
        assert_eq!(
            events.0.lock().contains(&"a quarantined true".to_owned()),
            n >= 4
        );
    }
    assert_eq!(chain.policies()[0].faults.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_refusal_or_reply_stops_the_chain_where_it_is() {
    for (does, verdict) in [
        (Does::Refuses, Verdict::Refused),
        (Does::Replies, Verdict::Replied),
    ] {
        let (chain, _) = chain(&[
            ("a", does, Effect::Block),
            ("b", Does::Signs, Effect::Block),
        ]);
        let mut run = run(&chain);
        assert!(run.on_request(call(), None).await.is_err());
        let verdicts: Vec<_> = run
            .verdicts()
            .map(|(policy, verdict, _)| (policy.name.to_string(), verdict))
            .collect();
        assert_eq!(verdicts, [("a".to_owned(), verdict)]);
    }
}

#[tokio::test]
async fn each_policy_has_an_account_of_its_calls_its_edits_and_its_fault() {
    let (chain, _) = chain(&[
        ("a", Does::Signs, Effect::Block),
        ("b", Does::TrapsAfterEdit, Effect::Skip),
        ("c", Does::Judges, Effect::Block),
    ]);
    let mut run = run(&chain);
    drop(run.on_request(call(), None).await.unwrap());
    let accounts: Vec<String> = run
        .activities()
        .map(|(policy, verdict, activity, _)| {
            let Activity { request, fault, .. } = activity;
            let verdict = verdict.map_or("none", Verdict::label);
            let fault = fault.unwrap_or("-");
            format!(
                "{} {verdict} {} {} {fault}",
                policy.name, request.calls, request.edits
            )
        })
        .collect();
    assert_eq!(
        accounts,
        [
            "a edited 1 headers 1 -",
            "b skipped 1 none trap",
            "c edited 1 headers 1 -"
        ]
    );
}

#[tokio::test]
async fn what_nobody_can_read_is_left_to_policies_that_read_nothing() {
    let (chain, events) = chain(&[("a", Does::Refuses, Effect::Block)]);
    let mut run = run(&chain);
    assert!(run.on_request(call(), Some(("path", 7))).await.is_ok());
    run.report_coverage();
    let events = events.0.lock();
    assert_eq!(*events, [r#"a covered 0 [("path", 7)]"#]);
}

#[tokio::test]
async fn what_one_text_is_too_much_for_opens_no_breaker() {
    let (chain, events) = chain(&[("a", Does::RunsOut, Effect::Block)]);
    for n in 0..20 {
        let (mut run, mut call) = (run(&chain), call());
        call.connection = Some(ConnectionId(n));
        let stop = run.on_request(call, None).await;
        assert!(matches!(stop, Err(Stop::Failed(_, Fault::CpuTime))), "{n}");
    }
    let events = events.0.lock();
    assert!(events.iter().all(|line| line == "a request cpu_time"));
}

#[tokio::test]
async fn a_failure_is_answered_by_the_last_policy_that_was_called_and_answers() {
    let failure = Arc::new(Failure {
        status: 502,
        code: "upstream_connect".into(),
        ..Failure::default()
    });
    let (chain, _) = chain(&[
        ("first", Does::Signs, Effect::Block),
        ("second", Does::Swallows, Effect::Block),
    ]);
    let mut run = Run::new(&chain, Instant::now);
    assert!(!run.rescues());
    assert_eq!(run.on_failure(&failure).await, None, "none was called");
    run.on_request(call(), None).await.unwrap();
    assert!(run.rescues());
    let answer = run.on_failure(&failure).await;
    assert_eq!(answer, Some(Rescue::Text("first 502".to_owned())));
}

#[tokio::test]
async fn each_policy_has_targets_tried_once_and_then_the_next_one_answers() {
    let (chain, events) = chain(&[
        ("a", Does::Signs, Effect::Block),
        ("b", Does::Retries, Effect::Block),
        ("c", Does::Retries, Effect::Block),
    ]);
    let mut run = Run::new(&chain, Instant::now);
    run.on_request(call(), None).await.unwrap();
    events.0.lock().clear();
    let failure = Arc::new(Failure::default());
    for answer in [
        Rescue::TryNow(vec!["c".to_owned()]),
        Rescue::TryNow(vec!["b".to_owned()]),
        Rescue::Text("a 0".to_owned()),
    ] {
        assert_eq!(run.on_failure(&failure).await, Some(answer));
    }
    assert_eq!(
        *events.0.lock(),
        [
            "c failure retried",
            "c failure forwarded",
            "b failure retried",
            "c failure forwarded",
            "b failure forwarded",
            "a failure replied"
        ]
    );
    let verdicts = run.verdicts().map(|(_, verdict, _)| verdict);
    assert!(verdicts.eq([Verdict::Replied, Verdict::Retried, Verdict::Retried]));
}
