#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests make their own instants")]

use std::{sync::atomic::Ordering, time::Instant};

use bytes::Bytes;
use dialect::{Delta, Dialect, Place, request::Body};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;

use super::*;
use crate::{
    Call, ConnectionId, Decision, Failure, Hooks, Instance, Manifest, Outcome, ReplyHead, Rescued,
    Work,
};

/// The behaviour of a policy in these tests.
#[derive(Clone, Copy)]
enum Does {
    /// Appends its name to the header `x-way` and to each text.
    Signs,
    /// Edits, then traps.
    TrapsAfterEdit,
    /// Withholds all it is shown, for ever.
    Swallows,
    /// Has no time for what it is shown.
    RunsOut,
    /// Returns each text behind the one before it.
    Lags,
    Refuses,
    Replies,
    /// Forwards requests, and has no other hook.
    Judges,
}

struct Fake {
    manifest: Manifest,
    does: Does,
    alive: Arc<()>,
}

struct FakeInstance {
    name: String,
    does: Does,
    last: String,
    _alive: Arc<()>,
}

impl Program for Fake {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn start(&self) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(FakeInstance {
            name: self.manifest.name.clone(),
            does: self.does,
            last: String::new(),
            _alive: Arc::clone(&self.alive),
        }))
    }
    fn memory_high_water(&self) -> u64 {
        0
    }
}

fn denial() -> Denial {
    Denial {
        status: 403,
        code: "no".into(),
        message: "no".into(),
        retry_after_ms: None,
    }
}

impl Instance for FakeInstance {
    fn on_request(
        self: Box<Self>,
        mut call: Box<Call>,
    ) -> Work<(Box<Call>, Result<(Box<dyn Instance>, Decision), Fault>)> {
        Box::pin(async move {
            let way = call
                .headers()
                .get("x-way")
                .map_or("", |way| way.to_str().unwrap())
                .to_owned();
            let way = HeaderValue::try_from(format!("{way}{}", self.name)).unwrap();
            call.set_header(HeaderName::from_static("x-way"), Some(way));
            let turn: Result<(Box<dyn Instance>, Decision), Fault> = match self.does {
                Does::TrapsAfterEdit => Err(Fault::Trapped("unreachable".into())),
                Does::Refuses => Ok((self, Decision::Refuse(denial()))),
                Does::Replies => Ok((self, Decision::Reply("hello".into()))),
                Does::RunsOut => Err(Fault::CpuTime),
                Does::Signs | Does::Swallows | Does::Lags | Does::Judges => {
                    Ok((self, Decision::Forward))
                }
            };
            (call, turn)
        })
    }

    fn on_reply(
        mut self: Box<Self>,
        _: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<(Box<dyn Instance>, Result<Vec<Option<String>>, Denial>), Fault>> {
        Box::pin(async move {
            let texts = |edit: &dyn Fn(&str) -> String| {
                deltas.iter().map(|delta| Some(edit(&delta.text))).collect()
            };
            match self.does {
                Does::Signs => {
                    let texts = texts(&|text| format!("{text}{}", self.name));
                    Ok((self as Box<dyn Instance>, Ok(texts)))
                }
                Does::Swallows => {
                    let texts = texts(&|_| String::new());
                    Ok((self as Box<dyn Instance>, Ok(texts)))
                }
                Does::Refuses => Ok((self as Box<dyn Instance>, Err(denial()))),
                Does::Lags => {
                    let mut texts = Vec::new();
                    for delta in deltas {
                        texts.push(Some(std::mem::replace(&mut self.last, delta.text)));
                    }
                    Ok((self as Box<dyn Instance>, Ok(texts)))
                }
                Does::TrapsAfterEdit | Does::Replies | Does::RunsOut | Does::Judges => {
                    Err(Fault::CpuTime)
                }
            }
        })
    }

    fn on_failure(self: Box<Self>, failure: Arc<Failure>) -> Work<Result<Rescued, Fault>> {
        Box::pin(async move {
            match self.does {
                Does::Signs => {
                    let text = format!("{} {}", self.name, failure.status);
                    Ok((self as Box<dyn Instance>, Decision::Reply(text)))
                }
                Does::Refuses => Ok((self as Box<dyn Instance>, Decision::Refuse(denial()))),
                Does::TrapsAfterEdit => Err(Fault::CpuTime),
                _ => Ok((self as Box<dyn Instance>, Decision::Forward)),
            }
        })
    }

    fn on_end(self: Box<Self>, _: Arc<Outcome>) -> Work<Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>, Arc<()>);

impl Listener for Heard {
    fn called(
        &self,
        policy: &LoadedPolicy,
        hook: &'static str,
        outcome: &'static str,
        _: Duration,
    ) {
        self.0
            .lock()
            .push(format!("{} {hook} {outcome}", policy.name));
    }
    fn faulted(&self, _: &LoadedPolicy, _: &'static str, _: &Fault) {}
    fn quarantined(&self, policy: &LoadedPolicy, open: bool) {
        self.0
            .lock()
            .push(format!("{} quarantined {open}", policy.name));
    }
    fn withheld(&self, _: &LoadedPolicy, _: Duration, _: usize) {}
    fn covered(&self, policy: &LoadedPolicy, coverage: &Coverage) {
        let (shown, missed) = (coverage.shown(), coverage.missed());
        self.0
            .lock()
            .push(format!("{} covered {shown} {missed:?}", policy.name));
    }
}

fn chain(policies: &[(&str, Does, Effect)]) -> (Chain, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
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
                        end: !matches!(does, Does::Judges),
                        failure: !matches!(does, Does::Judges),
                    },
                    reads: Places::ALL,
                    rewrites: Places::NONE.with(Place::Assistant),
                    config_schema: String::new(),
                },
                does: *does,
                alive: Arc::clone(&heard.1),
            }),
            on_error: *on_error,
            on_unseen: Effect::Block.into(),
            limits: PolicyLimits {
                cpu: Duration::from_millis(10),
                cpu_per_kib: Duration::from_micros(100),
                wall: Duration::from_millis(50),
                memory: 1 << 24,
                held_bytes: 8,
                held_time: Duration::from_secs(10),
            },
            quarantine: Quarantine::default(),
            calls: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            listener: Arc::clone(&heard) as Arc<dyn Listener>,
        })
    };
    let policies = policies.iter().map(policy).collect();
    (Chain::new(policies), heard)
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

#[tokio::test]
async fn requests_go_down_the_chain_and_replies_come_back_up_it() {
    let (chain, _) = chain(&[
        ("a", Does::Signs, Effect::Block),
        ("b", Does::Signs, Effect::Block),
    ]);
    let mut run = run(&chain);
    let call = run.on_request(call(), None).await.unwrap();
    assert_eq!(call.headers()["x-way"], "ab");
    let texts = run
        .on_reply(&head(), vec![delta(Place::Assistant, "-")])
        .await
        .unwrap();
    assert_eq!(texts, [Some("-ba".to_owned())]);
}

#[tokio::test]
async fn an_instance_that_no_hook_will_call_again_is_dropped_after_its_last_one() {
    let (chain, heard) = chain(&[
        ("a", Does::Judges, Effect::Block),
        ("b", Does::Signs, Effect::Block),
    ]);
    let programs = chain.policies().len();
    let instances = || Arc::strong_count(&heard.1) - 1 - programs;
    let mut run = run(&chain);
    let call = run.on_request(call(), None).await.unwrap();
    assert_eq!(
        (call.headers()["x-way"].to_str().unwrap(), instances()),
        ("ab", 1)
    );
    drop(run);
    assert_eq!(instances(), 0);
}

#[tokio::test]
async fn places_that_nobody_subscribed_to_are_shown_to_nobody() {
    let (chain, heard) = chain(&[("a", Does::Signs, Effect::Block)]);
    let mut run = run(&chain);
    let texts = run
        .on_reply(&head(), vec![delta(Place::Reasoning, "-")])
        .await
        .unwrap();
    assert!(texts.is_empty() && heard.0.lock().is_empty());
    let both = vec![delta(Place::Reasoning, "-"), delta(Place::Assistant, "-")];
    assert_eq!(
        run.on_reply(&head(), both).await.unwrap(),
        [None, Some("-a".to_owned())]
    );
}

#[tokio::test]
async fn a_skipped_fault_leaves_no_trace_in_the_request() {
    let (chain, heard) = chain(&[
        ("a", Does::TrapsAfterEdit, Effect::Skip),
        ("b", Does::Signs, Effect::Block),
    ]);
    let mut run = run(&chain);
    let call = run.on_request(call(), None).await.unwrap();
    assert_eq!(call.headers()["x-way"], "b");
    // … and the policy is not called for the reply either.
    let texts = run
        .on_reply(&head(), vec![delta(Place::Assistant, "-")])
        .await
        .unwrap();
    assert_eq!(texts, [Some("-b".to_owned())]);
    assert_eq!(
        *heard.0.lock(),
        ["a request trap", "b request edited", "b reply edited"]
    );
}

#[tokio::test]
async fn a_blocked_fault_ends_the_exchange_and_five_close_the_door() {
    let (chain, heard) = chain(&[("a", Does::TrapsAfterEdit, Effect::Block)]);
    for n in 0..7 {
        let (mut run, mut call) = (run(&chain), call());
        call.connection = Some(ConnectionId(n % 2));
        let Err(Stop::Failed(policy, fault)) = run.on_request(call, None).await else {
            panic!("the exchange went on")
        };
        assert_eq!(&*policy.name, "a");
        assert_eq!(fault == Fault::Quarantined, n >= 5, "{n}: {fault}");
        assert_eq!(
            heard.0.lock().contains(&"a quarantined true".to_owned()),
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
async fn held_text_is_given_out_in_order_where_the_policy_may_be_skipped() {
    let (chain, _) = chain(&[("a", Does::Swallows, Effect::Skip)]);
    let mut run = run(&chain);
    let mut reads = Vec::new();
    for text in ["0123", "4567", "89ab", "cdef"] {
        let edits = run
            .on_reply(&head(), vec![delta(Place::Assistant, text)])
            .await
            .unwrap();
        reads.push(
            edits
                .into_iter()
                .next()
                .flatten()
                .unwrap_or_else(|| text.to_owned()),
        );
    }
    assert_eq!(reads, ["", "", "0123456789ab", "cdef"]);
}

#[tokio::test]
async fn held_text_of_a_channel_waits_for_that_channels_next_text() {
    let (chain, _) = chain(&[("a", Does::Swallows, Effect::Skip)]);
    let mut run = run(&chain);
    let on = |channel, text: &str| Delta {
        channel,
        ..delta(Place::Assistant, text)
    };
    run.on_reply(&head(), vec![on(1, "one")]).await.unwrap();
    let edits = run
        .on_reply(&head(), vec![on(2, "two, and too long")])
        .await
        .unwrap();
    assert_eq!(edits, [Some("two, and too long".to_owned())]);
    let edits = run.on_reply(&head(), vec![on(1, ".")]).await.unwrap();
    assert_eq!(edits, [Some("one.".to_owned())]);
}

#[tokio::test]
async fn held_text_over_its_bound_is_a_fault() {
    let (chain, _) = chain(&[("a", Does::Swallows, Effect::Block)]);
    let mut run = run(&chain);
    let long = delta(Place::Assistant, "0123456789abcdefghijklmnop");
    assert!(matches!(
        run.on_reply(&head(), vec![long]).await,
        Err(Stop::Failed(_, Fault::HeldTooMuch))
    ));
}

#[tokio::test]
async fn what_nobody_can_read_is_asked_of_policies_that_read_nothing() {
    let (chain, heard) = chain(&[("a", Does::Refuses, Effect::Block)]);
    let mut run = run(&chain);
    let asked = run.on_request(call(), Some(("path", 7))).await;
    assert!(asked.is_ok());
    run.tell_coverage();
    let heard = heard.0.lock();
    assert_eq!(*heard, [r#"a covered 0 [("path", 7)]"#]);
}

thread_local! {
    static AHEAD: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
}

#[tokio::test]
async fn text_held_for_as_long_as_it_may_goes_up_the_rest_of_the_chain_without_waiting_for_more() {
    for on_error in [Effect::Skip, Effect::Block] {
        AHEAD.set(Duration::ZERO);
        let (chain, heard) = chain(&[
            ("above", Does::Signs, Effect::Block),
            ("holder", Does::Swallows, on_error),
        ]);
        let mut run = Run::new(&chain, || Instant::now() + AHEAD.get());
        assert_eq!(run.hold_until(), None);
        let head = head();
        let text = vec![delta(Place::Assistant, "text")];
        run.on_reply(&head, text).await.unwrap();
        assert!(run.hold_until().is_some());
        assert!(run.overdue(&head).await.unwrap().is_empty(), "not yet");
        AHEAD.set(Duration::from_secs(11));
        let late = run.overdue(&head).await.unwrap();
        assert_eq!(late, [(2, "textabove".to_owned())]);
        assert_eq!(run.hold_until(), None);
        let again = run.overdue(&head).await.unwrap();
        assert!(again.is_empty(), "each text is given out once");
        let heard = heard.0.lock();
        let released = heard
            .iter()
            .filter(|line| **line == "holder reply held_released");
        assert_eq!(released.count(), 1, "{heard:?}");
        assert_eq!(chain.policies()[1].faults.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_policy_whose_held_text_went_out_is_asked_further_and_sends_it_no_second_time() {
    AHEAD.set(Duration::ZERO);
    let (chain, _) = chain(&[("holder", Does::Lags, Effect::Block)]);
    let mut run = Run::new(&chain, || Instant::now() + AHEAD.get());
    let head = head();
    let mut sent = String::new();
    for text in ["one ", "two ", "three"] {
        let edits = run.on_reply(&head, vec![delta(Place::Assistant, text)]);
        sent += &edits.await.unwrap()[0].clone().unwrap();
        if text == "two " {
            AHEAD.set(Duration::from_secs(11));
            let late = run.overdue(&head).await.unwrap();
            assert_eq!(late, [(2, "two ".to_owned())]);
            sent += &late[0].1;
        }
    }
    let last = Delta {
        last: true,
        ..delta(Place::Assistant, "")
    };
    sent += &run.on_reply(&head, vec![last]).await.unwrap()[0]
        .clone()
        .unwrap();
    assert_eq!(sent, "one two three");
}

#[tokio::test]
async fn what_one_text_is_too_much_for_closes_no_door() {
    let (chain, heard) = chain(&[("a", Does::RunsOut, Effect::Block)]);
    for n in 0..20 {
        let (mut run, mut call) = (run(&chain), call());
        call.connection = Some(ConnectionId(n));
        let stop = run.on_request(call, None).await;
        assert!(matches!(stop, Err(Stop::Failed(_, Fault::CpuTime))), "{n}");
    }
    let heard = heard.0.lock();
    assert!(heard.iter().all(|line| line == "a request cpu_time"));
}

#[tokio::test]
async fn a_failure_is_answered_by_the_last_policy_that_was_asked_and_will() {
    let failure = Arc::new(Failure {
        status: 502,
        code: "upstream_connect".into(),
    });
    let (chain, _) = chain(&[
        ("first", Does::Signs, Effect::Block),
        ("second", Does::Swallows, Effect::Block),
    ]);
    let mut run = Run::new(&chain, Instant::now);
    assert_eq!(run.on_failure(&failure).await, None, "nobody was asked");
    run.on_request(call(), None).await.unwrap();
    let answer = run.on_failure(&failure).await;
    assert_eq!(answer, Some(Ok("first 502".to_owned())));
}
