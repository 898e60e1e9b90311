//! Several keys of an upstream: which is taken, which rests, and a file of one that changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outrigger_tests::failover::{Setup, answered, ask, ask_for};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Act, Fault, Provider, Step, eventually, wire};

fn times(provider: &Provider, key: &str) -> usize {
    provider.keys().iter().filter(|one| *one == key).count()
}

#[test]
fn keys_take_turns_where_nothing_is_known_of_their_room() {
    for api in Api::EVERY {
        let a = Provider::start("from-a");
        let sidecar = Setup::new(api)
            .upstream("a", &a, "keys: [one, two, three]")
            .model("fast: { targets: [a/m] }")
            .start();
        for _ in 0..30 {
            answered(&ask(&sidecar, api, false), "from-a");
        }
        for key in ["one", "two", "three"] {
            let count = times(&a, key);
            assert!((5..=15).contains(&count), "{api:?}: {:?}", a.keys());
        }
    }
}

#[test]
fn keys_are_chosen_for_models_that_no_alias_names_too() {
    let a = Provider::start("from-a");
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "keys: [one, two]")
        .start();
    for model in ["a/m", "m"] {
        for _ in 0..10 {
            let reply = ask_for(&sidecar, Api::Chat, model, "hi", false);
            answered(&reply, "from-a");
        }
    }
    assert!(times(&a, "one") >= 5 && times(&a, "two") >= 5);
    assert_eq!(times(&a, "test-key"), 0, "the app's own is replaced");
}

#[test]
fn the_key_with_the_most_room_is_taken() {
    let a = Provider::start("from-a");
    let room = |left: &str| {
        let body = Api::Chat.whole("from-a");
        Act::Plays(vec![Step::Send(replies::whole(
            "200 OK",
            &[
                "content-type: application/json",
                "x-ratelimit-limit-requests: 1000",
                &format!("x-ratelimit-remaining-requests: {left}"),
                "x-ratelimit-reset-requests: 60s",
            ],
            &body,
        ))])
    };
    a.with_key("full", room("900"));
    a.with_key("empty", room("1"));
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "keys: [empty, full]")
        .model("fast: { targets: [a/m] }")
        .start();
    for _ in 0..20 {
        answered(&ask(&sidecar, Api::Chat, false), "from-a");
    }
    let (full, empty) = (times(&a, "full"), times(&a, "empty"));
    assert!(full >= 17 && empty <= 3, "{full} and {empty}");
}

#[test]
fn a_file_of_a_key_is_read_anew_when_it_changes_and_no_exchange_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let write = |key: &str| {
        // As Kubernetes does: another file takes its name.
        let new = folder.path().join("new");
        std::fs::write(&new, format!("{key}\n")).unwrap();
        std::fs::rename(new, &file).unwrap();
    };
    write("first");
    for under_keys in [false, true] {
        write("first");
        let a = Provider::start("from-a");
        let path = file.display();
        let key = match under_keys {
            false => format!("key: \"file:{path}\""),
            true => format!("keys: [{{ key: \"file:{path}\" }}]"),
        };
        let sidecar = Setup::new(Api::Chat)
            .upstream("a", &a, &key)
            .model("fast: { targets: [a/m] }")
            .start();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for stream in [false, true, false, true] {
                let (sidecar, stop) = (&sidecar, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        answered(&ask(sidecar, Api::Chat, stream), "from-a");
                    }
                });
            }
            for key in ["second", "third"] {
                std::thread::sleep(Duration::from_millis(300));
                write(key);
                eventually("the new key is used", || times(&a, key) > 20);
                let after = a.count();
                eventually("some more come", || a.count() > after + 20);
                let keys = a.keys();
                assert!(keys[after..].iter().all(|one| one == key), "only that");
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(!sidecar.log().contains("second"), "no key is in the log");
    }
}

#[test]
fn a_revoked_key_whose_file_is_rewritten_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "withdrawn").unwrap();
    let a = Provider::start("from-a");
    a.with_key("withdrawn", Act::Refuses(Fault::Key));
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, &format!("key: \"file:{}\"", file.display()))
        .model("fast: { targets: [a/m] }")
        .start();
    let reply = ask(&sidecar, Api::Chat, false);
    assert_eq!(reply.status, 401, "{}", reply.text());
    let calls = a.count();
    for _ in 0..5 {
        assert_ne!(ask(&sidecar, Api::Chat, false).status, 200);
    }
    assert_eq!(a.count(), calls, "what was revoked is not asked with again");
    std::fs::write(&file, "renewed").unwrap();
    eventually("the renewed key is used", || {
        ask(&sidecar, Api::Chat, false).status == 200
    });
    assert_eq!(times(&a, "withdrawn"), 1);
}

#[test]
fn keys_are_named_nowhere_by_their_text() {
    let a = Provider::start("from-a");
    a.with_key("sk-secret-one", Act::Refuses(Fault::Rate(Some("30"))));
    a.with_key("sk-secret-two", Act::Refuses(Fault::Money));
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "keys: [sk-secret-one, sk-secret-two, fine]")
        .model("fast: { targets: [a/m] }")
        .start();
    for _ in 0..5 {
        ask(&sidecar, Api::Chat, false);
    }
    let targets = wire::get(sidecar.admin, "/targets").text();
    let answer = ask(&sidecar, Api::Chat, false).text();
    for text in [targets, answer, sidecar.metrics(), sidecar.log()] {
        assert!(!text.contains("sk-secret"), "{text}");
    }
}
