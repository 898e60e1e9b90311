//! Pools that end, and are made anew, around the instances that live in them.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use super::*;

/// More instances than the first pool has slots.
const OPTIONS: Options = Options {
    slots: 1024,
    memory: 1 << 30,
};

#[tokio::test]
async fn after_a_trim_instances_are_made_as_before_it_with_and_without_the_codes_file() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    for (kept, removed) in [(None, false), (Some(&cache), false), (Some(&cache), true)] {
        let kept = kept.cloned();
        let loader = Loader::new(OPTIONS, kept, Compiler::InProcess, Host::none()).unwrap();
        let policy = loader.load(source(r#"{"request":"leak"}"#)).unwrap();
        if removed {
            fs::remove_dir_all(&cache).unwrap();
        }
        for _ in 0..3 {
            let mut instances: Vec<_> = (0..300).map(|_| policy.start().unwrap()).collect();
            for at in [299, 0] {
                let (call, outcome) = instances.swap_remove(at).on_request(call("hi")).await;
                assert_eq!(outcome.err(), None);
                assert_eq!(call.tag("seen_before"), Some("0"));
            }
            drop(instances);
            loader.instances().trim();
        }
    }
}

#[tokio::test]
async fn an_instance_that_lives_while_the_others_memory_is_given_back_serves_on() {
    let loader = Loader::new(OPTIONS, None, Compiler::InProcess, Host::none()).unwrap();
    let policy = loader
        .load(source(r#"{"request":"leak","reply":"remember"}"#))
        .unwrap();
    let mut instances: Vec<_> = (0..300).map(|_| policy.start().unwrap()).collect();
    // One of a further pool first, then one of the first pool.
    for at in [299, 0] {
        let left = instances.swap_remove(at);
        instances.clear();
        let (_, outcome) = left.on_request(call("hi")).await;
        loader.instances().trim();
        let (left, texts) = (outcome.unwrap().0)
            .on_reply(head(), vec![delta("hi")])
            .await
            .unwrap();
        let texts = texts.unwrap();
        let own = texts.first().and_then(Option::as_deref);
        assert!(own.is_some_and(|text| text.starts_with("hi")), "{own:?}");
        drop(left);
        loader.instances().trim();
        instances = (0..300).map(|_| policy.start().unwrap()).collect();
    }
}

#[test]
fn instances_start_on_all_threads_while_pools_end() {
    let home = tempfile::tempdir().unwrap();
    let cache = Some(home.path().join("cache"));
    let loader = Loader::new(OPTIONS, cache, Compiler::InProcess, Host::none()).unwrap();
    let policies = ["{}", r#"{"request":"leak"}"#].map(|config| {
        let policy = loader.load(source(config));
        policy.unwrap()
    });
    let (running, started) = (AtomicUsize::new(2), AtomicUsize::new(0));
    thread::scope(|scope| {
        for (policy, seed) in policies.iter().zip([7, 11]) {
            let (running, started) = (&running, &started);
            scope.spawn(move || {
                for round in 0..60 {
                    let count = (round * seed * 31) % 290;
                    let instances: Vec<_> = (0..count).map(|_| policy.start()).collect();
                    let faults = instances.iter().filter_map(|made| made.as_ref().err());
                    assert_eq!(faults.collect::<Vec<_>>(), Vec::<&Fault>::new());
                    started.fetch_add(count, Relaxed);
                    drop(instances);
                    thread::sleep(Duration::from_micros(300));
                }
                running.fetch_sub(1, Relaxed);
            });
        }
        while running.load(Relaxed) > 0 {
            loader.instances().trim();
        }
    });
    assert!(started.load(Relaxed) > 5000);
}
