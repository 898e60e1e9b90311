//! `make run` and the embedded model.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::replies::Api;
use outrigger_tests::{Sidecar, eventually, sidecar, wire};

use super::embedded;

/// Runs the script behind `make run`, and what it calls, until `look` is done; returns what it
/// wrote.
fn run_script(look: impl FnOnce(std::net::SocketAddr)) -> (String, Option<i32>) {
    let (listen, admin) = (sidecar::free_address(), sidecar::free_address());
    let cache = outrigger_tests::target().join("test-cache");
    let mut command = Command::new(outrigger_tests::root().join("examples/run.sh"));
    for key in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"] {
        command.env_remove(key);
    }
    let mut child = command
        .env("OUTRIGGER_BIN", sidecar::binary())
        .env(
            "OUTRIGGER_POLICIES",
            sidecar::policy("pii-redact").parent().unwrap(),
        )
        .env("XDG_CACHE_HOME", cache)
        .env("LISTEN", listen.to_string())
        .env("ADMIN", admin.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    eventually("`make run` is ready", || {
        if child.try_wait().unwrap().is_some() {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            panic!("it ended at once: {text}");
        }
        std::net::TcpStream::connect(admin).is_ok() && wire::get(admin, "/readyz").status == 200
    });
    look(listen);
    std::thread::sleep(Duration::from_millis(300));
    // The script has become the binary (exec): a signal to the one is a signal to the other.
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut text = String::new();
    while output.read_line(&mut text).unwrap() > 0 {}
    errors.read_to_string(&mut text).unwrap();
    (text, child.wait().unwrap().code())
}

#[test]
fn make_run_serves_the_embedded_model_says_where_and_logs_the_first_exchange() {
    let (text, code) = run_script(|listen| {
        let reply = wire::post(
            listen,
            Api::Chat.path(),
            Api::Chat
                .ask("any-model", "My address is ann@example.org, say it", false)
                .to_string(),
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.json()["choices"][0]["message"]["content"].is_string());
    });
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("curl "), "it prints a line to try:\n{text}");
    assert!(text.contains("/v1/chat/completions"), "{text}");
    assert!(
        !text.contains("ann@example.org"),
        "what is said stays out of the log:\n{text}"
    );
    assert!(
        text.contains("openai.chat") && text.contains("any-model"),
        "the exchange is in the log:\n{text}"
    );
}

#[test]
fn the_anthropic_sdk_reaches_the_model_of_another_dialect_that_make_run_serves_without_a_key() {
    let said = "Write to ana@example.com";
    let (text, _) = run_script(|listen| {
        for stream in [false, true] {
            let job = Job::new(Api::Messages, listen, "gpt", said);
            let outcomes = clients::run(Sdk::AnthropicPython, &[Job { stream, ..job }]);
            let outcome = outcomes.first().unwrap();
            assert_eq!(outcome.error, None, "{outcome:?}");
            assert_eq!(outcome.text, "Write to [[EMAIL]]", "{outcome:?}");
            assert_eq!(outcome.finish.as_deref(), Some("end_turn"), "{outcome:?}");
        }
    });
    assert!(text.contains("translated_to"), "{text}");
}

#[test]
fn with_a_key_the_same_command_serves_the_real_provider() {
    // No provider is called here: `echo` stands in for the binary, so that its arguments show; that
    // each file is right is another test's.
    let output = |keys: &[&str]| {
        let mut command = Command::new(outrigger_tests::root().join("examples/run.sh"));
        command
            .env_remove("OPENAI_API_KEY")
            .env_remove("ANTHROPIC_API_KEY");
        for key in keys {
            command.env(key, "sk-canary");
        }
        let output = command.env("OUTRIGGER_BIN", "echo").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for (keys, file, origins) in [
        (vec![], "outrigger.yaml", vec!["kind: embedded"]),
        (
            vec!["OPENAI_API_KEY"],
            "openai.yaml",
            vec!["https://api.openai.com/v1"],
        ),
        (
            vec!["ANTHROPIC_API_KEY"],
            "anthropic.yaml",
            vec!["https://api.anthropic.com"],
        ),
        (
            vec!["OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
            "openai-and-anthropic.yaml",
            vec!["https://api.openai.com/v1", "https://api.anthropic.com"],
        ),
    ] {
        let output = output(&keys);
        assert!(
            output.trim_end().ends_with(&format!("examples/{file}")),
            "{keys:?}: {output}"
        );
        let text =
            std::fs::read_to_string(outrigger_tests::root().join("examples").join(file)).unwrap();
        for origin in origins {
            assert!(text.contains(origin), "{file}: {origin}");
        }
    }
}

#[test]
fn the_embedded_model_repeats_what_it_was_told_in_every_dialect() {
    let sidecar = Sidecar::start(&embedded(""));
    for api in Api::ALL {
        for stream in [false, true] {
            let reply = sidecar.post(
                api.path(),
                api.ask("anything", "pelican-4711", stream).to_string(),
            );
            assert_eq!(reply.status, 200, "{api:?}: {}", reply.text());
            assert_eq!(reply.end, wire::End::Complete);
            let kind = if stream {
                "text/event-stream"
            } else {
                "application/json"
            };
            assert!(
                reply.header("content-type").unwrap().starts_with(kind),
                "{api:?}: {}",
                reply.head
            );
            if !stream {
                assert!(
                    reply.text().contains("pelican-4711"),
                    "{api:?}: {}",
                    reply.text()
                );
            }
        }
    }
}
