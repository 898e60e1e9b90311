//! The cost of single steps: a policy's instance and call, a chain on a prompt, an event of a
//! stream, a splice, SSE framing.
//!
//! Two clocks. Criterion shows wall time, to compare two states of the code; for
//! `tests/bench/run.py` the same steps are run again by this thread's CPU clock, which other
//! programs do not disturb, and written as one flat object of µs and MB/s to `$OUTRIGGER_MICRO`. The
//! policies are the built ones of `$OUTRIGGER_POLICIES` or `target/policies`. The surprise is that
//! this is an example and no `[[bench]]`: cargo builds benches with unwinding, so they would
//! compile the sandbox a second time and measure another program.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench stops at the first thing that is not as it should be, and measures real time"
)]

use std::{
    hint::black_box,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::Criterion;
use dialect::{
    Delta, Dialect, Place, Places,
    reply::{Reply, ReplyLimits},
    request::Body,
    splice::{Splice, apply},
    sse::Frames,
};
use http::{HeaderMap, Method};
use outrigger::{
    config::{Telemetry, Traces, telemetry::Sampler},
    cost::Estimate,
    exchange::report::PolicyReporter,
    state::{Ask, MOST, Stores, Window},
    telemetry::{
        Attempted, Record,
        metrics::PolicyMeter,
        trace::{self, Answer, Collector, Tracer},
    },
};
use policy::{
    Call, Candidate, Chain, Decision, Effect, Estimates, Instance, LoadedPolicy, PolicyLimits,
    Program, ReplyHead, Run, Unit,
};
use rustix::time::{ClockId, clock_gettime};
use sandbox::{
    Compiler, Grants, Host, Loader, Options, Source,
    capabilities::{LIMITS, VALUES, limits::Limits as _},
};

/// The binary's own.
#[global_allocator]
static ALLOCATOR: outrigger::allocator::Allocator = outrigger::allocator::Allocator;

const EVENTS: u32 = 100;
/// Traced exchanges between two waits for their export.
const TRACED: u32 = 500;
const DETECT: &str = r#"{"detect":["email","phone","credit_card","iban","cpf"],"mode":"tokenize"}"#;
const ROUTES: &str = r#"{"rules":[{"match":{"model":"gpt-*","input_tokens":{"min":1000000}},"model":"bench-large"}]}"#;
const TIERS: &str =
    r#"{"models":"*","tiers":[{"model":"small"},{"model":"medium"},{"model":"large"}]}"#;
const LIMIT: &str = r#"{"rules":[{"per":"tenant","tokens":1000000000000,"every":"1d"}]}"#;
mod near;
mod semantic;
mod texts;

use texts::{clean, csv, dense, prompt};

type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One step: how to do it so many times, and how many of what is counted one of them is.
struct Case<'a> {
    name: &'static str,
    per: u32,
    /// The size of what one of them reads, where its speed is wanted.
    bytes: usize,
    run: Box<dyn Fn(u64) -> Running<'a> + 'a>,
}

/// Does `step` as often as told, within one future: entering the runtime is not what is measured.
macro_rules! case {
    ($name:literal, $per:expr, $step:expr) => {
        case!($name, $per, 0, $step)
    };
    ($name:literal, $per:expr, $bytes:expr, $step:expr) => {
        Case {
            name: $name,
            per: $per,
            bytes: $bytes,
            run: Box::new(move |times| {
                Box::pin(async move {
                    for _ in 0..times {
                        $step
                    }
                })
            }),
        }
    };
}

fn event(content: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
    )
}

fn loader() -> Loader {
    let options = Options {
        slots: 64,
        ..Options::default()
    };
    let host = Stores::in_memory().lent(Host::none());
    Loader::new(options, None, Compiler::InProcess, host).unwrap()
}

/// The estimate of a call, without routes or prices.
struct Plain;

impl Estimates for Plain {
    fn estimate(&self, call: &Call, unit: Unit) -> Option<u64> {
        let estimate = Estimate {
            input: call.body.input_tokens(),
            output: 512,
        };
        estimate.of(unit, None)
    }

    fn candidates(&self, _: &Call) -> Vec<Candidate> {
        let target = |upstream: &str| Candidate {
            name: format!("{upstream}/m"),
            upstream: upstream.to_owned(),
            model: "m".to_owned(),
            dialect: "openai".to_owned(),
            takes: vec!["tools".to_owned(), "images".to_owned()],
            window: Some(128_000),
            breaker: "closed".to_owned(),
            ..Candidate::default()
        };
        ["a", "b"].map(target).into()
    }

    fn deadline(&self, _: &Call) -> Option<Duration> {
        None
    }
}

/// Reads a built policy.
fn wasm(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("OUTRIGGER_POLICIES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../target/policies"
            ))
        },
        PathBuf::from,
    );
    let file = folder.join(format!("{name}.wasm"));
    std::fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; run `make policies`", file.display()))
}

fn load(loader: &Loader, name: &str, config: &str) -> Arc<dyn Program> {
    let source = Source {
        name: name.to_owned(),
        bytes: wasm(name),
        config: config.to_owned(),
        grants: Grants::default().with(&LIMITS).with(&VALUES),
        limits: PolicyLimits::default(),
    };
    loader.load(source).unwrap()
}

fn chain(programs: &[(&str, &Arc<dyn Program>)]) -> Chain {
    let loaded = |(name, program): &(&str, &Arc<dyn Program>)| {
        Arc::new(LoadedPolicy {
            name: (*name).into(),
            version: "1".into(),
            program: Arc::clone(program),
            on_error: Effect::Block,
            on_unseen: Effect::Block.into(),
            limits: PolicyLimits::default(),
            quarantine: Default::default(),
            calls: Default::default(),
            faults: Default::default(),
            listener: Arc::new(PolicyReporter::new(PolicyMeter::new(name, "1"))),
        })
    };
    Chain::new(programs.iter().map(loaded).collect())
}

fn call(body: Body) -> Box<Call> {
    let mut call = Box::new(Call::new(
        "bench".to_owned(),
        Dialect::OpenaiChat,
        Method::POST,
        "/v1/chat/completions".to_owned(),
        HeaderMap::new(),
        body,
    ));
    call.estimated_by(Arc::new(Plain));
    call
}

fn head() -> Arc<ReplyHead> {
    Arc::new(ReplyHead {
        status: 200,
        headers: HeaderMap::new(),
        streaming: true,
        dialect: Dialect::OpenaiChat,
    })
}

fn delta() -> Delta {
    Delta {
        channel: 0,
        choice: 0,
        place: Place::Assistant,
        json: false,
        text: " fox".to_owned(),
        last: false,
    }
}

/// A request's whole way: read, asked about, written.
async fn run_request(chain: &Chain, prompt: &Bytes) -> (Run, Bytes) {
    let mut body = Body::wire(Dialect::OpenaiChat, prompt.clone());
    body.index().unwrap();
    let mut run = Run::new(chain, Instant::now);
    let call = run.on_request(call(body), None).await.unwrap();
    (run, call.body.render())
}

/// A stream's whole way, an event a read; returns how many bytes left.
async fn streamed(chain: &Chain, run: &mut Run, head: &Arc<ReplyHead>, events: &[String]) -> usize {
    let limits = ReplyLimits {
        event: 1 << 20,
        body: 1 << 20,
    };
    let mut reply = Reply::stream(Dialect::OpenaiChat, chain.rewrites(), limits);
    let mut left = 0;
    for event in events {
        reply.push(event.as_bytes()).unwrap();
        let deltas = reply.deltas();
        let edits = match deltas.is_empty() {
            true => Vec::new(),
            false => run.on_reply(head, deltas).await.unwrap(),
        };
        left += reply.write(&edits).unwrap().len();
    }
    left
}

/// A collector that takes everything at once: what is measured is a worker's part.
struct Nobody;

impl Collector for Nobody {
    async fn post(&self, _: Bytes) -> Result<Answer, String> {
        Ok(Answer {
            status: 200,
            retry_after: None,
            body: Bytes::new(),
        })
    }
}

fn tracer() -> Tracer {
    let traces = Traces {
        endpoint: String::new(),
        headers: Vec::new(),
        timeout: Duration::from_secs(1),
        roots: None,
        resource: Vec::new(),
        sampler: Sampler {
            parent_based: true,
            ratio: 1.0,
        },
        queue: 1 << 12,
        batch: 512,
        delay: Duration::from_secs(5),
        patience: Duration::from_secs(1),
    };
    trace::start(&Telemetry::default(), &traces, Nobody).unwrap()
}

/// Begins the trace of an exchange of one attempt, and ends it.
fn trace_exchange(tracer: &Tracer, headers: &HeaderMap) {
    let request = http::Request::post("https://api.openai.com/v1/chat/completions");
    let (mut head, ()) = request.body(()).unwrap().into_parts();
    let trace = tracer.begin(headers).unwrap();
    let record = Record {
        span: Some(trace.attempt(&mut head, Duration::ZERO)),
        last: Some(Attempted {
            class: "success",
            status: 200,
            took: Duration::ZERO,
            retry_after: None,
        }),
        trace_id: Some(trace.id()),
        ..Record::new(String::new(), Dialect::OpenaiChat)
    };
    tracer.end(trace, record, Vec::new());
}

/// Calls a reused instance's request hook.
async fn again(instance: Box<dyn Instance>, lent: Box<Call>) -> (Box<dyn Instance>, Box<Call>) {
    let (lent, turn) = instance.on_request(lent).await;
    let (instance, decision) = turn.unwrap();
    assert_eq!(decision, Decision::Forward);
    (instance, lent)
}

/// Median CPU time of one in µs: rounds of 30 ms or more.
fn cpu_us(runtime: &tokio::runtime::Runtime, case: &Case<'_>) -> f64 {
    let spent = |times: u64| {
        let before = clock_gettime(ClockId::ThreadCPUTime);
        runtime.block_on((case.run)(times));
        let after = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(after - before).unwrap()
    };
    let mut times = 1;
    while spent(times) < Duration::from_millis(30) {
        times *= 2;
    }
    let mut rounds: Vec<Duration> = (0..9).map(|_| spent(times)).collect();
    rounds.sort_unstable();
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    let all = times as f64 * f64::from(case.per);
    rounds[4].as_secs_f64() * 1e6 / all
}

fn main() {
    let loader = loader();
    let noop = load(&loader, "noop", "{}");
    let router = load(&loader, "model-router", ROUTES);
    let redact = load(&loader, "pii-redact", DETECT);
    let tiers = load(&loader, "tier-router", TIERS);
    let hide = load(&loader, "hide-word", r#"{"hide":"ticket","show":"matter"}"#);
    let three = chain(&[
        ("noop", &noop),
        ("model-router", &router),
        ("pii-redact", &redact),
    ]);
    let limit = load(&loader, "token-rate-limit", LIMIT);
    let redacting = chain(&[("pii-redact", &redact)]);
    let limiting = chain(&[("pii-redact", &redact), ("token-rate-limit", &limit)]);
    let (stores, huge) = (Stores::in_memory(), prompt(400 * 1024));
    let hiding = chain(&[("hide-word", &hide)]);
    let guard = load(&loader, "prompt-guard", "{}");
    let guarding = chain(&[("prompt-guard", &guard)]);
    let (csv, dense, clean) = (csv(), dense(), clean());
    let (small, large) = (prompt(1024), prompt(50 * 1024));
    let head = head();
    let plain: Vec<String> = (0..EVENTS).map(|_| event(" quick fox")).collect();
    let wire = plain.concat();
    // Each case copies what it works on: references.
    let (noop, three, redacting, hiding, tiers) = (&noop, &three, &redacting, &hiding, &tiers);
    let (limiting, stores, huge) = (&limiting, &stores, &huge);
    let (small, large, head, plain, wire) = (&small, &large, &head, &plain, &wire);
    let (guarding, csv, dense, clean) = (&guarding, &csv, &dense, &clean);
    let (tracer, mut traced) = (&tracer(), HeaderMap::new());
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    traced.insert("traceparent", caller.parse().unwrap());
    let traced = &traced;
    let ask_small = move || Body::wire(Dialect::OpenaiChat, small.clone());

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (kept, question) = &runtime.block_on(near::kept());
    let semantic = |kept| semantic::Cache::of(kept, wasm("semantic-cache"));
    let (semantic, semantic_four, semantic_one) = (
        &runtime.block_on(semantic(10_000)),
        &runtime.block_on(semantic(4)),
        &runtime.block_on(semantic(1)),
    );
    let embedder = &runtime.block_on(semantic::embedder());
    let cases = [
        case!("policy_call", 1, {
            let (_, turn) = noop.start().unwrap().on_request(call(ask_small())).await;
            assert!(matches!(turn, Ok((_, Decision::Forward))));
        }),
        Case {
            name: "policy_hop_reused",
            per: 1,
            bytes: 0,
            run: Box::new(move |times| {
                Box::pin(async move {
                    let (mut instance, mut lent) = (noop.start().unwrap(), call(ask_small()));
                    for _ in 0..times {
                        (instance, lent) = again(instance, lent).await;
                    }
                })
            }),
        },
        Case {
            name: "policy_reply_hop_reused",
            per: 1,
            bytes: 0,
            run: Box::new(move |times| {
                Box::pin(async move {
                    let mut instance = noop.start().unwrap();
                    for _ in 0..times {
                        let shown = instance.on_reply(Arc::clone(head), vec![delta()]).await;
                        let (back, said) = shown.unwrap();
                        assert!(said.is_ok());
                        instance = back;
                    }
                })
            }),
        },
        Case {
            name: "tier_route",
            per: 1,
            bytes: 0,
            run: Box::new(move |times| {
                Box::pin(async move {
                    let (mut instance, mut lent) = (tiers.start().unwrap(), call(ask_small()));
                    for number in 0..times {
                        // An exchange sets 64 headers at most.
                        if number % 60 == 0 {
                            lent = call(ask_small());
                            lent.body.index().unwrap();
                        }
                        (instance, lent) = again(instance, lent).await;
                    }
                })
            }),
        },
        case!("body_1kb", 1, {
            let mut body = ask_small();
            body.index().unwrap();
            black_box(body.render());
        }),
        case!("three_policies_1kb", 1, {
            let (_, sent) = run_request(three, small).await;
            assert!(sent.len() < small.len(), "addresses become placeholders");
        }),
        case!("redact_50kb", 1, {
            let (_, sent) = run_request(redacting, large).await;
            assert!(sent.len() < large.len(), "addresses become placeholders");
        }),
        case!("redact_count_limit_400kb", 1, {
            let (_, sent) = run_request(limiting, huge).await;
            assert!(sent.len() < huge.len(), "addresses become placeholders");
        }),
        case!("redact_csv", 1, csv.len(), {
            let (_, sent) = run_request(redacting, csv).await;
            assert!(sent != *csv, "values become placeholders");
        }),
        case!("redact_dense", 1, dense.len(), {
            let (_, sent) = run_request(redacting, dense).await;
            assert!(sent != *dense, "values become placeholders");
        }),
        case!("redact_clean", 1, clean.len(), {
            let (_, sent) = run_request(redacting, clean).await;
            assert!(sent == *clean, "there is nothing to find");
        }),
        case!("guard", 1, clean.len(), {
            let (_, sent) = run_request(guarding, clean).await;
            assert!(sent == *clean, "it only judges");
        }),
        case!("reserve_settle_memory", 1, {
            let ask = Ask {
                key: "bench".to_owned(),
                amount: 500,
                limit: MOST,
                window: Window::Bucket(Duration::from_secs(60)),
                soft: false,
            };
            let (_, reservation) = stores.reserve(vec![ask]).await.unwrap();
            drop(reservation.unwrap().settle(&[400]));
        }),
        case!("nearest_of_10000", 1, near::find(kept, question).await),
        // Four candidates, of which the checks refuse three, one that they do not, and nothing near: a third of the difference
        // between the second and the third is what a candidate's checks take.
        case!("semantic_hit_of_10000", 1, semantic.hit().await),
        case!("semantic_hit_of_4", 1, semantic_four.hit().await),
        case!("semantic_hit_of_1", 1, semantic_one.hit().await),
        case!("semantic_miss_of_10000", 1, semantic.miss().await),
        case!("embedding_cached", 1, semantic::embed(embedder).await),
        Case {
            name: "stream_event",
            per: EVENTS,
            bytes: 0,
            run: Box::new(move |times| {
                Box::pin(async move {
                    // The instance remembers two values, which it looks for in each event.
                    let (mut run, _) = run_request(redacting, small).await;
                    for _ in 0..times {
                        black_box(streamed(redacting, &mut run, head, plain).await);
                    }
                })
            }),
        },
        Case {
            name: "stream_event_hide_word",
            per: EVENTS,
            bytes: 0,
            run: Box::new(move |times| {
                Box::pin(async move {
                    let (mut run, _) = run_request(hiding, small).await;
                    for _ in 0..times {
                        black_box(streamed(hiding, &mut run, head, plain).await);
                    }
                })
            }),
        },
        case!("trace_exchange", TRACED, {
            (0..TRACED).for_each(|_| trace_exchange(tracer, traced));
            assert_eq!(tracer.flush(Duration::from_secs(5)).await, 0);
        }),
        case!("splice_50kb", 1, {
            let middle = large.len() / 2;
            let mut splices = [
                Splice {
                    range: 100..110,
                    with: b"first".to_vec(),
                },
                Splice {
                    range: middle..middle + 24,
                    with: b"second".to_vec(),
                },
            ];
            black_box(apply(large, 0..large.len(), &mut splices));
        }),
        case!("sse_event", EVENTS, {
            let mut frames = Frames::new(1 << 20);
            for piece in wire.as_bytes().chunks(1448) {
                frames.push(piece);
                while let Some(event) = frames.next().unwrap() {
                    black_box(event);
                }
                frames.discard();
            }
        }),
        case!("reply_event_unedited", EVENTS, {
            let limits = ReplyLimits {
                event: 1 << 20,
                body: 1 << 20,
            };
            let mut reply = Reply::stream(Dialect::OpenaiChat, Places::ALL, limits);
            for event in plain {
                reply.push(event.as_bytes()).unwrap();
                black_box(reply.deltas());
                black_box(reply.write(&[]).unwrap());
            }
        }),
    ];
    if let Some(path) = std::env::var_os("OUTRIGGER_MICRO") {
        let figure = |case: &Case<'_>| {
            let us = cpu_us(&runtime, case);
            #[allow(clippy::cast_precision_loss, reason = "a few hundred thousand")]
            match case.bytes {
                0 => (format!("{}_us", case.name), us.into()),
                bytes => (format!("{}_mb_s", case.name), (bytes as f64 / us).into()),
            }
        };
        let figures = cases.iter().map(figure).collect();
        let text = serde_json::to_string_pretty(&serde_json::Value::Object(figures)).unwrap();
        println!("CPU time in µs, or MB/s: {text}");
        std::fs::write(path, text).unwrap();
    }
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .without_plots()
        .configure_from_args();
    for case in &cases {
        let name = match case.per {
            1 => case.name.to_owned(),
            many => format!("{} x {many}", case.name),
        };
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|times| {
                let begun = Instant::now();
                runtime.block_on((case.run)(times));
                begun.elapsed()
            });
        });
    }
    criterion.final_summary();
}
