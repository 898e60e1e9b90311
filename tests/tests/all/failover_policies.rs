//! Choices of targets by policies that ship: which come first, which are left out, and which are
//! tried once the others have failed.

use outrigger_tests::failover::{Setup, answered, ask_for, attempts, exchange, tried};
use outrigger_tests::replies::Api;
use outrigger_tests::wire::Reply;
use outrigger_tests::{Act, Fault, Provider, Sidecar, eventually};

fn three() -> [Provider; 3] {
    ["from-a", "from-b", "from-c"].map(Provider::start)
}

/// The alias `fast` of `a` in America and `b` in Europe, and `c`, which it does not name, behind
/// this chain.
fn with_chain(api: Api, [a, b, c]: &[Provider; 3], chain: &str) -> Sidecar {
    Setup::new(api)
        .upstream("a", a, "key: ours, region: us")
        .upstream("b", b, "key: ours, region: eu")
        .upstream("c", c, "key: ours")
        .model("fast: { targets: [a/m, b/m], attempts: 3 }")
        .with(&format!(
            "policies:\n  directory: \"{{policies}}\"\n  chain:\n    - {chain}"
        ))
        .start()
}

/// The answer of `fast` to this prompt. Replies are kept by their requests.
fn answer_of(sidecar: &Sidecar, api: Api, prompt: &str, stream: bool) -> Reply {
    ask_for(sidecar, api, "fast", prompt, stream)
}

const DEGRADE: &str = "{ use: degrade, grants: [replies], config: { keep: 1h, first: [b/m], cheaper: [c/m], \
    texts: [{ contains: opening hours, text: Nine to five. }], message: Not now., retry_after: 30s } }";
const IN_EUROPE: &str =
    "{ use: model-router, config: { rules: [{ targets: { only: { region: eu } } }] } }";

#[test]
fn what_a_policy_prefers_is_tried_first_and_what_it_names_after_a_failure_last() {
    for (api, stream) in [(Api::Chat, false), (Api::Chat, true), (Api::Messages, true)] {
        let providers = three();
        let sidecar = with_chain(api, &providers, DEGRADE);
        answered(&answer_of(&sidecar, api, "one", stream), "from-b");
        tried(&sidecar, 0, &["b/m success 200"]);
        let [a, b, c] = &providers;
        for down in [a, b] {
            // Nobody is tried twice whose account has no money.
            down.now(Act::Refuses(Fault::Money));
        }
        answered(&answer_of(&sidecar, api, "two", stream), "from-c");
        let line = exchange(&sidecar, 1);
        let made = attempts(&line).into_iter();
        let made: Vec<_> = made.map(|made| made[..made.len() - 4].to_owned()).collect();
        assert_eq!(made, ["b/m money", "a/m money", "c/m success"], "{line}");
        c.now(Act::Refuses(Fault::Overload));
        answered(
            &answer_of(&sidecar, api, "your opening hours", stream),
            "Nine to five.",
        );
        let reply = answer_of(&sidecar, api, "three", stream);
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(reply.text().contains("Not now."), "{}", reply.text());
    }
}

#[test]
fn what_a_policy_excludes_is_not_tried_though_all_else_fails() {
    for stream in [false, true] {
        let providers = three();
        let sidecar = with_chain(Api::Chat, &providers, IN_EUROPE);
        answered(&answer_of(&sidecar, Api::Chat, "one", stream), "from-b");
        let [a, b, c] = &providers;
        b.now(Act::Refuses(Fault::Overload));
        for prompt in ["two", "three", "four", "five", "six", "seven"] {
            let reply = answer_of(&sidecar, Api::Chat, prompt, stream);
            assert!(reply.status >= 429, "{}", reply.text());
        }
        assert_eq!((a.count(), c.count()), (0, 0));
        b.now(Act::Answers);
        eventually("it is probed, and serves again", || {
            answer_of(&sidecar, Api::Chat, "eight", stream).status == 200
        });
        assert_eq!((a.count(), c.count()), (0, 0));
    }
}
