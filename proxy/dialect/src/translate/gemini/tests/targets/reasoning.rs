//! Reasoning, and its signatures, as targets are sent them.

use super::*;

fn reasoned(effort: Option<Effort>, budget: Option<u64>) -> Request<'static> {
    Request {
        turns: vec![turn(Role::User, vec![text("q")])],
        reasoning: Reasoning {
            effort,
            budget,
            shown: None,
            summary: None,
        },
        ..Request::default()
    }
}

fn signed<'a>(origin: Origin) -> Part<'a> {
    Part::Reasoning {
        text: Some(Text::plain("hm")),
        opaque: Some(Opaque::of(origin, OpaqueKind::Thought, Text::plain("c2ln"))),
    }
}

#[test]
fn signatures_go_home_at_the_part_behind_them_and_nowhere_else() {
    let turns = |origin| {
        said(vec![
            turn(Role::User, vec![text("q")]),
            turn(
                Role::Assistant,
                vec![signed(origin), call("a", "f"), call("b", "g")],
            ),
        ])
    };
    for (origin, model, signature, lost) in [
        (HOME, "gemini-2.5-pro", json!("c2ln"), false),
        (HOME, "gemini-3-pro", json!("c2ln"), false),
        (Origin(1), "gemini-2.5-pro", Value::Null, true),
        (
            Origin(1),
            "gemini-3-pro",
            json!("skip_thought_signature_validator"),
            true,
        ),
    ] {
        let (body, dropped) = write(&turns(origin), &google(model)).unwrap();
        let parts = &body["contents"][1]["parts"];
        assert_eq!(parts[0]["thoughtSignature"], signature, "{model}");
        assert_eq!(parts[1]["thoughtSignature"], Value::Null, "{model}");
        assert_eq!(dropped.fields() == ["reasoning"], lost, "{model}");
    }
}

#[test]
fn a_signature_that_ends_a_turn_goes_home_at_an_empty_text() {
    let request = said(vec![
        turn(Role::User, vec![text("q")]),
        turn(Role::Assistant, vec![text("a"), signed(HOME)]),
        turn(Role::User, vec![text("?")]),
    ]);
    assert_eq!(
        contents(&request, &google("gemini-3-pro"))[1]["parts"],
        json!([{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}])
    );
}

#[test]
fn reasoning_is_asked_for_in_the_form_that_the_model_takes() {
    let config = |model, effort, budget| {
        let request = reasoned(effort, budget);
        let (body, _) = write(&request, &google(model)).unwrap();
        body["generationConfig"]["thinkingConfig"].clone()
    };
    let (flash, pro, three) = (
        "gemini-2.5-flash",
        "gemini-2.5-pro",
        "gemini-3-flash-preview",
    );
    for (model, effort, budget, expected) in [
        (flash, None, None, json!(null)),
        (
            flash,
            Some(Effort::Low),
            None,
            json!({"thinkingBudget": 4096}),
        ),
        (
            flash,
            Some(Effort::None),
            None,
            json!({"thinkingBudget": 0}),
        ),
        (
            flash,
            Some(Effort::Max),
            None,
            json!({"thinkingBudget": 24576}),
        ),
        (
            flash,
            Some(Effort::Adaptive),
            None,
            json!({"thinkingBudget": -1}),
        ),
        (
            flash,
            Some(Effort::High),
            Some(100),
            json!({"thinkingBudget": 100}),
        ),
        (
            pro,
            Some(Effort::None),
            None,
            json!({"thinkingBudget": 128}),
        ),
        (
            three,
            Some(Effort::None),
            None,
            json!({"thinkingLevel": "MINIMAL"}),
        ),
        (
            three,
            Some(Effort::Xhigh),
            None,
            json!({"thinkingLevel": "HIGH"}),
        ),
        (three, None, Some(5000), json!({"thinkingLevel": "LOW"})),
        (three, Some(Effort::Adaptive), None, json!(null)),
        (
            "gemini-3-pro",
            Some(Effort::Minimal),
            None,
            json!({"thinkingLevel": "LOW"}),
        ),
    ] {
        let got = config(model, effort, budget);
        assert_eq!(got, expected, "{model} {effort:?} {budget:?}");
    }
    let none = ModelTakes {
        reasoning: ReasoningForm::None,
        ..ModelTakes::default()
    };
    let target = Target {
        takes: &none,
        ..google("gemini-2.0-flash")
    };
    let (body, dropped) = write(&reasoned(Some(Effort::High), None), &target).unwrap();
    assert_eq!(body.get("generationConfig"), None);
    assert_eq!(dropped.fields(), ["reasoning"]);
}

#[test]
fn efforts_and_budgets_are_the_nearest_that_the_model_takes() {
    let efforts = Efforts::default()
        .with("low")
        .and_then(|all| all.with("high"));
    let three = ModelTakes {
        reasoning: ReasoningForm::Effort,
        efforts: efforts.unwrap(),
        ..ModelTakes::default()
    };
    let lite = ModelTakes {
        reasoning: ReasoningForm::Budget,
        budget: Some(Budget {
            least: 512,
            most: 24_576,
        }),
        ..ModelTakes::default()
    };
    let always = ModelTakes {
        reasoning_off: ReasoningOff::Refused,
        ..lite
    };
    for (takes, effort, expected, lost) in [
        (&three, Effort::None, json!({"thinkingLevel": "LOW"}), true),
        (
            &three,
            Effort::Medium,
            json!({"thinkingLevel": "LOW"}),
            false,
        ),
        (&three, Effort::Max, json!({"thinkingLevel": "HIGH"}), false),
        (&lite, Effort::None, json!({"thinkingBudget": 0}), false),
        (&lite, Effort::Max, json!({"thinkingBudget": 24576}), false),
        (&always, Effort::None, json!({"thinkingBudget": 512}), true),
    ] {
        let target = Target {
            takes,
            ..google("m")
        };
        let (body, dropped) = write(&reasoned(Some(effort), None), &target).unwrap();
        assert_eq!(
            body["generationConfig"]["thinkingConfig"], expected,
            "{effort:?}"
        );
        assert_eq!(!dropped.is_empty(), lost, "{effort:?}");
    }
}
