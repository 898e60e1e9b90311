//! A pod's treatment of its sidecar: it is killed, ended by a signal, given other files, and the
//! apps beside it go on.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{App, Sidecar, Step, Upstream, eventually, sidecar, wire};
use rustix::process::Signal;

use super::{config, embedded};

#[test]
fn pod_a_sidecar_that_is_killed_under_load_is_back_and_the_apps_clients_go_on() {
    let mut sidecar = Sidecar::start(&embedded(
        "[{ use: pii-redact, config: { detect: [email] } }]",
    ));
    let base = sidecar.base;
    let urls = [format!("http://{base}/v1"), format!("http://{base}")];
    let app = App::start(
        Command::new("python3"),
        &urls.each_ref().map(String::as_str),
    );
    app.goes_on(3, "before");
    for _ in 0..3 {
        sidecar.signal(Signal::KILL);
        sidecar.wait();
        let took = sidecar.start_again();
        // Ten times what it takes on the unoptimised binary while other tests run.
        assert!(took < Duration::from_millis(500), "ready after {took:?}");
        app.goes_on(3, "after a kill");
    }
    app.saw_nothing_but_lost_connections();
}

#[test]
fn pod_of_200_streams_the_short_ones_finish_and_the_rest_are_told() {
    const STREAMS: usize = 200;
    let upstream = Upstream::start(|seen, _| {
        let events = Api::Chat.events(&["tick "; 10]);
        let short = seen.model() == "short";
        let mut steps = vec![Step::Send(replies::stream_head())];
        let last = events.len() - Api::Chat.closing_events();
        for (n, event) in events.iter().enumerate() {
            if !short && n == last {
                steps.push(Step::Hold);
            }
            steps.push(Step::Send(replies::chunk(event.as_bytes())));
            steps.push(Step::Pause(Duration::from_millis(100)));
        }
        steps.push(Step::Send(replies::last_chunk()));
        steps
    });
    let mut sidecar = Sidecar::start(&format!("drain: 4s\n{}", config(&upstream, "")));
    let began = Arc::new(AtomicUsize::new(0));
    let streams = (0..STREAMS)
        .map(|n| {
            let (base, began) = (sidecar.base, Arc::clone(&began));
            std::thread::spawn(move || {
                let model = if n % 2 == 0 { "short" } else { "long" };
                let mut connection = wire::Connection::open(base);
                connection.send(&wire::request(
                    "POST",
                    Api::Chat.path(),
                    &["content-type: application/json"],
                    Api::Chat.ask(model, "hi", true).to_string().as_bytes(),
                ));
                let (status, head) = connection.head().unwrap();
                assert_eq!(status, 200);
                began.fetch_add(1, Ordering::Relaxed);
                let (body, end) = connection.body(&head);
                (model, String::from_utf8(body).unwrap(), end)
            })
        })
        .collect::<Vec<_>>();
    eventually("all streams run", || {
        began.load(Ordering::Relaxed) == STREAMS
    });
    let signalled = Instant::now();
    sidecar.signal(Signal::TERM);
    let code = sidecar.wait().code();
    let took = signalled.elapsed();
    assert_eq!(code, Some(0));
    assert!(
        took < Duration::from_secs(15),
        "the window is 4 s and the last words 1 s: {took:?}"
    );
    for stream in streams {
        let (model, text, end) = stream.join().unwrap();
        let finished = text.contains("[DONE]");
        if model == "short" {
            assert!(finished && end == wire::End::Complete, "{end:?}: {text}");
            assert_eq!(text.matches("tick ").count(), 10);
        } else {
            assert!(!finished, "{text}");
            assert!(text.contains("\"error\""), "told in-band: {text}");
        }
    }
}

#[test]
fn pod_a_hundred_configmap_swaps_under_load_are_taken_up_once_each() {
    const SWAPS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(sidecar::policy("probe")).unwrap();
    // As the kubelet lays it: NAME → ..data/NAME, ..data → ..TIMESTAMP.
    let at = |name: &str| folder.path().join(name);
    let swap = |n: usize| {
        let version = format!("..2026_{n}");
        std::fs::create_dir(at(&version)).unwrap();
        // A custom section at the end: another file, the same policy. Of two in turn, so that
        // compiling is not what is tested.
        let mut bytes = good.clone();
        let stamp = format!("\u{4}swap{}", n % 2);
        bytes.push(0);
        bytes.push(u8::try_from(stamp.len()).unwrap());
        bytes.extend_from_slice(stamp.as_bytes());
        std::fs::write(at(&version).join("probe.wasm"), bytes).unwrap();
        symlink(&version, at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
        if n > 0 {
            std::fs::remove_dir_all(at(&format!("..2026_{}", n - 1))).unwrap();
        }
    };
    swap(0);
    symlink("..data/probe.wasm", at("probe.wasm")).unwrap();
    let sidecar = Sidecar::start(
        &embedded("[{ use: probe, config: { stamp: one }, limits: { cpu: 2s, wall: 5s } }]")
            .replace("{policies}", &folder.path().display().to_string()),
    );
    let ended = AtomicBool::new(false);
    let sent = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let reply = sidecar.post(
                        Api::Chat.path(),
                        Api::Chat.ask("m", "hi", false).to_string(),
                    );
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    sent.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let first = sidecar.generation();
        for n in 1..=SWAPS {
            swap(n);
            let expected = first + n as u64;
            eventually("the swap is taken up", || sidecar.generation() >= expected);
            assert_eq!(sidecar.generation(), expected, "one swap, one generation");
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert!(sent.load(Ordering::Relaxed) > SWAPS, "there was load");
}
