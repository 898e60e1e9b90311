//! Coding agents through every standard policy at its defaults: nothing is refused, and nothing is
//! altered where nothing was found.

use outrigger_tests::agents::{Agent, recorder};
use outrigger_tests::sidecar::Sidecar;
use outrigger_tests::upstream::Upstream;
use serde_json::Value;

/// Each policy with the least configuration that it takes.
const CHAIN: &str = r#"
policies:
  directory: "{policies}"
  chain:
    - { use: static-reply, config: { rules: [{ when: { exact: [ping] }, reply: pong }] } }
    - { use: model-router, config: { rules: [{ match: { model: "legacy-*" }, refuse: { status: 400, code: gone, message: gone } }] } }
    - { use: prompt-guard }
    - { use: pii-redact }
    - { use: context-window, config: { budget: 150000 } }
    - { use: response-cache, grants: [replies] }
    - { use: token-rate-limit, grants: [limits], config: { rules: [{ per: tenant, tokens: 100000000, every: 1m }] } }
    - { use: budget, grants: [limits, values, { fetch: [hooks.example] }], config: { budgets: [{ per: tenant, usd: 1000, every: day }] } }
"#;

struct Place {
    /// The recorder in front, of what the agent sent.
    before: Upstream,
    sidecar: Sidecar,
    /// The recorder behind, of what the upstream got.
    after: Upstream,
    _model: Sidecar,
}

fn place(chain: &str) -> Place {
    let model = Sidecar::start("upstreams: { demo: { kind: embedded } }\n");
    let after = recorder(model.base);
    let url = after.address;
    let sidecar = Sidecar::start(&format!(
        "upstreams:\n  openai: {{ dialect: openai, url: 'http://{url}' }}\n  anthropic: {{ dialect: anthropic, url: 'http://{url}' }}\n{chain}"
    ));
    let before = recorder(sidecar.base);
    Place {
        before,
        sidecar,
        after,
        _model: model,
    }
}

/// The prompts of `upstream`, by path and body, in an order that does not depend on which came
/// first.
fn prompts(upstream: &Upstream) -> Vec<(String, Value)> {
    let seen = upstream.seen();
    let posts = seen.iter().filter(|seen| seen.head.starts_with("POST "));
    let mut all: Vec<_> = posts
        .map(|seen| (seen.path().to_owned(), seen.json()))
        .collect();
    all.sort_by_key(|(path, body)| {
        (
            path.clone(),
            body["model"].to_string(),
            body.to_string().len(),
        )
    });
    all
}

/// Collects where two values differ, but for what pii-redact found: `[[EMAIL_7f3a2c]]` stands for
/// one value of a line.
fn differences(at: &str, sent: &Value, got: &Value, found: &mut Vec<String>) {
    match (sent, got) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let at = format!("{at}/{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differences(&at, a, b, found),
                    _ => found.push(format!("{at} is on one side alone")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}/{n}"), a, b, found);
            }
        }
        (Value::String(a), Value::String(b)) if replaced(a, b) => {}
        _ if sent == got => {}
        _ => found.push(format!("{at} was altered")),
    }
}

/// Reports whether `got` is `sent` with a placeholder for each of some short pieces.
fn replaced(sent: &str, got: &str) -> bool {
    let mut pieces = got.split("[[");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = sent.strip_prefix(first) else {
        return false;
    };
    for piece in pieces {
        let placeholder = piece.split_once("]]").filter(|(name, _)| {
            let (kind, hash) = name.split_once('_').unwrap_or((name, ""));
            !hash.is_empty() && kind.bytes().all(|b| b.is_ascii_uppercase())
        });
        // Brackets of the agent's own stand as they are.
        let own = rest
            .strip_prefix("[[")
            .and_then(|rest| rest.strip_prefix(piece));
        let cut = placeholder.and_then(|(_, after)| {
            let ends = (1..=rest.len().min(200)).filter(|end| rest.is_char_boundary(*end));
            let mut ends = ends.filter(|end| match after.is_empty() {
                true => *end == rest.len() || rest[*end..].starts_with("[["),
                false => rest[*end..].starts_with(after),
            });
            ends.next().map(|end| &rest[end + after.len()..])
        });
        match own.or(cut) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

fn works_on_a_tool_round(agent: Agent, chain: &str) {
    if !agent.installed() {
        return;
    }
    let place = place(chain);
    let home = tempfile::tempdir().unwrap();
    let prompt = agent.shell_call("echo tool-ran-$((40+2)) | tee proof");
    let output = agent.run(place.before.address, home.path(), &prompt);
    let said = String::from_utf8_lossy(&output.stdout);
    let context = format!(
        "{agent:?}: {said}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        place.sidecar.log()
    );
    assert!(output.status.success(), "{context}");
    // The tool ran, and the model's last word, which repeats its result, reached the person.
    let proof = std::fs::read_to_string(home.path().join("work/proof"));
    assert_eq!(proof.ok().as_deref(), Some("tool-ran-42\n"), "{context}");
    assert!(said.contains("tool-ran-42"), "{context}");

    let (sent, got) = (prompts(&place.before), prompts(&place.after));
    assert!(sent.len() >= 2, "a round is two prompts: {context}");
    assert_eq!(
        sent.len(),
        got.len(),
        "some were answered on the way: {context}"
    );
    let mut found = Vec::new();
    for ((path, sent), (other, got)) in sent.iter().zip(&got) {
        assert_eq!(path, other);
        differences(path, sent, got, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn claude_code_works_through_an_empty_chain_and_is_not_altered() {
    works_on_a_tool_round(Agent::ClaudeCode, "");
}

#[test]
fn codex_works_through_an_empty_chain_and_is_not_altered() {
    works_on_a_tool_round(Agent::Codex, "");
}

#[test]
fn claude_code_works_through_every_policy_but_the_guard_and_is_not_altered() {
    let chain = CHAIN.replace("    - { use: prompt-guard }\n", "");
    works_on_a_tool_round(Agent::ClaudeCode, &chain);
}

#[test]
fn codex_works_through_every_standard_policy_and_is_not_altered() {
    works_on_a_tool_round(Agent::Codex, CHAIN);
}

#[test]
fn claude_code_works_through_every_standard_policy_and_is_not_altered() {
    works_on_a_tool_round(Agent::ClaudeCode, CHAIN);
}
