//! `embeddings:`.

use std::time::Duration;

use super::{mistakes, parse};
use crate::config::{Embeddings, Target};

#[test]
fn there_is_no_embedder_unless_a_target_is_named() {
    assert_eq!(parse("").unwrap().embeddings, None);
    let written = "embeddings: { target: openai/text-embedding-3-small }";
    let default = parse(written).unwrap().embeddings.unwrap();
    let target = |upstream: &str, model: &str| Target {
        upstream: upstream.into(),
        model: model.into(),
    };
    let expected = Embeddings {
        target: target("openai", "text-embedding-3-small"),
        timeout: Duration::from_millis(50),
        largest: 8 << 10,
        cache: 4 << 20,
        in_flight: 32,
        dimensions: None,
    };
    assert_eq!(default, expected);
    let written = "
        upstreams: { trial: { kind: embedded } }
        embeddings: { target: trial/a/b, timeout: 2s, largest: 1MiB, cache: 1KiB, in_flight: 1, dimensions: 4096 }
    ";
    let expected = Embeddings {
        target: target("trial", "a/b"),
        timeout: Duration::from_secs(2),
        largest: 1 << 20,
        cache: 1 << 10,
        in_flight: 1,
        dimensions: Some(4096),
    };
    assert_eq!(parse(written).unwrap().embeddings, Some(expected));
}

#[test]
fn each_mistake_is_named_with_its_place() {
    mistakes(
        r"
            embeddings: => embeddings: is empty
            embeddings: {} => missing field `target`
            embeddings: { target: openai/m, model: m } => unknown field `model`
            embeddings: { target: openai } => embeddings.target | `upstream/model`
            embeddings: { target: opnai/m } => embeddings.target | did you mean `openai/m`?
            embeddings: { target: anthropic/m } => embeddings.target | does not offer `openai.embeddings`
            embeddings: { target: openai/m, timeout: 0s } => embeddings.timeout | more than nothing
            embeddings: { target: openai/m, timeout: 6s } => embeddings.timeout | 5s
            embeddings: { target: openai/m, timeout: soon } => embeddings.timeout | `soon`
            embeddings: { target: openai/m, largest: 2MiB } => embeddings.largest | 1MiB
            embeddings: { target: openai/m, cache: 0B } => embeddings.cache | more than nothing
            embeddings: { target: openai/m, in_flight: 0 } => embeddings.in_flight | from 1 to 1024
            embeddings: { target: openai/m, dimensions: 4097 } => embeddings.dimensions | from 1 to 4096
        ",
    );
}

#[test]
fn a_policy_that_embeds_may_wait_for_it() {
    let chain =
        "policies: { directory: /tmp, chain: [{ use: a, grants: [embeddings] }, { use: b }] }";
    let walls = |yaml: &str| {
        let chain = parse(yaml).unwrap().policies.chain;
        chain
            .iter()
            .map(|used| used.limits.wall.as_millis())
            .collect::<Vec<_>>()
    };
    assert_eq!(walls(chain), [50, 50]);
    let embedder = "embeddings: { target: openai/m, timeout: 200ms }";
    assert_eq!(walls(&format!("{embedder}\n{chain}")), [250, 50]);
}
