//! The main rows by the real SDKs, with their own retries and without: what an app sees, and how
//! many calls come of it.

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::failover::Setup;
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, Sidecar};

/// A row: what the first target does, and the second.
struct Row {
    name: &'static str,
    first: Act,
    second: Act,
    /// True if the app must get an answer.
    good: bool,
    /// Calls at both, whatever the SDK repeats by itself.
    calls: [usize; 2],
}

fn rows() -> Vec<Row> {
    let good = |name, first| Row {
        name,
        first,
        second: Act::Answers,
        good: true,
        calls: [1, 1],
    };
    let bad = |name, first: Act, second: Act, calls| Row {
        name,
        first,
        second,
        good: false,
        calls,
    };
    let overload = Act::Refuses(Fault::Overload);
    let maybe_done = Act::Refuses(Fault::MaybeDone);
    let money = Act::Refuses(Fault::Money);
    vec![
        good("rate", Act::Refuses(Fault::Rate(Some("30")))),
        good("overload", overload.clone()),
        good("money", money.clone()),
        good("key", Act::Refuses(Fault::Key)),
        good("maybe done", maybe_done.clone()),
        good("reset", Act::Resets),
        // The second answer of all: an SDK that tried again would find it.
        bad("overload everywhere", overload.clone(), overload, [1, 1]),
        bad(
            "maybe done everywhere",
            maybe_done.clone(),
            maybe_done,
            [1, 1],
        ),
        bad("no money anywhere", money.clone(), money, [1, 1]),
        bad(
            "a request that nobody takes",
            Act::Refuses(Fault::Invalid),
            Act::Answers,
            [1, 0],
        ),
    ]
}

fn stream_rows() -> Vec<Row> {
    let row = |name, first, good, calls| Row {
        name,
        first,
        second: Act::Answers,
        good,
        calls,
    };
    vec![
        row(
            "error inside",
            Act::FailsInside(Fault::Overload),
            true,
            [1, 1],
        ),
        row("broken inside", Act::BreaksInside, true, [1, 1]),
        row(
            "error after content",
            Act::FailsAfterContent(Fault::Overload),
            false,
            [1, 0],
        ),
        row(
            "broken after content",
            Act::BreaksAfterContent,
            false,
            [1, 0],
        ),
    ]
}

/// A row under way: the providers and the sidecar of one call alone.
struct Stage {
    row: Row,
    api: Api,
    retries: Option<u32>,
    providers: [Provider; 2],
    sidecar: Sidecar,
}

fn the_rows_hold(sdk: Sdk, stream: bool) {
    if !sdk.installed() {
        return;
    }
    let mut all = Vec::new();
    for api in sdk.apis() {
        for retries in [Some(0), None] {
            let mut rows = rows();
            if stream {
                rows.extend(stream_rows());
            }
            for row in rows {
                let a = Provider::always("from-a", row.first.clone());
                let b = Provider::always("from-b", row.second.clone());
                let sidecar = Setup::alias(*api, &[&a, &b], "attempts: 2").start();
                all.push(Stage {
                    row,
                    api: *api,
                    retries,
                    providers: [a, b],
                    sidecar,
                });
            }
        }
    }
    let jobs: Vec<Job> = all
        .iter()
        .map(|stage| Job {
            stream,
            timeout: 60.0,
            retries: stage.retries,
            ..Job::new(stage.api, stage.sidecar.base, "fast", "hi")
        })
        .collect();
    let outcomes = clients::run(sdk, &jobs);
    let mut wrong = Vec::new();
    for (stage, outcome) in all.iter().zip(outcomes) {
        let Stage {
            row, api, retries, ..
        } = stage;
        let calls = stage.providers.each_ref().map(Provider::count);
        let good = outcome.error.is_none();
        // A text that is no error's is all of one provider's.
        let whole = !good || outcome.text == "from-b";
        if good != row.good || !whole || calls != row.calls {
            wrong.push(format!(
                "{api:?} {} with retries {retries:?}: calls {calls:?} instead of {:?}, {outcome:?}",
                row.name, row.calls
            ));
        }
    }
    assert!(wrong.is_empty(), "{sdk:?}:\n{}", wrong.join("\n"));
}

#[test]
fn the_openai_sdk_sees_answers_and_final_errors() {
    the_rows_hold(Sdk::OpenaiPython, false);
}

#[test]
fn the_openai_sdk_sees_streams_and_final_errors() {
    the_rows_hold(Sdk::OpenaiPython, true);
}

#[test]
fn the_anthropic_sdk_sees_answers_and_final_errors() {
    the_rows_hold(Sdk::AnthropicPython, false);
}

#[test]
fn the_anthropic_sdk_sees_streams_and_final_errors() {
    the_rows_hold(Sdk::AnthropicPython, true);
}

#[test]
fn the_google_sdk_sees_answers_and_final_errors() {
    the_rows_hold(Sdk::GooglePython, false);
}

#[test]
fn the_google_sdk_sees_streams_and_final_errors() {
    the_rows_hold(Sdk::GooglePython, true);
}

#[test]
fn the_openai_sdk_of_node_sees_answers_and_final_errors() {
    the_rows_hold(Sdk::OpenaiNode, false);
}

#[test]
fn the_openai_sdk_of_node_sees_streams_and_final_errors() {
    the_rows_hold(Sdk::OpenaiNode, true);
}

#[test]
fn an_sdk_that_may_come_back_is_told_when_and_finds_an_answer_then() {
    for (sdk, api) in [
        (Sdk::OpenaiPython, Api::Chat),
        (Sdk::AnthropicPython, Api::Messages),
    ] {
        // Longer than we wait ourselves, and as long as an SDK does.
        let a = Provider::start("from-a");
        a.next([Act::Refuses(Fault::Rate(Some("3")))]);
        let more = "retry: { wait: 1s }";
        let sidecar = Setup::alias(api, &[&a], more).start();
        let job = Job {
            timeout: 60.0,
            ..Job::new(api, sidecar.base, "fast", "hi")
        };
        let outcome = &clients::run(sdk, &[job])[0];
        assert_eq!(outcome.error, None, "{sdk:?}");
        assert_eq!(outcome.text, "from-a", "{sdk:?}");
        assert_eq!(a.count(), 2, "{sdk:?}");
    }
}
