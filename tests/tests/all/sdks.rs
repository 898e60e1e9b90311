//! The real SDKs against the embedded model: streamed and whole, with and without tools, in every
//! dialect.

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::{Sidecar, Step, Upstream, replies};

use super::{config, embedded};

fn the_sdks_work(chain: &str) {
    let sidecar = Sidecar::start(&embedded(chain));
    for sdk in Sdk::ALL.into_iter().filter(|sdk| sdk.installed()) {
        let mut jobs = Vec::new();
        for api in sdk.apis() {
            for stream in [true, false] {
                for tools in [false, true] {
                    let job = Job::new(
                        *api,
                        sidecar.base,
                        "some-model",
                        "The pelican's number is 4711; what is the weather in Lisbon?",
                    );
                    jobs.push(Job {
                        stream,
                        tools,
                        ..job
                    });
                }
            }
        }
        for (job, outcome) in jobs.iter().zip(clients::run(sdk, &jobs)) {
            let what = format!(
                "{sdk:?} {:?} stream {} tools {}: {outcome:?}",
                job.api, job.stream, job.tools
            );
            assert_eq!(outcome.error, None, "{what}");
            assert!(
                outcome
                    .usage
                    .is_some_and(|(input, output)| input > 0 && output > 0),
                "usage: {what}"
            );
            if job.tools {
                assert_eq!(
                    outcome.tools.first().map(|(name, _)| name.as_str()),
                    Some("get_weather"),
                    "{what}"
                );
                let arguments: serde_json::Value =
                    serde_json::from_str(&outcome.tools[0].1).unwrap();
                assert!(arguments.is_object(), "{what}");
                assert!(
                    ["tool_calls", "tool_use", "completed"]
                        .contains(&outcome.finish.as_deref().unwrap_or("")),
                    "{what}"
                );
            } else {
                assert!(
                    outcome.text.contains("4711"),
                    "it repeats what it was told: {what}"
                );
                assert!(
                    ["stop", "end_turn", "completed"]
                        .contains(&outcome.finish.as_deref().unwrap_or("")),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn the_sdks_work_through_an_empty_chain() {
    the_sdks_work("");
}

#[test]
fn the_sdks_work_through_policies_that_read_and_rewrite() {
    the_sdks_work(
        "[{ use: noop }, { use: probe, config: { reads: true } }, { use: pii-redact, config: { detect: [email, credit_card], mode: tokenize } }]",
    );
}

#[test]
fn an_sdk_that_asks_for_compression_is_shown_to_policies_all_the_same() {
    // SDKs send `accept-encoding: gzip, deflate, br, zstd`. Where a policy reads replies, none of
    // these may come back unread.
    let upstream = Upstream::start(|seen, _| {
        let api = replies::Api::of(seen.path());
        vec![Step::Send(replies::json_body(
            &api.whole(seen.header("accept-encoding").unwrap_or("none")),
        ))]
    });
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { upper: true } }]",
    ));
    let outcome = clients::run(
        Sdk::OpenaiPython,
        &[Job {
            stream: false,
            ..Job::new(replies::Api::Chat, sidecar.base, "m", "hi")
        }],
    )
    .remove(0);
    assert_eq!(outcome.error, None);
    assert!(
        ["NONE", "IDENTITY"].contains(&outcome.text.as_str()),
        "the upstream was asked for {}",
        outcome.text
    );
}
