//! The provider that the tests of failover decide about, seen without a proxy: by exact bytes and
//! by the real SDKs.

use std::time::Duration;

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::replies::Api;
use outrigger_tests::wire::{self, End};
use outrigger_tests::{Act, Fault, Provider, eventually};

const SDKS: [Sdk; 3] = [Sdk::OpenaiPython, Sdk::AnthropicPython, Sdk::GooglePython];

fn ask(provider: &Provider, api: Api, model: &str, stream: bool) -> wire::Reply {
    wire::post(
        provider.address(),
        &api.address(model, stream),
        api.ask(model, "hi", stream).to_string(),
    )
}

#[test]
fn a_provider_acts_by_turn_by_key_by_model_and_otherwise_as_it_does_now() {
    let provider = Provider::start("ours");
    provider.with_key("test-key", Act::Refuses(Fault::Key));
    provider.with_model("other", Act::Refuses(Fault::Overload));
    provider.next([Act::Answers, Act::Refuses(Fault::Rate(Some("7")))]);
    let status = |model| ask(&provider, Api::Chat, model, false).status;
    assert_eq!((status("m"), status("m"), status("m")), (200, 429, 401));
    let without_key = |model: &str| {
        let body = Api::Chat.ask(model, "hi", false).to_string();
        let request = wire::request("POST", Api::Chat.path(), &[], body.as_bytes());
        wire::call(provider.address(), &request).status
    };
    assert_eq!((without_key("other"), without_key("m")), (503, 200));
    provider.now(Act::Refuses(Fault::MaybeDone));
    assert_eq!(without_key("m"), 500);
    let calls = provider.calls();
    assert_eq!(provider.keys()[..3], ["test-key"; 3]);
    assert_eq!((calls[3].model().as_str(), calls[3].key()), ("other", ""));
    assert!(provider.between(0, 5) >= provider.between(0, 1));
    assert_eq!(provider.left_early(), [0_usize; 0]);
}

#[test]
fn every_api_is_answered_whole_and_streamed_in_a_form_that_its_sdk_reads() {
    let provider = Provider::start("a fine answer");
    for sdk in SDKS {
        for api in sdk.apis() {
            for stream in [false, true] {
                let job = Job {
                    stream,
                    ..Job::new(*api, provider.address(), "m", "hi")
                };
                let outcome = &clients::run(sdk, &[job])[0];
                assert_eq!(outcome.error, None, "{api:?}");
                assert_eq!(outcome.text, "a fine answer", "{api:?}");
                assert_eq!(outcome.usage, Some((10, 5)), "{api:?} {stream}");
            }
        }
    }
}

#[test]
fn each_failure_is_the_error_that_its_sdk_has_for_it_by_status_and_in_a_stream() {
    let provider = Provider::start("never");
    let rows = [
        (Fault::Rate(None), ["RateLimit", "RateLimit", "429"]),
        (Fault::Overload, ["InternalServer", "Overloaded", "503"]),
        (Fault::Money, ["RateLimit", "BadRequest", "429"]),
        (Fault::Key, ["Authentication", "Authentication", "401"]),
        (
            Fault::MaybeDone,
            ["InternalServer", "InternalServer", "500"],
        ),
        (Fault::Invalid, ["BadRequest", "BadRequest", "400"]),
        (Fault::UnknownModel, ["NotFound", "NotFound", "404"]),
        (Fault::ContextLength, ["BadRequest", "BadRequest", "400"]),
        (Fault::ForeignSignature, ["BadRequest", "BadRequest", "400"]),
        (Fault::ContentFilter, ["BadRequest", "BadRequest", "400"]),
    ];
    for (number, (fault, _)) in rows.iter().enumerate() {
        provider.with_model(&format!("status-{number}"), Act::Refuses(*fault));
        provider.with_model(&format!("stream-{number}"), Act::FailsInside(*fault));
    }
    for (place, sdk) in SDKS.into_iter().enumerate() {
        let mut jobs = Vec::new();
        for api in sdk.apis() {
            for (number, row) in rows.iter().enumerate() {
                for kind in ["status", "stream"] {
                    let model = format!("{kind}-{number}");
                    jobs.push((
                        row,
                        Job {
                            retries: Some(0),
                            timeout: 60.0,
                            ..Job::new(*api, provider.address(), &model, "hi")
                        },
                    ));
                }
            }
        }
        let (of_jobs, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        let before = provider.count();
        let outcomes = clients::run(sdk, &jobs);
        assert_eq!(provider.count(), before + jobs.len(), "{sdk:?} asks once");
        for (((fault, expected), job), outcome) in of_jobs.iter().zip(&jobs).zip(outcomes) {
            let error = outcome.error.as_deref().unwrap_or("no error");
            // In a stream the SDKs differ in what they make of it, but none takes it for content or
            // for an end.
            let by_status = job.model.starts_with("status");
            assert!(
                outcome.error.is_some() && (!by_status || error.contains(expected[place])),
                "{sdk:?} {} {fault:?}: {error}",
                job.model
            );
            assert_eq!(outcome.text, "", "{sdk:?} {} {fault:?}", job.model);
        }
    }
}

#[test]
fn streams_break_before_or_after_their_first_content_in_the_apis_own_events() {
    let provider = Provider::start("the-content");
    for api in Api::EVERY {
        for (act, content, error, end) in [
            (
                Act::FailsInside(Fault::Overload),
                false,
                true,
                End::Complete,
            ),
            (
                Act::FailsAfterContent(Fault::Overload),
                true,
                true,
                End::Complete,
            ),
            (Act::BreaksInside, false, false, End::Cut),
            (Act::BreaksAfterContent, true, false, End::Cut),
        ] {
            provider.now(act.clone());
            let reply = ask(&provider, api, "m", true);
            let text = reply.text();
            assert_eq!((reply.status, reply.end), (200, end), "{api:?} {act:?}");
            assert_eq!(text.contains("the-content"), content, "{api:?}: {text}");
            assert_eq!(text.contains("overloaded"), error, "{api:?}: {text}");
        }
    }
}

#[test]
fn a_peer_that_leaves_is_noticed_while_the_provider_waits_hangs_or_trickles() {
    let soon = Duration::from_millis(20);
    for (number, act) in [
        Act::IsSilent,
        Act::HangsInside,
        Act::after(Duration::from_secs(30), Act::Answers),
        Act::Trickles(1000, soon),
    ]
    .into_iter()
    .enumerate()
    {
        let provider = Provider::always("x", act);
        let mut app = wire::Connection::open(provider.address());
        let body = Api::Chat.ask("m", "hi", true).to_string();
        app.send(&wire::request(
            "POST",
            Api::Chat.path(),
            &[],
            body.as_bytes(),
        ));
        eventually("it came", || provider.count() == 1);
        std::thread::sleep(soon);
        assert!(provider.left_early().is_empty(), "act {number}");
        drop(app);
        eventually("it is noticed", || provider.left_early() == [0]);
    }
}
