use serde_json::json;

use super::{
    CLAUDE, HOME, LLAMA, NOVA,
    forms::{asking, body, call, field, marked, result, say, tool, turn},
    written,
};
use crate::translate::{
    Origin,
    form::{Cache, Choice, Effort, Extra, ExtraKind, Output, Part, Request, Role, Tool},
    opaque::{Opaque, OpaqueKind},
    takes::{Budget, Efforts, ModelTakes, ReasoningForm, ReasoningOff},
    text::Text,
};

#[test]
fn marks_for_the_cache_stand_behind_what_they_mark_four_at_most() {
    let form = Request {
        system: vec![marked("s", true)],
        turns: vec![turn(
            Role::User,
            vec![marked("a", false), marked("b", false), marked("c", false)],
        )],
        tools: vec![Tool {
            cache: Some(Cache { long: false }),
            ..tool("f")
        }],
        ..Request::default()
    };
    let count = |body: &serde_json::Value| body.to_string().matches("cachePoint").count();
    let (body, dropped) = written(&form, CLAUDE, &ModelTakes::default()).unwrap();
    assert_eq!(
        body["system"][1],
        json!({"cachePoint": {"type": "default", "ttl": "1h"}})
    );
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({"cachePoint": {"type": "default"}})
    );
    assert_eq!((count(&body), dropped), (4, vec!["cache_control"]));
    let (body, dropped) = written(&form, LLAMA, &ModelTakes::default()).unwrap();
    assert_eq!((count(&body), dropped), (0, vec!["cache_control"]));
    let (body, _) = written(&form, NOVA, &ModelTakes::default()).unwrap();
    assert_eq!(
        body["system"][1],
        json!({"cachePoint": {"type": "default"}})
    );
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 1);
}

#[test]
fn opaque_reasoning_goes_home_only_and_never_unsigned() {
    let thought = |text: Option<&'static str>, opaque: Option<Opaque<'static>>| Part::Reasoning {
        text: text.map(Text::plain),
        opaque,
    };
    let signed = |origin, kind| Some(Opaque::of(origin, kind, Text::plain("c2ln")));
    let form = Request {
        turns: vec![
            turn(Role::User, vec![say("a")]),
            turn(
                Role::Assistant,
                vec![
                    thought(Some("t"), signed(HOME, OpaqueKind::Signature)),
                    thought(None, signed(HOME, OpaqueKind::Redacted)),
                    thought(Some("other's"), signed(Origin(9), OpaqueKind::Signature)),
                    thought(Some("other form"), signed(HOME, OpaqueKind::Encrypted)),
                    thought(Some("unsigned"), None),
                    say("b"),
                ],
            ),
            turn(Role::User, vec![say("c")]),
        ],
        ..Request::default()
    };
    let (body, dropped) = written(&form, CLAUDE, &ModelTakes::default()).unwrap();
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"reasoningContent": {"reasoningText": {"text": "t", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "c2ln"}},
            {"text": "b"}])
    );
    assert_eq!(dropped, ["reasoning"]);
}

/// The additional fields and what was dropped, for an effort or a budget.
fn reasoning(
    model: &str,
    takes: ModelTakes,
    effort: Option<Effort>,
    budget: Option<u64>,
    max: Option<&'static [u8]>,
) -> (serde_json::Value, Vec<&'static str>) {
    let mut form = Request {
        max_output: max,
        ..asking()
    };
    (form.reasoning.effort, form.reasoning.budget) = (effort, budget);
    let (body, dropped) = written(&form, model, &takes).unwrap();
    (body["additionalModelRequestFields"].clone(), dropped)
}

#[test]
fn claude_reasons_by_budget_or_adaptively_as_the_model_has_it() {
    let budget = ModelTakes {
        reasoning: ReasoningForm::Budget,
        budget: Some(Budget {
            least: 1024,
            most: 63_999,
        }),
        ..ModelTakes::default()
    };
    let enabled = |tokens: u64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    let with = |effort, budget_tokens, max| reasoning(CLAUDE, budget, effort, budget_tokens, max);
    assert_eq!(with(Some(Effort::Low), None, None), (enabled(4096), vec![]));
    assert_eq!(with(None, Some(2000), None), (enabled(2000), vec![]));
    assert_eq!(with(None, Some(100), None), (enabled(1024), vec![]));
    assert_eq!(
        with(Some(Effort::High), None, Some(b"5000")),
        (enabled(3976), vec![])
    );
    assert_eq!(
        with(Some(Effort::High), None, Some(b"2000")),
        (json!(null), vec!["reasoning"])
    );
    assert_eq!(with(Some(Effort::None), None, None), (json!(null), vec![]));
    assert_eq!(with(None, Some(0), None), (json!(null), vec![]));

    let efforts = ["low", "medium", "high"].into_iter();
    let adaptive = ModelTakes {
        reasoning: ReasoningForm::Adaptive,
        efforts: efforts.fold(Efforts::default(), |all, name| all.with(name).unwrap()),
        reasons_by_default: true,
        reasoning_off: ReasoningOff::Taken,
        ..ModelTakes::default()
    };
    assert_eq!(
        reasoning(CLAUDE, adaptive, Some(Effort::Max), None, None),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
            vec![]
        )
    );
    assert_eq!(
        reasoning(CLAUDE, adaptive, Some(Effort::None), None, None),
        (json!({"thinking": {"type": "disabled"}}), vec![])
    );
    // the ARN of a profile names no maker
    let arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc";
    assert_eq!(
        reasoning(arn, adaptive, Some(Effort::Adaptive), None, None).0,
        json!({"thinking": {"type": "adaptive"}})
    );
}

#[test]
fn other_makers_have_other_words_for_reasoning_or_none() {
    let with =
        |model, effort, max| reasoning(model, ModelTakes::default(), Some(effort), None, max);
    let nova = |effort: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}});
    let nova_2 = "us.amazon.nova-2-lite-v1:0";
    assert_eq!(with(nova_2, Effort::Minimal, None), (nova("low"), vec![]));
    assert_eq!(with(nova_2, Effort::Xhigh, None), (nova("high"), vec![]));
    assert_eq!(
        with(nova_2, Effort::High, Some(b"100")),
        (nova("medium"), vec!["reasoning"])
    );
    assert_eq!(with(nova_2, Effort::None, None), (json!(null), vec![]));
    assert_eq!(
        with("openai.gpt-oss-120b-1:0", Effort::Max, None),
        (json!({"reasoning_effort": "high"}), vec![])
    );
    assert_eq!(
        with(LLAMA, Effort::High, None),
        (json!(null), vec!["reasoning"])
    );
    assert_eq!(with(LLAMA, Effort::None, None), (json!(null), vec![]));
    assert_eq!(
        with(NOVA, Effort::Low, None),
        (json!(null), vec!["reasoning"])
    );
}

#[test]
fn a_forced_tool_does_not_go_with_a_budget_of_thinking() {
    let mut form = Request {
        tools: vec![tool("f")],
        choice: Some(Choice::Required),
        ..asking()
    };
    form.reasoning.budget = Some(2048);
    assert_eq!(
        field(written(&form, CLAUDE, &ModelTakes::default())),
        "tool_choice"
    );
    form.reasoning.budget = None;
    let takes = ModelTakes {
        refuses_forced_tools: true,
        ..ModelTakes::default()
    };
    assert_eq!(field(written(&form, CLAUDE, &takes)), "tool_choice");
    assert!(written(&form, CLAUDE, &ModelTakes::default()).is_ok());
}

#[test]
fn a_call_that_was_made_without_thought_is_gone_on_with_without_a_budget() {
    let mut form = asking();
    form.turns
        .push(turn(Role::Assistant, vec![call(Some("1"), "f", "{}")]));
    let answer = result(Some("1"), None, vec![say("r")]);
    form.turns
        .push(turn(Role::User, vec![Part::Result(answer)]));
    form.tools = vec![tool("f")];
    form.reasoning.budget = Some(2048);
    let (body, dropped) = written(&form, CLAUDE, &ModelTakes::default()).unwrap();
    assert_eq!(body.get("additionalModelRequestFields"), None);
    assert_eq!(dropped, ["reasoning"]);
}

#[test]
fn sampling_is_never_rescaled_and_dropped_where_it_is_not_taken() {
    let sampled = |model: &str, takes: ModelTakes, budget: Option<u64>| {
        let mut form = Request {
            temperature: Some(b"0.70"),
            top_p: Some(b"0.9"),
            top_k: Some(b"40"),
            ..asking()
        };
        form.reasoning.budget = budget;
        let (body, dropped) = written(&form, model, &takes).unwrap();
        let additional = body["additionalModelRequestFields"].clone();
        (body["inferenceConfig"].clone(), additional, dropped)
    };
    let plain = json!({"temperature": 0.7, "topP": 0.9});
    let none = json!(null);
    assert_eq!(
        sampled(CLAUDE, ModelTakes::default(), None),
        (plain.clone(), json!({"top_k": 40}), vec![])
    );
    assert_eq!(
        sampled(NOVA, ModelTakes::default(), None),
        (
            plain.clone(),
            json!({"inferenceConfig": {"topK": 40}}),
            vec![]
        )
    );
    assert_eq!(
        sampled(LLAMA, ModelTakes::default(), None),
        (plain, none.clone(), vec!["top_k"])
    );
    let (config, _, dropped) = sampled(CLAUDE, ModelTakes::default(), Some(2048));
    assert_eq!(
        (config, dropped),
        (none.clone(), vec!["temperature", "top_p", "top_k"])
    );
    let takes = ModelTakes {
        refuses_temperature_with_top_p: true,
        refuses_top_k: true,
        ..ModelTakes::default()
    };
    assert_eq!(
        sampled(CLAUDE, takes, None),
        (json!({"temperature": 0.7}), none, vec!["top_p", "top_k"])
    );
    let hot = Request {
        temperature: Some(b"1.5"),
        ..asking()
    };
    let (body, dropped) = written(&hot, CLAUDE, &ModelTakes::default()).unwrap();
    assert_eq!(
        (body.get("inferenceConfig"), dropped),
        (None, vec!["temperature"])
    );
}

#[test]
fn the_most_tokens_are_no_more_than_the_model_s() {
    let takes = ModelTakes {
        output: Some(4096),
        ..ModelTakes::default()
    };
    let form = Request {
        max_output: Some(b"99999"),
        ..asking()
    };
    let (body, _) = written(&form, CLAUDE, &takes).unwrap();
    assert_eq!(body["inferenceConfig"]["maxTokens"], 4096);
    assert_eq!(
        written(&asking(), CLAUDE, &takes)
            .unwrap()
            .0
            .get("inferenceConfig"),
        None
    );
}

#[test]
fn a_schema_of_the_text_is_a_string_and_json_without_one_is_refused() {
    let form = Request {
        output: Output::Schema {
            name: Some(Text::plain("n")),
            description: None,
            schema: b"{\"type\":\"object\"}",
            strict: Some(true),
        },
        ..asking()
    };
    assert_eq!(
        body(&form)["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema":
            {"schema": "{\"type\":\"object\"}", "name": "n"}}}})
    );
    let takes = ModelTakes {
        refuses_json_schema: true,
        ..ModelTakes::default()
    };
    assert_eq!(field(written(&form, CLAUDE, &takes)), "response_format");
    let form = Request {
        output: Output::JsonObject,
        ..asking()
    };
    assert_eq!(
        field(written(&form, CLAUDE, &ModelTakes::default())),
        "response_format"
    );
}

#[test]
fn extras_are_carried_dropped_or_refused_by_the_caller_s_name_for_them() {
    let with = |kind, field, value: &'static [u8]| {
        let form = Request {
            extras: vec![Extra { kind, field, value }],
            ..asking()
        };
        written(&form, CLAUDE, &ModelTakes::default())
    };
    let (body, _) = with(ExtraKind::ServiceTier, "service_tier", b"\"flex\"").unwrap();
    assert_eq!(body["serviceTier"], json!({"type": "flex"}));
    let (body, dropped) = with(ExtraKind::ServiceTier, "service_tier", b"\"auto\"").unwrap();
    assert_eq!((body.get("serviceTier"), dropped), (None, vec![]));
    let (_, dropped) = with(ExtraKind::Seed, "seed", b"1").unwrap();
    assert_eq!(dropped, ["seed"]);
    assert_eq!(field(with(ExtraKind::Choices, "n", b"2")), "n");
    assert_eq!(
        field(with(ExtraKind::Logprobs, "logprobs", b"true")),
        "logprobs"
    );
    assert_eq!(
        field(with(ExtraKind::Safety, "safetySettings", b"[]")),
        "safetySettings"
    );
}
