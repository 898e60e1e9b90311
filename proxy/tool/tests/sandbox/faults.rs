//! Policies that loop, trap, eat memory or return nonsense.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::*;

/// Leaves a policy no room for a block of one MiB: one that takes memory until there is none is out
/// of it before it has pages to write. A busy machine may need more than the CPU limit for those.
fn short_of_memory(source: Source) -> Source {
    let limits = PolicyLimits {
        memory: 1 << 20,
        ..source.limits
    };
    Source { limits, ..source }
}

#[tokio::test]
async fn every_misbehaviour_at_every_hook_is_the_right_fault_and_the_engine_serves_on() {
    let good = load("{}");
    for (how, label) in [
        ("loop", "cpu_time"),
        ("trap", "trap"),
        ("panic", "trap"),
        ("grow", "memory"),
        ("recursion", "trap"),
        ("metrics", "trap"),
        ("random", "trap"),
    ] {
        for hook in ["request", "attempt", "reply", "end"] {
            let source = source(&format!(r#"{{"{hook}":"{how}"}}"#));
            let policy = loader().load(short_of_memory(source)).unwrap();
            for _ in 0..3 {
                let fault = fault_at(&policy, hook).await;
                let found = fault.as_ref().map(Fault::label);
                assert_eq!(found, Some(label), "{how} at {hook}: {fault:?}");
                assert_eq!(fault_at(&good, hook).await, None, "after {how} at {hook}");
            }
        }
    }
    assert!(loader().load(source("{}")).is_ok());
}

#[tokio::test]
async fn what_is_not_forbidden_is_not_a_fault() {
    for how in ["grow_politely", "log", "clock", "none"] {
        let policy = load(&format!(r#"{{"request":"{how}"}}"#));
        assert_eq!(fault_at(&policy, "request").await, None, "{how}");
    }
}

#[tokio::test]
async fn what_a_policy_returns_or_hands_to_the_host_is_checked() {
    for (hook, how, label) in [
        ("request", "bad_return", "bad_return"),
        ("attempt", "bad_code", "bad_return"),
        ("attempt", "huge_return", "memory"),
        ("request", "bad_code", "bad_return"),
        ("request", "huge_return", "memory"),
        ("request", "many_headers", "trap"),
        ("request", "reserved_header", "trap"),
        ("request", "bad_passage", "trap"),
        ("request", "set_body", "trap"),
        ("reply", "bad_return", "bad_return"),
        ("reply", "bad_status", "bad_return"),
        ("reply", "huge_return", "memory"),
    ] {
        let policy = load(&format!(r#"{{"{hook}":"{how}"}}"#));
        let fault = fault_at(&policy, hook).await;
        let found = fault.as_ref().map(Fault::label);
        assert_eq!(found, Some(label), "{how} at {hook}: {fault:?}");
    }
}

#[tokio::test]
async fn the_same_bytes_returned_many_times_over_are_not_copied_out() {
    // 4 MiB of memory, and a list that names 1 MiB of it 1000 times.
    let policy = load(r#"{"reply":"repeated_return"}"#);
    let instance = policy.start().unwrap();
    let fault = instance.on_reply(head(), vec![delta("x"); 1000]).await;
    let fault = fault.err().unwrap();
    assert_eq!(fault.label(), "bad_return", "{fault}");
}

/// CPU time of this thread: what other tests and programs do meanwhile is not in it.
fn cpu_time() -> Duration {
    let line = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(line.split(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_loop_ends_within_its_budget_and_a_tick_at_either_end() {
    let policy = load(r#"{"request":"loop"}"#);
    let mut times = Vec::new();
    for _ in 0..11 {
        let started = cpu_time();
        assert_eq!(fault_at(&policy, "request").await, Some(Fault::CpuTime));
        times.push(cpu_time() - started);
    }
    times.sort();
    println!("a loop with 10 ms of CPU ended after {times:?}");
    // The quickest: on a busy machine the ticker is late, too.
    assert!(times[0] >= Duration::from_millis(9), "{times:?}");
    assert!(times[0] < Duration::from_millis(24), "{times:?}");
}

#[test]
fn sixty_four_loops_on_two_workers_stop_nobody() {
    let looping = load(r#"{"request":"loop"}"#);
    let good = load(r#"{"request":"edit"}"#);
    let (served, worst) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.unwrap().block_on(async {
                    let done = AtomicBool::new(false);
                    let loops: Vec<_> = (0..32)
                        .map(|_| {
                            let instance = looping.start().unwrap();
                            tokio::spawn(async { instance.on_request(call("x")).await.1.err() })
                        })
                        .collect();
                    let clean = async {
                        while !done.load(Relaxed) {
                            let started = tokio::time::Instant::now();
                            assert!(ask(&good, "hi").await.1.is_ok());
                            // As a real exchange does: waits for a socket or a timer.
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            served.fetch_add(1, Relaxed);
                            worst.fetch_max(started.elapsed().as_micros() as u64, Relaxed);
                        }
                    };
                    let ended = async {
                        for looped in loops {
                            let fault = looped.await.unwrap();
                            assert_eq!(fault, Some(Fault::CpuTime));
                        }
                        done.store(true, Relaxed);
                    };
                    tokio::join!(clean, ended);
                });
            });
        }
    });
    let (served, worst) = (served.load(Relaxed), worst.load(Relaxed));
    println!("{served} clean calls meanwhile, the slowest took {worst} µs");
    assert!(served > 10, "only {served} clean calls");
}

/// A policy that imports nothing that may wait, and does harm to the models that are called so.
fn hostile(plan: &str) -> Arc<Policy> {
    let hostile = Source {
        name: "hostile".into(),
        bytes: file("hostile.wasm"),
        grants: Grants::default(),
        ..source(plan)
    };
    loader().load(short_of_memory(hostile)).unwrap()
}

fn harmful(model: &str) -> Box<Call> {
    let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
    let mut call = call("");
    call.body = Body::wire(Dialect::OpenaiChat, body.into());
    call.body.index().unwrap();
    call
}

#[tokio::test]
async fn a_call_that_can_not_yield_is_the_last_of_a_slow_policy() {
    let policy = hostile(r#"{"hook":"request","act":"loop"}"#);
    let instance = || policy.start().unwrap();
    let yields = async |model: &str| {
        let mut work = std::pin::pin!(instance().on_request(harmful(model)));
        let mut polls = 0;
        let (_, outcome) = std::future::poll_fn(|context| {
            polls += 1;
            work.as_mut().poll(context)
        })
        .await;
        (polls > 1, outcome.err())
    };
    assert_eq!(yields("good").await, (false, None));
    let first = yields("harm").await;
    assert_eq!(first, (false, Some(Fault::CpuTime)), "in one slice");
    for _ in 0..3 {
        let next = yields("harm").await;
        assert_eq!(next, (true, Some(Fault::CpuTime)), "in turns");
    }
    let long = harmful(&"good".repeat(20_000));
    assert!(instance().on_request(long).await.1.is_ok());
}

#[tokio::test]
async fn what_can_not_yield_ends_in_the_same_faults() {
    for (act, label) in [
        ("loop", "cpu_time"),
        ("trap", "trap"),
        ("grow", "memory"),
        ("recurse", "trap"),
        ("huge", "memory"),
        ("split_header", "trap"),
    ] {
        let policy = hostile(&format!(r#"{{"hook":"request","act":"{act}"}}"#));
        for _ in 0..3 {
            let (_, outcome) = policy.start().unwrap().on_request(harmful("harm")).await;
            let found = outcome.as_ref().err().map(Fault::label);
            assert_eq!(found, Some(label), "{act}: {:?}", outcome.err());
            let (_, outcome) = policy.start().unwrap().on_request(harmful("good")).await;
            assert_eq!(outcome.err(), None, "after {act}");
        }
    }
}

#[tokio::test]
async fn loops_that_can_not_yield_stop_no_worker_for_long() {
    let looping = hostile(r#"{"hook":"request","act":"loop"}"#);
    let good = hostile(r#"{"hook":"end","act":"trap"}"#);
    let looped = |looping: &Arc<Policy>| {
        let instance = looping.start().unwrap();
        tokio::spawn(async { instance.on_request(harmful("harm")).await.1.err() })
    };
    let loops: Vec<_> = (0..32).map(|_| looped(&looping)).collect();
    let mut served = 0;
    while loops.iter().any(|looped| !looped.is_finished()) {
        let (_, outcome) = good.start().unwrap().on_request(harmful("good")).await;
        assert_eq!(outcome.err(), None);
        served += 1;
        tokio::task::yield_now().await;
    }
    for looped in loops {
        assert_eq!(looped.await.unwrap(), Some(Fault::CpuTime));
    }
    // One loop ran through; the others took turns with the clean calls.
    println!("{served} clean calls meanwhile");
    assert!(served > 10, "only {served} clean calls");
}

#[tokio::test]
async fn a_full_pool_is_a_fault_and_frees_itself() {
    let options = Options {
        slots: 4,
        memory: 1 << 30,
    };
    let loader = Loader::new(options, None, Compiler::InProcess, Host::none()).unwrap();
    let policy = loader.load(source("{}")).unwrap();
    let instances: Vec<_> = (0..4).map(|_| policy.start().unwrap()).collect();
    assert_eq!(policy.start().err(), Some(Fault::NoSlot));
    drop(instances);
    assert!(policy.start().is_ok());
}

#[tokio::test]
async fn where_one_pool_is_full_instances_live_in_the_next() {
    let home = tempfile::tempdir().unwrap();
    let options = Options {
        slots: 258,
        memory: 1 << 30,
    };
    for cache in [None, Some(home.path().join("cache"))] {
        let loader = Loader::new(options, cache, Compiler::InProcess, Host::none()).unwrap();
        let policy = loader.load(source(r#"{"request":"leak"}"#)).unwrap();
        let mut instances: Vec<_> = (0..258).map(|_| policy.start().unwrap()).collect();
        assert_eq!(policy.start().err(), Some(Fault::NoSlot));
        let (call, outcome) = instances.pop().unwrap().on_request(call("hi")).await;
        assert_eq!(outcome.err(), None);
        assert_eq!(call.tag("seen_before"), Some("0"));
        instances.clear();
        assert!(policy.start().is_ok());
    }
}

#[tokio::test]
async fn the_memory_of_all_instances_together_is_bounded_and_given_back() {
    let options = Options {
        slots: 64,
        memory: 1 << 20,
    };
    let loader = Loader::new(options, None, Compiler::InProcess, Host::none()).unwrap();
    let policy = loader.load(source("{}")).unwrap();
    // Each is charged 64 KiB; what they give back is there for as many again.
    for _ in 0..2 {
        let running: Vec<_> = (0..16).map(|_| policy.start().unwrap()).collect();
        assert_eq!(policy.start().err(), Some(Fault::NoMemory));
        drop(running);
    }
    assert!(policy.memory_high_water() > 0);
}
