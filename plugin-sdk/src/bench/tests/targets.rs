//! Targets, failures and attempts under the bench.

use std::time::Duration;

use crate::{
    Attempt, Decision, Failure, Hooks, Outcome, Policy, Price, Request, Target,
    bench::{Bench, attempt, failure, outcome_with, target},
    log,
};

/// Prefers the near targets, excludes those that are open, copies to the last one; has `last` tried
/// where all fail.
#[derive(serde::Deserialize)]
struct Near {
    region: String,
    last: String,
}

impl Policy for Near {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::FAILURE).union(Hooks::END);

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let targets = request.targets();
        let names = |keep: &dyn Fn(&Target) -> bool| -> Vec<String> {
            let kept = targets.iter().filter(|target| keep(target));
            kept.map(|target| target.name.clone()).collect()
        };
        request.prefer(&names(&|t| t.region.as_ref() == Some(&self.region)));
        request.exclude(&names(&|t| !t.is_healthy()));
        if let Some(target) = targets.last() {
            request.mirror(&target.name);
        }
        request.set_deadline(Duration::from_secs(20));
        Decision::Forward
    }

    fn on_failure(&mut self, failure: &Failure) -> Decision {
        match failure.attempts.last().and_then(Attempt::retry_after) {
            Some(wait) => Decision::refuse(429, format!("wait {} s", wait.as_secs())),
            None if failure.class == "request" => Decision::Forward,
            None => Decision::try_now([&self.last]),
        }
    }

    fn on_end(&mut self, outcome: &Outcome) {
        let tried = outcome.attempts.iter().map(|tried| tried.target.as_str());
        log::info(&tried.collect::<Vec<_>>().join(" "));
    }
}

fn bench() -> Bench<Near> {
    let config = serde_json::json!({ "region": "eu", "last": "z/m" });
    Bench::new(config).unwrap()
}

fn targets() -> [Target; 3] {
    let in_the_eu = |name| Target {
        region: Some("eu".into()),
        ..target(name)
    };
    let open = Target {
        breaker: "open".into(),
        ..target("b/m")
    };
    [in_the_eu("a/m"), open, in_the_eu("c/m")]
}

#[test]
fn a_policy_sees_targets_and_says_which_are_tried() {
    let request = Request::chat("fast").with_deadline(Duration::from_secs(9));
    let exchange = bench().request(request.with_targets(targets()));
    assert!(exchange.is_forwarded());
    assert_eq!(exchange.request.preferred(), ["a/m", "c/m"]);
    assert_eq!(exchange.request.excluded(), ["b/m"]);
    assert_eq!(exchange.request.mirrored().as_deref(), Some("c/m"));
    let deadline = exchange.request.deadline();
    assert_eq!(deadline, Some(Duration::from_secs(9)), "never lengthened");
    let exchange = bench().request(Request::chat("fast"));
    assert!(exchange.request.preferred().is_empty() && exchange.request.mirrored().is_none());
    assert_eq!(exchange.request.deadline(), Some(Duration::from_secs(20)));
}

#[test]
fn a_failure_says_what_was_tried_and_the_policy_what_is_tried_next() {
    let mut exchange = bench().request(Request::chat("fast"));
    let tried = vec![
        attempt("a/m", "overload", 503),
        attempt("c/m", "refused", 0),
    ];
    let decision = exchange.fail_with(&failure(tried.clone()));
    assert_eq!(decision, Decision::try_now(["z/m"]));
    let limited = Attempt {
        retry_after_ms: Some(7000),
        ..attempt("z/m", "rate", 429)
    };
    let decision = exchange.fail_with(&failure(vec![limited]));
    assert_eq!(decision, Decision::refuse(429, "wait 7 s"));
    assert_eq!(exchange.fail(400, "upstream_status"), Decision::Forward);
    exchange.end(&outcome_with(|outcome| outcome.attempts = tried));
    let line = (log::Level::Info, "a/m c/m".to_owned());
    assert_eq!(crate::bench::log_lines(), [line]);
}

#[test]
fn what_a_model_takes_is_yes_no_or_not_known() {
    let target = Target {
        takes: vec!["tools".into()],
        lacks: vec!["images".into()],
        price: Some(Price {
            input_microusd: 250_000,
            output_microusd: 2_000_000,
        }),
        ..target("a/m")
    };
    let known = ["tools", "images", "audio"].map(|what| target.can_take(what));
    assert_eq!(known, [Some(true), Some(false), None]);
}

#[test]
#[should_panic(expected = "answers a failure")]
fn targets_are_tried_at_once_after_a_failure_only() {
    #[derive(serde::Deserialize)]
    struct Hasty {}
    impl Policy for Hasty {
        fn on_request(&mut self, _: &mut Request) -> Decision {
            Decision::try_now(["a/m"])
        }
    }
    let bench = Bench::<Hasty>::new(serde_json::json!({})).unwrap();
    drop(bench.request(Request::chat("m")));
}
