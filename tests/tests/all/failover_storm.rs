//! Three targets that flap at random in every way there is, 64 streams, and a reload every five
//! seconds: nobody hangs, nothing that is cut looks whole, and all that was taken is given back.
//!
//! Twenty seconds; `OUTRIGGER_STORM_SECONDS=180` for three minutes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use outrigger_tests::failover::{Setup, ask_for, nothing_is_in_flight, state};
use outrigger_tests::replies::Api;
use outrigger_tests::wire::{self, End, Reply};
use outrigger_tests::{Act, Fault, Provider, Sidecar, eventually};

const STREAMS: usize = 64;
const PIECES: [&str; 4] = ["one, ", "two, ", "three ", "and four."];

fn length() -> Duration {
    let seconds = std::env::var("OUTRIGGER_STORM_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|s| s.parse().ok()).unwrap_or(20))
}

/// Splitmix64: the storm is the same each time, as far as threads are.
const fn scattered(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The answer of a provider that is well.
fn well() -> Act {
    Act::Says(PIECES.map(str::to_owned).to_vec())
}

/// A provider with hours of its own: two seconds well, ill or half of both, by turns that a seed
/// decides, until it is over.
fn flapping(seed: u64, until: Instant) -> Provider {
    let began = Instant::now();
    Provider::scripted("", move |_, number| {
        if Instant::now() >= until {
            return well();
        }
        let hour = began.elapsed().as_secs() / 2;
        let draw = scattered(scattered(seed ^ hour.wrapping_mul(31)) ^ number as u64);
        let ill = match scattered(seed.wrapping_mul(7) ^ hour) % 3 {
            0 => draw.is_multiple_of(20),
            1 => draw.is_multiple_of(2),
            _ => true,
        };
        if !ill {
            return well();
        }
        match (draw / 40) % 16 {
            0 => Act::Refuses(Fault::Rate(Some("1"))),
            1 => Act::Refuses(Fault::Rate(None)),
            2 | 3 => Act::Refuses(Fault::Overload),
            4 => Act::Refuses(Fault::MaybeDone),
            5 => Act::FailsInside(Fault::Overload),
            6 => Act::FailsInside(Fault::Rate(None)),
            7 => Act::BreaksInside,
            8 => Act::FailsAfterContent(Fault::Overload),
            9 => Act::BreaksAfterContent,
            10 => Act::Closes,
            11 => Act::Resets,
            12 => Act::HangsInside,
            13 => Act::IsSilent,
            14 => Act::Trickles(20, Duration::from_millis(20)),
            _ => Act::after(Duration::from_millis(700), well()),
        }
    })
}

/// Reports what a reply is: `whole`, `refused`, or `broken` where that shows; panics where a broken
/// one looks whole.
fn judged(api: Api, reply: &Reply) -> &'static str {
    let text = reply.text();
    if reply.status != 200 {
        assert_eq!(reply.end, End::Complete, "a refusal is whole: {text}");
        assert!(text.contains("error"), "{} {text}", reply.status);
        return "refused";
    }
    let says_error = text.contains("error");
    let ended = match api {
        Api::Chat => text.contains("[DONE]"),
        Api::Responses => text.contains("response.completed"),
        Api::Messages => text.contains("message_stop"),
        Api::Gemini => text.contains("\"STOP\""),
    };
    if reply.end != End::Complete || says_error {
        assert!(!ended, "it ends well and badly: {text}");
        return "broken";
    }
    assert!(ended, "it is complete and has no end: {text}");
    // Those that trickle say nothing, twenty times; all others say all of their pieces, once.
    let expected = api.events(&PIECES).concat();
    let trickled = api.events(&[""; 20]).concat();
    let with_usage = |text: &str| text.replace("\r\n", "\n");
    let same = [expected, trickled]
        .iter()
        .any(|one| with_usage(one) == with_usage(&text));
    assert!(same, "neither provider wrote this: {text}");
    "whole"
}

fn setup(api: Api, providers: &[Provider; 3]) -> Setup {
    let limits = "first_content_timeout: 2s, head_timeout: 2s, idle_timeout: 2s";
    let usage = match api.family() {
        "openai" => ", usage: false",
        _ => "",
    };
    let limits = &format!("{limits}{usage}");
    let [a, b, c] = providers;
    Setup::new(api)
        .upstream("a", a, &format!("keys: [one, two], {limits}"))
        .upstream("b", b, &format!("key: three, {limits}"))
        .upstream("c", c, &format!("key: four, {limits}"))
        .model("fast: { targets: [a/m, b/m, c/m], deadline: 20s, limited: { queue: { wait: 2s } } }")
        .with("policies:\n  directory: \"{policies}\"\n  chain: [{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 1000000000, every: 30d, algorithm: sliding }] } }]")
}

/// Exchanges, by what became of them.
fn storm(
    sidecar: &Sidecar,
    api: Api,
    setup: &Setup,
    until: Instant,
) -> BTreeMap<&'static str, usize> {
    let (sums, hung) = (Mutex::new(BTreeMap::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for stream in 0..STREAMS {
            let (sums, hung) = (&sums, &hung);
            scope.spawn(move || {
                let mut number = 0_u64;
                while Instant::now() < until {
                    number += 1;
                    let prompt = format!("stream {stream}, question {number}");
                    if scattered(number ^ (stream as u64) << 32).is_multiple_of(25) {
                        // Some apps leave.
                        let mut app = wire::Connection::open(sidecar.base);
                        let body = api.ask("fast", &prompt, true).to_string();
                        let path = api.address("fast", true);
                        app.send(&wire::request("POST", &path, &[], body.as_bytes()));
                        std::thread::sleep(Duration::from_millis(number % 50));
                        continue;
                    }
                    let started = Instant::now();
                    let reply = ask_for(sidecar, api, "fast", &prompt, true);
                    if started.elapsed() > Duration::from_secs(28) {
                        hung.fetch_add(1, Ordering::Relaxed);
                    }
                    let became = judged(api, &reply);
                    *sums.lock().unwrap().entry(became).or_default() += 1;
                }
            });
        }
        scope.spawn(|| {
            let mut turn = 0;
            while Instant::now() < until {
                std::thread::sleep(Duration::from_secs(5));
                turn += 1;
                let deadline = format!("deadline: {}s", 20 + turn % 2);
                sidecar.reconfigure(&setup.text().replace("deadline: 20s", &deadline));
            }
        });
    });
    assert_eq!(
        hung.into_inner(),
        0,
        "exchanges went on beyond their deadline"
    );
    sums.into_inner().unwrap()
}

/// Asks until the first target, who is well again, is asked again. After a long storm its breaker may
/// be open for more than a minute.
fn comes_back(sidecar: &Sidecar, api: Api) {
    let started = Instant::now();
    loop {
        let reply = ask_for(sidecar, api, "fast", "hi", true);
        if judged(api, &reply) == "whole" && state(sidecar, "a/m") == "closed" {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(100), "it is wedged");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn three_flapping_targets_leave_nothing_hanging_cut_or_taken() {
    let apis = [Api::Chat, Api::Messages];
    for (seed, api) in apis.into_iter().enumerate() {
        let until = Instant::now() + length() / apis.len() as u32;
        let providers = [1, 2, 3].map(|n| flapping(n + 10 * seed as u64, until));
        let setup = setup(api, &providers);
        let sidecar = setup.start();
        let before = sidecar.generation();
        let sums = storm(&sidecar, api, &setup, until);
        println!("{api:?}: {sums:?}");
        assert!(sums.get("whole").copied().unwrap_or(0) > 100, "{sums:?}");
        assert!(sidecar.generation() > before, "it was reloaded");

        // The storm is over: everything comes back.
        nothing_is_in_flight(&sidecar);
        comes_back(&sidecar, api);
        nothing_is_in_flight(&sidecar);
        assert_eq!(sidecar.metric("outrigger_inflight_requests", &[]), 0.0);
        assert_eq!(sidecar.metric("outrigger_store_unsettled", &[]), 0.0);
        assert_eq!(sidecar.metric("outrigger_store_dropped_total", &[]), 0.0);
        let counted = sidecar.metric("outrigger_requests_total", &[]) as usize;
        let answered: usize = sums.values().sum();
        assert!(counted > answered, "{counted} of {answered} and more");
        // A reservation is some 500 tokens, a settlement fifteen and the estimate of the input.
        let used = || {
            let state = wire::get(sidecar.admin, "/state").json();
            state["buckets"][0]["used"].as_u64().unwrap_or(0)
        };
        let before = used();
        ask_for(&sidecar, api, "fast", "hi", true);
        eventually("one more is settled as what it is", || {
            (before + 1..before + 100).contains(&used())
        });
    }
}
