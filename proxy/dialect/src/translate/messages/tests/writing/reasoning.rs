//! Reasoning, written.

use serde_json::json;

use super::{
    super::{
        super::super::{
            form::{Choice, Effort, Part, Role},
            opaque::{Opaque, OpaqueKind, Origin},
            takes::{Efforts, ModelTakes, ReasoningForm, ReasoningOff},
            text::Text,
        },
        HOME,
    },
    adaptive, body, budget, call, question, refused, result, tool, turn,
};

#[test]
fn reasoning_is_said_in_the_form_that_the_model_takes() {
    let efforts = Efforts::default()
        .with("low")
        .and_then(|set| set.with("high"));
    let some = ModelTakes {
        efforts: efforts.unwrap(),
        ..adaptive()
    };
    let unsteered = ModelTakes {
        reasoning: ReasoningForm::None,
        ..ModelTakes::default()
    };
    let off = |reasoning_off| ModelTakes {
        reasoning_off,
        ..some
    };
    let named = |effort| (Some(effort), None);
    let none = json!(null);
    for (takes, (effort, tokens), thinking, config, dropped) in [
        (adaptive(), (None, None), none.clone(), none.clone(), false),
        (
            adaptive(),
            named(Effort::Minimal),
            json!({"type": "adaptive"}),
            json!({"effort": "low"}),
            false,
        ),
        (
            adaptive(),
            named(Effort::Max),
            json!({"type": "adaptive"}),
            json!({"effort": "max"}),
            false,
        ),
        (
            adaptive(),
            named(Effort::Adaptive),
            json!({"type": "adaptive"}),
            none.clone(),
            false,
        ),
        (
            adaptive(),
            (None, Some(16_000)),
            json!({"type": "adaptive"}),
            json!({"effort": "high"}),
            false,
        ),
        (
            adaptive(),
            named(Effort::None),
            json!({"type": "disabled"}),
            none.clone(),
            false,
        ),
        (
            adaptive(),
            (None, Some(0)),
            json!({"type": "disabled"}),
            none.clone(),
            false,
        ),
        (
            some,
            named(Effort::Medium),
            json!({"type": "adaptive"}),
            json!({"effort": "low"}),
            false,
        ),
        (
            off(ReasoningOff::Refused),
            named(Effort::None),
            none.clone(),
            json!({"effort": "low"}),
            true,
        ),
        (
            off(ReasoningOff::BetweenTools),
            named(Effort::None),
            json!({"type": "between_tools"}),
            none.clone(),
            true,
        ),
        (
            budget(),
            named(Effort::Low),
            json!({"type": "enabled", "budget_tokens": 4096}),
            none.clone(),
            false,
        ),
        (
            budget(),
            (None, Some(2000)),
            json!({"type": "enabled", "budget_tokens": 2000}),
            none.clone(),
            false,
        ),
        (
            budget(),
            (None, Some(1)),
            json!({"type": "enabled", "budget_tokens": 1024}),
            none.clone(),
            false,
        ),
        (
            budget(),
            (None, Some(99_999)),
            json!({"type": "enabled", "budget_tokens": 30_976}),
            none.clone(),
            false,
        ),
        (
            budget(),
            named(Effort::Adaptive),
            json!({"type": "enabled", "budget_tokens": 8192}),
            none.clone(),
            false,
        ),
        (
            ModelTakes::default(),
            named(Effort::High),
            json!({"type": "enabled", "budget_tokens": 16_384}),
            none.clone(),
            false,
        ),
        (
            ModelTakes::default(),
            named(Effort::Adaptive),
            json!({"type": "adaptive"}),
            none.clone(),
            false,
        ),
        (
            unsteered,
            named(Effort::High),
            none.clone(),
            none.clone(),
            true,
        ),
        (
            unsteered,
            named(Effort::None),
            none.clone(),
            none.clone(),
            false,
        ),
    ] {
        let mut request = question();
        (request.reasoning.effort, request.reasoning.budget) = (effort, tokens);
        let (written, fields) = body(&request, &takes);
        let context = format!("{effort:?} {tokens:?} {takes:?}");
        assert_eq!(written["thinking"], thinking, "{context}");
        assert_eq!(written["output_config"], config, "{context}");
        assert_eq!(!fields.is_empty(), dropped, "{context}");
    }
}

#[test]
fn a_budget_leaves_room_to_answer_or_is_none() {
    for (max, expected) in [
        (&b"1024"[..], json!({"type": "disabled"})),
        (b"2047", json!({"type": "disabled"})),
        (b"2048", json!({"type": "enabled", "budget_tokens": 1024})),
        (b"9000", json!({"type": "enabled", "budget_tokens": 7976})),
    ] {
        let mut request = question();
        request.max_output = Some(max);
        request.reasoning.effort = Some(Effort::High);
        assert_eq!(body(&request, &budget()).0["thinking"], expected);
    }
}

#[test]
fn a_budget_is_none_where_the_last_calls_were_not_thought_out_by_the_target() {
    let thought = |origin| Part::Reasoning {
        text: Some(Text::plain("t")),
        opaque: Some(Opaque::of(origin, OpaqueKind::Signature, Text::plain("x"))),
    };
    let mut request = question();
    request.reasoning.effort = Some(Effort::Low);
    request.tools = vec![tool("f")];
    request.turns.push(turn(
        Role::Assistant,
        [thought(Origin(9)), call(Some("1"), "f")],
    ));
    request
        .turns
        .push(turn(Role::User, [result(Some("1"), None, "r")]));
    let (written, dropped) = body(&request, &budget());
    assert_eq!(written["thinking"], json!({"type": "disabled"}));
    assert_eq!(dropped, ["reasoning"]);
    let (written, _) = body(&request, &adaptive());
    assert_eq!(
        written["thinking"],
        json!({"type": "adaptive"}),
        "it asks for none"
    );

    request.turns[1] = turn(Role::Assistant, [thought(HOME), call(Some("1"), "f")]);
    let (written, dropped) = body(&request, &budget());
    assert_eq!(written["thinking"]["type"], "enabled");
    assert!(dropped.is_empty());
}

#[test]
fn a_forced_tool_is_refused_with_a_budget_and_taken_with_adaptive_thinking() {
    let mut request = question();
    request.reasoning.effort = Some(Effort::Low);
    request.tools = vec![tool("f")];
    request.choice = Some(Choice::Required);
    assert_eq!(refused(&request, &budget()), "tool_choice");
    assert_eq!(
        body(&request, &adaptive()).0["tool_choice"],
        json!({"type": "any"})
    );
}
