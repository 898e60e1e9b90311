//! Overload, and hostile clients: who is turned away, how, and that the others notice nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::config;

pub(super) const MIB: u64 = 1 << 20;
const SOON: Duration = Duration::from_secs(10);

/// Starts an upstream that answers after `wait` where the model is `slow`, and at once otherwise.
fn upstream(wait: Duration) -> Upstream {
    Upstream::start(move |seen, _| {
        let reply = Step::Send(replies::json_body(&Api::of(seen.path()).whole("done")));
        match seen.model().as_str() {
            "slow" => vec![Step::Pause(wait), reply],
            _ => vec![reply],
        }
    })
}

pub(super) fn ask(api: Api, model: &str) -> Vec<u8> {
    let body = api.ask(model, "hi", false).to_string();
    wire::request(
        "POST",
        api.path(),
        &["content-type: application/json"],
        body.as_bytes(),
    )
}

fn shed(sidecar: &Sidecar, reason: &str) -> f64 {
    sidecar.metric("outrigger_shed_total", &[&format!("reason=\"{reason}\"")])
}

#[test]
fn pod_an_exchange_too_many_is_answered_503_in_its_dialect_and_its_connection_goes_on() {
    let upstream = upstream(Duration::from_secs(2));
    let sidecar = Sidecar::start(&format!(
        "overload: {{ exchanges: 1 }}\n{}",
        config(&upstream, "")
    ));
    let mut first = wire::Connection::open(sidecar.base);
    first.send(&ask(Api::Chat, "slow"));
    eventually("the first is under way", || upstream.count() == 1);
    let mut second = wire::Connection::open(sidecar.base);
    let large = Api::Chat.ask("m", &"x".repeat(1 << 20), false).to_string();
    let large = wire::request(
        "POST",
        Api::Chat.path(),
        &["x-request-id: mine"],
        large.as_bytes(),
    );
    for (api, request, code) in [
        (Api::Chat, ask(Api::Chat, "m"), "/error/code"),
        (Api::Responses, ask(Api::Responses, "m"), "/error/code"),
        (Api::Messages, ask(Api::Messages, "m"), "/error/type"),
        (Api::Chat, large, "/error/code"),
    ] {
        second.send(&request);
        let reply = second.reply();
        assert_eq!(reply.status, 503, "{api:?}");
        assert_eq!(reply.header("retry-after"), Some("1"), "{}", reply.head);
        assert_eq!(
            reply.header("x-should-retry"),
            Some("true"),
            "{}",
            reply.head
        );
        assert_eq!(reply.header("connection"), None, "{}", reply.head);
        let said = reply.json();
        let code = said
            .pointer(code)
            .and_then(|code| code.as_str())
            .unwrap_or("");
        assert!(
            code.starts_with("overloaded") || code == "api_error",
            "{api:?}: {said}"
        );
        if request.len() > 1 << 20 {
            assert_eq!(reply.header("x-request-id"), Some("mine"));
        }
    }
    assert!((shed(&sidecar, "exchanges") - 4.0).abs() < 0.5);
    assert!((sidecar.metric("outrigger_refusals_total", &["overloaded"]) - 4.0).abs() < 0.5);
    assert_eq!(first.reply().status, 200, "what was under way goes on");
    second.send(&ask(Api::Chat, "m"));
    assert_eq!(second.reply().status, 200, "and there is room again");
    sidecar.log_line(&["overloaded: new work is turned away", "exchanges"]);
}

#[test]
fn pod_an_sdk_that_is_turned_away_comes_back_by_itself_and_is_served() {
    if !Sdk::OpenaiPython.installed() {
        return;
    }
    let upstream = upstream(Duration::from_millis(1500));
    // Two workers may both look at the count before either is counted.
    let one_worker = config(&upstream, "").replace("workers: 2", "workers: 1");
    let sidecar = Sidecar::start(&format!("overload: {{ exchanges: 1 }}\n{one_worker}"));
    let job = Job {
        stream: false,
        timeout: 30.0,
        ..Job::new(Api::Chat, sidecar.base, "slow", "hi")
    };
    for outcome in clients::run(Sdk::OpenaiPython, &[job.clone(), job]) {
        assert_eq!(outcome.error, None, "{outcome:?}");
        assert_eq!(outcome.text, "done");
    }
    assert!(
        shed(&sidecar, "exchanges") > 0.5,
        "one of them was turned away first"
    );
}

#[test]
fn pod_a_connection_too_many_is_turned_away_unless_an_idle_one_makes_room() {
    let upstream = upstream(Duration::from_secs(4));
    let sidecar = Sidecar::start(&format!(
        "overload: {{ connections: 4 }}\n{}",
        config(&upstream, "")
    ));
    let mut all: Vec<_> = (0..4)
        .map(|_| wire::Connection::open(sidecar.base))
        .collect();
    for busy in &mut all {
        busy.send(&ask(Api::Chat, "slow"));
    }
    eventually("all are busy", || upstream.count() == 4);
    let refused = wire::call(sidecar.base, b"");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("1"), "{}", refused.head);
    assert!(shed(&sidecar, "connections") > 0.5);
    for busy in &mut all {
        assert_eq!(busy.reply().status, 200);
    }
    // Idle for a moment now: the oldest is closed.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(wire::call(sidecar.base, &ask(Api::Chat, "m")).status, 200);
    assert!(sidecar.metric("outrigger_connections_cut_total", &["evicted"]) > 0.5);
    let closed = all
        .iter_mut()
        .filter_map(|idle| idle.closes_within(Duration::from_millis(200)).then_some(()));
    assert_eq!(closed.count(), 1);
}

#[test]
fn pod_a_head_of_many_lines_that_has_begun_is_answered_though_its_connection_makes_room() {
    let upstream = upstream(Duration::ZERO);
    let sidecar = Sidecar::start(&format!(
        "overload: {{ connections: 1 }}\n{}",
        config(&upstream, "")
    ));
    let lines: Vec<_> = (0..300).map(|n| format!("x-{n}: {n}")).collect();
    let mut headers = vec!["content-type: application/json"];
    headers.extend(lines.iter().map(String::as_str));
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let request = wire::request("POST", Api::Chat.path(), &headers, body.as_bytes());
    let (begun, rest) = request.split_at(600);
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(begun);
    // Idle for a moment now.
    std::thread::sleep(Duration::from_millis(2500));
    let _other = wire::Connection::open(sidecar.base);
    eventually("it makes room", || {
        sidecar.metric("outrigger_connections_cut_total", &["evicted"]) > 0.5
    });
    connection.send(rest);
    let reply = connection.reply();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("connection"), Some("close"));
}

#[test]
fn pod_a_connection_that_was_idle_for_long_goes_on_where_it_was() {
    let upstream = upstream(Duration::ZERO);
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut connection = wire::Connection::open(sidecar.base);
    let mut halved = wire::Connection::open(sidecar.base);
    let request = ask(Api::Chat, "m");
    for round in 0..3 {
        connection.send(&request);
        assert_eq!(connection.reply().status, 200, "round {round}");
        halved.send(&request);
        assert_eq!(halved.reply().status, 200, "round {round}");
        // Longer than until it is parked, with half a head sent.
        std::thread::sleep(Duration::from_millis(1500));
        halved.send(&request[..40]);
        std::thread::sleep(Duration::from_millis(3000));
        halved.send(&request[40..]);
        assert_eq!(halved.reply().status, 200, "round {round}");
    }
    // Two at once after the pause, and one that is ambiguous.
    std::thread::sleep(Duration::from_millis(4000));
    connection.send(&[&request[..], &request[..]].concat());
    assert_eq!(
        (connection.reply().status, connection.reply().status),
        (200, 200)
    );
    halved.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert_eq!(halved.reply().status, 400);
    assert_eq!(upstream.count(), 11);
}

#[test]
fn pod_ten_thousand_idle_connections_and_a_thousand_streams_fit_into_150_mib() {
    const IDLE: usize = 10_000;
    const STREAMS: usize = 1_000;
    let needed = (IDLE + 3 * STREAMS) as u64;
    let limit = getrlimit(Resource::Nofile).maximum;
    if limit.is_some_and(|most| most < needed) {
        eprintln!("NOT TESTED: 10,000 connections, as this process may have only {limit:?} files");
        return;
    }
    let raised = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let upstream = Upstream::start(|seen, _| match seen.model().as_str() {
        "stream" => vec![
            Step::Send(replies::stream_head()),
            Step::Send(replies::chunk(Api::Chat.events(&["tick "])[0].as_bytes())),
            Step::Hold,
        ],
        _ => vec![Step::Send(replies::json_body(&Api::Chat.whole("done")))],
    });
    let sidecar = Sidecar::start(&format!(
        "overload: {{ connections: 12000 }}\n{}",
        config(&upstream, "")
    ));
    let whole = ask(Api::Chat, "m");
    let idle = (0..IDLE).map(|_| {
        let mut connection = wire::Connection::open(sidecar.base);
        connection.send(&whole);
        assert_eq!(connection.reply().status, 200);
        connection
    });
    let idle = idle.collect::<Vec<_>>();
    let stream = Api::Chat.ask("stream", "hi", true).to_string();
    let headers = ["content-type: application/json"];
    let stream = wire::request("POST", Api::Chat.path(), &headers, stream.as_bytes());
    let streams = (0..STREAMS).map(|_| {
        let mut connection = wire::Connection::open(sidecar.base);
        connection.send(&stream);
        assert_eq!(connection.head().unwrap().0, 200);
        connection
    });
    let streams = streams.collect::<Vec<_>>();
    let open = (IDLE + STREAMS) as f64;
    eventually("all are open", || {
        sidecar.metric("outrigger_connections_open", &[]) >= open
    });
    // With all of them still there: idle ones are closed after a minute.
    let rss = sidecar.rss();
    assert!(sidecar.metric("outrigger_connections_open", &[]) >= open);
    assert!(rss < 150 * MIB, "{} MiB", rss / MIB);
    drop((idle, streams));
}

#[test]
fn pod_an_idle_connection_ends_after_its_time_and_a_busy_one_does_not() {
    let upstream = upstream(Duration::from_secs(5));
    let sidecar = Sidecar::start(&format!(
        "limits: {{ idle_timeout: 2s }}\n{}",
        config(&upstream, "")
    ));
    let mut busy = wire::Connection::open(sidecar.base);
    busy.send(&ask(Api::Chat, "slow"));
    let mut idle = wire::Connection::open(sidecar.base);
    idle.send(&ask(Api::Chat, "m"));
    assert_eq!(idle.reply().status, 200);
    assert!(idle.closes_within(SOON));
    assert_eq!(busy.reply().status, 200);
}

#[test]
fn pod_slow_heads_slow_bodies_and_slow_readers_are_cut_and_the_others_served() {
    let flood = Upstream::start(|seen, _| match seen.model().as_str() {
        "flood" => vec![
            Step::Send(replies::stream_head()),
            Step::Flood {
                piece: replies::chunk(&[b'x'; 16 << 10]),
                pieces: 1 << 20,
            },
        ],
        _ => vec![Step::Send(replies::json_body("{}"))],
    });
    let limits = "limits: { header_timeout: 1s, body_timeout: 1s, write_timeout: 2s }\n";
    let sidecar = Sidecar::start(&format!("{limits}{}", config(&flood, "")));
    let address = sidecar.base;
    let drip = move |first: &'static [u8], piece: &'static [u8]| {
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(first).unwrap();
            let begun = Instant::now();
            stream
                .set_read_timeout(Some(Duration::from_millis(300)))
                .unwrap();
            let mut said = Vec::new();
            while begun.elapsed() < Duration::from_secs(20) {
                let _ = stream.write_all(piece);
                match stream.read(&mut [0; 1024][..]) {
                    Ok(0) => return said,
                    Ok(_) if said.is_empty() => said.push(begun.elapsed()),
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                        return said;
                    }
                    _ => {}
                }
            }
            panic!("{:?} was let drip for 20 s", String::from_utf8_lossy(first));
        })
    };
    let drips = [
        drip(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n",
            b"x-a: b\r\n",
        ),
        drip(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n{",
            b" ",
        ),
        drip(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
            b"1\r\n \r\n",
        ),
    ];
    let mut reader = wire::Connection::open_narrow(sidecar.base);
    reader.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &[],
        Api::Chat.ask("flood", "hi", true).to_string().as_bytes(),
    ));
    assert_eq!(reader.head().unwrap().0, 200);
    for _ in 0..10 {
        assert_eq!(wire::call(sidecar.base, &ask(Api::Chat, "m")).status, 200);
    }
    for drip in drips {
        drip.join().unwrap();
    }
    eventually("the upstream of who does not read is let go", || {
        !flood.left().is_empty()
    });
    assert!(sidecar.metric("outrigger_connections_cut_total", &["stalled"]) > 0.5);
    assert_eq!(wire::call(sidecar.base, &ask(Api::Chat, "m")).status, 200);
}

#[test]
fn pod_ten_times_too_much_is_shed_within_the_memory_that_there_is_and_is_over_when_it_ends() {
    const LIMIT: u64 = 160 * MIB;
    // What a release maps of itself. A debug build maps 28 MiB, which no pod has.
    const CODE: u64 = 12 * MIB;
    let upstream = Upstream::start(|seen, _| {
        let wait = if seen.body.len() > 1 << 20 { 300 } else { 5 };
        vec![
            Step::Pause(Duration::from_millis(wait)),
            Step::Send(replies::json_body("{}")),
        ]
    });
    let yaml = format!(
        "overload: {{ exchanges: 64, memory: {{ limit: 160MiB }} }}\n{}",
        config(&upstream, "")
    );
    let sidecar = Sidecar::start(&yaml);
    let (stop, most) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (served, turned_away) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let base = sidecar.base;
    let large: Arc<[u8]> = Api::Chat
        .ask("m", &"x".repeat(4 << 20), false)
        .to_string()
        .into_bytes()
        .into();
    // 240 MiB of bodies at once, were they all taken, and a crowd of small ones.
    let clients: Vec<_> = (0..120)
        .map(|n| {
            let (stop, large) = (Arc::clone(&stop), Arc::clone(&large));
            let (served, turned_away) = (Arc::clone(&served), Arc::clone(&turned_away));
            std::thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || {
                    let request = match n % 2 {
                        0 => wire::request("POST", Api::Chat.path(), &[], &large),
                        _ => ask(Api::Chat, "m"),
                    };
                    while !stop.load(Ordering::Relaxed) {
                        let reply = wire::call(base, &request); // panics where nothing comes
                        match reply.status {
                            200 => served.fetch_add(1, Ordering::Relaxed),
                            503 => {
                                assert_eq!(
                                    reply.header("retry-after"),
                                    Some("1"),
                                    "{}",
                                    reply.head
                                );
                                std::thread::sleep(Duration::from_millis(100));
                                turned_away.fetch_add(1, Ordering::Relaxed)
                            }
                            status => panic!("{status}: {}", reply.text()),
                        };
                    }
                })
                .unwrap()
        })
        .collect();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        most.fetch_max(sidecar.rss_without_files() + CODE, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    let most = most.load(Ordering::Relaxed);
    let (served, turned_away) = (
        served.load(Ordering::Relaxed),
        turned_away.load(Ordering::Relaxed),
    );
    eprintln!(
        "{served} served, {turned_away} turned away, {} MiB at the most",
        most / MIB
    );
    assert!(most < LIMIT, "{} MiB of {}", most / MIB, LIMIT / MIB);
    assert!(served > 0 && turned_away > 0, "{served} {turned_away}");
    let counted = sidecar.metric("outrigger_shed_total", &[]);
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let seen = turned_away as f64;
    assert!(counted >= seen, "{counted} counted, {seen} seen");
    eventually("everything is served again", || {
        (0..20).all(|_| wire::call(base, &ask(Api::Chat, "m")).status == 200)
    });
}
