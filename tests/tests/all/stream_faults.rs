//! Faults of upstreams, and what the real SDKs make of them behind Outrigger. A broken stream never
//! looks finished.

use outrigger_tests::clients::{self, Job, Outcome, Sdk};
use outrigger_tests::faults::{self, Expect, ROWS, TEXT};
use outrigger_tests::{Sidecar, Upstream};

use super::config;

fn jobs(sdk: Sdk, base: std::net::SocketAddr, path: &str) -> Vec<(&'static faults::Row, Job)> {
    let each = |api| {
        ROWS.iter().map(move |row| {
            (
                row,
                Job {
                    timeout: 15.0,
                    ..Job::new(
                        api,
                        base,
                        &format!("{}.{sdk:?}-{api:?}-{path}", row.name),
                        "hi",
                    )
                },
            )
        })
    };
    sdk.apis().iter().flat_map(|api| each(*api)).collect()
}

fn attempts(upstream: &Upstream, model: &str) -> usize {
    upstream
        .seen()
        .iter()
        .filter(|seen| seen.model() == model)
        .count()
}

/// The part of an outcome that an app acts on.
fn gist(outcome: &Outcome) -> (bool, String) {
    (outcome.error.is_some(), outcome.text.clone())
}

fn the_fault_table_holds(chain: &str) {
    let upstream = faults::server();
    // Silence is cut short, so that a stall is reported before any client's own time-out.
    let with_timeouts = config(&upstream, chain).replace("dialect:", "idle_timeout: 2s, dialect:");
    let sidecar = Sidecar::start(&with_timeouts);
    let mut wrong = Vec::new();
    for sdk in Sdk::ALL.into_iter().filter(|sdk| sdk.installed()) {
        let (rows, through): (Vec<&faults::Row>, Vec<Job>) =
            jobs(sdk, sidecar.base, "through").into_iter().unzip();
        let outcomes = clients::run(sdk, &through);
        let as_direct: Vec<Job> = jobs(sdk, upstream.address, "direct")
            .into_iter()
            .filter(|(row, _)| row.expect == Expect::AsDirect)
            .map(|(_, job)| job)
            .collect();
        let mut direct = clients::run(sdk, &as_direct).into_iter();
        for ((row, job), outcome) in rows.into_iter().zip(&through).zip(outcomes) {
            let (raised, text) = gist(&outcome);
            let full = if row.name == "line-of-4-mb" {
                format!("{}{}{}", TEXT[0], "x".repeat(4 << 20), TEXT[2])
            } else {
                TEXT.concat()
            };
            // A chunk that can't be read is for `on_unseen` to decide, and it blocks where a policy
            // reads replies.
            let unreadable = !chain.is_empty() && row.name == "data-line-that-is-not-json";
            let good = match row.expect {
                _ if unreadable => raised,
                // Outrigger reports a stall: Node would wait until the peer closes.
                Expect::Raises => raised && (row.name != "stall" || outcome.seconds < 10.0),
                Expect::Finishes => !raised && text == full,
                Expect::AsDirect => (raised, text) == gist(&direct.next().unwrap()),
            };
            let tried = attempts(&upstream, &job.model);
            let tries_good = row.attempts.is_none_or(|expected| expected == tried);
            if !good || !tries_good {
                let short: String = outcome.text.chars().take(60).collect();
                wrong.push(format!(
                    "{sdk:?} {:?} {}: expected {:?} in {:?} attempts; saw error {:?}, text {short:?}, {tried} attempts, {:.1} s",
                    job.api, row.name, row.expect, row.attempts, outcome.error, outcome.seconds
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_fault_table_holds_for_every_sdk_through_an_empty_chain() {
    the_fault_table_holds("");
}

#[test]
fn the_fault_table_holds_for_every_sdk_through_a_policy_that_reads_replies() {
    the_fault_table_holds("[{ use: noop }]");
}

#[test]
fn without_outrigger_broken_streams_do_look_finished() {
    // The test of the test: were this to fail, the fault server would no longer show what it is
    // there to show.
    let upstream = faults::server();
    let jobs = [Job::new(
        outrigger_tests::replies::Api::Chat,
        upstream.address,
        "clean-end-without-terminator.direct",
        "hi",
    )];
    let outcome = clients::run(Sdk::OpenaiPython, &jobs).remove(0);
    assert_eq!((outcome.error, outcome.text), (None, TEXT.concat()));
}
