//! Limits and budgets: what is reserved, settled and refused, as apps, operators and providers see
//! it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::redis::Redis;
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};
use serde_json::Value;

use super::config;

/// Tokens of one exchange with [`provider`].
const EXCHANGE: u64 = 15;

/// Answers every request at once, whole or streamed, with 10 tokens in and 5 out; what the model's
/// name says goes wrong.
fn provider() -> Upstream {
    Upstream::start(|seen, _| {
        let api = Api::of(seen.path());
        let stream = seen.json()["stream"] == true;
        let events = replies::stream(&api.events(&["Hello", " there"]));
        match seen.model().as_str() {
            "broken" => vec![Step::Send(replies::whole(
                "500 Internal Server Error",
                &["content-type: application/json"],
                "{\"error\":{\"message\":\"no\"}}",
            ))],
            "reset" => vec![Step::Reset],
            "cut" => events.into_iter().take(3).chain([Step::Close]).collect(),
            "hangs" => events.into_iter().take(3).chain([Step::Hold]).collect(),
            _ if stream => events,
            _ => vec![Step::Send(replies::json_body(&api.whole("Hello there")))],
        }
    })
}

fn limit(rules: &str) -> String {
    format!("[{{ use: token-rate-limit, grants: [limits], config: {{ rules: {rules} }} }}]")
}

/// The only bucket's `used`; `None` where there is none.
fn used(sidecar: &Sidecar) -> Option<u64> {
    let state = wire::get(sidecar.admin, "/state").json();
    let buckets = state["buckets"].as_array().expect("buckets");
    assert!(buckets.len() <= 1, "{state}");
    buckets.first().and_then(|bucket| bucket["used"].as_u64())
}

fn ask(sidecar: &Sidecar, model: &str, stream: bool) -> wire::Reply {
    sidecar.post(
        Api::Chat.path(),
        Api::Chat.ask(model, "hi", stream).to_string(),
    )
}

#[test]
fn a_limit_is_a_429_that_both_sdks_understand_and_says_when_to_come_back() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, &limit("[{ requests: 1, every: 1h }]")));
    for sdk in [Sdk::OpenaiPython, Sdk::AnthropicPython] {
        let api = sdk.apis()[0];
        let job = || Job {
            stream: false,
            ..Job::new(api, sidecar.base, "m", "hi")
        };
        clients::run(sdk, &[job()]);
        let refused = &clients::run(sdk, &[job()])[0];
        let error = refused.error.as_deref().expect("an error");
        assert!(error.contains("RateLimitError"), "{sdk:?}: {error}");
    }
    assert_eq!(upstream.count(), 1, "one bucket for all dialects");
    let refused = ask(&sidecar, "m", false);
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["error"]["code"], "rate_limited");
    let after: u64 = refused
        .header("retry-after")
        .expect("retry-after")
        .parse()
        .unwrap();
    assert!(after >= 1);
    assert_eq!(refused.header("x-ratelimit-limit-requests"), Some("1"));
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
}

#[test]
fn a_hundred_exchanges_at_once_against_a_limit_pass_it_by_one_estimate_at_most() {
    let upstream = provider();
    // Room for one estimate of an unknown route (512 tokens of output) and a little more: most must
    // wait for others to be settled.
    let limit = 60 * EXCHANGE;
    let rules = format!("[{{ tokens: {limit}, every: 1d, algorithm: sliding }}]");
    let sidecar = Sidecar::start(&config(&upstream, &self::limit(&rules)));
    let passed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                // Some are refused while others hold their estimate, and have room once those are
                // settled.
                for _ in 0..20 {
                    if ask(&sidecar, "m", false).status == 200 {
                        passed.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    let passed = passed.load(Ordering::Relaxed) as u64;
    assert!(
        passed > 0 && passed * EXCHANGE <= limit + EXCHANGE,
        "{passed} passed"
    );
    eventually("all is settled", || {
        used(&sidecar) == Some(passed * EXCHANGE)
    });
}

#[test]
fn every_way_that_an_exchange_can_end_settles_what_it_reserved() {
    let upstream = provider();
    let chain = "[{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 100000, every: 30d, algorithm: sliding }] } }, { use: model-allowlist, config: { models: [m, broken, reset, cut, hangs] } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let settles = |sum: u64, why: &str| {
        eventually(why, || used(&sidecar).unwrap_or(0) == sum);
    };
    assert_eq!(ask(&sidecar, "m", false).status, 200);
    settles(EXCHANGE, "a whole reply");
    assert_eq!(ask(&sidecar, "elsewhere", false).status, 403);
    settles(EXCHANGE, "a refusal further down the chain costs nothing");
    assert_eq!(ask(&sidecar, "broken", false).status, 500);
    settles(EXCHANGE, "an error of the provider costs nothing");
    assert_eq!(ask(&sidecar, "reset", false).status, 502);
    settles(EXCHANGE, "no reply at all costs nothing");

    assert_ne!(ask(&sidecar, "cut", true).end, wire::End::Complete);
    let cut = |sum| sum > EXCHANGE && sum < EXCHANGE + 60;
    eventually("a cut stream costs what went by", || {
        used(&sidecar).is_some_and(cut)
    });
    let before = used(&sidecar).unwrap();
    let mut app = wire::Connection::open(sidecar.base);
    let body = Api::Chat.ask("hangs", "hi", true).to_string();
    app.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &["content-type: application/json"],
        body.as_bytes(),
    ));
    assert_eq!(app.head().map(|(status, _)| status), Some(200));
    assert!(app.chunk().unwrap().is_some());
    drop(app);
    let left = |sum: u64| sum > before && sum < before + 60;
    eventually("an app that leaves pays for what went by", || {
        used(&sidecar).is_some_and(left)
    });
}

#[test]
fn a_stream_that_goes_over_its_limit_is_ended_as_its_dialect_ends_a_refused_one() {
    let upstream = Upstream::start(|seen, _| {
        let api = Api::of(seen.path());
        let pieces = vec!["one two three four five six seven eight "; 400];
        replies::stream(&api.events(&pieces))
    });
    let rules = "[{ output_tokens: 1000, every: 1d, cut: true }]";
    let sidecar = Sidecar::start(&config(&upstream, &limit(rules)));
    let reply = sidecar.post(Api::Chat.path(), Api::Chat.ask("m", "hi", true).to_string());
    let text = reply.text();
    assert_eq!(
        (reply.status, reply.end),
        (200, wire::End::Complete),
        "{text}"
    );
    assert!(
        text.contains("\"finish_reason\":\"content_filter\"") && text.contains("limit_reached"),
        "{text}"
    );
    let words = text.matches("one two").count() as u64 * 8;
    assert!(
        (500..2000).contains(&words),
        "{words} words passed a limit of 1000 tokens"
    );
    let next = ask(&sidecar, "m", true);
    assert_eq!(next.status, 429, "what went by was charged");
}

#[test]
fn two_replicas_with_one_redis_hold_one_limit_and_a_killed_one_doubles_nothing() {
    let upstream = provider();
    let mut redis = Redis::start();
    let start = || {
        // On a busy machine Redis may take longer than a policy's 50 ms.
        let chain = limit("[{ requests: 60, every: 30d, algorithm: sliding }]")
            .replace("config:", "limits: { wall: 5s }, config:");
        let state = format!(
            "state: {{ redis: \"{}\", timeout: 500ms, reservation_lapse: 2s, degrade: block }}\n",
            redis.url()
        );
        Sidecar::start(&(config(&upstream, &chain) + &state))
    };
    let replicas = [start(), start()];
    let both = |each: usize| -> usize {
        let passed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for n in 0..2 * each {
                let (passed, replica) = (&passed, &replicas[n % 2]);
                scope.spawn(move || {
                    passed.fetch_add(
                        usize::from(ask(replica, "m", false).status == 200),
                        Ordering::Relaxed,
                    );
                });
            }
        });
        passed.into_inner()
    };
    assert_eq!(both(15), 30);
    eventually("both see what both took", || {
        replicas.iter().all(|replica| used(replica) == Some(30))
    });

    // One dies with exchanges under way: what they reserved lapses, what was settled stays.
    let victim = start();
    let connections: Vec<wire::Connection> = (0..5)
        .map(|_| {
            let mut app = wire::Connection::open(victim.base);
            let body = Api::Chat.ask("hangs", "hi", true).to_string();
            app.send(&wire::request(
                "POST",
                Api::Chat.path(),
                &["content-type: application/json"],
                body.as_bytes(),
            ));
            assert_eq!(app.head().map(|(status, _)| status), Some(200));
            app
        })
        .collect();
    assert_eq!(used(&replicas[0]), Some(35));
    victim.signal(rustix::process::Signal::KILL);
    drop(connections);
    eventually("the dead replica's reservations lapse", || {
        used(&replicas[0]) == Some(30)
    });

    // Redis dies and comes back with what it had on its disk.
    redis.crash_and_restart();
    eventually("the replicas have their store again", || {
        ask(&replicas[0], "m", false).status == 200
    });
    eventually("nothing was lost and nothing doubled", || {
        used(&replicas[1]) == Some(31)
    });
    assert_eq!(both(40), 29, "one limit of sixty for both");
}

#[test]
fn a_budget_downgrades_then_refuses_and_tells_a_webhook_once() {
    let hook = Upstream::always(replies::json_body("{}"));
    let upstream = provider();
    let chain = format!(
        "[{{ use: budget, grants: [limits, values, {{ fetch: [\"{}\"] }}], config: {{ budgets: [{{ per: tenant, tokens: 40, every: day, downgrade: cheap }}, {{ per: tenant, tokens: 3000, every: week }}], alerts: {{ url: \"http://{}/hook\", at: [0.8] }} }} }}]",
        hook.address, hook.address
    );
    let aliases = "models: { cheap: { targets: [openai/small] } }\n";
    let sidecar = Sidecar::start(&(config(&upstream, &chain) + aliases));
    let of = |tenant: &str| {
        let body = r#"{"model":"big","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#;
        let headers = [
            "content-type: application/json",
            &format!("x-outrigger-tenant: {tenant}"),
        ];
        wire::call(
            sidecar.base,
            &wire::request("POST", Api::Chat.path(), &headers, body.as_bytes()),
        )
    };
    let served = |tenant: &str| {
        assert_eq!(of(tenant).status, 200);
        upstream.last()
    };
    assert_eq!(served("a").model(), "big");
    assert_eq!(
        upstream.last().header("x-outrigger-tenant"),
        None,
        "the provider is not told the tenant"
    );
    eventually("the day's budget is used up", || {
        served("a").model() == "small"
    });
    assert_eq!(served("b").model(), "big", "each tenant has its own");
    eventually("the webhook hears of it", || hook.count() > 0);
    let event = hook.last().json();
    assert_eq!(event["share"], Value::from(0.8), "{event}");
    for _ in 0..5 {
        of("a");
    }
    let of_the_day = hook
        .seen()
        .iter()
        .filter(|seen| seen.json()["limit"] == event["limit"])
        .count();
    assert_eq!(of_the_day, 1, "once a period and share");
}

#[test]
fn an_operator_sees_buckets_and_resets_one_only_where_that_was_allowed() {
    let upstream = provider();
    let chain = limit("[{ requests: 1, every: 30d }]");
    let sidecar = Sidecar::start(&config(&upstream, &chain));
    let name = |sidecar: &Sidecar| {
        let state = wire::get(sidecar.admin, "/state").json();
        state["buckets"][0]["name"]
            .as_str()
            .expect("a bucket")
            .to_owned()
    };
    let delete = |sidecar: &Sidecar, name: &str| {
        let path = format!(
            "/state/buckets/{}",
            name.replace('#', "%23").replace(' ', "%20")
        );
        wire::call(
            sidecar.admin,
            &wire::request("DELETE", &path, &["x-outrigger-admin: 1"], b""),
        )
        .status
    };
    assert_eq!(ask(&sidecar, "m", false).status, 200);
    assert_eq!(ask(&sidecar, "m", false).status, 429);
    assert_eq!(
        delete(&sidecar, &name(&sidecar)),
        403,
        "off unless configured"
    );
    let sidecar = Sidecar::start(&(config(&upstream, &chain) + "state: { admin_changes: true }\n"));
    assert_eq!(ask(&sidecar, "m", false).status, 200);
    assert_eq!(ask(&sidecar, "m", false).status, 429);
    assert_eq!(delete(&sidecar, &name(&sidecar)), 200);
    assert_eq!(ask(&sidecar, "m", false).status, 200);
    assert_eq!(delete(&sidecar, "no-such-bucket"), 404);
}

#[test]
fn counts_are_there_for_a_policy_that_reads_no_passage() {
    let upstream = provider();
    let chain = "[{ use: model-router, config: { rules: [{ match: { tools: true }, model: openai/with-tools }] } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let tools = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#;
    assert_eq!(sidecar.post(Api::Chat.path(), tools).status, 200);
    assert_eq!(upstream.last().model(), "with-tools");
}

/// Input and output tokens of real conversations.
fn trace() -> Vec<(u64, u64)> {
    let file = outrigger_tests::root().join("tests/data/azure-conversation.csv");
    let text = std::fs::read_to_string(file).unwrap();
    let numbers = text.lines().map(|line| line.split_once(',').unwrap());
    numbers
        .map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap()))
        .collect()
}

#[test]
fn ten_thousand_conversations_over_four_replicas_settle_to_the_token_and_pass_the_limit_by_one_each()
 {
    const LIMIT: u64 = 4_000_000;
    // The model's name says the usage that the provider will report.
    let upstream = Upstream::start(|seen, _| {
        let model = seen.model();
        let (input, output) = model.split_once('-').unwrap();
        let body = format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"ok"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":0}}}}"#
        );
        vec![Step::Send(replies::json_body(&body))]
    });
    let redis = Redis::start();
    let chain = format!(
        "[{{ use: token-rate-limit, grants: [limits], limits: {{ wall: 2s }}, config: {{ rules: [{{ tokens: {LIMIT}, every: 30d, algorithm: sliding }}] }} }}, {{ use: budget, grants: [limits, values, {{ fetch: [] }}], limits: {{ wall: 2s }}, config: {{ budgets: [{{ tokens: 1000000000, every: month }}] }} }}]"
    );
    let state = format!(
        "state: {{ redis: \"{}\", timeout: 1s, degrade: block }}\n",
        redis.url()
    );
    let replicas: Vec<Sidecar> = (0..4)
        .map(|_| Sidecar::start(&(config(&upstream, &chain) + &state)))
        .collect();
    let (trace, next) = (trace(), AtomicUsize::new(0));
    let (served, largest): (Vec<u64>, Vec<u64>) = std::thread::scope(|scope| {
        let apps: Vec<_> = (0..16)
            .map(|app| {
                let (trace, next, replica) = (&trace, &next, &replicas[app % 4]);
                scope.spawn(move || {
                    let mut connection = wire::Connection::open(replica.base);
                    let (mut sum, mut largest) = (0, 0);
                    while let Some((input, output)) =
                        trace.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let prompt = "word ".repeat(usize::try_from(*input).unwrap());
                        let body = Api::Chat
                            .ask(&format!("{input}-{output}"), &prompt, false)
                            .to_string();
                        connection.send(&wire::request(
                            "POST",
                            Api::Chat.path(),
                            &["content-type: application/json"],
                            body.as_bytes(),
                        ));
                        let reply = connection.reply();
                        assert!(
                            matches!(reply.status, 200 | 429),
                            "{} {}",
                            reply.status,
                            reply.text()
                        );
                        if reply.status == 200 {
                            sum += input + output;
                            largest = largest.max(input + output);
                        }
                    }
                    (sum, largest)
                })
            })
            .collect();
        apps.into_iter().map(|app| app.join().unwrap()).unzip()
    });
    let (served, largest) = (
        served.iter().sum::<u64>(),
        largest.into_iter().max().unwrap(),
    );
    let settled = || {
        let state = wire::get(replicas[0].admin, "/state").json();
        let buckets = state["buckets"].as_array().expect("buckets").clone();
        buckets
            .iter()
            .map(|bucket| bucket["used"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    eventually("all is settled", || settled() == [served, served]);
    let over = served.saturating_sub(LIMIT);
    println!("served {served} of {LIMIT} tokens: {over} over, drift 0, largest exchange {largest}");
    assert!(served > LIMIT * 9 / 10, "{served}: the limit is used");
    assert!(over <= 4 * largest, "{over} over the limit of {LIMIT}");
}
