#![expect(clippy::unwrap_used, reason = "tests")]

use outrigger_sdk::{Decision, Dialect, Request, assert_config_errors, bench::Bench};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ContextWindow;

mod compactions;
mod conversations;
use conversations::{DIALECTS, ToolResult, Turn, body, ids, messages, turn, valid, words};

fn bench(config: Value) -> Bench<ContextWindow> {
    Bench::new(config).unwrap()
}

/// The messages that go up.
fn sent(config: &Value, dialect: Dialect, turns: &[Turn]) -> (Vec<Value>, Vec<Value>, u64) {
    let body = body(dialect, turns);
    let exchange = bench(config.clone()).request(Request::from_json(dialect, body.clone()));
    assert_eq!(exchange.decision, Decision::Forward);
    (
        messages(dialect, &body),
        messages(dialect, &exchange.request.body_json()),
        exchange.request.input_tokens(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_left_is_valid_and_fits_or_is_the_least(turns in prop::collection::vec(turn(), 1..12), budget in 100..3000_u64, first in any::<bool>(), keep in 1..4_usize) {
        for dialect in DIALECTS {
            let config = json!({ "budget": budget, "keep": { "turns": keep, "first": first } });
            let (before, after, tokens) = sent(&config, dialect, &turns);
            if let Err(why) = valid(dialect, &after) {
                prop_assert!(false, "{dialect:?}: {why}: {after:#?}");
            }
            // The question is there, in its words, and so is the system prompt.
            let said = words(turns.last().unwrap().user, (turns.len() - 1) * 100);
            let text = serde_json::to_string(&after).unwrap();
            prop_assert!(text.contains(&said) || said.len() >= 1000, "{said}");
            if dialect == Dialect::OpenaiChat {
                prop_assert_eq!(&after[0], &before[0]);
            }
            // Over the budget only with what has to stay: the question and the last step.
            let last = turns.last().unwrap();
            let least = 2 + usize::from(dialect == Dialect::OpenaiChat) + last.steps.last().map_or(0, |step| step.len() * 2 + 1) + usize::from(first);
            prop_assert!(tokens <= budget || after.len() <= least, "{tokens} > {budget} with {} messages", after.len());
            // Messages keep their order.
            let mut order = before.iter();
            let same = |one: &Value, other: &Value| ids(one) == ids(other) && one["role"] == other["role"] && (one == other || !ids(one).1.is_empty() || one["role"] == "user");
            prop_assert!(after.iter().all(|message| order.any(|earlier| same(message, earlier))));
        }
    }

    #[test]
    fn a_conversation_under_its_budget_is_not_touched(turns in prop::collection::vec(turn(), 1..6)) {
        for dialect in DIALECTS {
            let (before, after, _) = sent(&json!({ "budget": 1_000_000 }), dialect, &turns);
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn no_json_in_the_place_of_messages_breaks_it(text in "[\\[\\]{}\":,a1 ]{0,24}") {
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        for dialect in DIALECTS {
            let body = json!({ "model": "m", "messages": value, "input": value, "contents": value, "pad": "x".repeat(1000) });
            let exchange = bench(json!({ "budget": 100 })).request(Request::from_json(dialect, body));
            prop_assert_eq!(exchange.decision, Decision::Forward);
        }
    }
}

/// The estimate has room where the host's count has none: the gentler cut is not the last word.
#[test]
fn a_cut_at_the_last_turns_goes_further_where_the_host_counts_more() {
    let plain = |user, answer| Turn {
        user,
        steps: Vec::new(),
        answer,
    };
    let turns = [
        plain(31, 77),
        Turn {
            steps: vec![vec![ToolResult::Words(17)], vec![ToolResult::Json(16)]],
            ..plain(74, 14)
        },
        plain(69, 57),
        Turn {
            steps: vec![
                vec![ToolResult::Same(0), ToolResult::Words(51)],
                vec![ToolResult::Json(34), ToolResult::Same(0)],
            ],
            ..plain(50, 1)
        },
    ];
    let config = json!({ "budget": 652, "keep": { "turns": 1, "first": false } });
    for dialect in DIALECTS {
        let (_, after, tokens) = sent(&config, dialect, &turns);
        // Over the budget only with what has to stay: the question and the last step.
        let fits = tokens <= 652 || after.len() <= 7;
        assert!(fits, "{dialect:?}: {tokens} in {} messages", after.len());
    }
}

proptest! {
    // Each is thirty requests in four dialects.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn while_a_conversation_grows_its_beginning_rarely_changes(turns in prop::collection::vec(turn(), 20..32)) {
        for dialect in DIALECTS {
            // Large beside a turn, as windows are.
            let budget = 8000;
            let config = json!({ "budget": budget, "down_to": "70%", "keep": { "turns": 1 } });
            let (mut changes, mut last) = (0, Vec::new());
            for count in 1..=turns.len() {
                let (_, after, tokens) = sent(&config, dialect, &turns[..count]);
                prop_assert!(tokens <= budget);
                changes += usize::from(!after.starts_with(&last));
                last = after;
            }
            let all = body(dialect, &turns).to_string().len() as u64 / 4;
            // Once for shortening, then once for each step of what is over.
            let most = 1 + all.saturating_sub(budget).div_ceil(budget * 30 / 100);
            prop_assert!(changes as u64 <= most, "{changes} changes, {most} at the most, {all} tokens");
        }
    }
}

fn chat(messages: Value) -> Request {
    Request::from_json(
        Dialect::OpenaiChat,
        json!({ "model": "m", "messages": messages }),
    )
}

fn result(id: &str, text: &str) -> [Value; 2] {
    let call =
        json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    [
        json!({ "role": "assistant", "content": null, "tool_calls": [call] }),
        json!({ "role": "tool", "tool_call_id": id, "content": text }),
    ]
}

#[test]
fn what_loses_nothing_comes_first() {
    let pretty =
        serde_json::to_string_pretty(&(0..100).map(|at| json!({ "id": at })).collect::<Vec<_>>())
            .unwrap();
    let mut list = vec![json!({ "role": "user", "content": "go" })];
    list.extend(result("a", &pretty));
    list.extend(result("b", &pretty));
    list.extend(result("c", "short"));
    let exchange = bench(json!({ "budget": 600 })).request(chat(list.clone().into()));
    let sent = exchange.request.body_json()["messages"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(sent.len(), list.len(), "nothing had to go");
    let minified = serde_json::from_str::<Value>(&pretty).unwrap().to_string();
    assert_eq!(sent[2]["content"], minified);
    assert_eq!(
        sent[4]["content"],
        "[unchanged: the same text stands in an earlier message]"
    );
    assert_eq!(sent[6]["content"], "short");
    let as_it_is = bench(json!({ "budget": 600, "compact": false, "dedupe": false }))
        .request(chat(list.into()));
    let sent = as_it_is.request.body_json()["messages"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(sent.len(), 3, "only the question and the last step fit");
}

#[test]
fn a_note_never_stands_for_a_text_that_went() {
    let same = words(300, 5);
    let mut list = Vec::new();
    for turn in 0..6 {
        list.push(json!({ "role": "user", "content": words(100, turn) }));
        list.extend(result(&format!("c{turn}"), &same));
        list.push(json!({ "role": "assistant", "content": words(100, turn + 50) }));
    }
    list.push(json!({ "role": "user", "content": "end" }));
    let exchange = bench(json!({ "budget": 1500 })).request(chat(list.into()));
    let sent = exchange.request.body_json()["messages"]
        .as_array()
        .unwrap()
        .clone();
    let results: Vec<&str> = sent
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert!(results.len() >= 2 && results.len() < 6, "{}", results.len());
    assert_eq!(results[0], same);
    assert!(
        results[1..]
            .iter()
            .all(|text| text.starts_with("[unchanged"))
    );
}

#[test]
fn the_last_turns_and_the_first_message_stay_where_configured() {
    let list: Vec<Value> = (0..20)
        .flat_map(|turn| {
            [
                json!({ "role": "user", "content": words(40, turn) }),
                json!({ "role": "assistant", "content": words(40, turn + 50) }),
            ]
        })
        .chain([json!({ "role": "user", "content": "end" })])
        .collect();
    let sent = |config: Value| {
        bench(config)
            .request(chat(list.clone().into()))
            .request
            .body_json()["messages"]
            .as_array()
            .unwrap()
            .clone()
    };
    let mut gentler = 0;
    for budget in (800..2000).step_by(40) {
        let few = sent(json!({ "budget": budget, "down_to": "10%", "keep": { "turns": 1 } }));
        let more = sent(json!({ "budget": budget, "down_to": "10%", "keep": { "turns": 5 } }));
        assert!(
            more.len() >= 9 && more[0]["role"] == "user",
            "{budget}: {}",
            more.len()
        );
        gentler += usize::from(few.len() < 9);
    }
    assert!(gentler > 5, "{gentler}");
    let first = sent(json!({ "budget": 800, "keep": { "first": true } }));
    assert_eq!(first[0], list[0]);
    assert_ne!(first[1], list[1]);
}

#[test]
fn a_long_turn_of_an_agent_keeps_its_question_and_its_last_steps() {
    let mut list = vec![json!({ "role": "user", "content": "refactor it" })];
    for step in 0..60 {
        list.extend(result(&format!("c{step}"), &words(50, step)));
    }
    let exchange = bench(json!({ "budget": 1500 })).request(chat(list.clone().into()));
    let sent = exchange.request.body_json()["messages"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(sent[0], list[0]);
    assert!(sent.len() > 10 && sent.len() < 60);
    assert_eq!(sent[1..], list[list.len() - sent.len() + 1..]);
}

#[test]
fn models_have_budgets_of_their_own_and_others_none() {
    let long = || words(400, 1);
    let cut = |model: &str| {
        let list = json!([{ "role": "user", "content": long() }, { "role": "assistant", "content": long() }, { "role": "user", "content": "end" }]);
        let request = Request::from_json(
            Dialect::OpenaiChat,
            json!({ "model": model, "messages": list }),
        );
        let bench = bench(
            json!({ "models": [{ "model": "gpt-3*", "budget": 300 }, { "model": "*mini", "budget": 100000 }] }),
        );
        bench.request(request).request.body_json()["messages"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((cut("gpt-3.5"), cut("x-mini"), cut("other")), (1, 3, 3));
}

#[test]
fn what_can_not_be_made_to_fit_goes_on_or_is_refused_as_configured() {
    let request = || Request::chat("m").user(&words(1000, 1));
    assert_eq!(
        bench(json!({ "budget": 100 })).request(request()).decision,
        Decision::Forward
    );
    let refused = bench(json!({ "budget": 100, "when_too_long": "refuse" })).request(request());
    let refusal = refused.refusal();
    assert_eq!(
        (refusal.status, refusal.code.as_str()),
        (400, "context_too_long")
    );
    let input = Request::from_json(
        Dialect::OpenaiResponses,
        json!({ "model": "m", "input": words(1000, 1) }),
    );
    assert_eq!(
        bench(json!({ "budget": 100 })).request(input).decision,
        Decision::Forward
    );
}

#[test]
fn bytes_between_and_inside_of_messages_that_stay_are_not_touched() {
    let json = "[ {\"role\":\"user\",\"content\":\"AAAA BBBB CCCC\"} ,\n {\"role\": \"assistant\", \"content\":\"x\\u00e9 x x x x x x\"},\n{\"content\":\"q\\/q\",\"role\":\"user\"}\n]";
    let window = crate::window::Window {
        budget: 10,
        step: 1,
        turns: 1,
        first: false,
        compact: true,
        dedupe: true,
    };
    let fitted = crate::window::Plan::new(json, window, 20)
        .fit(30, 1)
        .unwrap();
    assert_eq!(
        fitted.json,
        "[ {\"content\":\"q\\/q\",\"role\":\"user\"}\n]"
    );
}

#[test]
fn a_configuration_that_could_not_work_is_refused_with_its_key() {
    assert_config_errors!(ContextWindow,
        {} => "budget: is missing",
        { "budget": 0 } => "budget: … hold no conversation",
        { "budget": 5000, "down_to": "100%" } => "down_to: … share",
        { "budget": 5000, "down_to": "much" } => "down_to: … share",
        { "budget": 5000, "keep": { "turns": 0 } } => "keep.turns: … 1 or more",
        { "budget": 5000, "keep": { "last": 1 } } => "keep.last: unknown key",
        { "models": [{ "model": "", "budget": 500 }] } => "models[0].model: `` is no glob",
        { "models": [{ "model": "a*", "budget": 500 }, { "model": "ab", "budget": 500 }] }
            => "models[1].model: can never be reached",
        { "models": [{ "model": "a", "budget": 5 }] } => "models[0].budget: … hold no conversation",
        { "budget": 500, "models": [{ "model": "*", "budget": 500 }] } => "budget: … no effect",
        { "budget": 500, "when_too_long": "cut" } => "when_too_long: unknown word",
    );
}
