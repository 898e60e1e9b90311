//! Summaries in place of a conversation's beginning: they never go.

use outrigger_sdk::{Dialect, Request, bench as world};
use serde_json::{Value, json};

use super::bench;

/// Turns of 400 bytes a message, with `compaction` before the turn `at`.
fn talk(dialect: Dialect, at: usize, compaction: &[Value]) -> Vec<Value> {
    let said = |role: &str, turn: usize| {
        let text = format!("{role} {turn} {}", "words ".repeat(66));
        match dialect {
            Dialect::OpenaiResponses => json!({ "type": "message", "role": role, "content": text }),
            _ => json!({ "role": role, "content": text }),
        }
    };
    let mut all = Vec::new();
    for turn in 0..8 {
        if turn == at {
            all.extend(compaction.iter().cloned());
        }
        all.extend([said("user", turn), said("assistant", turn)]);
    }
    all.push(said("user", 8));
    all
}

fn sent(dialect: Dialect, messages: Vec<Value>) -> Vec<Value> {
    let key = match dialect {
        Dialect::OpenaiResponses => "input",
        _ => "messages",
    };
    let body = json!({ "model": "m", key: messages });
    let config = json!({ "budget": 600, "keep": { "turns": 1 } });
    let exchange = bench(config).request(Request::from_json(dialect, body));
    exchange.request.body_json()[key]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn a_compaction_stays_wherever_it_stands_and_is_counted() {
    let item = |kind: &str| {
        vec![json!({ "type": kind, "id": "cmp_1", "encrypted_content": "x".repeat(300) })]
    };
    let summary = |text: &str| {
        vec![
            json!({ "role": "user", "content": [{ "type": "text", "text": format!("{text} {}", "s".repeat(1200)) }] }),
        ]
    };
    let block = vec![
        json!({ "role": "user", "content": "go on" }),
        json!({ "role": "assistant", "content": [{ "type": "compaction", "content": "summary" }, { "type": "text", "text": "ok" }] }),
    ];
    let (responses, messages) = (Dialect::OpenaiResponses, Dialect::AnthropicMessages);
    for (dialect, compaction) in [
        (responses, item("compaction")),
        (responses, item("compaction_summary")),
        (responses, item("compacted_history")),
        (responses, item("context_management")),
        (
            responses,
            summary(
                "Another language model started to solve this problem and produced a summary of its thinking process.",
            ),
        ),
        (
            messages,
            summary(
                "This session is being continued from a previous conversation that ran out of context.",
            ),
        ),
        (messages, block),
    ] {
        for at in 0..8 {
            let before = talk(dialect, at, &compaction);
            let after = sent(dialect, before.clone());
            assert!(
                after.len() < before.len() - 6,
                "{} of {}",
                after.len(),
                before.len()
            );
            for message in &compaction {
                assert!(after.contains(message), "{dialect:?} at {at}: {message}");
            }
            assert!(
                dialect == responses || after[0]["role"] == "user",
                "{after:?}"
            );
        }
    }
    // Those that stand before everything that went, at least.
    assert!(world::counter("compactions_kept") >= 7);
}

#[test]
fn what_the_user_says_beside_a_summary_may_go() {
    let summary = json!({ "role": "user", "content": "This session is being continued from a previous conversation that ran out of context. So far: nothing." });
    let long = json!({ "role": "user", "content": "x".repeat(2000) });
    let mut before = talk(Dialect::AnthropicMessages, 9, &[]);
    before.splice(0..0, [long.clone(), summary.clone(), long.clone()]);
    let after = sent(Dialect::AnthropicMessages, before);
    assert!(after.contains(&summary) && !after.contains(&long));
}
