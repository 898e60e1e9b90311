//! Policies and configuration change while traffic flows.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, sidecar, wire};

use super::config;

/// The same code under another hash: a custom section at the module's end.
fn variant(module: &[u8], number: u8) -> Vec<u8> {
    let mut bytes = module.to_vec();
    bytes.extend_from_slice(&[0, 5, 3, b'v', b'a', b'r', number]);
    bytes
}

fn provider() -> Upstream {
    Upstream::start(|seen, _| match seen.model().as_str() {
        "long" => {
            let events = Api::Chat.events(&["tick "; 40]);
            let mut steps = vec![Step::Send(replies::stream_head())];
            for event in events {
                steps.push(Step::Send(replies::chunk(event.as_bytes())));
                steps.push(Step::Pause(Duration::from_millis(25)));
            }
            steps.push(Step::Send(replies::last_chunk()));
            steps
        }
        _ => vec![Step::Send(replies::json_body(&Api::Chat.whole("Hello")))],
    })
}

fn stamped(sidecar: &Sidecar, upstream: &Upstream) -> Option<String> {
    assert_eq!(
        sidecar
            .post(
                Api::Chat.path(),
                Api::Chat.ask("m", "hi", false).to_string()
            )
            .status,
        200
    );
    upstream.last().header("x-probe").map(str::to_owned)
}

#[test]
fn reload_under_load() {
    let swaps: usize = std::env::var("OUTRIGGER_SWAPS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1000);
    let upstream = provider();
    let chain = "[{ use: probe, config: { upper: true } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let good = std::fs::read(sidecar::policy("probe")).unwrap();
    // A handful of valid files: each is compiled once, then the code cache makes a swap cheap.
    let variants: Vec<Vec<u8>> = (0..6).map(|n| variant(&good, n)).collect();
    let broken: Vec<Vec<u8>> = vec![
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        b"not wasm at all".to_vec(),
        {
            let mut flipped = good.clone();
            let middle = flipped.len() / 3;
            flipped[..8].fill(0xff);
            flipped[middle] ^= 0x55;
            flipped
        },
    ];
    for each in &variants {
        let before = sidecar.generation();
        sidecar.place("probe", each);
        eventually("each variant is taken up once", || {
            sidecar.generation() > before
        });
    }
    let rss = sidecar.rss();
    let (stop, served, failed) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        std::sync::Mutex::new(Vec::new()),
    );
    let first_generation = sidecar.generation();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut connection = wire::Connection::open(sidecar.base);
                let request = wire::request(
                    "POST",
                    Api::Chat.path(),
                    &["content-type: application/json"],
                    Api::Chat.ask("m", "hi", false).to_string().as_bytes(),
                );
                while !stop.load(Ordering::Relaxed) {
                    connection.send(&request);
                    let reply = connection.reply();
                    if reply.status != 200 || !reply.text().contains("HELLO") {
                        failed
                            .lock()
                            .unwrap()
                            .push(format!("{} {}", reply.status, reply.text()));
                    }
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let reply = sidecar.post(
                        Api::Chat.path(),
                        Api::Chat.ask("long", "hi", true).to_string(),
                    );
                    if reply.end != wire::End::Complete
                        || reply.text().matches("TICK ").count() != 40
                        || !reply.text().contains("[DONE]")
                    {
                        failed.lock().unwrap().push(format!(
                            "a stream was cut: {:?} {}",
                            reply.end,
                            reply.text()
                        ));
                    }
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..swaps {
            if number % 10 < 3 {
                sidecar.place("probe", &broken[number % broken.len()]);
            } else {
                sidecar.place("probe", &variants[number % variants.len()]);
            }
            // Paced to the watcher: most are seen one by one, some run into each other, as files
            // do.
            std::thread::sleep(Duration::from_millis(if number % 5 == 0 {
                420
            } else {
                10
            }));
        }
        sidecar.place("probe", &good);
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        failed.into_inner().unwrap(),
        Vec::<String>::new(),
        "failed requests"
    );
    assert!(
        served.load(Ordering::Relaxed) > swaps / 4,
        "there was a load: {served:?}"
    );
    let generations = sidecar.generation() - first_generation;
    assert!(
        generations as usize >= swaps / 20,
        "only {generations} generations in {swaps} swaps"
    );
    assert!(
        sidecar.metric("outrigger_plugin_load_failures_total", &[]) > 0.0,
        "broken files were told:\n{}",
        sidecar.metrics()
    );
    let grown = sidecar.rss().saturating_sub(rss) >> 20;
    assert!(
        grown < 24,
        "RSS grew by {grown} MiB over {generations} generations"
    );
}

#[test]
fn a_new_policy_serves_and_a_bad_one_changes_nothing() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { stamp: one } }]",
    ));
    let good = std::fs::read(sidecar::policy("probe")).unwrap();
    assert_eq!(stamped(&sidecar, &upstream).as_deref(), Some("one"));

    let before = sidecar.generation();
    sidecar.place("probe", &variant(&good, 99));
    eventually("a new generation", || sidecar.generation() > before);

    let generation = sidecar.generation();
    sidecar.place("probe", &good[..1000]);
    eventually("the failure is counted", || {
        sidecar.metric("outrigger_plugin_load_failures_total", &[]) >= 1.0
    });
    assert_eq!(
        stamped(&sidecar, &upstream).as_deref(),
        Some("one"),
        "the old one serves"
    );
    assert_eq!(sidecar.generation(), generation);
    sidecar.log_line(&["probe", "keeping"]);
    let reported = wire::get(sidecar.admin, "/policies").text();
    assert!(
        reported.contains("probe") && reported.contains("reason"),
        "/policies tells: {reported}"
    );
    assert!(sidecar.is_ready(), "a bad file harms nobody");
}

#[test]
fn a_half_written_file_is_never_loaded() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { stamp: one } }]",
    ));
    let next = variant(&std::fs::read(sidecar::policy("probe")).unwrap(), 77);
    // A plain copy in place, slowly.
    let path = sidecar.folder.path().join("policies/probe.wasm");
    let before = sidecar.generation();
    for part in 1..=8 {
        std::fs::write(&path, &next[..next.len() * part / 8]).unwrap();
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(stamped(&sidecar, &upstream).as_deref(), Some("one"));
    }
    eventually("the finished file is taken up", || {
        sidecar.generation() > before
    });
    assert_eq!(stamped(&sidecar, &upstream).as_deref(), Some("one"));
}

#[test]
fn the_configuration_is_reloaded_by_event_and_by_sighup_and_a_bad_one_is_told() {
    let upstream = provider();
    let chain = |stamp: &str| {
        config(
            &upstream,
            &format!("[{{ use: probe, config: {{ stamp: {stamp} }} }}]"),
        )
    };
    let sidecar = Sidecar::start(&chain("one"));
    sidecar.reconfigure(&chain("two"));
    eventually("the edit is taken up", || {
        stamped(&sidecar, &upstream).as_deref() == Some("two")
    });

    sidecar.reconfigure("upstreams: { model: { kind: embeded } }\n");
    sidecar.log_line(&["keeping", "upstreams.model.kind"]);
    assert_eq!(
        stamped(&sidecar, &upstream).as_deref(),
        Some("two"),
        "the old one serves"
    );
    let refused = || sidecar.metric("outrigger_reload_refused", &[]);
    assert_eq!(refused(), 1.0, "an alert lasts until it is mended");

    sidecar.reconfigure(&chain("three"));
    sidecar.signal(rustix::process::Signal::HUP);
    eventually("SIGHUP", || {
        stamped(&sidecar, &upstream).as_deref() == Some("three")
    });
    assert_eq!(refused(), 0.0);
}

#[test]
fn a_configmap_swap_is_one_reload() {
    let upstream = provider();
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(sidecar::policy("probe")).unwrap();
    // As the kubelet lays it: NAME → ..data/NAME, ..data → ..TIMESTAMP.
    let write = |version: &str, bytes: &[u8]| {
        std::fs::create_dir(folder.path().join(version)).unwrap();
        std::fs::write(folder.path().join(version).join("probe.wasm"), bytes).unwrap();
        symlink(version, folder.path().join("..data_tmp")).unwrap();
        std::fs::rename(
            folder.path().join("..data_tmp"),
            folder.path().join("..data"),
        )
        .unwrap();
    };
    write("..2026_a", &good);
    symlink("..data/probe.wasm", folder.path().join("probe.wasm")).unwrap();
    let config = config(&upstream, "[{ use: probe, config: { stamp: one } }]")
        .replace("{policies}", &folder.path().display().to_string());
    let sidecar = Sidecar::start(&config);
    let before = sidecar.generation();
    write("..2026_b", &variant(&good, 55));
    std::fs::remove_dir_all(folder.path().join("..2026_a")).unwrap();
    eventually("the swap is taken up", || sidecar.generation() > before);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(sidecar.generation(), before + 1, "one swap, one generation");
    assert_eq!(stamped(&sidecar, &upstream).as_deref(), Some("one"));
}

#[test]
fn a_stream_ends_on_the_generation_that_it_began_on() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { upper: true } }]",
    ));
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &["content-type: application/json"],
        Api::Chat.ask("long", "hi", true).to_string().as_bytes(),
    ));
    let (_, head) = connection.head().unwrap();
    let mut text = connection.chunk().unwrap().unwrap();
    let before = sidecar.generation();
    sidecar.reconfigure(&config(&upstream, ""));
    eventually("the chain is empty now", || sidecar.generation() > before);
    let (rest, end) = connection.body(&head);
    text.extend(rest);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(
        (
            text.matches("TICK ").count(),
            text.matches("tick ").count(),
            end
        ),
        (40, 0, wire::End::Complete)
    );
    let after = sidecar.post(
        Api::Chat.path(),
        Api::Chat.ask("long", "hi", true).to_string(),
    );
    assert_eq!(after.text().matches("tick ").count(), 40);
}
