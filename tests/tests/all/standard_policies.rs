//! The standard policies, as an app and its provider see them.

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream};

use super::{config, embedded};

const SECRETS: [&str; 4] = [
    "maria.souza@example.com",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "529.982.247-25",
];
const TOKENIZE: &str =
    "[{ use: pii-redact, config: { detect: [email, credit_card, iban, cpf], mode: tokenize } }]";

fn prompt() -> String {
    format!(
        "Write to {} about card {}, account {} and CPF {}.",
        SECRETS[0], SECRETS[1], SECRETS[2], SECRETS[3]
    )
}

/// Says back the prompt, one character per event: a placeholder is cut everywhere.
pub(super) fn parrot() -> Upstream {
    Upstream::start(|seen, _| {
        let api = Api::of(seen.path());
        let body = seen.json();
        let last = |messages: &serde_json::Value| {
            messages
                .as_array()
                .and_then(|all| all.last()?["content"].as_str().map(str::to_owned))
        };
        let shown = match api {
            Api::Responses => body["input"]
                .as_str()
                .map(str::to_owned)
                .or_else(|| last(&body["input"])),
            _ => last(&body["messages"]),
        }
        .unwrap_or_default();
        if body["stream"] == true {
            let pieces: Vec<String> = shown.chars().map(String::from).collect();
            replies::stream(&api.events(&pieces.iter().map(String::as_str).collect::<Vec<_>>()))
        } else {
            vec![Step::Send(replies::json_body(&api.whole(&shown)))]
        }
    })
}

#[test]
fn tokenize_hides_from_the_provider_and_restores_for_the_app_through_the_sdks() {
    let upstream = parrot();
    let sidecar = Sidecar::start(&config(&upstream, TOKENIZE));
    for sdk in Sdk::ALL.into_iter().filter(|sdk| sdk.installed()) {
        let jobs: Vec<Job> = sdk
            .apis()
            .iter()
            .flat_map(|api| {
                [true, false].map(|stream| Job {
                    stream,
                    ..Job::new(*api, sidecar.base, "m", &prompt())
                })
            })
            .collect();
        for (job, outcome) in jobs.iter().zip(clients::run(sdk, &jobs)) {
            assert_eq!(outcome.error, None, "{sdk:?} {:?}", job.api);
            assert_eq!(
                outcome.text,
                prompt(),
                "{sdk:?} {:?}, stream {}",
                job.api,
                job.stream
            );
        }
    }
    for seen in upstream.seen() {
        let body = String::from_utf8(seen.body).unwrap();
        for secret in SECRETS {
            assert!(
                !body.contains(secret),
                "{secret} reached the provider: {body}"
            );
        }
        assert!(body.contains("Write to "), "the rest did: {body}");
    }
    for secret in SECRETS {
        assert!(
            !sidecar.log().contains(secret) && !sidecar.metrics().contains(secret),
            "{secret} is in the log or the metrics"
        );
    }
}

#[test]
fn the_same_value_gets_the_same_placeholder_in_every_place_of_a_conversation() {
    let upstream = parrot();
    let sidecar = Sidecar::start(&config(&upstream, TOKENIZE));
    let mail = SECRETS[0];
    let request = serde_json::json!({"model": "m", "messages": [
        {"role": "system", "content": format!("The user is {mail}.")},
        {"role": "user", "content": [{"type": "text", "text": format!("I am {mail}")}]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "find", "arguments": serde_json::json!({"who": mail}).to_string()}}]},
        {"role": "tool", "tool_call_id": "c1", "content": format!("{{\"mail\":\"{mail}\"}}")},
        {"role": "user", "content": format!("Repeat {mail}")},
    ]});
    let reply = sidecar.post(Api::Chat.path(), request.to_string());
    assert_eq!(
        reply.json()["choices"][0]["message"]["content"],
        format!("Repeat {mail}")
    );
    let seen = upstream.last().json();
    let last = seen["messages"][4]["content"].as_str().unwrap();
    let placeholder = last.strip_prefix("Repeat ").unwrap().to_owned();
    assert!(!placeholder.contains('@'), "{placeholder}");
    let text = seen.to_string();
    assert_eq!(text.matches(&placeholder).count(), 5, "{text}");
    assert!(!text.contains(mail));
}

#[test]
fn tool_arguments_in_the_reply_are_restored_as_json() {
    // The provider calls a tool with the placeholder that it was given; the value needs escaping
    // inside two layers of JSON.
    let upstream = Upstream::start(|seen, _| {
        let shown = seen.json()["messages"][0]["content"]
            .as_str()
            .unwrap()
            .to_owned();
        let arguments = serde_json::json!({"to": shown}).to_string();
        let events: Vec<String> = arguments
            .as_bytes()
            .chunks(3)
            .enumerate()
            .map(|(n, piece)| {
                let piece = String::from_utf8_lossy(piece);
                let mut call = serde_json::json!({"index": 0, "function": {"arguments": piece}});
                if n == 0 {
                    call["id"] = "c1".into();
                    call["type"] = "function".into();
                    call["function"]["name"] = "mail".into();
                }
                format!("data: {}\n\n", serde_json::json!({"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[call]},"finish_reason":null}]}))
            })
            .chain(["data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n".into(), "data: [DONE]\n\n".into()])
            .collect();
        replies::stream(&events)
    });
    let sidecar = Sidecar::start(&config(&upstream, TOKENIZE));
    let outcome = clients::run(
        Sdk::OpenaiPython,
        &[Job::new(Api::Chat, sidecar.base, "m", SECRETS[0])],
    )
    .remove(0);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.finish.as_deref(), Some("tool_calls"));
    let arguments: serde_json::Value = serde_json::from_str(&outcome.tools[0].1).unwrap();
    assert_eq!(arguments["to"], SECRETS[0]);
    assert!(
        !String::from_utf8(upstream.last().body)
            .unwrap()
            .contains(SECRETS[0])
    );
}

#[test]
fn refuse_and_mask_do_as_they_say() {
    let upstream = parrot();
    let refusing = Sidecar::start(&config(
        &upstream,
        "[{ use: pii-redact, config: { detect: [email], mode: refuse } }]",
    ));
    for api in Api::ALL {
        let refused = refusing.post(api.path(), api.ask("m", &prompt(), true).to_string());
        assert!((400..500).contains(&refused.status), "{}", refused.text());
        assert!(refused.json()["error"]["message"].is_string());
        assert!(
            !refused.text().contains(SECRETS[0]),
            "a refusal quotes nothing: {}",
            refused.text()
        );
        assert_eq!(
            refused.header("x-should-retry"),
            Some("false"),
            "{}",
            refused.head
        );
    }
    assert_eq!(upstream.count(), 0);
    assert_eq!(
        refusing
            .post(
                Api::Chat.path(),
                Api::Chat.ask("m", "nothing private", false).to_string()
            )
            .status,
        200
    );

    let masking = Sidecar::start(&config(
        &upstream,
        "[{ use: pii-redact, config: { detect: [email], mode: mask } }]",
    ));
    let reply = masking.post(
        Api::Chat.path(),
        Api::Chat.ask("m", &prompt(), false).to_string(),
    );
    assert!(
        !String::from_utf8(upstream.last().body)
            .unwrap()
            .contains(SECRETS[0])
    );
    assert!(
        !reply.text().contains(SECRETS[0]),
        "masking is not reversible"
    );
}

#[test]
fn with_the_embedded_model_one_sees_what_a_policy_hid() {
    let plain = Sidecar::start(&embedded(""));
    let hiding = Sidecar::start(&embedded(
        "[{ use: pii-redact, config: { detect: [email], mode: mask } }]",
    ));
    let ask = |sidecar: &Sidecar| {
        sidecar
            .post(
                Api::Chat.path(),
                Api::Chat.ask("m", &prompt(), false).to_string(),
            )
            .text()
    };
    assert!(ask(&plain).contains(SECRETS[0]));
    assert!(!ask(&hiding).contains(SECRETS[0]));
}

#[test]
fn model_router_sets_the_model_refuses_and_splits_by_a_sticky_share() {
    let upstream = parrot();
    let rules = "[{ use: model-router, config: { rules: [\
        { match: { model: \"forbidden-*\" }, refuse: { message: \"not this one\" } },\
        { match: { headers: { x-plan: free } }, model: small },\
        { match: { model: \"shared\" }, split: { by: \"header:x-user\", models: [{ model: left, weight: 50 }, { model: right, weight: 50 }] } } ] } }]";
    let sidecar = Sidecar::start(&config(&upstream, rules));
    let send = |model: &str, headers: &[&str]| {
        let mut all = vec!["content-type: application/json"];
        all.extend_from_slice(headers);
        outrigger_tests::wire::call(
            sidecar.base,
            &outrigger_tests::wire::request(
                "POST",
                Api::Chat.path(),
                &all,
                Api::Chat.ask(model, "hi", false).to_string().as_bytes(),
            ),
        )
    };
    let refused = send("forbidden-one", &[]);
    assert!(
        (400..500).contains(&refused.status) && refused.text().contains("not this one"),
        "{}",
        refused.text()
    );
    assert_eq!(upstream.count(), 0);
    assert_eq!(send("big", &["x-plan: free"]).status, 200);
    assert_eq!(upstream.last().model(), "small");
    assert_eq!(send("big", &["x-plan: paid"]).status, 200);
    assert_eq!(upstream.last().model(), "big");

    let mut left = 0;
    for user in 0..100 {
        let header = format!("x-user: user-{user}");
        let models: Vec<String> = (0..2)
            .map(|_| {
                assert_eq!(send("shared", &[&header]).status, 200);
                upstream.last().model()
            })
            .collect();
        assert_eq!(models[0], models[1], "the same key goes the same way");
        left += usize::from(models[0] == "left");
    }
    assert!((30..=70).contains(&left), "{left} of 100 went left");
}
