//! Broken replies across a translation: nothing broken looks whole in any dialect, and before the
//! first content another target answers, whatever it speaks.

use outrigger_tests::clients::Job;
use outrigger_tests::failover::ask_for;
use outrigger_tests::replies::{self, Api, chunk, last_chunk, stream_head};
use outrigger_tests::translation::{self as between, Rows, directions};
use outrigger_tests::wire::End;
use outrigger_tests::{Act, Fault, Step};

/// A stream up to its first content, and then these steps.
fn begun(api: Api, then: Vec<Step>) -> Act {
    let events = api.events(&["some ", "text"]);
    let sent = events.into_iter().take(api.opening_events() + 1);
    let mut steps = vec![Step::Send(stream_head())];
    steps.extend(sent.map(|event| Step::Send(chunk(event.as_bytes()))));
    steps.push(Step::Pause(std::time::Duration::from_millis(50)));
    steps.extend(then);
    Act::Plays(steps)
}

/// Ends that break a stream after some of its content.
fn breaks(api: Api) -> Vec<(&'static str, Act)> {
    let piece = |text: &str| Step::Send(chunk(text.as_bytes()));
    vec![
        ("closed", begun(api, vec![Step::Close])),
        ("reset", begun(api, vec![Step::Reset])),
        ("ended", begun(api, vec![Step::Send(last_chunk())])),
        ("error event", Act::FailsAfterContent(Fault::Overload)),
        (
            "no JSON",
            begun(
                api,
                vec![piece("data: {\"id\": nope\n\n"), Step::Send(last_chunk())],
            ),
        ),
        (
            "cut inside an event",
            begun(
                api,
                vec![piece("data: {\"candidates\":[{\"cont"), Step::Close],
            ),
        ),
    ]
}

/// Streams a row per act in each direction through the caller's SDK: what is no failure there.
fn successes(acts: impl Fn(Api) -> Vec<(&'static str, Act)>) -> Vec<String> {
    let (mut rows, mut all) = (Rows::new("never"), Vec::new());
    for (caller, target) in directions() {
        for (name, act) in acts(target) {
            all.push((caller, target, name, rows.add(&[(target, act)])));
        }
    }
    let sidecar = rows.start();
    let job = |(caller, _, _, alias): &(Api, Api, &str, String)| Job {
        retries: Some(0),
        timeout: 60.0,
        ..Job::new(*caller, sidecar.base, alias, "hi")
    };
    let jobs: Vec<Job> = all.iter().map(job).collect();
    let mut wrong = Vec::new();
    for ((caller, target, name, alias), outcome) in all.iter().zip(between::run(&jobs)) {
        if outcome.error.is_none() {
            let calls = rows.calls(alias)[0];
            wrong.push(format!(
                "{caller:?} to {target:?}, {name}, {calls} calls: {outcome:?}"
            ));
        }
    }
    wrong
}

#[test]
fn a_stream_that_breaks_after_content_raises_in_every_sdk() {
    let wrong = successes(breaks);
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_stream_without_content_raises_in_every_sdk_where_there_is_no_other_target() {
    let wrong = successes(|_| {
        let empty = vec![Step::Send(stream_head()), Step::Send(last_chunk())];
        vec![
            ("empty", Act::Plays(empty)),
            ("error inside", Act::FailsInside(Fault::Invalid)),
            ("closed inside", Act::BreaksInside),
        ]
    });
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_whole_reply_that_is_cut_or_malformed_is_a_failure_after_which_another_target_answers() {
    let (mut rows, mut all) = (Rows::new("from-second"), Vec::new());
    for (caller, target) in directions() {
        let whole = target.whole("some text");
        let half = &whole[..whole.len() / 2];
        let mut cut = replies::whole("200 OK", &["content-type: application/json"], &whole);
        cut.truncate(cut.len() - 20);
        for (name, steps) in [
            ("half", vec![Step::Send(replies::json_body(half))]),
            ("cut", vec![Step::Send(cut), Step::Close]),
            (
                "another thing",
                vec![Step::Send(replies::json_body("{\"ok\":true}"))],
            ),
            ("nothing", vec![Step::Send(replies::json_body(""))]),
        ] {
            let broken = (target, Act::Plays(steps));
            let alone = rows.add(std::slice::from_ref(&broken));
            let two = rows.add(&[broken, (caller, Act::Answers)]);
            all.push((caller, target, name, alone, two));
        }
    }
    let sidecar = rows.start();
    let mut wrong = Vec::new();
    for (caller, target, name, alone, two) in all {
        let what = format!("{caller:?} to {target:?}, {name}");
        let reply = ask_for(&sidecar, caller, &alone, "hi", false);
        if reply.status != 502 || !reply.json()["error"]["message"].is_string() {
            wrong.push(format!("{what}: {}{}", reply.head, reply.text()));
        }
        let reply = ask_for(&sidecar, caller, &two, "hi", false);
        if reply.status != 200 || !reply.text().contains("from-second") {
            wrong.push(format!(
                "{what}, and another: {}{}",
                reply.head,
                reply.text()
            ));
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
fn before_the_first_content_a_target_of_another_dialect_answers() {
    let (mut rows, mut all) = (Rows::new("from-second"), Vec::new());
    for caller in Api::EVERY {
        for (first, second) in directions() {
            for (name, act, needs_stream) in [
                ("error inside", Act::FailsInside(Fault::Overload), true),
                ("closed inside", Act::BreaksInside, true),
                ("refused", Act::Refuses(Fault::Overload), false),
                ("reset", Act::Resets, false),
            ] {
                for stream in [true, false] {
                    if stream || !needs_stream {
                        let targets = [(first, act.clone()), (second, Act::Answers)];
                        let what = format!("{caller:?} to {first:?}, then {second:?}, {name}");
                        all.push((caller, stream, what, rows.add(&targets)));
                    }
                }
            }
        }
    }
    let sidecar = rows.start();
    let mut wrong = Vec::new();
    for (caller, stream, what, alias) in all {
        let reply = ask_for(&sidecar, caller, &alias, "hi", stream);
        let is_good = reply.status == 200
            && reply.end == End::Complete
            && reply.text().contains("from-second");
        // What a kept connection lost is sent once more over a new one.
        let calls = rows.calls(&alias);
        if !is_good || !matches!(calls[..], [1 | 2, 1]) {
            let text = reply.text();
            wrong.push(format!(
                "{what}, stream {stream}: {calls:?} {} {text}",
                reply.status
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
