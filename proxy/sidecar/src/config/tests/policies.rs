//! `policies:`.

use std::path::PathBuf;

use super::{mistakes, parse, parse_in, schema_errors};

#[test]
fn a_policy_without_configuration_gets_an_empty_object() {
    let config = parse("policies: { directory: /tmp, chain: [{ use: a }] }").unwrap();
    assert_eq!(config.policies.chain[0].config, "{}");
}

#[test]
fn the_cache_is_the_users_own() {
    let with = |pairs: &'static [(&str, &str)]| {
        let env = move |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        };
        parse_in("", &env).unwrap().policies.cache
    };
    assert_eq!(
        with(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]),
        PathBuf::from("/c/outrigger")
    );
    assert_eq!(
        with(&[("HOME", "/h")]),
        PathBuf::from("/h/.cache/outrigger")
    );
    assert!(with(&[("HOME", "/")]).starts_with(std::env::temp_dir()));
    assert!(with(&[("XDG_CACHE_HOME", "relative")]).starts_with(std::env::temp_dir()));
}

#[test]
fn each_kind_of_unseen_content_may_have_an_effect_of_its_own() {
    let yaml = |on_unseen: &str| {
        format!("policies: {{ directory: /tmp, chain: [{{ use: a, on_unseen: {on_unseen} }}] }}")
    };
    let read = |on_unseen: &str| {
        let config = parse(&yaml(on_unseen)).unwrap();
        config.policies.chain[0].on_unseen.clone()
    };
    for plain in ["block", "skip", "{ default: skip }", "{ default: block }"] {
        let word = plain
            .trim_start_matches("{ default: ")
            .trim_end_matches(" }");
        assert_eq!(read(plain).to_string(), word);
    }
    let some = read("{ signed_reasoning: block, audio: skip }");
    assert!(some.blocks("files") && some.blocks_in_request("signed_reasoning"));
    assert!(some.blocks_in_request("file") && !some.blocks_in_request("image"));
    assert!(!some.blocks_in_request("audio") && some.blocks_in_reply("signed_reasoning"));
    for wrong in ["{ pictures: block }", "{}", "{ image: pass }", "allow"] {
        assert!(!schema_errors(&yaml(wrong)).is_empty(), "{wrong}");
    }
}

#[test]
fn each_mistake_in_the_policies_is_reported() {
    mistakes(
        r#"
            policies: { chain: [{ use: a }] } => policies.chain | `policies.directory`
            policies: { directory: /no/such, chain: [{ use: a }] }
                => policies.directory | does not exist
            policies: { directory: /etc/hostname } => policies.directory | not a directory
            policies: { directory: /tmp, chain: [{ use: a }, { use: a }] }
                => policies.chain[1].use | `a` stands twice
            policies: { directory: /tmp, chain: [{ use: a.wasm }] }
                => policies.chain[0].use | without `.wasm`
            policies: { directory: /tmp, chain: [{ use: ../a }] }
                => policies.chain[0].use | NAME.wasm
            policies: { directory: /tmp, chain: [{ config: {} }] }
                => policies.chain[0] | missing field `use`
            policies: { directory: /tmp, chain: [{ use: a, on_error: ignore }] }
                => policies.chain[0].on_error | `block` nor `skip`
            policies: { directory: /tmp, chain: [{ use: a, on_unseen: true }] }
                => policies.chain[0].on_unseen | `block` nor `skip`
            policies:\n  directory: /tmp\n  chain:\n    - use: a\n      on_unseen: { pictures: block }
                => t.yaml:5:30 | policies.chain[0].on_unseen.pictures | is no kind of content and no endpoint | `image`, `audio`, `file`, `tokens`, `signed_reasoning`, `encrypted`, `logprobs`, | `compact`, | `default`
            policies: { directory: /tmp, chain: [{ use: a, on_unseen: { audio: pass } }] }
                => policies.chain[0].on_unseen.audio | `block` nor `skip`
            policies: { directory: /tmp, chain: [{ use: a, on_unseen: {} }] }
                => policies.chain[0].on_unseen | names nothing
            policies: { directory: /tmp, chain: [{ use: a, on_unseen: [image] }] }
                => policies.chain[0].on_unseen | `{ NAME: block, … }`
            policies: { directory: /tmp, chain: [{ use: a, grants: [root] }] }
                => policies.chain[0].grants[0] | `root` is no grant
            policies: { directory: /tmp, chain: [{ use: a, grants: [fetch] }] }
                => policies.chain[0].grants[0] | which hosts
            policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetch: ['https://a/x'] }] }] }
                => grants[0].fetch[0] | without scheme
            policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetch: ['*.a'] }] }] }
                => grants[0].fetch[0] | not a host
            policies: { directory: /tmp, chain: [{ use: a, grants: [{ fetsh: [a] }] }] }
                => grants[0] | `fetsh` | `fetch`
            policies: { directory: /tmp, chain: [{ use: a, grants: [values, values] }] }
                => grants[1] | twice
            policies: { directory: /tmp, chain: [{ use: a, limits: { cpu_per_kib: 1s } }] }
                => limits.cpu_per_kib | more than 10ms
            policies: { directory: /tmp, chain: [{ use: a, limits: { memory: 1KiB } }] }
                => limits.memory | 64KiB
            policies: { directory: /tmp, memory: 1MiB, chain: [{ use: a }] }
                => policies.chain[0].limits | `policies.memory`
            policies: { directory: /tmp, chain: [{ use: a, config: { x: [1, '${NO_SUCH}'] } }] }
                => policies.chain[0].config.x[1] | no `NO_SUCH`
            policies: { directory: /tmp, chain: [{ use: a, config: { x: 1, x: 2 } }] }
                => `x` stands twice
            policies: { directory: /tmp, chain: [{ use: a, config: { x: .inf } }] }
                => JSON does not have
        "#,
    );
}
